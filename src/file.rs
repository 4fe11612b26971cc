//! `FileLayer`: rendered events into a file or a standard stream, written by a thread of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::layer::Appender;
use crate::layer::forward_layer;
use crate::queue::Wake as _;
use crate::sys::Timestamp;

mod archive;
mod archivist;
mod builder;
mod compress;
mod console;
mod doorbell;
mod fsync;
mod lines;
mod log_file;
mod name;
mod open;
mod output;
mod pending;
mod rename;
mod roll;
mod rolling;
mod run;
mod schedule;
mod shared;
mod sink;
mod stream;
mod writer;

pub use archive::FileIndex;
pub use builder::FileLayerBuilder;
pub use fsync::Fsync;
pub use schedule::Period;

use builder::Destination;
use shared::Shared;
use sink::FileSink;
use stream::Stream;

/// A layer that appends each event, rendered by its layout, to a file: one event, one line.
///
/// The caller renders into a bounded queue; a thread of the layer's own, `tracing-kafka-file`,
/// writes within a tenth of a second. A record ends with exactly one newline, whatever its layout
/// wrote. If the file cannot be written, it is tried again until it can; meanwhile the queue fills
/// and the [`OverflowPolicy`](crate::OverflowPolicy) applies.
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
///
/// # Rolling
///
/// A file is rolled by [size](FileLayerBuilder::max_file_size), by
/// [time](FileLayerBuilder::roll_every), on [startup](FileLayerBuilder::roll_on_startup), or when a
/// [handle](FileHandle::roll) says so; any of them together. It then gets the name that
/// [`file_pattern`](FileLayerBuilder::file_pattern) says, and is compressed if that ends in `.gz` or
/// `.zst`. All but the renaming is done by a thread of its own, `tracing-kafka-roll`, while lines go on
/// into the next file; what a process that is killed leaves, `app.log.….roll`, the next one archives. A
/// shutdown waits for it as long as it may take. Nothing is ever deleted unless one of
/// [`max_files`](FileLayerBuilder::max_files), [`max_age`](FileLayerBuilder::max_age),
/// [`max_total_size`](FileLayerBuilder::max_total_size) or a window of
/// [`file_index`](FileLayerBuilder::file_index) asks for it.
///
/// ```
/// use tracing_kafka::{FileLayer, Period};
///
/// # let folder = std::env::temp_dir().join(format!("tracing-kafka-doc-roll-{}", std::process::id()));
/// # let path = folder.join("app.log");
/// let (file, guard) = FileLayer::builder(&path)
///     .roll_every(Period::DAILY)
///     .max_file_size(100 * 1024 * 1024)
///     .file_pattern("app-%d{yyyy-MM-dd}-%i.log")
///     .max_age(std::time::Duration::from_secs(30 * 24 * 3600))
///     .build()?;
/// # drop((file, guard));
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Other programs that move the file
///
/// When the file at the path is renamed, removed or truncated by somebody else, by logrotate say, the
/// layer notices within a second and makes the file anew. Lines until then are in the renamed file, none
/// is torn or lost by a rename. [`handle`](Self::handle) asks for it at once.
///
/// # More than one writer
///
/// A file is locked by the first layer that opens it. Another layer or process may write to it as well: it
/// says so once, its lines stand between the others', and it never rolls the file, as long as the first one
/// lives; then one of the others takes over. [`exclusive`](FileLayerBuilder::exclusive) makes that an
/// error. On other systems than 64-bit Linux, and on NFS, of several others none takes over.
///
/// # Log4j 2's `RollingFile`
///
/// | There | Here |
/// |---|---|
/// | `fileName` | [`builder`](Self::builder); without it, [`rolling`](Self::rolling) |
/// | `filePattern` | [`file_pattern`](FileLayerBuilder::file_pattern), without look-ups: `%d` says it |
/// | `append="false"` | [`roll_on_startup(1)`](FileLayerBuilder::roll_on_startup), which keeps what was there |
/// | `bufferedIo`, `bufferSize` | always buffered, by the queue: [`buffer_memory`](FileLayerBuilder::buffer_memory) |
/// | `immediateFlush` | [`flush_interval`](FileLayerBuilder::flush_interval), or [`synchronous`](FileLayerBuilder::synchronous) |
/// | `createOnDemand` | none: a file is opened by `build`, so that a bad path is an error then |
/// | `locking` | always locked, once for the file and not for each event: see above |
/// | `ignoreExceptions` | always: an application never gets an error of its log, but [`on_error`](FileLayerBuilder::on_error) does |
/// | `filePermissions` | [`file_mode`](FileLayerBuilder::file_mode), for archives, too |
/// | `fileOwner`, `fileGroup` | none: files belong to who runs the application; a set-group-id folder gives them its group |
/// | `Filter`, `Layout` | `with_filter`, [`layout`](FileLayerBuilder::layout) |
/// | `header`, `footer` of the layout | [`header`](FileLayerBuilder::header), [`footer`](FileLayerBuilder::footer) |
/// | `OnStartupTriggeringPolicy`, `minSize` | [`roll_on_startup`](FileLayerBuilder::roll_on_startup), rolled before the first line and not with it |
/// | `SizeBasedTriggeringPolicy`, `size` | [`max_file_size`](FileLayerBuilder::max_file_size), in bytes; lines never exceed it, where Log4j's do by one event |
/// | `TimeBasedTriggeringPolicy`, `interval` | [`roll_every`](FileLayerBuilder::roll_every), or the smallest unit of the pattern's dates; on time, where Log4j waits for the next event |
/// | `modulate` | always: periods are aligned, [`Period`] says how |
/// | `CronTriggeringPolicy`, `schedule` | `roll_cron`, behind the feature `cron` |
/// | `evaluateOnStartup` | always: a file whose time was over while nothing ran is rolled when the layer is built |
/// | `maxRandomDelay` | none: what it delays is done in the background |
/// | `DefaultRolloverStrategy`, `fileIndex`, `min`, `max` | [`file_index`](FileLayerBuilder::file_index); the default is `nomax`, as nothing is deleted unasked, and for `max` with 1 to 7 say `FileIndex::Max(1..=7)` |
/// | `DirectWriteRolloverStrategy`, `maxFiles` | [`rolling`](Self::rolling), [`max_files`](FileLayerBuilder::max_files) |
/// | `compressionLevel` | [`compression_level`](FileLayerBuilder::compression_level) |
/// | `.gz`, `.zst` | behind the features `gzip` and `zstd` |
/// | `.zip`, `.bz2`, `.xz`, `.deflate`, `.pack200` | none: a pattern with one of them is refused |
/// | `tempCompressedFilePattern` | always: an archive has its name when it is whole |
/// | `stopCustomActionsOnError` | none: there are no custom actions |
/// | `Delete` with `IfFileName`, `maxDepth`, `followLinks` | none: only what has a name of the pattern's is deleted, and no link is followed |
/// | `IfLastModified`, `IfAccumulatedFileSize`, `IfAccumulatedFileCount` | [`max_age`](FileLayerBuilder::max_age), [`max_total_size`](FileLayerBuilder::max_total_size), [`max_files`](FileLayerBuilder::max_files) |
/// | `testMode`, scripts | none |
/// | `PosixViewAttribute` | [`file_mode`](FileLayerBuilder::file_mode) |
#[derive(Debug)]
pub struct FileLayer {
    appender: Arc<Appender<FileSink>>,
    shared: Arc<Shared>,
}

