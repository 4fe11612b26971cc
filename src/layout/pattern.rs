//! `PatternLayout`: events as text, by a conversion pattern of Log4j 2.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::Layout;
use super::escape::Escape;
use super::notes::shown;
use super::plan::Plan;
use super::zone::Lookup;
use super::zone::Zone;
use crate::error::PatternError;
use crate::event::LogEvent;

mod builder;

pub use builder::PatternLayoutBuilder;

/// The pattern of a layout that was given none.
const DEFAULT_PATTERN: &str = "%d{ISO8601} %-5p [%t] %c - %spans%m";
/// The name of the machine's own zone.
const LOCAL: &str = "local";
/// The locale of a layout that was given none.
const DEFAULT_LOCALE: &str = "en-US";

/// Renders events as text, by a conversion pattern of Log4j 2.
///
/// A pattern is text with *conversion specifiers*: `%`, then optional widths, a conversion word,
/// and options in braces, as in `%-5level` or `%d{HH:mm:ss.SSS}{UTC}`. It is compiled once; an event
/// is rendered without parsing and without allocating. All words with what they print, dates, and
/// what differs from Log4j: [`pattern`](crate::pattern).
///
/// Everything that comes from an event is escaped, so that one event is one line: see [`Escape`].
/// A pattern with a mistake is refused: see [`PatternError`], and
/// [`lenient`](PatternLayoutBuilder::lenient) for what Log4j would make of it.
///
/// # Examples
///
/// ```
/// use tracing_kafka::{Layout, LogEvent, PatternLayout};
///
/// let layout = PatternLayout::new("[%-5level] %c{1} (%X{user}) %m %K%n")?;
/// let event = LogEvent::builder()
///     .target("shop::orders")
///     .span("request", [("user", "bob")])
///     .message("order accepted")
///     .field("id", 42)
///     .build();
/// let mut out = Vec::new();
/// layout.render(&event, &mut out);
/// assert_eq!(out, b"[INFO ] orders (bob) order accepted {id=42}\n");
/// # Ok::<(), tracing_kafka::PatternError>(())
/// ```
#[derive(Clone)]
pub struct PatternLayout {
    inner: Arc<Inner>,
}

struct Inner {
    plan: Plan,
    pattern: String,
    zone: String,
    locale: String,
    escape: Escape,
    is_lenient: bool,
    warnings: Vec<PatternError>,
    fingerprint: Option<u64>,
}

impl PatternLayout {
    /// Compiles `pattern`, strictly: whatever Log4j would complain about or swallow is an error.
    ///
    /// # Errors
    ///
    /// If the pattern has a mistake, or a word of Log4j that is not supported yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_kafka::PatternLayout;
    ///
    /// assert!(PatternLayout::new("%d %-5p [%t] %c - %m%n").is_ok());
    /// let error = PatternLayout::new("%d{HH:mm:ss").unwrap_err();
    /// assert_eq!(error.to_string(), "a `{` without its `}` at byte 2");
    /// ```
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        Self::builder(pattern).build()
    }

    /// Begins a layout with options.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::UNIX_EPOCH;
    /// use tracing_kafka::{Layout, LogEvent, PatternLayout};
    ///
    /// let layout = PatternLayout::builder("%d{HH:mm} %m").zone("Asia/Kolkata").build()?;
    /// let event = LogEvent::builder().instant(UNIX_EPOCH).message("hi").build();
    /// let mut out = Vec::new();
    /// layout.render(&event, &mut out);
    /// assert_eq!(out, b"05:30 hi");
    /// # Ok::<(), tracing_kafka::PatternError>(())
    /// ```
    pub fn builder(pattern: impl Into<String>) -> PatternLayoutBuilder {
        PatternLayoutBuilder::new(pattern.into())
    }

    /// What prints other than it may be meant, at most 100 things: the mistakes that a lenient reading
    /// swallowed, and in both modes words of a language that dates have none in.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_kafka::PatternLayout;
    ///
    /// let layout = PatternLayout::builder("%q{x}%m").lenient().build()?;
    /// let warnings: Vec<String> = layout.warnings().iter().map(ToString::to_string).collect();
    /// assert_eq!(warnings, ["unknown conversion word `%q` at byte 0"]);
    ///
    /// let layout = PatternLayout::new("%d{EEEE}{UTC}{fr-FR}")?;
    /// assert_eq!(
    ///     layout.warnings()[0].to_string(),
    ///     "a date has no words in the language of `fr-FR` at byte 14; they are English"
    /// );
    /// # Ok::<(), tracing_kafka::PatternError>(())
    /// ```
    pub fn warnings(&self) -> &[PatternError] {
        &self.inner.warnings
    }

    /// The pattern, as it was given.
    pub fn pattern(&self) -> &str {
        &self.inner.pattern
    }
}

