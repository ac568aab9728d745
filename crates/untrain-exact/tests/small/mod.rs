//! A small table, for numbers that another library gives too, and settings of the preprocessing.
#![allow(dead_code, reason = "each suite uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use proptest::prelude::*;
use untrain_core::{Column, Dataset, Error, Kind, Predictions, Role, Schema};
use untrain_exact::Preprocessing;

pub(crate) fn preprocessing() -> impl Strategy<Value = Preprocessing> {
    (any::<bool>(), any::<(bool, bool, bool, bool)>()).prop_map(|(standardize, (fill, log, clip, text))| {
        let mut how = Preprocessing { standardize, ..Preprocessing::default() };
        let name = || "x0".to_owned();
        if fill {
            how.fill = BTreeMap::from([(name(), 2.5)]);
        }
        if log {
            how.log.push(name());
        }
        if clip {
            how.clip = BTreeMap::from([(name(), (-1.0, 3.0))]);
        }
        if text {
            how.text = BTreeMap::from([(name(), 7)]);
        }
        how
    })
}

pub(crate) fn table(x: &[[f64; 2]], c: &[&str], y: ArrayRef, kind: Kind) -> Result<Dataset, Error> {
    let column = |name: &str, kind, role| Column { name: name.into(), kind, role, declared: true };
    let columns = vec![
        column("a", Kind::Numeric, Role::Feature),
        column("b", Kind::Numeric, Role::Feature),
        column("c", Kind::Categorical, Role::Feature),
        column("y", kind, Role::Target),
    ];
    let ids = StringArray::from_iter_values((0..x.len()).map(|i| format!("{i:03}")));
    let number = |at: usize| Arc::new(x.iter().map(|x| (!x[at].is_nan()).then_some(x[at])).collect::<Float64Array>()) as ArrayRef;
    let arrays = vec![number(0), number(1), Arc::new(StringArray::from(c.to_vec())) as ArrayRef, y];
    Dataset::new(Schema { id: Some("id".into()), columns, holdout: None }, &ids, arrays)
}

pub(crate) const X: [[f64; 2]; 8] =
    [[1.0, 20.0], [2.0, 10.0], [3.0, 35.0], [4.0, 5.0], [f64::NAN, 15.0], [6.0, 50.0], [7.5, -10.0], [8.0, 0.0]];
pub(crate) const C: [&str; 8] = ["u", "v", "u", "w", "v", "u", "w", "v"];

pub(crate) fn known(predictions: &Predictions, expected: &[f64]) {
    let values: Vec<f64> = match predictions {
        Predictions::Numbers(values) => values.iter().flatten().copied().collect(),
        Predictions::Classes { probabilities, .. } => probabilities.clone(),
        Predictions::Vectors { values, .. } => values.clone(),
        Predictions::Lists { .. } | Predictions::Clusters { .. } => Vec::new(),
    };
    assert_eq!(values.len(), expected.len());
    assert!(values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-5), "{values:?} is not {expected:?}");
}
