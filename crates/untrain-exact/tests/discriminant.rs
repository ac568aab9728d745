//! Discriminant analysis passes the conformance suite, and gives scikit-learn's numbers.
#![expect(clippy::unreadable_literal, reason = "numbers stand as another program printed them")]

mod small;

use std::sync::Arc;

use arrow_array::StringArray;
use proptest::prelude::*;
use small::{C, X, known, preprocessing, table};
use untrain_core::{Artefact as _, Dataset, Error, Forget as _, Kind, Learner as _, Model as _, Predictions, Task, conformance};
use untrain_exact::{Lda, LdaParams, LinearArtefact, Preprocessing, Qda, QdaArtefact, QdaParams};

fn classes(most: usize) -> impl Strategy<Value = conformance::Case> {
    conformance::cases(most).prop_filter("classes", |case| case.task == Task::Classification)
}

/// From hardly any to nothing but.
fn share() -> impl Strategy<Value = f64> {
    prop_oneof![Just(1e-12), Just(0.001), Just(1.0), 0.01..1.0_f64]
}

fn failed(error: &Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

fn are_probabilities(predictions: &Predictions) -> Result<(), TestCaseError> {
    let Predictions::Classes { probabilities, classes, .. } = predictions else {
        return Err(TestCaseError::fail("classes are predicted"));
    };
    prop_assert!(probabilities.chunks(classes.len()).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-9));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn lda_leaves_the_bytes_of_a_retrain(case in classes(300), shrinkage in share(), preprocessing in preprocessing()) {
        conformance::exact(&case, &Lda { params: LdaParams { shrinkage, preprocessing } })?;
    }

    #[test]
    fn qda_leaves_the_bytes_of_a_retrain(case in classes(300), reg_param in share(), preprocessing in preprocessing()) {
        conformance::exact(&case, &Qda { params: QdaParams { reg_param, preprocessing } })?;
    }

    #[test]
    fn artefacts_are_read_as_they_were_written(case in classes(60), share in share(), preprocessing in preprocessing()) {
        let lda = Lda { params: LdaParams { shrinkage: share, preprocessing: preprocessing.clone() } };
        let qda = Qda { params: QdaParams { reg_param: share, preprocessing } };
        let (linear, quadratic) = (lda.fit(&case.universe).map_err(|e| failed(&e))?, qda.fit(&case.universe).map_err(|e| failed(&e))?);
        let (lp, qp) = (linear.predict(&case.universe).map_err(|e| failed(&e))?, quadratic.predict(&case.universe).map_err(|e| failed(&e))?);
        are_probabilities(&lp)?;
        are_probabilities(&qp)?;
        let (linear, quadratic) = (linear.artefact(), quadratic.artefact());
        prop_assert_eq!(LinearArtefact::read(&linear).and_then(|model| model.predict(&case.universe)), Ok(lp));
        prop_assert_eq!(QdaArtefact::read(&quadratic).and_then(|model| model.predict(&case.universe)), Ok(qp));
        prop_assert!((0..linear.len().min(300)).all(|end| LinearArtefact::read(&linear[..end]).is_err()));
        prop_assert!((0..quadratic.len().min(300)).all(|end| QdaArtefact::read(&quadratic[..end]).is_err()));
    }
}

const LDA: [f64; 24] = [
    0.932254, 0.062666, 0.005079, 0.336862, 0.663137, 0.000000, 0.019706, 0.000494, 0.979799, 0.607480, 0.392517, 0.000003, 0.114067,
    0.885929, 0.000004, 0.000001, 0.000000, 0.999999, 0.520698, 0.479302, 0.000000, 0.379375, 0.620623, 0.000002,
];
const LDA_PLAIN: [f64; 8] = [0.000176, 0.002716, 0.052822, 0.068387, 0.843311, 0.995028, 0.993261, 0.999688];
const QDA: [f64; 8] = [0.000413, 0.002241, 0.085215, 0.141772, 0.584763, 0.992035, 0.998303, 0.998736];
const QDA_PLAIN: [f64; 8] = [0.000000, 0.000005, 0.017010, 0.023657, 0.667334, 0.999955, 0.999982, 0.999991];

fn with(x: &[[f64; 2]], c: &[&str], classes: &[&str]) -> Result<Dataset, Error> {
    table(x, c, Arc::new(StringArray::from(classes.to_vec())), Kind::Categorical)
}

