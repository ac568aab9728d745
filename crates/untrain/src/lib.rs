//! The engine of `untrain`: it imports records, trains models, forgets and learns, and proves it.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use untrain::{Access, Engine, ForgetOptions, Recipe, import};
//!
//! # let place = tempfile::tempdir()?;
//! # let file = place.path().join("people.csv");
//! # let rows: String = (0..200).map(|i| format!("{i},{},{}\n", i % 70, if i % 70 < 30 { "no" } else { "yes" })).collect();
//! # std::fs::write(&file, format!("id,age,buys\n{rows}"))?;
//! let roles = import::Roles { id: Some("id".into()), target: Some("buys".into()), ..Default::default() };
//! let people = import::dataset(&file, &roles)?;
//! let mut engine = Engine::open(&place.path().join("store"), Access::Write, Duration::ZERO, &mut || ())?;
//! engine.import("people", &people, &roles, false)?;
//! let before = engine.train("people", "buyers", &Recipe::new("forest", &[], Some(7))?, false)?;
//!
//! let request = engine.forget("people", &["17".into(), "42".into()], &ForgetOptions::default())?;
//! assert_eq!((before.records, request.models[0].records), (200, 198));
//! assert!(engine.verify("buyers")?.equal);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod engine;
mod error;
mod evaluate;
pub mod import;
mod plan;
mod recipe;
mod records;
mod report;
pub mod select;

pub use engine::{Engine, ForgetOptions};
pub use error::{Error, Result};
pub use evaluate::Scores;
pub use plan::{Plan, PlanEntry, PlanOptions, Revision};
pub use recipe::{LEARNERS, LearnerEntry, Recipe};
pub use report::{
    ColumnReport, DatasetLine, DatasetReport, Evaluation, Listing, ModelReport, PredictedTable, RequestReport, Verification, VersionReport,
};
pub use untrain_core::{Artefact, Choices, Dataset, Digest, Guarantee, Holdout, Importance, Kind, Predictions, Role, Task, Values};
pub use untrain_ledger::Access;
