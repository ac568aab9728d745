//! The search for the nearest points: by a scan, or in a tree of boxes. Both find the same.

use std::collections::BinaryHeap;

use super::params::{Metric, NeighbourIndex};
use crate::points::{Point, Points};

/// Points that can be searched.
#[derive(Debug, Clone)]
pub(super) struct Search {
    metric: Metric,
    n_columns: usize,
    /// Points in the order of the tree; dense parts are as long as `width`.
    dense: Vec<f32>,
    width: usize,
    sparse: Vec<(u32, f32)>,
    ends: Vec<usize>,
    /// What of the distance from 0 is of the sparse part.
    of_sparse: Vec<f64>,
    /// Squared lengths, for the cosine.
    norms: Vec<f64>,
    /// The place of each among the points as they were given, which settles ties.
    ranks: Vec<u32>,
    /// The first is the root; none for a scan.
    nodes: Vec<Node>,
    boxes: Vec<f32>,
}

/// A box of points from `start` to `end`; its children, if it has any, are at `children` and one after.
#[derive(Debug, Clone, Copy)]
struct Node {
    start: usize,
    end: usize,
    children: usize,
}

/// One query at a time: buffers that are kept from one to the next.
#[derive(Debug)]
pub(super) struct Query<'a> {
    search: &'a Search,
    k: usize,
    dense: Vec<f32>,
    /// The sparse part by column.
    spread: Vec<f64>,
    /// What of the distance from 0 is of the query's sparse part.
    of_sparse: f64,
    norm: f64,
    /// The nearest so far, the farthest on top: distances as integers that order as they do, and ranks.
    found: BinaryHeap<(u64, u32)>,
}

/// Coordinates are worked on so many at a time.
const LANES: usize = 4;
const LEAF: usize = 32;
/// With fewer points, `Auto` scans.
const FEW: usize = 256;
/// A sum of `d` terms in `f32` is off by less than `(d + 4) · 2^-23` of itself.
const ULP: f64 = 1.0 / (1_u32 << 23) as f64;
/// What a bound gives away, so that the rounding of sums of very many columns cannot hide a neighbour.
const SLACK: f64 = 1.0 - 1.0 / (1_u64 << 32) as f64;

impl Search {
    pub(super) fn new(points: &Points, metric: Metric, index: NeighbourIndex, n_columns: usize) -> Self {
        let width = points.n_dense.next_multiple_of(LANES);
        let mut order: Vec<u32> = (0..points.len() as u32).collect();
        let (mut nodes, mut boxes) = (Vec::new(), Vec::new());
        let wants_tree = match index {
            NeighbourIndex::Brute => false,
            NeighbourIndex::Auto => points.len() >= FEW,
            NeighbourIndex::Tree => true,
        };
        if wants_tree && metric != Metric::Cosine && points.n_dense > 0 && points.len() > 0 {
            nodes.push(Node { start: 0, end: points.len(), children: 0 });
            boxes.extend(bounds(points, &order));
            let mut next = 0;
            while next < nodes.len() {
                split(points, &mut order, &mut nodes, &mut boxes, next);
                next += 1;
            }
        }
        let mut new = Self {
            metric,
            n_columns,
            dense: Vec::with_capacity(points.len() * width),
            width,
            sparse: Vec::new(),
            ends: Vec::with_capacity(points.len()),
            of_sparse: Vec::with_capacity(points.len()),
            norms: Vec::with_capacity(points.len()),
            ranks: order,
            nodes,
            boxes,
        };
        for i in 0..points.len() {
            let point = points.point(new.ranks[i] as usize);
            new.dense.extend_from_slice(point.dense);
            new.dense.resize((i + 1) * width, 0.0);
            new.sparse.extend_from_slice(point.sparse);
            new.ends.push(new.sparse.len());
            new.of_sparse.push(sparse_length(metric, point.sparse));
            new.norms.push(point.norm());
        }
        new
    }

