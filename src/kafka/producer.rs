//! The producer's loop: takes chunks from the queue, sends batches, and sees each to its end.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::Id;
use tokio::task::JoinSet;
use tracing::Level;

use super::accumulator::Accumulator;
use super::cluster::Cluster;
use super::wire::ClusterView;
use super::wire::Connection;
use super::wire::ProduceAnswer;
use super::wire::ProducerIdentity;
use super::wire::WireError;
use crate::config::KafkaSettings;
use crate::layer::Appender;
use crate::queue::Chunk;
use crate::queue::Frames;
use crate::queue::Queue;
use crate::queue::Wake;
use crate::stats::DeliveryError;
use crate::stats::Observe as _;
use crate::sys::ThreadRole;
use crate::sys::set_thread_role;
use crate::worker::DropNotice;
use crate::worker::Flush;
use crate::worker::Mailbox;
use crate::worker::Reporter;

mod obstacle;
mod outcome;
mod send;

use obstacle::Obstacle;

/// How soon the queue is looked at again after a round that was not small: nobody needs to wake the
/// producer then.
const BUSY_TICK: Duration = Duration::from_millis(1);
/// The same while there is a batch that cannot be sent.
const STUCK_TICK: Duration = Duration::from_millis(50);
/// A round of this many bytes is not small.
const BUSY_BYTES: usize = 64 * 1024;

/// How callers wake the producer.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rings: Notify,
}

impl Wake for Bell {
    fn wake(&self) {
        self.rings.notify_one();
    }
}

/// The producer's own runtime, on the thread that calls this. Name look-ups run on threads that it
/// spawns, as do an application's source of tokens and the reading of certificates, one of each at
/// a time; they are marked as ours too.
pub(super) fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .thread_name("tracing-kafka-dns")
        .max_blocking_threads(6)
        .on_thread_start(|| set_thread_role(ThreadRole::Kafka))
        .build()
}

/// What runs beside the loop. Every one of them ends within a deadline of its own.
#[derive(Debug)]
enum Task {
    Ask,
    Connect { broker: i32 },
    Identify,
    Produce { broker: i32, parts: Vec<Part> },
}

/// A task, and since when it runs.
#[derive(Debug)]
struct Begun {
    task: Task,
    since: SystemTime,
}

/// One batch in a request.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Its partition.
    index: i32,
    /// What the partition's lane knows it by.
    attempt: u64,
}

/// How a task ended.
enum Done {
    /// With how many addresses were tried.
    Asked(usize, Result<(ClusterView, Connection), WireError>),
    Connected(Result<Connection, WireError>),
    /// The inner error is Kafka's code, none if the broker knows no producer ids.
    Identified(Result<Result<ProducerIdentity, Option<i16>>, WireError>),
    Produced(Result<ProduceAnswer, WireError>),
}

/// Sends one layer's records to one topic.
#[derive(Debug)]
pub(super) struct Producer {
    settings: KafkaSettings,
    queue: Arc<Queue>,
    bell: Arc<Bell>,
    reporter: Reporter,
    notice: DropNotice,
    appender: Arc<Appender<Arc<Queue>>>,
    accumulator: Accumulator,
    cluster: Cluster,
    next_attempt: u64,
    tasks: JoinSet<Done>,
    running: HashMap<Id, Begun>,
    obstacle: Obstacle,
    /// Flushes, each with the mark that it waits for.
    flushes: Vec<(u64, Flush)>,
    /// Bytes of the buffer that are booked for what the accumulator holds.
    booked: usize,
    chunks: Vec<Chunk>,
    /// When the queue is looked at next; none while the producer sleeps until the next event.
    next_drain: Option<Instant>,
    /// When it was last looked at: what it holds was accepted since.
    last_drain: Instant,
    quiet_rounds: u32,
    shutdown: Option<Instant>,
}

