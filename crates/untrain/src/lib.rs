//! The engine of `untrain`: it imports records, trains models, forgets and learns, and proves it.
//!
//! # Examples
//!
//! ```
//! use untrain::{Access, Engine, ForgetOptions, ImportOptions, OpenOptions, Recipe, TrainOptions, import};
//!
//! # let place = tempfile::tempdir()?;
//! # let file = place.path().join("people.csv");
//! # let rows: String = (0..200).map(|i| format!("{i},{},{}\n", i % 70, if i % 70 < 30 { "no" } else { "yes" })).collect();
//! # std::fs::write(&file, format!("id,age,buys\n{rows}"))?;
//! let roles = import::Roles { id: Some("id".into()), target: Some("buys".into()), ..Default::default() };
//! let people = import::dataset(&file, &roles)?;
//! let mut engine = Engine::open(&place.path().join("store"), Access::Write, OpenOptions::default(), &mut || ())?;
//! engine.import("people", &people, &roles, ImportOptions::default())?;
//! let before = engine.train("people", "buyers", &Recipe::new("forest", &[], Some(7))?, TrainOptions::default())?;
//!
//! let request = engine.forget("people", &["17".into(), "42".into()], &ForgetOptions::default())?;
//! assert_eq!((before.records, request.models[0].records), (200, 198));
//! assert!(engine.verify("buyers")?.equal);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod audit_page;
mod checkpoints;
pub mod clock;
mod commitments;
mod comparison;
mod comparison_page;
mod contest;
mod engine;
mod error;
mod evaluate;
mod evidence;
pub mod import;
mod page;
mod plan;
mod recipe;
mod records;
mod report;
pub mod select;
mod shadow;
mod trail;
mod unfinished;
mod whole_file;

pub use comparison::{Comparison, ComparisonRow, FailedMethod, OverScratch, RowKind};
pub use engine::{
    AuditOptions, AuditProgress, Chosen, CompareOptions, Engine, ExposureOptions, ForgetOptions, ImportOptions, OpenOptions, Returning,
    TrainOptions, verifier_key,
};
pub use error::{Error, Result};
pub use evaluate::Scores;
pub use plan::{Plan, PlanEntry, PlanOptions, Revision};
pub use recipe::{LEARNERS, LearnerEntry, Recipe};
pub use report::{
    AuditReport, AuditSource, AuditVerdict, BackupLine, BackupReport, ColumnReport, DatasetLine, DatasetReport, Difference, Evaluation,
    Exposure, ExposureReport, KeyLine, KeysReport, Listing, LogLine, LogReport, MarkReport, ModelReport, OneRunReport, PredictedTable,
    RelearnReport, RequestLine, RequestReport, Restoration, Verification, VersionReport,
};
pub use untrain_core::{Artefact, Choices, Dataset, Digest, Guarantee, Holdout, Importance, Kind, Predictions, Role, Task, Values};
pub use untrain_ledger::Access;
pub use untrain_ledger::statement::Scope;
pub use untrain_neural::device;
pub use untrain_neural::methods::{Goal, METHODS, Method};
