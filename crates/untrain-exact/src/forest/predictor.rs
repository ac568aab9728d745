//! Prediction: the trees of an artefact laid out for speed.

use std::collections::HashMap;

use rayon::prelude::*;
use untrain_core::{Dataset, Error, Kind, Predictions, Result, Task, Values, nearest};

use super::artefact::{ForestArtefact, ForestNode};
use super::rows::number;

/// Records that walk down a tree together, so that their memory accesses overlap.
const LANES: usize = 16;
/// Records whose values fit the first cache beside a tree.
const BLOCK: usize = 128;

/// The code of a category that no split names.
const OTHER: f32 = -1.0;
/// The code of a missing category.
const MISSING: f32 = 0.0;

/// The trees laid out one after another.
#[derive(Debug)]
pub(super) struct Predictor<'a> {
    artefact: &'a ForestArtefact,
    nodes: Vec<Node>,
    roots: Vec<u32>,
    /// For each leaf `width` numbers; leaf nodes name theirs in `leaf`.
    leaves: Vec<f64>,
    width: usize,
    /// For each feature its first row.
    rows: Vec<u32>,
    n_rows: usize,
}

/// Go to `left`, or to `left + 1` if the record's value in `row` is over `value` (in a category node: unequal to it).
///
/// A leaf goes to itself. A missing number stands as −∞ in one row and as ∞ in the next; a node reads the one that sends it
/// to the right side.
#[derive(Debug, Clone, Copy)]
struct Node {
    value: f32,
    row: u32,
    left: u32,
    leaf: u32,
}

const CATEGORY: u32 = 1 << 31;

impl<'a> Predictor<'a> {
    pub(super) fn new(artefact: &'a ForestArtefact) -> Self {
        let mut n_rows = 0;
        let mut rows = Vec::new();
        for feature in &artefact.features {
            rows.push(n_rows);
            n_rows += if feature.kind == Kind::Categorical { 1 } else { 2 };
        }
        let width = if artefact.task == Task::Regression { 1 } else { artefact.classes.len() };
        let mut predictor =
            Self { artefact, nodes: Vec::new(), roots: Vec::new(), leaves: Vec::new(), width, rows, n_rows: n_rows as usize };
        for nodes in artefact.trees.iter().filter(|nodes| !is_empty(nodes)) {
            let root = predictor.nodes.len() as u32;
            predictor.roots.push(root);
            predictor.nodes.push(Node { value: 0.0, row: 0, left: 0, leaf: 0 });
            predictor.lay(nodes, 0, root);
        }
        predictor
    }

    /// Lays the subtree at `place` of `nodes` down, its root at `at`.
    fn lay(&mut self, nodes: &[ForestNode], place: usize, at: u32) {
        let (value, row, right) = match &nodes[place] {
            ForestNode::Threshold { feature, threshold, missing_left, right } => {
                // A known value is at most MAX, and a missing one is then over it.
                let row = self.rows[*feature as usize] + u32::from(!missing_left);
                (threshold.unwrap_or(f32::MAX), row, *right)
            }
            ForestNode::Category { feature, category, right } => {
                let code = category.map_or(MISSING, |category| category as f32 + 1.0);
                (code, self.rows[*feature as usize] | CATEGORY, *right)
            }
            leaf => {
                self.nodes[at as usize] =
                    Node { value: f32::INFINITY, row: 0, left: at, leaf: (self.leaves.len() / self.width.max(1)) as u32 };
                self.lay_leaf(leaf);
                return;
            }
        };
        let left = self.nodes.len() as u32;
        self.nodes[at as usize] = Node { value, row, left, leaf: 0 };
        self.nodes.extend([Node { value: 0.0, row: 0, left: 0, leaf: 0 }; 2]);
        self.lay(nodes, place + 1, left);
        self.lay(nodes, right as usize, left + 1);
    }

    fn lay_leaf(&mut self, leaf: &ForestNode) {
        let start = self.leaves.len();
        self.leaves.resize(start + self.width, 0.0);
        let says = &mut self.leaves[start..];
        match leaf {
            ForestNode::Counts { counts } => {
                let n: f64 = counts.iter().map(|(_, count)| f64::from(*count)).sum();
                counts.iter().for_each(|(class, count)| says[*class as usize] = f64::from(*count) / n);
            }
            ForestNode::Mean { mean, .. } => says[0] = mean.unwrap_or_default(),
            ForestNode::Threshold { .. } | ForestNode::Category { .. } => {}
        }
    }

