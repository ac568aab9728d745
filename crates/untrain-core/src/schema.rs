//! What the columns of a dataset are and what each is for.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, Seed, hash::unit, nearest};

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Finite numbers (`f64`).
    Numeric,
    /// True or false; a learner sees the numbers 1 and 0.
    Boolean,
    /// Text that names a category.
    Categorical,
    /// Images ([`Image`](crate::Image)), all of one shape; never inferred, never missing, and only ever a feature.
    Image,
}

impl Kind {
    /// The kind that `values` suggest; `None` stands for a missing value.
    ///
    /// Boolean if each is `true` or `false`, numeric if each reads as a number, numeric too if all are missing (a column
    /// without values is the same whatever it once held), categorical otherwise. It is a function of the set of values.
    pub fn infer<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let (mut any, mut boolean, mut numeric) = (false, true, true);
        for value in values.into_iter().flatten() {
            any = true;
            boolean = boolean && Self::boolean(value).is_some();
            numeric = numeric && Self::number(value).is_some();
            if !boolean && !numeric {
                return Self::Categorical;
            }
        }
        if any && boolean { Self::Boolean } else { Self::Numeric }
    }

    /// Reads a number as the import does: Rust's grammar of decimal floats, without names for NaN.
    pub fn number(text: &str) -> Option<f64> {
        text.parse::<f64>().ok().filter(|value| !value.is_nan())
    }

    /// Reads `true` or `false` in any case.
    pub fn boolean(text: &str) -> Option<bool> {
        if text.eq_ignore_ascii_case("true") {
            Some(true)
        } else if text.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            None
        }
    }

    /// The kind in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Boolean => "boolean",
            Self::Categorical => "categorical",
            Self::Image => "image",
        }
    }
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An input of models.
    Feature,
    /// What models predict.
    Target,
    /// The person a record belongs to; one subject may own many records. Never an input.
    Subject,
    /// A group for audits (a protected attribute, say). Never an input.
    Group,
    /// When the record arose. Never an input.
    Time,
    /// Which records are held out ([`Holdout::Value`]). Never an input.
    Split,
}

/// A column of a dataset, apart from the id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name in the file's header.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// What it is for.
    pub role: Role,
    /// Whether the user declared the kind. A kind that was inferred is inferred again when records leave, since it is
    /// a function of the retained set; a declared one is part of the recipe.
    pub declared: bool,
}

/// Which records models never see, so that they can be evaluated on them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holdout {
    /// The share of records whose keyed hash of the id is smallest. A record's side depends on its own id alone, so the
    /// split does not move when other records leave.
    Fraction(f64),
    /// The records that carry this value in this column; the column is for nothing else.
    Value {
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
}

impl Holdout {
    /// Whether the hash of `id` falls among the smallest `fraction`.
    pub fn holds(fraction: f64, id: &str) -> bool {
        const PURPOSE: u64 = 0x686f_6c64_6f75_7400; // "holdout"
        unit(Seed(0).hash(PURPOSE, id.as_bytes())) < fraction
    }
}

/// What a model predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A class and its probability.
    Classification,
    /// A number.
    Regression,
}

impl Task {
    /// The task in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Regression => "regression",
        }
    }
}

/// The columns of a dataset. Columns are sorted by name: their order in the file is not an input of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The name of the id column; `None` if ids were made from the records' content.
    pub id: Option<String>,
    /// All other columns, sorted by name.
    pub columns: Vec<Column>,
    /// Which records are held out.
    pub holdout: Option<Holdout>,
}

impl Schema {
    /// The features, in the canonical order (by name), with their places among [`Schema::columns`].
    pub fn features(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| column.role == Role::Feature)
    }

    /// The target column and its place, if there is one.
    pub fn target(&self) -> Option<(usize, &Column)> {
        self.with_role(Role::Target)
    }

    /// The subject column and its place, if there is one.
    pub fn subject(&self) -> Option<(usize, &Column)> {
        self.with_role(Role::Subject)
    }

    /// The place of the column called `name`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`] with the nearest name.
    pub fn position(&self, name: &str) -> Result<usize> {
        self.columns.iter().position(|column| column.name == name).ok_or_else(|| Error::UnknownColumn {
            name: name.to_owned(),
            nearest: nearest(name, self.columns.iter().map(|column| column.name.as_str())),
        })
    }

    /// The task that the kind of the target suggests: classification unless the target is numeric.
    ///
    /// # Errors
    ///
    /// [`Error::Schema`] if there is no target.
    pub fn task(&self) -> Result<Task> {
        match self.target() {
            Some((_, column)) if column.kind == Kind::Numeric => Ok(Task::Regression),
            Some(_) => Ok(Task::Classification),
            None => Err(Error::Schema { reason: "no column is the target".to_owned() }),
        }
    }

    /// Refuses features that are images, for learners that have no use for them.
    ///
    /// # Errors
    ///
    /// [`Error::Unfit`], which names the learners that have.
    pub fn refuse_images(&self) -> Result<()> {
        match self.features().find(|(_, column)| column.kind == Kind::Image) {
            None => Ok(()),
            Some((_, column)) => Err(Error::Unfit {
                reason: format!("\"{}\" holds images, which this learner cannot learn from", column.name),
                hint: "the learner cnn learns from images, and so do resnet and mlp".to_owned(),
            }),
        }
    }

    fn with_role(&self, role: Role) -> Option<(usize, &Column)> {
        self.columns.iter().enumerate().find(|(_, column)| column.role == role)
    }
}
