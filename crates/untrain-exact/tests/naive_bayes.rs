//! Naive Bayes passes the conformance suite, and agrees with scikit-learn.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::unreadable_literal, reason = "the probabilities are as the script prints them")]

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use proptest::prelude::*;
use untrain_core::{
    Artefact as _, Column, Dataset, Error, Forget as _, Kind, Learner as _, Model as _, Predictions, Role, Schema, conformance,
};
use untrain_exact::{Hyperparameters as _, NaiveBayes, NaiveBayesArtefact, NaiveBayesKind, NaiveBayesParams, Preprocessing};

fn params() -> impl Strategy<Value = NaiveBayesParams> {
    let kind = prop_oneof![
        Just(NaiveBayesKind::Mixed),
        Just(NaiveBayesKind::Gaussian),
        Just(NaiveBayesKind::Multinomial),
        Just(NaiveBayesKind::Bernoulli),
    ];
    let settings = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 1..40_u32, 1..4_u32);
    (kind, 0.01..3.0_f64, -2.0..2.0_f64, any::<bool>(), settings).prop_map(|(kind, alpha, threshold, fit_prior, settings)| {
        let (standardize, fill, log, text, buckets, n_gram) = settings;
        let mut preprocessing = Preprocessing { standardize, n_gram, ..Preprocessing::default() };
        let name = || "x0".to_owned();
        if fill {
            preprocessing.fill.insert(name(), 2.5);
        }
        if log {
            preprocessing.log.push(name());
        }
        if text && kind != NaiveBayesKind::Gaussian {
            preprocessing.text.insert(name(), buckets);
        }
        NaiveBayesParams { kind, alpha, threshold, fit_prior, preprocessing, ..NaiveBayesParams::default() }
    })
}

/// Makes negative numbers zero, for counts.
fn clipped(mut params: NaiveBayesParams, data: &Dataset) -> NaiveBayes {
    if params.kind == NaiveBayesKind::Multinomial {
        let names = data.schema().features().map(|(_, column)| column.name.clone());
        params.preprocessing.clip = names.map(|name| (name, (0.0, 1e300))).collect();
    }
    NaiveBayes::new(params)
}

fn failed(error: &Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_and_learning_leave_the_bytes_of_a_retrain(case in conformance::cases(200), params in params()) {
        conformance::exact(&case, &clipped(params, &case.universe))?;
    }

    #[test]
    fn an_artefact_reads_what_it_wrote_and_predicts_the_same(case in conformance::cases(100), params in params()) {
        let model = clipped(params, &case.universe).fit(&case.universe).map_err(|error| failed(&error))?;
        let bytes = model.artefact();
        let read = NaiveBayesArtefact::read(&bytes).map_err(|error| failed(&error))?;
        let predictions = model.predict(&case.universe).map_err(|error| failed(&error))?;
        prop_assert_eq!(&read.predict(&case.universe).map_err(|error| failed(&error))?, &predictions);
        let Predictions::Classes { classes, probabilities, n } = predictions else { return Err(TestCaseError::fail("no classes")) };
        prop_assert_eq!(n, case.universe.len());
        for row in probabilities.chunks(classes.len()) {
            prop_assert!(row.iter().all(|p| (0.0..=1.0).contains(p)) && (row.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{:?}", row);
        }
        prop_assert!(serde_json::from_str::<serde_json::Value>(&read.json()).is_ok());
        // No shorter artefact is one, and none that is changed in a byte is read as anything but another one, without a panic.
        for end in 0..bytes.len().min(400) {
            prop_assert!(NaiveBayesArtefact::read(&bytes[..bytes.len() - 1 - end]).is_err());
        }
        for place in 0..bytes.len().min(400) {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x41;
            if let Ok(other) = NaiveBayesArtefact::read(&damaged) {
                _ = other.predict(&case.universe);
                _ = other.facts();
            }
        }
    }
}

/// Records with the numbers `a` and `b`, a category and a class; a space in a category stands for a missing value.
fn table(a: &[f64], b: &[Option<f64>], c: &[&str], y: &[&str]) -> Dataset {
    let column = |name: &str, kind, role| Column { name: name.into(), kind, role, declared: true };
    let columns = vec![
        column("a", Kind::Numeric, Role::Feature),
        column("b", Kind::Numeric, Role::Feature),
        column("c", Kind::Categorical, Role::Feature),
        column("y", Kind::Categorical, Role::Target),
    ];
    let c: StringArray = c.iter().map(|text| (*text != " ").then_some(*text)).collect();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(a.to_vec())),
        Arc::new(Float64Array::from(b.to_vec())),
        Arc::new(c),
        Arc::new(StringArray::from(y.to_vec())),
    ];
    let ids: StringArray = (0..a.len()).map(|i| Some(format!("record {i}"))).collect();
    Dataset::new(Schema { id: Some("id".into()), columns, holdout: None }, &ids, arrays).unwrap()
}