    pub(super) fn query(&self, k: usize) -> Query<'_> {
        let k = k.min(self.ranks.len());
        let (dense, spread) = (vec![0.0; self.width], vec![0.0; self.n_columns]);
        Query { search: self, k, dense, spread, of_sparse: 0.0, norm: 0.0, found: BinaryHeap::with_capacity(k + 1) }
    }
}

impl Query<'_> {
    /// The nearest points in the order of their distances and ranks: pairs of a distance, not scaled, and the place that the
    /// point was given in.
    pub(super) fn nearest(&mut self, point: Point<'_>) -> Vec<(f64, u32)> {
        self.dense[..point.dense.len()].copy_from_slice(point.dense);
        point.sparse.iter().for_each(|(column, x)| self.spread[*column as usize] = f64::from(*x));
        self.of_sparse = sparse_length(self.search.metric, point.sparse);
        self.norm = point.norm();
        self.found.clear();
        if self.k > 0 {
            if self.search.nodes.is_empty() {
                self.scan(0, self.search.ranks.len());
            } else {
                self.descend(0);
            }
        }
        point.sparse.iter().for_each(|(column, _)| self.spread[*column as usize] = 0.0);
        let metric = self.search.metric;
        let distance = |key: u64| match metric {
            Metric::Euclidean => (key as f64).sqrt(),
            Metric::Manhattan => key as f64,
            Metric::Cosine => f64::from_bits(key),
        };
        let mut found: Vec<(u64, u32)> = self.found.drain().collect();
        found.sort_unstable();
        found.into_iter().map(|(key, rank)| (distance(key), rank)).collect()
    }

    /// The nearer child first; a box that is farther than the farthest found has nothing.
    fn descend(&mut self, node: usize) {
        let Node { start, end, children } = self.search.nodes[node];
        if children == 0 {
            self.scan(start, end);
            return;
        }
        let bounds = [self.bound(children), self.bound(children + 1)];
        let first = usize::from(bounds[1] < bounds[0]);
        for side in [first, 1 - first] {
            if self.found.len() < self.k || self.found.peek().is_none_or(|(worst, _)| bounds[side] <= *worst as f64) {
                self.descend(children + side);
            }
        }
    }

    /// No point of a box is nearer.
    fn bound(&self, node: usize) -> f64 {
        let d = self.search.width;
        let (low, high) = self.search.boxes[node * 2 * d..(node + 1) * 2 * d].split_at(d);
        let mut sums = [0.0_f64; LANES];
        let sides = low.chunks_exact(LANES).zip(high.chunks_exact(LANES)).zip(self.dense.chunks_exact(LANES));
        for ((low, high), x) in sides {
            for lane in 0..LANES {
                let gap = f64::from((low[lane] - x[lane]).max(x[lane] - high[lane]).max(0.0));
                sums[lane] += if self.search.metric == Metric::Euclidean { gap * gap } else { gap };
            }
        }
        sums.iter().sum::<f64>() * SLACK
    }

    fn scan(&mut self, start: usize, end: usize) {
        for i in start..end {
            if self.search.metric != Metric::Cosine && self.found.len() == self.k {
                let worst = self.found.peek().map_or(f64::INFINITY, |(worst, _)| *worst as f64);
                if self.glance(i) > worst * (1.0 + (self.search.width + 8) as f64 * ULP) {
                    continue;
                }
            }
            let found = (self.distance(i), self.search.ranks[i]);
            if self.found.len() < self.k {
                self.found.push(found);
            } else if let Some(mut worst) = self.found.peek_mut()
                && found < *worst
            {
                *worst = found;
            }
        }
    }

    /// What the dense part adds to the distance from point `i`, nearly.
    fn glance(&self, i: usize) -> f64 {
        let d = self.search.width;
        let mut sums = [0.0_f32; LANES];
        let pairs = self.search.dense[i * d..(i + 1) * d].chunks_exact(LANES).zip(self.dense.chunks_exact(LANES));
        if self.search.metric == Metric::Euclidean {
            for (a, b) in pairs {
                for lane in 0..LANES {
                    sums[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
                }
            }
        } else {
            for (a, b) in pairs {
                for lane in 0..LANES {
                    sums[lane] += (a[lane] - b[lane]).abs();
                }
            }
        }
        f64::from((sums[0] + sums[1]) + (sums[2] + sums[3]))
    }

    /// The distance from point `i`, as an integer that orders as it does. Sums are exact while they are below 2^53.
    fn distance(&self, i: usize) -> u64 {
        let d = self.search.width;
        let dense = self.search.dense[i * d..(i + 1) * d].iter().zip(&self.dense).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let start = if i == 0 { 0 } else { self.search.ends[i - 1] };
        let sparse =
            self.search.sparse[start..self.search.ends[i]].iter().map(|(column, x)| (f64::from(*x), self.spread[*column as usize]));
        match self.search.metric {
            Metric::Euclidean => {
                let dense: f64 = dense.map(|(a, b)| (a - b) * (a - b)).sum();
                let dot: f64 = sparse.map(|(a, b)| a * b).sum();
                (dense + (self.search.of_sparse[i] + self.of_sparse - 2.0 * dot)) as u64
            }
            Metric::Manhattan => {
                let dense: f64 = dense.map(|(a, b)| (a - b).abs()).sum();
                let shared: f64 = sparse.map(|(a, b)| (a - b).abs() - a.abs() - b.abs()).sum();
                (dense + (self.search.of_sparse[i] + self.of_sparse + shared)) as u64
            }
            Metric::Cosine => {
                let dot = dense.map(|(a, b)| a * b).sum::<f64>() + sparse.map(|(a, b)| a * b).sum::<f64>();
                let lengths = (self.search.norms[i] * self.norm).sqrt();
                // What has no direction is at a right angle to everything.
                let distance = if lengths > 0.0 { 1.0 - dot / lengths } else { 1.0 };
                distance.max(0.0).to_bits()
            }
        }
    }
}

