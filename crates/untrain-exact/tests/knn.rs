//! Nearest neighbours pass the conformance suite; the index finds what a scan finds, and scikit-learn finds the same.

mod small;

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use proptest::prelude::*;
use untrain_core::{
    Artefact as _, Column, Dataset, Error, Forget as _, Kind, Learner as _, Model as _, Predictions, Role, Schema, Seed, Task,
};
use untrain_core::{conformance, mix, unit};
use untrain_exact::{Hyperparameters as _, Knn, KnnArtefact, KnnParams, Metric, NeighbourIndex, Preprocessing, Weights};

use small::preprocessing;

fn params() -> impl Strategy<Value = KnnParams> {
    let metric = prop_oneof![Just(Metric::Euclidean), Just(Metric::Manhattan), Just(Metric::Cosine)];
    let index = prop_oneof![Just(NeighbourIndex::Auto), Just(NeighbourIndex::Brute), Just(NeighbourIndex::Tree)];
    let weights = prop_oneof![Just(Weights::Uniform), Just(Weights::Distance)];
    (prop_oneof![1..9_u32, 50..500_u32], weights, metric, index, preprocessing())
        .prop_map(|(n_neighbors, weights, metric, index, preprocessing)| KnnParams { n_neighbors, weights, metric, index, preprocessing })
}

#[expect(clippy::needless_pass_by_value, reason = "map_err passes errors by value")]
fn fail(error: Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_and_learning_leave_the_bytes_of_a_retrain(case in conformance::cases(400), params in params(), seed: u64) {
        conformance::exact(&case, &Knn { params, task: case.task, seed: Seed(seed) })?;
    }

    #[test]
    fn the_index_finds_what_a_scan_finds(case in conformance::cases(600), params in params()) {
        let with = |index| {
            let params = KnnParams { index, ..params.clone() };
            Knn { params, task: case.task, seed: Seed(5) }.fit(&case.universe)?.predict(&case.universe)
        };
        let scanned = with(NeighbourIndex::Brute).map_err(fail)?;
        prop_assert_eq!(&with(NeighbourIndex::Tree).map_err(fail)?, &scanned);
        prop_assert_eq!(&with(NeighbourIndex::Auto).map_err(fail)?, &scanned);
    }

    #[test]
    fn an_artefact_is_read_as_it_was_written(case in conformance::cases(60), params in params()) {
        let model = Knn { params, task: case.task, seed: Seed(1) }.fit(&case.universe).map_err(fail)?;
        let artefact = KnnArtefact::read(&model.artefact()).map_err(fail)?;
        prop_assert_eq!(model.predict(&case.universe).map_err(fail)?, artefact.predict(&case.universe).map_err(fail)?);
        prop_assert_eq!(artefact.records(), case.universe.len());
        prop_assert!(serde_json::from_str::<serde_json::Value>(&artefact.json()).is_ok());
    }
}

/// Numbers with a target of either kind.
fn table(rows: &[Vec<f64>], target: ArrayRef) -> Result<Dataset, Error> {
    let d = rows.first().map_or(0, Vec::len);
    let kind = if target.data_type().is_numeric() { Kind::Numeric } else { Kind::Categorical };
    let column = |i| Column { name: format!("x{i}"), kind: Kind::Numeric, role: Role::Feature, declared: true };
    let mut columns: Vec<Column> = (0..d).map(column).collect();
    columns.push(Column { name: "y".to_owned(), kind, role: Role::Target, declared: true });
    let mut values: Vec<ArrayRef> =
        (0..d).map(|i| Arc::new(rows.iter().map(|row| Some(row[i])).collect::<Float64Array>()) as ArrayRef).collect();
    values.push(target);
    let ids = StringArray::from_iter_values((0..rows.len()).map(|i| format!("{i:06}")));
    Dataset::new(Schema { id: Some("id".to_owned()), columns, holdout: None }, &ids, values)
}

