//! Records as sparse rows of numbers, by rules that no record decides.

use untrain_core::{Dataset, Error, Kind, Result, Seed, Values, one_of};

const PURPOSE_NUMBER: u64 = 0x6e75_6d62_6572_0000; // "number"
const PURPOSE_OCTAVE: u64 = 0x6f63_7461_7665_0000; // "octave"
const PURPOSE_MISSING: u64 = 0x6d69_7373_696e_6700; // "missing"
const PURPOSE_CATEGORY: u64 = 0x6361_7465_676f_7279; // "category"

/// The features of a dataset; a boolean is a number here.
pub(super) fn inputs(data: &Dataset) -> Vec<(String, Kind)> {
    let kind = |kind| if kind == Kind::Categorical { kind } else { Kind::Numeric };
    data.schema().features().map(|(_, column)| (column.name.clone(), kind(column.kind))).collect()
}

/// Sparse rows: pairs of a weight's place and what it is multiplied with.
pub(super) struct Rows {
    entries: Vec<(u32, f64)>,
    ends: Vec<usize>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn row(&self, i: usize) -> &[(u32, f64)] {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.entries[start..self.ends[i]]
    }
}

/// Makes rows of the records of a dataset.
pub(super) struct Encoder<'a> {
    columns: Vec<(&'a str, Kind, Values<'a>)>,
    n_records: usize,
    n_buckets: u32,
}

impl<'a> Encoder<'a> {
    /// Finds the inputs among the columns of `data`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`]; [`Error::Schema`] for text where a number should be.
    pub(super) fn new(inputs: &'a [(String, Kind)], data: &'a Dataset, n_buckets: u32) -> Result<Self> {
        let mut columns = Vec::with_capacity(inputs.len());
        for (name, kind) in inputs {
            let values = data.values(data.schema().position(name)?);
            let found = match values {
                Values::Texts(_) if *kind == Kind::Numeric => "is text",
                Values::Images(_) => "holds images",
                Values::Numbers(_) | Values::Flags(_) | Values::Texts(_) => "",
            };
            if !found.is_empty() {
                let learnt = if *kind == Kind::Numeric { "numbers" } else { "text" };
                return Err(Error::Schema { reason: format!("\"{name}\" {found}, and the model was trained on {learnt} in it") });
            }
            columns.push((name.as_str(), *kind, values));
        }
        Ok(Self { columns, n_records: data.len(), n_buckets })
    }

    pub(super) fn rows(&self) -> Rows {
        let mut rows = Rows { entries: Vec::new(), ends: Vec::with_capacity(self.n_records) };
        // The purpose of a category or an octave is that of its column, so that equal ones in two columns are two.
        let key = |name: &str, kind| match kind {
            Kind::Categorical => Seed(0).hash(PURPOSE_CATEGORY, name.as_bytes()),
            _ => PURPOSE_OCTAVE ^ Seed(0).hash(PURPOSE_OCTAVE, name.as_bytes()),
        };
        let keys: Vec<u64> = self.columns.iter().map(|(name, kind, _)| key(name, *kind)).collect();
        let places: Vec<[u32; 2]> = self
            .columns
            .iter()
            .map(|(name, ..)| [PURPOSE_NUMBER, PURPOSE_MISSING].map(|purpose| self.bucket(purpose, name.as_bytes())))
            .collect();
        for i in 0..self.n_records {
            for (((_, kind, values), key), [number, missing]) in self.columns.iter().zip(&keys).zip(&places) {
                let entries = &mut rows.entries;
                if *kind == Kind::Categorical {
                    match values.text(i) {
                        Some(text) => entries.push((self.bucket(*key, text.as_bytes()), 1.0)),
                        None => entries.push((*missing, 1.0)),
                    }
                } else if let Some(x) = values.number(i) {
                    let logarithm = libm::copysign(libm::log1p(x.abs()), x);
                    entries.push((*number, logarithm));
                    entries.push((self.bucket(*key, &octave(x)), 1.0));
                } else {
                    entries.push((*missing, 1.0));
                }
            }
            // The last weight is the intercept.
            rows.entries.push((self.n_buckets, 1.0));
            rows.ends.push(rows.entries.len());
        }
        rows
    }

    fn bucket(&self, purpose: u64, bytes: &[u8]) -> u32 {
        one_of(self.n_buckets, Seed(0).hash(purpose, bytes))
    }
}

/// The quarter of an octave of `1 + |x|`, and the sign: exponent and two bits of the fraction.
fn octave(x: f64) -> [u8; 8] {
    let quarter = (1.0 + x.abs()).to_bits() >> 50;
    (quarter << 1 | u64::from(x < 0.0)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octaves_have_four_quarters() {
        assert_eq!(octave(0.0), octave(-0.0));
        assert_eq!(octave(0.0), octave(0.2));
        assert_ne!(octave(0.0), octave(0.25));
        assert_ne!(octave(7.0), octave(-7.0));
        let distinct: std::collections::BTreeSet<_> = (0..127).map(|i| octave(f64::from(i))).collect();
        assert_eq!(distinct.len(), 1 + 2 + 4 * 5);
    }
}
