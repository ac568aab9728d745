//! Tables that are generated: every value is a hash of its record's number and its column, so a table of 10,000 records begins
//! with the one of 1,000.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::{ArrayRef, Float64Array, StringArray};
use untrain_core::{Column, Dataset, Holdout, Kind, Role, Schema};

/// Test records are numbered from here, whatever the size of the training set.
const TEST_FROM: u64 = 1 << 40;

/// The records to train on.
pub(super) fn training(n: u64) -> Range<u64> {
    0..n
}

/// The records to test with.
pub(super) fn testing(n: u64) -> Range<u64> {
    TEST_FROM..TEST_FROM + n
}

/// A table under way.
pub(super) struct Generated {
    records: Range<u64>,
    columns: Vec<Column>,
    arrays: Vec<ArrayRef>,
}

impl Generated {
    pub(super) fn new(records: Range<u64>) -> Self {
        Self { records, columns: Vec::new(), arrays: Vec::new() }
    }

    /// Adds a column of numbers.
    pub(super) fn numbers<T: Into<Option<f64>>>(&mut self, name: String, role: Role, value: impl Fn(u64) -> T) {
        let values = self.records.clone().map(|record| value(record).into());
        self.arrays.push(Arc::new(values.collect::<Float64Array>()));
        self.columns.push(Column { name, kind: Kind::Numeric, role, declared: true });
    }

    /// Adds a column of texts.
    pub(super) fn texts<T: Into<Option<String>>>(&mut self, name: String, role: Role, value: impl Fn(u64) -> T) {
        let values = self.records.clone().map(|record| value(record).into());
        self.arrays.push(Arc::new(values.collect::<StringArray>()));
        self.columns.push(Column { name, kind: Kind::Categorical, role, declared: true });
    }

    pub(super) fn dataset(self, holdout: Option<Holdout>) -> Result<Dataset> {
        let ids: StringArray = self.records.map(|record| Some(format!("{record:013}"))).collect();
        Ok(Dataset::new(Schema { id: Some("id".to_owned()), columns: self.columns, holdout }, &ids, self.arrays)?)
    }
}
