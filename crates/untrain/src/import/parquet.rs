//! Parquet, and tables in memory: columns that carry their types.

use std::fs::File;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date64Type, Float64Type, Int64Type};
use arrow_array::{Array as _, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};
use arrow_select::concat::concat;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rayon::prelude::*;
use untrain_core::Kind;

use super::error::{Error, ImageFault, Result};
use super::images::{Picture, Pictures, Usual, decode};
use super::table::{Cells, Plan, Reading, Table, Want};

const BATCH: usize = 65_536;
/// How many images are decoded at a time.
const IMAGE_BATCH: usize = 1024;
const MILLISECONDS_A_DAY: f64 = 86_400_000.0;

/// Reads a whole file.
pub(super) fn read(reading: Reading<'_>, plan: &Plan<'_>) -> Result<Table> {
    let file = File::open(reading.path).map_err(|e| reading.io(e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| wrong(reading, e))?;
    let wanted = Wanted::of(reading, builder.schema(), plan)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.kept.iter().copied());
    let batch_size = if wanted.is_image.contains(&true) { IMAGE_BATCH } else { BATCH };
    let reader = builder.with_projection(mask).with_batch_size(batch_size).build().map_err(|e| wrong(reading, e))?;
    wanted.gather(reading, reader.map(|batch| batch.map_err(|e| wrong(reading, e))))
}

/// Reads a table in memory.
pub(super) fn read_batch(reading: Reading<'_>, batch: &RecordBatch, plan: &Plan<'_>) -> Result<Table> {
    let wanted = Wanted::of(reading, batch.schema_ref(), plan)?;
    let kept = batch.project(&wanted.kept).map_err(|e| wrong(reading, e))?;
    wanted.gather(reading, [Ok(kept)])
}

/// The columns of a table, and what is wanted of them.
struct Wanted {
    names: Vec<String>,
    wants: Vec<Want>,
    /// The places of those that are read.
    kept: Vec<usize>,
    /// Which of these hold images.
    is_image: Vec<bool>,
}

impl Wanted {
    fn of(reading: Reading<'_>, schema: &Schema, plan: &Plan<'_>) -> Result<Self> {
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        reading.check_names(&names)?;
        let wants = plan(&names)?;
        let kept: Vec<usize> = (0..names.len()).filter(|i| wants[*i] != Want::Nothing).collect();
        check_types(reading, schema, &kept, &wants)?;
        let is_image = kept.iter().map(|place| is_image(schema.field(*place).data_type())).collect();
        Ok(Self { names, wants, kept, is_image })
    }

    /// The table of which `batches` hold the columns that are kept.
    fn gather(self, reading: Reading<'_>, batches: impl IntoIterator<Item = Result<RecordBatch>>) -> Result<Table> {
        let Self { names, wants, kept, is_image } = self;
        let gathered = |is_image: &bool| if *is_image { Gathered::Images(Pictures::default()) } else { Gathered::Values(Vec::new()) };
        let mut columns: Vec<Gathered> = is_image.iter().map(gathered).collect();
        let mut len = 0;
        for batch in batches {
            let batch = batch?;
            for ((gathered, values), place) in columns.iter_mut().zip(batch.columns()).zip(&kept) {
                match gathered {
                    Gathered::Values(chunks) => chunks.push(plain(reading, values, wants[*place]).map_err(|e| wrong(reading, e))?),
                    Gathered::Images(pictures) => images(reading, values, len, pictures)?,
                }
            }
            len += batch.num_rows();
        }
        let finish = |(gathered, place): (Gathered, usize)| {
            let cells = match gathered {
                Gathered::Images(pictures) => Cells::Images(pictures.finish()),
                Gathered::Values(chunks) => {
                    let pieces: Vec<&dyn arrow_array::Array> = chunks.iter().map(AsRef::as_ref).collect();
                    cells(&concat(&pieces).map_err(|e| wrong(reading, e))?, wants[place])?
                }
            };
            Ok((names[place].clone(), cells))
        };
        let columns = columns.into_iter().zip(kept).filter(|_| len > 0).map(finish).collect::<Result<_>>()?;
        Ok(Table { path: reading.path.to_owned(), columns, len, lines: None, usual: Usual::default() })
    }
}

/// What was read of a column so far.
enum Gathered {
    Values(Vec<ArrayRef>),
    Images(Pictures),
}

/// Decodes the images of rows from `first` on.
fn images(reading: Reading<'_>, values: &ArrayRef, first: usize, pictures: &mut Pictures) -> Result<()> {
    let row = |i: usize| (first + i) as u64 + 1;
    let wrong_image = |i: usize, fault| Error::Image { path: reading.path.to_owned(), row: Some(row(i)), fault };
    let files = match values.as_struct_opt() {
        Some(structs) => structs.column_by_name(BYTES).unwrap_or(values),
        None => values,
    };
    let files = cast(files, &DataType::LargeBinary).map_err(|e| wrong(reading, e))?;
    let files = files.as_binary::<i64>();
    let load = |i: usize| -> Result<Picture> {
        if values.is_null(i) || files.is_null(i) {
            return Err(wrong_image(i, ImageFault::Missing));
        }
        decode(files.value(i)).map_err(|fault| wrong_image(i, fault))
    };
    let loaded: Vec<Result<Picture>> = (0..files.len()).into_par_iter().map(load).collect();
    for (i, picture) in loaded.into_iter().enumerate() {
        pictures.push(&picture?, || format!("row {}", row(i)))?.map_err(|fault| wrong_image(i, fault))?;
    }
    Ok(())
}

/// The field of an image in Hugging Face's data sets that holds the file; beside it stands a path.
const BYTES: &str = "bytes";

/// Whether values of this type are the bytes of image files.
fn is_image(kind: &DataType) -> bool {
    let is_bytes = |kind: &DataType| matches!(kind, DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
    match kind {
        DataType::Struct(fields) => fields.find(BYTES).is_some_and(|(_, field)| is_bytes(field.data_type())),
        kind => is_bytes(kind),
    }
}

fn wrong(reading: Reading<'_>, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Parquet { path: reading.path.to_owned(), source: Box::new(source) }
}

fn check_types(reading: Reading<'_>, schema: &Schema, kept: &[usize], wants: &[Want]) -> Result<()> {
    for place in kept {
        let field = schema.field(*place);
        if is_image(field.data_type()) && wants[*place] == Want::Text {
            return Err(Error::NotText { path: reading.path.to_owned(), column: field.name().clone() });
        }
        let kind = match field.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        let known = kind.is_numeric() || is_text(kind) || matches!(kind, DataType::Boolean | DataType::Null | DataType::Timestamp(..));
        if !known && !matches!(kind, DataType::Date32 | DataType::Date64) && !is_image(kind) {
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
