use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use untrain_core::{Column, Dataset, Kind, Role, Schema};

use super::*;
use crate::encode::{Preprocessing, Wanted};

/// Records of which a column of zeros tells nothing.
fn counts(y: &[f64]) -> Design {
    let column = |name: &str, role| Column { name: name.into(), kind: Kind::Numeric, role, declared: true };
    let columns = vec![column("x", Role::Feature), column("y", Role::Target)];
    let ids: StringArray = (0..y.len()).map(|i| Some(format!("r{i}"))).collect();
    let arrays: Vec<ArrayRef> = vec![Arc::new(Float64Array::from(vec![0.0; y.len()])), Arc::new(Float64Array::from(y.to_vec()))];
    let data = Dataset::new(Schema { id: None, columns, holdout: None }, &ids, arrays).expect("the columns fit");
    Design::new(&Preprocessing::default(), Wanted::Numbers, &data).expect("it has rows")
}

/// The curvature of an exponential changes by e^t where the margin changes by t, so the bound is nearly reached where the Hessian is of a point
/// away; and it must not be passed.
#[test]
fn an_enclosure_from_another_points_hessian_holds_the_optimum() {
    let design = counts(&[1.0, 2.0, 4.0, 5.0]);
    let (rows, optimum) = (Rows::new(&design), 3.0_f64.ln());
    let penalty = rows.penalty(&design, 1.0).expect("scales are moderate");
    for away in [-0.3, -0.1, 0.0, 0.1, 0.3] {
        for off in [1e-6, -1e-6, 1e-3, -1e-3] {
            let mut solver = Solver::new(Loss::Poisson, &rows, &[0.0, optimum + away], vec![0.0; 2]);
            solver.pass(&rows, &design, Arithmetic::Single);
            solver.refresh(&rows, &design, &penalty, false);
            solver.v[1] = Double::from(optimum + off);
            solver.pass(&rows, &design, Arithmetic::Single);
            let standing = solver.stand(&penalty).expect("numbers are finite");
            let found = solver.enclose(&rows, &design, &penalty, &standing).expect("the point is near");
            let error = (optimum + off - found.step[1] - optimum).abs();
            assert!(error <= found.errors[1], "{away} {off}: {error:e} is over {:e}", found.errors[1]);
            if away > 0.0 {
                assert!(error > 0.5 * found.errors[1], "{away} {off}: {:e} is wide for {error:e}", found.errors[1]);
            }
        }
    }
}
