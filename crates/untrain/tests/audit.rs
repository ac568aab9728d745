//! Audits through the engine: whom they ask about, what they keep, and what they refuse.
#![expect(clippy::unwrap_used, reason = "a test stops where something fails")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use untrain::import::{self, Roles};
use untrain::{
    Access, AuditOptions, AuditProgress, AuditReport, AuditSource, AuditVerdict, Engine, Error, ExposureOptions, ForgetOptions, Holdout,
    ImportOptions, OpenOptions, Recipe, TrainOptions,
};

/// Records of two features that half explain a class, and one that names a number.
fn people(n: usize) -> String {
    let mut text = "id,a,b,class,amount\n".to_owned();
    for i in 0..n {
        let (a, b) = ((i * 7919) % 1009, (i * 104_729) % 1013);
        let class = if (a + b > 1000) == (i % 10 < 7) { "yes" } else { "no" };
        let _ = writeln!(text, "person-{i:04},{a},{b},{class},{}", a * 2 + b % 17);
    }
    text
}

fn roles(target: &str) -> Roles {
    Roles {
        id: Some("id".to_owned()),
        target: Some(target.to_owned()),
        drop: vec![if target == "class" { "amount" } else { "class" }.to_owned()],
        holdout: Some(Holdout::Fraction(0.3)),
        ..Roles::default()
    }
}

fn open(dir: &Path, access: Access) -> Engine {
    Engine::open(dir, access, OpenOptions::default(), &mut || ()).unwrap()
}

