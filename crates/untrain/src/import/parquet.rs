//! Parquet: columns that carry their types.

use std::fs::File;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date64Type, Float64Type, Int64Type};
use arrow_array::{Array as _, ArrayRef, Float64Array, StringArray};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};
use arrow_select::concat::concat;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use untrain_core::Kind;

use super::error::{Error, Result};
use super::table::{Cells, Plan, Reading, Table, Want};

const BATCH: usize = 65_536;
const MILLISECONDS_A_DAY: f64 = 86_400_000.0;

/// Reads a whole file.
pub(super) fn read(reading: Reading<'_>, plan: &Plan<'_>) -> Result<Table> {
    let file = File::open(reading.path).map_err(|e| reading.io(e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| wrong(reading, e))?;
    let schema = Arc::clone(builder.schema());
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    reading.check_names(&names)?;
    let wants = plan(&names)?;
    let kept: Vec<usize> = (0..names.len()).filter(|i| wants[*i] != Want::Nothing).collect();
    check_types(reading, &schema, &kept)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), kept.iter().copied());
    let reader = builder.with_projection(mask).with_batch_size(BATCH).build().map_err(|e| wrong(reading, e))?;
    let mut chunks: Vec<Vec<ArrayRef>> = vec![Vec::new(); kept.len()];
    let mut len = 0;
    for batch in reader {
        let batch = batch.map_err(|e| wrong(reading, e))?;
        len += batch.num_rows();
        for ((chunks, values), place) in chunks.iter_mut().zip(batch.columns()).zip(&kept) {
            chunks.push(plain(reading, values, wants[*place]).map_err(|e| wrong(reading, e))?);
        }
    }
    let mut columns = Vec::with_capacity(kept.len());
    for (chunks, place) in chunks.into_iter().zip(kept).filter(|_| len > 0) {
        let pieces: Vec<&dyn arrow_array::Array> = chunks.iter().map(AsRef::as_ref).collect();
        let whole = concat(&pieces).map_err(|e| wrong(reading, e))?;
        columns.push((names[place].clone(), cells(&whole, wants[place])?));
    }
    Ok(Table { path: reading.path.to_owned(), columns, len, lines: None })
}

fn wrong(reading: Reading<'_>, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Parquet { path: reading.path.to_owned(), source: Box::new(source) }
}

fn check_types(reading: Reading<'_>, schema: &Schema, kept: &[usize]) -> Result<()> {
    for place in kept {
        let field = schema.field(*place);
        let kind = match field.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        let known = kind.is_numeric() || is_text(kind) || matches!(kind, DataType::Boolean | DataType::Null | DataType::Timestamp(..));
        if !known && !matches!(kind, DataType::Date32 | DataType::Date64) {
            let (path, column) = (reading.path.to_owned(), field.name().clone());
            return Err(Error::Type { path, column, found: field.data_type().to_string() });
        }
    }
    Ok(())
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The values as `Utf8`, `Boolean` or `Float64`.
fn plain(reading: Reading<'_>, values: &ArrayRef, want: Want) -> Result<ArrayRef, ArrowError> {
    let scaled = |divisor: f64| -> Result<ArrayRef, ArrowError> {
        let whole = cast(values, &DataType::Int64)?;
        Ok(Arc::new(whole.as_primitive::<Int64Type>().unary::<_, Float64Type>(|value| value as f64 / divisor)))
    };
    match values.data_type() {
        DataType::Dictionary(_, inner) => plain(reading, &cast(values, inner)?, want),
        DataType::Boolean => Ok(Arc::clone(values)),
        DataType::Date32 => cast(&cast(values, &DataType::Int32)?, &DataType::Float64),
        DataType::Date64 => {
            let days = values.as_primitive::<Date64Type>().unary::<_, Float64Type>(|value| value as f64 / MILLISECONDS_A_DAY);
            Ok(Arc::new(days))
        }
        DataType::Timestamp(unit, _) => scaled(match unit {
            TimeUnit::Second => 1.0,
            TimeUnit::Millisecond => 1e3,
            TimeUnit::Microsecond => 1e6,
            TimeUnit::Nanosecond => 1e9,
        }),
        kind if kind.is_numeric() && !(want == Want::Text && is_whole(kind)) => {
            let numbers = cast(values, &DataType::Float64)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            let markers: Vec<f64> = reading.missing.iter().filter_map(|marker| Kind::number(marker)).collect();
            let missing = |value: f64| value.is_nan() || markers.contains(&value);
            if numbers.values().iter().any(|value| missing(*value)) {
                return Ok(Arc::new(numbers.iter().map(|value| value.filter(|value| !missing(*value))).collect::<Float64Array>()));
            }
            Ok(Arc::new(numbers.clone()))
        }
        _ => {
            let texts = cast(values, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            Ok(Arc::new(texts.iter().map(|text| text.filter(|text| !reading.is_missing(text))).collect::<StringArray>()))
        }
    }
}

/// Whether the numbers of this type are integers, whose digits a float may not hold.
fn is_whole(kind: &DataType) -> bool {
    let decimal =
        matches!(kind, DataType::Decimal32(_, 0) | DataType::Decimal64(_, 0) | DataType::Decimal128(_, 0) | DataType::Decimal256(_, 0));
    kind.is_integer() || decimal
}

fn cells(whole: &ArrayRef, want: Want) -> Result<Cells> {
    let cells = match whole.data_type() {
        DataType::Boolean => Cells::Flags(whole.as_boolean().clone()),
        DataType::Float64 => Cells::Numbers(whole.as_primitive::<Float64Type>().clone()),
        _ => Cells::Texts(whole.as_string::<i32>().clone()),
    };
    if want == Want::Text { cells.into_texts().map(Cells::Texts) } else { Ok(cells) }
}
