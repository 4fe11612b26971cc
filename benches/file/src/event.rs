//! The event that everybody logs: a message with a number, a path and a trace put in, about 150 bytes a line.

/// What changes from one event to the next beside its number, made before anything is measured.
pub(crate) struct Values {
    rows: Vec<Row>,
}

struct Row {
    path: String,
    trace: String,
}

impl Values {
    pub(crate) fn new() -> Self {
        let row = |index: u32| {
            // Different in all places, so that no line is a copy of another.
            let noise = u128::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            Row {
                path: format!("/api/v1/items/{}", 100 + index % 900),
                trace: format!("{noise:032x}"),
            }
        };
        Self {
            rows: (0..VALUES).map(row).collect(),
        }
    }

    #[inline]
    fn row(&self, number: u64) -> Option<&Row> {
        let index = usize::try_from(number % u64::from(VALUES)).ok()?;
        self.rows.get(index)
    }

    /// The message of an event, as it has to stand at the end of its line.
    pub(crate) fn message(&self, number: u64) -> String {
        self.row(number).map_or_else(String::new, |row| {
            let (path, trace) = (&row.path, &row.trace);
            let number = FIRST + number;
            format!(
                "request {number} for {path} was answered by a node after a retry, trace {trace}"
            )
        })
    }
}

/// A function that logs an event by a macro.
macro_rules! by_macro {
    ($(#[$docs:meta])* $name:ident, $first:ident $(:: $rest:ident)*, $($options:tt)*) => {
        $(#[$docs])*
        #[inline(never)]
        pub(crate) fn $name(values: &Values, number: u64) {
            if let Some(row) = values.row(number) {
                $first $(:: $rest)*!(
                    $($options)*
                    "request {} for {} was answered by a node after a retry, trace {}",
                    FIRST + number,
                    row.path,
                    row.trace
                );
            }
        }
    };
}

by_macro!(by_tracing, tracing::info, target: "bench::file",);
by_macro!(by_log, log::info, target: "bench::file",);
by_macro!(
    /// It has no targets: the name of the logger stands in its place.
    by_spdlog, spdlog::info,
);

/// Where the events come from, in the line of each.
pub(crate) const TARGET: &str = "bench::file";
/// Added to every number, so that all have as many digits and all lines of a file are of one length.
pub(crate) const FIRST: u64 = 100_000_000;
/// What a message begins with, before its number.
pub(crate) const BEFORE_NUMBER: &str = "request ";
/// How many different paths and traces there are.
const VALUES: u32 = 4096;