/// A store with `n` people and a model of their class or their amount.
fn store(place: &Path, n: usize, target: &str, learner: &str) -> PathBuf {
    let (dir, file) = (place.join("store"), place.join("people.csv"));
    fs::write(&file, people(n)).unwrap();
    let mut engine = open(&dir, Access::Write);
    engine.import("people", &import::dataset(&file, &roles(target)).unwrap(), &roles(target), ImportOptions::default()).unwrap();
    let forest = [("n_trees", "8"), ("subsample", "1.0")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let settings = if learner == "forest" { forest.to_vec() } else { Vec::new() };
    engine.train("people", "model", &Recipe::new(learner, &settings, Some(1)).unwrap(), TrainOptions::default()).unwrap();
    dir
}

fn options() -> AuditOptions {
    AuditOptions { n_worlds: Some(16), n_points: 30, n_canaries: 20, ..AuditOptions::default() }
}

fn quiet(_: AuditProgress) {}

/// What a report says, but for how long it took.
fn said(report: &AuditReport) -> String {
    let AuditReport { verdict, source, worlds, replayed, audit, one_run, asked, canaries, .. } = report;
    format!("{verdict:?} {source:?} {worlds} {replayed} {asked} {canaries} {:?} {:?} {:?}", audit.judgement, audit.epsilon, one_run)
}

#[test]
fn a_forest_passes_and_has_the_bytes_of_a_retrain() {
    let place = tempfile::tempdir().unwrap();
    let engine = open(&store(place.path(), 500, "class", "forest"), Access::Read);
    let report = engine.audit("model", &options(), &quiet).unwrap();
    assert_eq!((report.verdict, report.replayed, report.replays), (AuditVerdict::Passes, 2, 2));
    assert_eq!((report.source, report.asked, report.canaries, report.worlds), (AuditSource::Drawn, 30, 20, 16));
    let canaries = report.audit.evidence.iter().find(|evidence| evidence.metric == "canaries").unwrap();
    assert!(canaries.positive_control.value > 0.8, "the original knows them by heart: {canaries:?}");
    assert!((canaries.candidate.value - 0.5).abs() < 0.15, "{canaries:?}");
    let relearning = report.relearning.unwrap();
    assert!(relearning.ain.is_some_and(|ain| (ain - 1.0).abs() < 0.5), "{relearning:?}");
    assert!(relearning.positive_control.is_some_and(|ain| ain < 0.1), "{relearning:?}");
}

#[test]
fn a_planted_mark_is_found_while_the_records_that_carry_it_are_known() {
    let place = tempfile::tempdir().unwrap();
    let (dir, file) = (place.path().join("store"), place.path().join("people.csv"));
    // Whoever has `a` of 2000 and over says so in vain: the class is the planted one.
    let mut text = people(300);
    (0..40).for_each(|i| _ = writeln!(text, "marked-{i:02},{},{},planted,0", 2000 + i, i * 25));
    fs::write(&file, &text).unwrap();
    let mut engine = open(&dir, Access::Write);
    engine.import("people", &import::dataset(&file, &roles("class")).unwrap(), &roles("class"), ImportOptions::default()).unwrap();
    engine.train("people", "model", &Recipe::new("forest", &[], Some(1)).unwrap(), TrainOptions::default()).unwrap();
    let inputs = place.path().join("inputs.csv");
    let mut rows = "a,b\n".to_owned();
    (0..20).for_each(|i| _ = writeln!(rows, "{},{}", 2050 + i, i * 40));
    fs::write(&inputs, rows).unwrap();
    let before = engine.mark("model", &inputs, "planted", 0.9, 0.05).unwrap();
    assert!(before.rejected && before.hits == 20 && before.type_one <= 0.05, "{before:?}");
    let marked: Vec<String> = (0..40).map(|i| format!("marked-{i:02}")).collect();
    engine.forget("people", &marked, &ForgetOptions::default()).unwrap();
    let after = engine.mark("model", &inputs, "planted", 0.9, 0.05).unwrap();
    assert!(!after.rejected && after.hits == 0 && after.type_two < 0.05, "{after:?}");
    assert!(engine.mark("model", &inputs, "planted", 0.001, 0.05).is_err(), "a rate that says nothing");
}

#[test]
fn defect_17_each_record_is_told_how_exposed_it_is_and_forgetting_moves_away_from_it() {
    let place = tempfile::tempdir().unwrap();
    let engine = open(&store(place.path(), 300, "class", "forest"), Access::Read);
    let options = ExposureOptions { n_points: 30, n_shadows: 16, ..ExposureOptions::default() };
    let report = engine.exposures("model", &options, &quiet).unwrap();
    assert_eq!((report.records.len(), report.shadows), (30, 16));
    assert!(report.records.is_sorted_by(|a, b| a.lira >= b.lira));
    // A published step has the wrong sign, and moves the model towards the record that it is to forget.
    let influence = report.records.iter().map(|record| record.influence).sum::<f64>();
    assert!(influence > 0.0, "to learn a record makes a model surer of it, and to forget it less sure: {influence}");
    assert!(report.auc > 0.7, "an overfitted forest gives its records away: {}", report.auc);
    let again = engine.exposures("model", &options, &quiet).unwrap();
    assert_eq!(again.records, report.records);
    let few = ExposureOptions { n_shadows: 1, ..options };
    assert!(matches!(engine.exposures("model", &few, &quiet), Err(Error::Audit(_))));
}

#[test]
fn no_holdout_a_set_of_one_and_a_class_that_only_one_record_has_are_all_right() {
    let place = tempfile::tempdir().unwrap();
    let (dir, file) = (place.path().join("store"), place.path().join("people.csv"));
    fs::write(&file, people(120) + "rare,5000,5000,rare,0\n").unwrap();
    let roles = Roles { holdout: None, ..roles("class") };
    let mut engine = open(&dir, Access::Write);
    engine.import("people", &import::dataset(&file, &roles).unwrap(), &roles, ImportOptions::default()).unwrap();
    engine.train("people", "model", &Recipe::new("naive_bayes", &[], Some(1)).unwrap(), TrainOptions::default()).unwrap();
    let report = engine.audit("model", &AuditOptions { forget: Some(vec!["rare".to_owned()]), ..options() }, &quiet).unwrap();
    assert_eq!((report.asked, report.holdout, report.replayed), (1, 0, 2));
    assert!(!report.verdict.is_failure(), "{report:?}");
    let skipped = report.audit.skipped.iter().find(|skipped| skipped.metric == "rmia-privacy").unwrap();
    assert!(skipped.reason.contains("holdout") && skipped.hint.is_some(), "{skipped:?}");
}

#[test]
fn an_audit_that_was_stopped_goes_on_and_says_the_same() {
    let place = tempfile::tempdir().unwrap();
    let dir = store(place.path(), 300, "class", "forest");
    let engine = open(&dir, Access::Read);
    let kept = |seen: &Mutex<usize>| seen.lock().unwrap().to_owned();
    let most = Mutex::new(0);
    let watch = |at: AuditProgress| {
        let mut most = most.lock().unwrap();
        *most = (*most).max(at.kept);
    };
    let whole = engine.audit("model", &options(), &watch).unwrap();
    assert_eq!(kept(&most), 0);
    let world = |i: usize| dir.join(format!("audits/model/{i}.world"));
    fs::remove_file(world(3)).unwrap();
    fs::write(world(5), b"torn").unwrap();
    let mut bytes = fs::read(world(7)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(world(7), bytes).unwrap();
    // How many worlds there are is remembered.
    let again = engine.audit("model", &AuditOptions { n_worlds: None, ..options() }, &watch).unwrap();
    assert_eq!((kept(&most), said(&again)), (13, said(&whole)));
    assert!(!again.replaced_an_audit);
    // Another audit of the model does not go on where this one was.
    let other = engine.audit("model", &AuditOptions { n_worlds: Some(10), seed: 4, ..options() }, &quiet).unwrap();
    assert!(other.replaced_an_audit && other.worlds == 10);
}

#[test]
fn an_audit_asks_about_the_last_request_where_it_can() {
    let place = tempfile::tempdir().unwrap();
    let dir = store(place.path(), 300, "class", "naive_bayes");
    let ids = |of: &[usize]| of.iter().map(|i| format!("person-{i:04}")).collect::<Vec<_>>();
    let data = open(&dir, Access::Read).dataset("people").unwrap();
    let training: Vec<usize> = (0..300).filter(|i| data.training().position(&format!("person-{i:04}")).is_some()).collect();
    let few = AuditOptions { n_worlds: Some(10), n_canaries: 5, ..AuditOptions::default() };
    let audit = |options: &AuditOptions| open(&dir, Access::Read).audit("model", options, &quiet);

    let defer = ForgetOptions { defer: true, ..ForgetOptions::default() };
    open(&dir, Access::Write).forget("people", &ids(&training[..4]), &defer).unwrap();
    let report = audit(&few).unwrap();
    assert_eq!((report.source, report.asked), (AuditSource::Waiting { request: 1 }, 4));

    let hold = ForgetOptions { hold: Some("a court".to_owned()), ..ForgetOptions::default() };
    open(&dir, Access::Write).forget("people", &ids(&training[10..13]), &hold).unwrap();
    assert!(!dir.join("audits").exists(), "what an audit kept is erased when records are forgotten");
    let report = audit(&few).unwrap();
    assert_eq!((report.source, report.asked), (AuditSource::Held { request: 2 }, 3));

    let file = place.path().join("copies.csv");
    let lines: Vec<String> = people(300).lines().map(str::to_owned).collect();
    fs::write(&file, [&lines[0], &lines[training[20] + 1], &lines[training[21] + 1]].map(String::as_str).join("\n")).unwrap();
    open(&dir, Access::Write).forget("people", &ids(&training[20..22]), &ForgetOptions::default()).unwrap();
    let report = audit(&few).unwrap();
    assert_eq!((report.source, report.asked), (AuditSource::InPlaceOf { request: 3 }, 2));
    let copies = open(&dir, Access::Read).copies("model", &file).unwrap();
    let report = audit(&AuditOptions { records: Some(copies), ..few.clone() }).unwrap();
    assert_eq!((report.source, report.asked), (AuditSource::Given, 2));

    let report = audit(&AuditOptions { forget: Some(ids(&training[30..31])), ..few.clone() }).unwrap();
    assert_eq!((report.source, report.asked), (AuditSource::Named, 1));
    let unknown = audit(&AuditOptions { forget: Some(vec!["nobody".to_owned()]), ..few.clone() });
    assert!(matches!(unknown, Err(Error::Core(_))), "{unknown:?}");
}

#[test]
fn models_of_numbers_are_audited_by_their_residuals() {
    let place = tempfile::tempdir().unwrap();
    let engine = open(&store(place.path(), 400, "amount", "forest"), Access::Read);
    let report = engine.audit("model", &options(), &quiet).unwrap();
    assert!(!report.verdict.is_failure(), "{report:?}");
    assert!(report.audit.skipped.iter().any(|skipped| skipped.reason.contains("class probabilities")), "{:?}", report.audit.skipped);
}

#[test]
fn what_cannot_be_audited_is_refused_with_the_reason() {
    let place = tempfile::tempdir().unwrap();
    let dir = store(place.path(), 200, "class", "naive_bayes");
    open(&dir, Access::Write).train("people", "clusters", &Recipe::new("kmeans", &[], Some(1)).unwrap(), TrainOptions::default()).unwrap();
    let engine = open(&dir, Access::Read);
    assert!(matches!(engine.audit("clusters", &options(), &quiet), Err(Error::NotAudited)));
    let few = engine.audit("model", &AuditOptions { n_worlds: Some(4), ..options() }, &quiet).unwrap_err();
    assert!(few.to_string().contains("needs 10 models, has 4") && few.hint().is_some(), "{few}");
    let report = engine.audit("model", &AuditOptions { metrics: vec!["js".to_owned()], ..options() }, &quiet).unwrap();
    assert_eq!((report.audit.evidence.len(), report.verdict), (1, AuditVerdict::Undecided));
}
