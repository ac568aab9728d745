//! Which split a node takes: a pure function of the set of records in it and of its path.
//!
//! A node looks at its features in an order drawn from its path and takes the first `max_features` that are not constant
//! in it. Each offers candidates: a numeric one the thresholds of its [`Grid`], and "missing or not" if some values are
//! missing; a categorical one "this category or not" for each category present, at most `n_thresholds` of them, those of
//! smallest hash. The candidate of the highest score wins; among equals the first feature, then the lowest threshold or
//! the smallest hash.
//!
//! There are two ways to find the winner, and they agree: from bins ([`super::stats`]), which can be kept and updated, and
//! by sorting, which is faster for few records.

use super::categories::Categories;
use super::grid::Grid;
use super::objective::{Objective, Sides, Word};
use super::rows::{HOLE, Rows, number};
use super::stats::{Shape, Stats};
use untrain_core::{mix, one_of};

/// Everything that decisions depend on besides the node.
#[derive(Debug)]
pub(super) struct Context<'a, O> {
    pub(super) objective: &'a O,
    pub(super) rows: &'a Rows,
    pub(super) features: &'a [Feature],
    pub(super) limits: Limits,
}

/// The hyperparameters as trees use them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_depth: u32,
    pub(super) min_samples_split: u32,
    pub(super) min_samples_leaf: u32,
    pub(super) max_features: u32,
    pub(super) n_thresholds: u32,
    /// From how many records on a node keeps its bins. It cannot be seen in a model.
    pub(super) keep_from: u32,
}

/// A feature of the forest.
#[derive(Debug, Clone)]
pub(super) struct Feature {
    pub(super) name: String,
    /// The keyed hash of the name.
    pub(super) hash: u64,
    /// The categories, if it is categorical.
    pub(super) categories: Option<Categories>,
}

/// A split: which records go left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    pub(super) feature: u32,
    pub(super) test: Test,
    /// Whether a value is missing in this node (numeric features only).
    pub(super) has_missing: bool,
}

/// The condition for going left.
#[derive(Debug, Clone, Copy)]
pub(super) enum Test {
    /// `x ≤ threshold`, or `x` is missing and `missing_left`. A threshold of infinity splits the missing off.
    Threshold { threshold: f32, missing_left: bool },
    /// `x` is this category.
    Category(u32),
}

impl Split {
    /// Whether a record with this value of the feature goes left.
    #[inline]
    pub(super) fn goes_left(&self, x: i32) -> bool {
        match self.test {
            Test::Threshold { threshold, missing_left } => x <= number::encode(threshold) || (missing_left && x == number::MISSING),
            Test::Category(code) => x == code as i32,
        }
    }

    /// Whether both send every record of the node, and what is not in it, the same way.
    pub(super) fn equals(&self, other: &Self) -> bool {
        self.feature == other.feature
            && match (self.test, other.test) {
                (Test::Category(a), Test::Category(b)) => a == b,
                (Test::Threshold { threshold: a, missing_left: left_a }, Test::Threshold { threshold: b, missing_left: left_b }) => {
                    a == b && (left_a == left_b || !(self.has_missing || other.has_missing))
                }
                _ => false,
            }
    }
}

/// The best candidate so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Best {
    pub(super) score: f64,
    /// The score of the best candidate that splits the records otherwise.
    pub(super) second: f64,
    pub(super) split: Option<Split>,
    /// The bin of the candidate in its feature, from which its left side can be computed.
    pub(super) bin: usize,
    /// The hash of the category, by which equals of one feature are ordered.
    tie: u64,
}

impl Best {
    pub(super) fn new() -> Self {
        Self { score: f64::NEG_INFINITY, second: f64::NEG_INFINITY, split: None, bin: 0, tie: 0 }
    }

    /// Takes a candidate if it is better than all before it.
    #[inline]
    pub(super) fn offer(&mut self, score: f64, bin: usize, split: impl FnOnce() -> Split) {
        if score > self.score {
            self.second = self.score;
            self.score = score;
            self.bin = bin;
            self.split = Some(split());
        } else if score > self.second {
            self.second = score;
        }
    }

