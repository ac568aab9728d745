//! How the records of a dataset stand in the store: in parts, so that forgetting one rewrites few others.

use std::io::Cursor;

use arrow_array::cast::AsArray as _;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field};
use arrow_select::concat::concat;
use arrow_select::filter::filter_record_batch;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use untrain_core::{Dataset, Kind, Schema, Seed};

use crate::import::Roles;

/// About how many records a part holds when a dataset is imported.
const RECORDS_PER_PART: usize = 4096;

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

/// Writes the records of one part, in Arrow's stream format.
pub(crate) fn write_part(data: &Dataset, parts: &[u32], part: u32) -> Result<(Vec<u8>, u64), ArrowError> {
    let batch = RecordBatch::try_from_iter(
        std::iter::once(("id", Arc::new(data.ids().clone()) as ArrayRef))
            .chain(data.schema().columns.iter().map(|column| column.name.as_str()).zip(data.columns().iter().cloned())),
    )?;
    let mask: BooleanArray = parts.iter().map(|place| Some(*place == part)).collect();
    let batch = filter_record_batch(&batch, &mask)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(&batch)?;
    writer.finish()?;
    Ok((writer.into_inner()?, batch.num_rows() as u64))
}

/// Reads parts back into a dataset.
pub(crate) fn read_parts(schema: &Schema, parts: &[Vec<u8>]) -> Result<Dataset, ArrowError> {
    let mut batches = Vec::new();
    for part in parts {
        for batch in StreamReader::try_new(Cursor::new(part), None)? {
            batches.push(batch?);
        }
    }
    let column = |place: usize, kind: &DataType| -> Result<ArrayRef, ArrowError> {
        let arrays: Vec<&dyn arrow_array::Array> = batches.iter().map(|batch| batch.column(place).as_ref()).collect();
        if arrays.is_empty() { Ok(arrow_array::new_empty_array(kind)) } else { concat(&arrays) }
    };
    let ids = column(0, &DataType::Utf8)?;
    let ids: &StringArray = ids.as_string_opt().ok_or_else(|| ArrowError::SchemaError("the ids are not text".to_owned()))?;
    let columns = schema
        .columns
        .iter()
        .enumerate()
        .map(|(place, description)| column(place + 1, field(description.kind).data_type()))
        .collect::<Result<Vec<_>, _>>()?;
    Dataset::new(schema.clone(), ids, columns).map_err(|error| ArrowError::ExternalError(Box::new(error)))
}

fn field(kind: Kind) -> Field {
    let kind = match kind {
        Kind::Numeric => DataType::Float64,
        Kind::Boolean => DataType::Boolean,
        Kind::Categorical => DataType::Utf8,
    };
    Field::new("", kind, true)
}
