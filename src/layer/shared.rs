//! One rendering for several layers: which are offered the same event, and what the first has rendered.
//!
//! `tracing` asks every layer of a subscriber whether it wants an event before it hands the event to
//! any of them. So whoever was asked for the event at one address since a layer last had its turn was
//! asked for one and the same event; the next one may have the address, but is asked for anew. A layer
//! that was not asked, because what wraps it does not pass the question on, renders for itself.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tracing::Event;

use crate::sys::Timestamp;

/// How many layers can be offered one event and share its rendering; more render for themselves.
const MAX_ASKED: usize = 8;
/// How many renderings of one event a thread keeps at a time.
const PLACES: usize = 2;

/// The layers of this process whose layouts have one fingerprint: as many as own the number.
#[derive(Debug)]
pub(super) struct Group(Arc<u64>);

impl Group {
    /// The group of layouts with this fingerprint; one of its own for a layout without.
    pub(super) fn join(fingerprint: Option<u64>) -> Self {
        static GROUPS: Mutex<Vec<(u64, Weak<u64>)>> = Mutex::new(Vec::new());
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let begin = || Arc::new(NEXT.fetch_add(1, Ordering::Relaxed));
        let Some(fingerprint) = fingerprint else {
            return Self(begin());
        };
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|(_, group)| group.strong_count() > 0);
        let mut known = groups.iter().filter(|(known, _)| *known == fingerprint);
        if let Some(group) = known.find_map(|(_, group)| group.upgrade()) {
            return Self(group);
        }
        let group = begin();
        groups.push((fingerprint, Arc::downgrade(&group)));
        Self(group)
    }

    /// Whether there is another layer in it. All that a lone layer pays for.
    #[inline]
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

/// What tells a layer from others: a number that no other layer has or had, and another one whenever
/// it may have been put into another place. That it was asked before proves nothing then.
#[derive(Debug)]
pub(super) struct Member(AtomicU64);

impl Member {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(Self::next()))
    }

    /// The number; never 0.
    #[inline]
    pub(super) fn number(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Other layers, on whatever thread, shall not know this one any more.
    pub(super) fn may_have_moved(&self) {
        self.0.store(Self::next(), Ordering::Release);
    }

    fn next() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
}

/// What a thread knows of the event that is being offered to its layers.
struct Round {
    /// Another one for each event; never 0 once there was one.
    number: Cell<u64>,
    /// Where the event is. It stays there until the last layer had it.
    event: Cell<usize>,
    callsite: Cell<usize>,
    /// A layer had its turn: who is asked now is asked for the next event.
    has_begun: Cell<bool>,
    /// The layers that were asked, by numbers that are never 0; 0 for one that had its turn.
    asked: [Cell<u64>; MAX_ASKED],
    count: Cell<usize>,
    /// The group for which there is a rendering that shows nothing of spans.
    ready: Cell<u64>,
}

/// No group has this number.
const NONE: u64 = u64::MAX;

thread_local! {
    // Constant and without a destructor: it works as long as the thread does.
    static ROUND: Round = const {
        Round {
            number: Cell::new(0),
            event: Cell::new(0),
            callsite: Cell::new(0),
            has_begun: Cell::new(false),
            asked: [const { Cell::new(0) }; MAX_ASKED],
            count: Cell::new(0),
            ready: Cell::new(NONE),
        }
    };
}

impl Round {
    #[inline]
    fn find(&self, layer: u64) -> Option<&Cell<u64>> {
        let mut asked = self.asked.iter().take(self.count.get());
        asked.find(|asked| asked.get() == layer)
    }

    #[inline]
    fn is_of(&self, event: &Event<'_>) -> bool {
        self.event.get() == address(event) && self.callsite.get() == address(event.metadata())
    }
}

#[inline]
fn address<T>(of: &T) -> usize {
    std::ptr::from_ref(of).addr()
}

/// `layer` is asked for `event`.
#[inline(never)]
pub(super) fn ask(layer: u64, event: &Event<'_>) {
    ROUND.with(|round| {
        if round.has_begun.get() || !round.is_of(event) || round.find(layer).is_some() {
            round.number.set(round.number.get() + 1);
            round.event.set(address(event));
            round.callsite.set(address(event.metadata()));
            round.has_begun.set(false);
            round.count.set(0);
            round.ready.set(NONE);
        }
        if let Some(free) = round.asked.get(round.count.get()) {
            free.set(layer);
            round.count.set(round.count.get() + 1);
        }
    });
}

