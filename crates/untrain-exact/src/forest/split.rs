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
use super::objective::Objective;
use super::rows::Rows;
use super::stats::{FeatureStats, Shape, Stats};
use untrain_core::mix;

/// A place in `rows` of a tree that no record takes.
pub(super) const HOLE: u32 = u32::MAX;

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
    /// Whether a record with these bits goes left.
    #[inline]
    pub(super) fn goes_left(&self, bits: u32) -> bool {
        match self.test {
            Test::Threshold { threshold, missing_left } => {
                let x = f32::from_bits(bits);
                x <= threshold || (missing_left && x.is_nan())
            }
            Test::Category(code) => bits == code,
        }
    }

    /// Whether both send every record of the node, and what is not in it, the same way.
    pub(super) fn equals(&self, other: &Self) -> bool {
        self.feature == other.feature
            && match (self.test, other.test) {
                (Test::Category(a), Test::Category(b)) => a == b,
                (
                    Test::Threshold { threshold: a, missing_left: left_a },
                    Test::Threshold { threshold: b, missing_left: left_b },
                ) => a == b && (left_a == left_b || !(self.has_missing || other.has_missing)),
                _ => false,
            }
    }
}

/// The best candidate so far.
#[derive(Debug, Clone)]
pub(super) struct Best {
    pub(super) score: f64,
    /// The score of the best candidate that splits the records otherwise.
    pub(super) second: f64,
    pub(super) split: Option<Split>,
    /// The hash of the category, by which equals of one feature are ordered.
    tie: u64,
    /// The statistics of the left side.
    pub(super) left: Vec<u32>,
}

impl Best {
    pub(super) fn new() -> Self {
        Self { score: f64::NEG_INFINITY, second: f64::NEG_INFINITY, split: None, tie: 0, left: Vec::new() }
    }

    /// Takes a candidate if it is better than all before it.
    #[inline]
    pub(super) fn offer(&mut self, score: f64, left: &[u32], split: impl FnOnce() -> Split) {
        if score > self.score {
            self.second = self.score;
            self.score = score;
            self.split = Some(split());
            self.left.clear();
            self.left.extend_from_slice(left);
        } else if score > self.second {
            self.second = score;
        }
    }

    /// Takes a category if it is better, or as good as the same feature's best and before it in the order of `tie`.
    #[inline]
    fn offer_category(&mut self, score: f64, left: &[u32], feature: u32, code: u32, tie: u64, categories: &Categories) {
        let split = Split { feature, test: Test::Category(code), has_missing: false };
        if score > self.score {
            self.tie = tie;
        } else if score == self.score
            && let Some(Split { feature: best, test: Test::Category(rival), .. }) = self.split
            && best == feature
            && (tie, categories.name(code)) < (self.tie, categories.name(rival))
        {
            self.tie = tie;
            self.split = Some(split);
            self.left.clear();
            self.left.extend_from_slice(left);
        }
        self.offer(score, left, || split);
    }
}

/// Buffers that are used again from node to node.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) slots: Vec<u32>,
    pub(super) ys: Vec<i64>,
    xs: Vec<u32>,
    pairs: Vec<(f32, i64)>,
    order: Vec<u32>,
    thresholds: Vec<f32>,
    local: Vec<u32>,
    total: Vec<u32>,
    left: Vec<u32>,
    right: Vec<u32>,
    hist: Vec<u32>,
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
    let mut stats = (n >= ctx.limits.keep_from).then(|| Box::new(Stats::new(ctx.objective.width())));
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
        self.ys.clear();
        self.ys.extend(self.slots.iter().map(|slot| rows.y(*slot)));
    }

    /// The buffers for the two sides of a candidate.
    pub(super) fn sides(&mut self) -> (&mut Vec<u32>, &mut Vec<u32>) {
        (&mut self.left, &mut self.right)
    }

    /// The buffer for the values of a feature.
    pub(super) fn values(&mut self) -> &mut Vec<u32> {
        &mut self.xs
    }

    /// The `i`-th feature of the order drawn from `path`: a Fisher–Yates shuffle, as far as it is needed.
    #[inline]
    fn draw(&mut self, i: u32, n: u32, path: u64) -> u32 {
        let j = i + ((u128::from(mix(path, u64::from(i))) * u128::from(n - i)) >> 64) as u32;
        self.order.swap(i as usize, j as usize);
        self.order[i as usize]
    }
}

