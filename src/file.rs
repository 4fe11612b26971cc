//! `FileLayer`: rendered events into a file, written by a thread of its own.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::DEFAULT_BUFFER_MEMORY;
use crate::config::DEFAULT_SHUTDOWN_TIMEOUT;
use crate::config::OverflowPolicy;
use crate::config::check_buffer_memory;
use crate::error::BuildError;
use crate::error::DeliveryError;
use crate::layer::Appender;
use crate::layer::Ending;
use crate::layer::forward_layer;
use crate::layout::Layout;
use crate::layout::PatternLayout;
use crate::queue::Queue;
use crate::sys::ThreadRole;
use crate::worker;
use crate::worker::DropNotice;
use crate::worker::ErrorHook;
use crate::worker::Reporter;
use crate::worker::WorkerGuard;

#[allow(dead_code, unused_imports, reason = "the roller will use it")]
mod name;
mod open;
#[allow(dead_code, unreachable_pub, reason = "the roller will use it")]
mod schedule;
mod writer;

use writer::Doorbell;
use writer::Writer;

/// How many queued bytes bring the writer before its time.
const WAKE_BYTES: usize = 256 * 1024;

/// A layer that appends each event, rendered by its layout, to a file: one event, one line.
///
/// The caller renders into a bounded queue; a thread of the layer's own, `tracing-kafka-file`,
/// writes within a tenth of a second. A record ends with exactly one newline, whatever its layout
/// wrote. If the file cannot be written, it is tried again until it can; meanwhile the queue fills
/// and the [`OverflowPolicy`] applies.
///
/// # Examples
///
/// ```
/// use tracing_kafka::{FileLayer, PatternLayout};
/// use tracing_subscriber::{filter::LevelFilter, prelude::*};
///
/// # let folder = std::env::temp_dir().join(format!("tracing-kafka-doc-{}", std::process::id()));
/// # let path = folder.join("app.log");
/// let (file, guard) = FileLayer::builder(&path)
///     .layout(PatternLayout::new("%d %-5p [%t] %c - %m%n")?)
///     .build()?;
/// let registry = tracing_subscriber::registry().with(file.with_filter(LevelFilter::INFO));
/// # let _default = registry.set_default();
/// tracing::info!("hello");
/// guard.flush(std::time::Duration::from_secs(5))?;
/// assert!(std::fs::read_to_string(&path)?.ends_with(" - hello\n"));
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileLayer {
    appender: Arc<Appender<Arc<Queue>>>,
}

forward_layer!(FileLayer);

impl FileLayer {
    /// Begins a layer that appends to the file at `path`. No I/O until
    /// [`build`](FileLayerBuilder::build).
    pub fn builder(path: impl Into<PathBuf>) -> FileLayerBuilder {
        FileLayerBuilder {
            path: path.into(),
            layout: None,
            buffer_memory: DEFAULT_BUFFER_MEMORY,
            overflow: OverflowPolicy::default(),
            shutdown_timeout: DEFAULT_SHUTDOWN_TIMEOUT,
            drop_notice: false,
            on_error: None,
        }
    }
}

/// Options of a [`FileLayer`].
#[must_use = "a builder does nothing until `build`"]
pub struct FileLayerBuilder {
    path: PathBuf,
    layout: Option<Box<dyn Layout>>,
    buffer_memory: usize,
    overflow: OverflowPolicy,
    shutdown_timeout: Duration,
    drop_notice: bool,
    on_error: Option<ErrorHook>,
}

impl fmt::Debug for FileLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLayerBuilder")
            .field("path", &self.path)
            .field("buffer_memory", &self.buffer_memory)
            .field("overflow", &self.overflow)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .field("drop_notice", &self.drop_notice)
            .finish_non_exhaustive()
    }
}

impl FileLayerBuilder {
    /// Sets how events are rendered. Defaults to [`PatternLayout::default`]:
    /// `%d{ISO8601} %-5p [%t] %c - %m`.
    pub fn layout(mut self, layout: impl Layout) -> Self {
        self.layout = Some(Box::new(layout));
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

    /// Sets what is done with errors of the writer, on its thread. Defaults to a line on standard
    /// error for the first of a kind, then at most one a minute.
    pub fn on_error(mut self, hook: impl Fn(&DeliveryError) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(hook));
        self
    }

    /// Opens the file, creating it and its folder where they are missing, and starts the writer.
    ///
    /// # Errors
    ///
    /// [`BuildError::File`] when the path cannot be opened for appending, or is no file;
    /// [`BuildError::Setting`] for a bad option; [`BuildError::Thread`] when the thread cannot be
    /// started.
    pub fn build(self) -> Result<(FileLayer, WorkerGuard), BuildError> {
        check_buffer_memory(self.buffer_memory)?;
        self.overflow.check()?;
        let file = open::for_appending(&self.path)
            .map_err(|source| BuildError::file(&self.path, source))?;
        let doorbell = Arc::new(Doorbell::default());
        let queue = Arc::new(Queue::new(
            self.buffer_memory,
            WAKE_BYTES,
            self.overflow,
            Arc::clone(&doorbell) as Arc<dyn crate::queue::Wake>,
        ));
        let layout = self
            .layout
            .unwrap_or_else(|| Box::new(PatternLayout::default()));
        let appender = Arc::new(Appender::new(
            layout,
            Ending::OneNewline,
            ThreadRole::File,
            Arc::clone(&queue),
        ));
        let writer = Writer::new(
            file,
            self.path,
            Arc::clone(&queue),
            doorbell,
            Reporter::new("tracing-kafka".to_owned(), self.on_error),
            DropNotice::new(self.drop_notice),
            Arc::clone(&appender),
        );
        let guard = worker::spawn(
            "tracing-kafka-file",
            ThreadRole::File,
            queue,
            self.shutdown_timeout,
            || Ok(()),
            move |(), mailbox| writer.run(mailbox),
        )
        .map_err(BuildError::thread)?;
        Ok((FileLayer { appender }, guard))
    }
}
