//! Random programs: spans that are opened, entered, left, forgotten, closed and recorded on several
//! threads, in several subscribers, whose layers are taken out, put back and put elsewhere.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use tracing::Dispatch;
use tracing::Span;
use tracing::dispatcher::with_default;
use tracing::field::Empty;
use tracing_subscriber::Layer;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

use crate::choices::Choices;
use crate::witness::Kind;
use crate::witness::Ours;
use crate::witness::Verdict;
use crate::witness::Witness;

const PROGRAMS: u64 = 4000;
/// No more are begun after this time.
const ENOUGH: Duration = Duration::from_secs(10);
const THREADS: usize = 3;
const SUBSCRIBERS: usize = 2;
const SLOTS: usize = 3;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does one thing after the other, and outlives programs.
struct Worker {
    jobs: mpsc::Sender<Job>,
}

impl Worker {
    fn new() -> Self {
        let (jobs, received) = mpsc::channel::<Job>();
        std::thread::spawn(move || received.into_iter().for_each(|job| job()));
        Self { jobs }
    }

    fn run(&self, job: impl FnOnce() + Send + 'static) {
        let (done, is_done) = mpsc::channel();
        let job = move || {
            let _panicked = catch_unwind(AssertUnwindSafe(job));
            done.send(()).unwrap();
        };
        self.jobs.send(Box::new(job)).unwrap();
        is_done.recv_timeout(Duration::from_secs(60)).unwrap();
    }
}

/// A place for a layer in a subscriber.
type Slot = reload::Handle<Option<Witness>, Registry>;

/// A subscriber and its places.
fn subscriber(
    choices: &mut Choices,
    witnesses: &mut impl FnMut(&mut Choices) -> Option<Witness>,
) -> (Dispatch, Vec<Slot>) {
    let mut slots = Vec::new();
    let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = Vec::new();
    for _ in 0..SLOTS {
        let (slot, handle) = reload::Layer::new(witnesses(choices));
        slots.push(handle);
        let hidden = choices.below(16);
        layers.push(match choices.below(4) {
            0 | 1 => slot.boxed(),
            _ => slot
                .with_filter(filter_fn(move |metadata| {
                    metadata.is_event() || !hides(hidden, metadata.name())
                }))
                .boxed(),
        });
    }
    (
        Dispatch::new(tracing_subscriber::registry().with(layers)),
        slots,
    )
}

/// Whether the set of names with this number has this one.
fn hides(set: u64, name: &str) -> bool {
    let at = ["a", "b", "c", "d"].iter().position(|known| *known == name);
    at.is_some_and(|at| set & (1 << at) != 0)
}

fn open(choices: &mut Choices, parent: Option<&Span>) -> Span {
    let x = choices.below(4);
    let kind = choices.below(5);
    let is_root = choices.once_in(6);
    macro_rules! open {
        ($name:literal $($field:tt)*) => {
            match parent {
                Some(parent) => tracing::info_span!(parent: parent, $name $($field)*),
                None if is_root => tracing::info_span!(parent: None, $name $($field)*),
                None => tracing::info_span!($name $($field)*),
            }
        };
    }
    match kind {
        0 => open!("a", x, late = Empty),
        1 => open!("b", y = x, x = x + 1),
        2 => open!("c"),
        3 => open!("d", late = Empty),
        _ => open!("e", x = x + 10),
    }
}

/// A span, and in which subscriber it is.
type Opened = (usize, Span);

struct Program {
    choices: Choices,
    subscribers: Vec<(Dispatch, Vec<Slot>)>,
    spans: Arc<Mutex<Vec<Opened>>>,
    layers: Vec<Arc<Ours>>,
    verdict: Arc<Verdict>,
    /// Spans may be closed while another subscriber is the default one, which then closes others.
    is_rough: bool,
}

impl Program {
    fn new(seed: u64) -> Self {
        let mut choices = Choices::new(seed);
        let verdict = Arc::new(Verdict::default());
        let kinds = Kind::ALL;
        let layers: Vec<Arc<Ours>> = (0..3)
            .map(|_| Ours::new(kinds[choices.index(kinds.len())]))
            .collect();
        let ignores_calls = choices.once_in(2);
        let mut witness = |choices: &mut Choices| {
            let passes = if ignores_calls {
                u8::try_from(choices.below(128)).unwrap()
            } else {
                u8::MAX
            };
            (!choices.once_in(4)).then(|| Witness {
                ours: Arc::clone(&layers[choices.index(layers.len())]),
                passes,
                verdict: Arc::clone(&verdict),
            })
        };
        let subscribers = (0..SUBSCRIBERS)
            .map(|_| subscriber(&mut choices, &mut witness))
            .collect();
        Self {
            subscribers,
            spans: Arc::default(),
            layers,
            verdict,
            is_rough: choices.once_in(5),
            choices,
        }
    }

    /// Runs something with the spans, on a thread, where a subscriber is the default one.
    fn run(
        &mut self,
        workers: &[Worker],
        job: impl FnOnce(&mut Choices, &mut Vec<Opened>, usize) + Send + 'static,
    ) {
        // Most happens in one place, so that there is something to be seen.
        let worker = if self.choices.once_in(3) {
            self.choices.index(workers.len())
        } else {
            0
        };
        let of = if self.choices.once_in(3) {
            self.choices.index(SUBSCRIBERS)
        } else {
            0
        };
        let dispatch = self.subscribers[of].0.clone();
        let spans = Arc::clone(&self.spans);
        let mut choices = Choices::new(self.choices.below(u64::MAX >> 1));
        workers[worker].run(move || {
            with_default(&dispatch, || {
                let mut spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
                job(&mut choices, &mut spans, of);
            });
        });
    }

