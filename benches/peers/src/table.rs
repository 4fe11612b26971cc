//! The table, and what it says beside the aims.

use std::fmt::Write as _;

use crate::measure::Measure;
use crate::row::Row;
use crate::row::Shape;
use crate::row::Who;

/// Every run that went well.
pub(crate) type Runs = Vec<(Row, Measure)>;

/// The middlemost of several figures, and how far they lie apart.
#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

/// The table as Markdown, then the ratios.
pub(crate) fn print(runs: &Runs) -> String {
    let mut text = String::new();
    // Writing into a `String` does not fail.
    let _written = flat_out(&mut text, runs)
        .and_then(|()| paced(&mut text, runs))
        .and_then(|()| ratios(&mut text, runs));
    text
}

fn flat_out(text: &mut String, runs: &Runs) -> std::fmt::Result {
    writeln!(
        text,
        "| ns per event, flat out | client CPU, 1 thread | client CPU, 4 threads | caller CPU, 1 thread | a call, queue not full | k events/s, 1 thread |\n\
         |---|--:|--:|--:|--:|--:|"
    )?;
    for who in Who::SHIPPERS {
        let one = |value| cell(spread(runs, who, Shape::One, value));
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            who.title(),
            one(client),
            cell(spread(runs, who, Shape::Four, client)),
            one(callers),
            one(call),
            one(rate),
        )?;
    }
    writeln!(text)
}

fn paced(text: &mut String, runs: &Runs) -> std::fmt::Result {
    writeln!(
        text,
        "| ns per event, 20 each millisecond | client CPU | above the pacer | of it not the caller's |\n|---|--:|--:|--:|"
    )?;
    for who in Who::SHIPPERS.into_iter().chain([Who::Pacer]) {
        let of = |value| spread(runs, who, Shape::Paced, value);
        let above = above_pacer(runs, who).map_or_else(nothing, |ns| format!("{ns:.0}"));
        writeln!(
            text,
            "| {} | {} | {above} | {} |",
            who.title(),
            cell(of(client)),
            cell(of(others)),
        )?;
    }
    writeln!(text)
}

fn ratios(text: &mut String, runs: &Runs) -> std::fmt::Result {
    let flat = |who, shape| spread(runs, who, shape, client).map(|spread| spread.median);
    let paced = |who| above_pacer(runs, who);
    let list = [
        (
            "ours / librdkafka, flat out, 1 thread",
            flat(Who::Ours, Shape::One),
            flat(Who::Librdkafka, Shape::One),
            0.3,
        ),
        (
            "ours / librdkafka, flat out, 4 threads",
            flat(Who::Ours, Shape::Four),
            flat(Who::Librdkafka, Shape::Four),
            0.3,
        ),
        (
            "ours / librdkafka, paced, above the pacer",
            paced(Who::Ours),
            paced(Who::Librdkafka),
            0.4,
        ),
        (
            "ours / glue + `ThreadedProducer`, flat out, 1 thread",
            flat(Who::Ours, Shape::One),
            flat(Who::GlueThreaded, Shape::One),
            1.0 / 6.0,
        ),
        (
            "ours / glue + `FutureProducer`, flat out, 1 thread",
            flat(Who::Ours, Shape::One),
            flat(Who::GlueFuture, Shape::One),
            1.0 / 6.0,
        ),
        (
            "ours, 4 threads / 1 thread",
            flat(Who::Ours, Shape::Four),
            flat(Who::Ours, Shape::One),
            1.25,
        ),
    ];
    writeln!(
        text,
        "| Ratio of client CPU per event | | Aim |\n|---|--:|--:|"
    )?;
    for (title, upper, lower, aim) in list {
        let Some((upper, lower)) = upper.zip(lower) else {
            continue;
        };
        let ratio = upper / lower;
        let verdict = if ratio <= aim { "met" } else { "missed" };
        writeln!(text, "| {title} | {ratio:.2} | ≤ {aim:.2}, {verdict} |")?;
    }
    Ok(())
}

/// What a paced row costs beyond the loop that keeps the pace.
fn above_pacer(runs: &Runs, who: Who) -> Option<f64> {
    let pacer = spread(runs, Who::Pacer, Shape::Paced, client)?;
    let row = spread(runs, who, Shape::Paced, client)?;
    Some(row.median - pacer.median)
}

fn spread(runs: &Runs, who: Who, shape: Shape, value: fn(&Measure) -> f64) -> Option<Spread> {
    let of_row = runs.iter().filter(|(row, _)| *row == Row { who, shape });
    let mut values: Vec<f64> = of_row.map(|(_, measure)| value(measure)).collect();
    values.sort_unstable_by(f64::total_cmp);
    Some(Spread {
        median: *values.get(values.len() / 2)?,
        min: *values.first()?,
        max: *values.last()?,
    })
}

fn cell(spread: Option<Spread>) -> String {
    spread.map_or_else(nothing, |Spread { median, min, max }| {
        format!("{median:.0} ({min:.0}–{max:.0})")
    })
}

fn nothing() -> String {
    "–".to_owned()
}

fn client(measure: &Measure) -> f64 {
    per_event(measure.client, measure)
}

fn callers(measure: &Measure) -> f64 {
    per_event(measure.callers, measure)
}

fn others(measure: &Measure) -> f64 {
    per_event(measure.client.saturating_sub(measure.callers), measure)
}

fn call(measure: &Measure) -> f64 {
    float(measure.call) / 1e3
}

/// Thousands of events a second.
fn rate(measure: &Measure) -> f64 {
    float(measure.events) * 1e6 / float(measure.wall)
}

fn per_event(nanos: u64, measure: &Measure) -> f64 {
    float(nanos) / float(measure.events)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "53 bits hold the nanoseconds of a hundred days"
)]
fn float(number: u64) -> f64 {
    number as f64
}
