//! The options of a `FileLayer`, and how one is put together.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::FileLayer;
use super::doorbell::Doorbell;
use super::fsync::Fsync;
use super::fsync::Unsynced;
use super::open::Access;
use super::rolling::Beginning;
use super::rolling::Rolling;
use super::run::Run;
use super::shared::Shared;
use super::sink::FileSink;
use super::stream::Stream;
use super::writer::Frame;
use super::writer::Requests;
use super::writer::Writer;
use crate::config::DEFAULT_BUFFER_MEMORY;
use crate::config::DEFAULT_SHUTDOWN_TIMEOUT;
use crate::config::OverflowPolicy;
use crate::config::check_buffer_memory;
use crate::error::BuildError;
use crate::layer::Appender;
use crate::layer::Ending;
use crate::layout::IntoLayout;
use crate::layout::Layout;
use crate::layout::PatternLayout;
use crate::queue::Queue;
use crate::queue::Wake;
use crate::stats::DeliveryError;
use crate::sys::ThreadRole;
use crate::worker;
use crate::worker::DropNotice;
use crate::worker::ErrorHook;
use crate::worker::Reporter;
use crate::worker::WorkerGuard;

/// How many queued bytes bring the writer before its time.
const WAKE_BYTES: usize = 256 * 1024;
const DEFAULT_FLUSH_INTERVAL: Duration = Duration::from_millis(100);
const MIN_FLUSH_INTERVAL: Duration = Duration::from_millis(1);
const MAX_FLUSH_INTERVAL: Duration = Duration::from_secs(3600);

/// What a layer writes to.
#[derive(Debug)]
pub(super) enum Destination {
    File(PathBuf),
    /// The file is called as its archive from the beginning.
    Direct(String),
    Stream(Stream),
}

impl Destination {
    /// What is said of it.
    fn name(&self) -> String {
        match self {
            Self::File(path) => format!("`{}`", path.display()),
            Self::Direct(pattern) => format!("`{pattern}`"),
            Self::Stream(stream) => stream.name().to_owned(),
        }
    }
}

/// Options of a [`FileLayer`].
#[must_use = "a builder does nothing until `build`"]
pub struct FileLayerBuilder {
    destination: Destination,
    layout: Option<Box<dyn Layout>>,
    frame: Frame,
    pub(super) rolling: Rolling,
    buffer_memory: usize,
    overflow: OverflowPolicy,
    is_synchronous: bool,
    flush_interval: Duration,
    fsync: Fsync,
    access: Access,
    is_exclusive: bool,
    shutdown_timeout: Duration,
    drop_notice: bool,
    on_error: Option<ErrorHook>,
    /// The first layout that could not be made.
    refused: Option<BuildError>,
}

impl fmt::Debug for FileLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLayerBuilder")
            .field("destination", &self.destination)
            .field("frame", &self.frame)
            .field("rolling", &self.rolling)
            .field("buffer_memory", &self.buffer_memory)
            .field("overflow", &self.overflow)
            .field("is_synchronous", &self.is_synchronous)
            .field("flush_interval", &self.flush_interval)
            .field("fsync", &self.fsync)
            .field("access", &self.access)
            .field("is_exclusive", &self.is_exclusive)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .field("drop_notice", &self.drop_notice)
            .finish_non_exhaustive()
    }
}

impl FileLayerBuilder {
    pub(super) fn new(destination: Destination) -> Self {
        Self {
            destination,
            layout: None,
            frame: Frame::default(),
            rolling: Rolling::default(),
            buffer_memory: DEFAULT_BUFFER_MEMORY,
            overflow: OverflowPolicy::default(),
            is_synchronous: false,
            flush_interval: DEFAULT_FLUSH_INTERVAL,
            fsync: Fsync::default(),
            access: Access::default(),
            is_exclusive: false,
            shutdown_timeout: DEFAULT_SHUTDOWN_TIMEOUT,
            drop_notice: false,
            on_error: None,
            refused: None,
        }
    }

    /// Sets how events are rendered. Defaults to [`PatternLayout::default`]:
    /// `%d{ISO8601} %-5p [%t] %c - %m`.
    pub fn layout(mut self, layout: impl IntoLayout) -> Self {
        self.layout = self.taken(layout);
        self
    }

    /// Sets a text that every file begins with, rendered when the file is made. It is no event, and is
    /// not counted. A file that has something in it already gets none. A file with nothing else in it is
    /// not rolled by the layer that made it. Defaults to none.
    ///
    /// Of a pattern, what needs no event is of use here: `%d`, `%pid`, literals.
    pub fn header(mut self, layout: impl IntoLayout) -> Self {
        self.frame.header = self.taken(layout);
        self
    }