fn eight() -> Dataset {
    let b = [2.0, 0.0, 1.0, 5.0, 3.0, 0.0, 4.0, 4.0].map(Some);
    let (c, y) = (["u", "v", "u", "w", "w", "v", "w", "u"], ["k", "k", "k", "l", "l", "m", "m", "m"]);
    table(&[1.0, 3.0, 2.0, 8.0, 6.0, 5.0, 0.0, 7.0], &b, &c, &y)
}

/// The probabilities of all classes for the first, fourth and sixth record of [`eight`].
fn predicted(kind: NaiveBayesKind, fit_prior: bool, standardize: bool) -> Vec<f64> {
    let preprocessing = Preprocessing { standardize, ..Preprocessing::default() };
    let params = NaiveBayesParams { kind, alpha: 0.5, threshold: 2.5, var_smoothing: 0.01, fit_prior, preprocessing };
    let Predictions::Classes { probabilities, .. } = NaiveBayes::new(params).fit(&eight()).unwrap().predict(&eight()).unwrap() else {
        return Vec::new();
    };
    [0, 3, 5].iter().flat_map(|i| probabilities[i * 3..i * 3 + 3].to_vec()).collect()
}

fn close(ours: &[f64], theirs: &[f64]) {
    within(1e-5, ours, theirs);
}

fn within(tolerance: f64, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len());
    let differ = ours.iter().zip(theirs).any(|(a, b)| (a - b).abs() > tolerance);
    assert!(!differ, "{ours:?} is not {theirs:?}");
}

// The numbers of the next test are those of scikit-learn 1.9:
//
//     import numpy as np
//     from sklearn.naive_bayes import GaussianNB, MultinomialNB, BernoulliNB, CategoricalNB
//     from sklearn.preprocessing import StandardScaler
//     a = np.array([1, 3, 2, 8, 6, 5, 0, 7.0]); b = np.array([2, 0, 1, 5, 3, 0, 4, 4.0])
//     c = np.array(list("uvuwwvwu")); y = np.array(list("kkkllmmm"))
//     one = np.stack([c == k for k in "uvw"], 1).astype(float)
//     x = np.column_stack([a, b, one]); z = np.column_stack([StandardScaler().fit_transform(x[:, :2]), one])
//     show = lambda name, p: print(name, np.round(p[[0, 3, 5]], 7).ravel().tolist())
//     show("gaussian raw", GaussianNB(var_smoothing=0.01).fit(x, y).predict_proba(x))
//     show("gaussian uniform", GaussianNB(var_smoothing=0.01, priors=[1 / 3] * 3).fit(x, y).predict_proba(x))
//     show("gaussian standardised", GaussianNB(var_smoothing=0.01).fit(z, y).predict_proba(z))
//     show("multinomial", MultinomialNB(alpha=0.5).fit(x, y).predict_proba(x))
//     switched = np.column_stack([x[:, :2] > 2.5, one])
//     show("bernoulli", BernoulliNB(alpha=0.5, fit_prior=False).fit(switched, y).predict_proba(switched))
//     numbers, codes = GaussianNB(var_smoothing=0.01).fit(x[:, :2], y), np.searchsorted(["u", "v", "w"], c)[:, None]
//     categories = CategoricalNB(alpha=0.5).fit(codes, y)
//     joint = numbers.predict_joint_log_proba(x[:, :2]) + categories.predict_joint_log_proba(codes) - categories.class_log_prior_
//     show("mixed", np.exp(joint) / np.exp(joint).sum(1, keepdims=True))
#[test]
fn probabilities_are_those_of_scikit_learn() {
    close(
        &predicted(NaiveBayesKind::Gaussian, true, false),
        &[0.936519, 0.0, 0.063481, 0.0, 0.9943626, 0.0056374, 0.0334794, 0.0, 0.9665205],
    );
    close(
        &predicted(NaiveBayesKind::Gaussian, false, false),
        &[0.936519, 0.0, 0.063481, 0.0, 0.9962346, 0.0037654, 0.0334794, 0.0000001, 0.9665205],
    );
    // Our scales are rounded to 8 binary digits.
    within(
        1e-3,
        &predicted(NaiveBayesKind::Gaussian, true, true),
        &[0.9774245, 0.0, 0.0225755, 0.0, 0.9997093, 0.0002907, 0.0698408, 0.0, 0.9301592],
    );
    close(
        &predicted(NaiveBayesKind::Multinomial, true, true),
        &[0.5351243, 0.0841469, 0.3807287, 0.0179361, 0.6678934, 0.3141705, 0.4507444, 0.1484991, 0.4007565],
    );
    close(
        &predicted(NaiveBayesKind::Bernoulli, false, true),
        &[0.897953, 0.003089, 0.0989581, 0.0029824, 0.8727527, 0.124265, 0.5181429, 0.0412594, 0.4405977],
    );
    close(
        &predicted(NaiveBayesKind::Mixed, true, false),
        &[0.8539713, 0.0, 0.1460287, 0.0, 0.9397907, 0.0602093, 0.0246548, 0.0003754, 0.9749698],
    );
}

