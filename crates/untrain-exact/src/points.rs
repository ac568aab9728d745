//! Rows as points with integer coordinates, so that distances between them are exact and the same in any order.

use std::cmp::Ordering;

use crate::encode::{Encoder, Row, Scale, has};

/// How far numbers are resolved, and whether their scales are rounded further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grain {
    /// For distances between records: 1/1,024 of a standard deviation.
    Fine,
    /// For centres of many records: 1/256 of a standard deviation; deviations are rounded to 4 binary digits and means to an
    /// eighth of them, so that one record in a thousand moves them and not each.
    Coarse,
}

/// How a row becomes a point: each number is scaled and rounded to an integer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Space {
    axes: Vec<Axis>,
    indicators: Vec<Option<u32>>,
    /// What a 1 of a sparse column becomes.
    unit: f32,
    /// What a number becomes that is 1 more.
    scale: f64,
    limit: f64,
}

/// What is added and taken away again rounds to an integer, ties to even, without the call that many processors need for it.
const ROUNDER: f64 = (3_u64 << 51) as f64;

/// One dense column.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    centre: f64,
    factor: f64,
    /// What a missing number becomes.
    filler: f32,
}

/// Points with integer coordinates: dense ones, and sparse ones by column.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Points {
    pub(crate) n_dense: usize,
    dense: Vec<f32>,
    sparse: Vec<(u32, f32)>,
    ends: Vec<usize>,
}

/// The coordinates of one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point<'a> {
    pub(crate) dense: &'a [f32],
    pub(crate) sparse: &'a [(u32, f32)],
}

impl Grain {
    /// The binary digits of a coordinate, and those after the point of a standardised one.
    fn digits(self) -> (i32, i32) {
        match self {
            Self::Fine => (20, 10),
            Self::Coarse => (18, 8),
        }
    }

    /// What the mean of numbers that are not standardised is rounded to, where it stands for a missing one.
    fn quantum(self) -> f64 {
        match self {
            Self::Fine => 1.0,
            Self::Coarse => 1024.0,
        }
    }

    /// What becomes 0, and the step from which 1 is counted, in units of the quantised number.
    fn scale(self, scale: &Scale) -> (f64, f64) {
        match self {
            Self::Fine => (scale.centre, scale.step),
            Self::Coarse => {
                let power = f64::from_bits(scale.step.to_bits() & (0x7ff << 52));
                let to = |x: f64, quantum: f64| (x / quantum).round_ties_even() * quantum + 0.0;
                (to(scale.centre, power / 8.0), to(scale.step, power / 8.0))
            }
        }
    }
}

impl Space {
    /// The space of the rows that `encoder` makes; `shift` is the fixed point of their largest number.
    pub(crate) fn new(grain: Grain, encoder: &Encoder, shift: i32) -> Self {
        let (layout, scales) = (encoder.layout(), encoder.scales());
        let (bits, digits) = grain.digits();
        let limit = power(bits);
        let indicators = layout.indicators();
        if encoder.preprocessing().standardize {
            let axis = |scale: &Scale| {
                let (centre, step) = grain.scale(scale);
                let factor = power(digits) / step;
                // A missing number is the mean, which is the centre.
                Axis { centre, factor, filler: 0.0 }
            };
            return Self { axes: scales.iter().map(axis).collect(), indicators, unit: power(digits) as f32, scale: power(digits), limit };
        }
        // The largest number, or the 1 of a category if it is larger, has all the digits.
        let common = if layout.n_columns > layout.n_dense { shift.min(crate::encode::BITS as i32 - 1) } else { shift };
        let lost = bits - crate::encode::BITS as i32;
        let axis = |scale: &Scale| {
            let factor = power(common - scale.shift + lost);
            let quantum = grain.quantum();
            let filler = (scale.mean * factor / quantum).round_ties_even() * quantum;
            Axis { centre: 0.0, factor, filler: filler.clamp(-limit, limit) as f32 + 0.0 }
        };
        let unit = power(common + lost).clamp(0.0, limit).round_ties_even() as f32;
        Self { axes: scales.iter().map(axis).collect(), indicators, unit, scale: power(common + lost), limit }
    }