/// Whether all targets are equal; leaves the node's total in the scratch.
fn is_pure<O: Objective>(ctx: &Context<'_, O>, scratch: &mut Scratch) -> bool {
    scratch.total.clear();
    scratch.total.resize(ctx.objective.width(), 0);
    for y in &scratch.ys {
        ctx.objective.add(&mut scratch.total, *y);
    }
    ctx.objective.is_pure(&scratch.total).unwrap_or_else(|| scratch.ys.windows(2).all(|pair| pair[0] == pair[1]))
}

/// Offers the thresholds of a numeric feature; returns whether it is not constant.
fn consider_numeric<O: Objective>(
    ctx: &Context<'_, O>,
    scratch: &mut Scratch,
    feature: u32,
    path: u64,
    stats: Option<&mut Stats>,
    best: &mut Best,
) -> bool {
    let range = Range::of(ctx.rows, &scratch.slots, feature, &mut scratch.xs);
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
    let shape = Shape::Numeric { grid, range };
    let feature_stats = FeatureStats { feature, shape };
    feature_stats.scan(ctx, &scratch.hist, &scratch.total, &mut scratch.left, &mut scratch.right, best);
    if let Some(stats) = stats {
        stats.push(feature_stats, &scratch.hist);
    }
    true
}

/// Up to how many records sorting beats bins.
const SORT_UP_TO: usize = 24;

/// The range of a numeric feature in a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub(super) low: f32,
    pub(super) high: f32,
    pub(super) at_low: u32,
    pub(super) at_high: u32,
    pub(super) missing: u32,
    pub(super) n: u32,
}

impl Range {
    /// The range of `feature` over `slots` (holes are skipped), and its values in `xs`.
    pub(super) fn of(rows: &Rows, slots: &[u32], feature: u32, xs: &mut Vec<u32>) -> Self {
        xs.clear();
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        xs.extend(slots.iter().filter(|slot| **slot != HOLE).map(|slot| {
            let bits = rows.x(*slot, feature);
            let x = f32::from_bits(bits);
            low = if x < low { x } else { low };
            high = if x > high { x } else { high };
            bits
        }));
        let mut range = Self { low, high, at_low: 0, at_high: 0, missing: 0, n: xs.len() as u32 };
        for bits in xs.iter() {
            let x = f32::from_bits(*bits);
            range.at_low += u32::from(x == low);
            range.at_high += u32::from(x == high);
            range.missing += u32::from(x.is_nan());
        }
        range
    }

    /// Whether no split of this feature separates anything.
    pub(super) fn is_constant(&self) -> bool {
        self.missing == self.n || (self.missing == 0 && self.low == self.high)
    }
}

/// Counts the records of each bin; the last bin is for missing values.
pub(super) fn fill<O: Objective>(objective: &O, grid: &Grid, xs: &[u32], ys: &[i64], thresholds: &mut Vec<f32>, hist: &mut [u32]) {
    let width = objective.width();
    thresholds.clear();
    thresholds.extend((0..grid.cells()).map(|i| grid.threshold(i)));
    let missing = grid.bins();
    for (bits, y) in xs.iter().zip(ys) {
        let x = f32::from_bits(*bits);
        let bin = if x.is_nan() {
            missing
        } else if thresholds.is_empty() {
            0
        } else {
            let place = grid.place(x);
            place + usize::from(x > thresholds[place])
        };
        objective.add(&mut hist[bin * width..(bin + 1) * width], *y);
    }
}

/// The winner by sorting: a gap between two neighbouring values offers the lowest threshold in it, if there is one.
fn sort_numeric<O: Objective>(ctx: &Context<'_, O>, scratch: &mut Scratch, feature: u32, grid: &Grid, best: &mut Best) {
    let pairs = &mut scratch.pairs;
    pairs.clear();
    pairs.extend(scratch.xs.iter().zip(&scratch.ys).map(|(bits, y)| (f32::from_bits(*bits), *y)));
    insertion_sort(pairs);
    let objective = ctx.objective;
    scratch.left.clear();
    scratch.left.resize(objective.width(), 0);
    scratch.right.clear();
    scratch.right.extend_from_slice(&scratch.total);
    let (n, min_leaf) = (pairs.len(), ctx.limits.min_samples_leaf as usize);
    for i in 0..n - 1 {
        let (x, y) = pairs[i];
        objective.add(&mut scratch.left, y);
        objective.remove(&mut scratch.right, y);
        let next = pairs[i + 1].0;
        if x == next || i + 1 < min_leaf || n - i - 1 < min_leaf {
            continue;
        }
        let score = objective.score(&scratch.left, &scratch.right);
        if score <= best.score {
            continue;
        }
        let cell = grid.cell(x);
        let mut threshold = grid.point(cell);
        if threshold < x {
            threshold = grid.point(cell + 1);
        }
        if threshold < next {
            let test = Test::Threshold { threshold, missing_left: false };
            best.offer(score, &scratch.left, || Split { feature, test, has_missing: false });
        }
    }
}

