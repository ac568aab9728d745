//! The generalised linear models pass the conformance suite.

mod small;

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};
use proptest::prelude::*;
use untrain_core::{Artefact, Dataset, Error, Kind, Learner, Model, Predictions, Schema, Seed, Task, Values, conformance};
use untrain_exact::{Glm, GlmArtefact, GlmLoss, GlmParams, Preprocessing};

fn params() -> impl Strategy<Value = GlmParams> {
    let loss = prop_oneof![Just(GlmLoss::Poisson), Just(GlmLoss::Gamma), Just(GlmLoss::SquaredHinge)];
    (loss, -2.0..2.0_f64, 4..20_u32, small::preprocessing()).prop_map(|(loss, alpha, grid, preprocessing)| GlmParams {
        loss,
        alpha: 10.0_f64.powf(alpha),
        grid,
        preprocessing: Preprocessing { standardize: true, ..preprocessing },
        ..GlmParams::default()
    })
}

/// The records with other targets.
fn with_targets(data: &Dataset, target: impl Fn(f64) -> f64) -> Dataset {
    let (place, _) = data.schema().target().expect("there is a target");
    let Values::Numbers(values) = data.values(place) else { return data.clone() };
    let mut columns = data.columns().to_vec();
    columns[place] = Arc::new(values.iter().map(|y| y.map(&target)).collect::<Float64Array>()) as ArrayRef;
    Dataset::new(Schema::clone(data.schema()), data.ids(), columns).expect("the columns fit as before")
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_and_learning_leave_the_bytes_of_a_retrain(mut case in conformance::cases(120), params in params(), seed: u64) {
        prop_assume!(case.task == params.task());
        case.universe = match params.loss {
            GlmLoss::Poisson => with_targets(&case.universe, |y| y.abs().min(1000.0).floor()),
            GlmLoss::Gamma => with_targets(&case.universe, |y| y.abs().min(1000.0) + 0.5),
            GlmLoss::Huber | GlmLoss::SquaredHinge => case.universe,
        };
        conformance::exact(&case, &Glm { params, seed: Seed(seed) })?;
    }

    #[test]
    fn huber_passes_where_all_records_are_within_reach(mut case in conformance::cases(120), alpha in 0.01..10.0_f64, grid in 4..20_u32) {
        prop_assume!(case.task == Task::Regression);
        // Where no record is within epsilon the optimum may not be unique, and the set is refused.
        case.universe = with_targets(&case.universe, |y| y.clamp(-5.0, 5.0));
        let params = GlmParams { loss: GlmLoss::Huber, epsilon: 20.0, alpha, grid, ..GlmParams::default() };
        conformance::exact(&case, &Glm { params, seed: Seed(1) })?;
    }
}

#[test]
fn targets_that_the_loss_does_not_know_are_refused() {
    let data = table(&[1.0, -2.0, 3.0]);
    for loss in [GlmLoss::Poisson, GlmLoss::Gamma] {
        let error = Glm { params: GlmParams { loss, ..GlmParams::default() }, seed: Seed(0) }.fit(&data).unwrap_err();
        assert!(error.to_string().contains("-2"), "{error}");
    }
}

#[test]
fn counts_that_are_all_zero_are_predicted_as_zero() {
    let data = table(&[0.0, 0.0, 0.0]);
    let model = Glm { params: GlmParams::default(), seed: Seed(0) }.fit(&data).unwrap();
    assert_eq!(model.predict(&data).unwrap(), Predictions::Numbers(vec![Some(0.0); 3]));
}

fn table(y: &[f64]) -> Dataset {
    use untrain_core::{Column, Kind, Role};
    let column = |name: &str, role| Column { name: name.into(), kind: Kind::Numeric, role, declared: true };
    let columns = vec![column("x", Role::Feature), column("y", Role::Target)];
    let x: ArrayRef = Arc::new(Float64Array::from((0..y.len()).map(|i| i as f64).collect::<Vec<_>>()));
    let ids: arrow_array::StringArray = (0..y.len()).map(|i| Some(format!("r{i}"))).collect();
    Dataset::new(Schema { id: None, columns, holdout: None }, &ids, vec![x, Arc::new(Float64Array::from(y.to_vec()))])
        .expect("the columns fit")
}

/// The weights of `a` and `b`, and the intercept, of a small table; without a penalty `b` is left constant.
fn fitted(loss: GlmLoss, epsilon: f64, alpha: f64, x: &[[f64; 2]], y: &[f64]) -> Result<[f64; 3], Error> {
    let targets: ArrayRef = if loss == GlmLoss::SquaredHinge {
        Arc::new(y.iter().map(|y| Some(if *y > 0.0 { "yes" } else { "no" })).collect::<arrow_array::StringArray>())
    } else {
        Arc::new(Float64Array::from(y.to_vec()))
    };
    let kind = if loss == GlmLoss::SquaredHinge { Kind::Categorical } else { Kind::Numeric };
    let data = small::table(x, &vec!["u"; x.len()], targets, kind)?;
    let preprocessing = Preprocessing { standardize: false, ..Preprocessing::default() };
    let params = GlmParams { loss, alpha, epsilon, grid: 24, preprocessing };
    let artefact = GlmArtefact::read(&Glm { params, seed: Seed(0) }.fit(&data)?.artefact())?;
    let json: serde_json::Value = serde_json::from_str(&artefact.json()).expect("it is JSON");
    let (output, number) = (&json["outputs"][0], |value: &serde_json::Value| value.as_f64().unwrap_or(f64::NAN));
    // The column of the only category is 1 everywhere. Its weight is penalised and the intercept is not, so that it is 0.
    assert_eq!(number(&output["weights"]["c=u"]), 0.0);
    Ok([number(&output["weights"]["a"]), number(&output["weights"]["b"]), number(&output["intercept"])])
}

