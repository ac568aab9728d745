//! What a split is judged by: functions of integer statistics, larger is better.
//!
//! Statistics are integers, so they are the same in any order and after any history. A score is a fixed sequence of IEEE
//! operations on them, so it is the same on every machine. Two candidates compare by their scores; nothing else is needed
//! for exactness.
//!
//! The three sweeps are where training spends its time. Each has a general form, and one with everything in registers for
//! two classes; both compute the same scores.

/// A word of a bin: `u32`, or `u16` where counts are small.
pub(super) trait Word: Copy + Into<u32> {}

impl Word for u32 {}
impl Word for u16 {}

/// Buffers for the two sides of a candidate.
#[derive(Debug, Clone, Default)]
pub(super) struct Sides {
    pub(super) left: Vec<u32>,
    pub(super) right: Vec<u32>,
}

impl Sides {
    /// Nothing on the left, all on the right.
    pub(super) fn begin(&mut self, total: &[u32]) {
        self.left.clear();
        self.left.resize(total.len(), 0);
        self.right.clear();
        self.right.extend_from_slice(total);
    }
}

/// A criterion over statistics of `width` words a bin: class counts, or a count and a fixed-point sum.
pub(super) trait Objective: Sync {
    /// Whether word `y` of a bin counts the records with target `y`.
    const COUNTS: bool;

    /// Words a bin.
    fn width(&self) -> usize;

    /// Adds a record with target `y` to a bin.
    fn add(&self, bin: &mut [u32], y: i64);

    /// Adds records with targets `ys` to a bin.
    fn add_all(&self, bin: &mut [u32], ys: &[i64]) {
        ys.iter().for_each(|y| self.add(bin, *y));
    }

    /// Adds a record with target `y` to the `bin`-th of `bins`.
    #[inline]
    fn tally(&self, bins: &mut [u32], bin: usize, y: i64) {
        let start = bin * self.width();
        self.add(&mut bins[start..start + self.width()], y);
    }

    /// Takes a record with target `y` out of a bin.
    fn remove(&self, bin: &mut [u32], y: i64);

    /// Adds a bin to another.
    fn merge<W: Word>(&self, into: &mut [u32], bin: &[W]);

    /// Takes a bin out of another.
    fn split_off<W: Word>(&self, from: &mut [u32], bin: &[W]);

    /// How many records a bin holds.
    fn count<W: Word>(&self, bin: &[W]) -> u32;

    /// How good a split into `left` and `right` is; both hold a record.
    fn score(&self, left: &[u32], right: &[u32]) -> f64;

    /// Whether the statistics alone tell that all targets are equal; `None` if they cannot tell.
    fn is_pure(&self, bin: &[u32]) -> Option<bool>;

    /// By how much one forgotten record can raise `score − n` of a candidate at most, where `score − n` never falls;
    /// `None` where no such bound is known.
    fn drift(&self) -> Option<f64>;

    /// Scores "up to bin `i`" against the rest, for each `i` whose bin holds a record, if both sides hold `min_leaf`.
    ///
    /// After an empty bin the same records are on the left as before it, and the first of equals wins.
    fn sweep_bins<W: Word>(&self, bins: &[W], total: &[u32], min_leaf: u32, sides: &mut Sides, mut offer: impl FnMut(usize, f64)) {
        sides.begin(total);
        let (mut n_left, mut n_right) = (0, self.count(total));
        for (i, bin) in bins.chunks_exact(self.width()).enumerate() {
            let n = self.count(bin);
            if n == 0 {
                continue;
            }
            self.merge(&mut sides.left, bin);
            self.split_off(&mut sides.right, bin);
            n_left += n;
            n_right -= n;
            if n_right < min_leaf {
                break;
            }
            if n_left >= min_leaf {
                offer(i, self.score(&sides.left, &sides.right));
            }
        }
    }

    /// Scores "up to place `i`" against the rest for records in the order of `keys`, whose high halves are their values
    /// and whose low halves are places in `ys`, wherever the value changes and both sides hold `min_leaf`.
    fn sweep_sorted(&self, keys: &[u64], ys: &[i64], total: &[u32], min_leaf: u32, sides: &mut Sides, mut offer: impl FnMut(usize, f64)) {
        sides.begin(total);
        for (i, pair) in keys.windows(2).enumerate() {
            let y = ys[pair[0] as u32 as usize];
            self.add(&mut sides.left, y);
            self.remove(&mut sides.right, y);
            let n_left = i as u32 + 1;
            if pair[0] >> 32 != pair[1] >> 32 && n_left >= min_leaf && keys.len() as u32 - n_left >= min_leaf {
                offer(i, self.score(&sides.left, &sides.right));
            }
        }
    }

    /// Scores each bin against all others, if both sides hold `min_leaf`.
    fn sweep_each<W: Word>(&self, bins: &[W], total: &[u32], min_leaf: u32, sides: &mut Sides, mut offer: impl FnMut(usize, f64)) {
        let n = self.count(total);
        for (i, bin) in bins.chunks_exact(self.width()).enumerate() {
            let n_left = self.count(bin);
            if n_left >= min_leaf && n - n_left >= min_leaf {
                sides.begin(total);
                self.merge(&mut sides.left, bin);
                self.split_off(&mut sides.right, bin);
                offer(i, self.score(&sides.left, &sides.right));
            }
        }
    }
}

