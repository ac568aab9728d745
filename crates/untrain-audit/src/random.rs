//! Keyed randomness for resampling: every draw is named by a seed, a purpose and its place.

use untrain_core::{Seed, mix, one_of};

/// What a draw is for. Purposes are independent of each other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Bootstrap = 0x61_75_01,
    Exchange = 0x61_75_02,
    Folds = 0x61_75_03,
    Membership = 0x61_75_04,
    Canary = 0x61_75_05,
    Subsample = 0x61_75_06,
    Splits = 0x61_75_07,
}

/// The stream of one purpose and place, of which any element can be asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream(u64);

impl Stream {
    pub(crate) fn new(seed: Seed, purpose: Purpose, place: u64) -> Self {
        Self(seed.hash(purpose as u64, &place.to_le_bytes()))
    }

    pub(crate) fn word(self, i: usize) -> u64 {
        mix(self.0, i as u64)
    }

    pub(crate) fn bit(self, i: usize) -> bool {
        self.word(i) >> 63 == 1
    }

    /// A number in [0, 1), for the tests.
    #[cfg(test)]
    pub(crate) fn unit(self, i: usize) -> f64 {
        untrain_core::unit(self.word(i))
    }

    /// One of `0..n`, as the `i`-th draw.
    pub(crate) fn below(self, n: usize, i: usize) -> usize {
        one_of(n as u32, self.word(i)) as usize
    }

    /// A permutation of `0..n`, by the Fisher–Yates shuffle.
    pub(crate) fn permutation(self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1, i));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_holds_everything_once_and_depends_on_its_place() {
        let mut order = Stream::new(Seed(1), Purpose::Exchange, 0).permutation(50);
        assert_ne!(order, Stream::new(Seed(1), Purpose::Exchange, 1).permutation(50));
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
    }
}
