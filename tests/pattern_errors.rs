//! What is said about a wrong pattern: the message, where in the pattern it points, and how much of it is meant.
#![cfg(test)]

use tracing_kafka::PatternLayout;

/// A row of the table.
struct Row {
    pattern: &'static str,
    offset: usize,
    length: usize,
    message: &'static str,
}

fn rows() -> Vec<Row> {
    let lines = include_str!("pattern_errors.txt").lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .map(|line| {
            let mut parts = line.splitn(4, '\t');
            let mut next = || parts.next().expect(line);
            Row {
                pattern: next(),
                offset: next().parse().expect(line),
                length: next().parse().expect(line),
                message: next(),
            }
        })
        .collect()
}

#[test]
fn an_error_says_what_is_wrong_where_it_is_and_what_was_meant() {
    for row in rows() {
        let error = PatternLayout::new(row.pattern).expect_err(row.pattern);
        assert_eq!(error.to_string(), row.message, "{}", row.pattern);
        let place = (error.offset(), error.length());
        assert_eq!(place, (row.offset, row.length), "{}", row.pattern);
    }
    assert!(rows().len() > 100);
}

#[test]
fn a_lenient_reading_says_the_same() {
    let mut lenient = 0;
    for row in rows() {
        // Some of them are errors to Log4j as well.
        if let Ok(layout) = PatternLayout::builder(row.pattern).lenient().build() {
            let first = layout.warnings().first().expect(row.pattern);
            assert_eq!(first.to_string(), row.message, "{}", row.pattern);
            lenient += 1;
        }
    }
    assert!(lenient > 100, "{lenient}");
}

#[test]
fn an_error_shows_a_bounded_part_of_the_pattern_on_one_line() {
    for row in rows() {
        let long = row.pattern.replace(['x', 'q'], &"\u{1b}ü".repeat(5_000));
        if let Err(error) = PatternLayout::new(&long) {
            let text = error.to_string();
            assert!(text.len() < 1_000, "{text}");
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
}
