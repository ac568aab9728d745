//! Logistic regression passes the conformance suite.

mod small;

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use proptest::prelude::*;
use untrain_core::{
    Artefact, Column, Dataset, Error, Forget, Kind, Learner, Model, Predictions, Role, Schema, Seed, Task, Values, conformance, mix, unit,
};
use untrain_exact::{Logistic, LogisticArtefact, LogisticModel, LogisticParams, Preprocessing};

fn params() -> impl Strategy<Value = LogisticParams> {
    let params = |(alpha, grid, preprocessing)| LogisticParams { alpha: 10.0_f64.powf(alpha), grid, preprocessing };
    (-3.0..2.0_f64, 4..24_u32, small::preprocessing()).prop_map(params)
}

/// Whether unstandardised numbers may be weighed as they are.
fn is_moderate(data: &Dataset) -> bool {
    data.schema().features().all(|(place, _)| match data.values(place) {
        Values::Numbers(values) => values.iter().flatten().all(|x| x == 0.0 || (1e-3..1e5).contains(&x.abs())),
        Values::Flags(_) | Values::Texts(_) | Values::Images(_) => true,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_and_learning_leave_the_bytes_of_a_retrain(case in conformance::cases(150), params in params(), seed: u64) {
        prop_assume!(case.task == Task::Classification);
        prop_assume!(params.preprocessing.standardize || is_moderate(&case.universe));
        conformance::exact(&case, &Logistic { params, seed: Seed(seed) })?;
    }
}

/// A table of two numbers and a class, not standardised.
fn eight(classes: [&str; 8]) -> Dataset {
    let column = |name: &str, kind, role| Column { name: name.into(), kind, role, declared: true };
    let columns = vec![
        column("a", Kind::Numeric, Role::Feature),
        column("b", Kind::Numeric, Role::Feature),
        column("y", Kind::Categorical, Role::Target),
    ];
    let numbers = |values: [f64; 8]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    let a = numbers([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    let b = numbers([1.0, 3.0, 0.0, 5.0, 2.0, 1.0, 4.0, 0.0]);
    let ids: StringArray = (0..8).map(|i| Some(format!("r{i}"))).collect();
    let y = Arc::new(StringArray::from(classes.to_vec()));
    Dataset::new(Schema { id: None, columns, holdout: None }, &ids, vec![a, b, y]).expect("the columns fit")
}

fn raw(grid: u32, alpha: f64) -> Logistic {
    let preprocessing = Preprocessing { standardize: false, ..Preprocessing::default() };
    Logistic { params: LogisticParams { alpha, grid, preprocessing }, seed: Seed(0) }
}

/// Each output's weights of `a` and `b`, and its intercept.
fn weights(model: &LogisticModel) -> Vec<[f64; 3]> {
    let artefact = LogisticArtefact::read(&model.artefact()).expect("it reads what it wrote");
    let json: serde_json::Value = serde_json::from_str(&artefact.json()).expect("it is JSON");
    let number = |value: &serde_json::Value| value.as_f64().unwrap_or(f64::NAN);
    let outputs = json["outputs"].as_array().expect("a list");
    outputs.iter().map(|o| [number(&o["weights"]["a"]), number(&o["weights"]["b"]), number(&o["intercept"])]).collect()
}

/// scikit-learn 1.9.1: `LogisticRegression(C=1, tol=1e-12, max_iter=10000, solver='newton-cholesky').fit(x, y)`, for three
/// classes with lbfgs.
#[test]
fn weights_are_those_of_scikit_learn() {
    let (n, p) = ("no", "yes");
    let model = raw(20, 1.0).fit(&eight([n, n, p, n, p, n, p, p])).unwrap();
    let close = |found: &[f64; 3], expected: [f64; 3]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-6);
    assert!(close(&weights(&model)[0], [0.534_623_68, -0.351_607_81, -1.118_785_99]), "{:?}", weights(&model));
    let model = raw(20, 1.0).fit(&eight(["a", "a", "b", "c", "b", "c", "c", "b"])).unwrap();
    let found = weights(&model);
    assert!(close(&found[0], [-0.859_239_79, 0.114_421_14, 1.733_705_25]), "{found:?}");
    assert!(close(&found[1], [0.297_356_54, -0.569_264_8, 0.667_305_69]), "{found:?}");
    assert!(close(&found[2], [0.561_883_25, 0.454_843_66, -2.401_010_94]), "{found:?}");
}

/// The reason and the hint of a refusal.
fn refusal(found: Result<LogisticModel, Error>) -> (String, String) {
    match found {
        Err(Error::Unfit { reason, hint }) => (reason, hint),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it is not refused"),
    }
}

#[test]
fn separable_classes_without_a_penalty_are_refused() {
    let (n, p) = ("no", "yes");
    let (reason, hint) = refusal(raw(12, 0.0).fit(&eight([n, n, n, n, p, p, p, p])));
    assert!(reason.contains("separable") && hint.contains("alpha"), "{reason}: {hint}");
    assert!(raw(12, 1e-6).fit(&eight([n, n, n, n, p, p, p, p])).is_ok());
    assert!(raw(12, 0.0).fit(&eight([n, p, n, p, n, p, p, n])).is_ok());
}

/// The same table with other numbers in `b`.
fn with_b(data: &Dataset, b: [f64; 8]) -> Dataset {
    let mut columns = data.columns().to_vec();
    columns[1] = Arc::new(Float64Array::from(b.to_vec())) as ArrayRef;
    Dataset::new(Schema::clone(data.schema()), data.ids(), columns).expect("the columns fit")
}

#[test]
fn collinear_columns_without_a_penalty_are_refused_by_name() {
    let (n, p) = ("no", "yes");
    let data = with_b(&eight([n, p, n, p, n, p, p, n]), [5.0, 8.0, 11.0, 14.0, 17.0, 20.0, 23.0, 26.0]);
    let (reason, hint) = refusal(raw(12, 0.0).fit(&data));
    assert!(reason.contains("\"b\"") && hint.contains("alpha"), "{reason}: {hint}");
    assert!(raw(12, 1.0).fit(&data).is_ok());
    // Of three classes no weights are unique: a number may be added to those of all classes.
    let (reason, hint) = refusal(raw(12, 0.0).fit(&eight(["a", "a", "b", "c", "b", "c", "c", "b"])));
    assert!(reason.contains("three classes") && hint.contains("alpha"), "{reason}: {hint}");
}

/// The penalty is far under what `f64` can see beside numbers in the thousands. Of collinear columns it still makes the weights unique,
/// in the ratio of the columns.
#[test]
fn a_penalty_that_only_many_digits_can_see_decides() {
    let (n, p) = ("no", "yes");
    let table = eight([n, p, n, p, n, p, p, n]);
    let mut columns = table.columns().to_vec();
    columns[0] = Arc::new((0..8).map(|i| Some(f64::from(i) * 1e4)).collect::<Float64Array>()) as ArrayRef;
    let data = Dataset::new(Schema::clone(table.schema()), table.ids(), columns).expect("the columns fit");
    let data = with_b(&data, [0.0, 3e4, 6e4, 9e4, 12e4, 15e4, 18e4, 21e4]);
    let learner = raw(30, 1e-12);
    let mut model = learner.fit(&data).unwrap();
    assert!(model.work().precise > 0, "{:?}", model.work());
    let [a, b, _] = weights(&model)[0];
    assert!(a != 0.0 && (b - 3.0 * a).abs() <= 3.0 * 0.5_f64.powi(30), "{a} {b}");
    let rest = data.without(&["r3".to_owned()]).unwrap();
    learner.forget(&mut model, &["r3".to_owned()], &rest).unwrap();
    assert_eq!(model.state_digest(), learner.fit(&rest).unwrap().state_digest());
}

#[test]
fn one_class_is_certain_and_no_record_predicts_nothing() {
    let data = eight(["no"; 8]);
    let learner = raw(12, 1.0);
    let mut model = learner.fit(&data).unwrap();
    let Predictions::Classes { probabilities, .. } = model.predict(&data).unwrap() else { panic!("they are classes") };
    assert_eq!(probabilities, [1.0; 8]);
    let ids: Vec<String> = data.ids().iter().flatten().map(str::to_owned).collect();
    learner.forget(&mut model, &ids, &data.without(&ids).unwrap()).unwrap();
    assert_eq!(model.predict(&data).unwrap(), Predictions::Classes { classes: vec![], probabilities: vec![], n: 8 });
}

/// A fine grid needs more than `f64` can tell; the bytes of a coarser one are the roundings of the same optimum.
#[test]
fn a_finer_grid_refines_a_coarser_one() {
    let data = eight(["no", "no", "yes", "no", "yes", "no", "yes", "yes"]);
    let fine = weights(&raw(30, 1.0).fit(&data).unwrap())[0];
    for grid in 4..30 {
        let coarse = weights(&raw(grid, 1.0).fit(&data).unwrap())[0];
        let step = 0.5_f64.powi(grid as i32);
        assert!(fine.iter().zip(coarse).all(|(a, b)| (a - b).abs() <= 0.7 * step), "{grid}");
    }
}

#[test]
fn artefacts_that_are_damaged_are_refused() {
    let bytes = raw(12, 1.0).fit(&eight(["a", "a", "b", "c", "b", "c", "c", "b"])).unwrap().artefact();
    for end in 0..bytes.len() {
        assert!(LogisticArtefact::read(&bytes[..end]).is_err());
    }
}

/// Two numbers and a class that depends on them, of `n` records.
fn noisy(n: u64) -> Dataset {
    let draw = |i: u64, purpose: u64| unit(mix(mix(1, i), purpose));
    let column = |name: &str, kind, role| Column { name: name.into(), kind, role, declared: true };
    let columns = vec![
        column("a", Kind::Numeric, Role::Feature),
        column("b", Kind::Numeric, Role::Feature),
        column("y", Kind::Categorical, Role::Target),
    ];
    let numbers = |purpose| Arc::new((0..n).map(|i| Some(draw(i, purpose))).collect::<Float64Array>()) as ArrayRef;
    let class = |i| Some(if draw(i, 1) - draw(i, 2) + draw(i, 3) > 0.5 { "yes" } else { "no" });
    let y = Arc::new((0..n).map(class).collect::<StringArray>());
    let ids: StringArray = (0..n).map(|i| Some(format!("r{i:05}"))).collect();
    Dataset::new(Schema { id: None, columns, holdout: None }, &ids, vec![numbers(1), numbers(2), y]).expect("the columns fit")
}

#[test]
fn what_is_answered_without_a_pass_is_what_a_retrain_gives() {
    let mut rest = noisy(3000);
    let learner = Logistic { params: LogisticParams { grid: 6, ..LogisticParams::default() }, seed: Seed(1) };
    let mut model = learner.fit(&rest).unwrap();
    let (before, mut answered) = (model.work(), 0);
    for i in 0..40 {
        let id = vec![format!("r{:05}", i * 71)];
        rest = rest.without(&id).unwrap();
        let passes = model.work().passes;
        learner.forget(&mut model, &id, &rest).unwrap();
        if model.work().passes == passes {
            answered += 1;
            assert_eq!(model.digest(), learner.fit(&rest).unwrap().digest(), "after {}", id[0]);
        }
    }
    assert!(answered > 0, "no request was answered without a pass");
    assert_eq!(model.work().without_pass - before.without_pass, answered);
    assert_eq!(model.state_digest(), learner.fit(&rest).unwrap().state_digest());
}
