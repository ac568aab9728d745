//! The bins of a node, kept so that a forgotten record costs a few additions instead of a pass over the node.

use super::grid::Grid;
use super::objective::Objective;
use super::split::{Best, Context, HOLE, Range, Scratch, Split, Test, scan_categories};

/// The bins of the features that a node considers.
#[derive(Debug, Clone)]
pub(super) struct Stats {
    width: usize,
    features: Vec<FeatureStats>,
    /// Where the bins of each feature start in `hist`, in words.
    starts: Vec<u32>,
    hist: Vec<u32>,
    total: Vec<u32>,
    /// Features that the node passed over since they are constant in it, with the bits of their value.
    skipped: Vec<(u32, u32)>,
    /// The left side of the split.
    left: Vec<u32>,
    /// At the last scan: records less the score of the second best candidate, an impurity that can only fall.
    rival: f64,
    /// How many records were forgotten since the last scan.
    forgotten: u32,
}

/// One feature of a node.
#[derive(Debug, Clone)]
pub(super) struct FeatureStats {
    pub(super) feature: u32,
    pub(super) shape: Shape,
}

/// How the bins of a feature are laid out.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// The bins of the grid, then one for missing values.
    Numeric { grid: Grid, range: Range },
    /// One bin a category present.
    Categories { codes: Vec<u32>, key: u64 },
}

/// What an update found.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The split stands.
    Stands,
    /// The bins are right, and this is what they say now.
    Decided(Option<Split>),
    /// The candidates changed: decide from the records.
    Stale,
}