    /// Takes a category if it is better, or as good as the same feature's best and before it in the order of hashes.
    #[inline]
    fn offer_category(&mut self, score: f64, bin: usize, split: Split, categories: &Categories, key: u64) {
        if score < self.score {
            self.second = self.second.max(score);
            return;
        }
        let Test::Category(code) = split.test else { return };
        let tie = mix(key, categories.hash(code));
        if score > self.score {
            self.tie = tie;
        } else if let Some(Split { feature, test: Test::Category(rival), .. }) = self.split
            && feature == split.feature
            && (tie, categories.name(code)) < (self.tie, categories.name(rival))
        {
            self.tie = tie;
            self.bin = bin;
            self.split = Some(split);
        }
        self.offer(score, bin, || split);
    }
}

/// Buffers that are used again from node to node.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    slots: Vec<u32>,
    ys: Vec<i64>,
    xs: Vec<i32>,
    keys: Vec<u64>,
    order: Vec<u32>,
    thresholds: Vec<f32>,
    /// For each category, one more than its bin in this node.
    local: Vec<u32>,
    codes: Vec<u32>,
    total: Vec<u32>,
    hist: Vec<u32>,
    sides: Sides,
}

/// What a node does.
#[derive(Debug)]
pub(super) struct Decision {
    /// The split, or `None` for a leaf.
    pub(super) split: Option<Split>,
    /// The bins, if they are to be kept.
    pub(super) stats: Option<Box<Stats>>,
}

const LEAF: Decision = Decision { split: None, stats: None };

/// Decides for a node with the records in `slots` (holes are skipped).
pub(super) fn decide<O: Objective>(ctx: &Context<'_, O>, scratch: &mut Scratch, slots: &[u32], path: u64, depth: u32) -> Decision {
    scratch.gather(ctx.rows, slots);
    let n = scratch.slots.len() as u32;
    if n < ctx.limits.min_samples_split || depth >= ctx.limits.max_depth || is_pure(ctx, scratch) {
        return LEAF;
    }
    let mut stats = (n >= ctx.limits.keep_from).then(|| Box::new(Stats::new::<O>(ctx.objective.width(), n)));
    let mut best = Best::new();
    let mut active = 0;
    let n_features = ctx.features.len() as u32;
    scratch.order.resize(n_features as usize, 0);
    for (i, feature) in scratch.order.iter_mut().enumerate() {
        *feature = i as u32;
    }
    for i in 0..n_features {
        if active == ctx.limits.max_features {
            break;
        }
        let feature = scratch.draw(i, n_features, path);
        match &ctx.features[feature as usize].categories {
            None => active += u32::from(consider_numeric(ctx, scratch, feature, path, stats.as_deref_mut(), &mut best)),
            Some(categories) => {
                active += u32::from(consider_categories(ctx, scratch, feature, categories, path, stats.as_deref_mut(), &mut best));
            }
        }
    }
    if let Some(stats) = &mut stats {
        stats.finish(ctx.objective, &scratch.total, &best);
    }
    Decision { split: best.split, stats }
}

/// The hash of a feature in a node.
#[inline]
pub(super) fn feature_key(path: u64, feature: &Feature) -> u64 {
    mix(path, feature.hash)
}

impl Scratch {
    fn gather(&mut self, rows: &Rows, slots: &[u32]) {
        self.slots.clear();
        self.slots.extend(slots.iter().copied().filter(|slot| *slot != HOLE));
        rows.targets(&self.slots, &mut self.ys);
    }

    /// The buffers for the two sides of a candidate.
    pub(super) fn sides(&mut self) -> &mut Sides {
        &mut self.sides
    }

    /// The buffer for the values of a feature.
    pub(super) fn values(&mut self) -> &mut Vec<i32> {
        &mut self.xs
    }

