//! Do attacks and bounds give the numbers of their reference implementations? The tables and the scripts that made them are in `reference/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use untrain_audit::attacks::lira::{self, Centre, Fitting, Offline};
use untrain_audit::attacks::logreg::Logistic;
use untrain_audit::attacks::rmia::{References, Rmia};
use untrain_audit::attacks::ulira::{HeldOut, Ulira, Variance};
use untrain_audit::bounds::clopper_pearson::Outcome;
use untrain_audit::bounds::{one_run, ratio::Method};
use untrain_audit::{Bootstrap, Game, Membership, Roc, Scores};

fn attacks() -> Value {
    serde_json::from_str(include_str!("reference/attacks.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn scores(value: &Value) -> Scores {
    Scores::from_rows(value.as_array().unwrap().iter().map(numbers).collect()).unwrap()
}

fn bits(value: &Value) -> Membership {
    let rows = value.as_array().unwrap();
    let n_points = rows[0].as_array().unwrap().len();
    Membership::new(rows.len(), n_points, rows.iter().flat_map(flags).collect()).unwrap()
}

fn flags(value: &Value) -> Vec<bool> {
    value.as_array().unwrap().iter().map(|x| x.as_bool().unwrap()).collect()
}

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{what}: {found} is not {expected}");
}

/// Compares scores, and the AUC of scores against who was a member.
fn compare(found: &Scores, case: &Value, members: &Membership) {
    for (row, expected) in found.rows().zip(case["scores"].as_array().unwrap()) {
        for (a, b) in row.iter().zip(numbers(expected)) {
            close(*a, b, 1e-9, "a score");
        }
    }
    let side = |member: bool| {
        (0..found.n_models())
            .flat_map(|model| {
                found
                    .row(model)
                    .iter()
                    .zip(members.row(model))
                    .filter(|(_, bit)| **bit == member)
                    .map(|(score, _)| *score)
                    .collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
    };
    close(Roc::new(&side(true), &side(false)).unwrap().auc(), case["auc"].as_f64().unwrap(), 1e-6, "AUC");
}

#[test]
fn lira_gives_the_published_scores() {
    let table = attacks();
    let (targets, shadows) = (scores(&table["targets"]), scores(&table["shadows"]));
    let (members, truth) = (bits(&table["members"]), bits(&table["target_members"]));
    for case in table["lira"].as_array().unwrap() {
        let centre = if case["centre"] == "median" { Centre::Median } else { Centre::Mean };
        let variance = if case["pooled"] == true { lira::Variance::Pooled } else { lira::Variance::PerPoint };
        let fitting = Fitting { centre, variance };
        let found = match case["kind"].as_str().unwrap() {
            "online" => lira::online(&targets, &shadows, &members, fitting),
            "unlikely" => lira::offline(&targets, &shadows, &members, fitting, Offline::Unlikely),
            _ => lira::offline(&targets, &shadows, &members, fitting, Offline::High),
        };
        compare(&found.unwrap(), case, &truth);
    }
}

#[test]
fn ulira_gives_the_reference_scores() {
    let table = attacks();
    let members = bits(&table["members"]);
    let game = Game::privacy(&scores(&table["shadows"]), &members).unwrap();
    for case in table["ulira"].as_array().unwrap() {
        let variance = if case["pooled"] == true { Variance::Pooled } else { Variance::PerPoint };
        let trials = Ulira::new(&game, HeldOut::LeaveOneOut, variance).unwrap().trials().unwrap();
        let mut found = vec![vec![0.0; members.n_points()]; members.n_models()];
        trials.all().iter().for_each(|trial| found[trial.world as usize][trial.point as usize] = trial.score);
        compare(&Scores::from_rows(found).unwrap(), case, &members);
        close(trials.power(&Bootstrap::default()).unwrap().auc, case["auc"].as_f64().unwrap(), 1e-6, "AUC");
    }
}

#[test]
fn rmia_gives_the_published_scores() {
    let table = attacks();
    let truth = bits(&table["target_members"]);
    for case in table["rmia"].as_array().unwrap() {
        let references = if case["offline"] == true { References::Out } else { References::Both };
        let attack = Rmia { gamma: case["gamma"].as_f64().unwrap(), offline_a: case["a"].as_f64().unwrap(), references };
        let of = |name: &str| scores(&table[name]);
        compare(&attack.scores(&of("p_target"), &of("p_ref"), &of("z_target"), &of("z_ref")).unwrap(), case, &truth);
    }
}

#[test]
fn logistic_regression_converges_to_scikit_learns_weights() {
    let table = attacks();
    let labels = flags(&table["labels"]);
    for case in table["logistic"].as_array().unwrap() {
        let weights = numbers(&case["weights"]);
        let features: Vec<f64> = case["features"].as_array().unwrap().iter().flat_map(numbers).collect();
        let model = Logistic::fit(&features, weights.len(), &labels, 1.0).unwrap();
        model.weights.iter().zip(weights).for_each(|(found, expected)| close(*found, expected, 1e-9, "a weight"));
        close(model.intercept, case["intercept"].as_f64().unwrap(), 1e-9, "the intercept");
    }
}

#[test]
fn the_roc_curve_is_scikit_learns() {
    let table = &attacks()["roc"];
    let (scores, truth) = (numbers(&table["scores"]), flags(&table["truth"]));
    let side = |member: bool| scores.iter().zip(&truth).filter(|(_, t)| **t == member).map(|(s, _)| *s).collect::<Vec<_>>();
    let roc = Roc::new(&side(true), &side(false)).unwrap();
    close(roc.auc(), table["auc"].as_f64().unwrap(), 1e-12, "AUC");
    close(roc.tpr_at(0.01).unwrap(), table["tpr_at_1_percent"].as_f64().unwrap(), 1e-12, "TPR at 1 %");
    close(roc.tpr_at(0.001).unwrap(), table["tpr_at_01_percent"].as_f64().unwrap(), 1e-12, "TPR at 0.1 %");
    close(roc.balanced_accuracy(), table["balanced_accuracy"].as_f64().unwrap(), 1e-12, "balanced accuracy");
    assert_eq!(roc.points().len(), table["fpr"].as_array().unwrap().len());
    for ((point, fpr), tpr) in roc.points().iter().zip(numbers(&table["fpr"])).zip(numbers(&table["tpr"])) {
        close(point.fpr, fpr, 1e-12, "FPR");
        close(point.tpr, tpr, 1e-12, "TPR");
    }
}

/// The rows of a kind in the table of bounds, as numbers.
fn bounds(kind: &str) -> Vec<Vec<f64>> {
    let table = include_str!("reference/bounds.tsv").lines().filter(|line| line.starts_with(kind));
    table.map(|line| line.split('\t').skip(1).map(|cell| cell.parse().unwrap()).collect()).collect()
}

#[test]
fn ratio_bounds_are_tensorflow_privacys() {
    let rows = bounds("ratio");
    assert!(rows.len() > 400);
    for row in rows {
        let [true_positives, positives, false_positives, negatives] = [0, 1, 2, 3].map(|at: usize| row[at] as u64);
        let outcome = Outcome { true_positives, positives, false_positives, negatives };
        for (method, expected) in Method::ALL.into_iter().zip(&row[5..]) {
            // A negative ratio is what TensorFlow Privacy drops, and no bound here.
            close(method.ratio(&outcome, row[4]).unwrap(), expected.max(0.0), 1e-9, &format!("{method:?} of {outcome:?} at {}", row[4]));
        }
    }
}

#[test]
fn the_one_run_audit_follows_its_theorem() {
    let rows = bounds("one-run");
    assert!(rows.len() >= 90);
    for row in rows {
        let [m, r, v] = [0, 1, 2].map(|at: usize| row[at] as usize);
        close(one_run::p_value(m, r, v, 1.0, row[3]).unwrap(), row[5], 1e-9, "a p-value");
        close(one_run::epsilon(m, r, v, row[3], row[4]).unwrap(), row[6], 1e-9, "ε");
    }
}
