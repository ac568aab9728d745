//! How the records of a dataset stand in the store: in parts, so that forgetting one rewrites few others.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field};
use arrow_select::concat::concat;
use arrow_select::take::take;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use untrain_core::{Dataset, Kind, Schema, Seed};
use untrain_ledger::commitment::SALT_BYTES;

use crate::commitments::Salts;
use crate::import::Roles;

/// About how many records a part holds when a dataset is imported.
const RECORDS_PER_PART: usize = 4096;

/// The type of the column of salts, which no column of records has.
const SALT: DataType = DataType::FixedSizeBinary(SALT_BYTES as i32);

const PURPOSE: u64 = 0x7061_7274_0000_0000; // "part"

/// What the store keeps of a dataset besides its records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) schema: Schema,
    /// How the file was read, so that more of its kind are read alike.
    pub(crate) reading: Roles,
    /// How many parts there are, as a power of two.
    pub(crate) part_bits: u32,
}

/// How many parts a dataset of `n` records has, as a power of two.
pub(crate) fn part_bits(n: usize) -> u32 {
    n.div_ceil(RECORDS_PER_PART).next_power_of_two().ilog2()
}

/// The part of a record: the first bits of a hash of its id, which other records do not move.
pub(crate) fn part_of(id: &str, bits: u32) -> u32 {
    (Seed(0).hash(PURPOSE, id.as_bytes()) >> 32 >> (32 - bits)) as u32
}

/// Writes the records at some places and their salts, in Arrow's stream format.
pub(crate) fn write_part(data: &Dataset, salts: &Salts, places: &[u32]) -> Result<Vec<u8>, ArrowError> {
    let mut salt_column = FixedSizeBinaryBuilder::with_capacity(places.len(), SALT_BYTES as i32);
    places.iter().try_for_each(|place| salt_column.append_value(salts[*place as usize]))?;
    let places = UInt32Array::from(places.to_vec());
    let mut columns = vec![("id", take(data.ids(), &places, None)?), ("salt", Arc::new(salt_column.finish()) as ArrayRef)];
    for (column, values) in data.schema().columns.iter().zip(data.columns()) {
        columns.push((&column.name, take(values, &places, None)?));
    }
    let batch = RecordBatch::try_from_iter(columns)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(&batch)?;
    writer.finish()?;
    writer.into_inner()
}

/// Reads parts back into a dataset and the salts of its records; a store of the first format has no salts.
pub(crate) fn read_parts(schema: &Schema, parts: &[Vec<u8>]) -> Result<(Dataset, Option<Salts>), ArrowError> {
    let read = |part: &Vec<u8>| StreamReader::try_new(Cursor::new(part), None)?.collect::<Result<Vec<RecordBatch>, _>>();
    let batches = parts.par_iter().map(read).collect::<Result<Vec<_>, _>>()?.concat();
    let column = |place: usize, kind: &DataType| -> Result<ArrayRef, ArrowError> {
        let arrays: Vec<&dyn arrow_array::Array> = batches.iter().map(|batch| batch.column(place).as_ref()).collect();
        if arrays.is_empty() { Ok(arrow_array::new_empty_array(kind)) } else { concat(&arrays) }
    };
    let has_salts = batches.iter().all(|batch| batch.num_columns() > 1 && *batch.column(1).data_type() == SALT);
    let first = if has_salts { 2 } else { 1 };
    let ids = column(0, &DataType::Utf8)?;
    let ids: &StringArray = ids.as_string_opt().ok_or_else(|| ArrowError::SchemaError("the ids are not text".to_owned()))?;
    let columns = schema
        .columns
        .iter()
        .enumerate()
        .map(|(place, description)| column(place + first, field(description.kind).data_type()))
        .collect::<Result<Vec<_>, _>>()?;
    let data = Dataset::new(schema.clone(), ids, columns).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
    if !has_salts {
        return Ok((data, None));
    }
    let (column, mut salts) = (column(1, &SALT)?, vec![[0; SALT_BYTES]; data.len()]);
    let places: Vec<Option<usize>> = (0..data.len()).into_par_iter().map(|i| data.position(ids.value(i))).collect();
    for (place, salt) in places.into_iter().zip(column.as_fixed_size_binary().iter().flatten()) {
        if let (Some(place), Ok(salt)) = (place, salt.try_into()) {
            salts[place] = salt;
        }
    }
    Ok((data, Some(salts)))
}

fn field(kind: Kind) -> Field {
    let kind = match kind {
        Kind::Numeric => DataType::Float64,
        Kind::Boolean => DataType::Boolean,
        Kind::Categorical => DataType::Utf8,
        Kind::Image => DataType::Binary,
    };
    Field::new("", kind, true)
}
