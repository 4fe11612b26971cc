//! Descriptions of filters, from which equal ones can be built any number of times.

use std::sync::Arc;

use tracing::Level;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Filter;
use tracing_subscriber::reload;

use super::program::Random;

pub(crate) type AnyFilter = Box<dyn Filter<Registry> + Send + Sync>;
/// Turns a filter into its other form, and back.
pub(crate) type Switch = Box<dyn Fn()>;

const LEVELS: [LevelFilter; 6] = [
    LevelFilter::OFF,
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];

const DIRECTIVES: [&str; 16] = [
    "error",
    "info",
    "warn,shop=debug",
    "off,shop::orders=trace",
    "[request]=debug",
    "[request{id=7}]=trace",
    "error,[pay]=error",
    "warn,[request{id=7}]=warn",
    "shop[request{id}]=info",
    "off,[{id}]=debug",
    "off,[{id=8}]=trace",
    "shop=off,[plain]=trace",
    "other[pay{id=7}]=debug,info",
    "trace,shop[request]=error",
    "[request{id=7}]=debug,[pay{id=8}]=info",
    "error,shop::orders[pay]=off",
];

#[derive(Debug, Clone)]
pub(crate) enum Spec {
    Level(LevelFilter),
    Env(&'static str),
    Targets(LevelFilter, LevelFilter),
    Function(LevelFilter),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Reloaded(LevelFilter, LevelFilter),
    ReloadedEnv(&'static str, &'static str),
    None,
}

impl Spec {
    pub(crate) fn random(random: &mut Random, depth: usize) -> Self {
        let kinds = if depth < 2 { 14 } else { 9 };
        let inner = |random: &mut Random| Box::new(Self::random(random, depth + 1));
        match random.below(kinds) {
            0 => Self::Level(random.one_of(&LEVELS)),
            1..=3 => Self::Env(random.one_of(&DIRECTIVES)),
            4 => Self::Targets(random.one_of(&LEVELS), random.one_of(&LEVELS)),
            5 => Self::Function(random.one_of(&LEVELS)),
            6 => Self::Reloaded(random.one_of(&LEVELS), random.one_of(&LEVELS)),
            7 => Self::ReloadedEnv(random.one_of(&DIRECTIVES), random.one_of(&DIRECTIVES)),
            8 => Self::None,
            9 | 10 => Self::And(inner(random), inner(random)),
            11 | 12 => Self::Or(inner(random), inner(random)),
            _ => Self::Not(inner(random)),
        }
    }

    /// Builds it; what can be reloaded is by the switches.
    pub(crate) fn build(&self, switches: &mut Vec<Switch>) -> AnyFilter {
        match self {
            Self::Level(level) => Box::new(*level),
            Self::Env(directives) => Box::new(EnvFilter::new(directives)),
            Self::Targets(all, shop) => {
                Box::new(Targets::new().with_default(*all).with_target("shop", *shop))
            }
            Self::Function(level) => {
                let level = *level;
                Box::new(filter_fn(move |metadata| {
                    level >= *metadata.level() && *metadata.level() != Level::WARN
                }))
            }
            Self::And(one, other) => Box::new(one.build(switches).and(other.build(switches))),
            Self::Or(one, other) => Box::new(one.build(switches).or(other.build(switches))),
            Self::Not(inner) => Box::new(inner.build(switches).not()),
            Self::Reloaded(one, other) => {
                let (one, other) = (*one, *other);
                reloaded(switches, move |is_first| if is_first { one } else { other })
            }
            Self::ReloadedEnv(one, other) => {
                let (one, other) = (*one, *other);
                reloaded(switches, move |is_first| {
                    EnvFilter::new(if is_first { one } else { other })
                })
            }
            Self::None => Box::new(None::<LevelFilter>),
        }
    }
}

fn reloaded<F>(switches: &mut Vec<Switch>, make: impl Fn(bool) -> F + 'static) -> AnyFilter
where
    F: Filter<Registry> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(make(true));
    let is_first = Arc::new(std::sync::atomic::AtomicBool::new(true));
    switches.push(Box::new(move || {
        let is_first = !is_first.fetch_xor(true, std::sync::atomic::Ordering::Relaxed);
        // The subscriber may be gone already.
        drop(handle.reload(make(is_first)));
    }));
    Box::new(filter)
}