/// Gini impurity for two classes.
///
/// `score = Σ_sides Σ_c n_c² / n`, which is the number of records less the weighted impurity. With at most 2²⁶ records
/// all squares are exact.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gini2;

/// Gini impurity for any number of classes; for two, the same scores as [`Gini2`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Gini {
    pub(super) classes: usize,
}

/// Information gain: `score = Σ_sides Σ_c n_c · ln(n_c / n)`.
#[derive(Debug)]
pub(super) struct Entropy {
    classes: usize,
    /// `n · ln n` for small `n`; the rest is computed by the same function.
    table: Vec<f64>,
}

/// One side of [`Gini2`]; the squares are exact, so it is one side of [`Gini`] too.
#[inline]
fn side2(a: u32, b: u32) -> f64 {
    let (x, y) = (f64::from(a), f64::from(b));
    (x * x + y * y) / (x + y)
}

/// The bound of [`Objective::drift`] for the Gini impurity.
///
/// The weighted impurity of a side, `n − Σ n_c²/n`, falls by 0 to 2 when one record leaves: for a record of class `a` by
/// `1 + (S − 2·n·n_a + n) / (n·(n − 1))` with `S = Σ n_c²`, which is 0 at `n_a = n` and below 2 at `n_a = 1`.
const GINI_DRIFT: f64 = 2.0;

/// What all criteria on class counts share.
macro_rules! class_counts {
    () => {
        const COUNTS: bool = true;

        #[inline]
        fn add(&self, bin: &mut [u32], y: i64) {
            bin[y as usize] += 1;
        }

        #[inline]
        fn remove(&self, bin: &mut [u32], y: i64) {
            bin[y as usize] -= 1;
        }

        #[inline]
        fn merge<W: Word>(&self, into: &mut [u32], bin: &[W]) {
            into.iter_mut().zip(bin).for_each(|(a, b)| *a += (*b).into());
        }

        #[inline]
        fn split_off<W: Word>(&self, from: &mut [u32], bin: &[W]) {
            from.iter_mut().zip(bin).for_each(|(a, b)| *a -= (*b).into());
        }

        #[inline]
        fn count<W: Word>(&self, bin: &[W]) -> u32 {
            bin.iter().map(|count| (*count).into()).sum()
        }

        #[inline]
        fn is_pure(&self, bin: &[u32]) -> Option<bool> {
            Some(bin.iter().filter(|count| **count > 0).count() <= 1)
        }
    };
}

impl Objective for Gini2 {
    class_counts!();

    #[inline]
    fn width(&self) -> usize {
        2
    }

    #[inline]
    fn add_all(&self, bin: &mut [u32], ys: &[i64]) {
        let ones = ys.iter().sum::<i64>() as u32;
        bin[0] += ys.len() as u32 - ones;
        bin[1] += ones;
    }

    #[inline]
    fn tally(&self, bins: &mut [u32], bin: usize, y: i64) {
        bins[bin * 2 + y as usize] += 1;
    }

    #[inline]
    fn score(&self, left: &[u32], right: &[u32]) -> f64 {
        side2(left[0], left[1]) + side2(right[0], right[1])
    }

    fn drift(&self) -> Option<f64> {
        Some(GINI_DRIFT)
    }

    #[inline]
    fn sweep_bins<W: Word>(&self, bins: &[W], total: &[u32], min_leaf: u32, _: &mut Sides, mut offer: impl FnMut(usize, f64)) {
        let (mut l0, mut l1, t0, t1) = (0, 0, total[0], total[1]);
        for (i, bin) in bins.chunks_exact(2).enumerate() {
            let (b0, b1): (u32, u32) = (bin[0].into(), bin[1].into());
            if b0 + b1 == 0 {
                continue;
            }
            l0 += b0;
            l1 += b1;
            let (r0, r1) = (t0 - l0, t1 - l1);
            if r0 + r1 < min_leaf {
                break;
            }
            if l0 + l1 >= min_leaf {
                offer(i, side2(l0, l1) + side2(r0, r1));
            }
        }
    }

    #[inline]
    fn sweep_sorted(&self, keys: &[u64], ys: &[i64], total: &[u32], min_leaf: u32, _: &mut Sides, mut offer: impl FnMut(usize, f64)) {
        let (mut l1, n, t1) = (0, keys.len() as u32, total[1]);
        for (i, pair) in keys.windows(2).enumerate() {
            l1 += ys[pair[0] as u32 as usize] as u32;
            let n_left = i as u32 + 1;
            if pair[0] >> 32 != pair[1] >> 32 && n_left >= min_leaf && n - n_left >= min_leaf {
                let r1 = t1 - l1;
                offer(i, side2(n_left - l1, l1) + side2(n - n_left - r1, r1));
            }
        }
    }