    fn step(&mut self, workers: &[Worker]) {
        let is_rough = self.is_rough;
        match self.choices.below(22) {
            0..=3 => self.run(workers, |choices, spans, of| {
                let mine: Vec<&Opened> = spans.iter().filter(|span| span.0 == of).collect();
                let parent = (!mine.is_empty() && choices.once_in(3))
                    .then(|| mine[choices.index(mine.len())].1.clone());
                let span = open(choices, parent.as_ref());
                if choices.once_in(2) {
                    span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
                }
                spans.push((of, span));
            }),
            // The chain is longer than what is shown.
            4 => self.run(workers, |choices, spans, of| {
                if choices.once_in(8) {
                    let mut span = open(choices, None);
                    for _ in 0..40 {
                        span = open(choices, Some(&span));
                    }
                    span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
                    spans.push((of, span));
                }
            }),
            5..=7 => self.run(workers, |choices, spans, _| {
                on_one(choices, spans, |_, span| {
                    span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
                });
            }),
            8 | 9 => self.run(workers, |choices, spans, _| {
                on_one(choices, spans, |_, span| {
                    span.with_subscriber(|(id, dispatch)| dispatch.exit(id));
                });
            }),
            10 | 11 => self.run(workers, |choices, spans, _| {
                on_one(choices, spans, |choices, span| {
                    span.record("late", choices.below(4));
                });
            }),
            12 => self.run(workers, |choices, spans, _| {
                on_one(choices, spans, |choices, span| {
                    span.record("x", choices.below(4));
                });
            }),
            // Whoever is inside stays there.
            13 | 14 => self.run(workers, move |choices, spans, _| {
                if !spans.is_empty() {
                    let (_, span) = spans.swap_remove(choices.index(spans.len()));
                    if is_rough {
                        drop(span);
                    } else {
                        let dispatch = span.with_subscriber(|(_, dispatch)| dispatch.clone());
                        with_default(&dispatch.unwrap_or_else(Dispatch::none), || drop(span));
                    }
                }
            }),
            15 => self.move_layer(),
            _ => self.log(workers),
        }
    }

    fn log(&mut self, workers: &[Worker]) {
        match self.choices.below(6) {
            0 => self.run(workers, |_, _, _| tracing::info!(parent: None, "m")),
            1 => self.run(workers, |choices, spans, _| {
                on_one(
                    choices,
                    spans,
                    |_, span| tracing::info!(parent: &*span, "m"),
                );
            }),
            _ => self.run(workers, |_, _, _| tracing::info!("m")),
        }
    }

    /// Closes what is left, as far as its subscriber still knows it.
    fn end(&self) {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        for (of, span) in spans.drain(..) {
            let close = || with_default(&self.subscribers[of].0, || drop(span));
            let _unknown = catch_unwind(AssertUnwindSafe(close));
        }
    }

    /// Puts a layer in, takes one out, or changes two places.
    fn move_layer(&mut self) {
        let mut place = || {
            let of = self.choices.index(SUBSCRIBERS);
            &self.subscribers[of].1[self.choices.index(SLOTS)]
        };
        let (one, other) = (place(), place());
        let mut taken = None;
        one.modify(|slot| taken = slot.take()).unwrap();
        match self.choices.below(3) {
            0 => {}
            1 => other
                .modify(|slot| std::mem::swap(slot, &mut taken))
                .unwrap(),
            _ => {
                taken = Some(Witness {
                    ours: Arc::clone(&self.layers[self.choices.index(self.layers.len())]),
                    passes: u8::MAX,
                    verdict: Arc::clone(&self.verdict),
                });
            }
        }
        one.modify(|slot| *slot = taken).unwrap();
    }
}

fn on_one(choices: &mut Choices, spans: &mut [Opened], then: impl FnOnce(&mut Choices, &mut Span)) {
    if !spans.is_empty() {
        let at = choices.index(spans.len());
        then(choices, &mut spans[at].1);
    }
}

#[test]
fn in_random_programs_every_event_shows_the_spans_that_the_registry_has_for_it() {
    // What a subscriber says of spans that were closed behind its back is no failure.
    std::panic::set_hook(Box::new(|info| {
        if !info.to_string().contains("span exists") {
            println!("{info}");
        }
    }));
    let workers: Vec<Worker> = (0..THREADS).map(|_| Worker::new()).collect();
    let begin = Instant::now();
    let (events, in_spans, played) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    for seed in 0..PROGRAMS {
        if begin.elapsed() > ENOUGH {
            break;
        }
        let mut program = Program::new(seed);
        for _ in 0..program.choices.below(60) {
            program.step(&workers);
        }
        program.end();
        let verdict = &program.verdict;
        let differences = verdict.differences.lock().unwrap();
        assert!(differences.is_empty(), "program {seed}: {differences:#?}");
        events.fetch_add(verdict.events.load(Ordering::Relaxed), Ordering::Relaxed);
        in_spans.fetch_add(
            verdict.events_in_spans.load(Ordering::Relaxed),
            Ordering::Relaxed,
        );
        played.fetch_add(1, Ordering::Relaxed);
    }
    println!(
        "{played:?} programs, {events:?} events, {in_spans:?} of them in spans, {:?}",
        begin.elapsed()
    );
    assert!(in_spans.into_inner() > 1000, "too few to say anything");
}
