//! The verbs, one file each.

mod audit;
mod backup;
mod bench;
mod check;
mod compare;
mod completions;
mod demo;
mod evaluate;
mod export;
mod forget;
mod hold;
mod import;
mod keys;
mod learn;
mod list;
mod log;
mod plan;
mod predict;
mod receipt;
mod release;
mod requests;
mod restore;
mod show;
mod train;
mod verify;
mod witness;

use crate::app::{App, Outcome};

/// Makes of the list of verbs the type that is parsed and the call of what is to be run.
macro_rules! verbs {
    ($($name:ident in $module:ident,)*) => {
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Verb {
            $($name($module::Args),)*
        }

        impl Verb {
            /// Does what the verb says.
            pub(crate) fn run(&self, app: &App) -> anyhow::Result<Outcome> {
                match self {
                    $(Self::$name(args) => $module::run(args, app),)*
                }
            }
        }
    };
}

verbs! {
    Demo in demo,
    Import in import,
    Plan in plan,
    Train in train,
    Predict in predict,
    Evaluate in evaluate,
    Forget in forget,
    Receipt in receipt,
    Check in check,
    Requests in requests,
    Hold in hold,
    Release in release,
    Log in log,
    Keys in keys,
    Witness in witness,
    Backup in backup,
    Restore in restore,
    Learn in learn,
    Verify in verify,
    Audit in audit,
    Compare in compare,
    Show in show,
    List in list,
    Export in export,
    Bench in bench,
    Completions in completions,
}
