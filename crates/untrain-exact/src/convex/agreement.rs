//! The arithmetics agree: what they publish is a rounding of one optimum, so that which of them was used cannot be seen.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};
use proptest::prelude::*;
use untrain_core::{Dataset, Schema, Seed, Task, Values, conformance, mix, unit};

use super::ball::Ball;
use super::double::Double;
use super::pass::{pass, pass_double};
use super::precise::Problem;
use super::solver::Solver;
use super::{Loss, Published, Rows};
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
    #![proptest_config(ProptestConfig { cases: 96, max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

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
    #[test]
    fn what_a_pass_finds_is_within_its_bounds(case in conformance::cases(60), which: u8, wide in -2.0..1.5_f64, seed: u64) {
        let data = if case.task == Task::Regression { with_moderate_targets(&case.universe) } else { case.universe.clone() };
        let Ok(design) = Design::new(&Preprocessing::default(), Wanted::from(case.task), &data) else { return Ok(()) };
        let Some(loss) = loss(&design, which) else { return Ok(()) };
        let rows = Rows::new(&design);
        // Without a penalty the gradient is that of the losses.
        let penalty = rows.penalty(&design, 0.0).expect("scales are moderate");
        let draw = |j: usize| 10.0_f64.powf(wide) * (unit(mix(seed, j as u64)) - 0.5);
        let v: Vec<f64> = (0..loss.n_outputs() * rows.d).map(draw).collect();
        let lows: Vec<Double> = v.iter().map(|v| Double { hi: *v, lo: 1e-17 * v }).collect();
        let problem = Problem { loss, rows: &rows, design: &design, penalty: &penalty, grids: &[], pin: 0.0 };
        let exact = |x: &Double| &Ball::new(x.hi, 424) + &Ball::new(x.lo, 424);
        for (found, at) in [
            (pass(loss, &rows, &design, &v, &rows.y), v.iter().map(|v| Ball::new(*v, 424)).collect::<Vec<_>>()),
            (pass_double(loss, &rows, &design, &lows, &rows.y), lows.iter().map(exact).collect()),
        ] {
            let mut x = vec![0.0; rows.d];
            for (i, margins) in found.margins.chunks_exact(loss.n_outputs()).enumerate() {
                rows.scatter(&design, i, &mut x);
                for (m, v) in margins.iter().zip(at.chunks_exact(rows.d)) {
                    let truth = v.iter().zip(&x).fold(Double::default(), |sum, (v, x)| sum + Double::from(v.nearest()) * *x);
                    prop_assert!((Double::from(*m) - truth).hi.abs() <= found.margin_error + 1e-26);
                }
            }
            let truth = problem.gradient(&at, 424);
            for ((g, error), truth) in found.gradient.iter().zip(&found.errors).zip(&truth) {
                // What the digits of the truth leave open does not count.
                let distance = (&exact(g) - truth).least();
                prop_assert!(distance <= *error, "{:?}: {:e} is over {:e}", loss, distance, error);
            }
        }
    }
}