    /// The `i`-th feature of the order drawn from `path`: a Fisher–Yates shuffle, as far as it is needed.
    #[inline]
    fn draw(&mut self, i: u32, n: u32, path: u64) -> u32 {
        let j = i + one_of(n - i, mix(path, u64::from(i)));
        self.order.swap(i as usize, j as usize);
        self.order[i as usize]
    }
}

/// Whether all targets are equal; leaves the node's total in the scratch.
fn is_pure<O: Objective>(ctx: &Context<'_, O>, scratch: &mut Scratch) -> bool {
    scratch.total.clear();
    scratch.total.resize(ctx.objective.width(), 0);
    ctx.objective.add_all(&mut scratch.total, &scratch.ys);
    ctx.objective.is_pure(&scratch.total).unwrap_or_else(|| scratch.ys.windows(2).all(|pair| pair[0] == pair[1]))
}

/// Offers the thresholds of a numeric feature; returns whether it is not constant.
#[inline(never)]
fn consider_numeric<O: Objective>(
    ctx: &Context<'_, O>,
    scratch: &mut Scratch,
    feature: u32,
    path: u64,
    stats: Option<&mut Stats>,
    best: &mut Best,
) -> bool {
    ctx.rows.column(&scratch.slots, feature, &mut scratch.xs);
    let range = Range::of(&scratch.xs);
    if range.is_constant() {
        if let Some(stats) = stats {
            stats.skip(feature, scratch.xs.first().copied().unwrap_or_default());
        }
        return false;
    }
    let grid = Grid::new(range.low, range.high, ctx.limits.n_thresholds, feature_key(path, &ctx.features[feature as usize]));
    if stats.is_none() && range.missing == 0 && scratch.slots.len() <= SORT_UP_TO {
        sort_numeric(ctx, scratch, feature, &grid, best);
        return true;
    }
    let width = ctx.objective.width();
    scratch.hist.clear();
    scratch.hist.resize((grid.bins() + 1) * width, 0);
    fill(ctx.objective, &grid, &scratch.xs, &scratch.ys, &mut scratch.thresholds, &mut scratch.hist);
    scan_numeric(ctx, feature, &grid, range.missing > 0, &scratch.hist, &scratch.total, &mut scratch.sides, best);
    if let Some(stats) = stats {
        let range = range.with_ends(&scratch.xs);
        stats.push(feature, Shape::Numeric { grid, range }, &scratch.hist);
    }
    true
}

/// Up to how many records sorting beats bins.
const SORT_UP_TO: usize = 40;

/// The range of a numeric feature in a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub(super) low: f32,
    pub(super) high: f32,
    /// How many records are at the ends; 0 until [`Range::with_ends`] counts them.
    pub(super) at_low: u32,
    pub(super) at_high: u32,
    pub(super) missing: u32,
    pub(super) n: u32,
}

impl Range {
    /// The range of values.
    pub(super) fn of(xs: &[i32]) -> Self {
        let (mut low, mut high, mut missing) = (i32::MAX, i32::MIN, 0);
        for x in xs {
            low = low.min(*x);
            high = high.max(if *x == number::MISSING { i32::MIN } else { *x });
            missing += u32::from(*x == number::MISSING);
        }
        Self { low: number::decode(low), high: number::decode(high), at_low: 0, at_high: 0, missing, n: xs.len() as u32 }
    }

    /// The same range with the records at its ends counted among its values.
    pub(super) fn with_ends(mut self, xs: &[i32]) -> Self {
        let (low, high) = (number::encode(self.low), number::encode(self.high));
        (self.at_low, self.at_high) = (0, 0);
        for x in xs {
            self.at_low += u32::from(*x == low);
            self.at_high += u32::from(*x == high);
        }
        self
    }

    /// Whether no split of this feature separates anything.
    pub(super) fn is_constant(&self) -> bool {
        self.missing == self.n || (self.missing == 0 && self.low == self.high)
    }
}