impl Stats {
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            features: Vec::new(),
            starts: Vec::new(),
            hist: Vec::new(),
            total: Vec::new(),
            skipped: Vec::new(),
            left: Vec::new(),
            rival: f64::NEG_INFINITY,
            forgotten: 0,
        }
    }

    pub(super) fn push(&mut self, feature: FeatureStats, hist: &[u32]) {
        self.features.push(feature);
        self.starts.push(self.hist.len() as u32);
        self.hist.extend_from_slice(hist);
    }

    pub(super) fn skip(&mut self, feature: u32, bits: u32) {
        self.skipped.push((feature, bits));
    }

    /// Ends the making of the bins of a node with these totals, of which `best` came out as the best candidate.
    pub(super) fn finish<O: Objective>(&mut self, objective: &O, total: &[u32], best: &Best) {
        self.total.extend_from_slice(total);
        self.hist.shrink_to_fit();
        self.features.shrink_to_fit();
        self.settle(objective, best);
    }

    /// Takes note of the outcome of a scan.
    fn settle<O: Objective>(&mut self, objective: &O, best: &Best) {
        self.left.clone_from(&best.left);
        self.rival = f64::from(objective.count(&self.total)) - best.second;
        self.forgotten = 0;
    }

    /// The statistics of all records of the node.
    pub(super) fn total(&self) -> &[u32] {
        &self.total
    }

    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        let codes: usize = self
            .features
            .iter()
            .map(|feature| match &feature.shape {
                Shape::Categories { codes, .. } => 4 * codes.capacity(),
                Shape::Numeric { .. } => 0,
            })
            .sum();
        size_of::<Self>()
            + self.features.capacity() * size_of::<FeatureStats>()
            + 4 * (self.starts.capacity() + self.hist.capacity() + self.total.capacity() + self.left.capacity())
            + 8 * self.skipped.capacity()
            + codes
    }

    /// Moves the bins from one set of records to the next. `slots` holds the node's records as they are afterwards.
    pub(super) fn update<O: Objective>(
        &mut self,
        ctx: &Context<'_, O>,
        scratch: &mut Scratch,
        slots: &[u32],
        split: Option<&Split>,
        change: (&[u32], &[u32]),
    ) -> Verdict {
        let (removed, added) = change;
        let mut touched = Touched { rescan: !added.is_empty() || split.is_none(), ..Touched::default() };
        for slot in removed {
            self.take(ctx, *slot, split, &mut touched);
        }
        for slot in added {
            self.put(ctx, *slot, &mut touched);
        }
        if touched.stale || !self.mend_ranges(ctx, scratch, slots, &touched) {
            return Verdict::Stale;
        }
        self.forgotten += removed.len() as u32;
        if !touched.rescan && self.is_safe(ctx) {
            return Verdict::Stands;
        }
        Verdict::Decided(self.scan(ctx, scratch))
    }

    /// Whether the split must still be the best: no rival can have caught up.
    fn is_safe<O: Objective>(&self, ctx: &Context<'_, O>) -> bool {
        let Some(drift) = ctx.objective.drift() else { return false };
        let objective = ctx.objective;
        let mut right = [0; 64];
        let Some(right) = right.get_mut(..self.width) else { return false };
        right.copy_from_slice(&self.total);
        objective.split_off(right, &self.left);
        let (n_left, n_right) = (objective.count(&self.left), objective.count(right));
        if n_left.min(n_right) < ctx.limits.min_samples_leaf {
            return false;
        }
        let n = f64::from(n_left + n_right);
        let impurity = n - objective.score(&self.left, right);
        // The margin covers the rounding of scores, which are below n.
        impurity + 1e-9 * n < self.rival - drift * f64::from(self.forgotten)
    }

    fn scan<O: Objective>(&mut self, ctx: &Context<'_, O>, scratch: &mut Scratch) -> Option<Split> {
        let mut best = Best::new();
        let (left, right) = scratch.sides();
        for (i, feature) in self.features.iter().enumerate() {
            feature.scan(ctx, &self.hist[self.bins_of(i)], &self.total, left, right, &mut best);
        }
        self.settle(ctx.objective, &best);
        best.split
    }

    fn bins_of(&self, i: usize) -> std::ops::Range<usize> {
        self.starts[i] as usize..self.starts.get(i + 1).map_or(self.hist.len(), |start| *start as usize)
    }

    fn bin(&mut self, i: usize, bin: usize) -> &mut [u32] {
        let start = self.starts[i] as usize + bin * self.width;
        &mut self.hist[start..start + self.width]
    }

    /// Takes a record out of the bins.
    fn take<O: Objective>(&mut self, ctx: &Context<'_, O>, slot: u32, split: Option<&Split>, touched: &mut Touched) {
        let y = ctx.rows.y(slot);
        ctx.objective.remove(&mut self.total, y);
        if split.is_some_and(|split| split.goes_left(ctx.rows.x(slot, split.feature))) {
            ctx.objective.remove(&mut self.left, y);
        }
        for i in 0..self.features.len() {
            let bits = ctx.rows.x(slot, self.features[i].feature);
            let bin = match &mut self.features[i].shape {
                Shape::Numeric { grid, range } => {
                    let x = f32::from_bits(bits);
                    range.n -= 1;
                    if x.is_nan() {
                        range.missing -= 1;
                        touched.rescan |= range.missing == 0;
                        touched.stale |= range.is_constant();
                        grid.bins()
                    } else {
                        range.at_low -= u32::from(x == range.low);
                        range.at_high -= u32::from(x == range.high);
                        touched.ranges |= u64::from(range.at_low == 0 || range.at_high == 0) << i.min(63);
                        grid.bin(x)
                    }
                }
                Shape::Categories { codes, .. } => codes.iter().position(|code| *code == bits).unwrap_or_default(),
            };
            let is_category = matches!(self.features[i].shape, Shape::Categories { .. });
            let cells = self.bin(i, bin);
            ctx.objective.remove(cells, y);
            touched.stale |= is_category && ctx.objective.count(cells) == 0;
        }
    }

    /// Puts a record into the bins.
    fn put<O: Objective>(&mut self, ctx: &Context<'_, O>, slot: u32, touched: &mut Touched) {
        touched.stale |= self.skipped.iter().any(|(feature, bits)| ctx.rows.x(slot, *feature) != *bits);
        let y = ctx.rows.y(slot);
        ctx.objective.add(&mut self.total, y);
        for i in 0..self.features.len() {
            let bits = ctx.rows.x(slot, self.features[i].feature);
            let bin = match &mut self.features[i].shape {
                Shape::Numeric { grid, range } => {
                    let x = f32::from_bits(bits);
                    range.n += 1;
                    if x.is_nan() {
                        range.missing += 1;
                        Some(grid.bins())
                    } else if x < range.low || x > range.high {
                        None
                    } else {
                        range.at_low += u32::from(x == range.low);
                        range.at_high += u32::from(x == range.high);
                        Some(grid.bin(x))
                    }
                }
                Shape::Categories { codes, .. } => codes.iter().position(|code| *code == bits),
            };
            match bin {
                Some(bin) => ctx.objective.add(self.bin(i, bin), y),
                None => touched.stale = true,
            }
            if touched.stale {
                return;
            }
        }
    }

    /// Finds the new ends of ranges whose end was forgotten. False if a feature became constant or its grid changed.
    fn mend_ranges<O: Objective>(&mut self, ctx: &Context<'_, O>, scratch: &mut Scratch, slots: &[u32], touched: &Touched) -> bool {
        if touched.ranges == 0 {
            return true;
        }
        for feature in &mut self.features {
            let Shape::Numeric { grid, range } = &mut feature.shape else { continue };
            if range.missing < range.n && range.at_low > 0 && range.at_high > 0 {
                continue;
            }
            *range = Range::of(ctx.rows, slots, feature.feature, scratch.values());
            debug_assert_eq!(slots.iter().filter(|slot| **slot != HOLE).count(), range.n as usize);
            if range.is_constant() || range.missing == range.n {
                return false;
            }
            let level = Grid::new(range.low, range.high, ctx.limits.n_thresholds, 0).level();
            if range.low == range.high || level != grid.level() {
                return false;
            }
        }
        true
    }
}

