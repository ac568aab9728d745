//! What learners whose model is a published convex optimum have in common: their summary, their bytes, their artefact.

use std::fmt::Write as _;

use serde::Serialize;
use untrain_core::{Error, Importance, Reader, Result, Seed, Writer};

use crate::convex::{Loss, Path, Penalty, Published, Rows, Work};
use crate::encode::{Bound, Design, Encoder};

/// One problem or several over the same rows: one-vs-rest has one a class.
#[derive(Debug, Clone)]
pub(crate) struct Optimum {
    rows: Option<Rows>,
    solvers: Vec<Path>,
    /// A grid for each output of each solver.
    grids: Vec<Vec<Published>>,
    /// The weights, on the grid: a list an output.
    weights: Vec<Vec<i64>>,
    work: Work,
}

/// What a learner wants to be optimal.
#[derive(Debug, Clone)]
pub(crate) struct Wish<'a> {
    pub(crate) losses: Vec<Loss>,
    /// The names of all outputs, which go into the offsets.
    pub(crate) outputs: Vec<String>,
    /// The intercepts to start from, one an output.
    pub(crate) intercepts: Vec<f64>,
    pub(crate) alpha: f64,
    pub(crate) grid: u32,
    pub(crate) seed: Seed,
    pub(crate) design: &'a Design,
}

impl Optimum {
    /// Without any weights: of no records, or of one class.
    pub(crate) fn trivial() -> Self {
        Self { rows: None, solvers: Vec::new(), grids: Vec::new(), weights: Vec::new(), work: Work::default() }
    }

    /// Makes the problem anew where the scales have moved far; on others, its weights are no place to start from.
    pub(crate) fn straighten(&mut self, wish: &Wish<'_>) -> Result<()> {
        if self.rows.as_ref().is_some_and(|rows| rows.is_askew(wish.design)) {
            let work = self.work();
            *self = Self { work, ..Self::new(wish, None)? };
        }
        Ok(())
    }

    pub(crate) fn is_trivial(&self) -> bool {
        self.rows.is_none()
    }

    /// A problem that is not solved yet, starting from weights on the grid if there are any.
    pub(crate) fn new(wish: &Wish<'_>, start: Option<&[Vec<i64>]>) -> Result<Self> {
        let Wish { losses, outputs, intercepts, alpha, grid, seed, design } = wish;
        let p = losses.iter().map(|loss| loss.n_outputs()).max().unwrap_or(0) as u64 * (design.layout().n_columns as u64 + 1);
        Path::admit(p)?;
        let rows = Rows::new(design);
        let penalty = rows.penalty(design, *alpha)?;
        let mut names = design.layout().column_names();
        names.push(String::new());
        let unit = step(*grid);
        let mut outputs = outputs.iter().zip(intercepts).enumerate();
        let (mut solvers, mut grids) = (Vec::new(), Vec::new());
        for loss in losses {
            let (mut v, mut origin, mut own) = (Vec::new(), Vec::new(), Vec::new());
            for (place, (name, intercept)) in outputs.by_ref().take(loss.n_outputs()) {
                own.push(Published::new(*seed, *grid, &names, name));
                origin.extend(std::iter::repeat_n(0.0, names.len() - 1).chain([*intercept]));
                if let Some(weights) = start.and_then(|start| start.get(place)).filter(|weights| weights.len() == names.len()) {
                    v.extend(penalty.raw(&weights.iter().map(|w| *w as f64 * unit).collect::<Vec<_>>()));
                } else {
                    v.extend_from_slice(&origin[origin.len() - names.len()..]);
                }
            }
            solvers.push(Path::new(*loss, &rows, *alpha, &v, origin)?);
            grids.push(own);
        }
        Ok(Self { rows: Some(rows), solvers, grids, weights: Vec::new(), work: Work::default() })
    }

    /// Takes rows, which the design still has, out.
    pub(crate) fn leave(&mut self, design: &Design, rows: &[u32]) {
        let Some(own) = &mut self.rows else { return };
        let mut descending = rows.to_vec();
        descending.sort_unstable_by(|a, b| b.cmp(a));
        self.solvers.iter_mut().for_each(|solver| solver.leave(own, design, &descending));
        own.leave(&descending);
    }

    /// Takes rows in, which are the last of the design.
    pub(crate) fn join(&mut self, design: &Design, rows: &[u32]) {
        let (Some(own), Some(first)) = (&mut self.rows, rows.first()) else { return };
        let new = *first as usize..design.len();
        own.join(design, new.clone());
        self.solvers.iter_mut().for_each(|solver| solver.join(own, design, new.clone()));
    }

    /// Solves what is left to solve.
    pub(crate) fn settle(&mut self, design: &Design, alpha: f64) -> Result<()> {
        let Some(rows) = &self.rows else { return Ok(()) };
        let penalty: Penalty = rows.penalty(design, alpha)?;
        let mut weights = Vec::new();
        for (solver, grids) in self.solvers.iter_mut().zip(&self.grids) {
            weights.extend(solver.settle(rows, design, &penalty, grids)?);
        }
        self.weights = weights;
        Ok(())
    }

    pub(crate) fn weights(&self) -> &[Vec<i64>] {
        &self.weights
    }

    /// What it took to find it, since it was made.
    pub(crate) fn work(&self) -> Work {
        self.solvers.iter().fold(self.work, |sum, solver| sum + solver.work())
    }

    /// Writes the weights, which are where [`read_weights`] finds them.
    pub(crate) fn write(&self, out: &mut Writer) {
        write_weights(&self.weights, out);
    }
}