#[test]
fn a_missing_number_is_left_out_and_that_it_is_missing_counts() {
    let data = table(&[0.0; 4], &[Some(1.0), Some(2.0), None, Some(9.0)], &["u"; 4], &["k", "k", "l", "l"]);
    let params = NaiveBayesParams { var_smoothing: 0.5, ..NaiveBayesParams::default() };
    let model = NaiveBayes::new(params).fit(&data).unwrap();
    let Predictions::Classes { probabilities, .. } = model.predict(&data).unwrap() else { panic!("no classes") };
    // Of the third record all that is known is that the number is missing: (0 + 1) / (2 + 2) against (1 + 1) / (2 + 2).
    close(&probabilities[4..6], &[1.0 / 3.0, 2.0 / 3.0]);
}

#[test]
fn a_class_without_any_number_has_the_distribution_of_all_records() {
    let data = table(&[0.0; 4], &[Some(1.0), Some(3.0), None, None], &["u"; 4], &["k", "k", "l", "l"]);
    let model = NaiveBayes::new(NaiveBayesParams::default()).fit(&data).unwrap();
    let Predictions::Classes { probabilities, .. } = model.predict(&data).unwrap() else { panic!("no classes") };
    // The number tells nothing, since both classes have the same; that it is there tells 3 : 1.
    close(&probabilities[0..2], &[0.75, 0.25]);
}

#[test]
fn a_category_that_nobody_has_tells_nothing() {
    let data = eight();
    let model = NaiveBayes::new(NaiveBayesParams::default()).fit(&data).unwrap();
    let other = table(&[2.0], &[Some(1.0)], &["nobody's"], &["k"]);
    let Predictions::Classes { probabilities, .. } = model.predict(&other).unwrap() else { panic!("no classes") };
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn negative_counts_are_refused_with_the_column_named_and_nothing_changes() {
    let multinomial = || NaiveBayesParams { kind: NaiveBayesKind::Multinomial, ..NaiveBayesParams::default() };
    let y = ["k", "k", "l"];
    // One number is so small that it would be 0 beside the others.
    let data = table(&[1.0, -1e-12, 1e9], &[Some(0.0); 3], &["u"; 3], &y);
    let error = NaiveBayes::new(multinomial()).fit(&data).unwrap_err();
    assert!(matches!(&error, Error::Unfit { reason, .. } if reason.starts_with("\"a\" holds ")), "{error}");
    let rest = data.without(&["record 1".to_owned()]).unwrap();
    let learner = NaiveBayes::new(multinomial());
    let mut model = learner.fit(&rest).unwrap();
    let before = (model.state(), model.artefact());
    assert!(learner.learn(&mut model, &["record 1".to_owned()], &data).is_err());
    assert_eq!((model.state(), model.artefact()), before);
    let mut params = multinomial();
    params.preprocessing.clip.insert("a".to_owned(), (0.0, 1e9));
    assert!(NaiveBayes::new(params).fit(&data).is_ok());
}

#[test]
fn hyperparameters_are_checked() {
    let fine = NaiveBayesParams::default();
    assert!(fine.check().is_ok());
    for params in [
        NaiveBayesParams { alpha: 0.0, ..fine.clone() },
        NaiveBayesParams { alpha: f64::NAN, ..fine.clone() },
        NaiveBayesParams { threshold: f64::INFINITY, ..fine.clone() },
        NaiveBayesParams { var_smoothing: 0.0, ..fine.clone() },
        NaiveBayesParams { var_smoothing: 2.0, ..fine },
    ] {
        assert!(matches!(params.check(), Err(Error::Parameter { .. })), "{params:?}");
        assert!(NaiveBayes::new(params).fit(&eight()).is_err());
    }
    let mut gaussian = NaiveBayesParams { kind: NaiveBayesKind::Gaussian, ..NaiveBayesParams::default() };
    gaussian.preprocessing.text.insert("c".to_owned(), 16);
    assert!(gaussian.check().is_err());
}

#[test]
fn a_model_of_no_record_predicts_no_class() {
    let none = eight().without(&(0..8).map(|i| format!("record {i}")).collect::<Vec<_>>()).unwrap();
    let model = NaiveBayes::new(NaiveBayesParams::default()).fit(&none).unwrap();
    assert_eq!(model.predict(&eight()).unwrap(), Predictions::Classes { classes: Vec::new(), probabilities: Vec::new(), n: 8 });
}
