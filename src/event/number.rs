//! Numbers that stand for one thing each, for as long as the process lives.

use std::cell::Cell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// A number that nothing else in this process has or had. Odd, and thus not the address of anything
/// that is aligned.
pub(super) fn next_number() -> u64 {
    /// So many are a thread's own at a time, so that threads do not meet at each span.
    const BLOCK: u64 = 1024;
    static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static NEXT: Cell<u64> = const { Cell::new(0) };
    }
    let mut next = NEXT.get();
    if next.is_multiple_of(BLOCK) {
        next = NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed);
    }
    NEXT.set(next + 1);
    next * 2 + 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_number_comes_twice_and_all_are_odd() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..5000).map(|_| next_number()).collect::<Vec<_>>()))
            .collect();
        let numbers = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap());
        let numbers: BTreeSet<u64> = numbers.collect();
        assert_eq!(numbers.len(), 4 * 5000);
        assert!(numbers.iter().all(|number| number % 2 == 1));
    }
}