impl Layout for PatternLayout {
    #[inline]
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        self.inner.plan.render(event, out);
    }

    fn fingerprint(&self) -> Option<u64> {
        self.inner.fingerprint
    }
}

/// `%d{ISO8601} %-5p [%t] %c - %spans%m`
impl Default for PatternLayout {
    fn default() -> Self {
        // Known to be right, and a test says so; an empty plan is better than a panic.
        Self::new(DEFAULT_PATTERN).unwrap_or_else(|_| Self {
            inner: Arc::new(Inner {
                plan: Plan::default(),
                pattern: String::new(),
                zone: LOCAL.to_owned(),
                locale: DEFAULT_LOCALE.to_owned(),
                escape: Escape::default(),
                is_lenient: false,
                warnings: Vec::new(),
                fingerprint: None,
            }),
        })
    }
}

impl FromStr for PatternLayout {
    type Err = PatternError;

    fn from_str(pattern: &str) -> Result<Self, PatternError> {
        Self::new(pattern)
    }
}

impl fmt::Debug for PatternLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatternLayout")
            .field("pattern", &self.inner.pattern)
            .field("zone", &self.inner.zone)
            .field("locale", &self.inner.locale)
            .field("escape", &self.inner.escape)
            .field("lenient", &self.inner.is_lenient)
            .finish_non_exhaustive()
    }
}

