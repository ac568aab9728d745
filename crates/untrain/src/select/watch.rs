//! Watches what a statement uses while SQLite prepares it, and refuses what an expression has no use for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::error::Result;

/// The functions that an expression may call: those that depend on nothing but their arguments, and dates, whose `now` is what
/// rules of retention are about.
#[rustfmt::skip]
const FUNCTIONS: [&str; 35] = [
    "abs", "ceil", "ceiling", "coalesce", "concat", "current_date", "current_time", "current_timestamp", "date", "datetime",
    "floor", "glob", "hex", "if", "ifnull", "iif", "instr", "julianday", "length", "like", "lower", "ltrim", "max", "min", "nullif",
    "replace", "round", "rtrim", "sign", "strftime", "substr", "substring", "time", "trim", "upper",
];

/// What a statement uses.
#[derive(Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Seen>>);

/// What was seen since the last [`Watch::start`].
#[derive(Default)]
pub(super) struct Seen {
    /// The columns that the statement reads.
    pub(super) read: BTreeSet<String>,
    /// What it may not use.
    pub(super) denied: Option<String>,
    selects: usize,
}

impl Watch {
    /// Watches the statements that `connection` prepares from now on.
    pub(super) fn start(&self, connection: &mut Connection) -> Result<()> {
        let watch = self.clone();
        let judge = move |context: AuthContext<'_>| {
            let mut seen = watch.seen();
            let Some(what) = seen.judge(context.action) else { return Authorization::Allow };
            seen.denied.get_or_insert(what);
            Authorization::Deny
        };
        Ok(connection.authorizer(Some(judge))?)
    }

    /// Lets `connection` do what it wants.
    pub(super) fn stop(connection: &mut Connection) -> Result<()> {
        Ok(connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?)
    }

    /// Forgets what was seen, before the next statement.
    pub(super) fn reset(&self) {
        *self.seen() = Seen::default();
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// What is wrong with `action`, if anything is.
    fn judge(&mut self, action: AuthAction<'_>) -> Option<String> {
        match action {
            AuthAction::Select => {
                self.selects += 1;
                (self.selects > 1).then(|| "another query".to_owned())
            }
            AuthAction::Read { table_name: "records", column_name } => {
                self.read.insert(column_name.to_owned());
                None
            }
            AuthAction::Read { table_name, .. } => Some(format!("the table {table_name}")),
            AuthAction::Function { function_name } if FUNCTIONS.contains(&function_name.to_ascii_lowercase().as_str()) => None,
            AuthAction::Function { function_name } => Some(format!("the function {function_name}")),
            _ => Some("anything but columns and values".to_owned()),
        }
    }
}
