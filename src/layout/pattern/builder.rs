//! `PatternLayoutBuilder`: a layout's options, and the pattern compiled by them.

use std::hash::DefaultHasher;
use std::hash::Hash as _;
use std::hash::Hasher as _;
use std::sync::Arc;

use super::DEFAULT_LOCALE;
use super::Inner;
use super::LOCAL;
use super::PatternLayout;
use super::default_zone;
use crate::error::PatternError;
use crate::layout::budget::Budget;
use crate::layout::date::Defaults;
use crate::layout::date::default_locale;
use crate::layout::escape::Escape;
use crate::layout::lookup::variables;
use crate::layout::notes::Notes;
use crate::layout::planner::Setting;
use crate::layout::planner::plan;
use crate::layout::shown::Shown;
use crate::layout::simple::remember_start;

/// Builds a [`PatternLayout`]; see [`PatternLayout::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct PatternLayoutBuilder {
    pattern: String,
    zone: String,
    locale: String,
    escape: Escape,
    is_lenient: bool,
    writes_fields: bool,
    writes_exceptions: bool,
}

impl PatternLayoutBuilder {
    pub(super) fn new(pattern: String) -> Self {
        Self {
            pattern,
            zone: LOCAL.to_owned(),
            locale: DEFAULT_LOCALE.to_owned(),
            escape: Escape::default(),
            is_lenient: false,
            writes_fields: true,
            writes_exceptions: true,
        }
    }

    /// Sets the zone of dates that name none: `UTC`, a name of the time zone database such as
    /// `Europe/Berlin`, `GMT+02:00`, or `local`. Defaults to `local`, the machine's own.
    pub fn zone(mut self, name: impl Into<String>) -> Self {
        self.zone = name.into();
        self
    }

    /// Sets the locale of dates that name none: a language tag, such as `en-GB`. Defaults to `en-US`.
    ///
    /// Its region decides how weeks are counted. Words are English, the way the region writes it; for
    /// another language they are American, and a [warning](PatternLayout::warnings) says so.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use std::time::UNIX_EPOCH;
    /// use tracing_kafka::{Layout, LogEvent, PatternLayout};
    ///
    /// // The 31st of December 2018.
    /// let instant = UNIX_EPOCH + Duration::from_secs(1_546_257_600);
    /// let event = LogEvent::builder().instant(instant).build();
    /// for (locale, expected) in [
    ///     ("en-US", "2019 week 1, day 2, 12 PM"),
    ///     ("en-GB", "2019 week 1, day 1, 12 pm"),
    ///     ("ar-EG", "2019 week 1, day 3, 12 PM"),
    /// ] {
    ///     let layout = PatternLayout::builder("%d{YYYY 'week' w, 'day' e, h a}")
    ///         .zone("UTC")
    ///         .locale(locale)
    ///         .build()?;
    ///     let mut out = Vec::new();
    ///     layout.render(&event, &mut out);
    ///     assert_eq!(out, expected.as_bytes());
    ///     assert_eq!(layout.warnings().is_empty(), locale.starts_with("en"));
    /// }
    /// # Ok::<(), tracing_kafka::PatternError>(())
    /// ```
    pub fn locale(mut self, tag: impl Into<String>) -> Self {
        self.locale = tag.into();
        self
    }

    /// Sets how text from events is written. Defaults to [`Escape::Text`].
    pub fn escape(mut self, escape: Escape) -> Self {
        self.escape = escape;
        self
    }

    /// Sets whether `%m` is followed by the fields of the event that the pattern shows nowhere else.
    /// Defaults to true; false is Log4j's own text.
    ///
    /// They are written as `tracing_subscriber::fmt` writes them, `name=value`, in the order in which the
    /// event names them, text in quotes, an error with its sources. `%K` shows all fields, so none
    /// follows then; `%K{name}`, `%ex`, `%marker`, `%traceId` and their like take out what they show. The
    /// first `%m` has the fields, and what is around it takes them in: `%replace{%m}{…}{…}` masks
    /// them, too. A pattern without `%m` has no place for them.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_kafka::{Layout, LogEvent, PatternLayout};
    ///
    /// let event = LogEvent::builder()
    ///     .message("out of stock")
    ///     .field("order", 42)
    ///     .field("item", "screw")
    ///     .build();
    /// for (pattern, always, expected) in [
    ///     ("%p %m", true, r#"INFO out of stock order=42 item="screw""#),
    ///     ("%p %K{order} %m", true, r#"INFO 42 out of stock item="screw""#),
    ///     ("%p %m %K", true, "INFO out of stock {item=screw, order=42}"),
    ///     ("%p %m", false, "INFO out of stock"),
    /// ] {
    ///     let layout = PatternLayout::builder(pattern).always_write_fields(always).build()?;
    ///     let mut out = Vec::new();
    ///     layout.render(&event, &mut out);
    ///     assert_eq!(String::from_utf8_lossy(&out), expected);
    /// }
    /// # Ok::<(), tracing_kafka::PatternError>(())
    /// ```
    pub fn always_write_fields(mut self, always: bool) -> Self {
        self.writes_fields = always;
        self
    }

