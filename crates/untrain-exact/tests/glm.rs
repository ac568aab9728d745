//! The generalised linear models pass the conformance suite.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};
use proptest::prelude::*;
use untrain_core::{Dataset, Learner, Model, Predictions, Schema, Seed, Task, Values, conformance};
use untrain_exact::{Glm, GlmLoss, GlmParams, Preprocessing};

fn params() -> impl Strategy<Value = GlmParams> {
    let loss = prop_oneof![Just(GlmLoss::Poisson), Just(GlmLoss::Gamma), Just(GlmLoss::SquaredHinge)];
    (loss, -2.0..2.0_f64, 4..20_u32).prop_map(|(loss, alpha, grid)| GlmParams {
        loss,
        alpha: 10.0_f64.powf(alpha),
        grid,
        preprocessing: Preprocessing::default(),
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
    let data = small(&[1.0, -2.0, 3.0]);
    for loss in [GlmLoss::Poisson, GlmLoss::Gamma] {
        let error = Glm { params: GlmParams { loss, ..GlmParams::default() }, seed: Seed(0) }.fit(&data).unwrap_err();
        assert!(error.to_string().contains("-2"), "{error}");
    }
}

#[test]
fn counts_that_are_all_zero_are_predicted_as_zero() {
    let data = small(&[0.0, 0.0, 0.0]);
    let model = Glm { params: GlmParams::default(), seed: Seed(0) }.fit(&data).unwrap();
    assert_eq!(model.predict(&data).unwrap(), Predictions::Numbers(vec![Some(0.0); 3]));
}

fn small(y: &[f64]) -> Dataset {
    use untrain_core::{Column, Kind, Role};
    let column = |name: &str, role| Column { name: name.into(), kind: Kind::Numeric, role, declared: true };
    let columns = vec![column("x", Role::Feature), column("y", Role::Target)];
    let x: ArrayRef = Arc::new(Float64Array::from((0..y.len()).map(|i| i as f64).collect::<Vec<_>>()));
    let ids: arrow_array::StringArray = (0..y.len()).map(|i| Some(format!("r{i}"))).collect();
    Dataset::new(Schema { id: None, columns, holdout: None }, &ids, vec![x, Arc::new(Float64Array::from(y.to_vec()))])
        .expect("the columns fit")
}
