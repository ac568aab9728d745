//! Does an audit pass what forgets and fail what does not, and what do its shadow models cost?

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use untrain::import::Roles;
use untrain::{Access, AuditOptions, AuditReport, Engine, ExposureOptions, ImportOptions, OpenOptions, Recipe, TrainOptions};
use untrain_audit::{Evidence, Verdict, judge};
use untrain_core::{Dataset, Holdout};

use super::Plan;
use super::markdown::Table;
use super::measure::{Split, drawn, median};
use crate::table::{count, duration, factor};

const NAME: &str = "audited";
/// The size of the dataset that is audited again and again.
const FEW: usize = 2000;
const SEEDS: u64 = 100;
const WORLDS: usize = 16;
const MANY_WORLDS: usize = 100;
const SHADOWS: usize = 64;
const EXPOSED: usize = 20;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    seeds: u64,
    worlds: usize,
    /// In how many audits the candidate passed, failed, and was left undecided.
    passed: u64,
    failed: u64,
    undecided: u64,
    /// In how many audits a candidate that does nothing was failed.
    nothing_failed: u64,
    /// In how many audits a candidate that costs the same and is trained from scratch was failed in the privacy game.
    seconds_an_audit: f64,
    /// What KLOM says of a second retrain, with many worlds.
    klom_worlds: usize,
    klom_null: f64,
    /// The whole of Adult.
    adult: AuditReport,
    exposure_records: usize,
    shadows: usize,
    shadow_seconds: f64,
    out_seconds: f64,
    saving: f64,
    lira_auc: f64,
}

/// Audits a forest again and again, and once on all of the records.
pub(super) fn run(plan: &Plan<'_>, data: &Split) -> Result<Report> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let few = held_out(&data.train.select(&drawn(&data.train, 0)[..FEW])?)?;
    let small = engine(&folder.path().join("few"), &few, &[("n_trees", "20"), ("subsample", "1.0")])?;
    let seeds = if plan.quick { 10 } else { SEEDS };
    let options = |seed| AuditOptions { n_worlds: Some(WORLDS), n_points: 60, n_canaries: 60, seed, ..AuditOptions::default() };
    let (mut verdicts, mut nothing_failed, mut seconds) = (Vec::new(), 0, Vec::new());
    for seed in 0..seeds {
        plan.say(&format!("audit {} of {seeds}", seed + 1));
        let report = small.audit(NAME, &options(seed), &|_| ())?;
        nothing_failed += u64::from(with_nothing_done(&report)?);
        seconds.push(report.total_seconds);
        verdicts.push(report.audit.judgement.overall.clone());
    }
    let many = if plan.quick { WORLDS } else { MANY_WORLDS };
    plan.say(&format!("KLOM over {many} worlds"));
    let klom = small.audit(NAME, &AuditOptions { n_worlds: Some(many), ..options(0) }, &|_| ())?;
    let klom_null = klom.audit.evidence.iter().find(|evidence| evidence.metric == "klom").map_or(f64::NAN, |evidence| evidence.null.value);
    let whole = engine(&folder.path().join("all"), &held_out(&data.train)?, &[])?;
    plan.say(&format!("an audit of {}", data.name));
    let budget = if plan.quick { Duration::from_secs(20) } else { Duration::from_mins(5) };
    let adult = whole.audit(NAME, &AuditOptions { budget, ..AuditOptions::default() }, &|_| ())?;
    plan.say(&format!("{SHADOWS} shadow forests of {}", data.name));
    let shadows = if plan.quick { 8 } else { SHADOWS };
    let exposures =
        whole.exposures(NAME, &ExposureOptions { n_points: EXPOSED, n_shadows: shadows, ..ExposureOptions::default() }, &|_| ())?;
    let counted = |verdict: fn(&Verdict) -> bool| verdicts.iter().filter(|found| verdict(found)).count() as u64;
    Ok(Report {
        seeds,
        worlds: WORLDS,
        passed: counted(|verdict| *verdict == Verdict::Passes),
        failed: counted(|verdict| *verdict == Verdict::Fails),
        undecided: counted(|verdict| matches!(verdict, Verdict::None { .. })),
        nothing_failed,
        seconds_an_audit: median(seconds.into_iter()),
        klom_worlds: many,
        klom_null,
        adult,
        exposure_records: exposures.records.len(),
        shadows,
        shadow_seconds: exposures.train_seconds,
        out_seconds: exposures.forget_seconds,
        saving: exposures.saving,
        lira_auc: exposures.auc,
    })
}

/// An engine over a dataset and a forest of it.
fn engine(store: &Path, data: &Dataset, settings: &[(&str, &str)]) -> Result<Engine> {
    let mut engine = Engine::open(store, Access::Write, OpenOptions::default(), &mut || ())?;
    let settings: Vec<_> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    engine.import(NAME, data, &Roles::default(), ImportOptions::default())?;
    engine.train(NAME, NAME, &Recipe::new("forest", &settings, Some(0)).map_err(untrain::Error::from)?, TrainOptions::default())?;
    Ok(engine)
}

/// The same records, a third of them held out.
fn held_out(data: &Dataset) -> Result<Dataset> {
    let mut schema = data.schema().clone();
    schema.holdout = Some(Holdout::Fraction(0.3));
    Ok(Dataset::new(schema, data.ids(), data.columns().to_vec())?)
}

/// Whether the same audit fails a candidate that did nothing.
fn with_nothing_done(report: &AuditReport) -> Result<bool> {
    let nothing = |evidence: &Evidence| Some(Evidence { candidate: evidence.do_nothing?, ..evidence.clone() });
    let mut evidence: Vec<Evidence> = report.audit.evidence.iter().filter_map(nothing).collect();
    let judgement = judge(&mut evidence, report.audit.judgement.level).map_err(untrain::Error::from)?;
    Ok(judgement.overall == Verdict::Fails)
}

impl Report {
    /// Whether the candidates whose bytes were compared had those of a retrain.
    pub(super) fn is_exact(&self) -> bool {
        self.adult.replayed == self.adult.replays
    }

    pub(super) fn markdown(&self) -> String {
        let mut table = Table::new(["what", "found", "to reach"].map(str::to_owned));
        let mut row = |what: String, found: String, reach: &str| table.row([what, found, reach.to_owned()]);
        let (seeds, worlds) = (self.seeds, self.worlds);
        row(
            format!("forgetting passes its own audit ({worlds} worlds, {} a seed)", duration(self.seconds_an_audit)),
            format!("{} of {seeds}, {} undecided, {} failed", self.passed, self.undecided, self.failed),
            "95 of 100",
        );
        row("a candidate that does nothing fails".to_owned(), format!("{} of {seeds}", self.nothing_failed), "99 of 100");
        row(format!("KLOM of a second retrain, {} worlds", self.klom_worlds), format!("{:.3}", self.klom_null), "0.03 with 100");
        let adult = &self.adult;
        row(
            format!("an audit of Adult, {} worlds of {} records", adult.worlds, count(adult.records)),
            format!("{} in {}", if adult.verdict.is_failure() { "fails" } else { "does not fail" }, duration(adult.total_seconds)),
            "10 min",
        );
        row(
            format!("LiRA with {} shadow forests on Adult: a model without a record, by forgetting", self.shadows),
            format!("{}, {} less than {}", duration(self.out_seconds), factor(self.saving), duration(self.shadow_seconds)),
            "50 × less",
        );
        format!("{}\nLiRA's AUC over {} records: {:.3}.\n", table.text(), self.exposure_records, self.lira_auc)
    }
}
