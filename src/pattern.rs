//! The pattern language: what each part of a conversion pattern prints, and what differs from Log4j 2.
//!
//! A pattern is text with *conversion specifiers*: `%`, widths if you like, a word, and options in
//! braces, as in `%-5level` or `%d{HH:mm:ss.SSS}{UTC}`. [`PatternLayout`](crate::PatternLayout)
//! compiles it once and then renders events without parsing and without allocating. Patterns of
//! Log4j 2 can be pasted as they are. What has another meaning here is in
//! [what differs](#what-differs-from-log4j-2), what has none is in [unsupported](#unsupported).
//! This module holds no code: it is the page.
//!
//! # An example
//!
//! ```
//! use std::time::{Duration, UNIX_EPOCH};
//! use tracing::Level;
//! use tracing_kafka::{Layout, LogEvent, PatternLayout, Value};
//!
//! # #[derive(Debug)]
//! # struct Failure(&'static str, Option<Box<Failure>>);
//! # impl std::fmt::Display for Failure {
//! #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
//! #         f.write_str(self.0)
//! #     }
//! # }
//! # impl std::error::Error for Failure {
//! #     fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
//! #         Some(self.1.as_deref()?)
//! #     }
//! # }
//! # let error = Failure("payment refused", Some(Box::new(Failure("limit reached", None))));
//! let event = LogEvent::builder()
//!     // 2012-11-02, 14:34:02 UTC
//!     .instant(UNIX_EPOCH + Duration::new(1_351_866_842, 123_456_789))
//!     .level(Level::WARN)
//!     .target("shop::orders::cart")
//!     .location(Some("shop::orders::cart"), Some("src/orders/cart.rs"), Some(42))
//!     .thread("main", 1)
//!     .span("request", [("user", "bob"), ("id", "42")])
//!     .span("pay", [("trace_id", "0af76519"), ("span_id", "b7ad6b71"), ("trace_flags", "01")])
//!     .message("card \"4711\" declined")
//!     .marker("AUDIT[ SECURITY ]")
//!     .field("amount", 12.5)
//!     .field("error", Value::Error(&error)) // "payment refused", because of "limit reached"
//!     .build();
//!
//! let layout = PatternLayout::builder("%d %-5p [%t] %c{1.} (%X{user}) %m%n%ex")
//!     .zone("UTC")
//!     .build()?;
//! let mut out = Vec::new();
//! layout.render(&event, &mut out);
//! assert_eq!(
//!     String::from_utf8_lossy(&out),
//!     "2012-11-02 14:34:02,123 WARN  [main] s::o::cart (bob) \
//!      card \"4711\" declined amount=12.5\n\
//!      payment refused\n\
//!      Caused by: limit reached\n"
//! );
//! # Ok::<(), tracing_kafka::PatternError>(())
//! ```
//!
//! Every output on this page is of this event, and compared by a test. The tables show what each word prints
//! by itself; [fields that follow the message](#fields-follow-the-message) have one of their own. In the tables `␊` is a line feed,
//! `␛` is ESC, `␣` is a space that is there to be seen, and `∅` is nothing. Where *e.g.* stands before
//! an output, each run prints another one.
//!
//! From a command line, in a clone of the repository: `cargo run --example pattern -- '%-5p %m%n'` shows
//! what a pattern prints, or marks the place where it is wrong.
//!
//! # Converters
//!
//! Log4j's things, and what stands for them here:
//!
//! | Log4j | Here | Printed by |
//! |---|---|---|
//! | logger name | the event's target; that of a record of the crate `log`, which `tracing-log` hands on | `%c` |
//! | class, method | the module path; the innermost span's name, for which `#[instrument]` takes the function's | `%C` `%M` |
//! | file, line | those of the event; there is no cost and no switch for them | `%F` `%L` |
//! | thread context map, MDC | the fields of the spans around the event; of two with the same name the inner one's | `%X` |
//! | thread context stack, NDC | the names of the spans around the event, outermost first | `%x` |
//! | map message | the event's own fields, save `message` | `%K`, or behind `%m` |
//! | marker | the event's field `marker` | `%marker` |
//! | throwable | the first field that is a `dyn Error`; else the first that is named `error`, `err` or `e` | `%ex` |
//! | OpenTelemetry's ids | fields `trace_id`, `span_id`, `trace_flags` of the event, or else of its spans | `%traceId` … |
//!
//! Words of one row mean the same.
//!
//! ## The event
//!
//! | Pattern | Prints | What it is |
//! |---|---|---|
//! | `%m` `%msg` `%message` `%m{nolookups}` `%m{lookups}` | `card "4711" declined` | the message. The two options are those of old Log4j files and change nothing |
//! | `%p` `%level` | `WARN` | the level |
//! | `%p{length=1}` | `W` | so many letters of it |
//! | `%p{lowerCase=true}` | `warn` | in small letters |
//! | `%p{WARN=!!, ERROR=!!!, length=1}` | `!!` | a text of your own for a level; the other options are for the other levels |
//! | `%d` `%date` | `2012-11-02 14:34:02,123` | when it happened: see [dates](#dates) |
//! | `%r` `%relative` | e.g. `1234` | milliseconds from the first layout of the process to the event |
//! | `%N` `%nano` | e.g. `5012345678` | nanoseconds from the first layout of the process to the rendering |
//! | `%sn` `%sequenceNumber` | e.g. `17` | how many events such patterns have rendered in this process |
//! | `%u` `%uuid` `%u{TIME}` | e.g. `f1fd8b15-24fa-11e2-9598-dbd9aee6e0a3` | an identifier (version 1) from the event's time and a number that is drawn once |
//! | `%u{RANDOM}` | e.g. `0fbd26d7-9bff-4b45-a5ed-3c9fba0a4ff2` | a random one (version 4) |
//! | `%marker` | `AUDIT[ SECURITY ]` | the marker, with its parents if it is written with them |
//! | `%markerSimpleName` | `AUDIT` | the marker without them |
//! | `%eventName` | `∅` | the name that the event was given, as `name: "order.placed"` in a macro |
//! | `%endOfBatch` | `false` | always: an event is rendered before it is in a batch |
//!
//! ## Where it comes from
//!
//! | Pattern | Prints | What it is |
//! |---|---|---|
//! | `%c` `%logger` | `shop::orders::cart` | the target |
//! | `%C` `%class` | `shop::orders::cart` | the module; `?` if it is not known |
//! | `%c{1}` `%C{1}` | `cart` | the last so many words; `.` and `::` both end a word |
//! | `%c{2}` `%c{-1}` | `orders::cart` | the last two; all but the first so many |
//! | `%c{1.}` | `s::o::cart` | so many letters of each word but the last |
//! | `%c{1~.}` | `s~::o~::cart` | a sign for what was cut |
//! | `%c{*.1}` | `shop::o::cart` | a length for each word, the last one for all that follow; `*` is the whole word |
//! | `%c{1.2*}` | `s::orders::cart` | the last so many words, and first letters |
//! | `%M` `%method` | `pay` | the innermost span's name; nothing outside of spans |
//! | `%F` `%file` | `src/orders/cart.rs` | the source file, as the compiler names it |
//! | `%L` `%line` | `42` | the line |
//! | `%l` `%location` | `shop::orders::cart.pay(src/orders/cart.rs:42)` | all of these |
//! | `%t` `%tn` `%thread` `%threadName` | `main` | the thread's name; `thread-7` for number 7 if it has none |
//! | `%T` `%tid` `%threadId` | `1` | the thread's number within this process, which is not the operating system's |
//! | `%pid` `%processId` | e.g. `4711` | the process |
//!
//! ## Fields and spans
//!
//! | Pattern | Prints | What it is |
//! |---|---|---|
//! | `%K` `%map` `%MAP` | `{amount=12.5, error=payment refused}` | the event's fields, sorted by name |
//! | `%K{amount}` | `12.5` | one of them; nothing if there is none |
//! | `%X` `%mdc` `%MDC` | `{id=42, span_id=b7ad6b71, trace_flags=01, trace_id=0af76519, user=bob}` | the fields of the spans, sorted by name; `{}` if there are none |
//! | `%X{user}` | `bob` | one of them; nothing if there is none |
//! | `%X{user, id, shop}` | `{user=bob, id=42}` | some of them, in this order; what is missing is left out |
//! | `%x` `%NDC` | `[request, pay]` | the names of the spans; `[]` if there are none |
//! | `%spans` | `request{user="bob" id="42"}:pay{trace_id="0af76519" span_id="b7ad6b71" trace_flags="01"}:␣` | the spans as `tracing_subscriber::fmt` writes them, each with its own fields; nothing if there are none. A word of our own |
//! | `%traceId` | `0af76519` | the field `trace_id` |
//! | `%spanId` | `b7ad6b71` | the field `span_id` |
//! | `%traceFlags` | `01` | the field `trace_flags` |
//!
//! A marker that is a field of the event, and its error, are among its fields, so `%K` shows them, too.
//!
//! ## Fields follow the message
//!
//! What an event says and the pattern shows nowhere else is written all the same: behind `%m`, as
//! `tracing_subscriber::fmt` writes it. Log4j does so with exceptions.
//!
//! | Pattern | Prints, fields included | What it is |
//! |---|---|---|
//! | `%m` `%m%n%X{nope}` | `card "4711" declined amount=12.5 error=payment refused error.sources=[limit reached]` `card "4711" declined amount=12.5 error=payment refused error.sources=[limit reached]␊` | the fields in the order in which the event names them; text in quotes, an error with its sources |
//! | `%m %K{amount}` `%m ${map:amount}` | `card "4711" declined error=payment refused error.sources=[limit reached] 12.5` | what a word shows is taken out: `%K{…}`, `%marker`, `%traceId`, `%spanId`, `%traceFlags`, look-ups |
//! | `%m%n%ex` | `card "4711" declined amount=12.5␊payment refused␊Caused by: limit reached␊` | and the error by `%ex` and its like |
//! | `%m%ex{none}` | `card "4711" declined amount=12.5` | which is how an error is left out, as in Log4j |
//! | `%m %K` | `card "4711" declined {amount=12.5, error=payment refused}` | `%K` shows them all |
//! | `%maxLen{%m}{27}` | `card "4711" declined amount...` | what is around `%m` takes the fields in: widths, colours, encodings |
//! | `%replace{%m}{[0-9]}{*}` | `card "****" declined amount=**.* error=payment refused error.sources=[limit reached]` | so that a mask masks them, too |
//! | `%m - %m` | `card "4711" declined amount=12.5 error=payment refused error.sources=[limit reached] - card "4711" declined` | the first `%m` has them; one in a substitution, or in a suffix of `%ex`, only if there is no other, or not at all |
//! | `%p %c{1}` | `WARN cart` | no `%m`, no place for them |
//!
//! A message that a macro has among the fields comes first, and a value recorded twice on a span is shown
//! once; these are the differences from `fmt`.
//! [`always_write_fields(false)`](crate::PatternLayoutBuilder::always_write_fields) gives Log4j's own text,
//! [`always_write_exceptions(false)`](crate::PatternLayoutBuilder::always_write_exceptions) leaves out the
//! error alone.
//!
//! ## Errors
//!
//! Where a pattern has none of these, the error is among the fields that follow the message. Without an
//! error they print nothing.
//!
//! | Pattern | Prints | What it is |
//! |---|---|---|
//! | `%ex` `%exception` `%throwable` `%ex{full}` | `payment refused␊Caused by: limit reached␊` | the error and each of its `source`s, 32 at most |
//! | `%xEx` `%xException` `%xThrowable` | `payment refused␊Caused by: limit reached␊` | the same: there are no jars to name |
//! | `%rEx` `%rException` `%rThrowable` | `limit reached␊Wrapped by: payment refused␊` | the innermost first |
//! | `%ex{1}` | `payment refused␊` | so many lines |
//! | `%ex{short}` | `payment refused␊Caused by: limit reached␊` | two lines |
//! | `%ex{none}` `%ex{0}` | `∅` | no lines |
//! | `%ex{short.message}` `%ex{short.localizedMessage}` | `payment refused` | the error itself, without a line end |
//! | `%ex{separator( ~ )}` | `payment refused ~ Caused by: limit reached ~␣` | what ends each line, the last one too |
//! | `%ex{suffix(%t)}` `%ex{S(%t)}` | `payment refused main␊Caused by: limit reached main␊` | a pattern at the end of each line, behind a space |
//! | `%ex{1}{separator(;)}` `%ex{1,separator(;)}` | `payment refused;` | several of these |
//! | `%ex{filters(org.junit)}` | `payment refused␊Caused by: limit reached␊` | accepted: there are no stack frames to hide |
//!
//! ## Patterns inside
//!
//! Words that change what another pattern prints. They may be nested.
//!
//! | Pattern | Prints | What it is |
//! |---|---|---|
//! | `%enc{%m}` `%encode{%m}` `%enc{%m}{HTML}` | `card &quot;4711&quot; declined` | made fit for HTML: `&`, `<`, `>`, `"`, `'`, `/`, line ends |
//! | `%enc{%m}{XML}` | `card &quot;4711&quot; declined` | for XML: the same without `/` and line ends; what XML cannot hold is U+FFFD |
//! | `{"text":"%enc{%m}{JSON}"}` | `{"text":"card \"4711\" declined"}` | for the inside of a JSON string |
//! | `%enc{%m%n}{CRLF}` | `card "4711" declined\n` | line ends as `\r` and `\n` |
//! | `%replace{%m}{[0-9]}{*}` | `card "****" declined` | every match of a regular expression becomes the third option |
//! | `%replace{%m}{"(\w+)" (\w+)}{$2: $1}` | `card declined: 4711` | which may name groups: `$1`, `${name}`; a `\` before `$` or `\` makes it text |
//! | `%maxLen{%m}{4}` `%maxLength{%m}{4}` | `card` | so many characters, 100 for `{}` |
//! | `%maxLen{%m %m}{25}` | `card "4711" declined card...` | over 20 a mark is put behind what was cut |
//! | `%equals{%p}{WARN}{!!}` | `!!` | if the text is the second option, the third; else the text |
//! | `%equals{%p}{INFO}{}` | `WARN` | so this leaves out the usual level |
//! | `%equalsIgnoreCase{%p}{warn}{%t!}` | `main!` | the same, whatever the case; the third may be a pattern |
//! | `%notEmpty{(%X{user}) }` `%varsNotEmpty{(%X{user}) }` `%variablesNotEmpty{(%X{user}) }` | `(bob)␣` | the text, if something in it is not empty besides its own words |
//! | `%notEmpty{(%X{shop}) }` | `∅` | and nothing otherwise |
//! | `%repeat{-=}{3}` | `-=-=-=` | a text, which is no pattern, so many times |
//!
//! The regular expressions are Java's; the engine takes linear time, so look-around, references to
//! groups and possessive quantifiers are refused. `\d`, `\w` and `\s` know ASCII only, as in Java, and
//! `\b` does, as in Java since version 19.
//!
//! ## Colours
//!
//! Escape sequences for a terminal that shows the file or the topic. Nothing is put around nothing.
//!
//! | Pattern | Prints | What it is |
//! |---|---|---|
//! | `%highlight{%p}` | `␛[33mWARN␛[m` | the level's colour: ERROR `1;31`, WARN `33`, INFO `32`, DEBUG `36`, TRACE `30` |
//! | `%highlight{%p}{WARN=bold red, INFO=blue}` | `␛[1;31mWARN␛[m` | colours of your own; words are separated by spaces |
//! | `%highlight{%p}{STYLE=logback}` | `␛[31mWARN␛[m` | logback's: ERROR `1;31`, WARN `31`, INFO `34`, no others. `STYLE=default` is the above |
//! | `%style{%p}{bold,red}` `%style{%p}{Bold Red}` | `␛[1;31mWARN␛[m` | the same for all levels; commas or spaces |
//! | `%style{%p}{#ff8000}` `%style{%p}{bg_#ff8000}` | `␛[38;2;255;128;0mWARN␛[m` `␛[48;2;255;128;0mWARN␛[m` | any colour |
//! | `%black{%p}` `%red{%p}` | `␛[30mWARN␛[m` `␛[31mWARN␛[m` | each of the eight colours is a word, too |
//! | `%green{%p}` `%yellow{%p}` | `␛[32mWARN␛[m` `␛[33mWARN␛[m` | |
//! | `%blue{%p}` `%magenta{%p}` | `␛[34mWARN␛[m` `␛[35mWARN␛[m` | |
//! | `%cyan{%p}` `%white{%p}` | `␛[36mWARN␛[m` `␛[37mWARN␛[m` | |
//! | `%style{%p}{red}{disableAnsi=true}` `%highlight{%p}{noConsoleNoAnsi=true}` | `WARN` | in any option: no colours |
//!
//! Style words: `normal` 0, `bold` and `bright` 1, `dim` 2, `underline` 3, which terminals show as
//! italic, `blink` 5, `reverse` 7, `hidden` 8, `default` and `fg_default` 39. The colours are 30 to 37, also
//! as `fg_red`; `bg_red` 41, `bright_red` and `fg_bright_red` 91, `bg_bright_red` 101. `csi`, `suffix`
//! and `separator` are pieces of a sequence, which Log4j keeps among the words.
//!
//! ## Ends
//!
//! | Pattern | Prints | What it is |
//! |---|---|---|
//! | `%n` | `␊` | a line feed, on all systems |
//! | `%%` | `%` | a percent sign |
//!
//! One event is one record, so the same pattern serves both layers: the Kafka layer takes one line feed
//! off the end, unless [`keep_newline`](crate::KafkaLayerBuilder::keep_newline) is set; the file layer
//! ends every event with exactly one, whether the pattern has `%n` or not.
//!
//! # Modifiers
//!
//! Widths stand between `%` and the word: the least one, a point, the most. They count characters.
//!
//! | Pattern | Prints | What it is |
//! |---|---|---|
//! | `%6p` | `␣␣WARN` | filled up on the left |
//! | `%-6p` | `WARN␣␣` | on the right |
//! | `%06L` | `000042` | with zeros, always on the left |
//! | `%.3p` | `ARN` | too long: cut at the front |
//! | `%.-3p` | `WAR` | cut at the end |
//! | `%-6.8c{1}` | `cart␣␣` | both |
//! | `%6.2p` | `RN` | what was cut is not filled up again |
//! | `%.0m` | `∅` | |
//! | `%10style{%p}{red}` | `␛[31mWARN␛[m` | the characters of a colour count, as in Log4j: put the width inside |
//! | `%style{%6p}{red}` | `␛[31m␣␣WARN␛[m` | |
//!
//! # Dates
//!
//! `%d{format}{zone}{locale}`; each may be left out from the end.
//!
//! A **format** has a name, in capitals, or is spelt in letters.
//!
//! | Format | Letters | Prints |
//! |---|---|---|
//! | `DEFAULT` | `yyyy-MM-dd HH:mm:ss,SSS` | `2012-11-02 14:34:02,123` |
//! | `DEFAULT_MICROS` | `yyyy-MM-dd HH:mm:ss,SSSSSS` | `2012-11-02 14:34:02,123456` |
//! | `DEFAULT_NANOS` | `yyyy-MM-dd HH:mm:ss,SSSSSSSSS` | `2012-11-02 14:34:02,123456789` |
//! | `DEFAULT_PERIOD` | `yyyy-MM-dd HH:mm:ss.SSS` | `2012-11-02 14:34:02.123` |
//! | `ISO8601` | `yyyy-MM-dd'T'HH:mm:ss,SSS` | `2012-11-02T14:34:02,123` |
//! | `ISO8601_PERIOD` | `yyyy-MM-dd'T'HH:mm:ss.SSS` | `2012-11-02T14:34:02.123` |
//! | `ISO8601_PERIOD_MICROS` | `yyyy-MM-dd'T'HH:mm:ss.SSSSSS` | `2012-11-02T14:34:02.123456` |
//! | `ISO8601_BASIC` | `yyyyMMdd'T'HHmmss,SSS` | `20121102T143402,123` |
//! | `ISO8601_BASIC_PERIOD` | `yyyyMMdd'T'HHmmss.SSS` | `20121102T143402.123` |
//! | `ISO8601_OFFSET_DATE_TIME_HH` | `yyyy-MM-dd'T'HH:mm:ss,SSSx` | `2012-11-02T14:34:02,123+00` |
//! | `ISO8601_OFFSET_DATE_TIME_HHMM` | `yyyy-MM-dd'T'HH:mm:ss,SSSxx` | `2012-11-02T14:34:02,123+0000` |
//! | `ISO8601_OFFSET_DATE_TIME_HHCMM` | `yyyy-MM-dd'T'HH:mm:ss,SSSxxx` | `2012-11-02T14:34:02,123+00:00` |
//! | `ABSOLUTE` | `HH:mm:ss,SSS` | `14:34:02,123` |
//! | `ABSOLUTE_MICROS` | `HH:mm:ss,SSSSSS` | `14:34:02,123456` |
//! | `ABSOLUTE_NANOS` | `HH:mm:ss,SSSSSSSSS` | `14:34:02,123456789` |
//! | `ABSOLUTE_PERIOD` | `HH:mm:ss.SSS` | `14:34:02.123` |
//! | `COMPACT` | `yyyyMMddHHmmssSSS` | `20121102143402123` |
//! | `DATE` | `dd MMM yyyy HH:mm:ss,SSS` | `02 Nov 2012 14:34:02,123` |
//! | `DATE_PERIOD` | `dd MMM yyyy HH:mm:ss.SSS` | `02 Nov 2012 14:34:02.123` |
//! | `US_MONTH_DAY_YEAR2_TIME` | `dd/MM/yy HH:mm:ss.SSS` | `02/11/12 14:34:02.123` |
//! | `US_MONTH_DAY_YEAR4_TIME` | `dd/MM/yyyy HH:mm:ss.SSS` | `02/11/2012 14:34:02.123` |
//! | `UNIX` | | `1351866842` |
//! | `UNIX_MILLIS` | | `1351866842123` |
//!
//! (`US_MONTH_DAY_…` put the day first in spite of their names. That is Log4j's doing.)
//!
//! **Letters** are Java's. A row of one letter is an item, and its length says how it is written. A dash
//! marks a length that is refused.
//!
//! | Letter | ×1 | ×2 | ×3 | ×4 | ×5 | What it is |
//! |---|---|---|---|---|---|---|
//! | `G` | `AD` | `AD` | `AD` | `Anno Domini` | `A` | era |
//! | `y` `u` | `2012` | `12` | `2012` | `2012` | `02012` | year of the era; year, which may be negative |
//! | `Y` | `2012` | `12` | `2012` | `2012` | `02012` | year that the week belongs to: wrong around New Year if you mean `y` |
//! | `Q` `q` | `4` | `04` | `Q4` | `4th quarter` | `4` | quarter |
//! | `M` `L` | `11` | `11` | `Nov` | `November` | `N` | month |
//! | `w` | `44` | `44` | – | – | – | week of the year; depends on the locale |
//! | `W` | `1` | – | – | – | – | week of the month; depends on the locale |
//! | `D` | `307` | `307` | `307` | – | – | day of the year |
//! | `d` | `2` | `02` | – | – | – | day of the month |
//! | `F` | `2` | – | – | – | – | day of the month in rows of seven |
//! | `g` | `56233` | `56233` | `56233` | `56233` | `56233` | modified Julian day |
//! | `E` | `Fri` | `Fri` | `Fri` | `Friday` | `F` | day of the week |
//! | `e` | `6` | `06` | `Fri` | `Friday` | `F` | the same as a number, which depends on the locale |
//! | `c` | `6` | – | `Fri` | `Friday` | `F` | the same |
//! | `a` | `PM` | – | – | – | – | half of the day |
//! | `B` | `in the afternoon` | – | – | `in the afternoon` | `in the afternoon` | part of the day |
//! | `H` `k` | `14` | `14` | – | – | – | hour from 0; from 1 to 24 |
//! | `K` `h` | `2` | `02` | – | – | – | hour of the half day from 0; from 1 to 12 |
//! | `m` | `34` | `34` | – | – | – | minute |
//! | `s` | `2` | `02` | – | – | – | second |
//! | `S` | `1` | `12` | `123` | `1234` | `12345` | fraction of the second, cut, not rounded; 9 digits at most |
//! | `n` | `123456789` | `123456789` | `123456789` | `123456789` | `123456789` | nanosecond of the second, with zeros up to the length |
//! | `A` | `52442123` | `52442123` | `52442123` | `52442123` | `52442123` | millisecond of the day, likewise |
//! | `N` | `52442123456789` | `52442123456789` | `52442123456789` | `52442123456789` | `52442123456789` | nanosecond of the day, likewise |
//! | `V` | – | `UTC` | – | – | – | zone, as it was given |
//! | `z` | `UTC` | `UTC` | `UTC` | `Coordinated Universal Time` | – | name of the zone at that time |
//! | `v` | `UTC` | – | – | `Coordinated Universal Time` | – | name of the zone at all times |
//! | `O` | `GMT` | – | – | `GMT` | – | distance from Greenwich |
//! | `X` | `Z` | `Z` | `Z` | `Z` | `Z` | the same, `Z` for none |
//! | `x` | `+00` | `+0000` | `+00:00` | `+0000` | `+00:00` | the same |
//! | `Z` | `+0000` | `+0000` | `+0000` | `GMT` | `Z` | the same |
//!
//! | Zone letters | `America/New_York` | `Asia/Kolkata` |
//! |---|---|---|
//! | `VV` | `America/New_York` | `Asia/Kolkata` |
//! | `z` | `EDT` | `IST` |
//! | `zzzz` | `Eastern Daylight Time` | `India Standard Time` |
//! | `v` | `ET` | `IT` |
//! | `vvvv` | `Eastern Time` | `India Time` |
//! | `O` | `GMT-4` | `GMT+5:30` |
//! | `OOOO` `ZZZZ` | `GMT-04:00` | `GMT+05:30` |
//! | `X` `x` | `-04` | `+0530` |
//! | `XX` `XXXX` `xx` `xxxx` `Z` | `-0400` | `+0530` |
//! | `XXX` `XXXXX` `xxx` `xxxxx` `ZZZZZ` | `-04:00` | `+05:30` |
//!
//! Text belongs in single quotes, and `''` is a quote. Other characters stand for themselves; a letter
//! that is no item does so only leniently, save `T`.
//!
//! | Pattern | Prints | What it is |
//! |---|---|---|
//! | `%d{HH'h'mm}{UTC}` | `14h34` | text |
//! | `%d{yyyy-MM-ddTHH:mm:ss.SSSXXX}{UTC}` | `2012-11-02T14:34:02.123Z` | RFC 3339 |
//! | `%d{HH:mm}{Europe/Berlin}` `%d{HH:mm}{GMT+1}` | `15:34` | in a zone |
//! | `%d{E e}{UTC}{en-GB}` | `Fri 5` | in a locale |
//!
//! A **zone** is `UTC`, a name of the time zone database, or `GMT+h`, `GMT+hh:mm` and the like. Without one,
//! the date is in the zone set by [`zone`](crate::PatternLayoutBuilder::zone), and without that in the
//! machine's own.
//!
//! A **locale** is a language tag, such as `en-GB`. Without one it is the layout's, which
//! [`locale`](crate::PatternLayoutBuilder::locale) sets, and `en-US` without that. The region decides how weeks are counted. Words are English,
//! as the region spells them; a tag of another language gets English words, and a warning says so.
//!
//! # Text, options, look-ups
//!
//! **Text** between specifiers is printed as it stands, save for backslashes and look-ups.
//!
//! | Pattern | Prints | What it is |
//! |---|---|---|
//! | `%p\n%t` | `WARN␊main` | `\n`, `\r`, `\t`, `\f`, `\b` are what they are in Java |
//! | `a\\b\"c\"` | `a\b"c"` | before a sign that is no letter or digit: that sign |
//! | `%p\{x}` | `WARN{x}` | so a brace after a word can be text |
//! | `%m{}s` | `card "4711" declineds` | and an empty option ends a word that has no use for one |
//!
//! **Options** stand in braces right behind the word. Braces in them come in pairs, and there is no escape
//! for them. What is in them is taken to the letter, backslashes and spaces too, unless it is a pattern.
//!
//! **The word** is the longest one that the letters after `%` begin with; digits and `_` count as letters.
//! Options come after all of the letters: `%msgs{x}` is `%msg{x}` and the text `s`. When strict, the
//! letters must be a word.
//!
//! **Look-ups** in text are read when the pattern is compiled. Values that come from an event are escaped
//! like other parts of it. What an event brings along is never searched for look-ups, nor for anything
//! else.
//!
//! | Pattern | Prints | What it is |
//! |---|---|---|
//! | `${ctx:user}` `${CTX:user}` | `bob` | a field of the spans |
//! | `${map:amount}` | `12.5` | a field of the event |
//! | `${marker:}` `${event:Marker}` | `AUDIT` | the marker, without its parents |
//! | `${event:Level}` `${event:Logger}` | `WARN` `shop::orders::cart` | parts of the event |
//! | `${event:Message}` `${event:Timestamp}` | `card "4711" declined` `1351866842123` | |
//! | `${event:ThreadName}` `${event:ThreadId}` | `main` `1` | |
//! | `${ctx:shop:-none}` `${ctx:shop:-${ctx:user}}` | `none` `bob` | what is printed if there is none: a text, or another look-up |
//! | `${ctx:shop}` | `${ctx:shop}` | without that: the look-up itself |
//! | `${lower:ABC}` `${upper:abc}` | `abc` `ABC` | a text in other letters |
//! | `${env:NO_SUCH_VARIABLE:-none}` | `none` | a variable of the environment, looked up once, when the pattern is compiled |
//! | `$${ctx:user}` | `${ctx:user}` | not looked up |
//!
//! # Strict and lenient
//!
//! A pattern is read strictly unless [`lenient`](crate::PatternLayoutBuilder::lenient) is asked for:
//! what Log4j would complain about, ignore or print as it stands is an error, with the byte, and with
//! what was probably meant. Read leniently, a pattern with mistakes prints what Log4j makes of it, and
//! [`warnings`](crate::PatternLayout::warnings) holds what was swallowed.
//!
//! ```
//! use tracing_kafka::{Layout, LogEvent, PatternLayout};
//!
//! let error = PatternLayout::new("%level %mesage").unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "unknown conversion word `%mesage` at byte 7; did you mean `%message`? \
//!      Log4j reads it as `%m` and the text `esage`",
//! );
//! assert_eq!((error.offset(), error.length()), (7, 7));
//!
//! let layout = PatternLayout::builder("%level %mesage").lenient().build()?;
//! let mut out = Vec::new();
//! layout.render(&LogEvent::builder().message("hi").build(), &mut out);
//! assert_eq!(out, b"INFO hiesage");
//! assert_eq!(layout.warnings(), [error]);
//! # Ok::<(), tracing_kafka::PatternError>(())
//! ```
//!
//! | Refused | Printed leniently | Why |
//! |---|---|---|
//! | `%levels` | `WARNs` | no word; the longest beginning is one |
//! | `%node` | `␊ode` | the same, and it is seldom what was meant |
//! | `%q{x}y` | `%qy` | no word at all: text, and its options are gone |
//! | `%c{1` | `shop::orders::cart1` | a brace is open |
//! | `100%` | `100%` | a percent sign is written `%%` |
//! | `%p{WARN=}` | `WARN` | an option that means nothing |
//! | `%t{x}` | `main` | an option that nobody reads |
//! | `%d{HH:mm:sss}` | `2012-11-02 14:34:02,123` | no such date: Log4j takes the default, without the zone that was asked for |
//! | `%d{iso8601}` | `i2o8601` | names are in capitals; `s` is a letter of dates |
//! | `%d{HH:mm}{UTC+2}` `%d{HH:mm}{Nowhere}` | `14:34` | no such zone: Log4j takes GMT |
//! | `%d{HH:mm}{PST}` | `07:34` | ambiguous: Java takes it for `America/Los_Angeles` |
//! | `%style{%p}{red nope}` | `␛[31;mWARN␛[m` | no style word |
//! | `%style{%p}` | `␛[mWARN␛[m` | too few options |
//! | `%style` `%highlight` | `␛[mdisableAnsi=false␛[m` `␛[33mdisableAnsi=false␛[m` | none at all: Log4j takes an option of its own for the pattern |
//! | `%maxLen{%m}` | `%maxLen` | too few options |
//! | `%enc{%m}{BASE64}` | `%enc` | no such encoding |
//! | `%replace{%m}{[}{y}` | `%replace` | a regular expression that cannot be compiled |
//! | `${nope:x}` `${nope:x:-y}` | `${nope:x}` `y` | no such look-up |
//! | `a\qb` | `aqb` | no such escape |
//! | `a\` `%maxLen{%m}{-1}` `%replace{%m}{a}{$1}` | refused, too | Log4j throws, on building or at each event |
//!
//! # What differs from Log4j 2
//!
//! What Log4j prints is taken from its code, not from its manual: over 3,000 patterns are compared byte for
//! byte with what Log4j itself printed. Other than there on purpose:
//!
//! ## Text from events is escaped
//!
//! A line feed in a message would make two lines of one event, and nothing would tell which of them the
//! application wrote; ESC moves the cursor of whoever reads the file; other characters turn text round. All
//! of them are escaped, so one event is one line: see [`Escape`](crate::Escape). A backslash is not,
//! so that paths and JSON stay readable.
//!
//! ```
//! use tracing_kafka::{Escape, Layout, LogEvent, PatternLayout};
//!
//! # fn main() -> Result<(), tracing_kafka::PatternError> {
//! let event = LogEvent::builder()
//!     .message("no user `eve\n12:00 INFO all is well\u{1b}[0m`")
//!     .build();
//! let print = |pattern, escape| {
//!     let layout = PatternLayout::builder(pattern).escape(escape).build()?;
//!     let mut out = Vec::new();
//!     layout.render(&event, &mut out);
//!     Ok(String::from_utf8_lossy(&out).into_owned())
//! };
//!
//! let text = print("%m%n", Escape::Text)?;
//! assert_eq!(text, "no user `eve\\n12:00 INFO all is well\\x1b[0m`\n");
//! // As Log4j prints it.
//! let raw = print("%m%n", Escape::None)?;
//! assert_eq!(raw, "no user `eve\n12:00 INFO all is well\u{1b}[0m`\n");
//! // Encoded instead of escaped: whoever reads the JSON gets the message as it was.
//! let json = print(r#"{"text":"%enc{%m}{JSON}"}"#, Escape::Text)?;
//! assert_eq!(json, r#"{"text":"no user `eve\n12:00 INFO all is well\u001B[0m`"}"#);
//! // The expression sees the message as it was, and what becomes of it is escaped.
//! let replaced = print(r"%replace{%m}{\n.*}{}", Escape::Text)?;
//! assert_eq!(replaced, "no user `eve");
//! # Ok(())
//! # }
//! ```
//!
//! How that meets the rest:
//!
//! * **The pattern's own text is layout** and never escaped: `%n`, `\n`, ESC in a colour.
//! * **Widths** count what is shown, escapes included. They may cut one.
//! * **`%enc{…}{JSON}`** encodes the text as it was, and also what would be escaped. The other
//!   encodings are given escaped text.
//! * **`%replace`** sees the text as it was; the result is escaped. If the pattern inside, or what is put in,
//!   has line ends or colours of its own, it sees escaped text instead: afterwards nobody could tell
//!   which line feed is layout.
//! * **`%equals`** finds a text as it was and as it is shown.
//! * **`%ex`**: what ends its lines is layout. The texts of the errors are escaped.
//!
//! ## Other words, other outputs
//!
//! | Pattern | Prints | In Log4j | Why |
//! |---|---|---|---|
//! | `%ex` | `payment refused␊Caused by: limit reached␊` | name of the class, stack frames, suppressed exceptions | errors in Rust have none of these |
//! | `%m` | `card "4711" declined` | the stack trace follows, unless `alwaysWriteExceptions` is off | the error is on the same line, among the fields that follow, so that one event stays one line |
//! | `%c{1}` | `cart` | `shop::orders::cart` | paths in Rust are separated by `::`; the separator is kept |
//! | `%F` | `src/orders/cart.rs` | `cart.rs` | many files are called `mod.rs` |
//! | `%M` | `pay` | the method | an event knows its module, not its function |
//! | `%K` | `{amount=12.5, error=payment refused}` | nothing, save for map messages | nearly every event has fields. With a message and no others it prints nothing |
//! | `%t` | `main` | a thread has a name always | one without is `thread-` and its number |
//! | `%sn %sn` | e.g. `17 17` | two numbers | the number is the event's |
//! | `%n` | `␊` | the system's line end | the readers of a topic run elsewhere |
//! | `%traceId` | `0af76519` | `%t` and `raceId` up to 2.26 | these words come with 2.27 |
//! | `%style{%p}{red}` | `␛[31mWARN␛[m` | no colours, if the layout says so or the console knows none | a topic and a file are no consoles; only `disableAnsi` in the pattern takes colours away |
//!
//! Beside these:
//!
//! * **Widths count characters**; Log4j counts UTF-16 units, of which an emoji has two.
//! * **There is no level FATAL.** Labels and colours for it, for `OFF` and for `ALL` are accepted and unused.
//! * **`%u` holds no address of a network card**, as Log4j's does, but a number drawn once for the process.
//! * **`%r` and `%N`** begin with the first layout, for want of a moment at which a Rust process has begun.
//! * **Dates have English words**, as above.
//! * **Strict by default**: Log4j logs a complaint at start-up and goes on. For a program that is being
//!   deployed an error is better.
//! * **There are limits**, for a pattern may come from a configuration: widths up to 10,000 characters;
//!   braces and patterns inside patterns 64 deep; `%repeat` up to 10,000 bytes; a regular expression of
//!   4,096 bytes; a look-up of 200 bytes. More is refused, or leniently cut down, or left as text. Of an
//!   event are shown 64 KiB of the message, 128 fields and 32,720 bytes of each; `%replace` lets a text grow to
//!   1 MiB.
//!
//! ## Where Log4j's manual says otherwise
//!
//! | Pattern | Prints | The manual says |
//! |---|---|---|
//! | `%notEmpty{%X{user}%X{shop}}` | `bob` | nothing, unless all variables have something; in truth one is enough |
//! | `%c{1.2.*}` | `s::or::cart` | `s::orders::cart`, which is `1.2*` |
//! | `%c{36}` | `shop::orders::cart` | nothing; but logback cuts this to 36 characters, and Log4j to 36 words |
//! | `%K` | `{amount=12.5, error=payment refused}` | `{{amount,12.5},{error,…}}` |
//! | `%maxLen{%m %m}{25}` | `card "4711" declined card...` | 25 characters at most; the mark comes on top |
//!
//! # Unsupported
//!
//! What has no meaning here is refused. What Log4j 2 does not know either is printed leniently as Log4j
//! prints it.
//!
//! | Refused | Printed leniently | Why, and what is nearest |
//! |---|---|---|
//! | `%fqcn` | refused, too | an event does not know which logging function was called; `%C` is the module that called it |
//! | `%tp` `%threadPriority` | refused, too | threads have no priority here; `%t`, `%tid` |
//! | `%ex{short.className}` `%ex{short.methodName}` `%ex{short.fileName}` `%ex{short.lineNumber}` | `∅` | an error has no stack frame; `%l` is where the event was logged |
//! | `%ex{ansi}` | `payment refused␊Caused by: limit reached␊` | no colours in errors; `%style{%ex}{red}` |
//! | `%m{ansi}` | `card "4711" declined` | text of events is never interpreted; `%style{%m}{red}` |
//! | `%m{HTML}` | `∅` | so it is in Log4j; `%enc{%m}{HTML}` |
//! | `%replace{%m}{(?=a)}{b}` `%replace{%m}{(a)\1}{b}` `%replace{%m}{a++}{b}` | `%replace` | an expression that needs to go back; the search takes linear time, for it runs where the event is logged |
//! | `${jndi:ldap://x}` `${sys:user.name}` `${date:yyyy}` | `${jndi:ldap://x}` `${sys:user.name}` `${date:yyyy}` | nothing is fetched, and nothing is Java's; `${env:…}`, `%d`, or `format!` the text into the pattern |
//! | `%R{-}{3}` | `%R` | Log4j 3; here and in Log4j 2 it is `%repeat` |
//! | `%clr{%p}{red}` | `%::%::cartlr` | Spring Boot; `%style`, `%highlight` |
//! | `%wEx` `%xwEx` | `%wEx` `[request, pay]wEx` | Spring Boot; `%ex` |
//! | `%red(%p)` | `%red(WARN)` | logback; braces, not parentheses |
//! | `%lo` `%le` | `shop::orders::cart.pay(src/orders/cart.rs:42)o` `shop::orders::cart.pay(src/orders/cart.rs:42)e` | logback; `%logger`, `%level` |
//! | `%kvp` `%caller` | `%kvp` `shop::orders::cartaller` | logback; `%K`, `%l` |
//! | `%property{x}` `%contextName` | `WARNroperty` `shop::orders::cartontextName` | logback; the text itself, or `${env:…}` |
//!
//! Without a word in the pattern: pattern selectors by marker or level (a
//! [`Layout`](crate::Layout) of your own can hold several), headers and footers, other character sets
//! than UTF-8, converters of your own (again a [`Layout`](crate::Layout)), and markup in messages.
