//! One run, in a process of its own: warm-up, bursts, and the window until the last acknowledgement.

use std::thread::ScopedJoinHandle;
use std::time::Duration;
use std::time::Instant;

use rustix::time::ClockId;
use rustix::time::clock_gettime;

use crate::contestant::Contestant;
use crate::contestant::Fault;
use crate::contestant::Glued;
use crate::contestant::Librdkafka;
use crate::contestant::Nobody;
use crate::contestant::Ours;
use crate::measure::Measure;
use crate::row::BURST;
use crate::row::PER_TICK;
use crate::row::Row;
use crate::row::Shape;
use crate::row::Size;
use crate::row::TICK;
use crate::row::Who;

/// Runs a row against a broker, into a topic of its own.
pub(crate) fn run(row: Row, size: Size, servers: &str, topic: &str) -> Result<Measure, Fault> {
    match row.who {
        Who::Ours => measured(&Ours::start(servers, topic)?, row.shape, size),
        Who::GlueThreaded => measured(&Glued::threaded(servers, topic)?, row.shape, size),
        Who::GlueFuture => measured(&Glued::future(servers, topic)?, row.shape, size),
        Who::Librdkafka => measured(&Librdkafka::start(servers, topic)?, row.shape, size),
        Who::Pacer => measured(&Nobody, row.shape, size),
    }
}

fn measured(contestant: &impl Contestant, shape: Shape, size: Size) -> Result<Measure, Fault> {
    (0..size.warm_up).for_each(|index| contestant.log(index));
    contestant.settle()?;
    let call = bursts(contestant, size.bursts);
    contestant.settle()?;

    let (begin, before) = (Instant::now(), processor(ClockId::ProcessCPUTime));
    let callers = window(contestant, shape, size.events);
    contestant.settle()?;
    let client = processor(ClockId::ProcessCPUTime).saturating_sub(before);
    Ok(Measure {
        events: u64::try_from(size.events)?,
        client: nanos(client)?,
        callers: nanos(callers)?,
        wall: nanos(begin.elapsed())?,
        call,
        lost: contestant.lost(),
    })
}

/// Logs bursts into a queue that has room; the picoseconds of a call in the middlemost one.
fn bursts(contestant: &impl Contestant, count: usize) -> u64 {
    let burst = |number: usize| {
        std::thread::sleep(TICK);
        let begin = Instant::now();
        (0..BURST).for_each(|index| contestant.log(number * BURST + index));
        begin.elapsed()
    };
    let mut taken: Vec<Duration> = (0..count).map(burst).collect();
    taken.sort_unstable();
    let middlemost = taken.get(count / 2).copied().unwrap_or_default();
    let picos = middlemost.as_nanos() * 1000 / BURST as u128;
    u64::try_from(picos).unwrap_or(u64::MAX)
}

/// Logs the events of the window; what the logging threads used of a processor.
fn window(contestant: &impl Contestant, shape: Shape, events: usize) -> Duration {
    let threads = shape.threads();
    std::thread::scope(|scope| {
        let log = |thread| {
            scope.spawn(move || {
                let before = processor(ClockId::ThreadCPUTime);
                if shape == Shape::Paced {
                    pace(contestant, events);
                } else {
                    // What is left over goes to the first.
                    let rest = if thread == 0 { events % threads } else { 0 };
                    (0..events / threads + rest)
                        .for_each(|index| contestant.log(thread * APART + index));
                }
                processor(ClockId::ThreadCPUTime).saturating_sub(before)
            })
        };
        let running: Vec<_> = (0..threads).map(log).collect();
        // A thread that panicked has said why; its events are missing at the broker.
        let taken = running.into_iter().map(ScopedJoinHandle::join);
        taken.map(Result::unwrap_or_default).sum()
    })
}

/// Logs a few events each tick. Who is late catches up.
fn pace(contestant: &impl Contestant, events: usize) {
    let mut due = Instant::now();
    for tick in 0..events / PER_TICK {
        due += TICK;
        let left = due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            std::thread::sleep(left);
        }
        (0..PER_TICK).for_each(|index| contestant.log(tick * PER_TICK + index));
    }
}

/// The processor time of this thread, or of all the threads that this process ever had.
fn processor(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    // Neither is ever negative, nor too large.
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(time.tv_sec.unsigned_abs(), nanos)
}

fn nanos(duration: Duration) -> Result<u64, Fault> {
    Ok(u64::try_from(duration.as_nanos())?)
}

/// How far apart the events are that two threads take at the same time.
const APART: usize = 1024;
