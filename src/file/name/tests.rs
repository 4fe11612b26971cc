//! Names printed, read again, mutated, and found on disk.

use std::fs;
use std::path::MAIN_SEPARATOR;
use std::time::SystemTime;

use proptest::prelude::*;
#[cfg(feature = "gzip")]
use proptest::sample::Index;
use proptest::sample::select;

use super::*;

fn zone(name: &str) -> FileZone {
    FileZone::named(name).unwrap()
}

fn pattern(text: &str) -> NamePattern {
    NamePattern::parse(text, &zone("UTC")).unwrap()
}

fn at(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().unwrap();
    Timestamp {
        seconds: instant.as_second(),
        nanos: 0,
    }
}

#[track_caller]
fn prints(text: &str, index: u32, expected: &str) {
    let pattern = pattern(text);
    let time = at("2024-02-29T13:05:09Z");
    let path = pattern.path(time, index);
    assert_eq!(path, Path::new(expected), "{text}");
    let found = pattern.read(&path).unwrap();
    assert_eq!(found.index, pattern.has_index().then_some(index));
    assert_eq!((found.copy, found.is_compressed), (0, false));
}

#[test]
fn names_are_printed_as_log4j_prints_them() {
    prints("app-%d{yyyy-MM-dd}-%i.log", 7, "app-2024-02-29-7.log");
    prints(
        "logs/%d{yyyy-MM}/app-%d{dd}-%03i.log",
        7,
        "logs/2024-02/app-29-007.log",
    );
    prints(
        "/var/log/%d{yyyy/MM/dd}/a.log",
        1,
        "/var/log/2024/02/29/a.log",
    );
    prints("a%3i|", 12, "a 12|");
    prints("a%-3i|", 12, "a12 |");
    prints("a%03i", 1234, "a1234");
    prints("100%%-%index", 0, "100%-0");
    prints("a-%date{yyyy-MM-dd-HH}{Asia/Tokyo}", 1, "a-2024-02-29-22");
    prints("a-%d", 1, "a-2024-02-29 13:05:09,000");
    prints("a-%d{MMM'.'d'.'h a}_%i", 1, "a-Feb.29.1 PM_1");
    prints("a-%d{YYYY-'W'ww}", 1, "a-2024-W09");
    prints("app.log.%i", 3, "app.log.3");
    prints("fixed.log", 3, "fixed.log");
    prints("./logs//a-%i", 3, "./logs//a-3");
}

