//! The bins of a node, kept so that a forgotten record costs a few additions instead of a pass over the node.

use super::grid::Grid;
use super::objective::{Objective, Sides, Word};
use super::rows::number;
use super::split::{Best, Context, Range, Scratch, Split, Test, scan_categories, scan_numeric};

/// The bins of the features that a node considers.
#[derive(Debug, Clone)]
pub(super) struct Stats {
    width: usize,
    features: Vec<FeatureStats>,
    bins: Bins,
    total: Vec<u32>,
    /// Features that the node passed over since they are constant in it, with their value.
    skipped: Vec<(u32, i32)>,
    /// The left side of the split.
    left: Vec<u32>,
    /// At the last scan: records less the score of the second best candidate, an impurity that can only fall.
    rival: f64,
    /// How many records were forgotten since the last scan.
    forgotten: u32,
}

/// The bins of all features, one feature after another.
#[derive(Debug, Clone)]
enum Bins {
    /// Counts of a node with fewer than 2^16 records.
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

/// One feature of a node.
#[derive(Debug, Clone)]
pub(super) struct FeatureStats {
    pub(super) feature: u32,
    pub(super) shape: Shape,
    /// Where its bins start, in words.
    pub(super) start: u32,
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
    pub(super) fn new<O: Objective>(width: usize, n: u32) -> Self {
        Self {
            width,
            features: Vec::new(),
            bins: if O::COUNTS && n < 1 << 16 { Bins::Narrow(Vec::new()) } else { Bins::Wide(Vec::new()) },
            total: Vec::new(),
            skipped: Vec::new(),
            left: Vec::new(),
            rival: f64::NEG_INFINITY,
            forgotten: 0,
        }
    }

    /// Adds a feature with its bins.
    pub(super) fn push(&mut self, feature: u32, shape: Shape, hist: &[u32]) {
        let start = match &mut self.bins {
            Bins::Narrow(bins) => {
                let start = bins.len();
                bins.extend(hist.iter().map(|count| *count as u16));
                start
            }
            Bins::Wide(bins) => {
                let start = bins.len();
                bins.extend_from_slice(hist);
                start
            }
        };
        self.features.push(FeatureStats { feature, shape, start: start as u32 });
    }

    pub(super) fn skip(&mut self, feature: u32, x: i32) {
        self.skipped.push((feature, x));
    }

    /// Ends the making of the bins of a node with these totals, of which `best` came out as the best candidate.
    pub(super) fn finish<O: Objective>(&mut self, objective: &O, total: &[u32], best: &Best) {
        self.total.extend_from_slice(total);
        match &mut self.bins {
            Bins::Narrow(bins) => bins.shrink_to_fit(),
            Bins::Wide(bins) => bins.shrink_to_fit(),
        }
        self.features.shrink_to_fit();
        self.settle(objective, best);
    }

    /// Takes note of the outcome of a scan.
    fn settle<O: Objective>(&mut self, objective: &O, best: &Best) {
        self.rival = f64::from(objective.count(&self.total)) - best.second;
        self.forgotten = 0;
        self.left.clear();
        self.left.resize(self.width, 0);
        let Some(split) = best.split else { return };
        let Some(feature) = self.features.iter().find(|feature| feature.feature == split.feature) else { return };
        match &self.bins {
            Bins::Narrow(bins) => feature.left_of(objective, &bins[feature.start as usize..], &split, best.bin, &mut self.left),
            Bins::Wide(bins) => feature.left_of(objective, &bins[feature.start as usize..], &split, best.bin, &mut self.left),
        }
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
            + match &self.bins {
                Bins::Narrow(bins) => 2 * bins.capacity(),
                Bins::Wide(bins) => 4 * bins.capacity(),
            }
            + 4 * (self.total.capacity() + self.left.capacity())
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
        if !self.bins.hold(removed.len() + added.len() + ctx.objective.count(&self.total) as usize) {
            return Verdict::Stale;
        }
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
        for feature in &self.features {
            let start = feature.start as usize;
            match &self.bins {
                Bins::Narrow(bins) => feature.scan(ctx, &bins[start..], &self.total, scratch.sides(), &mut best),
                Bins::Wide(bins) => feature.scan(ctx, &bins[start..], &self.total, scratch.sides(), &mut best),
            }
        }
        self.settle(ctx.objective, &best);
        best.split
    }

