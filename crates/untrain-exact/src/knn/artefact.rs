//! What is served of nearest neighbours: the rows of all records, without their ids.

use std::cmp::Ordering;
use std::sync::OnceLock;

use rayon::prelude::*;
use serde_json::{Value, json};
use untrain_core::{Artefact, Dataset, Kind, Predictions, Reader, Result, Seed, Task, Writer};

use super::Knn;
use super::params::{KnnParams, Weights};
use super::search::Search;
use crate::encode::{BITS, Design, Encoder, Row, read_shift};
use crate::points::{Grain, Point, Points, Space};

/// The first bytes of an artefact.
pub(crate) const ARTEFACT: &[u8; 8] = b"UNTRkna\x01";

const PURPOSE_TIE: u64 = 0x6b6e_6e2e_7469_6573; // "knn.ties"
/// How many records are predicted in one go.
const CHUNK: usize = 64;

/// The rows of all records, in the order of a keyed hash of what they hold.
#[derive(Debug, Clone)]
pub struct KnnArtefact {
    params: KnnParams,
    task: Task,
    encoder: Encoder,
    shift: i32,
    /// The quantised numbers and the sparse columns, not scaled yet.
    rows: Points,
    y: Vec<f64>,
    /// Made when it is first asked.
    ready: OnceLock<(Space, Search)>,
}

impl KnnArtefact {
    pub(super) fn new(learner: &Knn, design: &Design) -> Self {
        let mut served = Self {
            params: learner.params.clone(),
            task: learner.task,
            encoder: design.encoder(),
            shift: design.shift(),
            rows: Points::new(design.layout().n_dense),
            y: Vec::with_capacity(design.len()),
            ready: OnceLock::new(),
        };
        for row in canonical(design, learner.seed) {
            let row = design.row(row as usize);
            served.rows.push(point(&row));
            served.y.push(row.y);
        }
        served
    }

    /// Reads the canonical bytes.
    ///
    /// # Errors
    ///
    /// [`untrain_core::Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("artefact", bytes);
        if input.raw(ARTEFACT.len())? != ARTEFACT {
            return Err(input.malformed("it is not of nearest neighbours"));
        }
        let mut params = KnnParams::read(&mut input)?;
        let task = input.task()?;
        let encoder = Encoder::read(&mut input)?;
        params.preprocessing = encoder.preprocessing().clone();
        let shift = read_shift(&mut input)?;
        let rows = Points::new(encoder.layout().n_dense);
        let mut read = Self { params, task, encoder, shift, rows, y: Vec::new(), ready: OnceLock::new() };
        for _ in 0..input.count()? {
            read.read_row(&mut input)?;
        }
        input.end()?;
        Ok(read)
    }

    fn read_row(&mut self, input: &mut Reader<'_>) -> Result<()> {
        let (n_dense, n_columns) = (self.encoder.layout().n_dense, self.encoder.layout().n_columns);
        let limit = 1_u64 << BITS;
        let (mut dense, mut sparse) = (Vec::with_capacity(n_dense), Vec::new());
        for _ in 0..n_dense {
            let q = input.signed()?;
            if q.unsigned_abs() > limit {
                return Err(input.malformed(format!("a number is {q}, and none is over {limit}")));
            }
            dense.push(q as f32);
        }
        let mut next = n_dense as u64;
        for _ in 0..input.count()? {
            let column = next.saturating_add(input.varint()?);
            if column >= n_columns as u64 {
                return Err(input.malformed(format!("there is no column {column}")));
            }
            next = column + 1;
            let value = input.at_most(u32::MAX as usize)?;
            sparse.push((column as u32, value as f32));
        }
        self.rows.push(Point { dense: &dense, sparse: &sparse });
        let y = match self.task {
            Task::Classification => input.at_most(self.encoder.classes().len().saturating_sub(1))? as f64,
            Task::Regression => input.f64()?,
        };
        if !y.is_finite() || self.task == Task::Classification && self.encoder.classes().is_empty() {
            return Err(input.malformed("a target is none"));
        }
        self.y.push(y);
        Ok(())
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self { params, task, encoder, shift, rows: _, y, ready: _ } = self;
        let mut out = Writer::new();
        out.raw(ARTEFACT);
        params.write(&mut out);
        out.task(*task);
        encoder.write(&mut out);
        out.signed(i64::from(*shift));
        out.varint(y.len() as u64);
        for (i, y) in y.iter().enumerate() {
            let row = self.row(i);
            write_features(&row, &mut out);
            match task {
                Task::Classification => out.varint(*y as u64),
                Task::Regression => out.f64(*y),
            }
        }
        out.into_bytes()
    }

    /// How many records it holds.
    pub fn records(&self) -> usize {
        self.y.len()
    }

    fn row(&self, i: usize) -> Row<'_> {
        let Point { dense, sparse } = self.rows.point(i);
        Row { dense, sparse, y: self.y[i] }
    }

    fn ready(&self) -> &(Space, Search) {
        self.ready.get_or_init(|| {
            let space = Space::new(Grain::Fine, &self.encoder, self.shift);
            let layout = self.encoder.layout();
            let mut points = Points::new(layout.n_dense);
            self.rows.iter().for_each(|row| space.push(&mut points, row.dense, row.sparse));
            let search = Search::new(&points, self.params.metric, self.params.index, layout.n_columns);
            (space, search)
        })
    }

    /// Calls `each` for every record of `data` with its neighbours: their weights and targets.
    fn neighbours<T: Send>(&self, data: &Dataset, each: impl Fn(&[(f64, f64)]) -> T + Sync) -> Result<Vec<T>> {
        let (space, search) = self.ready();
        let bound = self.encoder.bind(data)?;
        let places: Vec<usize> = (0..data.len()).collect();
        let chunk = |places: &[usize]| {
            let (mut dense, mut sparse, mut points) = (Vec::new(), Vec::new(), Points::new(self.encoder.layout().n_dense));
            let mut query = search.query(self.params.n_neighbors as usize);
            let answer = |place: &usize| {
                bound.quantised(*place, &mut dense, &mut sparse);
                points.clear();
                space.push_quantised(&mut points, &dense, &sparse);
                each(&self.weighted(&query.nearest(points.point(0))))
            };
            places.iter().map(answer).collect::<Vec<T>>()
        };
        Ok(places.par_chunks(CHUNK).map(chunk).collect::<Vec<_>>().into_iter().flatten().collect())
    }

    fn weighted(&self, nearest: &[(f64, u32)]) -> Vec<(f64, f64)> {
        let at_zero = nearest.iter().take_while(|(distance, _)| *distance == 0.0).count();
        let weight = |distance: f64| match self.params.weights {
            Weights::Distance if at_zero == 0 => 1.0 / distance,
            Weights::Distance | Weights::Uniform => 1.0,
        };
        let counting = match self.params.weights {
            Weights::Distance if at_zero > 0 => &nearest[..at_zero],
            Weights::Distance | Weights::Uniform => nearest,
        };
        counting.iter().map(|(distance, rank)| (weight(*distance), self.y[*rank as usize])).collect()
    }
}

