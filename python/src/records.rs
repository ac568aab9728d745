//! The records that a model knows, on their way out: to any library that reads Arrow, and into a pickle.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchIterator, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema as ArrowSchema};
use arrow_select::concat::concat_batches;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use untrain_core::{Dataset, Error, Kind, Result, Schema};

/// Records, as a table whose first column is the id, sorted by it.
#[pyclass(frozen, module = "untrain._native")]
#[derive(Debug)]
pub(crate) struct Records(RecordBatch);

impl Records {
    pub(crate) fn new(data: &Dataset) -> Result<Self> {
        batch(data).map(Self)
    }
}

#[pymethods]
impl Records {
    fn __len__(&self) -> usize {
        self.0.num_rows()
    }

    /// The ids, sorted by their bytes.
    #[getter]
    fn ids(&self) -> Vec<Option<String>> {
        self.0.column(0).as_string::<i32>().iter().map(|id| id.map(str::to_owned)).collect()
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(&self, py: Python<'py>, requested_schema: Option<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyCapsule>> {
        // The protocol lets a producer pass over a schema that it cannot serve; the consumer then casts.
        drop(requested_schema);
        let batches = RecordBatchIterator::new([Ok(self.0.clone())], self.0.schema());
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(batches)), c"arrow_array_stream")
    }

    fn __repr__(&self) -> String {
        let columns: Vec<String> = self.0.schema().fields().iter().map(|field| field.name().clone()).collect();
        format!("<untrain.Records: {} of {}>", self.0.num_rows(), columns.join(", "))
    }
}

/// Writes the records of a dataset in Arrow's stream format.
pub(crate) fn write(data: &Dataset) -> Result<Vec<u8>> {
    let batch = batch(data)?;
    let written = StreamWriter::try_new(Vec::new(), &batch.schema()).and_then(|mut writer| {
        writer.write(&batch)?;
        writer.finish()?;
        writer.into_inner()
    });
    written.map_err(|error| malformed(&error))
}

/// Reads what [`write`] wrote of a dataset with this schema.
pub(crate) fn read(schema: &Schema, bytes: &[u8]) -> Result<Dataset> {
    let read = || {
        let reader = StreamReader::try_new(Cursor::new(bytes), None)?;
        let names = reader.schema();
        concat_batches(&names, &reader.collect::<Result<Vec<_>, _>>()?)
    };
    let whole: RecordBatch = read().map_err(|error| malformed(&error))?;
    let ids = whole.columns().first().and_then(|column| column.as_string_opt::<i32>());
    let ids: &StringArray = ids.ok_or_else(|| Error::Malformed { what: "records", reason: "they have no ids".to_owned() })?;
    Dataset::new(schema.clone(), ids, whole.columns()[1..].to_vec())
}

fn batch(data: &Dataset) -> Result<RecordBatch> {
    let mut fields = vec![Field::new("id", DataType::Utf8, false)];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(data.ids().clone())];
    for (column, values) in data.schema().columns.iter().zip(data.columns()) {
        fields.push(Field::new(&column.name, data_type(column.kind), true));
        columns.push(Arc::clone(values));
    }
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns).map_err(|error| malformed(&error))
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Numeric => DataType::Float64,
        Kind::Boolean => DataType::Boolean,
        Kind::Categorical => DataType::Utf8,
        Kind::Image => DataType::Binary,
    }
}

fn malformed(error: &ArrowError) -> Error {
    Error::Malformed { what: "records", reason: error.to_string() }
}