    /// Sets whether the event's error is one of these fields, as Log4j's `alwaysWriteExceptions` does.
    /// Defaults to true. If false, an error is shown only where the pattern has `%ex`, `%K` or their
    /// like.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use tracing_kafka::{Layout, LogEvent, PatternLayout, Value};
    ///
    /// let error = io::Error::other("disk gone");
    /// let event = LogEvent::builder()
    ///     .message("write failed")
    ///     .field("error", Value::Error(&error))
    ///     .field("order", 42)
    ///     .build();
    /// let mut out = Vec::new();
    /// PatternLayout::new("%m")?.render(&event, &mut out);
    /// assert_eq!(out, b"write failed error=disk gone order=42");
    ///
    /// out.clear();
    /// let layout = PatternLayout::builder("%m").always_write_exceptions(false).build()?;
    /// layout.render(&event, &mut out);
    /// assert_eq!(out, b"write failed order=42");
    /// # Ok::<(), tracing_kafka::PatternError>(())
    /// ```
    pub fn always_write_exceptions(mut self, always: bool) -> Self {
        self.writes_exceptions = always;
        self
    }

    /// Reads mistakes as Log4j reads them, instead of refusing them.
    ///
    /// An unknown word is the longest known one that it begins with, and text; what is none at
    /// all is printed as it stands; a date that makes no sense is printed in the default format, an
    /// unknown zone is GMT. [`warnings`](PatternLayout::warnings) tells. Words of Log4j that are not
    /// supported yet, and a backslash before nothing, remain errors.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_kafka::{Layout, LogEvent, PatternLayout};
    ///
    /// assert!(PatternLayout::new("%levels %q").is_err());
    /// let layout = PatternLayout::builder("%levels %q").lenient().build()?;
    /// let mut out = Vec::new();
    /// layout.render(&LogEvent::builder().build(), &mut out);
    /// assert_eq!(out, b"INFOs %q");
    /// # Ok::<(), tracing_kafka::PatternError>(())
    /// ```
    pub fn lenient(mut self) -> Self {
        self.is_lenient = true;
        self
    }

    /// Compiles the pattern.
    ///
    /// # Errors
    ///
    /// If the pattern has a mistake, if it has a word of Log4j that is not supported yet, if the zone is
    /// unknown, or if the locale is no language tag.
    pub fn build(self) -> Result<PatternLayout, PatternError> {
        remember_start();
        let mut notes = Notes::new(self.is_lenient);
        let defaults = Defaults {
            zone: default_zone(&self.zone)?,
            locale: default_locale(&self.locale, &mut notes)?,
        };
        let shown = Shown::default();
        let setting = Setting {
            defaults: &defaults,
            is_escaped: self.escape == Escape::Text,
            budget: &Budget::default(),
            shown: &shown,
        };
        let mut plan = plan(&self.pattern, setting, &mut notes)?;
        if self.writes_fields
            && let Some(elsewhere) = shown.elsewhere(self.writes_exceptions)
        {
            plan.write_fields(elsewhere);
        }
        let fingerprint = (!plan.has_number()).then(|| self.fingerprint(&defaults));
        Ok(PatternLayout {
            inner: Arc::new(Inner {
                plan,
                pattern: self.pattern,
                zone: self.zone,
                locale: self.locale,
                escape: self.escape,
                is_lenient: self.is_lenient,
                warnings: notes.into_warnings(),
                fingerprint,
            }),
        })
    }

    /// Of all that decides what is printed. The machine's zone and the variables of the environment
    /// are what they are when a pattern is compiled, and may be others for the next one.
    pub(super) fn fingerprint(&self, defaults: &Defaults) -> u64 {
        let mut hasher = DefaultHasher::new();
        "PatternLayout".hash(&mut hasher);
        (&self.pattern, &self.locale, self.escape, self.is_lenient).hash(&mut hasher);
        (self.writes_fields, self.writes_exceptions).hash(&mut hasher);
        (&self.zone, format!("{:?}", defaults.zone)).hash(&mut hasher);
        variables(&self.pattern).hash(&mut hasher);
        hasher.finish()
    }
}
