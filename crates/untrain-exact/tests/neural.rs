//! Networks forget exactly, by retraining whole or by shards and slices.

use proptest::prelude::*;
use untrain_core::{AnyLearner, Seed, Task, conformance};
use untrain_exact::{Retrain, Sisa, SisaParams};
use untrain_neural::{MlpParams, Neural, Rule, TrainingParams};

fn network(rule: Rule, seed: u64) -> Retrain<Neural> {
    let training = TrainingParams {
        n_epochs: 2,
        batch_size: 7,
        chunk: 3,
        optimiser: rule,
        n_buckets: 5,
        learning_rate: 0.01,
        ..TrainingParams::default()
    };
    Retrain(Neural::new(&MlpParams { hidden: vec![4], training }, Seed(seed)))
}

fn rules() -> impl Strategy<Value = Rule> {
    prop_oneof![Just(Rule::Sgd), Just(Rule::Adam), Just(Rule::AdamW)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_network_forgets_exactly(case in conformance::cases(60), rule in rules(), seed: u64) {
        if case.task == Task::Classification {
            conformance::exact(&case, &network(rule, seed))?;
        }
    }

    #[test]
    fn a_sharded_network_forgets_exactly(case in conformance::cases(60), rule in rules(), seed: u64, (n_shards, n_slices) in (1_u32..4, 1_u32..4)) {
        if case.task == Task::Classification {
            let params = SisaParams { base: "mlp".to_owned(), n_shards, n_slices, ..SisaParams::default() };
            let base = AnyLearner::new(network(rule, !seed));
            conformance::exact(&case, &Sisa { base, params, task: Task::Classification, seed: Seed(seed) })?;
        }
    }
}
