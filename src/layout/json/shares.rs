//! How a budget of bytes is shared out: a large value is cut before a small one is lost.

/// The most values that are looked at one by one; those beyond are taken for as large as the budget.
pub(super) const MOST: usize = 128;

/// To how many bytes each of `sizes` is cut, so that together they have at most `budget`: all to the same,
/// and what is smaller is left whole. Puts `sizes` in order.
pub(super) fn share(sizes: &mut [usize], budget: usize) -> usize {
    sizes.sort_unstable();
    let mut left = budget;
    let mut count = sizes.len();
    for size in sizes {
        let share = left.checked_div(count).unwrap_or(left);
        if *size > share {
            return share;
        }
        left -= *size;
        count -= 1;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_large_value_is_cut_and_small_ones_are_whole() {
        assert_eq!(share(&mut [30_000, 5, 10], 24_000), 23_985);
        assert_eq!(share(&mut [30_000, 30_000], 24_000), 12_000);
        assert_eq!(share(&mut [1, 2], 3), usize::MAX);
        assert_eq!(share(&mut [], 0), usize::MAX);
        assert_eq!(share(&mut [4], 0), 0);
    }

    proptest! {
        #[test]
        fn the_budget_is_kept_and_used(
            mut sizes in prop::collection::vec(0_usize..40_000, 0..MOST),
            budget in 0_usize..100_000,
        ) {
            let share = share(&mut sizes, budget);
            let total: usize = sizes.iter().map(|size| (*size).min(share)).sum();
            prop_assert!(total <= budget);
            if share == usize::MAX {
                return Ok(());
            }
            // Nobody could have more, and nobody who asked for an even part has less.
            let cut = sizes.iter().filter(|size| **size > share).count();
            prop_assert!(cut > 0 && budget - total < cut);
            prop_assert!(share >= budget / sizes.len());
        }
    }
}
