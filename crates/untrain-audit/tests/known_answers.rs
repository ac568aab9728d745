//! Does every attack and metric tell a leaking model from a clean one, and what happens to bad input?

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod synthetic;

use synthetic::{Kind, gaussian_worlds, normal};
use untrain_audit::{
    Audit, Bootstrap, Ensemble, Error, Evidence, MIN_WORLDS, Options, Outputs, Refutation, Verdict, Worlds, audit, metric,
};
use untrain_core::{Guarantee, Seed};

fn options() -> Options {
    Options { seed: Seed(3), n_exchanges: 199, bootstrap: Bootstrap { n_resamples: 50, ..Bootstrap::default() }, ..Options::default() }
}

fn evidence<'a>(found: &'a Audit, name: &str) -> &'a Evidence {
    found.evidence.iter().find(|item| item.metric == name).unwrap()
}

#[test]
fn every_attack_tells_a_leaking_model_and_not_a_clean_one() {
    let found = audit(&gaussian_worlds(5, 16, 100, Kind::Original), &options()).unwrap();
    for name in ["ulira-efficacy", "ulira-privacy", "rmia-privacy", "loss", "confidence", "modified-entropy"] {
        let Evidence { candidate, null, positive_control, .. } = evidence(&found, name);
        assert!(candidate.value > 0.6 && positive_control.value > 0.6, "{name}: {candidate:?}, {positive_control:?}");
        assert!((null.value - 0.5).abs() < 0.05, "{name}: {null:?}");
        assert!(candidate.p_value <= Some(0.01) && null.p_value > Some(0.05), "{name}");
    }
    // Entropy does not know the label; half of the leak goes to points whose answer is wrong, so it is weak here and only its order is asked for.
    let entropy = evidence(&found, "entropy");
    assert!(entropy.candidate.value > entropy.null.value);
}

#[test]
fn every_distance_is_larger_for_a_leaking_model_than_for_its_null() {
    let found = audit(&gaussian_worlds(5, 16, 100, Kind::Original), &options()).unwrap();
    for name in ["klom", "population", "js", "gaps"] {
        let Evidence { candidate, null, .. } = evidence(&found, name);
        assert!(candidate.value > null.value, "{name}: {candidate:?} against {null:?}");
    }
    for name in ["neurips", "tow"] {
        let Evidence { candidate, null, .. } = evidence(&found, name);
        assert!(candidate.value < null.value, "{name}: {candidate:?} against {null:?}");
    }
    // Doing nothing hides what was removed from somebody who compares both models; retraining does not.
    assert!(evidence(&found, "differencing").candidate.value < -0.1);
    assert!(evidence(&found, "differencing").null.value.abs() < 0.05);
}

#[test]
fn a_false_certificate_is_refuted_and_a_true_one_is_not() {
    let claim = Guarantee::Certified { epsilon: 0.5, delta: 1e-5 };
    let refutation = |kind| audit(&gaussian_worlds(5, 64, 100, kind), &Options { claim, ..options() }).unwrap().refutation;
    assert!(matches!(refutation(Kind::Original), Some(Refutation::Refuted { bound, .. }) if bound > 1.0));
    assert!(matches!(refutation(Kind::Retrained), Some(Refutation::NotRefuted { reach, .. }) if reach > 1.0));
}

#[test]
fn mislabelled_points_are_canaries_of_their_own() {
    let mut worlds = gaussian_worlds(5, 16, 40, Kind::Original);
    worlds.canaries = vec![1, 5, 9, 13, 17, 21];
    let found = audit(&worlds, &options()).unwrap();
    assert_eq!(evidence(&found, "canaries").n_points, 6);
    assert!(evidence(&found, "canaries").candidate.value > 0.6);
    worlds.canaries = vec![40];
    assert!(matches!(audit(&worlds, &options()), Err(Error::Shape { .. })));
}

