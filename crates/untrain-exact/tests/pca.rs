//! Principal components pass the conformance suite, and are scikit-learn's.
#![expect(clippy::unreadable_literal, reason = "numbers stand as another program printed them")]

mod small;

use std::sync::Arc;

use arrow_array::Float64Array;
use proptest::prelude::*;
use small::{C, X, known, preprocessing, table};
use untrain_core::{Artefact as _, Error, Kind, Learner as _, Model as _, Predictions, conformance};
use untrain_exact::{Pca, PcaArtefact, PcaParams, Preprocessing};

fn params() -> impl Strategy<Value = PcaParams> {
    (prop::option::of(1..6_u32), any::<bool>(), preprocessing()).prop_map(|(n_components, whiten, preprocessing)| PcaParams {
        n_components,
        whiten,
        preprocessing,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_and_learning_leave_the_bytes_of_a_retrain(case in conformance::cases(300), params in params()) {
        conformance::exact(&case, &Pca { params })?;
    }

    #[test]
    fn components_are_uncorrelated_and_artefacts_are_read(case in conformance::cases(80), preprocessing in preprocessing()) {
        let pca = Pca { params: PcaParams { n_components: None, whiten: true, preprocessing } };
        let model = pca.fit(&case.universe).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let predictions = model.predict(&case.universe).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let Predictions::Vectors { names, values, n } = &predictions else { return Err(TestCaseError::fail("vectors")) };
        prop_assert_eq!(values.len(), names.len() * n);
        prop_assert!(values.iter().all(|x| x.is_finite()));
        let bytes = model.artefact();
        let artefact = PcaArtefact::read(&bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let ratios = artefact.explained_variance_ratio();
        prop_assert!(ratios.is_sorted_by(|a, b| a >= b));
        prop_assert!(ratios.is_empty() || (ratios.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        let d = names.len().min(3);
        for (a, b) in (0..d).flat_map(|a| (0..d).map(move |b| (a, b))).filter(|(a, b)| ratios[*a.max(b)] > 1e-9) {
            let product: f64 = values.chunks(names.len()).map(|row| row[a] * row[b]).sum();
            let expected = if a == b { (n - 1) as f64 } else { 0.0 };
            prop_assert!((product - expected).abs() < 1e-3 * *n as f64, "{} and {}: {} is not {}", a, b, product, expected);
        }
        prop_assert_eq!(artefact.predict(&case.universe), Ok(predictions));
        prop_assert!((0..bytes.len().min(300)).all(|end| PcaArtefact::read(&bytes[..end]).is_err()));
    }
}

const PCA: [f64; 16] = [
    1.213746, -0.917114, 0.119113, -1.114747, 1.423240, 0.161030, -0.567937, -0.489800, -0.201999, -0.164737, 1.428813, 1.578040,
    -1.899000, 0.295820, -1.515975, 0.651510,
];
const RATIOS: [f64; 2] = [0.559293, 0.254469];
const PCA_PLAIN: [f64; 16] = [
    0.233915, -1.391133, -0.285227, -1.135546, 1.002926, -0.298499, -0.547440, -0.380282, -0.032747, -0.008598, 1.769840, 1.210290,
    -1.327986, 0.815934, -0.813281, 1.187833,
];
const RATIOS_PLAIN: [f64; 2] = [0.983395, 0.015075];

/// After the functions and the table of the script in `tests/ridge.rs`:
/// ```python
/// from sklearn.decomposition import PCA
/// for s in (True, False):
///     x = columns(s); m = PCA(2, whiten=not s).fit(x); t = m.transform(x)
///     print(t * np.sign([v[np.argmax(np.abs(v))] for v in m.components_]), m.explained_variance_ratio_)
/// ```
#[test]
fn components_are_those_of_scikit_learn() -> Result<(), Error> {
    let data = table(&X, &C, Arc::new(Float64Array::from(vec![0.0; 8])), Kind::Numeric)?;
    for (standardize, expected, ratios) in [(true, PCA, RATIOS), (false, PCA_PLAIN, RATIOS_PLAIN)] {
        let preprocessing = Preprocessing { standardize, ..Preprocessing::default() };
        let model = Pca { params: PcaParams { n_components: Some(2), whiten: !standardize, preprocessing } }.fit(&data)?;
        known(&model.predict(&data)?, &expected);
        let found = PcaArtefact::read(&model.artefact())?.explained_variance_ratio();
        assert!(found.iter().zip(ratios).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }
    Ok(())
}

#[test]
fn no_component_is_asked_for_in_vain() -> Result<(), Error> {
    let data = table(&X, &C, Arc::new(Float64Array::from(vec![0.0; 8])), Kind::Numeric)?;
    let pca = |n| Pca { params: PcaParams { n_components: Some(n), ..PcaParams::default() } };
    assert!(matches!(pca(0).fit(&data), Err(Error::Parameter { .. })));
    // Seven columns, of which three add up to 1, in five directions.
    assert_eq!(PcaArtefact::read(&pca(99).fit(&data)?.artefact())?.explained_variance_ratio().len(), 5);
    let one = data.select(&["000".to_owned()])?;
    assert_eq!(pca(2).fit(&one)?.predict(&one)?, Predictions::Vectors { names: Vec::new(), values: Vec::new(), n: 1 });
    Ok(())
}