forward_layer!(FileLayer);

impl FileLayer {
    /// Begins a layer that appends to the file at `path`. No I/O until
    /// [`build`](FileLayerBuilder::build).
    pub fn builder(path: impl Into<PathBuf>) -> FileLayerBuilder {
        FileLayerBuilder::new(Destination::File(path.into()))
    }

    /// Begins a layer whose files are called as `pattern` says from the beginning, so that none is ever
    /// renamed; [`file_pattern`](FileLayerBuilder::file_pattern) has its language. Where it ends in `.gz` or
    /// `.zst`, the current file has the name without that. After a restart lines go on in the last file of
    /// the period, if it is not compressed and has room.
    ///
    /// ```
    /// use tracing_kafka::FileLayer;
    ///
    /// # let folder = std::env::temp_dir().join(format!("tracing-kafka-doc-rolling-{}", std::process::id()));
    /// # let pattern = folder.join("app-%d{yyyy-MM-dd}.log").display().to_string();
    /// // let pattern = "logs/app-%d{yyyy-MM-dd}.log";
    /// let (layer, _guard) = FileLayer::rolling(pattern).max_files(30).build()?;
    /// # drop((layer, _guard));
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rolling(pattern: impl Into<String>) -> FileLayerBuilder {
        FileLayerBuilder::new(Destination::Direct(pattern.into()))
    }

    /// Begins a layer that writes to the standard output, between the application's own prints.
    ///
    /// Lines wait while the application holds [`stdout().lock()`](std::io::Stdout::lock), and nobody who logs
    /// does, save of a [`synchronous`](FileLayerBuilder::synchronous) layer. Held for more than a second, it
    /// is told as an error. A shutdown waits for it for half of its time; then lines are written all the same,
    /// after what the application has written so far. Where that cannot be done, on Windows, they are
    /// dropped and counted.
    pub fn stdout() -> FileLayerBuilder {
        FileLayerBuilder::new(Destination::Stream(Stream::Stdout))
    }

    /// Begins a layer that writes to standard error, between the application's own prints; as
    /// [`stdout`](Self::stdout).
    pub fn stderr() -> FileLayerBuilder {
        FileLayerBuilder::new(Destination::Stream(Stream::Stderr))
    }

    /// A handle by which the file can be opened anew, from anywhere.
    pub fn handle(&self) -> FileHandle {
        FileHandle {
            shared: Arc::clone(&self.shared),
        }
    }
}

/// Asks a [`FileLayer`] for what other programs want of its file. Can be cloned, and outlives the layer.
#[derive(Debug, Clone)]
pub struct FileHandle {
    shared: Arc<Shared>,
}

impl FileHandle {
    /// Has the layer look at once whether the file at its path is still the one that it writes to, and
    /// open it anew if not: what SIGHUP asks for after logrotate has renamed it.
    ///
    /// Stores one number, so that it may be called inside a signal handler. The layer looks within a
    /// second, or with the next [`flush`](crate::WorkerGuard::flush).
    pub fn reopen(&self) {
        self.shared.requests.reopen.store(true, Ordering::Release);
    }

    /// Has the layer roll its file, before what is logged after this call; a file without lines is not
    /// rolled. Calls that come one after the other before the layer has heard of the first are one. Of no
    /// effect on a layer without options of rolling, or while another one has the file.
    pub fn roll(&self) {
        let now = Timestamp::now().unix_nanos();
        // An earlier request is for the earlier lines.
        self.shared.requests.roll.fetch_min(now, Ordering::AcqRel);
        self.shared.doorbell.wake();
    }
}
