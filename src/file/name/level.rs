//! One folder or file of a pattern, as a regular expression that reads its name.

use std::collections::HashMap;

use jiff::civil::Date;
use regex::Regex;

use crate::layout::DateField;
use crate::layout::DatePart;
use crate::layout::FileIndex;
use crate::layout::FilePiece;
use crate::layout::Fill;

/// The levels of a pattern from its base folder down to the file.
#[derive(Debug)]
pub(super) struct Levels(Vec<Level>);

/// What the names at one depth look like.
#[derive(Debug)]
pub(super) struct Level {
    regex: Regex,
    /// What each group is.
    groups: Vec<Slot>,
}

/// What was read on the way down.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) index: Option<u32>,
    pub(super) copy: u32,
    pub(super) is_compressed: bool,
    /// By the number of the zone.
    fields: HashMap<(DateField, usize), u64>,
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    Index,
    Copy,
    Suffix,
    Field(DateField, usize),
}

impl Levels {
    /// Compiles what follows the first `base` bytes. None for a pattern of enormous size.
    pub(super) fn compile(pieces: &[FilePiece], base: usize, suffix: Option<&str>) -> Option<Self> {
        let mut draft = Draft::default();
        let mut zones: Vec<&str> = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            match piece {
                FilePiece::Text(text) if number == 0 => {
                    draft.text(text.get(base..).unwrap_or_default());
                }
                FilePiece::Text(text) => draft.text(text),
                FilePiece::Index(index) => draft.group(&index_regex(*index), Slot::Index),
                FilePiece::Date(date) => {
                    let known = zones.iter().position(|zone| *zone == date.zone_id());
                    let zone = known.unwrap_or(zones.len());
                    if known.is_none() {
                        zones.push(date.zone_id());
                    }
                    for part in date.parts() {
                        match part {
                            DatePart::Text(text) => draft.text(&text),
                            DatePart::Match {
                                field: None, regex, ..
                            } => draft.regex.push_str(&regex),
                            DatePart::Match {
                                field: Some(field),
                                regex,
                                ..
                            } => draft.group(&regex, Slot::Field(field, zone)),
                        }
                    }
                }
            }
        }
        draft.regex.push_str("(?:[.]");
        draft.group("[1-9][0-9]{0,9}", Slot::Copy);
        draft.regex.push_str(")?");
        if let Some(suffix) = suffix {
            draft.group(&regex::escape(suffix), Slot::Suffix);
            draft.regex.push('?');
        }
        draft.end_level();
        let levels = draft.levels.into_iter().map(|(regex, groups)| {
            let regex = Regex::new(&format!(r"\A(?:{regex})\z")).ok()?;
            Some(Level { regex, groups })
        });
        levels.collect::<Option<_>>().map(Self)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Level> {
        self.0.iter()
    }

    /// The level at a depth below the base folder, and whether it is that of files.
    pub(super) fn get(&self, depth: usize) -> Option<(&Level, bool)> {
        let level = self.0.get(depth)?;
        Some((level, depth + 1 == self.0.len()))
    }
}

impl Level {
    pub(super) fn is_match(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }

    /// Reads a name. Returns it without index, copy and suffix; none where it is not ours.
    pub(super) fn read(&self, name: &str, reading: &mut Reading) -> Option<String> {
        let captures = self.regex.captures(name)?;
        let mut key = name.to_owned();
        // From the end, so that what is cut out moves nothing that is still needed.
        for (number, slot) in self.groups.iter().enumerate().rev() {
            let Some(group) = captures.get(number + 1) else {
                continue;
            };
            let text = group.as_str();
            match slot {
                Slot::Field(field, zone) => {
                    let number = text.trim_start_matches(['+', '-']).parse().ok()?;
                    let known = reading.fields.insert((*field, *zone), number);
                    if known.is_some_and(|known| known != number) {
                        return None;
                    }
                }
                Slot::Index => {
                    reading.index = Some(text.trim_matches(' ').parse().ok()?);
                    key.replace_range(group.range(), "");
                }
                Slot::Copy => {
                    reading.copy = text.parse().ok()?;
                    // With its point.
                    key.truncate(group.start().checked_sub(1)?);
                }
                Slot::Suffix => {
                    reading.is_compressed = true;
                    key.truncate(group.start());
                }
            }
        }
        Some(key)
    }
}

impl Reading {
    /// Whether there are such days.
    pub(super) fn is_date(&self) -> bool {
        self.fields.iter().all(|(&(field, zone), &number)| {
            let get = |field| self.fields.get(&(field, zone)).copied();
            // Any 400 years stand for all; a leap year stands for none.
            let year = get(DateField::Year).map_or(2000, |year| 2000 + year % 400);
            let year = i16::try_from(year).unwrap_or(2000);
            match field {
                DateField::Day => {
                    let month = get(DateField::Month).unwrap_or(1);
                    match (i8::try_from(month), i8::try_from(number)) {
                        (Ok(month), Ok(day)) => Date::new(year, month, day).is_ok(),
                        _ => false,
                    }
                }
                // The year before the first is not 0 where years are printed.
                DateField::Year => number > 0,
                DateField::DayOfYear if number == 366 => {
                    Date::new(year, 1, 1).is_ok_and(Date::in_leap_year)
                }
                _ => true,
            }
        })
    }
}

/// The levels while they are being written.
#[derive(Default)]
struct Draft {
    levels: Vec<(String, Vec<Slot>)>,
    regex: String,
    groups: Vec<Slot>,
}

impl Draft {
    fn text(&mut self, text: &str) {
        for (number, name) in text.split('/').enumerate() {
            if number > 0 {
                self.end_level();
            }
            self.regex.push_str(&regex::escape(name));
        }
    }

    fn group(&mut self, regex: &str, slot: Slot) {
        self.regex.push('(');
        self.regex.push_str(regex);
        self.regex.push(')');
        self.groups.push(slot);
    }

    fn end_level(&mut self) {
        let regex = std::mem::take(&mut self.regex);
        self.levels.push((regex, std::mem::take(&mut self.groups)));
    }
}

/// A number that is filled up as the pattern does it, and has no zero too many.
fn index_regex(index: FileIndex) -> String {
    const MOST: usize = 10;
    let (width, number) = (index.width.max(1), "(?:0|[1-9][0-9]{0,9})");
    let longer = format!("[1-9][0-9]{{{width},{}}}", MOST.max(width));
    match index.fill {
        _ if width == 1 => number.to_owned(),
        Fill::ZerosBefore => format!("[0-9]{{{width}}}|{longer}"),
        Fill::SpacesBefore | Fill::SpacesBehind => {
            let filled = (1..=width).map(|digits| {
                let spaces = " ".repeat(width - digits);
                let digits = match digits {
                    1 => "[0-9]".to_owned(),
                    more => format!("[1-9][0-9]{{{}}}", more - 1),
                };
                if index.fill == Fill::SpacesBefore {
                    format!("{spaces}{digits}")
                } else {
                    format!("{digits}{spaces}")
                }
            });
            let filled: Vec<String> = filled.collect();
            format!("{}|{longer}", filled.join("|"))
        }
    }
}
