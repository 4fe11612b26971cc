//! One run, in a process of its own: warm-up, bursts, and lines flat out until the last is in its file.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread::ScopedJoinHandle;
use std::time::Duration;
use std::time::Instant;

use crate::clock;
use crate::contestant::Contestant;
use crate::contestant::Fault;
use crate::event::Values;
use crate::measure::Measure;
use crate::plain;
use crate::proc;
use crate::proc::Threads;
use crate::row::BACKLOG;
use crate::row::LONG;
use crate::row::PAUSE;
use crate::row::Row;
use crate::row::Size;
use crate::row::Who;

/// Runs a row, whose lines go into a folder that is empty so far.
pub(crate) fn run(row: Row, size: Size, folder: &Path) -> Result<Measure, Fault> {
    match row.who {
        Who::Plain => plain::run(folder, size, None),
        Who::PlainLarge => plain::run(folder, size, Some(256 * 1024)),
        who => logged(who, row.threads, size, folder),
    }
}

/// Fills a file and removes it, so that the pages that lines are put into come from this system, for all
/// rows alike. A virtual machine's host may have to find them first, which takes longer than the writing.
pub(crate) fn touch_pages(folder: &Path, size: Size) -> Result<(), Fault> {
    let bytes = size.total() * LINE;
    let path = folder.join("pages");
    let (mut file, part) = (File::create(&path)?, vec![b'.'; 1 << 20]);
    for _ in 0..bytes >> 20 {
        file.write_all(&part)?;
    }
    drop(file);
    Ok(std::fs::remove_file(path)?)
}

fn logged(who: Who, threads: u64, size: Size, folder: &Path) -> Result<Measure, Fault> {
    let contestant = Contestant::start(who, folder, size)?;
    let background = Threads::others()?;
    let values = Values::new();
    touch_pages(folder, size)?;
    (contestant.log)(&values, 0);
    (contestant.flush)()?;
    let output = Output {
        folder,
        line: first_line(folder)?,
    };

    let callers = Callers {
        log: contestant.log,
        values: &values,
        threads,
        size,
        gate: Barrier::new(usize::try_from(threads + 1)?),
        ready: AtomicU64::new(0),
    };
    let mut measure = std::thread::scope(|scope| {
        let call = |thread| {
            let callers = &callers;
            scope.spawn(move || callers.run(thread))
        };
        let running: Vec<_> = (0..threads).map(call).collect();
        let mut measure = directed(&callers, &contestant, &output, &background)?;
        for thread in running {
            // A thread that panicked has said why; its lines are missing.
            let (bursts, window) = ScopedJoinHandle::join(thread).unwrap_or_default();
            measure.burst_callers += nanos(bursts)?;
            measure.callers += nanos(window)?;
        }
        Ok::<Measure, Fault>(measure)
    })?;
    measure.peak = proc::peak_memory()?;
    measure.lost = (contestant.lost)();
    Ok(measure)
}

/// Lets the callers go on from phase to phase, and measures what is not theirs.
fn directed(
    callers: &Callers<'_>,
    contestant: &Contestant,
    output: &Output<'_>,
    background: &Threads,
) -> Result<Measure, Fault> {
    let size = callers.size;
    // A fault must not leave callers at the gate for ever: it is told at the end, and nothing waited for.
    let mut fault: Result<(), Fault> = Ok(());
    let mut wait_for = |lines: u64, is_all: bool| {
        if fault.is_ok() {
            let flushed = if is_all { (contestant.flush)() } else { Ok(()) };
            fault = flushed.and_then(|()| output.wait_for(lines));
        }
    };
    callers.gate.wait();
    let mut logged = 1 + size.warm_up;
    wait_for(logged, true);
    let before = quiet(background);
    for _ in 0..size.bursts {
        callers.gate.wait();
        callers.gate.wait();
        logged += size.burst;
        std::thread::sleep(PAUSE);
        wait_for(logged.saturating_sub(BACKLOG), false);
    }
    wait_for(logged, true);
    let between = quiet(background);
    callers.gate.wait();
    let begin = Instant::now();
    callers.gate.wait();
    logged += size.lines;
    wait_for(logged, true);
    let wall = begin.elapsed();
    let after = quiet(background);
    fault?;
    let (before, between, after) = (before?, between?, after?);
    Ok(Measure {
        burst_lines: size.bursts * size.burst,
        burst_writers: nanos(between.saturating_sub(before))?,
        lines: size.lines,
        writers: nanos(after.saturating_sub(between))?,
        wall: nanos(wall)?,
        ..Measure::default()
    })
}

