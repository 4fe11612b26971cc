//! The yardstick: a loop that writes prepared lines through a `BufWriter`, and nothing else.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use crate::child;
use crate::child::nanos;
use crate::clock;
use crate::contestant::Fault;
use crate::event;
use crate::event::Values;
use crate::measure::Measure;
use crate::proc;
use crate::row::Size;

/// Writes all lines of a run, and measures those that others write flat out.
pub(crate) fn run(folder: &Path, size: Size, capacity: Option<usize>) -> Result<Measure, Fault> {
    let lines = Lines::prepare(size.total())?;
    // After the lines, which take as many pages for themselves.
    child::touch_pages(folder, size)?;
    let file = File::create(folder.join("app.log"))?;
    let mut writer = match capacity {
        Some(capacity) => BufWriter::with_capacity(capacity, file),
        None => BufWriter::new(file),
    };
    let first = 1 + size.warm_up;
    for line in lines.range(0, first) {
        writer.write_all(line)?;
    }
    writer.flush()?;
    // Who was busy until now is at the end of its time slice.
    std::thread::sleep(Duration::from_millis(1));

    let (begin, before) = (Instant::now(), clock::now());
    for line in lines.range(first, size.total()) {
        writer.write_all(line)?;
    }
    writer.flush()?;
    let used = clock::now().saturating_sub(before);
    Ok(Measure {
        lines: size.lines,
        writers: nanos(used)?,
        wall: nanos(begin.elapsed())?,
        peak: proc::peak_memory()?,
        ..Measure::default()
    })
}

/// Lines one after the other, as a queue would hold them.
struct Lines {
    text: Vec<u8>,
    length: usize,
}

impl Lines {
    fn prepare(total: u64) -> Result<Self, Fault> {
        let (values, mut text) = (Values::new(), Vec::new());
        for number in 0..total {
            let (target, message) = (event::TARGET, values.message(number));
            let (seconds, micros) = (number / 1_000_000 % 60, number % 1_000_000);
            let time = format_args!("2026-01-01T12:34:{seconds:02}.{micros:06}Z");
            writeln!(text, "{time}  INFO {target}: {message}")?;
        }
        let length = text.len() / usize::try_from(total)?;
        Ok(Self { text, length })
    }

    fn range(&self, from: u64, to: u64) -> impl Iterator<Item = &[u8]> {
        let count = usize::try_from(to - from).unwrap_or_default();
        let skipped = usize::try_from(from).unwrap_or_default();
        self.text
            .chunks_exact(self.length)
            .skip(skipped)
            .take(count)
    }
}
