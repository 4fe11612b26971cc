//! The thread that archives rolled files one after the other, so that writing never waits for it.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use super::archive::Archives;
use super::pending::Pending;
use super::pending::Stage;
use crate::stats::DeliveryError;
use crate::sys::ThreadRole;
use crate::sys::Timestamp;
use crate::sys::WriterTurn;
use crate::sys::start_thread;
use crate::worker::Reporter;

/// The pause after a failure, doubled up to the maximum while they go on.
const MIN_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// Another writer lets go of a rolled file within this time, if it runs; how often it is asked at the end.
const LET_GO: Duration = Duration::from_millis(1500);
const ASK_EVERY: Duration = Duration::from_millis(20);
/// A file that is held for longer gets a number later than those behind it: its holder may be stopped.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often ages are looked at although nothing is rolled.
const AGES_EVERY: Duration = Duration::from_secs(600);

/// What the writer asks for.
#[derive(Debug)]
pub(super) enum Job {
    /// A file was rolled; lines go to the one at `current` since.
    Rolled {
        pending: Option<Pending>,
        current: PathBuf,
    },
    /// The file became ours, with what earlier processes left.
    Adopt { current: PathBuf },
    /// The last file, and with it the lock on it, until everything is done.
    End(Option<Arc<File>>),
}

/// The writer's side: sends jobs, and waits for their end.
#[derive(Debug)]
pub(super) struct Archivist {
    jobs: Option<Sender<Job>>,
    ended: Receiver<()>,
    stop: Arc<AtomicBool>,
}

impl Archivist {
    pub(super) fn start(archives: Archives, reporter: Reporter) -> io::Result<Self> {
        let (jobs, inbox) = mpsc::channel();
        let (alive, ended) = mpsc::channel();
        let stop = Arc::clone(&archives.stop);
        let work = Work {
            archives,
            reporter,
            todo: VecDeque::new(),
            current: PathBuf::new(),
            has_to_adopt: false,
            held: None,
            backoff: MIN_BACKOFF,
            last: None,
        };
        start_thread("tracing-kafka-roll", move || {
            let _turn = WriterTurn::begin(ThreadRole::File);
            work.run(&inbox);
            drop(alive);
        })?;
        Ok(Self {
            jobs: Some(jobs),
            ended,
            stop,
        })
    }

    pub(super) fn ask(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // A thread that has panicked leaves its files to the next process.
            let _gone = jobs.send(job);
        }
    }

    /// Waits until everything is archived, but not beyond `deadline`: the rest is left to the next
    /// process.
    pub(super) fn end(&mut self, file: Option<Arc<File>>, deadline: Instant) {
        self.ask(Job::End(file));
        self.jobs = None;
        let left = deadline.saturating_duration_since(Instant::now());
        let _done = self.ended.recv_timeout(left);
        self.stop.store(true, Ordering::Release);
    }
}

