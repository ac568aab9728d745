//! Stochastic gradient descent passes the conformance suite.

use proptest::prelude::*;
use untrain_core::{Learner, Model, Seed, conformance};
use untrain_exact::{Retrain, Sgd, SgdParams};

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_and_learning_leave_the_bytes_of_a_retrain(
        case in conformance::cases(200),
        n_epochs in 1..4_u32,
        learning_rate in 0.01..2.0_f64,
        n_buckets in 16..99_u32,
        seed: u64,
    ) {
        let params = SgdParams { n_epochs, learning_rate, n_buckets, ..SgdParams::default() };
        let sgd = Sgd { params, task: case.task, seed: Seed(seed) };
        conformance::exact(&case, &Retrain(sgd.clone()))?;
        let resumed = sgd.resume(None, &case.universe, &case.universe).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let fitted = sgd.fit(&case.universe).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(resumed.state(), fitted.state());
    }
}