fn insertion_sort(pairs: &mut [(f32, i64)]) {
    for i in 1..pairs.len() {
        let pair = pairs[i];
        let mut j = i;
        while j > 0 && pairs[j - 1].0 > pair.0 {
            pairs[j] = pairs[j - 1];
            j -= 1;
        }
        pairs[j] = pair;
    }
}

/// Offers the categories of a feature; returns whether it is not constant.
fn consider_categories<O: Objective>(
    ctx: &Context<'_, O>,
    scratch: &mut Scratch,
    feature: u32,
    categories: &Categories,
    path: u64,
    stats: Option<&mut Stats>,
    best: &mut Best,
) -> bool {
    let width = ctx.objective.width();
    let first = ctx.rows.x(scratch.slots[0], feature);
    if scratch.slots.iter().all(|slot| ctx.rows.x(*slot, feature) == first) {
        if let Some(stats) = stats {
            stats.skip(feature, first);
        }
        return false;
    }
    scratch.hist.clear();
    if scratch.local.len() < categories.len() {
        scratch.local.resize(categories.len(), 0);
    }
    let mut codes = Vec::new();
    for (slot, y) in scratch.slots.iter().zip(&scratch.ys) {
        let code = ctx.rows.x(*slot, feature);
        let mut place = scratch.local[code as usize] as usize;
        if place == 0 {
            codes.push(code);
            place = codes.len();
            scratch.local[code as usize] = place as u32;
            scratch.hist.resize(place * width, 0);
        }
        ctx.objective.add(&mut scratch.hist[(place - 1) * width..place * width], *y);
    }
    for code in &codes {
        scratch.local[*code as usize] = 0;
    }
    let key = feature_key(path, &ctx.features[feature as usize]);
    let feature_stats = FeatureStats { feature, shape: Shape::Categories { codes, key } };
    feature_stats.scan(ctx, &scratch.hist, &scratch.total, &mut scratch.left, &mut scratch.right, best);
    if let Some(stats) = stats {
        stats.push(feature_stats, &scratch.hist);
    }
    true
}

/// Offers "this category or not" from the statistics of each category present.
#[expect(clippy::too_many_arguments, reason = "the buffers of the caller, apart so that they can be borrowed together")]
pub(super) fn scan_categories<O: Objective>(
    ctx: &Context<'_, O>,
    feature: u32,
    codes: &[u32],
    key: u64,
    hist: &[u32],
    total: &[u32],
    right: &mut Vec<u32>,
    best: &mut Best,
) {
    let objective = ctx.objective;
    let width = objective.width();
    let Some(categories) = &ctx.features[feature as usize].categories else { return };
    let limit = cut(codes, key, categories, ctx.limits.n_thresholds as usize);
    let n = objective.count(total);
    for (code, left) in codes.iter().zip(hist.chunks_exact(width)) {
        let hash = mix(key, categories.hash(*code));
        if limit.is_some_and(|limit| (hash, categories.name(*code)) > limit) {
            continue;
        }
        let n_left = objective.count(left);
        if n_left < ctx.limits.min_samples_leaf || n - n_left < ctx.limits.min_samples_leaf {
            continue;
        }
        right.clear();
        right.extend_from_slice(total);
        objective.split_off(right, left);
        best.offer_category(objective.score(left, right), left, feature, *code, hash, categories);
    }
}

/// The last category that is a candidate, if not all are.
fn cut<'a>(codes: &[u32], key: u64, categories: &'a Categories, limit: usize) -> Option<(u64, Option<&'a str>)> {
    if codes.len() <= limit {
        return None;
    }
    let mut order: Vec<(u64, Option<&str>)> =
        codes.iter().map(|code| (mix(key, categories.hash(*code)), categories.name(*code))).collect();
    Some(*order.select_nth_unstable(limit - 1).1)
}
