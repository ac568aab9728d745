//! What a split is judged by: functions of integer statistics, larger is better.
//!
//! Statistics are integers, so they are the same in any order and after any history. A score is a fixed sequence of IEEE
//! operations on them, so it is the same on every machine. Two candidates compare by their scores; nothing else is needed
//! for exactness.

/// A criterion over statistics of `width` words a bin: class counts, or a count and a fixed-point sum.
pub(super) trait Objective: Sync {
    /// Words a bin.
    fn width(&self) -> usize;

    /// Adds a record with target `y` to a bin.
    fn add(&self, bin: &mut [u32], y: i64);

    /// Takes a record with target `y` out of a bin.
    fn remove(&self, bin: &mut [u32], y: i64);

    /// Adds a bin to another.
    fn merge(&self, into: &mut [u32], bin: &[u32]);

    /// Takes a bin out of another.
    fn split_off(&self, from: &mut [u32], bin: &[u32]);

    /// How many records a bin holds.
    fn count(&self, bin: &[u32]) -> u32;

    /// How good a split into `left` and `right` is; both hold a record.
    fn score(&self, left: &[u32], right: &[u32]) -> f64;

    /// Whether the statistics alone tell that all targets are equal; `None` if they cannot tell.
    fn is_pure(&self, bin: &[u32]) -> Option<bool>;

    /// By how much one forgotten record can raise `score − n` of a candidate at most, where `score − n` never falls;
    /// `None` where no such bound is known.
    fn drift(&self) -> Option<f64>;
}

/// Gini impurity for `C` classes known at compile time (2), or any number (`C = 0`).
///
/// `score = Σ_sides Σ_c n_c² / n`, which is the number of records less the weighted impurity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gini<const C: usize> {
    pub(super) classes: usize,
}

impl<const C: usize> Gini<C> {
    #[inline]
    fn side(bin: &[u32]) -> f64 {
        let (mut n, mut squares) = (0_u64, 0_u64);
        for count in bin {
            n += u64::from(*count);
            squares += u64::from(*count) * u64::from(*count);
        }
        squares as f64 / n as f64
    }
}

impl<const C: usize> Objective for Gini<C> {
    #[inline]
    fn width(&self) -> usize {
        if C > 0 { C } else { self.classes }
    }

    #[inline]
    fn add(&self, bin: &mut [u32], y: i64) {
        bin[y as usize] += 1;
    }

    #[inline]
    fn remove(&self, bin: &mut [u32], y: i64) {
        bin[y as usize] -= 1;
    }

    #[inline]
    fn merge(&self, into: &mut [u32], bin: &[u32]) {
        into.iter_mut().zip(bin).for_each(|(a, b)| *a += b);
    }

    #[inline]
    fn split_off(&self, from: &mut [u32], bin: &[u32]) {
        from.iter_mut().zip(bin).for_each(|(a, b)| *a -= b);
    }

    #[inline]
    fn count(&self, bin: &[u32]) -> u32 {
        bin.iter().sum()
    }

    #[inline]
    fn score(&self, left: &[u32], right: &[u32]) -> f64 {
        Self::side(left) + Self::side(right)
    }

    #[inline]
    fn is_pure(&self, bin: &[u32]) -> Option<bool> {
        Some(bin.iter().filter(|count| **count > 0).count() <= 1)
    }

    /// The weighted impurity of a side, `n − Σ n_c²/n`, falls by 0 to 2 when one record leaves: for a record of class `a`
    /// by `1 + (S − 2·n·n_a + n) / (n·(n − 1))` with `S = Σ n_c²`, which is 0 at `n_a = n` and below 2 at `n_a = 1`.
    fn drift(&self) -> Option<f64> {
        Some(2.0)
    }
}

/// Information gain: `score = Σ_sides Σ_c n_c · ln(n_c / n)`.
#[derive(Debug)]
pub(super) struct Entropy {
    classes: usize,
    /// `n · ln n` for small `n`; the rest is computed by the same function.
    table: Vec<f64>,
}

