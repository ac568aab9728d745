//! Ridge passes the conformance suite, and gives scikit-learn's numbers.
#![expect(clippy::unreadable_literal, reason = "numbers stand as another program printed them")]

mod small;

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use proptest::prelude::*;
use small::{C, X, known, preprocessing, table};
use untrain_core::{Artefact as _, Error, Forget as _, Kind, Learner as _, Model as _, Predictions, Task, conformance};
use untrain_exact::{LinearArtefact, Preprocessing, Ridge, RidgeParams};

fn params() -> impl Strategy<Value = RidgeParams> {
    let alpha = prop_oneof![Just(1e-9), Just(0.001), Just(1.0), Just(1e6), 0.01..10.0_f64];
    (alpha, any::<bool>(), preprocessing()).prop_map(|(alpha, fit_intercept, preprocessing)| RidgeParams {
        alpha,
        fit_intercept,
        preprocessing,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_and_learning_leave_the_bytes_of_a_retrain(case in conformance::cases(300), params in params()) {
        conformance::exact(&case, &Ridge { params, task: case.task })?;
    }

    #[test]
    fn threads_do_not_reach_the_bytes_and_artefacts_are_read(case in conformance::cases(200), params in params()) {
        let ridge = Ridge { params, task: case.task };
        let fit = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().map_err(|e| TestCaseError::fail(e.to_string()))?;
            pool.install(|| ridge.fit(&case.universe)).map_err(|e| TestCaseError::fail(e.to_string()))
        };
        let (one, four) = (fit(1)?, fit(4)?);
        prop_assert_eq!(one.state(), four.state());
        let artefact = LinearArtefact::read(&one.artefact()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let predictions = one.predict(&case.universe).map_err(|e| TestCaseError::fail(e.to_string()))?;
        match &predictions {
            Predictions::Numbers(values) => prop_assert!(values.iter().flatten().all(|y| y.is_finite())),
            Predictions::Classes { probabilities, classes, .. } => prop_assert!(
                probabilities.chunks(classes.len()).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-9)
            ),
            Predictions::Vectors { .. } | Predictions::Lists { .. } | Predictions::Clusters { .. } => prop_assert!(false, "ridge predicts numbers or classes"),
        }
        prop_assert_eq!(artefact.predict(&case.universe), Ok(predictions));
        for end in 0..one.artefact().len().min(200) {
            prop_assert!(LinearArtefact::read(&one.artefact()[..end]).is_err());
        }
    }
}

const EXPECTED: [(bool, f64, bool, [f64; 8]); 3] = [
    (true, 1.0, true, [1.765226, 2.479463, 4.088657, 3.311501, 5.366363, 7.218699, 5.424433, 6.845659]),
    (false, 0.5, true, [1.256084, 2.127447, 4.054521, 3.130615, 5.589729, 7.785102, 5.458964, 7.097537]),
    (true, 2.0, false, [0.361502, 0.800310, 2.260255, 1.266830, 3.835997, 4.879426, 3.330379, 4.817544]),
];
const CLASSES: [f64; 24] = [
    0.785043, 0.106007, 0.108950, 0.159804, 0.797529, 0.042668, 0.902968, 0.064869, 0.032163, 0.161767, 0.100751, 0.737482, 0.083705,
    0.894914, 0.021382, 0.973792, 0.026208, 0.000000, 0.000000, 0.152124, 0.847876, 0.000000, 0.811955, 0.188045,
];
const LATE: [f64; 8] = [0.000000, 0.098377, 0.274701, 0.269194, 0.764039, 0.815395, 0.809543, 1.000000];

/// ```python
/// import numpy as np
/// from sklearn.linear_model import Ridge, RidgeClassifier
/// a = np.array([1, 2, 3, 4, np.nan, 6, 7.5, 8]); b = np.array([20, 10, 35, 5, 15, 50, -10, 0.])
/// c = np.array(list("uvuwvuwv")); y = np.array([1.5, 2, 3.5, 3, 6, 8, 5.5, 7])
/// def columns(standardize):  # a missing number is the mean; deviations are rounded to 8 binary digits
///     def number(x):
///         m, s = np.nanmean(x), np.nanstd(x)
///         if standardize:
///             step = 2.0 ** (np.floor(np.log2(s)) - 7)
///             x = (x - m) / (np.round(s / step) * step)
///             return np.where(np.isnan(x), 0, x)
///         return np.where(np.isnan(x), m, x)
///     return np.column_stack([number(a), number(b), np.isnan(a)] + [c == k for k in "uvw"]).astype(float)
/// for s, alpha, intercept in [(True, 1, True), (False, 0.5, True), (True, 2, False)]:
///     x = columns(s); print(list(Ridge(alpha=alpha, fit_intercept=intercept).fit(x, y).predict(x).round(6)))
/// x = columns(True); score = RidgeClassifier().fit(x, c).decision_function(x)
/// p = np.clip((score + 1) / 2, 0, None); print(list((p / p.sum(1, keepdims=True)).round(6).ravel()))
/// score = RidgeClassifier().fit(x, y > 4).decision_function(x); print(list(np.clip((score + 1) / 2, 0, 1).round(6)))
/// ```
#[test]
fn predictions_are_those_of_scikit_learn() -> Result<(), Error> {
    let y = || Arc::new(Float64Array::from(vec![1.5, 2.0, 3.5, 3.0, 6.0, 8.0, 5.5, 7.0])) as ArrayRef;
    let data = table(&X, &C, y(), Kind::Numeric)?;
    for (standardize, alpha, fit_intercept, expected) in EXPECTED {
        let params = RidgeParams { alpha, fit_intercept, preprocessing: Preprocessing { standardize, ..Preprocessing::default() } };
        known(&Ridge { params, task: Task::Regression }.fit(&data)?.predict(&data)?, &expected);
    }
    let classifier = Ridge { params: RidgeParams::default(), task: Task::Classification };
    let late = Arc::new(StringArray::from(vec!["f", "f", "f", "f", "t", "t", "t", "t"]));
    let data = table(&X, &C, late, Kind::Categorical)?;
    let late: Vec<f64> = LATE.iter().flat_map(|p| [1.0 - p, *p]).collect();
    known(&classifier.fit(&data)?.predict(&data)?, &late);
    let data = table(&X, &C, Arc::new(StringArray::from(C.to_vec())), Kind::Categorical)?;
    known(&classifier.fit(&data)?.predict(&data)?, &CLASSES);
    Ok(())
}

#[test]
fn collinear_columns_are_refused_by_name_without_a_penalty_and_nothing_changes() -> Result<(), Error> {
    let twice: Vec<[f64; 2]> = X.iter().map(|[a, b]| [2.0 * b + if a.is_nan() { 5.0 } else { *a }, *b]).collect();
    let y = Arc::new(Float64Array::from(vec![1.5, 2.0, 3.5, 3.0, 6.0, 8.0, 5.5, 7.0])) as ArrayRef;
    let data = table(&twice, &["k"; 8], y, Kind::Numeric)?;
    let least_squares = Ridge { params: RidgeParams { alpha: 0.0, ..RidgeParams::default() }, task: Task::Regression };
    // A constant column is no obstacle.
    let mut model = least_squares.fit(&data)?;
    let before = (model.state(), model.artefact());
    let leaving: Vec<String> = (2..8).map(|i| format!("{i:03}")).collect();
    let error = least_squares.forget(&mut model, &leaving, &data.without(&leaving)?).unwrap_err();
    assert!(matches!(&error, Error::Unfit { reason, hint } if reason.contains("\"b\"") && hint.contains("alpha")), "{error}");
    assert_eq!((model.state(), model.artefact()), before);
    let y = Arc::new(Float64Array::from(vec![1.0; 8])) as ArrayRef;
    let data = table(&X, &C, y, Kind::Numeric)?;
    assert!(matches!(least_squares.fit(&data), Err(Error::Unfit { reason, .. }) if reason.contains("c=w")));
    Ok(())
}

#[test]
fn settings_out_of_range_are_refused() {
    let refused = |params| {
        let data = table(&X, &C, Arc::new(Float64Array::from(vec![1.0; 8])), Kind::Numeric);
        matches!(data.and_then(|data| Ridge { params, task: Task::Regression }.fit(&data).map(|_| ())), Err(Error::Parameter { .. }))
    };
    assert!(refused(RidgeParams { alpha: -1.0, ..RidgeParams::default() }));
    assert!(refused(RidgeParams { alpha: f64::NAN, ..RidgeParams::default() }));
    assert!(refused(RidgeParams { preprocessing: Preprocessing { n_gram: 0, ..Preprocessing::default() }, ..RidgeParams::default() }));
}
