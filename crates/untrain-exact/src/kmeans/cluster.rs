//! k-means of one node of the tree: weighted points with integer coordinates.
#![expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]

use untrain_core::{mix, unit};

use crate::lanes::wide;
use crate::points::{Point, Points};

/// Points with what a node needs of them. Their order is canonical: by key, then by coordinates.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Weighted {
    pub(super) points: Points,
    /// The randomness of each point.
    pub(super) keys: Vec<u64>,
    /// How many records each stands for.
    pub(super) weights: Vec<f64>,
}

/// What is done at a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    pub(super) n_clusters: usize,
    pub(super) n_columns: usize,
    pub(super) max_iter: u32,
    pub(super) n_init: u32,
    pub(super) tol: f64,
}

/// The exact sums of the records of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cluster {
    pub(super) size: u64,
    /// Of the coordinates, by column.
    pub(super) sums: Vec<f64>,
    /// Of the squared lengths.
    pub(super) squares: u128,
}

/// Centres in blocks of lanes, so that a row meets all of a block at once.
#[derive(Debug, Clone)]
pub(super) struct Centres {
    n_columns: usize,
    /// Half the squared lengths; infinite where a lane has no centre.
    halves: Vec<[f64; LANES]>,
    /// By block and column.
    table: Vec<[f64; LANES]>,
}

/// One way to cut points into clusters.
struct Cut {
    /// The cluster of each point.
    places: Vec<u32>,
    /// What is known of each point's distances.
    bounds: Vec<Bounds>,
    counts: Vec<f64>,
    /// By cluster and column; exact, since coordinates are integers.
    sums: Vec<f64>,
}

/// The distance from a point's centre is at most one number, and that from any other centre at least the other: while centres
/// move little, a point needs no distances to be known to stay where it is.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    own: f64,
    others: f64,
}

/// How far centres have moved in a step, at most.
struct Moves {
    each: Vec<f64>,
    /// The centre that moved farthest, how far it moved, and how far any other did.
    farthest: (u32, f64, f64),
}

/// What is nearest to a point: the place of the first such centre, and half of the squared distance from it and from the
/// nearest other centre, less half of the point's squared length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nearest {
    pub(super) place: u32,
    pub(super) score: f64,
    next: f64,
}

const LANES: usize = 8;
/// What a bound grows or shrinks by to be one in spite of the rounding of a sum and a root.
const SLACK: f64 = 1e-14;
/// First centres are chosen among so many points a cluster: those whose keys are smallest.
const SAMPLE: usize = 64;

