//! Compiles a pattern: gathers the parts of a plan, joins what can be one, and does so for patterns inside.

use super::budget::Budget;
use super::converter::Converter;
use super::date::Defaults;
use super::encode::Encoding;
use super::escape::escaped;
use super::escape::is_harmless;
use super::level::LEVELS;
use super::lookup;
use super::modifier::Modifier;
use super::notes::Notes;
use super::parser::MAX_NESTING;
use super::parser::OptionText;
use super::parser::Piece;
use super::parser::parse;
use super::place::Place as PlaceRun;
use super::place::PlacePart;
use super::plan::After;
use super::plan::Comparison;
use super::plan::Kind;
use super::plan::Nested;
use super::plan::Part;
use super::plan::Plan;
use super::plan::Short;
use super::plan::Tracked;
use super::ready::CAPACITY;
use super::ready::Ready;
use super::ready::ReadyPart;
use super::shown::Shown;
use super::specifier::compile;
use super::unit;
use super::unit::Effect;
use super::unit::Unit;
use crate::error::PatternError;

/// What holds for a pattern and all patterns inside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) defaults: &'a Defaults,
    pub(super) is_escaped: bool,
    /// What all of them together may still take.
    pub(super) budget: &'a Budget,
    /// What they show of the event's fields.
    pub(super) shown: &'a Shown,
}

/// Compiles `pattern`.
pub(super) fn plan(
    pattern: &str,
    setting: Setting<'_>,
    notes: &mut Notes,
) -> Result<Plan, PatternError> {
    let whole = OptionText {
        text: pattern,
        offset: 0,
    };
    let place = Place {
        setting,
        is_escaped: setting.is_escaped,
        is_suffix: false,
        depth: 0,
    };
    place.plan(whole, notes)
}

/// Where a pattern stands.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    setting: Setting<'a>,
    /// Whether this pattern escapes its text; if not, whoever holds it does.
    is_escaped: bool,
    /// Whether it is, or is inside of, what ends the lines of an error.
    is_suffix: bool,
    depth: usize,
}