/// The part of the distance from 0 that is of a sparse part: of the squared one, for the straight line.
fn sparse_length(metric: Metric, sparse: &[(u32, f32)]) -> f64 {
    let of = |x: f64| if metric == Metric::Manhattan { x.abs() } else { x * x };
    sparse.iter().map(|(_, x)| of(f64::from(*x))).sum()
}

/// The least and the largest coordinates of points, each filled up with zeros to a multiple of the lanes.
fn bounds(points: &Points, members: &[u32]) -> Vec<f32> {
    let (d, width) = (points.n_dense, points.n_dense.next_multiple_of(LANES));
    let mut bounds = vec![0.0; 2 * width];
    let (low, high) = bounds.split_at_mut(width);
    for (i, member) in members.iter().enumerate() {
        let x = points.point(*member as usize).dense;
        for column in 0..d {
            low[column] = if i == 0 { x[column] } else { low[column].min(x[column]) };
            high[column] = if i == 0 { x[column] } else { high[column].max(x[column]) };
        }
    }
    bounds
}

/// Splits a node at the middle of its widest side, unless it is small or all its points are one.
fn split(points: &Points, order: &mut [u32], nodes: &mut Vec<Node>, boxes: &mut Vec<f32>, at: usize) {
    let (Node { start, end, .. }, width) = (nodes[at], points.n_dense.next_multiple_of(LANES));
    if end - start <= LEAF {
        return;
    }
    let (low, high) = boxes[at * 2 * width..(at + 1) * 2 * width].split_at(width);
    let mut widest = 0;
    for column in 0..points.n_dense {
        if high[column] - low[column] > high[widest] - low[widest] {
            widest = column;
        }
    }
    if high[widest] <= low[widest] {
        return;
    }
    let middle = (end - start) / 2;
    let by = |a: &u32, b: &u32| {
        let x = |i: u32| points.point(i as usize).dense[widest];
        x(*a).total_cmp(&x(*b)).then(a.cmp(b))
    };
    order[start..end].select_nth_unstable_by(middle, by);
    nodes[at].children = nodes.len();
    for (start, end) in [(start, start + middle), (start + middle, end)] {
        // What the selection leaves in no order has to have one.
        order[start..end].sort_unstable();
        nodes.push(Node { start, end, children: 0 });
        boxes.extend(bounds(points, &order[start..end]));
    }
}
