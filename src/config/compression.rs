//! How batches are compressed: the codecs that are compiled in, their levels, and what is refused.

use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::error::BuildError;

/// How batches are compressed. Kafka property `compression.type`.
///
/// Each but [`None`](Self::None) needs the feature of its name. A batch that would not become smaller
/// goes uncompressed, as does one of a few hundred bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// Gzip, in Rust: nearly as small as Zstandard, for two to three times its work.
    #[cfg(feature = "gzip")]
    Gzip,
    /// Snappy in the framing of Kafka's clients, in pure Rust.
    #[cfg(feature = "snappy")]
    Snappy,
    /// LZ4 frames, in pure Rust. The default.
    #[cfg(feature = "lz4")]
    Lz4,
    /// Zstandard, by the C library, which is compiled along: it needs a C compiler. About half of what
    /// LZ4 makes of log lines, for about three times its work. Brokers and readers since Kafka 2.1.
    #[cfg(feature = "zstd")]
    Zstd,
}

/// By its name in Kafka: `lz4`.
impl FromStr for Compression {
    type Err = BuildError;

    fn from_str(name: &str) -> Result<Self, BuildError> {
        Self::parse("compression.type", name)
    }
}

impl Default for Compression {
    fn default() -> Self {
        #[cfg(feature = "lz4")]
        return Self::Lz4;
        #[cfg(not(feature = "lz4"))]
        return Self::None;
    }
}

/// A codec and its level, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CompressionSettings {
    pub(crate) kind: Compression,
    /// In the codec's own terms; 0 for one without levels.
    pub(crate) level: i32,
}

impl From<Compression> for CompressionSettings {
    fn from(kind: Compression) -> Self {
        let level = kind.levels().map_or(0, |levels| levels.default);
        Self { kind, level }
    }
}

/// Which levels a codec has.
struct Levels {
    property: &'static str,
    range: RangeInclusive<i32>,
    expected: &'static str,
    default: i32,
}

impl Compression {
    /// The codec that Kafka's `compression.type` calls `value`.
    pub(super) fn parse(name: &str, value: &str) -> Result<Self, BuildError> {
        match CODECS.iter().find(|(codec, _)| *codec == value) {
            Some((_, Some(codec))) => Ok(*codec),
            Some((_, None)) => Err(BuildError::setting(
                name,
                value,
                format!("{}: the feature `{value}` is off", Self::names()),
            )),
            None => Err(BuildError::setting(name, value, Self::names())),
        }
    }

    /// What can be chosen, in words.
    fn names() -> String {
        let names: Vec<_> = CODECS
            .iter()
            .filter(|(_, codec)| codec.is_some())
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => names.concat(),
        }
    }

    fn name(self) -> &'static str {
        let found = CODECS.iter().find(|(_, codec)| *codec == Some(self));
        found.map_or("", |(name, _)| name)
    }

    fn levels(self) -> Option<Levels> {
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => Some(Levels {
                property: GZIP_LEVEL,
                range: 1..=9,
                expected: "1 to 9, or -1 for the default",
                default: 6,
            }),
            #[cfg(feature = "zstd")]
            Self::Zstd => Some(Levels {
                property: ZSTD_LEVEL,
                range: -131_072..=22,
                expected: "-131072 to 22",
                default: 3,
            }),
            _ => None,
        }
    }
}

/// The levels that were set, each with the name that it was set by: they can be checked only when it
/// is known what the codec is.
#[derive(Debug, Clone, Default)]
pub(crate) struct LevelOptions {
    set: Vec<(&'static str, i32)>,
}

impl LevelOptions {
    /// The level of whatever codec is chosen.
    pub(crate) fn set(&mut self, level: i32) {
        self.set = vec![(SETTER, level)];
    }

    /// The level of the codec of this property.
    #[cfg_attr(
        not(any(feature = "gzip", feature = "zstd")),
        expect(dead_code, reason = "no codec with levels is compiled in")
    )]
    pub(super) fn set_property(&mut self, property: &'static str, level: i32) {
        self.set
            .retain(|(name, _)| *name != SETTER && *name != property);
        self.set.push((property, level));
    }

    /// Refuses a level out of range, and one of a codec that was not chosen: it would do nothing.
    pub(super) fn check(&self, kind: Compression) -> Result<CompressionSettings, BuildError> {
        let mut settings = CompressionSettings::from(kind);
        for (name, level) in &self.set {
            settings.level = check_level(name, *level, kind)?;
        }
        Ok(settings)
    }
}

fn check_level(name: &str, level: i32, kind: Compression) -> Result<i32, BuildError> {
    let levels = kind
        .levels()
        .filter(|levels| name == SETTER || name == levels.property);
    let Some(levels) = levels else {
        return Err(BuildError::conflict(
            format!(
                "`{name}` is `{level}` and `compression.type` is `{}`",
                kind.name()
            ),
            match name {
                GZIP_LEVEL => "`gzip` with it",
                ZSTD_LEVEL => "`zstd` with it",
                _ => "`gzip` or `zstd`: the others have no levels",
            },
        ));
    };
    if is_for_default(&levels, level) {
        return Ok(levels.default);
    }
    if !levels.range.contains(&level) {
        return Err(BuildError::setting(
            levels.property,
            level.to_string(),
            levels.expected,
        ));
    }
    Ok(level)
}

/// Gzip's −1, which is no level of its own; Zstandard's is one.
fn is_for_default(levels: &Levels, level: i32) -> bool {
    level == -1 && !levels.range.contains(&level)
}