fn numbers(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn knn(params: KnnParams, task: Task) -> Knn {
    Knn { params, task, seed: Seed(0) }
}

/// The numbers are of scikit-learn 1.9:
///
/// ```python
/// import numpy as np
/// from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
/// from sklearn.preprocessing import StandardScaler
/// M = 2**64 - 1
/// def mix(a, b):
///     z = a ^ (((b + 0x9e3779b97f4a7c15) & M) * 0xd1342543de82ef95 & M)
///     z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & M
///     z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & M
///     return z ^ (z >> 31)
/// u = lambda i, c: (mix(i, c) >> 11) / 2**53
/// x = np.array([[u(i, 0), 3 * u(i, 1), u(i, 2) - 5] for i in range(504)])
/// scaler = StandardScaler().fit(x[:500])
/// z, y = scaler.transform(x), x.sum(axis=1)
/// c = np.where(x[:, 0] > 0.5, "b", "a")
/// for metric in ["euclidean", "manhattan", "cosine"]:
///     for weights in ["uniform", "distance"]:
///         r = KNeighborsRegressor(7, weights=weights, metric=metric).fit(z[:500], y[:500])
///         k = KNeighborsClassifier(7, weights=weights, metric=metric).fit(z[:500], c[:500])
///         print(metric, weights, r.predict(z[500:]), k.predict_proba(z[500:])[:, 1])
/// ```
#[test]
fn predictions_are_those_of_scikit_learn() -> Result<(), Error> {
    let u = |i: u64, column: u64| unit(mix(i, column));
    let rows: Vec<Vec<f64>> = (0..504).map(|i| vec![u(i, 0), 3.0 * u(i, 1), u(i, 2) - 5.0]).collect();
    let y = |rows: &[Vec<f64>]| numbers(rows.iter().map(|row| row.iter().sum()));
    let c = |rows: &[Vec<f64>]| texts(&rows.iter().map(|row| if row[0] > 0.5 { "b" } else { "a" }).collect::<Vec<_>>());
    let (train, test) = rows.split_at(500);
    let expected = [
        (Metric::Euclidean, Weights::Uniform, [-1.547_770_13, -4.079_610_57, -3.473_494_93, -3.559_950_03], 0.714_285_71),
        (Metric::Euclidean, Weights::Distance, [-1.561_326_95, -4.106_657_05, -3.486_484_58, -3.547_847_07], 0.728_222_92),
        (Metric::Manhattan, Weights::Uniform, [-1.665_905_69, -4.007_558_84, -3.413_685_78, -3.559_950_03], 0.714_285_71),
        (Metric::Manhattan, Weights::Distance, [-1.648_801_15, -4.072_789_44, -3.462_552_43, -3.565_802_1], 0.734_255_75),
        (Metric::Cosine, Weights::Uniform, [-1.945_401_88, -3.769_208_95, -3.255_717_85, -3.505_226_05], 0.571_428_57),
    ];
    for (metric, weights, means, share) in expected {
        for index in [NeighbourIndex::Brute, NeighbourIndex::Tree] {
            let params = KnnParams { n_neighbors: 7, metric, weights, index, ..KnnParams::default() };
            let model = knn(params.clone(), Task::Regression).fit(&table(train, y(train))?)?;
            let Predictions::Numbers(found) = model.predict(&table(test, y(test))?)? else { panic!("no numbers") };
            for (found, mean) in found.iter().zip(means) {
                let found = found.unwrap_or(f64::NAN);
                assert!((found - mean).abs() < 0.002, "{metric:?} {weights:?}: {found} and not {mean}");
            }
            let model = knn(params, Task::Classification).fit(&table(train, c(train))?)?;
            let Predictions::Classes { probabilities, .. } = model.predict(&table(test, c(test))?)? else { panic!("no classes") };
            for (found, share) in probabilities.iter().skip(1).step_by(2).zip([share, 0.0, 1.0, 0.0]) {
                assert!((found - share).abs() < 0.002, "{metric:?} {weights:?}: {found} and not {share}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_worked_example() -> Result<(), Error> {
    let rows: Vec<Vec<f64>> = [0.0, 1.0, 2.0, 10.0].iter().map(|x| vec![*x]).collect();
    let data = table(&rows, numbers([5.0, 6.0, 10.0, 100.0]))?;
    let preprocessing = Preprocessing { standardize: false, ..Preprocessing::default() };
    let ask = |n_neighbors, weights, x: f64| {
        let params = KnnParams { n_neighbors, weights, preprocessing: preprocessing.clone(), ..KnnParams::default() };
        match knn(params, Task::Regression).fit(&data)?.predict(&table(&[vec![x]], numbers([0.0]))?)? {
            Predictions::Numbers(numbers) => Ok::<_, Error>(numbers[0].unwrap_or(f64::NAN)),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask(3, Weights::Uniform, 1.0)?, 7.0);
    // The record at distance 0 counts alone.
    assert_eq!(ask(3, Weights::Distance, 1.0)?, 6.0);
    // Distances 0.25, 0.75 and 1.75, so the weights are 4, 4/3 and 4/7.
    let mean = (4.0 * 5.0 + 4.0 / 3.0 * 6.0 + 4.0 / 7.0 * 10.0) / (4.0 + 4.0 / 3.0 + 4.0 / 7.0);
    assert!((ask(3, Weights::Distance, 0.25)? - mean).abs() < 1e-4);
    // More neighbours than records: all of them.
    assert_eq!(ask(9, Weights::Uniform, 1.0)?, 30.25);
    Ok(())
}

#[test]
fn ties_favour_no_class_and_many_copies_have_many_chances() -> Result<(), Error> {
    // 300 equal records, a third of them "a": of any 150 that a hash takes, about a third is.
    let rows = vec![vec![1.0]; 300];
    let names: Vec<&str> = (0..300).map(|i| if i % 3 == 0 { "a" } else { "b" }).collect();
    let data = table(&rows, texts(&names))?;
    let model = knn(KnnParams { n_neighbors: 150, ..KnnParams::default() }, Task::Classification).fit(&data)?;
    let Predictions::Classes { probabilities, .. } = model.predict(&table(&rows[..1], texts(&["a"]))?)? else { panic!("no classes") };
    assert!((0.2..0.46).contains(&probabilities[0]), "{probabilities:?}");
    Ok(())
}

#[test]
fn the_artefact_has_the_records_left_and_the_one_forgotten_is_gone() -> Result<(), Error> {
    let rows: Vec<Vec<f64>> = (0..50).map(|i| vec![f64::from(i)]).collect();
    let data = table(&rows, numbers((0..50).map(f64::from)))?;
    let learner = knn(KnnParams { n_neighbors: 1, ..KnnParams::default() }, Task::Regression);
    let mut model = learner.fit(&data)?;
    let query = table(&[vec![20.2]], numbers([0.0]))?;
    assert_eq!(model.predict(&query)?, Predictions::Numbers(vec![Some(20.0)]));
    let gone = vec!["000020".to_owned()];
    learner.forget(&mut model, &gone, &data.without(&gone)?)?;
    assert_eq!(model.predict(&query)?, Predictions::Numbers(vec![Some(21.0)]));
    assert_eq!(KnnArtefact::read(&model.artefact())?.records(), 49);
    assert!(model.state().len() > 49 * 6, "the state has ids");
    Ok(())
}

#[test]
fn no_feature_one_class_and_nobody_are_fine() -> Result<(), Error> {
    let model = knn(KnnParams::default(), Task::Classification).fit(&table(&[vec![], vec![]], texts(&["a", "a"]))?)?;
    let expected = Predictions::Classes { classes: vec!["a".to_owned()], probabilities: vec![1.0], n: 1 };
    assert_eq!(model.predict(&table(&[vec![]], texts(&["a"]))?)?, expected);
    let nobody = knn(KnnParams::default(), Task::Classification).fit(&table(&[], texts(&[]))?)?;
    let expected = Predictions::Classes { classes: vec![], probabilities: vec![], n: 1 };
    assert_eq!(nobody.predict(&table(&[vec![]], texts(&["a"]))?)?, expected);
    let nobody = knn(KnnParams::default(), Task::Regression).fit(&table(&[], numbers([]))?)?;
    assert_eq!(nobody.predict(&table(&[vec![]], numbers([1.0]))?)?, Predictions::Numbers(vec![None]));
    Ok(())
}

#[test]
fn settings_out_of_range_are_refused() {
    assert!(KnnParams { n_neighbors: 0, ..KnnParams::default() }.check().is_err());
    assert!(KnnParams { n_neighbors: 10_001, ..KnnParams::default() }.check().is_err());
    let preprocessing = Preprocessing { n_gram: 0, ..Preprocessing::default() };
    assert!(KnnParams { preprocessing, ..KnnParams::default() }.check().is_err());
}

#[test]
fn damaged_artefacts_are_refused() -> Result<(), Error> {
    let rows: Vec<Vec<f64>> = (0..9).map(|i| vec![f64::from(i)]).collect();
    let bytes = knn(KnnParams::default(), Task::Regression).fit(&table(&rows, numbers((0..9).map(f64::from)))?)?.artefact();
    for n in 0..bytes.len() {
        assert!(KnnArtefact::read(&bytes[..n]).is_err(), "cut at {n}");
    }
    assert!(KnnArtefact::read(&[&bytes[..], &[0]].concat()).is_err());
    Ok(())
}
