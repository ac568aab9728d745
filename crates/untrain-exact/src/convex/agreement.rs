//! The arithmetics agree: what they publish is a rounding of one optimum, so that which of them was used cannot be seen.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};
use proptest::prelude::*;
use untrain_core::{Dataset, Schema, Seed, Task, Values, conformance};

use super::precise::Problem;
use super::{Loss, Published, Rows, Solver};
use crate::encode::{Design, Preprocessing, Targets, Wanted};

/// A loss that the targets of a design suit.
fn loss(design: &Design, which: u8) -> Option<Loss> {
    if let Targets::Classes { names, .. } = design.targets() {
        return match names.len() {
            0 | 1 => None,
            2 if which.is_multiple_of(2) => Some(Loss::Logistic),
            k if which.is_multiple_of(2) => Some(Loss::Softmax(k)),
            _ => Some(Loss::SquaredHinge { class: 1.0 }),
        };
    }
    let all_zero = design.rows().all(|row| row.y == 0.0);
    (!all_zero).then_some([Loss::Poisson, Loss::Gamma, Loss::Huber { delta: 4.0 }][which as usize % 3])
}

/// The records with targets between 1/2 and 6.
fn with_moderate_targets(data: &Dataset) -> Dataset {
    let (place, _) = data.schema().target().expect("there is a target");
    let Values::Numbers(values) = data.values(place) else { return data.clone() };
    let mut columns = data.columns().to_vec();
    columns[place] = Arc::new(values.iter().map(|y| y.map(|y| y.abs().clamp(0.5, 6.0))).collect::<Float64Array>()) as ArrayRef;
    Dataset::new(Schema::clone(data.schema()), data.ids(), columns).expect("the columns fit as before")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    #[test]
    fn which_arithmetic_was_used_cannot_be_seen(case in conformance::cases(24), which: u8, alpha in -8.0..2.0_f64, grid in 4..=30_u32) {
        let data = if case.task == Task::Regression { with_moderate_targets(&case.universe) } else { case.universe.clone() };
        let Ok(design) = Design::new(&Preprocessing::default(), Wanted::from(case.task), &data) else { return Ok(()) };
        let Some(loss) = loss(&design, which) else { return Ok(()) };
        let rows = Rows::new(&design);
        let penalty = rows.penalty(&design, 10.0_f64.powf(alpha)).expect("scales are moderate");
        let mut names = design.layout().column_names();
        names.push(String::new());
        let grids: Vec<Published> = (0..loss.n_outputs()).map(|c| Published::new(Seed(3), grid, &names, &c.to_string())).collect();
        let start = vec![0.0; loss.n_outputs() * names.len()];
        prop_assume!(start.len() <= 24);
        let mut solver = Solver::new(loss, &rows, &start, start.clone());
        let problem = Problem { loss, rows: &rows, design: &design, penalty: &penalty, grids: &grids, pin: solver.pin() };
        let precise = problem.settle(&start).map(|(weights, _)| weights);
        let usual = solver.settle(&rows, &design, &penalty, &grids).ok();
        // Of Huber the optimum may not be unique; for all others there is an answer.
        prop_assert!(precise.is_some() || !loss.is_smooth(), "{:?}", loss);
        prop_assert_eq!(precise, usual);
    }
}
