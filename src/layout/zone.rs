//! Time zones: by name as Java's old look-up reads them, the machine's own, and their offsets.

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;

/// A zone that dates are printed in.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    id: String,
    zone: TimeZone,
}

/// Java's three-letter names that the time zone database lacks or means otherwise, with what they
/// stand for. Lenient only: most of them mean something else elsewhere.
static SHORT_NAMES: &[(&str, &str)] = &[
    ("ACT", "Australia/Darwin"),
    ("AET", "Australia/Sydney"),
    ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"),
    ("AST", "America/Anchorage"),
    ("BET", "America/Sao_Paulo"),
    ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"),
    ("CNT", "America/St_Johns"),
    ("CST", "America/Chicago"),
    ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"),
    ("ECT", "Europe/Paris"),
    ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MIT", "Pacific/Apia"),
    ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"),
    ("PLT", "Asia/Karachi"),
    ("PNT", "America/Phoenix"),
    ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"),
    ("SST", "Pacific/Guadalcanal"),
    ("VST", "Asia/Ho_Chi_Minh"),
];

/// Names of zones whose abbreviation is a number in the time zone database: standard and summer time.
static ABBREVIATIONS: &[(&str, &str, &str)] = &[
    ("America/Argentina/Buenos_Aires", "ART", "ARST"),
    ("America/Bogota", "COT", "COST"),
    ("America/Caracas", "VET", "VET"),
    ("America/Lima", "PET", "PEST"),
    ("America/Montevideo", "UYT", "UYST"),
    ("America/Santiago", "CLT", "CLST"),
    ("America/Sao_Paulo", "BRT", "BRST"),
    ("Asia/Baku", "AZT", "AZST"),
    ("Asia/Bangkok", "ICT", "ICT"),
    ("Asia/Dhaka", "BST", "BST"),
    ("Asia/Dubai", "GST", "GST"),
    ("Asia/Ho_Chi_Minh", "ICT", "ICT"),
    ("Asia/Kabul", "AFT", "AFT"),
    ("Asia/Kathmandu", "NPT", "NPT"),
    ("Asia/Kuala_Lumpur", "MYT", "MYT"),
    ("Asia/Riyadh", "AST", "AST"),
    ("Asia/Singapore", "SGT", "SGT"),
    ("Asia/Tashkent", "UZT", "UZT"),
    ("Asia/Tbilisi", "GET", "GET"),
    ("Asia/Tehran", "IRST", "IRDT"),
    ("Asia/Yangon", "MMT", "MMT"),
    ("Asia/Yerevan", "AMT", "AMST"),
    ("Australia/Lord_Howe", "LHST", "LHDT"),
    ("Pacific/Apia", "WSST", "WSDT"),
    ("Pacific/Fiji", "FJT", "FJST"),
    ("Pacific/Kiritimati", "LINT", "LINT"),
    ("Pacific/Tongatapu", "TOT", "TOST"),
];

/// How a name was understood.
#[derive(Debug)]
pub(super) enum Lookup {
    /// It names a zone.
    Known(Zone),
    /// Only Java's old look-up knows it; the second is what it should be written as.
    Doubtful(Zone, String),
    /// Nothing knows it; Java then means GMT. The text is the name that was probably meant.
    Unknown(Option<String>),
}

impl Zone {
    pub(super) fn utc() -> Self {
        Self {
            id: "UTC".to_owned(),
            zone: TimeZone::UTC,
        }
    }

    /// What Java falls back to.
    pub(super) fn gmt() -> Self {
        Self {
            id: "GMT".to_owned(),
            zone: TimeZone::UTC,
        }
    }

    /// The machine's zone; UTC where that cannot be found.
    pub(super) fn local() -> Self {
        match TimeZone::try_system() {
            Ok(zone) => Self {
                id: zone.iana_name().unwrap_or("UTC").to_owned(),
                zone,
            },
            Err(_) => Self::utc(),
        }
    }

    /// Looks a name up: `UTC`, `GMT+2`, `GMT-03:30`, or one of the time zone database.
    pub(super) fn find(name: &str) -> Lookup {
        match name {
            "UTC" => return Lookup::Known(Self::utc()),
            "GMT" => return Lookup::Known(Self::gmt()),
            _ => {}
        }
        if let Some(zone) = fixed(name) {
            return Lookup::Known(zone);
        }
        if let Some((_, meant)) = SHORT_NAMES.iter().find(|(short, _)| *short == name)
            && let Ok(zone) = TimeZone::get(meant)
        {
            let id = name.to_owned();
            return Lookup::Doubtful(Self { id, zone }, (*meant).to_owned());
        }
        // Letters of either case are found; Java tells them apart.
        match TimeZone::get(name) {
            Ok(zone) if zone.iana_name() == Some(name) => Lookup::Known(Self {
                id: name.to_owned(),
                zone,
            }),
            Ok(zone) => Lookup::Unknown(zone.iana_name().map(str::to_owned)),
            Err(_) => Lookup::Unknown(None),
        }
    }

