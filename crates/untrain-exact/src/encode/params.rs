//! How columns become numbers: the part of a recipe that many learners share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use untrain_core::{Reader, Result, Task, Writer};

use untrain_core::hyperparameters::{refuse, within};

/// How the columns of a dataset become the features of a learner.
///
/// Numbers are quantised to 2^20 steps of the largest magnitude in their column. With `standardize`, each is brought to mean 0
/// and standard deviation 1, both rounded to 8 binary digits so that one record seldom moves them. A missing number counts as
/// the mean (0 after standardising), and a column of its own tells that it was missing. Each category is a column of zeros and
/// ones; a missing category is one too. A category that no retained record has is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preprocessing {
    /// Whether numbers are brought to mean 0 and standard deviation 1.
    pub standardize: bool,
    /// The value that stands for a missing number of a column, instead of the mean.
    pub fill: BTreeMap<String, f64>,
    /// Numeric columns of which sign(x)·log(1 + |x|) is taken.
    pub log: Vec<String>,
    /// The range that the numbers of a column are clipped to, before any logarithm.
    pub clip: BTreeMap<String, (f64, f64)>,
    /// Text columns whose words are counted, with the number of columns that they are hashed into.
    pub text: BTreeMap<String, u32>,
    /// How many words in a row count as one besides single words, at most.
    pub n_gram: u32,
}

impl Default for Preprocessing {
    fn default() -> Self {
        Self { standardize: true, fill: BTreeMap::new(), log: Vec::new(), clip: BTreeMap::new(), text: BTreeMap::new(), n_gram: 1 }
    }
}

/// What a learner wants of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The places of classes.
    Classes,
    /// Numbers, as they are and quantised.
    Numbers,
    /// Nothing.
    Nothing,
}

impl From<Task> for Wanted {
    fn from(task: Task) -> Self {
        match task {
            Task::Classification => Self::Classes,
            Task::Regression => Self::Numbers,
        }
    }
}

impl Preprocessing {
    /// The most columns that the words of one column may be hashed into.
    const MAX_BUCKETS: u32 = 1 << 22;

    /// Checks the ranges.
    pub(crate) fn check(&self) -> Result<()> {
        let Self { standardize: _, fill, log: _, clip, text, n_gram } = self;
        for (column, (low, high)) in clip {
            if !(low.is_finite() && high.is_finite() && low <= high) {
                return Err(refuse("clip", format!("[{low}, {high}] of \"{column}\" is not a range")));
            }
        }
        for (column, value) in fill {
            if !value.is_finite() {
                return Err(refuse("fill", format!("{value} of \"{column}\" is not a finite number")));
            }
        }
        text.values().try_for_each(|buckets| within("text", *buckets, 1, Self::MAX_BUCKETS))?;
        within("n_gram", *n_gram, 1, 8)
    }

    /// Writes the settings canonically.
    pub(crate) fn write(&self, out: &mut Writer) {
        let Self { standardize, fill, log, clip, text, n_gram } = self;
        out.flag(*standardize);
        out.varint(fill.len() as u64);
        for (column, value) in fill {
            out.text(column);
            out.f64(*value);
        }
        out.varint(log.len() as u64);
        log.iter().for_each(|column| out.text(column));
        out.varint(clip.len() as u64);
        for (column, (low, high)) in clip {
            out.text(column);
            out.f64(*low);
            out.f64(*high);
        }
        out.varint(text.len() as u64);
        for (column, buckets) in text {
            out.text(column);
            out.varint(u64::from(*buckets));
        }
        out.varint(u64::from(*n_gram));
    }

    /// Reads settings that [`Preprocessing::write`] wrote.
    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self> {
        let standardize = input.flag()?;
        let fill = (0..input.count()?).map(|_| Ok((input.text()?.to_owned(), input.f64()?))).collect::<Result<_>>()?;
        let log = (0..input.count()?).map(|_| Ok(input.text()?.to_owned())).collect::<Result<_>>()?;
        let clip = (0..input.count()?).map(|_| Ok((input.text()?.to_owned(), (input.f64()?, input.f64()?)))).collect::<Result<_>>()?;
        let text = (0..input.count()?)
            .map(|_| Ok((input.text()?.to_owned(), input.at_most(Self::MAX_BUCKETS as usize)? as u32)))
            .collect::<Result<_>>()?;
        let read = Self { standardize, fill, log, clip, text, n_gram: input.at_most(8)? as u32 };
        read.check().map_err(|error| input.malformed(error.to_string()))?;
        Ok(read)
    }

    /// What the settings say of the numbers of a column.
    pub(crate) fn of_numbers(&self, column: &str) -> Numbers {
        Numbers {
            fill: self.fill.get(column).copied(),
            clip: self.clip.get(column).copied(),
            log: self.log.iter().any(|name| name == column),
        }
    }
}

/// What is done with the numbers of a column before they are quantised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    fill: Option<f64>,
    clip: Option<(f64, f64)>,
    log: bool,
}

impl Numbers {
    /// Whether there is no number, nor one that stands for it.
    #[inline]
    pub(crate) fn is_missing(&self, number: Option<f64>) -> bool {
        number.or(self.fill).is_none()
    }

    /// A number as it is before it is quantised.
    #[inline]
    pub(crate) fn number(&self, number: Option<f64>) -> Option<f64> {
        let mut x = number.or(self.fill)?;
        if let Some((low, high)) = self.clip {
            x = x.clamp(low, high);
        }
        if self.log {
            x = libm::copysign(libm::log1p(x.abs()), x);
        }
        Some(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_filled_then_clipped_then_logged() {
        let mut how = Preprocessing::default();
        how.fill.insert("x".to_owned(), 50.0);
        how.clip.insert("x".to_owned(), (-3.0, 3.0));
        how.log.push("x".to_owned());
        assert_eq!(how.of_numbers("x").number(None), Some(libm::log1p(3.0)));
        assert_eq!(how.of_numbers("x").number(Some(-9.0)), Some(-libm::log1p(3.0)));
        assert_eq!(how.of_numbers("y").number(Some(-9.0)), Some(-9.0));
        assert_eq!(how.of_numbers("y").number(None), None);
    }

    #[test]
    fn ranges_are_checked() {
        let mut how = Preprocessing::default();
        assert!(how.check().is_ok());
        how.clip.insert("x".to_owned(), (3.0, -3.0));
        assert!(how.check().is_err());
    }
}