/// The zone of a name; `local` is the machine's own.
pub(super) fn default_zone(name: &str) -> Result<Zone, PatternError> {
    if name == LOCAL {
        return Ok(Zone::local());
    }
    let error = PatternError::beside(format!("unknown time zone `{}`", shown(name)));
    match Zone::find(name) {
        Lookup::Known(zone) => Ok(zone),
        Lookup::Doubtful(_, meant) | Lookup::Unknown(Some(meant)) => {
            Err(error.hint(format!("did you mean `{meant}`?")))
        }
        Lookup::Unknown(None) | Lookup::TooFar => {
            Err(error
                .hint("expected `local`, `UTC`, `GMT+02:00` or a name such as `Europe/Berlin`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::date::Defaults;
    use crate::layout::date::default_locale;
    use crate::layout::notes::Notes;
    use std::time::Duration;
    use std::time::UNIX_EPOCH;

    fn text(layout: &PatternLayout, event: &LogEvent<'_>) -> String {
        let mut out = Vec::new();
        layout.render(event, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[track_caller]
    fn check(pattern: &str, expected: &str) {
        let layout = PatternLayout::builder(pattern).zone("UTC").build().unwrap();
        let event = LogEvent::builder()
            .instant(UNIX_EPOCH + Duration::from_millis(1_351_866_842_123))
            .target("shop::orders")
            .thread("worker", 7)
            .message("hello")
            .span("request", [("user", "bob"), ("id", "4")])
            .field("n", 1)
            .location(Some("shop::orders"), Some("src/orders.rs"), Some(42))
            .build();
        assert_eq!(text(&layout, &event), expected, "{pattern}");
    }

    #[test]
    fn what_an_event_brings_along_is_not_repeated_without_end() {
        let long = "x".repeat(60_000);
        let event = LogEvent::builder().message(&long).target(&long).build();
        for pattern in ["%m", "%1m", "%m %K", "%c", "%d%c%m", "%notEmpty{%m}"] {
            let layout = PatternLayout::new(&pattern.repeat(100)).unwrap();
            let length = text(&layout, &event).len();
            assert!(length < (1 << 20) + 200_000, "{pattern}: {length}");
        }
    }

    #[test]
    fn the_pattern_of_the_readme_prints_what_it_says() {
        check(
            "[%d{HH:mm:ss.SSS}] [%-4level] %msg%n",
            "[14:34:02.123] [INFO] hello n=1\n",
        );
    }

    #[test]
    fn every_word_prints_its_part() {
        check(
            "%c|%c{1}|%C{1.}|%F|%L|%M",
            "shop::orders|orders|s::orders|src/orders.rs|42|request",
        );
        check("%l", "shop::orders.request(src/orders.rs:42)");
        check("%t %T %p", "worker 7 INFO");
        check(
            "%x %X %X{user} %X{user, id} %X{nope}.",
            "[request] {id=4, user=bob} bob {user=bob, id=4} .",
        );
        check("%K %K{n} %%%n", "{n=1} 1 %\n");
        check("%pid", &std::process::id().to_string());
        check("a%n%5n|", "a\n    \n|");
        check("%m %p{INFO=i} %m", "hello n=1 i hello");
        check("%spans|%eventName", r#"request{user="bob" id="4"}: |"#);
    }

    #[test]
    fn the_default_pattern_is_compiled() {
        let layout = PatternLayout::default();
        assert_eq!(layout.pattern(), DEFAULT_PATTERN);
        assert!(layout.warnings().is_empty());
        let event = LogEvent::builder().message("hello").target("a").build();
        assert!(text(&layout, &event).ends_with(" INFO  [main] a - hello"));
        assert_eq!("%m".parse::<PatternLayout>().unwrap().pattern(), "%m");
    }

    #[test]
    fn a_number_is_taken_once_for_an_event() {
        let layout = PatternLayout::new("%sn %m %sn").unwrap();
        let event = LogEvent::builder().message("\u{1b}[31m").build();
        let first = text(&layout, &event);
        let second = text(&layout, &event);
        let number: u64 = first.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(first, format!("{number} \\x1b[31m {number}"));
        assert_eq!(second, format!("{0} \\x1b[31m {0}", number + 1));
        assert_eq!(layout.fingerprint(), None);
    }

    #[test]
    fn what_is_read_when_a_pattern_is_compiled_is_in_its_fingerprint() {
        let print = |zone: Zone| {
            let defaults = Defaults {
                zone,
                locale: default_locale(DEFAULT_LOCALE, &mut Notes::new(false)).unwrap(),
            };
            PatternLayout::builder("%d %m").fingerprint(&defaults)
        };
        let berlin = || match Zone::find("Europe/Berlin") {
            Lookup::Known(zone) => zone,
            _ => panic!("no zone of that name"),
        };
        assert_eq!(print(berlin()), print(berlin()));
        assert_ne!(print(berlin()), print(Zone::utc()), "the machine moved");
    }

    #[test]
    fn equal_layouts_have_equal_fingerprints_and_others_do_not() {
        let print = |pattern: &str| PatternLayout::new(pattern).unwrap().fingerprint();
        assert_eq!(print("%d %m"), print("%d %m"));
        assert_ne!(print("%d %m"), print("%d %m%n"));
        let raw = PatternLayout::builder("%d %m").escape(Escape::None);
        assert_ne!(raw.build().unwrap().fingerprint(), print("%d %m"));
        let utc = PatternLayout::builder("%d %m").zone("UTC");
        assert_ne!(utc.build().unwrap().fingerprint(), print("%d %m"));
        let british = PatternLayout::builder("%d %m").locale("en-GB");
        assert_ne!(british.build().unwrap().fingerprint(), print("%d %m"));
    }

    #[test]
    fn a_line_feed_of_the_pattern_stays_and_one_of_the_event_does_not() {
        let event = LogEvent::builder()
            .message("a\nb")
            .target("c\rd")
            .thread("e\u{202e}f", 1)
            .build();
        let layout = PatternLayout::new("%m%n%c\n%-12t|%.3m").unwrap();
        assert_eq!(text(&layout, &event), "a\\nb\nc\\rd\ne\\u{202e}f  |\\nb");
        let layout = PatternLayout::new("%m").unwrap();
        assert_eq!(text(&layout, &event), "a\\nb");
    }

    #[test]
    fn what_stood_in_the_buffer_before_is_left_alone() {
        let layout = PatternLayout::new("%m%n").unwrap();
        let mut out = b"\x1b\n".to_vec();
        layout.render(&LogEvent::builder().message("x\ty").build(), &mut out);
        assert_eq!(out, b"\x1b\nx\ty\n");
    }

    #[test]
    fn milliseconds_since_the_start_may_be_negative() {
        let layout = PatternLayout::new("%r").unwrap();
        let event = LogEvent::builder().instant(UNIX_EPOCH).build();
        assert!(text(&layout, &event).starts_with('-'));
    }

    #[test]
    fn an_unknown_zone_is_an_error_beside_the_pattern() {
        let error = PatternLayout::builder("%d")
            .zone("Nowhere")
            .build()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown time zone `Nowhere`; expected `local`, `UTC`, `GMT+02:00` or a name such as \
             `Europe/Berlin`"
        );
        assert_eq!((error.offset(), error.length()), (0, 0));
    }

    #[test]
    fn a_locale_that_is_none_is_an_error_beside_the_pattern_or_a_warning() {
        let builder = || PatternLayout::builder("%m").locale("en_GB");
        let expected =
            "`en_GB` is no language tag; expected a language and a region, such as `en-GB`";
        assert_eq!(builder().build().unwrap_err().to_string(), expected);
        let layout = builder().lenient().build().unwrap();
        assert_eq!(layout.warnings()[0].to_string(), expected);
    }

    #[test]
    fn errors_say_where_what_and_what_was_meant() {
        for (pattern, expected) in [
            (
                "${sys:user} %m",
                "no look-up such as `${sys:user}` is made at byte 0; `${ctx:name}`, `${map:name}`, \
                 `${event:Level}` and `${env:NAME}` are; `$${` is text",
            ),
            (
                "%clr{%m}",
                "unknown conversion word `%clr` at byte 0; it is Spring Boot's, write `%highlight` \
                 or `%style`; Log4j reads it as `%c` and the text `lr`",
            ),
            (
                "a %tp",
                "`%tp` has no meaning here at byte 2; threads have no priority here; `%t` and \
                 `%tid` tell them apart",
            ),
            (
                "%blue(%m)",
                "expected `%blue{pattern}`, found no option at byte 0; logback writes its patterns \
                 in parentheses, Log4j in braces",
            ),
            (
                "%red{a %style{%p}{rad}}",
                "unknown style word `rad` at byte 18; expected `bold`, `dim`, `blink`, a colour such \
                 as `red`, `bg_red` or `bright_red`, or `#rrggbb`",
            ),
            (
                "%levle",
                "unknown conversion word `%levle` at byte 0; did you mean `%level`? Log4j reads it as `%l` and the text `evle`",
            ),
            (
                "%d{HH:mm:sss}",
                "wrong number of letters `sss` in a date at byte 9",
            ),
            (
                "%m{nope}",
                "`%m` has no use for the option `nope` at byte 3",
            ),
        ] {
            assert_eq!(
                PatternLayout::new(pattern).unwrap_err().to_string(),
                expected
            );
        }
    }

    #[test]
    fn words_that_have_no_meaning_here_are_refused_in_both_modes() {
        for pattern in ["%tp", "%fqcn", "%red{%threadPriority}"] {
            assert!(PatternLayout::new(pattern).is_err(), "{pattern}");
            let lenient = PatternLayout::builder(pattern).lenient().build();
            assert!(lenient.is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_clone_and_another_thread_print_the_same() {
        let layout = PatternLayout::builder("%d %p %m")
            .zone("UTC")
            .build()
            .unwrap();
        let other = layout.clone();
        let event = || LogEvent::builder().instant(UNIX_EPOCH).message("m").build();
        let there = std::thread::spawn(move || text(&other, &event()))
            .join()
            .unwrap();
        assert_eq!(text(&layout, &event()), there);
        assert_eq!(there, "1970-01-01 00:00:00,000 INFO m");
    }
}
