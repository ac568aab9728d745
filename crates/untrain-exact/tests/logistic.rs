//! Logistic regression passes the conformance suite.

use proptest::prelude::*;
use untrain_core::{Dataset, Learner, Model, Seed, Task, Values, conformance};
use untrain_exact::{Logistic, LogisticParams, Preprocessing};

fn params() -> impl Strategy<Value = LogisticParams> {
    (-3.0..2.0_f64, 4..24_u32, prop::bool::weighted(0.8)).prop_map(|(alpha, grid, standardize)| LogisticParams {
        alpha: 10.0_f64.powf(alpha),
        grid,
        preprocessing: Preprocessing { standardize, ..Preprocessing::default() },
    })
}

/// Whether unstandardised numbers may be weighed as they are.
fn is_moderate(data: &Dataset) -> bool {
    data.schema().features().all(|(place, _)| match data.values(place) {
        Values::Numbers(values) => values.iter().flatten().all(|x| x == 0.0 || (1e-3..1e5).contains(&x.abs())),
        Values::Flags(_) | Values::Texts(_) => true,
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