    /// The zone's own name, as `VV` prints it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Seconds east of Greenwich at a time in seconds since the epoch.
    pub(super) fn offset_at(&self, seconds: i64) -> i32 {
        self.zone.to_offset(instant(seconds)).seconds()
    }

    /// Hands the short name of the zone at a time to `with`.
    pub(super) fn with_abbreviation(&self, seconds: i64, with: impl FnOnce(&str)) {
        if self.zone == TimeZone::UTC || self.id.starts_with("GMT") {
            return with(&self.id);
        }
        let info = self.zone.to_offset_info(instant(seconds));
        let listed = ABBREVIATIONS.iter().find(|(id, ..)| *id == self.id);
        match listed {
            Some((_, standard, _)) if !info.dst().is_dst() => with(standard),
            Some((_, _, summer)) => with(summer),
            None => with(info.abbreviation()),
        }
    }
}

/// The nearest time that the time zone database can be asked about.
fn instant(seconds: i64) -> Instant {
    let seconds = seconds.clamp(Instant::MIN.as_second(), Instant::MAX.as_second());
    Instant::from_second(seconds).unwrap_or_default()
}

/// `GMT+h`, `GMT+hh` and `GMT+hh:mm`, also with a minus.
fn fixed(name: &str) -> Option<Zone> {
    let rest = name.strip_prefix("GMT")?;
    let (is_west, digits) = match rest.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, rest.strip_prefix('+')?),
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if digits.len() <= 2 => (digits, "00"),
        None => digits.split_at_checked(digits.len() - 2)?,
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(hours) || !is_number(minutes) || hours.len() > 2 {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    let offset = jiff::tz::Offset::from_seconds(if is_west { -seconds } else { seconds }).ok()?;
    if seconds == 0 {
        return Some(Zone::gmt());
    }
    let sign = if is_west { '-' } else { '+' };
    Some(Zone {
        id: format!("GMT{sign}{hours:02}:{minutes:02}"),
        zone: TimeZone::fixed(offset),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(name: &str, seconds: i64) -> i32 {
        match Zone::find(name) {
            Lookup::Known(zone) => zone.offset_at(seconds),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn zones_are_found_by_name_and_by_offset() {
        assert_eq!(offset("UTC", 0), 0);
        assert_eq!(offset("Asia/Kolkata", 0), 19_800);
        assert_eq!(offset("GMT+2", 0), 7_200);
        assert_eq!(offset("GMT-03:30", 0), -12_600);
        assert_eq!(offset("GMT+0530", 0), 19_800);
    }

    #[test]
    fn offsets_change_with_the_season() {
        let zone = |at| offset("America/New_York", at);
        assert_eq!(zone(1_710_053_999), -18_000);
        assert_eq!(zone(1_710_054_000), -14_400);
        assert_eq!(zone(1_730_613_599), -14_400);
        assert_eq!(zone(1_730_613_600), -18_000);
    }

    #[test]
    fn a_name_that_only_java_knows_is_doubtful() {
        let Lookup::Doubtful(_, meant) = Zone::find("PST") else {
            panic!("PST is not doubtful");
        };
        assert_eq!(meant, "America/Los_Angeles");
    }

    #[test]
    fn an_unknown_name_is_unknown_and_wrong_case_is_recognised() {
        for name in [
            "Nope/Zone",
            "UTC+2",
            "+02:00",
            "GMT+25",
            "",
            "GMT+1:2",
            "GMT+é",
        ] {
            assert!(matches!(Zone::find(name), Lookup::Unknown(_)), "{name}");
        }
        let Lookup::Unknown(Some(meant)) = Zone::find("America/new_york") else {
            panic!("not recognised");
        };
        assert_eq!(meant, "America/New_York");
    }

    #[test]
    fn any_time_has_an_offset() {
        let Lookup::Known(zone) = Zone::find("Europe/Berlin") else {
            panic!("Berlin is unknown");
        };
        assert!(zone.offset_at(i64::MIN).abs() < 86_400);
        assert!(zone.offset_at(i64::MAX).abs() < 86_400);
    }
}
