//! k-means passes the conformance suite, and finds clusters that are there.

mod small;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use proptest::prelude::*;
use untrain_core::{
    Artefact as _, Column, Dataset, Error, Forget as _, Kind, Learner as _, Model as _, Predictions, Role, Schema, Seed, conformance, mix,
    unit,
};
use untrain_exact::{Hyperparameters as _, KMeans, KMeansArtefact, KMeansParams, Preprocessing};

use small::preprocessing;

fn params() -> impl Strategy<Value = KMeansParams> {
    (
        1..11_u32,
        prop_oneof![Just(1), 1..9_u32, 20..60_u32],
        1..20_u32,
        1..3_u32,
        prop_oneof![Just(0.0), Just(1e-4), Just(0.1)],
        preprocessing(),
    )
        .prop_map(|(n_clusters, n_leaves, max_iter, n_init, tol, preprocessing)| KMeansParams {
            n_clusters,
            n_leaves,
            max_iter,
            n_init,
            tol,
            preprocessing,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_and_learning_leave_the_bytes_of_a_retrain(case in conformance::cases(400), params in params(), seed: u64) {
        conformance::exact(&case, &KMeans { params, seed: Seed(seed) })?;
    }

    #[test]
    fn an_artefact_is_read_as_it_was_written(case in conformance::cases(60), params in params()) {
        let fail = |error: Error| TestCaseError::fail(error.to_string());
        let model = KMeans { params, seed: Seed(1) }.fit(&case.universe).map_err(fail)?;
        let artefact = KMeansArtefact::read(&model.artefact()).map_err(fail)?;
        let (of_model, of_artefact) = (model.predict(&case.universe).map_err(fail)?, artefact.predict(&case.universe).map_err(fail)?);
        prop_assert_eq!(of_model, of_artefact);
        prop_assert_eq!(artefact.sizes().iter().sum::<u64>(), case.universe.len() as u64);
        prop_assert!(artefact.inertia() >= 0.0 && artefact.inertia().is_finite());
        prop_assert!(serde_json::from_str::<serde_json::Value>(&artefact.json()).is_ok());
    }

    #[test]
    fn threads_do_not_reach_the_bytes(case in conformance::cases(400), params in params()) {
        let learner = KMeans { params, seed: Seed(1) };
        let digest = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().map_err(|e| TestCaseError::fail(e.to_string()))?;
            pool.install(|| learner.fit(&case.universe)).map(|model| model.state_digest()).map_err(|e| TestCaseError::fail(e.to_string()))
        };
        prop_assert_eq!(digest(1)?, digest(4)?);
    }
}

/// A table of numbers.
fn table(rows: &[Vec<f64>]) -> Result<Dataset, Error> {
    let d = rows.first().map_or(0, Vec::len);
    let column = |i| Column { name: format!("x{i}"), kind: Kind::Numeric, role: Role::Feature, declared: true };
    let values = |i: usize| Arc::new(rows.iter().map(|row| Some(row[i])).collect::<Float64Array>()) as ArrayRef;
    let ids = StringArray::from_iter_values((0..rows.len()).map(|i| format!("{i:06}")));
    let schema = Schema { id: Some("id".to_owned()), columns: (0..d).map(column).collect(), holdout: None };
    Dataset::new(schema, &ids, (0..d).map(values).collect())
}

/// `n` points about the corners of a cube, and the corner of each.
fn blobs(n: u64) -> (Vec<Vec<f64>>, Vec<u64>) {
    let noise = |i: u64, column: u64| (0..4).map(|j| unit(mix(mix(i, column), j)) - 0.5).sum::<f64>();
    let point = |i: u64| (0..3).map(|column| ((i >> column) & 1) as f64 * 10.0 + noise(i, column)).collect();
    ((0..n).map(point).collect(), (0..n).map(|i| i % 8).collect())
}

fn learner(params: KMeansParams) -> KMeans {
    KMeans { params, seed: Seed(3) }
}

#[test]
fn clusters_that_are_far_apart_are_found() -> Result<(), Error> {
    let (rows, corners) = blobs(4000);
    let data = table(&rows)?;
    let model = learner(KMeansParams::default()).fit(&data)?;
    let Predictions::Clusters { clusters, .. } = model.predict(&data)? else { panic!("no clusters") };
    let mut names = BTreeMap::new();
    for (cluster, corner) in clusters.iter().zip(corners) {
        assert_eq!(names.entry(corner).or_insert(*cluster), cluster);
    }
    let artefact = KMeansArtefact::read(&model.artefact())?;
    assert_eq!(artefact.sizes(), [500; 8]);
    Ok(())
}

/// Where clusters are far apart, every good k-means finds the same. The numbers are of scikit-learn 1.9:
///
/// ```python
/// import numpy as np
/// from sklearn.cluster import KMeans
/// from sklearn.preprocessing import StandardScaler
/// M = 2**64 - 1
/// def mix(a, b):
///     z = a ^ (((b + 0x9e3779b97f4a7c15) & M) * 0xd1342543de82ef95 & M)
///     z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & M
///     z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & M
///     return z ^ (z >> 31)
/// noise = lambda i, c: sum((mix(mix(i, c), j) >> 11) / 2**53 - 0.5 for j in range(4))
/// x = np.array([[(i >> c & 1) * 10 + noise(i, c) for c in range(3)] for i in range(4000)])
/// z = StandardScaler().fit_transform(x)
/// print([KMeans(8, n_init=10, random_state=0).fit(v).inertia_ / len(v) for v in (x, z)])
/// ```
#[test]
fn the_inertia_is_that_of_scikit_learn() -> Result<(), Error> {
    let data = table(&blobs(4000).0)?;
    let inertia = |n_leaves, standardize| {
        let preprocessing = Preprocessing { standardize, ..Preprocessing::default() };
        let model = learner(KMeansParams { n_leaves, preprocessing, ..KMeansParams::default() }).fit(&data)?;
        Ok::<f64, Error>(KMeansArtefact::read(&model.artefact())?.inertia())
    };
    for n_leaves in [1, 16, 40] {
        let raw = inertia(n_leaves, false)?;
        assert!((raw / 1.003_589_042_255_413_7 - 1.0).abs() < 1e-4, "{raw}");
        // Deviations have 4 binary digits here, so that distances may differ by some percent.
        let scaled = inertia(n_leaves, true)?;
        assert!((scaled / 0.039_417_615_008_854_864 - 1.0).abs() < 0.03, "{scaled}");
    }
    Ok(())
}

#[test]
fn a_worked_example() -> Result<(), Error> {
    // Two groups on a line that is not standardised: centres 2 and 11, squared distances 1, 0, 1 and 1, 1.
    let data = table(&[vec![1.0], vec![2.0], vec![3.0], vec![10.0], vec![12.0]])?;
    let preprocessing = Preprocessing { standardize: false, ..Preprocessing::default() };
    let model = learner(KMeansParams { n_clusters: 2, n_leaves: 1, preprocessing, ..KMeansParams::default() }).fit(&data)?;
    let artefact = KMeansArtefact::read(&model.artefact())?;
    assert_eq!(artefact.sizes(), [3, 2]);
    assert!((artefact.inertia() - 0.8).abs() < 1e-4, "{}", artefact.inertia());
    let json: serde_json::Value =
        serde_json::from_str(&artefact.json()).map_err(|e| Error::Malformed { what: "json", reason: e.to_string() })?;
    let centre = |i: usize| json["clusters"][i]["centre"]["x0"].as_f64().unwrap_or_default();
    assert!((centre(0) - 2.0).abs() < 1e-4 && (centre(1) - 11.0).abs() < 1e-4, "{json}");
    let Predictions::Clusters { clusters, squared_distances } = model.predict(&table(&[vec![4.0], vec![100.0]])?)? else {
        panic!("no clusters");
    };
    assert_eq!(clusters, [Some(0), Some(1)]);
    assert!((squared_distances[0] - 4.0).abs() < 1e-3, "{squared_distances:?}");
    Ok(())
}

#[test]
fn fewer_different_records_than_clusters_make_fewer_clusters() -> Result<(), Error> {
    for (rows, n_clusters) in [(vec![vec![3.0]; 50], 1), (vec![vec![1.0], vec![2.0]], 2), (vec![vec![]; 4], 1), (vec![], 0)] {
        let model = learner(KMeansParams::default()).fit(&table(&rows)?)?;
        assert_eq!(KMeansArtefact::read(&model.artefact())?.sizes().len(), n_clusters, "{rows:?}");
        let Predictions::Clusters { clusters, .. } = model.predict(&table(&rows)?)? else { panic!("no clusters") };
        assert!(clusters.iter().all(Option::is_some));
    }
    let nobody = learner(KMeansParams::default()).fit(&table(&[])?)?;
    let Predictions::Clusters { clusters, .. } = nobody.predict(&table(&[vec![]])?)? else { panic!("no clusters") };
    assert_eq!(clusters, [None]);
    Ok(())
}

#[test]
fn one_leaf_alone_is_made_anew_when_scales_stay() -> Result<(), Error> {
    // What the other leaves found is in the state; only the bytes of one leaf may differ.
    let (rows, _) = blobs(2000);
    let data = table(&rows)?;
    let learner = learner(KMeansParams { n_leaves: 4, ..KMeansParams::default() });
    let mut model = learner.fit(&data)?;
    let gone = vec!["000017".to_owned()];
    let rest = data.without(&gone)?;
    learner.forget(&mut model, &gone, &rest)?;
    assert_eq!(model.state(), learner.fit(&rest)?.state());
    Ok(())
}

#[test]
fn settings_out_of_range_are_refused() {
    let refused = |change: fn(&mut KMeansParams)| {
        let mut params = KMeansParams::default();
        change(&mut params);
        matches!(params.check(), Err(Error::Parameter { .. }))
    };
    assert!(refused(|params| params.n_clusters = 0));
    assert!(refused(|params| params.n_leaves = 0));
    assert!(refused(|params| params.max_iter = 0));
    assert!(refused(|params| params.n_init = 0));
    assert!(refused(|params| params.tol = f64::NAN));
    assert!(refused(|params| params.preprocessing.n_gram = 0));
}

#[test]
fn damaged_artefacts_are_refused() -> Result<(), Error> {
    let bytes = learner(KMeansParams::default()).fit(&table(&blobs(64).0)?)?.artefact();
    for n in 0..bytes.len() {
        assert!(KMeansArtefact::read(&bytes[..n]).is_err(), "cut at {n}");
    }
    assert!(KMeansArtefact::read(&[&bytes[..], &[0]].concat()).is_err());
    Ok(())
}