/// The property of gzip's level.
pub(super) const GZIP_LEVEL: &str = "compression.gzip.level";
/// The property of Zstandard's level.
pub(super) const ZSTD_LEVEL: &str = "compression.zstd.level";
const SETTER: &str = "compression_level";

/// Kafka's names, and what of them is compiled in.
const CODECS: &[(&str, Option<Compression>)] = &[
    ("none", Some(Compression::None)),
    ("gzip", GZIP),
    ("snappy", SNAPPY),
    ("lz4", LZ4),
    ("zstd", ZSTD),
];

#[cfg(feature = "gzip")]
const GZIP: Option<Compression> = Some(Compression::Gzip);
#[cfg(not(feature = "gzip"))]
const GZIP: Option<Compression> = None;
#[cfg(feature = "snappy")]
const SNAPPY: Option<Compression> = Some(Compression::Snappy);
#[cfg(not(feature = "snappy"))]
const SNAPPY: Option<Compression> = None;
#[cfg(feature = "lz4")]
const LZ4: Option<Compression> = Some(Compression::Lz4);
#[cfg(not(feature = "lz4"))]
const LZ4: Option<Compression> = None;
#[cfg(feature = "zstd")]
const ZSTD: Option<Compression> = Some(Compression::Zstd);
#[cfg(not(feature = "zstd"))]
const ZSTD: Option<Compression> = None;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KafkaOptions;

    fn with(properties: &[(&str, &str)]) -> Result<CompressionSettings, String> {
        let mut options = KafkaOptions::new(vec!["localhost:9092".to_owned()], "logs".to_owned());
        for (name, value) in properties {
            options.set_property(name, value);
        }
        let checked = options.check().map_err(|error| error.to_string());
        checked.map(|settings| settings.compression)
    }

    #[test]
    fn every_codec_is_chosen_by_kafkas_name_or_refused_by_that_of_its_feature() {
        for (name, codec) in CODECS {
            let found = with(&[("compression.type", name)]);
            if let Some(codec) = codec {
                assert_eq!(found, Ok(CompressionSettings::from(*codec)));
                assert_eq!(codec.name(), *name);
                continue;
            }
            let error = found.unwrap_err();
            let wanted = format!("`compression.type` is `{name}`, expected `none`");
            assert!(error.contains(&wanted), "{error}");
            let wanted = format!(": the feature `{name}` is off");
            assert!(error.ends_with(&wanted), "{error}");
        }
        let error = with(&[("compression.type", "brotli")]).unwrap_err();
        let names = Compression::names();
        let wanted = format!("`compression.type` is `brotli`, expected {names}");
        assert_eq!(error, wanted);
    }

    #[test]
    fn a_level_without_its_codec_is_refused() {
        let mut options = LevelOptions::default();
        options.set(3);
        assert_eq!(
            options.check(Compression::None).unwrap_err().to_string(),
            "`compression_level` is `3` and `compression.type` is `none`, expected `gzip` or `zstd`: \
             the others have no levels"
        );
        for (name, feature, is_on) in [
            (GZIP_LEVEL, "gzip", cfg!(feature = "gzip")),
            (ZSTD_LEVEL, "zstd", cfg!(feature = "zstd")),
        ] {
            let error = with(&[("compression.type", "none"), (name, "3")]).unwrap_err();
            let wanted = if is_on {
                format!(
                    "`{name}` is `3` and `compression.type` is `none`, expected `{feature}` with it"
                )
            } else {
                format!("property `{name}` needs the feature `{feature}`, which is off")
            };
            assert_eq!(error, wanted);
        }
        let error = with(&[("compression.lz4.level", "9")]).unwrap_err();
        assert!(error.contains("is not supported"), "{error}");
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn gzip_has_the_levels_that_kafka_says() {
        let level = |level| with(&[("compression.type", "gzip"), (GZIP_LEVEL, level)]);
        for (text, number) in [("-1", 6), ("1", 1), ("6", 6), ("9", 9)] {
            assert_eq!(level(text).unwrap().level, number);
        }
        for text in ["-2", "0", "10", "2147483647"] {
            let wanted = format!(
                "`compression.gzip.level` is `{text}`, expected 1 to 9, or -1 for the default"
            );
            assert_eq!(level(text).unwrap_err(), wanted);
        }
        for text in ["", "high", "2147483648"] {
            let error = level(text).unwrap_err();
            assert!(error.ends_with("expected a whole number"), "{error}");
        }
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn zstandard_has_the_levels_that_kafka_says() {
        let level = |level: i32| {
            let level = level.to_string();
            with(&[("compression.type", "zstd"), (ZSTD_LEVEL, &level)])
        };
        for number in [-131_072, -1, 0, 1, 3, 22] {
            assert_eq!(level(number).unwrap().level, number);
        }
        for number in [-131_073, 23] {
            let wanted = format!("`compression.zstd.level` is `{number}`, expected -131072 to 22");
            assert_eq!(level(number).unwrap_err(), wanted);
        }
    }

    #[cfg(all(feature = "gzip", feature = "zstd"))]
    #[test]
    fn of_setter_and_properties_the_last_one_counts_and_of_two_properties_none_is_ignored() {
        let mut options = LevelOptions::default();
        options.set_property(GZIP_LEVEL, 2);
        options.set(7);
        assert_eq!(options.check(Compression::Zstd).unwrap().level, 7);
        options.set_property(ZSTD_LEVEL, 4);
        assert_eq!(options.check(Compression::Zstd).unwrap().level, 4);
        options.set_property(GZIP_LEVEL, 2);
        for kind in [Compression::Gzip, Compression::Zstd] {
            options.check(kind).unwrap_err();
        }
    }
}