/// After the functions and the table of the script in `tests/ridge.rs`:
/// ```python
/// from sklearn.discriminant_analysis import LinearDiscriminantAnalysis as L, QuadraticDiscriminantAnalysis as Q
/// x = columns(True); print(L(solver="lsqr", shrinkage=0.5).fit(x, list("pqrpqrqp")).predict_proba(x))
/// x = columns(False); print(L(solver="lsqr", shrinkage=0.01).fit(x, y > 4).predict_proba(x)[:, 1])
/// a[4] = 5
/// for s in (True, False):
///     x = columns(s)[:, :2]; print(Q(reg_param=0.2).fit(x, y > 4).predict_proba(x)[:, 1])
/// ```
#[test]
fn probabilities_are_those_of_scikit_learn() -> Result<(), Error> {
    let lda = |shrinkage, standardize| Lda {
        params: LdaParams { shrinkage, preprocessing: Preprocessing { standardize, ..Preprocessing::default() } },
    };
    let both = |ps: &[f64]| ps.iter().flat_map(|p| [1.0 - p, *p]).collect::<Vec<_>>();
    let three = with(&X, &C, &["p", "q", "r", "p", "q", "r", "q", "p"])?;
    known(&lda(0.5, true).fit(&three)?.predict(&three)?, &LDA);
    let late = ["f", "f", "f", "f", "t", "t", "t", "t"];
    let two = with(&X, &C, &late)?;
    known(&lda(0.01, false).fit(&two)?.predict(&two)?, &both(&LDA_PLAIN));
    // A constant column, which scikit-learn does not see, changes nothing.
    let known_x = X.map(|[a, b]| [if a.is_nan() { 5.0 } else { a }, b]);
    let two = with(&known_x, &["k"; 8], &late)?;
    for (standardize, expected) in [(true, QDA), (false, QDA_PLAIN)] {
        let preprocessing = Preprocessing { standardize, ..Preprocessing::default() };
        let qda = Qda { params: QdaParams { reg_param: 0.2, preprocessing } };
        known(&qda.fit(&two)?.predict(&two)?, &both(&expected));
    }
    Ok(())
}

#[test]
fn a_singular_covariance_is_refused_by_name_and_nothing_changes() -> Result<(), Error> {
    let known_x = X.map(|[a, b]| [if a.is_nan() { 5.0 } else { a }, b]);
    let data = with(&known_x, &["k"; 8], &["f", "f", "f", "f", "t", "t", "t", "t"])?;
    let lda = Lda { params: LdaParams { shrinkage: 0.0, ..LdaParams::default() } };
    assert!(matches!(lda.fit(&data), Err(Error::Unfit { reason, hint }) if reason.contains("\"c=k\"") && hint.contains("shrinkage")));
    let qda = Qda { params: QdaParams { reg_param: 0.0, ..QdaParams::default() } };
    assert!(matches!(qda.fit(&data), Err(Error::Unfit { reason, hint }) if reason.contains("\"f\"") && hint.contains("reg_param")));
    Ok(())
}

#[test]
fn a_class_of_one_record_and_equal_records_are_learnt() -> Result<(), Error> {
    let data = with(&[[1.0, 2.0]; 8], &["k"; 8], &["a", "b", "b", "b", "b", "b", "b", "b"])?;
    let (lda, qda) = (Lda { params: LdaParams::default() }, Qda { params: QdaParams::default() });
    let priors: Vec<f64> = (0..8).flat_map(|_| [1.0 / 8.0, 7.0 / 8.0]).collect();
    known(&lda.fit(&data)?.predict(&data)?, &priors);
    known(&qda.fit(&data)?.predict(&data)?, &priors);
    let mut model = qda.fit(&data)?;
    let leaving = vec!["000".to_owned()];
    qda.forget(&mut model, &leaving, &data.without(&leaving)?)?;
    known(&model.predict(&data)?, &[1.0; 8]);
    Ok(())
}

#[test]
fn settings_out_of_range_are_refused() -> Result<(), Error> {
    let data = with(&X, &C, &C)?;
    for share in [-0.1, 1.1, f64::NAN] {
        let (shrinkage, reg_param) = (share, share);
        assert!(matches!(Lda { params: LdaParams { shrinkage, ..LdaParams::default() } }.fit(&data), Err(Error::Parameter { .. })));
        assert!(matches!(Qda { params: QdaParams { reg_param, ..QdaParams::default() } }.fit(&data), Err(Error::Parameter { .. })));
    }
    Ok(())
}