/// `layer` is handed `event`. The number of the round, where it was asked for the event in it.
#[inline]
pub(super) fn take_turn(layer: u64, event: &Event<'_>) -> Option<u64> {
    ROUND.with(|round| {
        if !round.is_of(event) {
            return None;
        }
        round.find(layer)?.set(0);
        round.has_begun.set(true);
        Some(round.number.get())
    })
}

/// `layer` does not take what it was asked for.
#[cold]
pub(super) fn pass(layer: u64) {
    ROUND.with(|round| {
        if let Some(asked) = round.find(layer) {
            asked.set(0);
        }
    });
}

/// Whether there is a rendering in this round that is the same for all layers of the group.
#[inline]
pub(super) fn is_ready(group: &Group) -> bool {
    ROUND.with(|round| round.ready.get() == *group.0)
}

/// What the first layer of a group rendered, for the others.
#[derive(Debug)]
pub(super) struct Rendering {
    /// The first `stem` bytes are as the layout wrote them; a layer may have changed what follows.
    out: Vec<u8>,
    stem: usize,
    /// How many newlines the layout wrote behind them.
    newlines: usize,
    /// What follows the first `stem` bytes may be anything.
    is_changed: bool,
    /// For which event it is, if it is for one.
    round: u64,
    group: u64,
    made: Made,
}

/// What there is to know of a rendering.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made {
    pub(super) timestamp: Timestamp,
    /// Values that could not be formatted.
    pub(super) failures: u64,
    /// The spans that the layout looked at; none if it did not look.
    pub(super) spans: Option<u64>,
}

impl Rendering {
    const fn new() -> Self {
        Self {
            out: Vec::new(),
            stem: 0,
            newlines: 0,
            is_changed: false,
            round: 0,
            group: 0,
            made: Made {
                timestamp: Timestamp {
                    seconds: 0,
                    nanos: 0,
                },
                failures: 0,
                spans: None,
            },
        }
    }

    /// What was rendered in that round for layers of that group, unless its buffer was given up.
    #[inline]
    pub(super) fn find(&self, round: u64, group: &Group) -> Option<Made> {
        let is_it = self.round == round && self.group == *group.0 && self.stem <= self.out.len();
        is_it.then_some(self.made)
    }

    /// The buffer for another one.
    #[inline]
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        self.round = 0;
        self.out.clear();
        &mut self.out
    }

    /// Keeps what is in the buffer for the other layers.
    #[inline]
    pub(super) fn keep(&mut self, round: u64, group: &Group, made: Made) {
        let newlines = self.out.iter().rev().take_while(|byte| **byte == b'\n');
        self.newlines = newlines.count();
        self.stem = self.out.len() - self.newlines;
        self.is_changed = false;
        self.round = round;
        self.group = *group.0;
        self.made = made;
        if made.spans.is_none() {
            ROUND.with(|round| round.ready.set(*group.0));
        }
    }

    /// A layer has put something of its own behind it.
    #[inline]
    pub(super) fn changed(&mut self) {
        self.is_changed = true;
    }

    /// What was rendered, to bring its end into shape.
    #[inline]
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// The same as the layout left it.
    #[inline]
    pub(super) fn restored(&mut self) -> &mut Vec<u8> {
        // Who brings newlines into shape changes their number, or nothing.
        if self.is_changed || self.out.len() != self.stem + self.newlines {
            self.restore();
        }
        &mut self.out
    }

    #[inline(never)]
    fn restore(&mut self) {
        self.out.truncate(self.stem);
        self.out.resize(self.stem + self.newlines, b'\n');
        self.is_changed = false;
    }
}

/// The renderings that a thread keeps.
#[derive(Debug)]
pub(super) struct Renderings([Rendering; PLACES]);

impl Renderings {
    pub(super) const fn new() -> Self {
        Self([const { Rendering::new() }; PLACES])
    }

    /// Where that of a group is, if it is there.
    #[inline]
    pub(super) fn of(&mut self, group: &Group) -> &mut Rendering {
        let [even, odd] = &mut self.0;
        if group.0.is_multiple_of(2) { even } else { odd }
    }
}