#[test]
fn a_codec_is_chosen_by_the_suffix() {
    let plain = pattern("app-%i.log");
    assert_eq!(plain.codec(), None);
    assert_eq!(plain.compressed(Path::new("a")), Path::new("a"));
    for (codec, text) in [(Codec::Gzip, "app-%i.log.gz"), (Codec::Zstd, "app-%i.zst")] {
        let (feature, is_on) = codec.feature();
        match NamePattern::parse(text, &zone("UTC")) {
            Ok(pattern) if is_on => {
                assert_eq!(pattern.codec(), Some(codec));
                let path = pattern.path(at("2024-02-29T13:05:09Z"), 1);
                let compressed = pattern.compressed(&path);
                assert_eq!(compressed.to_str(), text.replace("%i", "1").as_str().into());
                assert!(pattern.read(&compressed).unwrap().is_compressed);
                assert!(!pattern.read(&path).unwrap().is_compressed);
            }
            Err(error) if !is_on => {
                let text = error.to_string();
                assert!(
                    text.contains(&format!("the feature `{feature}` is off")),
                    "{text}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    for suffix in [
        "zip", "bz2", "xz", "deflate", "pack200", "Z", "lz4", "7z", "GZ",
    ] {
        let text = format!("app-%i.log.{suffix}");
        let error = NamePattern::parse(&text, &zone("UTC")).unwrap_err();
        let expected = format!(
            "`file_pattern` is `{text}`, expected the suffix `.gz` or `.zst`, as it stands, \
             or none of a compression, found `.{suffix}`"
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_names_no_file_is_refused() {
    for (text, expected) in [
        ("", "the name of a file at the end"),
        ("logs/", "the name of a file at the end"),
        ("%d{yyyy/}", "the name of a file at the end"),
        ("../app-%i", "no folder `..`"),
        ("logs/../app-%i", "no folder `..`"),
        (
            "%d{yyyy}/../app-%i",
            "a name between all `/`, neither `.` nor `..`",
        ),
        (
            "%d{yyyy}//app-%i",
            "a name between all `/`, neither `.` nor `..`",
        ),
        ("%d{'..'/}a", "a name between all `/`, neither `.` nor `..`"),
        ("a/..", "a name between all `/`, neither `.` nor `..`"),
        ("%i-%i", "one `%i`, found 2"),
        (
            "app-%m.log",
            "a pattern of file names: unknown conversion word `%m` at byte 4; \
             expected `%d`, `%i`, or `%%` for a percent sign",
        ),
    ] {
        let error = NamePattern::parse(text, &zone("UTC")).unwrap_err();
        let expected = format!("`file_pattern` is `{text}`, expected {expected}");
        assert_eq!(error.to_string(), expected);
    }
    assert!(NamePattern::parse("a\0b", &zone("UTC")).is_err());
    #[cfg(feature = "gzip")]
    assert!(NamePattern::parse("logs/.gz", &zone("UTC")).is_err());
    let long = format!("{}%i", "a".repeat(MAX_LENGTH));
    assert!(NamePattern::parse(&long, &zone("UTC")).is_err());
    // As hostile as a pattern may be.
    let began = std::time::Instant::now();
    for item in [
        "%d{DDD}-",
        "%d{DDD-DDD-DDD-DDD-DDD}-",
        "%d{B}-",
        "%d{zzzz}-",
        "%d{N}-",
    ] {
        let long = item.repeat(MAX_LENGTH / item.len());
        if let Ok(pattern) = NamePattern::parse(&long, &zone("Asia/Tokyo")) {
            let path = pattern.path(SAMPLE, 1);
            assert!(pattern.read(&path).is_some());
        }
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(20));
}

#[test]
fn only_what_the_pattern_could_have_printed_is_read() {
    let daily = pattern("logs/app-%d{yyyy-MM-dd}-%i.log");
    for ours in [
        "logs/app-2024-01-01-1.log",
        "logs/app-2024-02-29-4294967295.log",
        "logs/app-2024-12-31-0.log",
        "logs/app-2024-01-01-1.log.1",
        "logs/./app-2024-01-01-1.log",
    ] {
        assert!(daily.read(Path::new(ours)).is_some(), "{ours}");
    }
    for foreign in [
        "logs/app.log",
        "logs/app-2024-01-01-backup.log",
        "logs/app-2024-13-01-1.log",
        "logs/app-2024-00-01-1.log",
        "logs/app-2024-01-32-1.log",
        "logs/app-2024-02-30-1.log",
        "logs/app-2023-02-29-1.log",
        "logs/app-2024-01-01-01.log",
        "logs/app-2024-1-01-1.log",
        "logs/app-2024-01-01-4294967296.log",
        "logs/app-2024-01-01-.log",
        "logs/app-2024-01-01--1.log",
        "logs/app-2024-01-01-1.log.0",
        "logs/app-2024-01-01-1.log.01",
        "logs/app-2024-01-01-1.log.1.1",
        "logs/app-2024-01-01-1.log.gz",
        "logs/app-2024-01-01-1.log~",
        "logs/app-2024-01-01-1xlog",
        "logs/app-2024-01-01-1.log\n",
        "logs/xapp-2024-01-01-1.log",
        "logs/APP-2024-01-01-1.log",
        "logs/app-٢٠٢٤-01-01-1.log",
        "app-2024-01-01-1.log",
        "logs/old/app-2024-01-01-1.log",
        "logs/../app-2024-01-01-1.log",
        "/logs/app-2024-01-01-1.log",
        "logs",
        "",
    ] {
        assert_eq!(daily.read(Path::new(foreign)), None, "{foreign}");
    }
}

#[test]
fn two_dates_of_one_name_agree() {
    let monthly = pattern("%d{yyyy-MM}/app-%d{yyyy-MM-dd}.log");
    assert!(
        monthly
            .read(Path::new("2024-01/app-2024-01-31.log"))
            .is_some()
    );
    assert!(
        monthly
            .read(Path::new("2024-02/app-2024-01-31.log"))
            .is_none()
    );
    let zones = pattern("%d{yyyy-MM}/app-%d{yyyy-MM-dd}{Asia/Tokyo}.log");
    assert!(
        zones
            .read(Path::new("2024-01/app-2024-02-01.log"))
            .is_some()
    );
    let by_day = pattern("a-%d{yyyy-DDD}");
    assert!(by_day.read(Path::new("a-2024-366")).is_some());
    assert!(by_day.read(Path::new("a-2023-366")).is_none());
}

#[test]
fn words_are_those_that_dates_have() {
    let words = pattern("a-%d{MMM-EEEE-a}");
    assert!(words.read(Path::new("a-Feb-Thursday-PM")).is_some());
    for foreign in ["a-Foo-Thursday-PM", "a-Feb-Thursd-PM", "a-feb-Thursday-PM"] {
        assert!(words.read(Path::new(foreign)).is_none(), "{foreign}");
    }
}

#[test]
fn a_key_is_the_same_for_all_archives_of_a_date() {
    let pattern = pattern("logs/%d{yyyy}/app-%i-%d{MM}.log");
    let time = at("2024-02-29T13:05:09Z");
    let key = Path::new("logs/2024/app--02.log");
    for (index, copy) in [(1, 0), (17, 0), (1, 1), (2, 12)] {
        let path = pattern.path_copy(time, index, copy);
        let found = pattern.read(&path).unwrap();
        assert_eq!(found.key, key);
        assert_eq!((found.index, found.copy), (Some(index), copy));
    }
    let path = pattern.path_copy(time, 2, 12);
    assert_eq!(path, Path::new("logs/2024/app-2-02.log.12"));
}

#[test]
fn what_a_pattern_tells_apart() {
    for (text, finest) in [
        ("app-%i.log", None),
        ("app-%d{yyyy-MM-dd}.log", Some(DateUnit::Day)),
        ("%d{yyyy}/%d{MM}/app-%d{dd}.log", Some(DateUnit::Day)),
        ("app-%d{yyyy-MM-dd-hh}.log", Some(DateUnit::Day)),
        ("app-%d{MM-dd}.log", None),
    ] {
        let pattern = pattern(text);
        assert_eq!(pattern.finest(), finest, "{text}");
        assert_eq!(pattern.has_index(), text.contains("%i"));
    }
}

/// A folder of its own that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("tracing-kafka-name-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }

    fn found(&self, text: &str) -> Vec<String> {
        let text = format!("{}/{text}", self.0.display());
        let archives = pattern(&text).find().unwrap();
        let mut names: Vec<String> = archives
            .iter()
            .map(|archive| {
                let name = archive.path.strip_prefix(&self.0).unwrap();
                let name = name.to_str().unwrap().replace(MAIN_SEPARATOR, "/");
                assert_eq!(archive.bytes, name.len() as u64);
                assert!(archive.modified <= SystemTime::now());
                name
            })
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ignored = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn archives_are_found_down_to_the_depth_of_the_pattern() {
    let folder = Folder::new("depth");
    for name in [
        "2024-01/app-1.log",
        "2024-01/app-2.log.1",
        "2024-02/app-1.log",
        "2024-01/app.log",
        "2024-01/deeper/app-1.log",
        "2024-13/app-1.log",
        "other/app-1.log",
        "app-1.log",
    ] {
        folder.write(name);
    }
    fs::create_dir_all(folder.0.join("2024-02/app-7.log")).unwrap();
    assert_eq!(
        folder.found("%d{yyyy-MM}/app-%i.log"),
        [
            "2024-01/app-1.log",
            "2024-01/app-2.log.1",
            "2024-02/app-1.log"
        ]
    );
    assert_eq!(folder.found("app-%i.log"), ["app-1.log"]);
    assert_eq!(folder.found("missing/%d{yyyy}/app-%i.log"), [""; 0]);
    assert_eq!(folder.found("%d{yyyy}/app-%i.log"), [""; 0]);
}

#[test]
fn a_base_that_is_no_folder_is_an_error() {
    let folder = Folder::new("base");
    folder.write("file");
    let text = format!("{}/file/app-%i.log", folder.0.display());
    assert!(pattern(&text).find().is_err());
}

#[cfg(unix)]
#[test]
fn no_symbolic_link_below_the_base_is_followed() {
    let folder = Folder::new("links");
    folder.write("real/2024-01/app-1.log");
    folder.write("elsewhere/app-1.log");
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(folder.0.join(target), folder.0.join(name)).unwrap();
    };
    link("elsewhere", "real/2024-02");
    link("elsewhere/app-1.log", "real/2024-01/app-2.log");
    link("nowhere", "real/2024-01/app-3.log");
    link("real", "base");
    assert_eq!(
        folder.found("real/%d{yyyy-MM}/app-%i.log"),
        ["real/2024-01/app-1.log"]
    );
    // The base folder itself may be one: whoever wrote the pattern chose it.
    let text = format!("{}/base/%d{{yyyy-MM}}/app-%i.log", folder.0.display());
    assert_eq!(pattern(&text).find().unwrap().len(), 1);
}

const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "GMT-03:30",
    "Asia/Tokyo",
];

/// Separated by `|`.
const DATES: &str = "yyyy|yy|y|MM|M|dd|d|HH|H|hh|mm|ss|SSS|DDD|D|MMM|MMMM|MMMMM|EEE|a|B|G|QQQ|ww|YYYY|e|n|\
    A|N|g|XXX|x|Z|ZZZZ|O|VV|z|zzzz|v|UNIX|UNIX_MILLIS|DEFAULT|yyyy-MM-dd|yyyy/MM/dd|\
    yyyyMMdd-HH|YYYY-'W'ww|dd MMM yyyy|uuuu";

fn any_piece() -> impl Strategy<Value = String> {
    let text = select(vec![
        "app", "-", "_", ".", "x1", "0", "9", "logs/", "%%", " ", "ä", "(a|b)", "[0-9]",
    ]);
    let date = select(DATES.split('|').collect::<Vec<_>>());
    let index = select(vec![
        "%i", "%03i", "%3i", "%-3i", "%010i", "%1i", "%05index",
    ]);
    prop_oneof![
        3 => text.prop_map(str::to_owned),
        2 => (date, proptest::option::of(select(ZONES))).prop_map(|(date, zone)| match zone {
            Some(zone) => format!("%d{{{date}}}{{{zone}}}"),
            None => format!("%d{{{date}}}"),
        }),
        1 => index.prop_map(str::to_owned),
    ]
}

/// A pattern that is one, and its zone.
fn any_pattern() -> impl Strategy<Value = (String, &'static str)> {
    let pieces = proptest::collection::vec(any_piece(), 1..7);
    (pieces, select(ZONES))
        .prop_map(|(pieces, zone)| (pieces.concat(), zone))
        .prop_filter("no pattern", |(text, name)| {
            NamePattern::parse(text, &zone(name)).is_ok()
        })
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    let seconds = 0..8_000_000_000_i64;
    (seconds, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Timestamp { seconds, nanos })
}

/// An index, the small ones more often.
fn any_index() -> impl Strategy<Value = u32> {
    prop_oneof![0..20_u32, 0..20_000_u32, any::<u32>()]
}

/// Patterns whose dates are digits in the order from years down, and how many there are at last.
#[cfg(feature = "gzip")]
const NUMERIC: &[(&str, usize)] = &[
    ("app-%d{yyyy-MM-dd}-%i.log.gz", 8),
    ("app-%d{yyyy-MM-dd}.log.gz", 8),
    ("logs/%d{yyyy-MM}/app-%d{yyyy-MM-dd}_%03i.log", 8),
    ("%d{yyyy/MM/dd}/%3i", 8),
    ("%d{yyyy/MM/dd/HH}/-%-3i.gz", 10),
    ("app.%d{yyyyMMdd.HHmm}.%i", 12),
    ("%i.%d{yyyyMMddHHmmss}", 14),
];

/// The time that the last `count` digits of a key name.
#[cfg(feature = "gzip")]
fn time_of(key: &Path, count: usize) -> Option<Timestamp> {
    let digits: Vec<u8> = key
        .to_str()?
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|digit| digit - b'0')
        .collect();
    let digits = digits.get(digits.len().checked_sub(count)?..)?;
    let part = |from: usize| {
        let two = digits.get(from..from + 2).unwrap_or(&[0, 0]);
        i8::try_from(two[0] * 10 + two[1]).unwrap()
    };
    let year = i16::from(part(0)) * 100 + i16::from(part(2));
    let date = jiff::civil::DateTime::new(year, part(4), part(6), part(8), part(10), part(12), 0);
    let instant = jiff::tz::Offset::UTC.to_timestamp(date.ok()?).ok()?;
    Some(Timestamp {
        seconds: instant.as_second(),
        nanos: 0,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read(
        (text, zone_name) in any_pattern(),
        time in any_time(),
        index in any_index(),
        other in any_index(),
        copy in prop_oneof![Just(0), any::<u32>()],
    ) {
        let pattern = NamePattern::parse(&text, &zone(zone_name)).unwrap();
        let path = pattern.path(time, index);
        let found = pattern.read(&path).unwrap();
        prop_assert_eq!(found.index, pattern.has_index().then_some(index));
        prop_assert_eq!(found.copy, 0);
        prop_assert!(!found.is_compressed);
        prop_assert_eq!(&pattern.path_copy(time, index, 0), &path);
        let copied = pattern.path_copy(time, other, copy);
        let again = pattern.read(&copied).unwrap();
        prop_assert_eq!(again.index, pattern.has_index().then_some(other));
        prop_assert_eq!(again.copy, copy);
        prop_assert_eq!(again.key, found.key);
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn a_mutated_name_is_read_only_if_it_could_have_been_printed(
        (text, digits) in select(NUMERIC),
        seconds in 0..8_000_000_000_i64,
        index in any_index(),
        copy in 0..12_u32,
        is_compressed in any::<bool>(),
        changes in proptest::collection::vec(
            (any::<Index>(), 0..3_u8, select("0123456789012 .-_/+agz\0٣".chars().collect::<Vec<_>>())),
            1..3,
        ),
    ) {
        let pattern = pattern(text);
        let path = pattern.path_copy(Timestamp { seconds, nanos: 0 }, index, copy);
        let path = if is_compressed { pattern.compressed(&path) } else { path };
        let mut name: Vec<char> = path.to_str().unwrap().chars().collect();
        for (at, kind, character) in changes {
            let at = at.index(name.len());
            match kind {
                0 => name.insert(at, character),
                1 => name[at] = character,
                _ if name.len() > 1 => drop(name.remove(at)),
                _ => {}
            }
        }
        let name: String = name.into_iter().collect();
        if let Some(found) = pattern.read(Path::new(&name)) {
            let time = time_of(&found.key, digits).unwrap();
            let path = pattern.path_copy(time, found.index.unwrap_or(0), found.copy);
            let path = if found.is_compressed { pattern.compressed(&path) } else { path };
            prop_assert_eq!(path, PathBuf::from(name));
        }
    }
}
