//! Time zones: by name as Java's old look-up reads them, the machine's own, and their offsets.

mod names;

use jiff::Timestamp as Instant;
use jiff::tz::Offset;
use jiff::tz::TimeZone;

use names::Names;

const HOUR: i32 = 3600;
/// Seconds of 400 years, after which the calendar begins anew.
const CYCLE: i64 = 146_097 * 86_400;

/// A zone that dates are printed in.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    id: String,
    rules: TimeZone,
    called: Called,
    /// When it is summer, where the time zone database has another opinion than Java.
    summers: Option<&'static Summers>,
}

/// What a zone is called.
#[derive(Debug, Clone, Copy)]
enum Called {
    Listed(Names),
    /// By its id.
    ById,
    /// It has no name, but an offset.
    Nothing,
}

/// Which of its names a zone is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NameForm {
    pub(super) is_long: bool,
    /// Whether it is the same in every season.
    pub(super) is_generic: bool,
}

/// What stands for the name of a zone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ZoneName<'z> {
    Text(&'z str),
    /// There is no name, but an offset in seconds.
    Offset(i32),
}

/// A zone that is in summer time by Java, and by the time zone database in winter time, which it takes
/// to be an hour less.
#[derive(Debug)]
struct Summers {
    id: &'static str,
    /// More than this, in seconds, is summer time.
    standard: i32,
    /// Since when, in seconds since the epoch.
    from: i64,
}

static SUMMERS: &[Summers] = &[
    Summers {
        id: "Africa/Casablanca",
        standard: 0,
        // 1986-01-01
        from: 504_921_600,
    },
    Summers {
        id: "Africa/El_Aaiun",
        standard: 0,
        from: 504_921_600,
    },
    Summers {
        id: "Africa/Windhoek",
        standard: HOUR,
        // 1990-03-20T22:00
        from: 637_970_400,
    },
    Summers {
        id: "Eire",
        standard: 0,
        from: i64::MIN,
    },
    Summers {
        id: "Europe/Dublin",
        standard: 0,
        from: i64::MIN,
    },
];

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

/// Ids that stand for an offset: in Java three letters, in the time zone database zones that they
/// were equal to once. The hours are west.
static OFFSETS: &[(&str, &str, i8)] = &[
    ("EST", "-05:00", 5),
    ("MST", "-07:00", 7),
    ("HST", "-10:00", 10),
];

/// Zones that Java has kept from an old Unix, in the notation of POSIX. They are right from 1976 on.
static SYSTEM_V: &[(&str, &str)] = &[
    ("AST4", "AST4"),
    ("AST4ADT", "AST4ADT,M4.5.0,M10.5.0"),
    ("CST6", "CST6"),
    ("CST6CDT", "CST6CDT,M4.5.0,M10.5.0"),
    ("EST5", "EST5"),
    ("EST5EDT", "EST5EDT,M4.5.0,M10.5.0"),
    ("HST10", "HST10"),
    ("MST7", "MST7"),
    ("MST7MDT", "MST7MDT,M4.5.0,M10.5.0"),
    ("PST8", "PST8"),
    ("PST8PDT", "PST8PDT,M4.5.0,M10.5.0"),
    ("YST9", "YST9"),
    ("YST9YDT", "YST9YDT,M4.5.0,M10.5.0"),
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
    /// It is read, but it is too far from Greenwich for Java to print a date.
    TooFar,
}

impl Zone {
    fn new(id: &str, rules: TimeZone) -> Self {
        Self {
            called: Names::find(id).map_or(Called::Nothing, Called::Listed),
            summers: SUMMERS.iter().find(|summers| summers.id == id),
            id: id.to_owned(),
            rules,
        }
    }

    pub(super) fn utc() -> Self {
        Self::new("UTC", TimeZone::UTC)
    }

    /// What Java falls back to.
    pub(super) fn gmt() -> Self {
        Self::new("GMT", TimeZone::UTC)
    }