    pub(super) fn predict(&self, data: &Dataset) -> Result<Predictions> {
        let columns = self.artefact.features.iter().map(|feature| Column::of(data, &feature.name, feature)).collect::<Result<Vec<_>>>()?;
        let n = data.len();
        let mut sums = vec![0.0; n * self.width];
        if self.width > 0 && !self.roots.is_empty() {
            sums.par_chunks_mut(BLOCK * self.width).enumerate().for_each_init(
                || vec![0.0; BLOCK * self.n_rows.max(1)],
                |values, (block, sums)| {
                    let records = sums.len() / self.width;
                    for (column, row) in columns.iter().zip(&self.rows) {
                        column.spread(block * BLOCK, records, values, *row as usize, self.n_rows);
                    }
                    self.add_block(values, sums);
                },
            );
        }
        let n_trees = self.roots.len() as f64;
        sums.iter_mut().for_each(|sum| *sum /= n_trees);
        Ok(match self.artefact.task {
            Task::Classification => Predictions::Classes { classes: self.artefact.classes.clone(), probabilities: sums, n },
            Task::Regression if self.roots.is_empty() => Predictions::Numbers(vec![None; n]),
            Task::Regression => Predictions::Numbers(sums.into_iter().map(Some).collect()),
        })
    }

    /// Adds what every tree says of a block of records, whose values stand lane by lane.
    fn add_block(&self, values: &[f32], sums: &mut [f64]) {
        for root in &self.roots {
            for (values, sums) in values.chunks_exact(LANES * self.n_rows.max(1)).zip(sums.chunks_mut(LANES * self.width)) {
                let at = self.walk(values, *root);
                for (at, sums) in at.iter().zip(sums.chunks_exact_mut(self.width)) {
                    let leaf = self.nodes[*at as usize].leaf as usize * self.width;
                    sums.iter_mut().zip(&self.leaves[leaf..leaf + self.width]).for_each(|(sum, says)| *sum += says);
                }
            }
        }
    }

    /// The leaves that the records in all lanes reach. Lanes without a record walk too, to no effect.
    #[inline]
    fn walk(&self, values: &[f32], root: u32) -> [u32; LANES] {
        let mut at = [root; LANES];
        loop {
            let mut moved = 0;
            for (lane, at) in at.iter_mut().enumerate() {
                let node = self.nodes[*at as usize];
                let value = values[(node.row & !CATEGORY) as usize * LANES + lane];
                #[expect(clippy::needless_bitwise_bool, reason = "a branch would be mispredicted half of the time")]
                let right = (value > node.value) | ((node.row & CATEGORY != 0) & (value < node.value));
                let next = node.left + u32::from(right);
                moved |= next ^ *at;
                *at = next;
            }
            if moved == 0 {
                return at;
            }
        }
    }
}

fn is_empty(nodes: &[ForestNode]) -> bool {
    match nodes {
        [ForestNode::Counts { counts }] => counts.is_empty(),
        [ForestNode::Mean { n, .. }] => *n == 0,
        _ => false,
    }
}

/// A column of the records, as nodes see it.
enum Column<'a> {
    Numbers(Values<'a>),
    Codes(Vec<f32>),
}

impl<'a> Column<'a> {
    fn of(data: &'a Dataset, name: &str, feature: &super::ForestFeature) -> Result<Self> {
        let columns = &data.schema().columns;
        let place = columns.iter().position(|column| column.name == name).ok_or_else(|| Error::UnknownColumn {
            name: name.to_owned(),
            nearest: nearest(name, columns.iter().map(|column| column.name.as_str())),
        })?;
        let values = data.values(place);
        match (feature.kind, values) {
            (_, Values::Images(_)) => Err(Error::Schema {
                reason: format!("\"{name}\" holds images, and the model was trained on {} in it", feature.kind.name()),
            }),
            (Kind::Categorical, values) => {
                let codes: HashMap<&str, f32> =
                    feature.categories.iter().enumerate().map(|(i, category)| (category.as_str(), i as f32 + 1.0)).collect();
                let code = |text: Option<&str>| text.map_or(MISSING, |text| codes.get(text).copied().unwrap_or(OTHER));
                Ok(Self::Codes(match values {
                    Values::Texts(texts) => texts.iter().map(code).collect(),
                    other => (0..data.len()).map(|i| code(other.text(i).as_deref())).collect(),
                }))
            }
            (_, Values::Texts(_)) => {
                Err(Error::Schema { reason: format!("\"{name}\" is text, and the model was trained on numbers in it") })
            }
            (_, numbers) => Ok(Self::Numbers(numbers)),
        }
    }

    /// Writes the values of `records` records from `start` on into `row` of blocks of lanes.
    fn spread(&self, start: usize, records: usize, values: &mut [f32], row: usize, n_rows: usize) {
        for i in 0..records {
            let place = (i / LANES * n_rows + row) * LANES + i % LANES;
            match self {
                Self::Codes(codes) => values[place] = codes[start + i],
                Self::Numbers(numbers) => {
                    let x = number::rounded(numbers.number(start + i));
                    (values[place], values[place + LANES]) = if x.is_nan() { (f32::NEG_INFINITY, f32::INFINITY) } else { (x, x) };
                }
            }
        }
    }
}