/// Counts the records of each bin; the last bin is for missing values.
#[inline(never)]
fn fill<O: Objective>(objective: &O, grid: &Grid, xs: &[i32], ys: &[i64], thresholds: &mut Vec<f32>, hist: &mut [u32]) {
    thresholds.clear();
    thresholds.extend((0..grid.cells()).map(|i| grid.threshold(i)));
    let missing = grid.bins();
    for (x, y) in xs.iter().zip(ys) {
        let bin = if *x == number::MISSING {
            missing
        } else if thresholds.is_empty() {
            0
        } else {
            let x = number::decode(*x);
            let place = grid.place(x);
            place + usize::from(x > thresholds[place])
        };
        objective.tally(hist, bin, *y);
    }
}

/// The winner by sorting: a gap between two neighbouring values offers the lowest threshold in it, if there is one.
#[inline(never)]
fn sort_numeric<O: Objective>(ctx: &Context<'_, O>, scratch: &mut Scratch, feature: u32, grid: &Grid, best: &mut Best) {
    let keys = &mut scratch.keys;
    keys.clear();
    keys.extend(scratch.xs.iter().enumerate().map(|(i, x)| u64::from(x.cast_unsigned() ^ 1 << 31) << 32 | i as u64));
    keys.sort_unstable();
    let keys = &*keys;
    let xs = &scratch.xs;
    let value = |key: u64| number::decode(xs[key as u32 as usize]);
    let min_leaf = ctx.limits.min_samples_leaf;
    ctx.objective.sweep_sorted(keys, &scratch.ys, &scratch.total, min_leaf, &mut scratch.sides, |i, score| {
        if score <= best.score {
            return;
        }
        let (x, next) = (value(keys[i]), value(keys[i + 1]));
        let cell = grid.cell(x);
        let mut threshold = grid.point(cell);
        if threshold < x {
            threshold = grid.point(cell + 1);
        }
        if threshold < next {
            let test = Test::Threshold { threshold, missing_left: false };
            best.offer(score, 0, || Split { feature, test, has_missing: false });
        }
    });
}

/// Offers the thresholds of a numeric feature from its bins, the last of which is for missing values.
#[expect(clippy::too_many_arguments, reason = "the buffers of the caller, apart so that they can be borrowed together")]
pub(super) fn scan_numeric<O: Objective, W: Word>(
    ctx: &Context<'_, O>,
    feature: u32,
    grid: &Grid,
    has_missing: bool,
    hist: &[W],
    total: &[u32],
    sides: &mut Sides,
    best: &mut Best,
) {
    let objective = ctx.objective;
    let width = objective.width();
    let min_leaf = ctx.limits.min_samples_leaf;
    if !has_missing {
        objective.sweep_bins(&hist[..grid.cells() * width], total, min_leaf, sides, |i, score| {
            let test = || Test::Threshold { threshold: grid.threshold(i), missing_left: false };
            best.offer(score, i, || Split { feature, test: test(), has_missing });
        });
        return;
    }
    let missing = &hist[grid.bins() * width..(grid.bins() + 1) * width];
    let n = objective.count(total);
    let n_known = n - objective.count(missing);
    let mut below = vec![0; width];
    let mut offer = |left: &[u32], bin, test: &dyn Fn() -> Test| {
        let n_left = objective.count(left);
        if n_left >= min_leaf && n - n_left >= min_leaf {
            sides.begin(total);
            objective.split_off(&mut sides.right, left);
            best.offer(objective.score(left, &sides.right), bin, || Split { feature, test: test(), has_missing });
        }
    };
    let mut left = Vec::with_capacity(width);
    for (i, bin) in hist.chunks_exact(width).take(grid.cells()).enumerate() {
        objective.merge(&mut below, bin);
        let n_below = objective.count(&below);
        if n_below == 0 || n_below == n_known {
            continue;
        }
        let missing_left = grid.missing_left(i);
        left.clone_from(&below);
        if missing_left {
            objective.merge(&mut left, missing);
        }
        offer(&left, i, &|| Test::Threshold { threshold: grid.threshold(i), missing_left });
    }
    left.clear();
    left.extend_from_slice(total);
    objective.split_off(&mut left, missing);
    offer(&left, grid.cells(), &|| Test::Threshold { threshold: f32::INFINITY, missing_left: false });
}

