//! Events with any fields in any order: callsites that are made while the test runs.

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;

use tracing::Event;
use tracing::Level;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::callsite::Identifier;
use tracing::field::FieldSet;
use tracing::field::Value;
use tracing_core::Callsite;
use tracing_core::Interest;
use tracing_core::Kind;

/// The most fields of an event here.
pub(crate) const MOST: usize = 9;

/// A callsite of an event, which is never given back.
pub(crate) struct Site(OnceLock<Metadata<'static>>);

impl Callsite for Site {
    fn set_interest(&self, _interest: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.0.get().unwrap()
    }
}

impl Site {
    /// A callsite with fields of these names, in this order.
    pub(crate) fn new(names: &[String]) -> &'static Self {
        let site: &'static Self = Box::leak(Box::new(Self(OnceLock::new())));
        let names: Vec<&'static str> = names.iter().map(|name| &*name.clone().leak()).collect();
        let fields = FieldSet::new(names.leak(), Identifier(site));
        let set = site.0.set(Metadata::new(
            "event",
            "shop",
            Level::INFO,
            Some("src/shop.rs"),
            Some(7),
            Some("shop"),
            fields,
            Kind::EVENT,
        ));
        assert!(set.is_ok());
        site
    }

    /// Logs an event with these values, one for each field; a field without one is left out.
    pub(crate) fn log(&'static self, values: &[Option<&dyn Value>]) {
        let metadata = self.0.get().unwrap();
        let fields: Vec<_> = metadata.fields().iter().collect();
        assert_eq!(fields.len(), values.len());
        let last = fields.last().unwrap();
        let pairs: [_; MOST] = std::array::from_fn(|at| {
            let value = values.get(at).copied().flatten();
            (fields.get(at).unwrap_or(last), value)
        });
        Event::dispatch(metadata, &metadata.fields().value_set(&pairs));
    }
}

/// An error with as many causes as are left in the list.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String, pub(crate) Option<Box<Self>>);

impl Failure {
    pub(crate) fn chain(texts: &[&str]) -> Self {
        let (first, rest) = texts.split_first().unwrap();
        let source = (!rest.is_empty()).then(|| Box::new(Self::chain(rest)));
        Self((*first).to_owned(), source)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.1.as_deref()?)
    }
}

/// Runs `log` with `subscriber` as the default.
pub(crate) fn under(subscriber: impl Subscriber + Send + Sync, log: impl FnOnce()) {
    tracing::subscriber::with_default(subscriber, log);
}