impl Weighted {
    pub(super) fn new(n_dense: usize) -> Self {
        Self { points: Points::new(n_dense), ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn push(&mut self, point: Point<'_>, key: u64, weight: f64) {
        self.points.push(point);
        self.keys.push(key);
        self.weights.push(weight);
    }

    /// The cluster of each point and the centres, the best of `n_init` tries. A try has no randomness but the keys.
    pub(super) fn clusters(&self, effort: &Effort) -> Vec<u32> {
        let norms: Vec<f64> = self.points.iter().map(|point| point.norm()).collect();
        let tolerance = effort.tol * self.variance(&norms, effort.n_columns);
        let mut best: Option<(f64, Vec<u32>)> = None;
        for run in 0..effort.n_init {
            let centres = self.first_centres(effort, &norms, run);
            let (places, gain) = self.lloyd(effort, centres, &norms, tolerance);
            if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                best = Some((gain, places));
            }
        }
        best.map(|(_, places)| places).unwrap_or_default()
    }

    /// The mean variance of the columns.
    fn variance(&self, norms: &[f64], n_columns: usize) -> f64 {
        let mut sums = vec![0.0; n_columns];
        let (mut n, mut squares) = (0.0, 0.0);
        for ((point, weight), norm) in self.points.iter().zip(&self.weights).zip(norms) {
            add(&mut sums, point, *weight);
            n += weight;
            squares += weight * norm;
        }
        if n == 0.0 {
            return 0.0;
        }
        let of_sums: f64 = sums.iter().map(|sum| sum / n * sum).sum();
        ((squares - of_sums) / n / n_columns.max(1) as f64).max(0.0)
    }

    /// Greedy k-means++: of a few points drawn with a chance in proportion to their squared distance from the centres so far,
    /// the one that brings all points nearest becomes a centre.
    ///
    /// The draws are a race: the smallest of `−ln(u) / chance` wins with exactly that chance, whoever else takes part, so that
    /// a draw depends on nobody's place in a sequence.
    fn first_centres(&self, effort: &Effort, norms: &[f64], run: u32) -> Vec<f64> {
        let n = self.len().min(SAMPLE * effort.n_clusters);
        let tries = 2 + effort.n_clusters.ilog2() as usize;
        let mut nearest: Option<Vec<f64>> = None;
        let mut chosen: Vec<usize> = Vec::new();
        let mut spread = vec![0.0; effort.n_columns];
        for round in 0..effort.n_clusters {
            let tries = if round == 0 { 1 } else { tries };
            let mut best: Option<(f64, usize, Vec<f64>)> = None;
            for candidate in self.drawn(n, nearest.as_deref(), (u64::from(run) << 32) | round as u64, tries) {
                scatter(&mut spread, self.points.point(candidate));
                let after = self.distances(&spread, norms, norms[candidate], n, nearest.as_deref());
                clear(&mut spread, self.points.point(candidate));
                let total: f64 = after.iter().zip(&self.weights).map(|(distance, weight)| distance * weight).sum();
                if best.as_ref().is_none_or(|(least, ..)| total < *least) {
                    best = Some((total, candidate, after));
                }
            }
            // All points are centres already, or there is none.
            let Some((_, candidate, after)) = best else { break };
            chosen.push(candidate);
            nearest = Some(after);
        }
        let mut centres = vec![0.0; chosen.len() * effort.n_columns];
        for (centre, i) in centres.chunks_exact_mut(effort.n_columns.max(1)).zip(&chosen) {
            scatter(centre, self.points.point(*i));
        }
        centres
    }

    /// The squared distances of the first `n` points from a point, which is spread out, or from the nearest centre if one is nearer.
    fn distances(&self, spread: &[f64], norms: &[f64], norm: f64, n: usize, nearest: Option<&[f64]>) -> Vec<f64> {
        wide(
            #[inline(always)]
            || {
                let distance = |i: usize| norms[i] + norm - 2.0 * dot(spread, self.points.point(i));
                match nearest {
                    None => (0..n).map(distance).collect(),
                    Some(nearest) => (0..n).map(|i| distance(i).min(nearest[i])).collect(),
                }
            },
        )
    }

    /// The first `tries` in a race of the first `n` points, each with a chance in proportion to its weight, and to its squared
    /// distance from the nearest centre if there is one.
    fn drawn(&self, n: usize, nearest: Option<&[f64]>, race: u64, tries: usize) -> Vec<usize> {
        let mut times: Vec<(f64, usize)> = Vec::with_capacity(n);
        for (i, (key, weight)) in self.keys.iter().zip(&self.weights).enumerate().take(n) {
            let chance = nearest.map_or(1.0, |nearest| nearest[i]) * weight;
            if chance > 0.0 {
                times.push((-libm::log1p(-unit(mix(*key, race))) / chance, i));
            }
        }
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if times.len() > tries {
            times.select_nth_unstable_by(tries - 1, order);
            times.truncate(tries);
        }
        times.sort_unstable_by(order);
        times.into_iter().map(|(_, i)| i).collect()
    }

    /// Lloyd's steps until nothing moves, or little; a cluster that loses all its points keeps its centre. Answers with the
    /// places and with `Σ |sums|² / size`, which is largest where the inertia is smallest.
    fn lloyd(&self, effort: &Effort, mut centres: Vec<f64>, norms: &[f64], tolerance: f64) -> (Vec<u32>, f64) {
        let (d, n) = (effort.n_columns, self.len());
        let k = centres.len().checked_div(d).unwrap_or(usize::from(n > 0));
        let unknown = Bounds { own: f64::INFINITY, others: 0.0 };
        let mut cut = Cut { places: vec![u32::MAX; n], bounds: vec![unknown; n], counts: vec![0.0; k], sums: vec![0.0; k * d] };
        let mut moves = Moves { each: vec![0.0; k], farthest: (0, 0.0, 0.0) };
        for _ in 0..effort.max_iter {
            if !self.assign(&Centres::new(&centres, k, d), norms, &moves, &mut cut) {
                break;
            }
            let mut shift = 0.0;
            for (cluster, count) in cut.counts.iter().enumerate() {
                let (from, to) = (cluster * d, (cluster + 1) * d);
                let mut moved = 0.0;
                for (centre, sum) in centres[from..to].iter_mut().zip(&cut.sums[from..to]).filter(|_| *count > 0.0) {
                    let mean = rounded(*sum, *count);
                    moved += (mean - *centre) * (mean - *centre);
                    *centre = mean;
                }
                shift += moved;
                moves.each[cluster] = moved.sqrt() * (1.0 + SLACK);
            }
            if shift <= tolerance {
                break;
            }
            moves.find_farthest();
        }
        let gain = |(sums, count): (&[f64], &f64)| if *count > 0.0 { sums.iter().map(|sum| sum / count * sum).sum::<f64>() } else { 0.0 };
        let gain = cut.sums.chunks_exact(d.max(1)).zip(&cut.counts).map(gain).sum();
        (cut.places, gain)
    }

    /// Puts each point with its nearest centre, after the centres have moved; tells whether any changed.
    fn assign(&self, centres: &Centres, norms: &[f64], moves: &Moves, cut: &mut Cut) -> bool {
        wide(
            #[inline(always)]
            || {
                let mut changed = false;
                for (i, norm) in norms.iter().enumerate() {
                    let old = cut.places[i];
                    if cut.bounds[i].still(old, moves) {
                        continue;
                    }
                    let point = self.points.point(i);
                    let nearest = centres.nearest(point);
                    cut.bounds[i] = Bounds::of(nearest, *norm);
                    if nearest.place != old {
                        changed = true;
                        cut.change(i, nearest.place, point, self.weights[i], centres.n_columns);
                    }
                }
                changed
            },
        )
    }
}

impl Bounds {
    /// Distances are roots of exact integers.
    #[inline(always)]
    fn of(nearest: Nearest, norm: f64) -> Self {
        let distance = |score: f64| (norm + 2.0 * score).sqrt();
        Self { own: distance(nearest.score) * (1.0 + SLACK), others: distance(nearest.next) * (1.0 - SLACK) }
    }