impl Place<'_> {
    /// The place of a pattern inside this one.
    fn inside(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }

    /// The place of a pattern inside this one whose text is to be changed before it is escaped.
    fn raw_inside(self) -> Self {
        Self {
            is_escaped: false,
            ..self.inside()
        }
    }

    fn plan(self, pattern: OptionText<'_>, notes: &mut Notes) -> Result<Plan, PatternError> {
        let mut planner = Planner::new(self);
        for (unit, modifier) in self.units(pattern, notes)? {
            planner.unit(unit, modifier, notes)?;
        }
        Ok(planner.finish())
    }

    /// What the pattern consists of, with the widths of each.
    fn units<'p>(
        self,
        pattern: OptionText<'p>,
        notes: &mut Notes,
    ) -> Result<Vec<(Unit<'p>, Modifier)>, PatternError> {
        let literal = |text: &str| (Unit::Literal(text.to_owned()), Modifier::NONE);
        if self.depth > MAX_NESTING {
            let message = format!("patterns are nested more than {MAX_NESTING} deep");
            notes.mistake(PatternError::new(
                pattern.offset,
                pattern.text.len(),
                message,
            ))?;
            return Ok(vec![literal(pattern.text)]);
        }
        let mut units = Vec::new();
        for piece in parse(pattern, notes)? {
            let specifier = match piece {
                Piece::Literal(text) => {
                    let parts = lookup::split(&text).into_iter().map(Unit::from);
                    units.extend(parts.map(|unit| (unit, Modifier::NONE)));
                    continue;
                }
                Piece::Specifier(specifier) => specifier,
            };
            match compile(
                &specifier,
                self.setting.defaults,
                self.setting.budget,
                notes,
            )? {
                Some((unit, rest)) if !is_broken(&unit, notes)? => {
                    let budget = self.setting.budget;
                    if !budget.take_text(&unit, &specifier, notes)? {
                        continue;
                    }
                    units.push((unit, specifier.modifier));
                    if !rest.is_empty() {
                        units.push(literal(rest));
                    }
                }
                _ => units.push(literal(specifier.text)),
            }
        }
        Ok(units)
    }

    fn nested(
        self,
        pattern: OptionText<'_>,
        effect: Effect<'_>,
        notes: &mut Notes,
    ) -> Result<Nested, PatternError> {
        let inside = self.inside();
        Ok(match effect {
            Effect::Nothing => Nested::Plain(inside.plan(pattern, notes)?),
            Effect::Cut(limit) => Nested::Cut(limit, inside.plan(pattern, notes)?),
            Effect::Style(styles) => Nested::Styled(styles, inside.plan(pattern, notes)?),
            Effect::NotEmpty => Nested::NotEmpty(inside.tracked(pattern, notes)?),
            Effect::Encode(Encoding::Json) => {
                let after = After::escape_if(self.setting.is_escaped);
                Nested::Encoded(
                    Encoding::Json,
                    self.raw_inside().plan(pattern, notes)?,
                    after,
                )
            }
            Effect::Encode(encoding) => {
                Nested::Encoded(encoding, inside.plan(pattern, notes)?, After::Nothing)
            }
            Effect::Replace(replacement, substitution) => {
                let plan = self.raw_inside().plan(pattern, notes)?;
                // Once they are mixed, what is layout and what is data cannot be told apart.
                if self.is_escaped && (plan.is_dirty() || !is_harmless(substitution.as_bytes())) {
                    // What is wrong with the pattern was noted above.
                    let plan = inside.plan(pattern, &mut notes.again())?;
                    Nested::Replaced(replacement, plan, After::Nothing)
                } else {
                    Nested::Replaced(replacement, plan, After::escape_if(self.is_escaped))
                }
            }
        })
    }

    /// The pattern that ends the lines of an error. Errors in it show nothing.
    fn suffix(self, pattern: OptionText<'_>, notes: &mut Notes) -> Result<Plan, PatternError> {
        let place = Self {
            is_suffix: true,
            ..self.inside()
        };
        let mut planner = Planner::new(place);
        for (unit, modifier) in place.units(pattern, notes)? {
            if !place.shows_error(&unit)? {
                planner.unit(unit, modifier, notes)?;
            }
        }
        Ok(planner.finish())
    }

    /// Whether the unit is, or holds, the text of an error.
    fn shows_error(self, unit: &Unit<'_>) -> Result<bool, PatternError> {
        if matches!(unit, Unit::Error(..)) {
            return Ok(true);
        }
        for pattern in unit.patterns().take(1) {
            for (unit, _) in self.inside().units(pattern, &mut Notes::new(true))? {
                if self.inside().shows_error(&unit)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn comparison(
        self,
        of: unit::Comparison<'_>,
        notes: &mut Notes,
    ) -> Result<Comparison, PatternError> {
        let inner = self.inside().plan(of.pattern, notes)?;
        let substitution = if of.substitutes_pattern() {
            self.inside().plan(of.substitution, notes)?
        } else {
            let mut planner = Planner::new(self.inside());
            planner.literal(of.substitution.text);
            planner.finish()
        };
        Ok(Comparison {
            inner,
            test: of.test.text.to_owned(),
            escaped_test: if self.is_escaped {
                escaped(of.test.text)
            } else {
                of.test.text.to_owned()
            },
            ignores_case: of.ignores_case,
            substitution,
        })
    }

    /// A plan for each variable part, and one for what stands between two of them.
    fn tracked(
        self,
        pattern: OptionText<'_>,
        notes: &mut Notes,
    ) -> Result<Box<[Tracked]>, PatternError> {
        let mut tracked = Vec::new();
        for (unit, modifier) in self.units(pattern, notes)? {
            let empty = unit.empty();
            let mut planner = Planner::new(self);
            planner.unit(unit, modifier, notes)?;
            tracked.push(Tracked {
                plan: planner.finish(),
                empty,
            });
        }
        Ok(tracked.into())
    }
}

impl After {
    fn escape_if(is_escaped: bool) -> Self {
        if is_escaped {
            Self::Escape
        } else {
            Self::Nothing
        }
    }
}

/// Whether a pattern inside cannot be made: to Log4j that breaks what holds it.
fn is_broken(unit: &Unit<'_>, notes: &mut Notes) -> Result<bool, PatternError> {
    for pattern in unit.patterns() {
        if let Err(error) = parse(pattern, &mut Notes::new(true)) {
            notes.mistake(error)?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Gathers the parts of one plan, and joins what can be one.
struct Planner<'a> {
    place: Place<'a>,
    parts: Vec<(Part, Kind)>,
    /// The run being gathered: text that only time and level change.
    run: Vec<ReadyPart>,
    /// How long its text will be, about.
    length: usize,
    /// A run of text that is the same for all events of a callsite; one of the two runs is empty.
    place_run: Vec<PlacePart>,
}

impl<'a> Planner<'a> {
    fn new(place: Place<'a>) -> Self {
        Self {
            place,
            parts: Vec::new(),
            run: Vec::new(),
            length: 0,
            place_run: Vec::new(),
        }
    }

    fn finish(mut self) -> Plan {
        self.end_place();
        self.end_run();
        Plan::new(self.parts, self.place.is_escaped)
    }

    fn literal(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if !self.place_run.is_empty() {
            self.place_run.push(PlacePart::Literal(text.to_owned()));
            return;
        }
        if let Some(ReadyPart::Literal(before)) = self.run.last_mut() {
            before.push_str(text);
            self.length += text.len();
            return;
        }
        self.make_room(text.len());
        self.run.push(ReadyPart::Literal(text.to_owned()));
    }

    fn unit(
        &mut self,
        unit: Unit<'_>,
        modifier: Modifier,
        notes: &mut Notes,
    ) -> Result<(), PatternError> {
        self.place.setting.shown.add(&unit);
        let with_widths = |text: String| {
            let mut out = text.into_bytes();
            modifier.apply(&mut out, 0);
            String::from_utf8_lossy(&out).into_owned()
        };
        match unit {
            Unit::Literal(text) | Unit::Constant(text) => self.literal(&with_widths(text)),
            Unit::Level(texts) => self.level(texts.map(with_widths)),
            Unit::Date(date) => {
                self.end_place();
                self.make_room(date.example().len().max(modifier.min));
                self.run.push(ReadyPart::Date(date, modifier));
            }
            Unit::Variable(converter) if converter.is_of_callsite() => {
                self.place(converter, modifier);
            }
            Unit::Variable(converter) => {
                let is_raw = converter.is_text() && modifier.is_none();
                let kind = if is_raw { Kind::Raw } else { Kind::Clean };
                let part = if modifier.is_none() {
                    Part::Variable(converter)
                } else {
                    Part::Modified(converter, modifier)
                };
                self.part(part, kind);
            }
            // An error for each line of an error, and so on, would have no end.
            Unit::Error(..) if self.place.is_suffix => {}
            Unit::Error(text, suffix) => {
                let suffix = suffix
                    .map(|suffix| self.place.suffix(suffix, notes))
                    .transpose()?;
                let nested = Nested::Error(text, suffix, self.place.is_escaped);
                self.part(Part::Nested(Box::new(nested), modifier), Kind::Dirty);
            }
            Unit::Nested(pattern, effect) => {
                let nested = self.place.nested(pattern, effect, notes)?;
                self.part(Part::Nested(Box::new(nested), modifier), Kind::Dirty);
            }
            Unit::Compared(comparison) => {
                let comparison = self.place.comparison(comparison, notes)?;
                let nested = Nested::Compared(Box::new(comparison));
                self.part(Part::Nested(Box::new(nested), modifier), Kind::Dirty);
            }
        }
        Ok(())
    }

    fn part(&mut self, part: Part, kind: Kind) {
        self.end_place();
        self.end_run();
        self.parts.push((part, kind));
    }

    /// A part that is the same for all events of a callsite: it begins a run of such parts, or goes on
    /// with one. What stands between it and the last date comes along.
    fn place(&mut self, converter: Converter, modifier: Modifier) {
        if self.place_run.is_empty() {
            let dates = self
                .run
                .iter()
                .rposition(|p| matches!(p, ReadyPart::Date(..)));
            let kept = dates.map_or(0, |last| last + 1);
            let moved = self.run.split_off(kept.min(self.run.len()));
            self.end_run();
            self.place_run
                .extend(moved.into_iter().filter_map(PlacePart::from_ready));
        }
        self.place_run.push(PlacePart::Text(converter, modifier));
    }

    fn level(&mut self, texts: [String; LEVELS]) {
        if !self.place_run.is_empty() {
            self.place_run.push(PlacePart::Level(texts));
            return;
        }
        self.make_room(texts.iter().map(String::len).max().unwrap_or(0));
        self.run.push(ReadyPart::Level(texts));
    }

    /// Ends the run if `more` bytes would make it too long to be kept.
    fn make_room(&mut self, more: usize) {
        if self.length + more > CAPACITY {
            self.end_run();
        }
        self.length += more;
    }

    fn end_place(&mut self) {
        let mut run = std::mem::take(&mut self.place_run);
        // Literals at the end may be more than one copy of fixed length can take; alone they may not.
        let mut after = Vec::new();
        while let Some(PlacePart::Literal(_)) = run.last() {
            after.extend(run.pop());
        }
        if run.is_empty() {
            return;
        }
        let place = PlaceRun::new(run, self.place.is_escaped);
        let kind = if place.is_dirty(is_harmless) {
            Kind::Dirty
        } else {
            Kind::Clean
        };
        self.parts.push((Part::Place(place), kind));
        for part in after.into_iter().rev() {
            if let PlacePart::Literal(text) = part {
                self.literal(&text);
            }
        }
    }

    fn end_run(&mut self) {
        self.length = 0;
        let run = std::mem::take(&mut self.run);
        let kind = if run.iter().all(ReadyPart::is_harmless) {
            Kind::Clean
        } else {
            Kind::Dirty
        };
        let part = match <[ReadyPart; 1]>::try_from(run) {
            Ok([ReadyPart::Literal(text)]) => match Short::new(&text) {
                Some(short) => Part::Short(short),
                None => Part::Literal(text),
            },
            Ok(one) => Part::Ready(Ready::new(one.into())),
            Err(run) if run.is_empty() => return,
            Err(run) => Part::Ready(Ready::new(run)),
        };
        self.parts.push((part, kind));
    }
}

impl PlacePart {
    fn from_ready(part: ReadyPart) -> Option<Self> {
        match part {
            ReadyPart::Literal(text) => Some(Self::Literal(text)),
            ReadyPart::Level(texts) => Some(Self::Level(texts)),
            ReadyPart::Date(..) => None,
        }
    }
}

impl ReadyPart {
    /// Whether a check would leave it alone.
    fn is_harmless(&self) -> bool {
        match self {
            Self::Literal(text) => is_harmless(text.as_bytes()),
            Self::Level(texts) => texts.iter().all(|text| is_harmless(text.as_bytes())),
            Self::Date(date, _) => is_harmless(&date.example()),
        }
    }
}