impl Producer {
    pub(super) fn new(
        settings: KafkaSettings,
        accumulator: Accumulator,
        queue: Arc<Queue>,
        bell: Arc<Bell>,
        reporter: Reporter,
        notice: DropNotice,
        appender: Arc<Appender<Arc<Queue>>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            accumulator,
            cluster: Cluster::new(&settings, now),
            next_attempt: 0,
            settings,
            queue,
            bell,
            reporter,
            notice,
            appender,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            obstacle: Obstacle::default(),
            flushes: Vec::new(),
            booked: 0,
            chunks: Vec::new(),
            next_drain: Some(now),
            last_drain: now,
            quiet_rounds: 0,
            shutdown: None,
        }
    }

    /// Works until the shutdown that `mailbox` announces. Returns how many events it gave up because
    /// the time was over.
    pub(super) fn run(mut self, runtime: Runtime, mailbox: &Mailbox) -> u64 {
        let given_up = runtime.block_on(self.work(mailbox));
        // Dropped inside the runtime's context: an unfinished write of a request needs one.
        {
            let _context = runtime.enter();
            drop(self);
        }
        // A name look-up that hangs must not hold up the end.
        runtime.shutdown_background();
        given_up
    }

    async fn work(&mut self, mailbox: &Mailbox) -> u64 {
        loop {
            let now = Instant::now();
            self.read_mail(mailbox, now);
            let is_due = self.next_drain.is_some_and(|due| due <= now);
            let is_pressed = self.is_pressed();
            if is_due || is_pressed || self.queue.was_asked() {
                self.drain(now);
            }
            self.step(now);
            self.book();
            if self.reporter.is_asked() {
                self.say_what_is_waited_for(now);
            }
            self.answer_flushes();
            if let Some(deadline) = self.shutdown
                && (self.accumulator.is_empty() || deadline <= Instant::now())
            {
                return self.write_off();
            }
            // The same `now` as above: a moment that has passed since was not acted upon yet.
            let wake = self.next_wake(now);
            self.sleep_until(wake).await;
        }
    }

    /// Does whatever is possible now without waiting.
    fn step(&mut self, now: Instant) {
        self.expire(now);
        self.ask_cluster(now);
        self.connect(now);
        self.ask_identity(now);
        self.cluster.identify_lanes();
        self.send(now);
        if let Some(fault) = self.accumulator.take_fault() {
            self.trouble("partitioner", fault);
        }
    }

    /// Flushes and the shutdown first empty the queue, so that all that was offered before them is
    /// known.
    fn read_mail(&mut self, mailbox: &Mailbox, now: Instant) {
        let flushes = mailbox.take_flushes();
        let deadline = mailbox.shutdown_deadline();
        let ends_now = self.shutdown.is_none() && deadline.is_some();
        if flushes.is_empty() && !ends_now {
            return;
        }
        self.drain(now);
        // What is open is sealed, so that nothing but the broker is waited for.
        let mark = self.accumulator.mark();
        self.flushes
            .extend(flushes.into_iter().map(|flush| (mark, flush)));
        if ends_now {
            self.shutdown = deadline;
            self.cluster.hurry(now);
        }
    }

    fn answer_flushes(&mut self) {
        let accumulator = &self.accumulator;
        for (_, flush) in self
            .flushes
            .extract_if(.., |(mark, _)| accumulator.is_done_up_to(*mark))
        {
            flush.done();
        }
    }

    /// Takes what the queue holds.
    fn drain(&mut self, now: Instant) {
        self.tell_drops(now);
        // A flush may come with the event that ends a sleep, which is no older than that.
        self.wake_up(now);
        let bytes = self.queue.drain(&mut self.chunks);
        // Nothing in the chunks was accepted before the last look at the queue.
        let accepted = self.last_drain;
        self.last_drain = now;
        for chunk in std::mem::take(&mut self.chunks) {
            let mut may_send = true;
            for frame in Frames::new(&chunk.bytes) {
                let is_full = self.accumulator.push(&frame, chunk.shard, accepted);
                if is_full && may_send {
                    self.send(now);
                    // As long as nothing can be sent, it is not tried for each record.
                    may_send = !self.accumulator.has_due(now);
                }
            }
            let held = self.accumulator.held_bytes();
            self.queue.give_back(chunk, self.booked, held);
            self.booked = held;
            if self.accumulator.has_due(now) {
                self.send(now);
            }
        }
        self.quiet_rounds = if bytes == 0 { self.quiet_rounds + 1 } else { 0 };
        self.next_drain = Some(if bytes >= BUSY_BYTES {
            now + BUSY_TICK
        } else {
            self.queue.may_be_asked();
            now + self.tick()
        });
    }

    /// How soon the queue is looked at again after a small round.
    fn tick(&self) -> Duration {
        if self.queue.is_pressed() {
            return STUCK_TICK.min(self.settings.linger.max(BUSY_TICK));
        }
        // What is open could not be sent: there is no hurry to have more.
        let is_stuck = self.quiet_rounds > 0 && self.accumulator.has_open();
        let shortest = if is_stuck { STUCK_TICK } else { BUSY_TICK };
        self.settings.linger.max(shortest)
    }

    /// Whether callers find no room: then every turn of the loop empties the queue, and nothing
    /// lingers.
    fn is_pressed(&mut self) -> bool {
        let is_pressed = self.queue.is_pressed();
        self.accumulator.press(is_pressed);
        is_pressed
    }

    /// Books in the queue's budget what the accumulator holds now.
    pub(super) fn book(&mut self) {
        let held = self.accumulator.held_bytes();
        self.queue.exchange(self.booked, held);
        self.booked = held;
    }

    fn tell_drops(&mut self, now: Instant) {
        if self.notice.is_enabled() && self.queue.has_room(Level::WARN) {
            let dropped = self.queue.stats().dropped;
            let appender = &self.appender;
            self.notice.tell(now, dropped, |event| appender.emit(event));
        }
    }

    /// When the loop has to turn again if nothing happens before. All that was possible at `now` is
    /// done; what becomes possible after it is a reason to wake, even if it is past by now.
    fn next_wake(&mut self, now: Instant) -> Option<Instant> {
        if self.may_park() && self.queue.park() {
            self.next_drain = None;
        }
        let batches = if self.accumulator.is_empty() {
            None
        } else {
            let sends = [
                self.accumulator.due_at(now),
                self.accumulator.span_ends_at(),
                self.cluster.next_change(now),
                self.next_expiry(),
            ];
            sends.into_iter().flatten().min()
        };
        [self.next_drain, batches, self.shutdown]
            .into_iter()
            .flatten()
            .min()
    }

    fn may_park(&self) -> bool {
        let quiet = if self.settings.linger.is_zero() { 1 } else { 2 };
        self.next_drain.is_some()
            && self.quiet_rounds >= quiet
            && !self.accumulator.has_open()
            && !self.notice.is_owed()
            && !self.queue.is_pressed()
    }

    /// Sleeps until a task ends, somebody rings, or `wake`.
    async fn sleep_until(&mut self, wake: Option<Instant>) {
        let timer = async {
            match wake {
                Some(wake) => tokio::time::sleep_until(wake.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(done) = self.tasks.join_next_with_id() => self.finish(done),
            () = self.bell.rings.notified() => self.wake_up(Instant::now()),
            () = timer => {}
        }
    }

    /// Somebody rang. The event that ended a sleep waits for others, as it would have with a timer.
    fn wake_up(&mut self, now: Instant) {
        if self.next_drain.is_none() {
            self.queue.unpark();
            self.last_drain = now;
            self.quiet_rounds = 0;
            self.next_drain = Some(now + self.settings.linger);
        }
    }

    fn spawn(&mut self, task: Task, future: impl Future<Output = Done> + Send + 'static) {
        let handle = self.tasks.spawn(future);
        let since = SystemTime::now();
        self.running.insert(handle.id(), Begun { task, since });
    }

    fn trouble(&mut self, kind: &'static str, message: impl Into<String>) {
        self.reporter.report(DeliveryError::new(kind, message));
    }
}