    /// The machine's zone; UTC where that cannot be found.
    pub(super) fn local() -> Self {
        match TimeZone::try_system() {
            Ok(zone) => match zone.iana_name().map(str::to_owned) {
                Some(id) => Self::new(&id, zone),
                // Java would call it so, too.
                None => Self {
                    called: Called::Nothing,
                    ..Self::new("UTC", zone)
                },
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
        if let Some(found) = fixed(name).or_else(|| only_in_java(name)) {
            return found;
        }
        if let Some((_, meant)) = SHORT_NAMES.iter().find(|(short, _)| *short == name)
            && let Ok(zone) = TimeZone::get(meant)
        {
            return Lookup::Doubtful(Self::new(meant, zone), (*meant).to_owned());
        }
        // Letters of either case are found; Java tells them apart.
        match TimeZone::get(name) {
            Ok(zone) if zone.iana_name() == Some(name) => Lookup::Known(Self::new(name, zone)),
            Ok(zone) => Lookup::Unknown(zone.iana_name().map(str::to_owned)),
            Err(_) => Lookup::Unknown(None),
        }
    }

    /// The zone's own name, as `VV` prints it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The offsets and when they change.
    pub(super) fn rules(&self) -> &TimeZone {
        &self.rules
    }

    /// Every name of the zone in a form; none where an offset stands for it.
    pub(super) fn names(&self, form: NameForm, is_american: bool) -> Vec<&str> {
        match self.called {
            Called::ById => vec![&self.id],
            Called::Listed(names) if form.is_long || is_american || !names.is_american => {
                let [standard, summer, generic] = if form.is_long {
                    names.long
                } else {
                    names.short
                };
                if form.is_generic {
                    vec![generic]
                } else {
                    vec![standard, summer]
                }
            }
            Called::Listed(_) | Called::Nothing => Vec::new(),
        }
    }

    /// Seconds east of Greenwich at a time in seconds since the epoch.
    pub(super) fn offset_at(&self, seconds: i64) -> i32 {
        self.rules.to_offset(instant(seconds)).seconds()
    }

    /// What the zone is called at a time. Names of North America are in use there only.
    pub(super) fn name(&self, form: NameForm, seconds: i64, is_american: bool) -> ZoneName<'_> {
        let names = match self.called {
            Called::ById => return ZoneName::Text(&self.id),
            Called::Listed(names) => Some(names),
            Called::Nothing => None,
        };
        let (is_summer, offset) = self.season(seconds);
        if let Some(names) = names
            && (form.is_long || is_american || !names.is_american)
        {
            let [standard, summer, generic] = if form.is_long {
                names.long
            } else {
                names.short
            };
            return ZoneName::Text(match (form.is_generic, is_summer) {
                (true, _) => generic,
                (false, true) => summer,
                (false, false) => standard,
            });
        }
        ZoneName::Offset(if form.is_generic && is_summer {
            offset - HOUR
        } else {
            offset
        })
    }

    /// Whether it is summer time, and the offset.
    fn season(&self, seconds: i64) -> (bool, i32) {
        let info = self.rules.to_offset_info(instant(seconds));
        let offset = info.offset().seconds();
        let is_summer = match self.summers {
            Some(summers) if seconds >= summers.from => offset > summers.standard,
            _ => info.dst().is_dst(),
        };
        (is_summer, offset)
    }
}

/// The time that the time zone database is asked about: after the last that it knows, one of the
/// same day and season; before the first, the first.
fn instant(seconds: i64) -> Instant {
    let last = Instant::MAX.as_second();
    let beyond = seconds.saturating_sub(last).max(0);
    let cycles = beyond.saturating_add(CYCLE - 1) / CYCLE;
    let seconds = (seconds - cycles * CYCLE).clamp(Instant::MIN.as_second(), last);
    Instant::from_second(seconds).unwrap_or_default()
}

/// Ids that Java has, and the time zone database has not or has otherwise.
fn only_in_java(name: &str) -> Option<Lookup> {
    if let Some((_, id, hours)) = OFFSETS.iter().find(|(short, ..)| *short == name) {
        let zone = TimeZone::fixed(Offset::from_hours(-*hours).ok()?);
        return Some(Lookup::Known(Zone {
            called: Called::ById,
            ..Zone::new(id, zone)
        }));
    }
    let rest = name.strip_prefix("SystemV/")?;
    let (_, rules) = SYSTEM_V.iter().find(|(id, _)| *id == rest)?;
    let zone = TimeZone::posix(rules).ok()?;
    Some(Lookup::Known(Zone::new(name, zone)))
}

/// `GMT+h`, `GMT+hh` and `GMT+hh:mm`, also with a minus.
fn fixed(name: &str) -> Option<Lookup> {
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
    if seconds > 18 * HOUR {
        return Some(Lookup::TooFar);
    }
    if seconds == 0 {
        return Some(Lookup::Known(Zone::gmt()));
    }
    let (sign, signed) = if is_west {
        ('-', -seconds)
    } else {
        ('+', seconds)
    };
    let zone = TimeZone::fixed(Offset::from_seconds(signed).ok()?);
    let id = format!("GMT{sign}{hours:02}:{minutes:02}");
    Some(Lookup::Known(Zone::new(&id, zone)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: NameForm = NameForm {
        is_long: false,
        is_generic: false,
    };
    const LONG: NameForm = NameForm {
        is_long: true,
        is_generic: false,
    };
    const GENERIC: NameForm = NameForm {
        is_long: false,
        is_generic: true,
    };
    /// 2024-01-15 and 2024-07-15.
    const WINTER: i64 = 1_705_320_000;
    const SUMMER: i64 = 1_721_044_800;

    #[track_caller]
    fn known(name: &str) -> Zone {
        match Zone::find(name) {
            Lookup::Known(zone) => zone,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn offset(name: &str, seconds: i64) -> i32 {
        known(name).offset_at(seconds)
    }

    #[test]
    fn zones_are_found_by_name_and_by_offset() {
        assert_eq!(offset("UTC", 0), 0);
        assert_eq!(offset("Asia/Kolkata", 0), 19_800);
        assert_eq!(offset("GMT+2", 0), 7_200);
        assert_eq!(offset("GMT-03:30", 0), -12_600);
        assert_eq!(offset("GMT+0530", 0), 19_800);
        assert_eq!(offset("GMT+18", 0), 64_800);
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
        let Lookup::Doubtful(zone, meant) = Zone::find("PST") else {
            panic!("PST is not doubtful");
        };
        assert_eq!(meant, "America/Los_Angeles");
        assert_eq!(zone.id(), "America/Los_Angeles");
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
            "SystemV/XST4",
        ] {
            assert!(matches!(Zone::find(name), Lookup::Unknown(_)), "{name}");
        }
        let Lookup::Unknown(Some(meant)) = Zone::find("America/new_york") else {
            panic!("not recognised");
        };
        assert_eq!(meant, "America/New_York");
    }

    #[test]
    fn eighteen_hours_from_greenwich_is_the_end_of_the_world() {
        assert!(matches!(Zone::find("GMT+18:01"), Lookup::TooFar));
        assert!(matches!(Zone::find("GMT-23"), Lookup::TooFar));
    }

    #[test]
    fn names_change_with_the_season_and_with_the_form() {
        let zone = known("America/New_York");
        assert_eq!(zone.name(SHORT, WINTER, true), ZoneName::Text("EST"));
        assert_eq!(zone.name(SHORT, SUMMER, true), ZoneName::Text("EDT"));
        assert_eq!(zone.name(GENERIC, SUMMER, true), ZoneName::Text("ET"));
        assert_eq!(
            zone.name(LONG, SUMMER, true),
            ZoneName::Text("Eastern Daylight Time")
        );
        // Elsewhere the short ones are not in use.
        assert_eq!(zone.name(SHORT, SUMMER, false), ZoneName::Offset(-14_400));
        assert_eq!(zone.name(GENERIC, SUMMER, false), ZoneName::Offset(-18_000));
        assert_eq!(
            zone.name(LONG, WINTER, false),
            ZoneName::Text("Eastern Standard Time")
        );
    }

    #[test]
    fn a_zone_without_a_name_has_an_offset_or_its_id() {
        assert_eq!(
            known("Etc/GMT-5").name(SHORT, 0, true),
            ZoneName::Offset(18_000)
        );
        assert_eq!(
            known("GMT-03:30").name(LONG, 0, true),
            ZoneName::Offset(-12_600)
        );
        assert_eq!(known("EST").name(LONG, 0, true), ZoneName::Text("-05:00"));
        assert_eq!(known("EST").id(), "-05:00");
    }

    #[test]
    fn summer_is_when_clocks_are_ahead_wherever_winter_has_a_name_of_its_own() {
        let dublin = known("Europe/Dublin");
        assert_eq!(dublin.name(SHORT, WINTER, true), ZoneName::Text("GMT"));
        assert_eq!(dublin.name(SHORT, SUMMER, true), ZoneName::Text("IST"));
        let casablanca = known("Africa/Casablanca");
        assert_eq!(casablanca.name(SHORT, WINTER, true), ZoneName::Text("WEST"));
    }

    #[test]
    fn zones_of_system_v_have_rules_of_their_own() {
        let zone = known("SystemV/EST5EDT");
        // 2024-03-20 and 2024-04-29: later than elsewhere.
        assert_eq!(zone.offset_at(1_710_936_000), -18_000);
        assert_eq!(zone.offset_at(1_714_392_000), -14_400);
        for (id, _) in SYSTEM_V {
            known(&format!("SystemV/{id}"));
        }
    }

    #[test]
    fn any_time_has_an_offset_and_seasons_go_on_for_ever() {
        let berlin = known("Europe/Berlin");
        assert!(berlin.offset_at(i64::MIN).abs() < 86_400);
        assert!(berlin.offset_at(i64::MAX).abs() < 86_400);
        // July and January of the year 12024.
        let later = 25 * CYCLE;
        assert_eq!(berlin.offset_at(SUMMER + later), 7_200);
        assert_eq!(berlin.offset_at(WINTER + later), 3_600);
        assert_eq!(
            berlin.name(SHORT, SUMMER + later, true),
            ZoneName::Text("CEST")
        );
    }
}