impl Artefact for KnnArtefact {
    fn inputs(&self) -> Vec<(String, Kind)> {
        self.encoder.inputs()
    }

    fn predict(&self, data: &Dataset) -> Result<Predictions> {
        if self.task == Task::Regression {
            return Ok(Predictions::Numbers(self.neighbours(data, mean)?));
        }
        let n_classes = self.encoder.classes().len();
        let votes = |neighbours: &[(f64, f64)]| {
            let mut votes = vec![0.0; n_classes];
            neighbours.iter().for_each(|(weight, class)| votes[*class as usize] += weight);
            let total: f64 = votes.iter().sum();
            votes.iter_mut().for_each(|vote| *vote /= total);
            votes
        };
        let probabilities = self.neighbours(data, votes)?.concat();
        Ok(Predictions::Classes { classes: self.encoder.classes().to_vec(), probabilities, n: data.len() })
    }

    fn json(&self) -> String {
        let layout = self.encoder.layout();
        let columns = layout.column_names();
        let record = |i: usize| {
            let row = self.row(i);
            let number = |(q, scale): (&f32, &crate::encode::Scale)| libm::scalbn(f64::from(*q), -scale.shift);
            let numbers: Vec<f64> = row.dense.iter().zip(self.encoder.scales()).map(number).collect();
            let target: Value = match self.task {
                Task::Classification => self.encoder.classes()[row.y as usize].as_str().into(),
                Task::Regression => row.y.into(),
            };
            json!({ "numbers": numbers, "others": row.sparse, "target": target })
        };
        let records: Vec<Value> = (0..self.records()).map(record).collect();
        let KnnParams { n_neighbors, weights, metric, .. } = &self.params;
        json!({
            "kind": "knn", "task": self.task, "n_neighbors": n_neighbors, "weights": weights, "metric": metric,
            "columns": columns, "records": records,
        })
        .to_string()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("neighbours", self.params.n_neighbors.to_string()),
            ("columns", self.encoder.layout().n_columns.to_string()),
            ("holds", format!("the features and targets of all {} records, without their ids", self.records())),
        ]
    }
}

/// The mean of targets; `None` without any. Neighbours come in an order that is a function of the set, and so does the sum.
fn mean(neighbours: &[(f64, f64)]) -> Option<f64> {
    let total: f64 = neighbours.iter().map(|(weight, _)| weight).sum();
    let sum: f64 = neighbours.iter().map(|(weight, y)| weight * y).sum();
    let mean = if sum.is_finite() { sum / total } else { neighbours.iter().map(|(weight, y)| weight / total * y).sum() };
    (!neighbours.is_empty()).then_some(mean)
}

/// The rows of a design in the order of a keyed hash of what they hold. Of records that hold the same, the first has the hash
/// of the first copy, and so on, so that many copies meet as many chances.
fn canonical(design: &Design, seed: Seed) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..design.len() as u32).collect();
    let compare = |a: &u32, b: &u32| compare(&design.row(*a as usize), &design.row(*b as usize));
    rows.sort_unstable_by(compare);
    let mut hashed: Vec<(u64, u32)> = Vec::with_capacity(rows.len());
    for equals in rows.chunk_by(|a, b| compare(a, b).is_eq()) {
        let mut out = Writer::new();
        let row = design.row(equals[0] as usize);
        write_features(&row, &mut out);
        out.f64(row.y);
        let hash = seed.hash(PURPOSE_TIE, &out.into_bytes());
        hashed.extend(equals.iter().enumerate().map(|(copy, row)| (untrain_core::mix(hash, copy as u64), *row)));
    }
    hashed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| compare(&a.1, &b.1)));
    hashed.into_iter().map(|(_, row)| row).collect()
}

fn compare(a: &Row<'_>, b: &Row<'_>) -> Ordering {
    point(a).compare(&point(b)).then(a.y.total_cmp(&b.y))
}

fn point<'a>(row: &Row<'a>) -> Point<'a> {
    Point { dense: row.dense, sparse: row.sparse }
}

fn write_features(row: &Row<'_>, out: &mut Writer) {
    row.dense.iter().for_each(|q| out.signed(*q as i64));
    out.varint(row.sparse.len() as u64);
    let mut next = row.dense.len() as u32;
    for (column, value) in row.sparse {
        out.varint(u64::from(column - next));
        out.varint(*value as u64);
        next = column + 1;
    }
}