/// Offers the categories of a feature; returns whether it is not constant.
#[inline(never)]
fn consider_categories<O: Objective>(
    ctx: &Context<'_, O>,
    scratch: &mut Scratch,
    feature: u32,
    categories: &Categories,
    path: u64,
    stats: Option<&mut Stats>,
    best: &mut Best,
) -> bool {
    ctx.rows.column(&scratch.slots, feature, &mut scratch.xs);
    let first = scratch.xs[0];
    if scratch.xs.iter().all(|code| *code == first) {
        if let Some(stats) = stats {
            stats.skip(feature, first);
        }
        return false;
    }
    let Scratch { xs, ys, local, codes, hist, .. } = scratch;
    count_categories(ctx.objective, categories.len(), (xs, ys), local, codes, hist);
    let key = feature_key(path, &ctx.features[feature as usize]);
    scan_categories(ctx, feature, codes, key, hist, &scratch.total, &mut scratch.sides, best);
    if let Some(stats) = stats {
        stats.push(feature, Shape::Categories { codes: codes.clone(), key }, &scratch.hist);
    }
    true
}

/// Counts the records of each category present; `codes` tells which category has which bin.
#[inline(never)]
fn count_categories<O: Objective>(
    objective: &O,
    n_categories: usize,
    (xs, ys): (&[i32], &[i64]),
    local: &mut Vec<u32>,
    codes: &mut Vec<u32>,
    hist: &mut Vec<u32>,
) {
    /// Up to how many words a bin for every category is cheaper than to look for those present.
    const DENSE: usize = 256;
    let width = objective.width();
    hist.clear();
    codes.clear();
    if n_categories * width <= DENSE {
        hist.resize(n_categories * width, 0);
        for (code, y) in xs.iter().zip(ys) {
            objective.tally(hist, *code as usize, *y);
        }
        for code in 0..n_categories {
            if objective.count(&hist[code * width..(code + 1) * width]) > 0 {
                hist.copy_within(code * width..(code + 1) * width, codes.len() * width);
                codes.push(code as u32);
            }
        }
        hist.truncate(codes.len() * width);
        return;
    }
    if local.len() < n_categories {
        local.resize(n_categories, 0);
    }
    for (code, y) in xs.iter().zip(ys) {
        let mut place = local[*code as usize] as usize;
        if place == 0 {
            codes.push(*code as u32);
            place = codes.len();
            local[*code as usize] = place as u32;
            hist.resize(place * width, 0);
        }
        objective.tally(hist, place - 1, *y);
    }
    codes.iter().for_each(|code| local[*code as usize] = 0);
}

/// Offers "this category or not" from the bins of the categories present.
#[expect(clippy::too_many_arguments, reason = "the buffers of the caller, apart so that they can be borrowed together")]
pub(super) fn scan_categories<O: Objective, W: Word>(
    ctx: &Context<'_, O>,
    feature: u32,
    codes: &[u32],
    key: u64,
    hist: &[W],
    total: &[u32],
    sides: &mut Sides,
    best: &mut Best,
) {
    let Some(categories) = &ctx.features[feature as usize].categories else { return };
    let order = |code: u32| (mix(key, categories.hash(code)), categories.name(code));
    let limit = ctx.limits.n_thresholds as usize;
    // The last category that is a candidate, if not all are.
    let last = (codes.len() > limit).then(|| {
        let mut orders: Vec<_> = codes.iter().map(|code| order(*code)).collect();
        *orders.select_nth_unstable(limit - 1).1
    });
    ctx.objective.sweep_each(hist, total, ctx.limits.min_samples_leaf, sides, |i, score| {
        let code = codes[i];
        if last.is_none_or(|last| order(code) <= last) {
            best.offer_category(score, i, Split { feature, test: Test::Category(code), has_missing: false }, categories, key);
        }
    });
}
