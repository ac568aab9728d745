//! The forest passes the conformance suite.

use proptest::prelude::*;
use untrain_core::{Learner, Model, Seed, Task, conformance};
use untrain_exact::{Criterion, Forest, MaxFeatures, NamedMaxFeatures, Params, artefact};

fn params() -> impl Strategy<Value = Params> {
    let max_features = prop_oneof![
        Just(MaxFeatures::Named(NamedMaxFeatures::Sqrt)),
        Just(MaxFeatures::Named(NamedMaxFeatures::All)),
        Just(MaxFeatures::Count(2)),
        Just(MaxFeatures::Share(0.5)),
    ];
    (1..6_u32, 1..12_u32, 2..6_u32, 1..4_u32, max_features, prop_oneof![1..4_u32, 8..40_u32], 0.05..1.0_f64, any::<bool>()).prop_map(
        |(n_trees, max_depth, min_samples_split, min_samples_leaf, max_features, n_thresholds, subsample, entropy)| Params {
            n_trees,
            max_depth,
            min_samples_split,
            min_samples_leaf,
            max_features,
            n_thresholds,
            subsample,
            criterion: entropy.then_some(Criterion::Entropy),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_and_learning_leave_the_bytes_of_a_retrain(case in conformance::cases(400), mut params in params(), seed: u64) {
        if case.task == Task::Regression {
            params.criterion = None;
        }
        let forest = Forest { params, task: case.task, seed: Seed(seed) };
        conformance::exact(&case, &forest)?;
    }

    #[test]
    fn a_model_says_of_few_records_what_its_artefact_says(case in conformance::cases(200), params in params(), seed: u64) {
        let criterion = params.criterion.filter(|_| case.task == Task::Classification);
        let forest = Forest { params: Params { criterion, ..params }, task: case.task, seed: Seed(seed) };
        let ids: Vec<String> = case.universe.ids().iter().flatten().map(str::to_owned).collect();
        // It learns the first half and is asked about both, so about categories that it does not know too.
        let half = case.universe.select(&ids[..ids.len() / 2]).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let Ok(model) = forest.fit(&half) else { return Ok(()) };
        let artefact = artefact(&model.artefact()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        for few in ids.chunks(11) {
            let few = case.universe.select(few).map_err(|e| TestCaseError::fail(e.to_string()))?;
            let (own, served) = (model.predict(&few), artefact.predict(&few));
            prop_assert_eq!(format!("{own:?}"), format!("{served:?}"));
        }
    }

    #[test]
    fn threads_do_not_reach_the_bytes(case in conformance::cases(400), seed: u64) {
        let params = Params { n_trees: 7, subsample: 0.7, ..Params::default() };
        let forest = Forest { params, task: case.task, seed: Seed(seed) };
        let digest = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().map_err(|e| TestCaseError::fail(e.to_string()))?;
            pool.install(|| forest.fit(&case.universe)).map(|model| model.state_digest()).map_err(|e| TestCaseError::fail(e.to_string()))
        };
        prop_assert_eq!(digest(1)?, digest(4)?);
    }
}