/// All that is left where the columns tell nothing: the intercept, which has a closed form.
#[test]
fn intercepts_are_those_of_the_closed_forms() {
    let x = [[0.0, 0.0]; 4];
    let one = |loss, epsilon, y: &[f64; 4], expected: f64| {
        let found = fitted(loss, epsilon, 1.0, &x, y).expect("it has an optimum");
        assert!((found[2] - expected).abs() < 1e-7 && found[..2] == [0.0, 0.0], "{found:?} is not {expected}");
    };
    one(GlmLoss::Poisson, 1.0, &[0.0, 2.0, 3.0, 9.0], 3.5_f64.ln());
    one(GlmLoss::Gamma, 1.0, &[0.25, 2.0, 3.0, 9.0], 3.5625_f64.ln());
    // All within epsilon: the mean. One beyond, which pulls by epsilon: 3·b = 2 + 1.
    one(GlmLoss::Huber, 100.0, &[0.0, 2.0, 3.0, 9.0], 3.5);
    one(GlmLoss::Huber, 1.5, &[0.0, 1.0, 0.5, 100.0], 1.0);
    // 3·(1 − b) = 1 + b.
    one(GlmLoss::SquaredHinge, 1.0, &[1.0, 1.0, 0.0, 1.0], 0.5);
}

// The numbers of the next test are those of scikit-learn 1.9, and for the losses that it does not have, of Newton's steps:
//
//     import numpy as np
//     from sklearn.linear_model import PoissonRegressor, GammaRegressor
//     x = np.array([[0, 1], [1, 3], [2, 0], [3, 5], [4, 2], [5, 1], [6, 4], [7, 0.0]]); y = np.array([1, 0, 2, 3, 1, 4, 6, 5.0])
//     for model, y_ in (PoissonRegressor, y), (GammaRegressor, y + 0.5):
//         m = model(alpha=1 / 8, tol=1e-12, max_iter=10000, solver="newton-cholesky").fit(x, y_); print(m.coef_, m.intercept_)
//     X, P = np.c_[x, np.ones(8)], np.diag([1, 1, 0.0])
//     def newton(gradient, hessian, w):
//         for _ in range(100): w = w - np.linalg.solve(hessian(w), gradient(w))
//         print(w)
//     newton(lambda w: X.T @ np.clip(X @ w - y, -1, 1) + P @ w, lambda w: (X.T * (abs(X @ w - y) <= 1)) @ X + P, np.array([0.7, 0, 0.1]))
//     s = np.where(y > 2.5, 1, -1.0)
//     newton(lambda w: X.T @ (-2 * s * np.maximum(0, 1 - s * (X @ w))) + P @ w, lambda w: 2 * (X.T * (s * (X @ w) < 1)) @ X + P, np.zeros(3))
#[test]
fn weights_are_those_of_scikit_learn() {
    let x = [[0.0, 1.0], [1.0, 3.0], [2.0, 0.0], [3.0, 5.0], [4.0, 2.0], [5.0, 1.0], [6.0, 4.0], [7.0, 0.0]];
    let y = [1.0, 0.0, 2.0, 3.0, 1.0, 4.0, 6.0, 5.0];
    let close = |loss, y: &[f64], expected: [f64; 3]| {
        let found = fitted(loss, 1.0, 1.0, &x, y).expect("it has an optimum");
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-7), "{found:?} is not {expected:?}");
    };
    close(GlmLoss::Poisson, &y, [0.305_465_13, 0.076_613_38, -0.441_262_4]);
    close(GlmLoss::Gamma, &y.map(|y| y + 0.5), [0.239_722_68, 0.016_302_79, 0.154_209_47]);
    close(GlmLoss::Huber, &y, [0.723_467_86, 0.118_086_7, 0.174_887_89]);
    close(GlmLoss::SquaredHinge, &y.map(|y| if y > 2.5 { 1.0 } else { 0.0 }), [0.771_084_34, 0.481_927_71, -4.036_144_58]);
}

/// Between two records that pull with all their might the intercept can be anything.
#[test]
fn huber_where_no_record_is_within_epsilon_is_refused_with_its_reason() {
    let x = [[0.0, 0.0]; 4];
    let Err(Error::Unfit { reason, hint }) = fitted(GlmLoss::Huber, 1.0, 1.0, &x, &[0.0, 0.0, 100.0, 100.0]) else {
        panic!("it is fitted")
    };
    assert!(reason.contains("epsilon") && hint.contains("epsilon"), "{reason}: {hint}");
    // An odd number of records cannot pull evenly, so one is within epsilon and the optimum is unique.
    let found = fitted(GlmLoss::Huber, 1.0, 1.0, &[[0.0, 0.0]; 5], &[0.0, 0.0, 60.0, 100.0, 100.0]).expect("it has an optimum");
    assert_eq!(found[2], 60.0);
}
