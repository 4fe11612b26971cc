//! Those who write the lines, each set up as its own documentation does it, none of them with leave to drop one.

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use logforth::append::asynchronous::AsyncBuilder;
use logforth::append::file::FileBuilder;
use logforth::layout::TextLayout;
use logforth::layout::text::jiff::tz::TimeZone;
use spdlog::sink::AsyncPoolSink;
use spdlog::sink::OverflowPolicy as SpdlogOverflow;
use spdlog::sink::RotatingFileSink;
use spdlog::sink::RotationPolicy;
use spdlog::sink::Sink;
use tracing_appender::non_blocking::NonBlockingBuilder;
use tracing_appender::rolling;
use tracing_kafka::FileLayer;
use tracing_kafka::OverflowPolicy;
use tracing_kafka::PatternLayout;
use tracing_kafka::Period;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use crate::event;
use crate::event::Values;
use crate::row::LONG;
use crate::row::Size;
use crate::row::Who;

pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// One who writes lines, and is what the process logs to.
pub(crate) struct Contestant {
    /// Logs the event with a number. Waits while there is no room.
    pub(crate) log: fn(&Values, u64),
    /// Lets go of what it holds back. Some wait until it is done, some do not.
    pub(crate) flush: Box<dyn Fn() -> Result<(), Fault>>,
    /// How many lines it says it dropped.
    pub(crate) lost: Box<dyn Fn() -> u64>,
}

impl Contestant {
    /// Begins to write into a folder.
    pub(crate) fn start(who: Who, folder: &Path, size: Size) -> Result<Self, Fault> {
        match who {
            Who::Ours | Who::OursRolling | Who::OursSynchronous => ours(who, folder, size),
            Who::FmtNonBlocking => fmt_non_blocking(folder),
            Who::Fmt => fmt(rolling::daily(folder, NAME)),
            Who::LogforthAsync => logforth(folder, size, true),
            Who::Logforth => logforth(folder, size, false),
            Who::SpdlogAsync => spdlog(folder, size, true),
            Who::Spdlog => spdlog(folder, size, false),
            Who::Plain | Who::PlainLarge => Err("nobody logs to a plain loop".into()),
        }
    }
}

fn ours(who: Who, folder: &Path, size: Size) -> Result<Contestant, Fault> {
    let mut layer = FileLayer::builder(folder.join(NAME))
        .layout(PatternLayout::new(LIKE_FMT)?)
        .overflow(OverflowPolicy::Block { max_wait: LONG });
    match who {
        Who::OursRolling => layer = layer.roll_every(Period::DAILY).max_file_size(size.file),
        Who::OursSynchronous => layer = layer.synchronous(),
        _ => {}
    }
    let (layer, guard) = layer.build()?;
    tracing_subscriber::registry().with(layer).try_init()?;
    let guard = Arc::new(guard);
    let same = Arc::clone(&guard);
    Ok(Contestant {
        log: event::by_tracing,
        flush: Box::new(move || Ok(guard.flush(LONG)?)),
        lost: Box::new(move || same.stats().dropped.total()),
    })
}

fn fmt_non_blocking(folder: &Path) -> Result<Contestant, Fault> {
    // Its queue holds 128,000 lines unless told otherwise: many bursts.
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(false)
        .finish(rolling::daily(folder, NAME));
    let errors = writer.error_counter();
    Ok(Contestant {
        lost: Box::new(move || {
            // It writes as long as this lives, and cannot be asked to flush.
            let _alive = &guard;
            u64::try_from(errors.dropped_lines()).unwrap_or(u64::MAX)
        }),
        ..fmt(writer)?
    })
}

/// `fmt` as it comes, without colours.
fn fmt(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) -> Result<Contestant, Fault> {
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(writer);
    tracing_subscriber::registry().with(layer).try_init()?;
    Ok(Contestant {
        log: event::by_tracing,
        flush: Box::new(|| Ok(())),
        lost: Box::new(|| 0),
    })
}

/// Its text layout prints file and line as well, and cannot be told not to.
fn logforth(folder: &Path, size: Size, is_async: bool) -> Result<Contestant, Fault> {
    let limit = NonZeroUsize::new(usize::try_from(size.file)?).ok_or("a file of no bytes")?;
    let layout = TextLayout::default().no_color().timezone(TimeZone::UTC);
    let file = FileBuilder::new(folder, NAME)
        .rollover_daily()
        .rollover_size(limit)
        .layout(layout)
        .build()?;
    let builder = logforth::starter_log::builder();
    if is_async {
        // Unbounded unless told otherwise, which is no promise that a service could make.
        let queued = AsyncBuilder::new("logforth-async")
            .buffered_lines_limit(Some(LOGFORTH_QUEUE))
            .overflow_block()
            .append(file)
            .build();
        builder.dispatch(|d| d.append(queued)).try_apply()?;
    } else {
        builder.dispatch(|d| d.append(file)).try_apply()?;
    }
    Ok(Contestant {
        log: event::by_log,
        flush: Box::new(|| {
            log::logger().flush();
            Ok(())
        }),
        lost: Box::new(|| 0),
    })
}

fn spdlog(folder: &Path, size: Size, is_async: bool) -> Result<Contestant, Fault> {
    let file = RotatingFileSink::builder()
        .base_path(folder.join(NAME))
        .rotation_policy(RotationPolicy::FileSize(size.file))
        // More than there will be: it begins the only one anew when there may be no others.
        .max_files(64)
        .build_arc()?;
    let sink: Arc<dyn Sink> = if is_async {
        // Its queue holds 8,192 lines unless told otherwise.
        AsyncPoolSink::builder()
            .sink(file)
            .overflow_policy(SpdlogOverflow::Block)
            .build_arc()?
    } else {
        file
    };
    let logger = spdlog::Logger::builder()
        .name(event::TARGET)
        .sink(sink)
        .build_arc()?;
    spdlog::set_default_logger(logger);
    Ok(Contestant {
        log: event::by_spdlog,
        flush: Box::new(|| {
            spdlog::default_logger().flush();
            Ok(())
        }),
        lost: Box::new(|| 0),
    })
}

/// Prints what `fmt` prints.
const LIKE_FMT: &str = "%d{yyyy-MM-dd'T'HH:mm:ss.SSSSSSX}{UTC} %5p %c: %m%n";
const NAME: &str = "app.log";
/// As many lines as tracing-appender has room for.
const LOGFORTH_QUEUE: usize = 128_000;