#[test]
fn an_audit_depends_on_nothing_but_its_numbers_and_its_seed() {
    let worlds = gaussian_worlds(5, 12, 20, Kind::Short);
    assert_eq!(audit(&worlds, &options()).unwrap(), audit(&worlds, &options()).unwrap());
    let json = serde_json::to_string(&audit(&worlds, &options()).unwrap()).unwrap();
    assert!(json.starts_with(r#"{"judgement":{"efficacy":{"kind":""#), "{json}");
    assert!(serde_json::from_str::<Audit>(&json).is_ok());
}

#[test]
fn every_reported_metric_is_explained_in_the_list() {
    let found = audit(&gaussian_worlds(5, 12, 20, Kind::Short), &options()).unwrap();
    let names = found.evidence.iter().map(|item| item.metric.as_str()).chain(found.skipped.iter().map(|item| item.metric.as_str()));
    assert!(names.map(|name| assert!(metric(name).is_some(), "{name}")).count() >= 15);
}

#[test]
fn too_few_worlds_are_an_error_that_says_how_many_are_needed() {
    let error = audit(&gaussian_worlds(5, 9, 20, Kind::Short), &options()).unwrap_err();
    assert!(matches!(error, Error::TooFewModels { needed: MIN_WORLDS, found: 9, .. }));
    assert!(error.hint().is_some());
}

#[test]
fn without_holdout_what_needs_it_is_skipped_with_a_hint() {
    let mut worlds = gaussian_worlds(5, 12, 20, Kind::Original);
    for ensemble in
        [&mut worlds.candidate, &mut worlds.retrained, &mut worlds.second, &mut worlds.original].into_iter().chain(&mut worlds.scratch)
    {
        ensemble.holdout.clear();
    }
    let found = audit(&worlds, &options()).unwrap();
    let skipped = found.skipped.iter().find(|item| item.metric == "rmia-privacy").unwrap();
    assert!(skipped.hint.as_ref().is_some_and(|hint| hint.contains("--holdout")));
    assert_eq!(found.judgement.privacy, Verdict::Fails);
}

#[test]
fn a_forget_set_of_one_is_audited_and_what_it_is_too_small_for_is_skipped() {
    let found = audit(&gaussian_worlds(5, 32, 1, Kind::Retrained), &options()).unwrap();
    assert!(found.skipped.iter().any(|item| item.metric == "population" && item.hint.is_some()));
    assert!(evidence(&found, "ulira-privacy").candidate.value.is_finite());
}

#[test]
fn models_without_probabilities_are_audited_by_their_residuals() {
    let mut worlds = gaussian_worlds(5, 16, 60, Kind::Original);
    let bits = worlds.bits.clone();
    // A model that was trained on a point predicts it better.
    let numbers = |run: u64, knows: bool| {
        let outputs = |world: usize| {
            let fit = |point: usize| if knows && bits.row(world)[point] { 0.2 } else { 1.0 };
            let targets: Vec<f64> = (0..60).map(|point| normal(1, 1, point)).collect();
            let errors = (0..60).map(|point| fit(point) * (1.0 + 0.3 * normal(run, 2, world * 60 + point)));
            Outputs::numbers(&targets.iter().zip(errors).map(|(target, error)| target - error).collect::<Vec<_>>(), &targets).unwrap()
        };
        Ensemble { forget: (0..16).map(outputs).collect(), holdout: vec![], retain: vec![] }
    };
    worlds = Worlds {
        candidate: numbers(1, true),
        retrained: numbers(2, false),
        second: numbers(3, false),
        original: numbers(4, true),
        scratch: None,
        ..worlds
    };
    let found = audit(&worlds, &options()).unwrap();
    assert_eq!((found.judgement.efficacy, found.judgement.privacy), (Verdict::Fails, Verdict::Fails));
    assert!(found.skipped.iter().any(|item| item.metric == "confidence" && item.hint.is_some()));
}

#[test]
fn ensembles_of_other_sizes_are_refused() {
    let mut worlds = gaussian_worlds(5, 12, 20, Kind::Original);
    worlds.second.forget.pop();
    assert!(matches!(audit(&worlds, &options()), Err(Error::Shape { .. })));
    let mut worlds = gaussian_worlds(5, 12, 20, Kind::Original);
    worlds.retrained.holdout.pop();
    assert!(matches!(audit(&worlds, &options()), Err(Error::Shape { .. })));
    let mut worlds = gaussian_worlds(5, 12, 20, Kind::Original);
    worlds.second = gaussian_worlds(5, 12, 19, Kind::Original).second;
    assert!(matches!(audit(&worlds, &options()), Err(Error::Shape { .. })));
    let bad = Options { level: 1.5, ..options() };
    assert!(audit(&gaussian_worlds(5, 12, 20, Kind::Original), &bad).is_err());
}
