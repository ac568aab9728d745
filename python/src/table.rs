//! NumPy arrays, dictionaries of columns and Arrow streams as the columns of a dataset.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::ffi_stream::RecordBatchStreamReader;
use arrow_array::types::{Date64Type, Float64Type, Int64Type};
use arrow_array::{Array as _, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_pyarrow::FromPyArrow as _;
use arrow_schema::{ArrowError, DataType, SchemaRef, TimeUnit};
use arrow_select::concat::concat_batches;
use numpy::ndarray::{ArrayView2, ArrayView4};
use numpy::{Element, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray4};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use untrain_core::{Column, Dataset, Error, ImageShape, Kind, Role, Schema};

use crate::errors::raised;

const MILLISECONDS_A_DAY: f64 = 86_400_000.0;

/// The columns of a table, with their names and kinds.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    values: Vec<ArrayRef>,
    len: usize,
}

/// A column as Python hands it over.
#[derive(FromPyObject)]
pub(crate) enum Cells<'py> {
    /// Truth values.
    Flags(PyReadonlyArray1<'py, bool>),
    /// Integers.
    Integers(PyReadonlyArray1<'py, i64>),
    /// Numbers; NaN is missing.
    Numbers(PyReadonlyArray1<'py, f64>),
    /// Text.
    Texts(Vec<Option<String>>),
}

impl Cells<'_> {
    fn values(&self) -> ArrayRef {
        match self {
            Self::Flags(flags) => Arc::new(flags.as_array().iter().copied().map(Some).collect::<BooleanArray>()),
            Self::Integers(integers) => Arc::new(Int64Array::from_iter_values(integers.as_array().iter().copied())),
            Self::Numbers(numbers) => Arc::new(numbers_of(numbers.as_array().iter().copied())),
            Self::Texts(texts) => Arc::new(texts.iter().collect::<StringArray>()),
        }
    }
}

/// Records as a batch: of a dictionary of columns, or of anything that exports an Arrow stream.
pub(crate) fn batch(x: &Bound<'_, PyAny>) -> PyResult<RecordBatch> {
    let arrow = |error: ArrowError| raised(x.py(), Error::Schema { reason: error.to_string() });
    if let Ok(columns) = x.cast::<PyDict>() {
        let column = |(name, cells): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            Ok((name.extract::<String>()?, cells.extract::<Cells<'_>>()?.values(), true))
        };
        let columns = columns.iter().map(column).collect::<PyResult<Vec<_>>>()?;
        return RecordBatch::try_from_iter_with_nullable(columns).map_err(arrow);
    }
    let stream = RecordBatchStreamReader::from_pyarrow_bound(x)?;
    x.py().detach(|| whole(stream)).map_err(arrow)
}

fn whole(stream: RecordBatchStreamReader) -> Result<RecordBatch, ArrowError> {
    let schema: SchemaRef = arrow_array::RecordBatchReader::schema(&stream);
    let batches = stream.collect::<Result<Vec<RecordBatch>, _>>()?;
    concat_batches(&schema, &batches)
}

impl Table {
    /// The features `x`: a NumPy array of two dimensions, whose columns `names` names, or of bytes and four, which are images; or what
    /// [`batch`] takes.
    ///
    /// The copy is made while the interpreter is held: nobody else may write into the array meanwhile.
    pub(crate) fn of(x: &Bound<'_, PyAny>, names: Option<Vec<String>>) -> PyResult<Self> {
        match names {
            None => Self::of_batch(&batch(x)?).map_err(|error| raised(x.py(), error)),
            Some(names) => {
                if let Ok(images) = x.extract::<PyReadonlyArray4<'_, u8>>() {
                    return Self::of_images(images.as_array(), names).map_err(|error| raised(x.py(), error));
                }
                match x.extract::<PyReadonlyArray2<'_, f32>>() {
                    Ok(array) => Self::of_numbers(x.py(), array.as_array(), names),
                    Err(_) => Self::of_numbers(x.py(), x.extract::<PyReadonlyArray2<'_, f64>>()?.as_array(), names),
                }
            }
        }
    }

    /// The same table with a target, which is a column of its own.
    pub(crate) fn with_target(mut self, py: Python<'_>, name: String, target: &Cells<'_>) -> PyResult<Self> {
        let values = target.values();
        let (kind, values) = match target {
            Cells::Flags(_) => (Kind::Boolean, values),
            Cells::Texts(_) => (Kind::Categorical, values),
            Cells::Integers(_) | Cells::Numbers(_) => {
                let numbers = cast(&values, &DataType::Float64).map_err(|error| raised(py, Error::Schema { reason: error.to_string() }))?;
                (Kind::Numeric, numbers)
            }
        };
        if values.len() != self.len {
            let reason = format!("there are {} rows and {} targets", self.len, values.len());
            return Err(raised(py, Error::Schema { reason }));
        }
        self.columns.push(Column { name, kind, role: Role::Target, declared: true });
        self.values.push(values);
        Ok(self)
    }

    /// The same table, one column of which names the people that records belong to.
    pub(crate) fn with_subject(mut self, name: &str) -> Self {
        self.columns.iter_mut().filter(|column| column.name == name).for_each(|column| column.role = Role::Subject);
        self
    }

    /// The dataset of the records of this table, which `ids` names; without them, their places do.
    pub(crate) fn named(self, ids: Option<Vec<String>>) -> untrain_core::Result<Dataset> {
        let places = || (0..self.len).map(|row| row.to_string()).collect();
        let ids = ids.unwrap_or_else(places);
        self.dataset(&ids)
    }

    /// The dataset of the records of this table, which `ids` names.
    pub(crate) fn dataset(self, ids: &[String]) -> untrain_core::Result<Dataset> {
        let schema = Schema { id: Some("id".to_owned()), columns: self.columns, holdout: None };
        if ids.len() != self.len {
            return Err(Error::Schema { reason: format!("there are {} rows and {} ids", self.len, ids.len()) });
        }
        Dataset::new(schema, &ids.iter().map(Some).collect(), self.values)
    }

    /// The dataset of rows that need no names, in their order.
    pub(crate) fn rows(self) -> untrain_core::Result<Dataset> {
        let ids: Vec<String> = (0..self.len).map(|row| format!("{row:010}")).collect();
        self.dataset(&ids)
    }

    fn of_numbers<T: Element + Copy + Into<f64>>(py: Python<'_>, array: ArrayView2<'_, T>, names: Vec<String>) -> PyResult<Self> {
        if array.ncols() != names.len() {
            let reason = format!("there are {} columns and {} names", array.ncols(), names.len());
            return Err(raised(py, Error::Schema { reason }));
        }
        let values = array.columns().into_iter().map(|column| {
            let numbers = numbers_of(column.iter().map(|value| (*value).into()));
            Arc::new(numbers) as ArrayRef
        });
        let values = values.collect();
        let columns = names.into_iter().map(|name| Column { name, kind: Kind::Numeric, role: Role::Feature, declared: true }).collect();
        Ok(Self { columns, values, len: array.nrows() })
    }

    /// Images, one a row: height, width, channels.
    fn of_images(images: ArrayView4<'_, u8>, names: Vec<String>) -> untrain_core::Result<Self> {
        let (len, height, width, channels) = images.dim();
        let large = |_| Error::Schema { reason: format!("images of {height} × {width} × {channels} are too large") };
        let shape = ImageShape {
            channels: channels.try_into().map_err(large)?,
            height: height.try_into().map_err(large)?,
            width: width.try_into().map_err(large)?,
        };
        // The canonical bytes have one channel after the other.
        let planar = images.permuted_axes([0, 3, 1, 2]);
        let bytes = planar.outer_iter().map(|image| shape.image_bytes(&image.iter().copied().collect::<Vec<u8>>()));
        let values: ArrayRef = Arc::new(BinaryArray::from_iter_values(bytes.collect::<untrain_core::Result<Vec<_>>>()?));
        let column = |name| Column { name, kind: Kind::Image, role: Role::Feature, declared: true };
        let columns: Vec<Column> = names.into_iter().take(1).map(column).collect();
        Ok(Self { columns, values: vec![values], len })
    }

    fn of_batch(whole: &RecordBatch) -> untrain_core::Result<Self> {
        let mut table = Self { columns: Vec::new(), values: Vec::new(), len: whole.num_rows() };
        for (field, values) in whole.schema_ref().fields().iter().zip(whole.columns()) {
            let Some((kind, values)) = plain(values).map_err(|error| Error::Schema { reason: error.to_string() })? else {
                let reason = format!("column \"{}\" holds {}, which is no number, truth value or text", field.name(), field.data_type());
                return Err(Error::Schema { reason });
            };
            table.columns.push(Column { name: field.name().clone(), kind, role: Role::Feature, declared: true });
            table.values.push(values);
        }
        Ok(table)
    }
}

/// The values by their kind, read as the import of Parquet reads them: dates are days and timestamps seconds since 1970; `None` for a
/// type that no column of a dataset can have. A dictionary is a category, whatever it is made of.
fn plain(values: &ArrayRef) -> Result<Option<(Kind, ArrayRef)>, ArrowError> {
    let scaled = |divisor: f64| -> Result<ArrayRef, ArrowError> {
        let whole = cast(values, &DataType::Int64)?;
        Ok(Arc::new(whole.as_primitive::<Int64Type>().unary::<_, Float64Type>(|value| value as f64 / divisor)))
    };
    Ok(Some(match values.data_type() {
        DataType::Dictionary(_, inner) => (Kind::Categorical, cast(&cast(values, inner)?, &DataType::Utf8)?),
        DataType::Boolean => (Kind::Boolean, Arc::clone(values)),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => (Kind::Categorical, cast(values, &DataType::Utf8)?),
        DataType::Date32 => (Kind::Numeric, cast(&cast(values, &DataType::Int32)?, &DataType::Float64)?),
        DataType::Date64 => {
            let days = values.as_primitive::<Date64Type>().unary::<_, Float64Type>(|value| value as f64 / MILLISECONDS_A_DAY);
            (Kind::Numeric, Arc::new(days))
        }
        DataType::Timestamp(unit, _) => {
            let seconds = scaled(match unit {
                TimeUnit::Second => 1.0,
                TimeUnit::Millisecond => 1e3,
                TimeUnit::Microsecond => 1e6,
                TimeUnit::Nanosecond => 1e9,
            })?;
            (Kind::Numeric, seconds)
        }
        DataType::Null => (Kind::Numeric, Arc::new(Float64Array::new_null(values.len()))),
        kind if kind.is_numeric() => {
            let numbers = cast(values, &DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            let present = numbers.iter().map(|value| value.filter(|value| !value.is_nan()));
            (Kind::Numeric, Arc::new(present.collect::<Float64Array>()))
        }
        _ => return Ok(None),
    }))
}

/// Numbers, where NaN is a missing value.
fn numbers_of(values: impl ExactSizeIterator<Item = f64>) -> Float64Array {
    let values: Vec<f64> = values.collect();
    if values.iter().any(|value| value.is_nan()) {
        values.into_iter().map(|value| (!value.is_nan()).then_some(value)).collect()
    } else {
        Float64Array::from(values)
    }
}
