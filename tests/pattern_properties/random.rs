//! Events of any text, the same in every run.

use std::error::Error;
use std::fmt;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tracing::Level;
use tracing_kafka::LogEvent;
use tracing_kafka::Value;

/// How many texts an event has.
const TEXTS: usize = 18;

/// Numbers that look random and are the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn char(&mut self) -> char {
        match self.below(8) {
            0 => char::from(u8::try_from(self.below(0x20)).unwrap()),
            1 => self.pick(&[
                '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}', '\u{202e}', '\u{feff}',
            ]),
            2 => char::from_u32(u32::try_from(self.below(0x11_0000)).unwrap()).unwrap_or('é'),
            3 => self.pick(&['ä', '語', '😀', '\u{301}', '\\', '%', '{', '}']),
            _ => char::from(b' ' + u8::try_from(self.below(95)).unwrap()),
        }
    }

    pub(crate) fn text(&mut self, limit: usize) -> String {
        (0..self.below(limit)).map(|_| self.char()).collect()
    }

    pub(crate) fn tame_text(&mut self, limit: usize) -> String {
        let length = self.below(limit);
        let chars = std::iter::repeat_with(|| {
            self.pick(&['a', ' ', '.', ':', 'ö', '語', '…', '\t', '\\', '€'])
        });
        chars.take(length).collect()
    }

    pub(crate) fn instant(&mut self) -> SystemTime {
        let nanos = Duration::from_nanos(self.next() >> self.below(40));
        if self.below(4) == 0 {
            UNIX_EPOCH - nanos
        } else {
            UNIX_EPOCH + nanos
        }
    }
}

const LEVELS: [Level; 5] = [
    Level::TRACE,
    Level::DEBUG,
    Level::INFO,
    Level::WARN,
    Level::ERROR,
];

/// Every part that an event can bring along.
pub(crate) struct Parts {
    pub(crate) level: Level,
    pub(crate) instant: SystemTime,
    pub(crate) texts: Vec<String>,
    error: Failure,
}

/// An error with a cause.
#[derive(Debug)]
struct Failure(String, Option<Box<Self>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|cause| cause as _)
    }
}

impl Parts {
    pub(crate) fn new(random: &mut Random, mut text: impl FnMut(&mut Random) -> String) -> Self {
        let texts: Vec<_> = (0..TEXTS).map(|_| text(random)).collect();
        Self::of(random.pick(&LEVELS), random.instant(), texts)
    }

    /// Of these texts, of which there are [`TEXTS`].
    pub(crate) fn of(level: Level, instant: SystemTime, texts: Vec<String>) -> Self {
        let cause = Failure(texts[TEXTS - 1].clone(), None);
        Self {
            level,
            instant,
            error: Failure(texts[TEXTS - 2].clone(), Some(Box::new(cause))),
            texts,
        }
    }

    /// The same text everywhere.
    pub(crate) fn all(text: &str) -> Self {
        Self::of(Level::INFO, UNIX_EPOCH, vec![text.to_owned(); TEXTS])
    }

    pub(crate) fn event(&self) -> LogEvent<'_> {
        let [
            message,
            target,
            thread,
            module,
            file,
            method,
            span,
            key,
            value,
            inner,
            inner_key,
            inner_value,
            field,
            field_value,
            marker,
            trace,
            ..,
        ] = &self.texts[..]
        else {
            panic!("too few texts");
        };
        LogEvent::builder()
            .level(self.level)
            .instant(self.instant)
            .message(message)
            .target(target)
            .thread(thread, 7)
            .location(Some(module), Some(file), Some(1))
            .method(method)
            .span(span, [(key.as_str(), value.as_str()), ("k", "v\n")])
            .span(inner, [(inner_key.as_str(), inner_value.as_str())])
            .field(field, field_value.as_str())
            .field("z", "last\u{1b}")
            .marker(marker)
            .field("trace_id", trace.as_str())
            .field("error", Value::Error(&self.error))
            .build()
    }
}