    /// Sets a text that every file ends with, rendered when the file is rolled or the layer shut down.
    /// It is no event, and is not counted. A file that another program has moved away gets none. Defaults
    /// to none.
    pub fn footer(mut self, layout: impl IntoLayout) -> Self {
        self.frame.footer = self.taken(layout);
        self
    }

    /// Sets how many bytes of records may wait to be written, 64 KiB or more. Defaults to 32 MiB.
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.buffer_memory = bytes;
        self
    }

    /// Sets what happens to an event for which there is no room. Defaults to
    /// [`OverflowPolicy::DropNewest`].
    pub fn overflow(mut self, policy: OverflowPolicy) -> Self {
        self.overflow = policy;
        self
    }

    /// Has each event written by the thread that logs it, before the logging call returns: for tools
    /// that end at any moment.
    ///
    /// The thread then waits for the operating system to take the line, never for the disk to have it.
    /// Where that fails, the event stays in the queue, the layer's thread tries again, and until it
    /// succeeds nobody waits.
    pub fn synchronous(mut self) -> Self {
        self.is_synchronous = true;
        self
    }

    /// Sets how long a line may wait for others before it is written, 1 ms to an hour. Defaults to
    /// 100 ms. It is written earlier when 256 KiB wait, on
    /// [`flush`](WorkerGuard::flush) and at the shutdown. Of no effect on a
    /// [`synchronous`](Self::synchronous) layer.
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval = interval;
        self
    }

    /// Sets when the file is synchronized with the disk. Defaults to [`Fsync::Never`].
    pub fn fsync(mut self, policy: Fsync) -> Self {
        self.fsync = policy;
        self
    }

    /// Sets the permissions of files that the layer makes, whatever the process's mask is. Defaults to
    /// `0o640`. A file that is there keeps its own. Of no effect where there are no such permissions.
    pub fn file_mode(mut self, mode: u32) -> Self {
        self.access.file_mode = mode;
        self
    }

    /// Sets the permissions of folders that the layer makes, from which the process's mask is taken.
    /// Defaults to `0o750`.
    pub fn folder_mode(mut self, mode: u32) -> Self {
        self.access.folder_mode = mode;
        self
    }

    /// Sets whether the path may be a symbolic link. Defaults to `false`: who can make a link in the
    /// folder could have the application append to any file of its. Containers that link their log to
    /// `/dev/stdout` need `true`; a pipe is taken then, too. With options of rolling the file is the one
    /// that the link leads to when the layer is built, and archives have their places beside that.
    pub fn follow_symlinks(mut self, enabled: bool) -> Self {
        self.access.follow_symlinks = enabled;
        self
    }

    /// Sets whether it is an error if another process, or another layer, has the file open for logging.
    /// Defaults to `false`: the layer says so and goes on, see [`FileLayer`]. Found out by an advisory
    /// lock, so not on file systems without them, and not on Windows.
    pub fn exclusive(mut self, enabled: bool) -> Self {
        self.is_exclusive = enabled;
        self
    }

    /// Sets how long dropping the guard takes at most. Defaults to 5 seconds.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Sets whether the log itself tells of events missing from it, by a WARN record of the target
    /// `tracing_kafka`, at most one in ten seconds. That record counts as an event offered. Defaults
    /// to `false`.
    pub fn drop_notice(mut self, enabled: bool) -> Self {
        self.drop_notice = enabled;
        self
    }

    /// Sets what is done with trouble of the writer: attempts that failed, and events that were lost, which
    /// have a [`loss`](DeliveryError::loss). By default it goes to standard error.
    ///
    /// Of attempts the hook is told each; standard error gets a line for the first of a kind, then at most
    /// one a minute. Of losses both are told the same: within a second of the first event that is dropped for a
    /// [reason](crate::DropReason), once a minute while that goes on, and when it is over; what a
    /// dropped guard leaves undelivered; and, once, that events are logged after the guard's end.
    ///
    /// The hook runs on a thread of its own: one that waits, logs or panics holds nothing up, but the end
    /// of the layer waits for it as long as its time allows. Where it takes long, at most 256 attempts wait to be
    /// told, and the oldest are left out.
    ///
    /// All signals but those of faults, SIGSEGV and the like, are blocked on that thread, and so on
    /// threads that the hook starts: they are the application's.
    pub fn on_error(mut self, hook: impl Fn(&DeliveryError) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(hook));
        self
    }

    /// Opens the file, creating it and its folder where they are missing, and starts the writer.
    ///
    /// # Errors
    ///
    /// [`BuildError::File`] when the path cannot be opened for appending, or is no file;
    /// [`BuildError::Setting`] for a bad option; [`BuildError::Pattern`] for a pattern that has a mistake;
    /// [`BuildError::Thread`] when the thread cannot be started.
    pub fn build(mut self) -> Result<(FileLayer, WorkerGuard), BuildError> {
        self.check()?;
        let reporter = reporter(self.destination.name(), self.on_error);
        let beginning = Self::begin(
            &self.destination,
            self.rolling,
            self.access,
            self.is_synchronous,
            &reporter,
        )?;
        if self.is_exclusive {
            beginning.check_exclusive()?;
        }
        let doorbell = Arc::new(Doorbell::default());
        let wake = Arc::clone(&doorbell) as Arc<dyn Wake>;
        let queue = Queue::new(self.buffer_memory, WAKE_BYTES, self.overflow, wake);
        let queue = Arc::new(queue);
        let requests = Arc::new(Requests::default());
        if beginning.roll_now {
            requests.roll.store(i64::MIN, Ordering::Release);
        }
        let writer = Writer::new(
            beginning.output,
            beginning.start,
            self.frame,
            Arc::clone(&queue),
            Arc::clone(&requests),
            Unsynced::new(self.fsync),
        );
        let shared = Arc::new(Shared::new(writer, requests, doorbell));
        let sink = FileSink::new(Arc::clone(&queue));
        if self.is_synchronous {
            sink.write_at_once(Arc::clone(&shared));
        }
        let layout = self.layout.unwrap_or_else(default_layout);
        let appender = Arc::new(Appender::new(
            layout,
            Ending::OneNewline,
            ThreadRole::File,
            sink,
        ));
        let run = Run::new(
            Arc::clone(&shared),
            Arc::clone(&queue),
            reporter.clone(),
            DropNotice::new(self.drop_notice),
            Arc::clone(&appender),
            self.flush_interval,
            self.is_synchronous,
        );
        let guard = worker::spawn(
            "tracing-kafka-file",
            reporter,
            queue,
            self.shutdown_timeout,
            || Ok(()),
            move |(), mailbox| run.run(mailbox),
        )
        .map_err(BuildError::thread)?;
        Ok((FileLayer { appender, shared }, guard))
    }

    fn taken(&mut self, layout: impl IntoLayout) -> Option<Box<dyn Layout>> {
        let made = layout.into_layout();
        made.map_err(|refusal| self.refused.get_or_insert(refusal))
            .ok()
    }

    /// Opens what is written to first.
    fn begin(
        destination: &Destination,
        rolling: Rolling,
        access: Access,
        is_synchronous: bool,
        reporter: &Reporter,
    ) -> Result<Beginning, BuildError> {
        match destination {
            Destination::Stream(stream) => Beginning::of_stream(*stream, is_synchronous),
            Destination::File(path) => rolling.open_fixed(path, access, reporter),
            Destination::Direct(pattern) => rolling.open_direct(pattern, access, reporter),
        }
    }

    fn check(&mut self) -> Result<(), BuildError> {
        if let Some(refusal) = self.refused.take() {
            return Err(refusal);
        }
        check_buffer_memory(self.buffer_memory)?;
        self.overflow.check()?;
        let interval = self.flush_interval;
        if !(MIN_FLUSH_INTERVAL..=MAX_FLUSH_INTERVAL).contains(&interval) {
            let value = format!("{interval:?}");
            return Err(BuildError::setting(
                "flush_interval",
                value,
                "1 ms to an hour",
            ));
        }
        if matches!(self.destination, Destination::Stream(_)) && !self.rolling.is_none() {
            let found = "a standard stream is written to, and options of rolling are set";
            return Err(BuildError::conflict(found, "a file"));
        }
        if self.fsync == Fsync::Every(Duration::ZERO) {
            return Err(BuildError::setting(
                "fsync",
                "Every(0ns)",
                "more than nothing",
            ));
        }
        Ok(())
    }
}

/// Where the trouble of a layer that writes to `place` is handed in.
fn reporter(place: String, hook: Option<ErrorHook>) -> Reporter {
    Reporter::new(
        "tracing-kafka".to_owned(),
        place,
        Duration::MAX,
        ThreadRole::File,
        hook,
    )
}

fn default_layout() -> Box<dyn Layout> {
    Box::new(PatternLayout::default())
}
