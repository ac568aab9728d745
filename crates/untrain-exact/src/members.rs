//! Who is in a model: the ids of its records, each with the row that holds what the model needs of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use untrain_core::{Dataset, Error, Reader, Result, Writer, check_distinct};

/// The ids of a model's records. Rows are numbered from 0 without holes; the last row takes the place of one that leaves.
/// Which row a record has is history, and must not reach bytes: [`Members::sorted`] is the canonical order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    ids: Vec<Arc<str>>,
    rows: BTreeMap<Arc<str>, u32>,
}

impl Members {
    /// The records of `data`, in its order.
    pub(crate) fn of(data: &Dataset) -> Self {
        let ids: Vec<Arc<str>> = data.ids().iter().flatten().map(Arc::from).collect();
        let rows = ids.iter().enumerate().map(|(row, id)| (Arc::clone(id), row as u32)).collect();
        Self { ids, rows }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The row of a record.
    pub(crate) fn row(&self, id: &str) -> Option<u32> {
        self.rows.get(id).copied()
    }

    /// The id of a row.
    pub(crate) fn id(&self, row: u32) -> &str {
        &self.ids[row as usize]
    }

    /// The rows in the order of their ids.
    #[cfg(test)]
    pub(crate) fn sorted(&self) -> impl Iterator<Item = (&str, u32)> {
        self.rows.iter().map(|(id, row)| (id.as_ref(), *row))
    }

    /// The rows of records that are to leave.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownIds`] and [`Error::RepeatedIds`].
    pub(crate) fn find(&self, ids: &[String]) -> Result<Vec<u32>> {
        check_known(ids, |id| self.rows.contains_key(id))?;
        Ok(ids.iter().filter_map(|id| self.row(id)).collect())
    }

    /// The places in `retained` of records that are to join.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownIds`] and [`Error::RepeatedIds`] as `retained` sees it, [`Error::AlreadyPresent`].
    pub(crate) fn joining(&self, ids: &[String], retained: &Dataset) -> Result<Vec<usize>> {
        let places = retained.positions(ids)?;
        check_absent(ids, |id| self.rows.contains_key(id))?;
        Ok(places)
    }

    /// Adds a record, which must be new, as the last row.
    pub(crate) fn push(&mut self, id: &str) {
        let id: Arc<str> = Arc::from(id);
        self.rows.insert(Arc::clone(&id), self.ids.len() as u32);
        self.ids.push(id);
    }

    /// Removes the record of a row; the last row, if it is another, takes its place.
    pub(crate) fn swap_remove(&mut self, row: u32) {
        let id = self.ids.swap_remove(row as usize);
        self.rows.remove(&id);
        if let Some(moved) = self.ids.get(row as usize) {
            self.rows.insert(Arc::clone(moved), row);
        }
    }

    /// Writes the ids, sorted.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.varint(self.rows.len() as u64);
        self.rows.keys().for_each(|id| out.text(id));
    }

    /// Reads ids, which must be those of `data`.
    pub(crate) fn read(input: &mut Reader<'_>, data: &Dataset) -> Result<Self> {
        let n = input.count()?;
        let mut same = n == data.len();
        for place in 0..n {
            let id = input.text()?;
            same = same && data.id(place) == id;
        }
        if same { Ok(Self::of(data)) } else { Err(input.malformed("it is of other records")) }
    }
}

/// Refuses ids that a model does not have, and then ids named more than once.
pub(crate) fn check_known(ids: &[String], has: impl Fn(&str) -> bool) -> Result<()> {
    let unknown: Vec<String> = ids.iter().filter(|id| !has(id)).cloned().collect();
    if unknown.is_empty() { check_distinct(ids) } else { Err(Error::UnknownIds { ids: unknown }) }
}

/// Refuses ids that a model has already.
pub(crate) fn check_absent(ids: &[String], has: impl Fn(&str) -> bool) -> Result<()> {
    let present: Vec<String> = ids.iter().filter(|id| has(id)).cloned().collect();
    if present.is_empty() { Ok(()) } else { Err(Error::AlreadyPresent { ids: present }) }
}
