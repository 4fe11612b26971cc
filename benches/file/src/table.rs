//! The tables, and what they say beside the aims.

use std::fmt::Write as _;

use crate::measure::Measure;
use crate::row::Row;
use crate::row::Who;

/// A run that went well.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) round: usize,
    pub(crate) row: Row,
    pub(crate) measure: Measure,
}

/// The middlemost of several figures, and how far they lie apart.
#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

/// What stands in a column.
type Value = fn(&Measure) -> f64;

/// The tables as Markdown, then the ratios if they mean something. Rows of which a run failed say so.
pub(crate) fn print(runs: &[Run], failed: &[Row], quick: bool) -> String {
    let mut text = String::new();
    // Writing into a `String` does not fail.
    let _written = paced(&mut text, runs, failed)
        .and_then(|()| flat_out(&mut text, runs, failed))
        .and_then(|()| {
            if quick {
                Ok(())
            } else {
                ratios(&mut text, runs)
            }
        });
    text
}

fn paced(text: &mut String, runs: &[Run], failed: &[Row]) -> std::fmt::Result {
    writeln!(
        text,
        "| ns per line, bursts | caller, 1 thread | caller, 4 threads | writer, 1 thread | writer, 4 threads |\n\
         |---|--:|--:|--:|--:|"
    )?;
    for who in ran(runs, failed).filter(|who| !who.is_plain()) {
        let of = |threads, value| cell(spread(runs, Row { who, threads }, value));
        writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            title(who, failed),
            of(1, burst_caller),
            of(4, burst_caller),
            of(1, burst_writer),
            of(4, burst_writer),
        )?;
    }
    writeln!(text)
}

fn flat_out(text: &mut String, runs: &[Run], failed: &[Row]) -> std::fmt::Result {
    writeln!(
        text,
        "| flat out | k lines/s, 1 thread | k lines/s, 4 threads | caller, ns, 1 thread | writer, ns, 1 thread | writer, ns, 4 threads | peak MiB, 1 thread |\n\
         |---|--:|--:|--:|--:|--:|--:|"
    )?;
    for who in ran(runs, failed) {
        let of = |threads, value| cell(spread(runs, Row { who, threads }, value));
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            title(who, failed),
            of(1, rate),
            of(4, rate),
            of(1, caller),
            of(1, writer),
            of(4, writer),
            // A plain loop's are the lines that were prepared.
            if who.is_plain() {
                nothing()
            } else {
                of(1, peak)
            },
        )?;
    }
    writeln!(text)
}

/// Those of which there is something to tell.
fn ran(runs: &[Run], failed: &[Row]) -> impl Iterator<Item = Who> {
    let rows = || runs.iter().map(|run| run.row).chain(failed.iter().copied());
    let has_run = move |who: &Who| rows().any(|row| row.who == *who);
    Who::ALL.into_iter().filter(has_run)
}

fn title(who: Who, failed: &[Row]) -> String {
    let is_whole = failed.iter().all(|row| row.who != who);
    let mark = if is_whole { "" } else { " **FAILED**" };
    format!("{}{mark}", who.title())
}

fn ratios(text: &mut String, runs: &[Run]) -> std::fmt::Result {
    writeln!(
        text,
        "| Ratio | of the medians | in each round | Aim |\n|---|--:|--:|--:|"
    )?;
    for (title, upper, lower, value, aim) in RATIOS {
        let medians = spread(runs, upper, value).zip(spread(runs, lower, value));
        let Some((over, under)) = medians else {
            continue;
        };
        let ratio = over.median / under.median;
        let verdict = if ratio <= aim { "met" } else { "missed" };
        let rounds = of_rounds(runs, upper, lower, value).map_or_else(nothing, |spread| {
            format!("{:.3}–{:.3}", spread.min, spread.max)
        });
        writeln!(
            text,
            "| {title} | {ratio:.3} | {rounds} | ≤ {aim:.3}, {verdict} |"
        )?;
    }
    Ok(())
}

/// The ratios that two rows have in the rounds, each run being close to the other.
fn of_rounds(runs: &[Run], upper: Row, lower: Row, value: Value) -> Option<Spread> {
    let ratio = |run: &Run| {
        let is_other = |other: &&Run| other.round == run.round && other.row == lower;
        let other = runs.iter().find(is_other)?;
        Some(value(&run.measure) / value(&other.measure))
    };
    let of_row = runs.iter().filter(|run| run.row == upper);
    spread_of(of_row.filter_map(ratio).collect())
}

fn spread(runs: &[Run], row: Row, value: Value) -> Option<Spread> {
    let of_row = runs.iter().filter(|run| run.row == row);
    spread_of(of_row.map(|run| value(&run.measure)).collect())
}

fn spread_of(mut values: Vec<f64>) -> Option<Spread> {
    values.sort_unstable_by(f64::total_cmp);
    Some(Spread {
        median: *values.get(values.len() / 2)?,
        min: *values.first()?,
        max: *values.last()?,
    })
}

fn cell(spread: Option<Spread>) -> String {
    // Who has no writer uses nothing for it.
    let used = spread.filter(|spread| spread.max > 0.0);
    used.map_or_else(nothing, |Spread { median, min, max }| {
        format!("{median:.0} ({min:.0}–{max:.0})")
    })
}

fn nothing() -> String {
    "–".to_owned()
}

fn burst_caller(measure: &Measure) -> f64 {
    float(measure.burst_callers) / float(measure.burst_lines)
}

fn burst_writer(measure: &Measure) -> f64 {
    float(measure.burst_writers) / float(measure.burst_lines)
}

fn caller(measure: &Measure) -> f64 {
    float(measure.callers) / float(measure.lines)
}

fn writer(measure: &Measure) -> f64 {
    float(measure.writers) / float(measure.lines)
}

/// Thousands of lines a second.
fn rate(measure: &Measure) -> f64 {
    float(measure.lines) * 1e6 / float(measure.wall)
}

fn peak(measure: &Measure) -> f64 {
    float(measure.peak) / 1024.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "53 bits hold the nanoseconds of a hundred days"
)]
fn float(number: u64) -> f64 {
    number as f64
}

const fn one(who: Who) -> Row {
    Row { who, threads: 1 }
}

const fn four(who: Who) -> Row {
    Row { who, threads: 4 }
}

/// What is divided by what, and how much it may be at most.
const RATIOS: [(&str, Row, Row, Value, f64); 6] = [
    (
        "caller in bursts, ours / `fmt` + `non_blocking`, 1 thread",
        one(Who::Ours),
        one(Who::FmtNonBlocking),
        burst_caller,
        1.0 / 8.0,
    ),
    (
        "the same, 4 threads",
        four(Who::Ours),
        four(Who::FmtNonBlocking),
        burst_caller,
        1.0 / 8.0,
    ),
    (
        "caller flat out, ours / `fmt` + `non_blocking`, 1 thread",
        one(Who::Ours),
        one(Who::FmtNonBlocking),
        caller,
        1.0 / 8.0,
    ),
    (
        "the same, 4 threads",
        four(Who::Ours),
        four(Who::FmtNonBlocking),
        caller,
        1.0 / 8.0,
    ),
    (
        "writer flat out, ours / plain loop, 1 thread",
        one(Who::Ours),
        one(Who::Plain),
        writer,
        1.1,
    ),
    (
        "the same, lines of 4 threads",
        four(Who::Ours),
        one(Who::Plain),
        writer,
        1.1,
    ),
];