/// What a change did to the bins.
#[derive(Debug, Default)]
struct Touched {
    /// The candidates changed.
    stale: bool,
    /// The bound on rivals does not hold.
    rescan: bool,
    /// Features whose range lost an end, as bits (the last bit stands for all others).
    ranges: u64,
}

impl FeatureStats {
    /// Offers the candidates of this feature.
    pub(super) fn scan<O: Objective>(
        &self,
        ctx: &Context<'_, O>,
        hist: &[u32],
        total: &[u32],
        left: &mut Vec<u32>,
        right: &mut Vec<u32>,
        best: &mut Best,
    ) {
        match &self.shape {
            Shape::Numeric { grid, range } if range.missing == 0 => self.scan_thresholds(ctx, grid, hist, total, (left, right), best),
            Shape::Numeric { grid, .. } => self.scan_with_missing(ctx, grid, hist, total, (left, right), best),
            Shape::Categories { codes, key } => scan_categories(ctx, self.feature, codes, *key, hist, total, right, best),
        }
    }

    fn scan_thresholds<O: Objective>(
        &self,
        ctx: &Context<'_, O>,
        grid: &Grid,
        hist: &[u32],
        total: &[u32],
        (left, right): (&mut Vec<u32>, &mut Vec<u32>),
        best: &mut Best,
    ) {
        let objective = ctx.objective;
        let width = objective.width();
        left.clear();
        left.resize(width, 0);
        right.clear();
        right.extend_from_slice(total);
        let min_leaf = ctx.limits.min_samples_leaf;
        let (mut n_left, mut n_right) = (0, objective.count(total));
        for (i, bin) in hist.chunks_exact(width).take(grid.cells()).enumerate() {
            let n = objective.count(bin);
            if n == 0 {
                // The same records go left as at the threshold before, which comes first among equals.
                continue;
            }
            objective.merge(left, bin);
            objective.split_off(right, bin);
            n_left += n;
            n_right -= n;
            if n_left < min_leaf {
                continue;
            }
            if n_right < min_leaf {
                break;
            }
            best.offer(objective.score(left, right), left, || Split {
                feature: self.feature,
                test: Test::Threshold { threshold: grid.threshold(i), missing_left: false },
                has_missing: false,
            });
        }
    }

    fn scan_with_missing<O: Objective>(
        &self,
        ctx: &Context<'_, O>,
        grid: &Grid,
        hist: &[u32],
        total: &[u32],
        (left, right): (&mut Vec<u32>, &mut Vec<u32>),
        best: &mut Best,
    ) {
        let objective = ctx.objective;
        let width = objective.width();
        let min_leaf = ctx.limits.min_samples_leaf;
        let missing = &hist[grid.bins() * width..(grid.bins() + 1) * width];
        let mut below = vec![0; width];
        let n_known = objective.count(total) - objective.count(missing);
        for (i, bin) in hist.chunks_exact(width).take(grid.cells()).enumerate() {
            objective.merge(&mut below, bin);
            let n_below = objective.count(&below);
            if n_below == 0 || n_below == n_known {
                continue;
            }
            let missing_left = grid.missing_left(i);
            left.clone_from(&below);
            if missing_left {
                objective.merge(left, missing);
            }
            let test = || Test::Threshold { threshold: grid.threshold(i), missing_left };
            self.offer(ctx, total, left, right, min_leaf, test, best);
        }
        left.clear();
        left.extend_from_slice(total);
        objective.split_off(left, missing);
        let test = || Test::Threshold { threshold: f32::INFINITY, missing_left: false };
        self.offer(ctx, total, left, right, min_leaf, test, best);
    }

    #[expect(clippy::too_many_arguments, reason = "the buffers of the caller")]
    fn offer<O: Objective>(
        &self,
        ctx: &Context<'_, O>,
        total: &[u32],
        left: &[u32],
        right: &mut Vec<u32>,
        min_leaf: u32,
        test: impl FnOnce() -> Test,
        best: &mut Best,
    ) {
        right.clear();
        right.extend_from_slice(total);
        ctx.objective.split_off(right, left);
        if ctx.objective.count(left).min(ctx.objective.count(right)) >= min_leaf {
            let score = ctx.objective.score(left, right);
            best.offer(score, left, || Split { feature: self.feature, test: test(), has_missing: true });
        }
    }
}