impl Drop for Archivist {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// The thread's own part.
struct Work {
    archives: Archives,
    reporter: Reporter,
    todo: VecDeque<Pending>,
    current: PathBuf,
    /// What earlier processes have left is still to be looked for.
    has_to_adopt: bool,
    /// The last one that was told to be held for long.
    held: Option<Pending>,
    backoff: Duration,
    last: Option<Arc<File>>,
}

impl Work {
    fn run(mut self, inbox: &Receiver<Job>) {
        let mut is_ending = false;
        while !is_ending {
            let pause = if self.todo.is_empty() && !self.has_to_adopt {
                AGES_EVERY
            } else {
                self.backoff
            };
            match inbox.recv_timeout(pause) {
                Ok(job) => is_ending = self.take(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => is_ending = true,
            }
            for job in inbox.try_iter() {
                is_ending |= self.take(job);
            }
            let is_failing = self.work();
            if is_ending && !is_failing {
                self.wait_for_others();
            }
            self.delete_old();
        }
        drop(self.last);
    }

    /// What is left is held by others, who may have been idle since it was rolled.
    fn wait_for_others(&mut self) {
        let end = Instant::now() + LET_GO;
        while !self.todo.is_empty() && !self.is_stopped() && Instant::now() < end {
            thread::sleep(ASK_EVERY);
            if self.work() {
                return;
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.archives.stop.load(Ordering::Acquire)
    }

    /// Returns whether this was the last job.
    fn take(&mut self, job: Job) -> bool {
        match job {
            Job::Rolled { pending, current } => {
                // One that was rolled before others were looked for was found with them.
                self.todo
                    .extend(pending.filter(|pending| !self.todo.contains(pending)));
                self.current = current;
                false
            }
            Job::Adopt { current } => {
                self.has_to_adopt = true;
                self.current = current;
                false
            }
            Job::End(file) => {
                self.last = file;
                true
            }
        }
    }

    /// Finds what earlier processes have left, where that has not been done. Returns whether it failed.
    fn adopt(&mut self) -> bool {
        if !self.has_to_adopt {
            return false;
        }
        match self.archives.left_by_others(&self.current) {
            Ok(mut left) => {
                left.retain(|pending| !self.todo.contains(pending));
                self.todo.extend(left);
                self.todo
                    .make_contiguous()
                    .sort_by_key(|pending| pending.order);
                self.has_to_adopt = false;
                false
            }
            Err(error) => {
                let base = self.current.display();
                self.tell(&format!("cannot look for rolled files of `{base}`"), &error);
                true
            }
        }
    }

    /// Returns whether something else than another writer is in the way of what is left.
    fn work(&mut self) -> bool {
        let mut has_failed = self.adopt();
        let mut rest = std::mem::take(&mut self.todo).into_iter();
        for next in rest.by_ref() {
            if self.is_stopped() {
                return true;
            }
            let Err(error) = self.archives.archive(&next) else {
                continue;
            };
            // One that another process still writes to, or archives, is for later, and those behind it with
            // it: they have higher numbers.
            let is_busy = error.kind() == io::ErrorKind::WouldBlock;
            let is_next = is_busy && self.archives.names.has_index() && !is_old(&next);
            if is_busy && is_old(&next) {
                self.tell_held(&next);
            } else if !is_busy && !self.is_stopped() {
                let what = format!("cannot archive `{}`", next.base.display());
                self.tell(&what, &error);
                has_failed = true;
            }
            self.todo.push_back(next);
            if is_next {
                break;
            }
        }
        self.todo.extend(rest);
        self.backoff = if has_failed {
            (self.backoff * 2).min(MAX_BACKOFF)
        } else {
            MIN_BACKOFF
        };
        has_failed
    }

    fn delete_old(&mut self) {
        // Before it is known which file lines go to, any may be it.
        if self.current.as_os_str().is_empty() {
            return;
        }
        if let Err(error) = self.archives.delete_old(&self.current, SystemTime::now()) {
            let what = format!("cannot delete old archives of `{}`", self.current.display());
            self.tell(&what, &error);
        }
    }

    /// Says once of a file why it is not archived.
    fn tell_held(&mut self, pending: &Pending) {
        if self.held.as_ref() != Some(pending) {
            self.held = Some(pending.clone());
            let path = pending.path(Stage::Rolled);
            let error = io::Error::other("another process has it open");
            self.tell(&format!("cannot archive `{}` yet", path.display()), &error);
        }
    }

    fn tell(&mut self, what: &str, error: &io::Error) {
        let error = DeliveryError::new("archive", format!("{what}: {error}"));
        self.reporter.report(error);
    }
}

/// Whether it was rolled longer ago than anybody who runs holds it.
fn is_old(pending: &Pending) -> bool {
    let age = Timestamp::now().unix_nanos().saturating_sub(pending.order);
    u64::try_from(age).is_ok_and(|age| Duration::from_nanos(age) > PATIENCE)
}
