//! What the user says about the columns of a file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use untrain_core::{Holdout, Kind, Role, nearest};

use super::error::{Error, Result};
use super::images::{LABEL, Usual};
use super::source::Source;
use super::table::{Cells, Reading, Table, Want};

/// What the columns of a file are for, and how to read it. Columns without a role are features.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Roles {
    /// The column that holds the ids.
    pub id: Option<String>,
    /// Whether ids are made from the records' content, where no column holds them.
    pub id_from_content: bool,
    /// The column that names the person a record belongs to. It is always text, as the ids are.
    pub subject: Option<String>,
    /// The column that models predict.
    pub target: Option<String>,
    /// Columns that audits group records by.
    pub groups: Vec<String>,
    /// The column that tells when a record arose.
    pub time: Option<String>,
    /// Columns declared to hold categories.
    pub categorical: Vec<String>,
    /// Columns declared to hold numbers.
    pub numeric: Vec<String>,
    /// Columns declared to hold truth values; in them 1, 0, yes and no are read too.
    pub boolean: Vec<String>,
    /// Columns that are left out.
    pub drop: Vec<String>,
    /// Markers of missing values besides the empty text, `NA`, `NaN`, `nan`, `null` and `NULL`.
    pub missing: Vec<String>,
    /// Which records are held out.
    pub holdout: Option<Holdout>,
    /// What separates the values of a CSV file; guessed from its header if not given.
    pub delimiter: Option<char>,
    /// The file of labels for images, where it is not found by its name. It is no part of what is kept of an import.
    #[serde(skip)]
    pub labels: Option<PathBuf>,
}

impl Roles {
    /// How a source is to be understood.
    pub(super) fn reading<'a>(&'a self, source: Source<'a>) -> Reading<'a> {
        Reading {
            source,
            path: source.path(),
            missing: &self.missing,
            delimiter: self.delimiter,
            id: self.id.as_deref(),
            id_from_content: self.id_from_content,
            labels: self.labels.as_deref(),
            labelled: true,
        }
    }

    /// The same, with what a table of images has itself to say of columns of which the user says nothing.
    ///
    /// The column `label` is the target unless another is, and holds categories unless it is said to hold something else.
    pub(super) fn completed(&self, table: &Table) -> Self {
        let mut roles = self.clone();
        if !table.columns.iter().any(|(_, cells)| matches!(cells, Cells::Images(_))) {
            return roles;
        }
        let free =
            |name: &str| table.columns.iter().any(|(column, _)| column == name) && !self.uses().iter().any(|(used, _)| *used == name);
        let unkinded = |name: &str| !self.kinds().any(|(kinded, _)| kinded == name);
        let Usual { id, groups, holdout } = &table.usual;
        if roles.id.is_none() && !roles.id_from_content {
            roles.id = id.map(str::to_owned);
        }
        if roles.target.is_none() && free(LABEL) {
            roles.target = Some(LABEL.to_owned());
        }
        if let (None, Some(Holdout::Value { column, .. })) = (&roles.holdout, holdout)
            && free(column)
        {
            roles.holdout.clone_from(holdout);
        }
        // What the holdout is told by is for nothing else, which `role` sees to.
        roles.groups.extend(groups.iter().filter(|name| free(name)).map(|name| (*name).to_owned()));
        roles.categorical.extend([&LABEL].into_iter().chain(groups).filter(|name| unkinded(name)).map(|name| (*name).to_owned()));
        roles
    }

    /// What to read of the columns `names`, whose uses are checked here.
    pub(super) fn plan(&self, names: &[String]) -> Result<Vec<Want>> {
        self.check(names)?;
        let want = |name: &String| {
            if self.drop.contains(name) {
                Want::Nothing
            } else if self.id.as_ref() == Some(name) || self.kind(name) == Some(Kind::Categorical) {
                Want::Text
            } else {
                Want::Values
            }
        };
        Ok(names.iter().map(want).collect())
    }

    /// What the column is for.
    pub(super) fn role(&self, name: &str) -> Role {
        let is = |column: &Option<String>| column.as_deref() == Some(name);
        match &self.holdout {
            Some(Holdout::Value { column, .. }) if column == name => Role::Split,
            _ if is(&self.target) => Role::Target,
            _ if is(&self.subject) => Role::Subject,
            _ if is(&self.time) => Role::Time,
            _ if self.groups.iter().any(|group| group == name) => Role::Group,
            _ => Role::Feature,
        }
    }

    /// The kind that was declared. What names a person or a side is text: as numbers, 007 and 7 would be the same.
    pub(super) fn kind(&self, name: &str) -> Option<Kind> {
        let among = |columns: &[String]| columns.iter().any(|column| column == name);
        match self.role(name) {
            Role::Subject | Role::Split => Some(Kind::Categorical),
            _ if among(&self.categorical) => Some(Kind::Categorical),
            _ if among(&self.numeric) => Some(Kind::Numeric),
            _ if among(&self.boolean) => Some(Kind::Boolean),
            _ => None,
        }
    }

    fn check(&self, names: &[String]) -> Result<()> {
        let mut uses: BTreeMap<&str, &'static str> = BTreeMap::new();
        for (name, what) in self.uses().into_iter().chain(self.kinds()) {
            if !names.iter().any(|column| column == name) {
                let nearest = nearest(name, names.iter().map(String::as_str));
                return Err(untrain_core::Error::UnknownColumn { name: name.to_owned(), nearest }.into());
            }
            match uses.insert(name, what) {
                Some(first) if !may_share(first, what) => return Err(Error::TwoRoles { column: name.to_owned(), first, second: what }),
                _ => {}
            }
        }
        match self.holdout {
            Some(Holdout::Fraction(fraction)) if !(fraction > 0.0 && fraction < 1.0) => Err(Error::Fraction { fraction }),
            _ => Ok(()),
        }
    }

    fn uses(&self) -> Vec<(&str, &'static str)> {
        let split = match &self.holdout {
            Some(Holdout::Value { column, .. }) => Some(column),
            _ => None,
        };
        let single = [
            (self.id.as_ref(), ID),
            (self.subject.as_ref(), SUBJECT),
            (self.target.as_ref(), "target"),
            (self.time.as_ref(), "time"),
            (split, SPLIT),
        ];
        let single = single.into_iter().filter_map(|(name, what)| Some((name?.as_str(), what)));
        let groups = self.groups.iter().map(|name| (name.as_str(), "group"));
        single.chain(groups).chain(self.drop.iter().map(|name| (name.as_str(), DROPPED))).collect()
    }

    fn kinds(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let lists = [(&self.categorical, CATEGORICAL), (&self.numeric, NUMERIC), (&self.boolean, BOOLEAN)];
        lists.into_iter().flat_map(|(names, what)| names.iter().map(move |name| (name.as_str(), what)))
    }
}

const ID: &str = "id";
const SUBJECT: &str = "subject";
const SPLIT: &str = "holdout";
const DROPPED: &str = "dropped";
const CATEGORICAL: &str = "categorical";
const NUMERIC: &str = "numeric";
const BOOLEAN: &str = "boolean";

/// Whether a column may have both uses: the same one named twice, or a role and a kind that go together.
fn may_share(first: &'static str, second: &'static str) -> bool {
    match (first, second) {
        _ if first == second => true,
        (ID | DROPPED | CATEGORICAL | NUMERIC | BOOLEAN, _) => false,
        (SUBJECT | SPLIT, second) => second == CATEGORICAL,
        (_, second) => matches!(second, CATEGORICAL | NUMERIC | BOOLEAN),
    }
}