/// Lists of integers: how many lists, how long each, and each integer with its sign in the lowest bit.
pub(crate) fn write_weights(weights: &[Vec<i64>], out: &mut Writer) {
    out.varint(weights.len() as u64);
    for list in weights {
        out.varint(list.len() as u64);
        list.iter().for_each(|w| out.signed(*w));
    }
}

/// Reads what [`write_weights`] wrote.
pub(crate) fn read_weights(input: &mut Reader<'_>) -> Result<Vec<Vec<i64>>> {
    let n = input.count()?;
    let list = |input: &mut Reader<'_>| {
        let n = input.count()?;
        (0..n).map(|_| input.signed()).collect::<Result<Vec<_>>>()
    };
    (0..n).map(|_| list(input)).collect()
}

/// The step of a grid.
pub(crate) fn step(grid: u32) -> f64 {
    f64::from_bits(u64::from(1023 - grid) << 52)
}

/// A served linear model: scores of rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linear {
    pub(crate) encoder: Encoder,
    pub(crate) grid: u32,
    /// A list an output: a weight a column, then the intercept.
    pub(crate) weights: Vec<Vec<i64>>,
}

#[derive(Serialize)]
struct Output<'a> {
    name: &'a str,
    intercept: f64,
    weights: serde_json::Map<String, serde_json::Value>,
}

impl Linear {
    /// The scores of one row, an output each.
    pub(crate) fn scores(&self, bound: &Bound<'_>, i: usize, scratch: &mut (Vec<f64>, Vec<(u32, f32)>), out: &mut Vec<f64>) {
        let (dense, sparse) = scratch;
        bound.row(i, dense, sparse);
        out.clear();
        let unit = step(self.grid);
        out.extend(self.weights.iter().map(|weights| {
            let dense: f64 = dense.iter().zip(weights).map(|(x, w)| x * *w as f64).sum();
            let sparse: f64 = sparse.iter().map(|(column, x)| f64::from(*x) * weights[*column as usize] as f64).sum();
            (dense + sparse + weights.last().map_or(0.0, |w| *w as f64)) * unit
        }));
    }

    /// What is written of a model beside its own header.
    pub(crate) fn write(&self, out: &mut Writer) {
        let Self { encoder, grid, weights } = self;
        encoder.write(out);
        out.u8(*grid as u8);
        write_weights(weights, out);
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self> {
        let encoder = Encoder::read(input)?;
        let grid = u32::from(input.u8()?);
        if !GRIDS.contains(&grid) {
            return Err(input.malformed(format!("there is no grid {grid}")));
        }
        let weights = read_weights(input)?;
        if weights.iter().any(|list| list.len() != encoder.layout().n_columns + 1) {
            return Err(input.malformed("it has another number of weights than of columns"));
        }
        Ok(Self { encoder, grid, weights })
    }

    /// The outputs with their weights by name, as JSON.
    pub(crate) fn json(&self, kind: &str, names: &[String]) -> String {
        let (layout, unit) = (self.encoder.layout(), step(self.grid));
        let columns = layout.column_names();
        let output = |(i, weights): (usize, &Vec<i64>)| Output {
            name: names.get(i).map_or("", String::as_str),
            intercept: weights.last().map_or(0.0, |w| *w as f64 * unit),
            weights: columns.iter().cloned().zip(weights.iter().map(|w| serde_json::Value::from(*w as f64 * unit))).collect(),
        };
        let outputs: Vec<Output<'_>> = self.weights.iter().enumerate().map(output).collect();
        let scales: Vec<_> = layout
            .inputs
            .iter()
            .filter_map(|input| match input.source {
                crate::encode::Source::Number { column, .. } => Some((input.name.as_str(), &self.encoder.scales()[column as usize])),
                _ => None,
            })
            .map(|(name, scale)| serde_json::json!({"column": name, "shift": scale.shift, "centre": scale.centre, "step": scale.step}))
            .collect();
        let json = serde_json::json!({
            "kind": kind, "classes": self.encoder.classes(), "grid": self.grid, "scales": scales, "outputs": outputs,
        });
        let mut text = String::new();
        _ = write!(text, "{json:#}");
        text
    }

    /// Shares of the magnitudes of the weights, summed over a feature's columns and the outputs.
    pub(crate) fn importances(&self) -> Vec<Importance> {
        let layout = self.encoder.layout();
        let mut sums = vec![0.0; layout.inputs.len()];
        for weights in &self.weights {
            layout.owners().iter().zip(weights).for_each(|(owner, w)| sums[*owner as usize] += w.abs() as f64);
        }
        let total: f64 = sums.iter().sum();
        if total == 0.0 {
            return Vec::new();
        }
        let mut shares: Vec<Importance> = layout
            .inputs
            .iter()
            .zip(&sums)
            .map(|(input, sum)| Importance { feature: input.name.clone(), importance: sum / total })
            .collect();
        shares.sort_by(|a, b| b.importance.total_cmp(&a.importance).then_with(|| a.feature.cmp(&b.feature)));
        shares
    }
}

/// The binary digits after the point that weights may be published with.
pub(crate) const GRIDS: std::ops::RangeInclusive<u32> = 4..=30;

/// Checks the hyperparameters that all have.
pub(crate) fn check(alpha: f64, grid: u32) -> Result<()> {
    if !(alpha.is_finite() && (alpha == 0.0 || (1e-12..=1e12).contains(&alpha))) {
        return Err::<(), Error>(untrain_core::hyperparameters::refuse(
            "alpha",
            format!("{alpha} is out of range; it is 0, or 1e-12 to 1e12"),
        ));
    }
    untrain_core::hyperparameters::within("grid", grid, *GRIDS.start(), *GRIDS.end())
}