/// What threads used that have nothing to do by now.
fn quiet(threads: &Threads) -> Result<Duration, Fault> {
    std::thread::sleep(Duration::from_millis(20));
    threads.used()
}

/// The threads that log.
struct Callers<'a> {
    log: fn(&Values, u64),
    values: &'a Values,
    threads: u64,
    size: Size,
    /// They and the main thread meet here, before and after each part.
    gate: Barrier,
    /// How many are past the gate, of all its openings.
    ready: AtomicU64,
}

impl Callers<'_> {
    /// What one of them used for its bursts, and for its lines flat out.
    fn run(&self, thread: u64) -> (Duration, Duration) {
        let Size {
            warm_up,
            bursts,
            burst,
            lines,
            ..
        } = self.size;
        let mut next = 1;
        // Buffers of the thread are made by these, and pages of the queue.
        self.share(thread, next, warm_up);
        next += warm_up;
        self.gate.wait();
        let mut in_bursts = Duration::ZERO;
        for number in 1..=bursts {
            self.gate.wait();
            self.start_together(number);
            in_bursts += self.timed(thread, next, burst);
            next += burst;
            self.gate.wait();
        }
        self.gate.wait();
        self.start_together(bursts + 1);
        let window = self.timed(thread, next, lines);
        self.gate.wait();
        (in_bursts, window)
    }

    /// Waking up from the gate takes longer than many a burst.
    fn start_together(&self, opening: u64) {
        self.ready.fetch_add(1, Ordering::AcqRel);
        while self.ready.load(Ordering::Acquire) < self.threads * opening {
            std::thread::yield_now();
        }
    }

    fn timed(&self, thread: u64, first: u64, count: u64) -> Duration {
        let before = clock::now();
        self.share(thread, first, count);
        clock::now().saturating_sub(before)
    }

    /// Logs one thread's part of the events from `first`.
    fn share(&self, thread: u64, first: u64, count: u64) {
        let part = count / self.threads;
        let from = first + thread * part;
        (from..from + part).for_each(|number| (self.log)(self.values, number));
    }
}

/// Where the lines arrive, all of one length.
struct Output<'a> {
    folder: &'a Path,
    line: u64,
}

impl Output<'_> {
    fn wait_for(&self, lines: u64) -> Result<(), Fault> {
        let deadline = Instant::now() + LONG;
        loop {
            let bytes = bytes_in(self.folder)?;
            if bytes >= lines * self.line {
                return Ok(());
            }
            if Instant::now() > deadline {
                let found = bytes / self.line;
                return Err(format!("{found} of {lines} lines after a long time").into());
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// The length of the line that is the only one.
fn first_line(folder: &Path) -> Result<u64, Fault> {
    let deadline = Instant::now() + LONG;
    while Instant::now() < deadline {
        // Each writes a line at once.
        let bytes = bytes_in(folder)?;
        if bytes > 0 {
            return Ok(bytes);
        }
        std::thread::sleep(PAUSE);
    }
    Err("the first line does not arrive".into())
}

fn bytes_in(folder: &Path) -> Result<u64, Fault> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        // One that was renamed meanwhile is found by the next look.
        sum += entry?.metadata().map_or(0, |file| file.len());
    }
    Ok(sum)
}

/// About as long as the longest line.
const LINE: u64 = 192;

pub(crate) fn nanos(duration: Duration) -> Result<u64, Fault> {
    Ok(u64::try_from(duration.as_nanos())?)
}