impl Entropy {
    pub(super) fn new(classes: usize) -> Self {
        Self { classes, table: (0..4096).map(n_log_n).collect() }
    }

    fn term(&self, n: u32) -> f64 {
        self.table.get(n as usize).copied().unwrap_or_else(|| n_log_n(n))
    }

    fn side(&self, bin: &[u32]) -> f64 {
        bin.iter().map(|count| self.term(*count)).sum::<f64>() - self.term(bin.iter().sum())
    }
}

fn n_log_n(n: u32) -> f64 {
    if n == 0 { 0.0 } else { f64::from(n) * libm::log(f64::from(n)) }
}

impl Objective for Entropy {
    fn width(&self) -> usize {
        self.classes
    }

    fn add(&self, bin: &mut [u32], y: i64) {
        bin[y as usize] += 1;
    }

    fn remove(&self, bin: &mut [u32], y: i64) {
        bin[y as usize] -= 1;
    }

    fn merge(&self, into: &mut [u32], bin: &[u32]) {
        into.iter_mut().zip(bin).for_each(|(a, b)| *a += b);
    }

    fn split_off(&self, from: &mut [u32], bin: &[u32]) {
        from.iter_mut().zip(bin).for_each(|(a, b)| *a -= b);
    }

    fn count(&self, bin: &[u32]) -> u32 {
        bin.iter().sum()
    }

    fn score(&self, left: &[u32], right: &[u32]) -> f64 {
        self.side(left) + self.side(right)
    }

    fn is_pure(&self, bin: &[u32]) -> Option<bool> {
        Some(bin.iter().filter(|count| **count > 0).count() <= 1)
    }

    fn drift(&self) -> Option<f64> {
        None
    }
}

/// Reduction of the squared error over fixed-point targets.
///
/// A bin is `[n, low, high]`: a count and the two halves of an `i64` sum. For `|y| ≤ 2³⁶` and at most 2²⁶ records the sum
/// stays under 2⁶². `score = (n_R·s_L − n_L·s_R)² / (n_L·n_R)`, the reduction times the number of records; the difference
/// is exact in `i128`, so a large mean cancels without a loss.
#[derive(Debug, Clone, Copy)]
pub(super) struct SquaredError;

impl SquaredError {
    #[inline]
    pub(super) fn sum(bin: &[u32]) -> i64 {
        (u64::from(bin[1]) | u64::from(bin[2]) << 32) as i64
    }

    #[inline]
    fn store(bin: &mut [u32], sum: i64) {
        bin[1] = sum as u32;
        bin[2] = (sum >> 32) as u32;
    }
}

impl Objective for SquaredError {
    #[inline]
    fn width(&self) -> usize {
        3
    }

    #[inline]
    fn add(&self, bin: &mut [u32], y: i64) {
        bin[0] += 1;
        Self::store(bin, Self::sum(bin) + y);
    }

    #[inline]
    fn remove(&self, bin: &mut [u32], y: i64) {
        bin[0] -= 1;
        Self::store(bin, Self::sum(bin) - y);
    }

    #[inline]
    fn merge(&self, into: &mut [u32], bin: &[u32]) {
        into[0] += bin[0];
        Self::store(into, Self::sum(into) + Self::sum(bin));
    }

    #[inline]
    fn split_off(&self, from: &mut [u32], bin: &[u32]) {
        from[0] -= bin[0];
        Self::store(from, Self::sum(from) - Self::sum(bin));
    }

    #[inline]
    fn count(&self, bin: &[u32]) -> u32 {
        bin[0]
    }

    #[inline]
    fn score(&self, left: &[u32], right: &[u32]) -> f64 {
        let (n_l, n_r) = (left[0], right[0]);
        let difference = i128::from(n_r) * i128::from(Self::sum(left)) - i128::from(n_l) * i128::from(Self::sum(right));
        let difference = difference as f64;
        difference * difference / (f64::from(n_l) * f64::from(n_r))
    }

    fn is_pure(&self, _bin: &[u32]) -> Option<bool> {
        None
    }

    fn drift(&self) -> Option<f64> {
        None
    }
}