    /// Follows the centres; tells whether the one at `place` is nearer than any other for certain.
    #[inline(always)]
    fn still(&mut self, place: u32, moves: &Moves) -> bool {
        let Some(own) = moves.each.get(place as usize) else { return false };
        let (farthest, most, next) = moves.farthest;
        self.own = (self.own + own) * (1.0 + SLACK);
        self.others = (self.others - if farthest == place { next } else { most }) * (1.0 - SLACK);
        self.own < self.others
    }
}

impl Moves {
    fn find_farthest(&mut self) {
        self.farthest = (0, 0.0, 0.0);
        for (place, moved) in (0..).zip(&self.each) {
            let (_, most, next) = self.farthest;
            self.farthest = if *moved > most { (place, *moved, most) } else { (self.farthest.0, most, next.max(*moved)) };
        }
    }
}

impl Cut {
    /// Takes a point from its cluster, if it is in one, to the one at `place`.
    #[inline(always)]
    fn change(&mut self, i: usize, place: u32, point: Point<'_>, weight: f64, d: usize) {
        let old = std::mem::replace(&mut self.places[i], place);
        if old != u32::MAX {
            add(&mut self.sums[old as usize * d..(old as usize + 1) * d], point, -weight);
            self.counts[old as usize] -= weight;
        }
        add(&mut self.sums[place as usize * d..(place as usize + 1) * d], point, weight);
        self.counts[place as usize] += weight;
    }
}

impl Cluster {
    /// Nobody.
    pub(super) fn new(n_columns: usize) -> Self {
        Self { size: 0, sums: vec![0.0; n_columns], squares: 0 }
    }

