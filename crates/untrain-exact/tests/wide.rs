//! Models with more weights than a Hessian can be made for pass the conformance suite.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use proptest::prelude::*;
use untrain_core::{
    Column, Dataset, Error, Forget as _, Kind, Learner as _, Model as _, Role, Schema, Seed, Task, Values, conformance, mix,
};
use untrain_exact::{Glm, GlmLoss, GlmParams, Logistic, LogisticParams, Preprocessing};

/// `x0` as text in so many columns that no Hessian is made; other columns as they are.
fn wide() -> impl Strategy<Value = Preprocessing> {
    (1100..5000_u32, 1..3_u32).prop_map(|(buckets, n_gram)| Preprocessing {
        text: [("x0".to_owned(), buckets)].into(),
        n_gram,
        ..Preprocessing::default()
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
    #![proptest_config(ProptestConfig { cases: 48, max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn wide_logistic_regressions_forget_as_they_are_trained(
        case in conformance::cases(60), preprocessing in wide(), alpha in -2.0..2.0_f64, grid in 4..24_u32, seed: u64,
    ) {
        prop_assume!(case.task == Task::Classification);
        let params = LogisticParams { alpha: 10.0_f64.powf(alpha), grid, preprocessing };
        conformance::exact(&case, &Logistic { params, seed: Seed(seed) })?;
    }

    #[test]
    fn wide_generalised_linear_models_forget_as_they_are_trained(
        mut case in conformance::cases(60), preprocessing in wide(), loss in 0..4_usize, alpha in -1.0..2.0_f64, grid in 4..20_u32,
    ) {
        let loss = [GlmLoss::Poisson, GlmLoss::Gamma, GlmLoss::Huber, GlmLoss::SquaredHinge][loss];
        let params = GlmParams { loss, alpha: 10.0_f64.powf(alpha), epsilon: 20.0, grid, preprocessing };
        prop_assume!(case.task == params.task());
        case.universe = match loss {
            GlmLoss::Poisson => with_targets(&case.universe, |y| y.abs().min(1000.0).floor()),
            GlmLoss::Gamma => with_targets(&case.universe, |y| y.abs().min(1000.0) + 0.5),
            GlmLoss::Huber => with_targets(&case.universe, |y| y.clamp(-5.0, 5.0)),
            GlmLoss::SquaredHinge => case.universe,
        };
        conformance::exact(&case, &Glm { params, seed: Seed(1) })?;
    }
}

/// Records in one of `n_categories` categories, and their class.
fn categories(n: u64, n_categories: u64) -> Dataset {
    let column = |name: &str, role| Column { name: name.into(), kind: Kind::Categorical, role, declared: true };
    let of = |i: u64| mix(1, i / 3) % n_categories;
    let category = (0..n).map(|i| Some(format!("category {}", of(i)))).collect::<StringArray>();
    let class = (0..n).map(|i| Some(if (of(i) + mix(2, i) % 3).is_multiple_of(2) { "even" } else { "odd" })).collect::<StringArray>();
    let ids: StringArray = (0..n).map(|i| Some(format!("r{i:06}"))).collect();
    let columns = vec![column("category", Role::Feature), column("class", Role::Target)];
    Dataset::new(Schema { id: None, columns, holdout: None }, &ids, vec![Arc::new(category), Arc::new(class)]).expect("the columns fit")
}

fn learner(alpha: f64) -> Logistic {
    Logistic { params: LogisticParams { alpha, ..LogisticParams::default() }, seed: Seed(3) }
}

#[test]
fn ten_thousand_categories_are_trained_and_forgotten() {
    let data = categories(40_000, 1 << 20);
    let mut model = learner(1.0).fit(&data).expect("it is decided");
    let trained = model.work();
    assert_eq!(trained.factorisations, 0, "a Hessian was made");
    let leaving = ["r000030".to_owned(), "r020000".to_owned()];
    let rest = data.without(&leaving).expect("they are there");
    learner(1.0).forget(&mut model, &leaving, &rest).expect("it is decided");
    let retrained = learner(1.0).fit(&rest).expect("it is decided");
    assert_eq!(model.digest(), retrained.digest());
    assert_eq!(model.state_digest(), retrained.state_digest());
    let forgetting = model.work().products - trained.products;
    assert!(forgetting < retrained.work().products, "{forgetting} products against {}", retrained.work().products);
    learner(1.0).learn(&mut model, &leaving, &data).expect("it is decided");
    assert_eq!(model.digest(), learner(1.0).fit(&data).expect("it is decided").digest());
}

#[test]
fn without_a_penalty_many_weights_are_refused_with_a_hint() {
    let error = learner(0.0).fit(&categories(40_000, 1 << 20)).expect_err("nothing can be proven");
    let Error::Unfit { reason, hint } = error else { panic!("{error}") };
    assert!(reason.contains("without a penalty") && hint.contains("alpha"), "{reason}; {hint}");
}