    #[inline]
    fn sweep_each<W: Word>(&self, bins: &[W], total: &[u32], min_leaf: u32, _: &mut Sides, mut offer: impl FnMut(usize, f64)) {
        for (i, bin) in bins.chunks_exact(2).enumerate() {
            let (l0, l1): (u32, u32) = (bin[0].into(), bin[1].into());
            let (r0, r1) = (total[0] - l0, total[1] - l1);
            if l0 + l1 >= min_leaf && r0 + r1 >= min_leaf {
                offer(i, side2(l0, l1) + side2(r0, r1));
            }
        }
    }
}

impl Objective for Gini {
    class_counts!();

    fn width(&self) -> usize {
        self.classes
    }

    #[inline]
    fn score(&self, left: &[u32], right: &[u32]) -> f64 {
        let side = |bin: &[u32]| {
            let (mut n, mut squares) = (0_u64, 0_u64);
            for count in bin {
                n += u64::from(*count);
                squares += u64::from(*count) * u64::from(*count);
            }
            squares as f64 / n as f64
        };
        side(left) + side(right)
    }

    fn drift(&self) -> Option<f64> {
        Some(GINI_DRIFT)
    }
}

impl Entropy {
    pub(super) fn new(classes: usize) -> Self {
        Self { classes, table: (0..4096).map(n_log_n).collect() }
    }

    fn term(&self, n: u32) -> f64 {
        self.table.get(n as usize).copied().unwrap_or_else(|| n_log_n(n))
    }

    /// Terms are added in descending order of counts: the order of class codes, which history decides, must not round.
    fn side(&self, bin: &[u32]) -> f64 {
        let mut terms: Vec<f64> = bin.iter().map(|count| self.term(*count)).collect();
        terms.sort_unstable_by(|a, b| b.total_cmp(a));
        terms.iter().sum::<f64>() - self.term(bin.iter().sum())
    }
}

fn n_log_n(n: u32) -> f64 {
    if n == 0 { 0.0 } else { f64::from(n) * libm::log(f64::from(n)) }
}

impl Objective for Entropy {
    class_counts!();

    fn width(&self) -> usize {
        self.classes
    }

    fn score(&self, left: &[u32], right: &[u32]) -> f64 {
        self.side(left) + self.side(right)
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
    pub(super) fn sum<W: Word>(bin: &[W]) -> i64 {
        let (low, high): (u32, u32) = (bin[1].into(), bin[2].into());
        (u64::from(low) | u64::from(high) << 32) as i64
    }

    #[inline]
    fn store(bin: &mut [u32], sum: i64) {
        bin[1] = sum as u32;
        bin[2] = (sum >> 32) as u32;
    }
}

impl Objective for SquaredError {
    const COUNTS: bool = false;

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
    fn merge<W: Word>(&self, into: &mut [u32], bin: &[W]) {
        into[0] += bin[0].into();
        Self::store(into, Self::sum(into) + Self::sum(bin));
    }

    #[inline]
    fn split_off<W: Word>(&self, from: &mut [u32], bin: &[W]) {
        from[0] -= bin[0].into();
        Self::store(from, Self::sum(from) - Self::sum(bin));
    }

    #[inline]
    fn count<W: Word>(&self, bin: &[W]) -> u32 {
        bin[0].into()
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn two_classes_score_the_same_either_way(bins in proptest::collection::vec(0_u32..1 << 20, 2..40), min_leaf in 1_u32..5) {
            let bins = &bins[..bins.len() / 2 * 2];
            let total = [bins.iter().step_by(2).sum::<u32>(), bins.iter().skip(1).step_by(2).sum()];
            let (mut fast, mut general) = (Vec::new(), Vec::new());
            let mut sides = Sides::default();
            Gini2.sweep_bins(bins, &total, min_leaf, &mut sides, |i, score| fast.push((i, score.to_bits())));
            Gini { classes: 2 }.sweep_bins(bins, &total, min_leaf, &mut sides, |i, score| general.push((i, score.to_bits())));
            prop_assert_eq!(&fast, &general);
            fast.clear();
            general.clear();
            Gini2.sweep_each(bins, &total, min_leaf, &mut sides, |i, score| fast.push((i, score.to_bits())));
            Gini { classes: 2 }.sweep_each(bins, &total, min_leaf, &mut sides, |i, score| general.push((i, score.to_bits())));
            prop_assert_eq!(fast, general);
        }

        #[test]
        fn forgetting_a_record_lowers_the_impurity_by_zero_to_drift(counts in proptest::collection::vec(0_u32..200, 2..6), class in 0_usize..6) {
            let class = class % counts.len();
            let n: u32 = counts.iter().sum();
            prop_assume!(counts[class] > 0 && n > 1);
            let impurity = |counts: &[u32]| {
                let n: u32 = counts.iter().sum();
                f64::from(n) - counts.iter().map(|c| f64::from(*c).powi(2)).sum::<f64>() / f64::from(n)
            };
            let mut fewer = counts.clone();
            fewer[class] -= 1;
            let fall = impurity(&counts) - impurity(&fewer);
            prop_assert!((-1e-9..=GINI_DRIFT + 1e-9).contains(&fall), "{}", fall);
        }
    }
}