    pub(super) fn add_point(&mut self, point: Point<'_>) {
        self.size += 1;
        add(&mut self.sums, point, 1.0);
        self.squares += point.norm() as u128;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.size += other.size;
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, more)| *sum += more);
        self.squares += other.squares;
    }

    /// The mean, rounded to integers.
    pub(super) fn centre(&self) -> Vec<f64> {
        self.sums.iter().map(|sum| rounded(*sum, self.size as f64)).collect()
    }

    /// The sum of squared distances from `centre`.
    pub(super) fn inertia(&self, centre: &[f64]) -> f64 {
        let (mut cross, mut norm) = (0_i128, 0_i128);
        for (sum, centre) in self.sums.iter().zip(centre) {
            cross += (*sum as i128) * (*centre as i128);
            norm += (*centre as i128) * (*centre as i128);
        }
        (self.squares as i128 - 2 * cross + i128::from(self.size) * norm) as f64
    }
}

impl Centres {
    pub(super) fn new(centres: &[f64], k: usize, n_columns: usize) -> Self {
        let blocks = k.div_ceil(LANES);
        let mut new = Self { n_columns, halves: vec![[f64::INFINITY; LANES]; blocks], table: vec![[0.0; LANES]; blocks * n_columns] };
        for cluster in 0..k {
            let (block, lane) = (cluster / LANES, cluster % LANES);
            let centre = &centres[cluster * n_columns..(cluster + 1) * n_columns];
            new.halves[block][lane] = centre.iter().map(|x| x * x).sum::<f64>() / 2.0;
            for (column, x) in centre.iter().enumerate() {
                new.table[block * n_columns + column][lane] = *x;
            }
        }
        new
    }

    /// The first of the centres that are nearest: where `|c|²/2 − x·c` is smallest.
    #[inline(always)]
    pub(super) fn nearest(&self, point: Point<'_>) -> Nearest {
        let mut found = Nearest { place: 0, score: f64::INFINITY, next: f64::INFINITY };
        for (block, halves) in self.halves.iter().enumerate() {
            let table = &self.table[block * self.n_columns..(block + 1) * self.n_columns];
            let mut scores = *halves;
            for (x, centres) in point.dense.iter().zip(table) {
                let x = f64::from(*x);
                for lane in 0..LANES {
                    scores[lane] -= x * centres[lane];
                }
            }
            for (column, x) in point.sparse {
                let (x, centres) = (f64::from(*x), &table[*column as usize]);
                for lane in 0..LANES {
                    scores[lane] -= x * centres[lane];
                }
            }
            for (lane, score) in scores.into_iter().enumerate() {
                // Without branches: which centre is nearest cannot be foreseen.
                let less = score < found.score;
                let rest = if less { found.score } else { score };
                found.next = if rest < found.next { rest } else { found.next };
                found.place = if less { (block * LANES + lane) as u32 } else { found.place };
                found.score = if less { score } else { found.score };
            }
        }
        found
    }
}

/// `sum / n` rounded to an integer.
fn rounded(sum: f64, n: f64) -> f64 {
    (sum / n).round_ties_even() + 0.0
}

#[inline(always)]
fn add(sums: &mut [f64], point: Point<'_>, weight: f64) {
    sums.iter_mut().zip(point.dense).for_each(|(sum, x)| *sum += weight * f64::from(*x));
    point.sparse.iter().for_each(|(column, x)| sums[*column as usize] += weight * f64::from(*x));
}

fn scatter(spread: &mut [f64], point: Point<'_>) {
    spread.iter_mut().zip(point.dense).for_each(|(place, x)| *place = f64::from(*x));
    point.sparse.iter().for_each(|(column, x)| spread[*column as usize] = f64::from(*x));
}

fn clear(spread: &mut [f64], point: Point<'_>) {
    spread.iter_mut().zip(point.dense).for_each(|(place, _)| *place = 0.0);
    point.sparse.iter().for_each(|(column, _)| spread[*column as usize] = 0.0);
}

/// Products of integers: their sum is exact, whatever its order.
#[inline(always)]
fn dot(spread: &[f64], point: Point<'_>) -> f64 {
    let (blocks, rest) = point.dense.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, x) in spread.as_chunks::<LANES>().0.iter().zip(blocks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * f64::from(x[lane]);
        }
    }
    let tail: f64 = spread[blocks.len() * LANES..].iter().zip(rest).map(|(a, x)| a * f64::from(*x)).sum();
    let sparse: f64 = point.sparse.iter().map(|(column, x)| spread[*column as usize] * f64::from(*x)).sum();
    sums.iter().sum::<f64>() + tail + sparse
}
