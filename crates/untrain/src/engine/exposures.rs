//! Exposures: which records does a model know by heart?
//!
//! LiRA asks of each record how likely the model's answer is among shadow models that learnt it, and among such that did not. Elsewhere the latter are
//! trained anew for each record; here a shadow model forgets the record, which for an exact learner is the same, byte for byte, and learns it
//! again before the next is asked about.

use std::time::Instant;

use rayon::prelude::*;
use untrain_audit::attacks::lira::{self, Fitting};
use untrain_audit::{Membership, Options, Roc, Scores};
use untrain_core::{AnyLearner, AnyModel, Dataset, Forget as _, Guarantee, Learner as _, Seed};

use super::{AuditProgress, Engine, from_json};
use crate::report::{Exposure, ExposureReport};
use crate::shadow::{Said, sample};
use crate::{Error, Recipe, Result};

const SHADOWS: u64 = 0x7368_6164_6f77_7300; // "shadows"
const POINTS: u64 = 0x706f_696e_7473_0000; // "points"

/// The fewest shadow models that a likelihood can be fitted to.
const LEAST_SHADOWS: usize = 2;

/// Whose exposure is asked about, and by how many shadow models.
#[derive(Debug, Clone, PartialEq)]
pub struct ExposureOptions {
    /// The records, by id; some are drawn if none are named.
    pub ids: Option<Vec<String>>,
    /// The most records that are asked about.
    pub n_points: usize,
    /// How many shadow models are trained.
    pub n_shadows: usize,
    /// The key of all that is drawn.
    pub seed: u64,
}

impl Default for ExposureOptions {
    fn default() -> Self {
        Self { ids: None, n_points: 100, n_shadows: 64, seed: 0 }
    }
}

/// A model that can be asked with a record and without.
struct Asked {
    learner: AnyLearner,
    model: AnyModel,
}

impl Engine {
    /// Tells how exposed records of a model's training are: whether its answers give away that it learnt them.
    ///
    /// # Errors
    ///
    /// An unknown model; [`Error::NotAudited`] for one that predicts nothing that a column tells the truth about;
    /// [`untrain_core::Error::UnknownIds`]; [`Error::Audit`] for too few shadow models; those of the learner.
    pub fn exposures(&self, model: &str, options: &ExposureOptions, progress: &(dyn Fn(AuditProgress) + Sync)) -> Result<ExposureReport> {
        let started = Instant::now();
        let row = self.store.model(model)?;
        let recipe: Recipe = from_json(model, &row.recipe)?;
        let training = self.read(row.dataset.as_str())?.data.training();
        let named = options.ids.as_ref().map(|ids| training.select(ids)).transpose()?;
        let points =
            sample(named.as_ref().unwrap_or(&training), options.n_points, Seed(options.seed), POINTS, &std::collections::BTreeSet::new())?;
        if points.is_empty() {
            return Err(Error::NobodyToAudit);
        }
        if options.n_shadows < LEAST_SHADOWS {
            let (needed, found) = (LEAST_SHADOWS, options.n_shadows);
            return Err(untrain_audit::Error::TooFewModels { attack: "LiRA", needed, found, instead: None }.into());
        }
        let learner = recipe.learner()?;
        let target = Asked { model: learner.load(&self.store.blob(&row.state)?, &training)?, learner };
        let timer = Instant::now();
        let shadows = (0..options.n_shadows).into_par_iter().map(|shadow| {
            let seed = Seed(options.seed).hash(SHADOWS, &(shadow as u64).to_le_bytes());
            let learner = Recipe { seed, ..recipe.clone() }.learner()?;
            Ok(Asked { model: learner.fit(&training)?, learner })
        });
        let mut all = shadows.collect::<Result<Vec<_>>>()?;
        let train_seconds = timer.elapsed().as_secs_f64() / options.n_shadows as f64;
        // The model itself is asked in the same way, as the last.
        all.push(target);
        let timer = Instant::now();
        let mut columns = Vec::with_capacity(points.len());
        for (done, id) in points.ids().iter().flatten().enumerate() {
            columns.push(asked(&mut all, &training, id)?);
            progress(AuditProgress { done: done + 1, planned: points.len(), kept: 0 });
        }
        let forget_seconds = timer.elapsed().as_secs_f64() / (points.len() * all.len()) as f64;
        let (records, auc) = judged(&points, &columns)?;
        Ok(ExposureReport {
            model: model.to_owned(),
            version: row.version,
            shadows: options.n_shadows as u64,
            asked: records.len() as u64,
            auc,
            records,
            train_seconds,
            forget_seconds,
            saving: train_seconds / forget_seconds.max(1e-12),
            total_seconds: started.elapsed().as_secs_f64(),
        })
    }
}

/// The margins of a record by each model, with it and without it.
fn asked(models: &mut [Asked], training: &Dataset, id: &str) -> Result<Vec<[f64; 2]>> {
    let ids = [id.to_owned()];
    let (record, retained) = (training.select(&ids)?, training.without(&ids)?);
    let floor = Options::default().margin_floor;
    let margin = |model: &AnyModel| Ok::<_, Error>(Said::of(model, &record)?.outputs()?.margins(floor)[0]);
    let ask = |Asked { learner, model }: &mut Asked| {
        let with = margin(model)?;
        let without = if learner.is_native() {
            let guarantee = learner.forget(model, &ids, &retained)?;
            // What a model that forgot says is what a retrain says only if it is one.
            let without = if guarantee == Guarantee::Exact { margin(model)? } else { margin(&learner.fit(&retained)?)? };
            learner.learn(model, &ids, training)?;
            without
        } else {
            margin(&learner.fit(&retained)?)?
        };
        Ok([with, without])
    };
    models.par_iter_mut().map(ask).collect()
}

/// LiRA's score of each record for the model, the most exposed first, and how well such scores tell the model from itself without the record.
fn judged(points: &Dataset, columns: &[Vec<[f64; 2]>]) -> Result<(Vec<Exposure>, f64)> {
    let n_shadows = columns.first().map_or(0, |column| column.len() - 1);
    let rows = |side: usize, models: std::ops::Range<usize>| -> Vec<Vec<f64>> {
        models.map(|model| columns.iter().map(|column| column[model][side]).collect()).collect()
    };
    let shadows = Scores::from_rows([rows(0, 0..n_shadows), rows(1, 0..n_shadows)].concat())?;
    let bits = (0..2 * n_shadows).flat_map(|model| vec![model < n_shadows; columns.len()]).collect();
    let members = Membership::new(2 * n_shadows, columns.len(), bits)?;
    let targets = Scores::from_rows([rows(0, n_shadows..n_shadows + 1), rows(1, n_shadows..n_shadows + 1)].concat())?;
    let scores = lira::online(&targets, &shadows, &members, Fitting::default())?;
    let auc = Roc::new(scores.row(0), scores.row(1))?.auc();
    let mean = |column: &[[f64; 2]], side: usize| column[..n_shadows].iter().map(|margins| margins[side]).sum::<f64>() / n_shadows as f64;
    let mut records: Vec<Exposure> = points
        .ids()
        .iter()
        .flatten()
        .zip(columns)
        .zip(scores.row(0))
        .map(|((id, column), lira)| Exposure { id: id.to_owned(), lira: *lira, influence: mean(column, 0) - mean(column, 1) })
        .collect();
    records.sort_by(|a, b| b.lira.total_cmp(&a.lira).then_with(|| a.id.cmp(&b.id)));
    Ok((records, auc))
}
