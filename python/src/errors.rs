//! Errors of the engine as exceptions: one class a kind of error, in `untrain.errors`.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use untrain::import::Error as Import;
use untrain::select::Error as Select;
use untrain_core::Error;
use untrain_ledger::Error as Ledger;

/// The exception that tells of `error`, with what the variant carries as attributes, and the hint.
pub(crate) fn raised(py: Python<'_>, error: Error) -> PyErr {
    told(py, untrain::Error::Core(error))
}

/// As [`raised`], of any error of the engine.
pub(crate) fn told(py: Python<'_>, error: untrain::Error) -> PyErr {
    build(py, &error).unwrap_or_else(|failed| failed)
}

fn build(py: Python<'_>, error: &untrain::Error) -> PyResult<PyErr> {
    let data = PyDict::new(py);
    let class = class(error, &data)?;
    let errors = py.import("untrain.errors")?;
    let hint = match hint(error) {
        Some(hint) => Some(hint),
        // The engine's own hints speak of the command line.
        None => error.hint().map(|hint| errors.call_method1("_translated", (hint,))?.extract::<String>()).transpose()?,
    };
    Ok(PyErr::from_value(errors.getattr(class)?.call((message(error), hint), Some(&data))?))
}

/// The message, and those of its causes that it does not hold.
fn message(error: &untrain::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// The name of the exception's class; what the error carries goes into `data`.
fn class(error: &untrain::Error, data: &Bound<'_, PyDict>) -> PyResult<&'static str> {
    Ok(match error {
        untrain::Error::Core(error) | untrain::Error::Import(Import::Core(error)) => core(error, data)?,
        untrain::Error::Import(error) => match error {
            Import::DuplicateId { id, .. } => {
                data.set_item("id", id)?;
                "DuplicateId"
            }
            Import::MissingId { .. } => "MissingId",
            _ => "BadRecords",
        },
        untrain::Error::Select(_) => "BadSelection",
        untrain::Error::Audit(_) | untrain::Error::NotAudited | untrain::Error::NobodyToAudit => "AuditRefused",
        untrain::Error::Store(error) => ledger(error, data)?,
        untrain::Error::NoRequest { name } => {
            data.set_item("name", name)?;
            "UnknownRequest"
        }
        untrain::Error::Returning { ids, request } => {
            data.set_item("ids", ids)?;
            data.set_item("request", request)?;
            "Returning"
        }
        untrain::Error::NoHoldout { .. } | untrain::Error::NoTarget { .. } | untrain::Error::NotScored { .. } => "NotScored",
        untrain::Error::NoShard { .. } | untrain::Error::NoCheckpoints { .. } => "NoShard",
        untrain::Error::Unequal { .. } => "Unequal",
        untrain::Error::FromTheFuture
        | untrain::Error::OtherDataset { .. }
        | untrain::Error::WrongState { .. }
        | untrain::Error::NothingDeferred { .. }
        | untrain::Error::NoExtension { .. }
        | untrain::Error::Time { .. }
        | untrain::Error::ModelsLeft { .. } => "RequestRefused",
        untrain::Error::OwnKey { .. }
        | untrain::Error::NoWitness
        | untrain::Error::OtherCheckpoint
        | untrain::Error::OtherSigner { .. }
        | untrain::Error::UnknownAuditor { .. }
        | untrain::Error::NotStated { .. }
        | untrain::Error::StillWaiting
        | untrain::Error::NoTrail { .. } => "TrailRefused",
        error if error.is_usage() => "RequestRefused",
        _ => "StoreFailed",
    })
}

fn core(error: &Error, data: &Bound<'_, PyDict>) -> PyResult<&'static str> {
    Ok(match error {
        Error::DuplicateId { id } => {
            data.set_item("id", id)?;
            "DuplicateId"
        }
        Error::UnknownIds { ids } => {
            data.set_item("ids", ids)?;
            "UnknownIds"
        }
        Error::RepeatedIds { ids } => {
            data.set_item("ids", ids)?;
            "RepeatedIds"
        }
        Error::AlreadyPresent { ids } => {
            data.set_item("ids", ids)?;
            "AlreadyPresent"
        }
        Error::UnknownColumn { name, .. } => {
            data.set_item("name", name)?;
            "UnknownColumn"
        }
        Error::Value { column, id, .. } => {
            data.set_item("column", column)?;
            data.set_item("id", id)?;
            "BadValue"
        }
        Error::Parameter { name, .. } => {
            data.set_item("name", name)?;
            "BadParameter"
        }
        Error::Schema { .. } => "SchemaMismatch",
        Error::Unfit { .. } => "Unfit",
        Error::NoPart { .. } => "NoShard",
        Error::Malformed { .. } => "Malformed",
        Error::TooMany { .. } => "TooMany",
        _ => "UntrainError",
    })
}

fn ledger(error: &Ledger, data: &Bound<'_, PyDict>) -> PyResult<&'static str> {
    Ok(match error {
        Ledger::Busy { path, .. } => {
            data.set_item("path", path)?;
            "StoreBusy"
        }
        Ledger::NoStore { path } => {
            data.set_item("path", path)?;
            "NoStore"
        }
        Ledger::UnknownDataset { name, .. } => {
            data.set_item("name", name)?;
            "UnknownDataset"
        }
        Ledger::UnknownModel { name, .. } => {
            data.set_item("name", name)?;
            "UnknownModel"
        }
        Ledger::UnknownRequest { number } => {
            data.set_item("name", number.to_string())?;
            "UnknownRequest"
        }
        Ledger::AlreadyExists { name, .. } => {
            data.set_item("name", name)?;
            "AlreadyExists"
        }
        _ => "StoreFailed",
    })
}

/// Hints that name what Python has, where the engine can only speak of what it does.
fn hint(error: &untrain::Error) -> Option<String> {
    Some(match error {
        untrain::Error::Core(Error::UnknownIds { .. }) => "ignore_unknown=True passes over such ids".to_owned(),
        untrain::Error::Core(Error::DuplicateId { .. }) | untrain::Error::Import(Import::DuplicateId { .. }) => {
            "an id names one record; make the ids distinct first".to_owned()
        }
        untrain::Error::Core(Error::RepeatedIds { .. }) => "name each id once".to_owned(),
        untrain::Error::Import(error) => match error {
            Import::NoId { unique, .. } => match unique.first() {
                Some(column) => format!("id={column:?} names it, or id_from_content=True makes ids from the records' content"),
                None => "id=COLUMN names it; no column tells all records apart, so id_from_content=True may be what you need".to_owned(),
            },
            Import::Value { value, column, expected: "a number", .. } => {
                format!("missing=[{value:?}] if it stands for a missing value, or categorical=[{column:?}]")
            }
            Import::Value { value, expected: "finite", .. } => format!("missing=[{value:?}] if it stands for a missing value"),
            Import::Type { column, .. } => format!("drop=[{column:?}] leaves the column out"),
            Import::MissingTarget { .. } => "leave out the records without a target".to_owned(),
            _ => return None,
        },
        untrain::Error::Select(Select::NoSubject) => "import the records with subject=COLUMN, or select by ids or where".to_owned(),
        untrain::Error::Store(error) => match error {
            Ledger::AlreadyExists { .. } => "replace=True takes its place".to_owned(),
            Ledger::Busy { .. } => "untrain.open(path, wait=SECONDS) waits for longer".to_owned(),
            Ledger::NoStore { .. } => "untrain.open(path) makes a store".to_owned(),
            Ledger::UnknownDataset { nearest: None, .. } | Ledger::UnknownModel { nearest: None, .. } => {
                "store.list() shows what there is".to_owned()
            }
            Ledger::UnknownRequest { .. } => "store.requests() lists them".to_owned(),
            Ledger::NotVacant { .. } | Ledger::InsideStore { .. } => "name a directory that does not exist yet".to_owned(),
            _ => return None,
        },
        untrain::Error::Returning { .. } => {
            "forgotten=\"skip\" leaves them out; forgotten=\"accept\" takes them in, as after a new consent".to_owned()
        }
        _ => return None,
    })
}