    /// Takes a record out of the bins.
    fn take<O: Objective>(&mut self, ctx: &Context<'_, O>, slot: u32, split: Option<&Split>, touched: &mut Touched) {
        let y = ctx.rows.y(slot);
        ctx.objective.remove(&mut self.total, y);
        if split.is_some_and(|split| split.goes_left(ctx.rows.x(slot, split.feature))) {
            ctx.objective.remove(&mut self.left, y);
        }
        for i in 0..self.features.len() {
            let x = ctx.rows.x(slot, self.features[i].feature);
            let bin = match &mut self.features[i].shape {
                Shape::Numeric { grid, range } => {
                    range.n -= 1;
                    if x == number::MISSING {
                        range.missing -= 1;
                        touched.rescan |= range.missing == 0;
                        touched.stale |= range.is_constant();
                        grid.bins()
                    } else {
                        let x = number::decode(x);
                        range.at_low -= u32::from(x == range.low);
                        range.at_high -= u32::from(x == range.high);
                        touched.ranges |= u64::from(range.at_low == 0 || range.at_high == 0) << i.min(63);
                        grid.bin(x)
                    }
                }
                Shape::Categories { codes, .. } => codes.iter().position(|code| *code == x as u32).unwrap_or_default(),
            };
            let left = self.bins.remove(ctx.objective, self.features[i].start as usize + bin * self.width, self.width, y);
            touched.stale |= left == 0 && matches!(self.features[i].shape, Shape::Categories { .. });
        }
    }

    /// Puts a record into the bins.
    fn put<O: Objective>(&mut self, ctx: &Context<'_, O>, slot: u32, touched: &mut Touched) {
        touched.stale |= self.skipped.iter().any(|(feature, x)| ctx.rows.x(slot, *feature) != *x);
        let y = ctx.rows.y(slot);
        ctx.objective.add(&mut self.total, y);
        for i in 0..self.features.len() {
            let x = ctx.rows.x(slot, self.features[i].feature);
            let bin = match &mut self.features[i].shape {
                Shape::Numeric { grid, range } => {
                    range.n += 1;
                    if x == number::MISSING {
                        range.missing += 1;
                        Some(grid.bins())
                    } else if number::decode(x) < range.low || number::decode(x) > range.high {
                        None
                    } else {
                        let x = number::decode(x);
                        range.at_low += u32::from(x == range.low);
                        range.at_high += u32::from(x == range.high);
                        Some(grid.bin(x))
                    }
                }
                Shape::Categories { codes, .. } => codes.iter().position(|code| *code == x as u32),
            };
            match bin {
                Some(bin) => self.bins.add(ctx.objective, self.features[i].start as usize + bin * self.width, self.width, y),
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
            let xs = scratch.values();
            ctx.rows.column_with_holes(slots, feature.feature, xs);
            *range = Range::of(xs).with_ends(xs);
            if range.is_constant() {
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

impl Bins {
    /// Whether counts of `n` records fit.
    fn hold(&self, n: usize) -> bool {
        matches!(self, Self::Wide(_)) || n < 1 << 16
    }

    /// Takes a record out of the bin at `start`; returns how many the bin holds then.
    #[inline]
    fn remove<O: Objective>(&mut self, objective: &O, start: usize, width: usize, y: i64) -> u32 {
        match self {
            Self::Narrow(bins) => {
                bins[start + y as usize] -= 1;
                objective.count(&bins[start..start + width])
            }
            Self::Wide(bins) => {
                objective.remove(&mut bins[start..start + width], y);
                objective.count(&bins[start..start + width])
            }
        }
    }

    /// Puts a record into the bin at `start`.
    #[inline]
    fn add<O: Objective>(&mut self, objective: &O, start: usize, width: usize, y: i64) {
        match self {
            Self::Narrow(bins) => bins[start + y as usize] += 1,
            Self::Wide(bins) => objective.add(&mut bins[start..start + width], y),
        }
    }
}

impl FeatureStats {
    /// Offers the candidates of this feature from its bins, with which `hist` begins.
    fn scan<O: Objective, W: Word>(&self, ctx: &Context<'_, O>, hist: &[W], total: &[u32], sides: &mut Sides, best: &mut Best) {
        let width = ctx.objective.width();
        match &self.shape {
            Shape::Numeric { grid, range } => {
                let hist = &hist[..(grid.bins() + 1) * width];
                scan_numeric(ctx, self.feature, grid, range.missing > 0, hist, total, sides, best);
            }
            Shape::Categories { codes, key } => {
                scan_categories(ctx, self.feature, codes, *key, &hist[..codes.len() * width], total, sides, best);
            }
        }
    }

    /// Adds up what a split sends left from the bins of its feature, with which `hist` begins.
    fn left_of<O: Objective, W: Word>(&self, objective: &O, hist: &[W], split: &Split, bin: usize, left: &mut [u32]) {
        let width = objective.width();
        let bin_at = |i: usize| &hist[i * width..(i + 1) * width];
        match (&self.shape, split.test) {
            (Shape::Categories { .. }, _) => objective.merge(left, bin_at(bin)),
            (Shape::Numeric { grid, .. }, Test::Threshold { missing_left, .. }) => {
                (0..=bin).for_each(|i| objective.merge(left, bin_at(i)));
                if missing_left {
                    objective.merge(left, bin_at(grid.bins()));
                }
            }
            (Shape::Numeric { .. }, Test::Category(_)) => {}
        }
    }
}