    /// A squared distance in units of features: standard deviations, or what the numbers are counted in.
    /// The square of a very large number is the largest finite one.
    pub(crate) fn squared(&self, distance: f64) -> f64 {
        (distance / self.scale / self.scale).min(f64::MAX)
    }

    /// The coordinate of a quantised number, `None` if it is missing.
    #[inline]
    pub(crate) fn coordinate(&self, column: usize, q: Option<f64>) -> f32 {
        let Axis { centre, factor, filler } = self.axes[column];
        q.map_or(filler, |q| ((((q - centre) * factor).clamp(-self.limit, self.limit) + ROUNDER) - ROUNDER) as f32 + 0.0)
    }

    /// The quantised number of a coordinate.
    pub(crate) fn number(&self, column: usize, coordinate: f64) -> f64 {
        let Axis { centre, factor, .. } = self.axes[column];
        coordinate / factor + centre
    }

    /// The coordinate of a sparse column's value.
    pub(crate) fn sparse(&self, value: f32) -> f32 {
        (value * self.unit).min(self.limit as f32)
    }

    /// The value of a sparse column's coordinate.
    pub(crate) fn value(&self, coordinate: f64) -> f64 {
        if self.unit > 0.0 { coordinate / f64::from(self.unit) } else { 0.0 }
    }

    /// Appends a row of a design to points.
    pub(crate) fn push(&self, points: &mut Points, dense: &[f32], sparse: &[(u32, f32)]) {
        for (column, q) in dense.iter().enumerate() {
            let indicator = self.indicators[column];
            let missing = indicator.is_some_and(|column| has(sparse, column));
            points.dense.push(self.coordinate(column, (!missing).then_some(f64::from(*q))));
        }
        self.push_sparse(points, sparse);
    }

    /// Appends a row of a table to points.
    pub(crate) fn push_quantised(&self, points: &mut Points, dense: &[Option<f64>], sparse: &[(u32, f32)]) {
        points.dense.extend(dense.iter().enumerate().map(|(column, q)| self.coordinate(column, *q)));
        self.push_sparse(points, sparse);
    }

    fn push_sparse(&self, points: &mut Points, sparse: &[(u32, f32)]) {
        points.sparse.extend(sparse.iter().map(|(column, value)| (*column, self.sparse(*value))));
        points.ends.push(points.sparse.len());
    }

    /// A row of a design as the only one of points.
    pub(crate) fn point(&self, row: &Row<'_>) -> Points {
        let mut points = Points::new(self.axes.len());
        self.push(&mut points, row.dense, row.sparse);
        points
    }
}

impl Points {
    /// No point yet.
    pub(crate) fn new(n_dense: usize) -> Self {
        Self { n_dense, ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    pub(crate) fn point(&self, i: usize) -> Point<'_> {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        Point { dense: &self.dense[i * self.n_dense..(i + 1) * self.n_dense], sparse: &self.sparse[start..self.ends[i]] }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Point<'_>> {
        (0..self.len()).map(|i| self.point(i))
    }

    /// Lets all points go, and keeps their room.
    pub(crate) fn clear(&mut self) {
        self.dense.clear();
        self.sparse.clear();
        self.ends.clear();
    }

    pub(crate) fn push(&mut self, point: Point<'_>) {
        self.dense.extend_from_slice(point.dense);
        self.sparse.extend_from_slice(point.sparse);
        self.ends.push(self.sparse.len());
    }
}

impl Point<'_> {
    /// A total order of points.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let dense = self.dense.iter().zip(other.dense).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
        let sparse = || {
            let pairs = self.sparse.iter().zip(other.sparse);
            let found = pairs.map(|(a, b)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))).find(|order| order.is_ne());
            found.unwrap_or_else(|| self.sparse.len().cmp(&other.sparse.len()))
        };
        dense.unwrap_or_else(sparse)
    }

    /// The square of the length.
    pub(crate) fn norm(&self) -> f64 {
        let square = |x: f32| f64::from(x) * f64::from(x);
        self.dense.iter().map(|x| square(*x)).sum::<f64>() + self.sparse.iter().map(|(_, x)| square(*x)).sum::<f64>()
    }
}

fn power(exponent: i32) -> f64 {
    libm::scalbn(1.0, exponent.clamp(-1000, 1000))
}
