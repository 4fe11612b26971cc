//! Which fields of an event a pattern shows by words of their own.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeSet;

use super::converter::Converter;
use super::unit::Unit;
use crate::event::Elsewhere;
use crate::event::MARKER;

/// Gathered while a pattern is compiled, patterns inside it included.
///
/// As with Log4j's `alwaysWriteExceptions`, the word decides, and not whether it prints something: `%ex{none}`
/// is how an error is left out.
#[derive(Debug, Default)]
pub(super) struct Shown {
    all: Cell<bool>,
    error: Cell<bool>,
    names: RefCell<BTreeSet<String>>,
}

impl Shown {
    /// Takes down what `unit` shows by itself.
    pub(super) fn add(&self, unit: &Unit<'_>) {
        match unit {
            Unit::Error(..) => self.error.set(true),
            Unit::Variable(Converter::EventFields) => self.all.set(true),
            Unit::Variable(Converter::EventField(name)) => self.add_name(name),
            Unit::Variable(Converter::Correlation(name)) => self.add_name(name),
            Unit::Variable(Converter::Marker | Converter::MarkerName) => self.add_name(MARKER),
            Unit::Variable(Converter::Lookup(lookup)) => {
                lookup.event_fields().for_each(|name| self.add_name(name));
            }
            _ => {}
        }
    }

    fn add_name(&self, name: &str) {
        self.names.borrow_mut().insert(name.to_owned());
    }

    /// What need not be written behind the message; none if that is everything. Without `with_error`
    /// the error need not be, either.
    pub(super) fn elsewhere(self, with_error: bool) -> Option<Elsewhere> {
        (!self.all.get()).then(|| Elsewhere {
            names: self.names.into_inner().into_iter().collect(),
            error: self.error.get() || !with_error,
        })
    }
}
