//! The mathematics of auditing machine unlearning: attacks, distances and bounds, each beside its null.
//!
//! Whether a model forgot is usually answered by a number that flatters: a population attack near 50 % "proves" forgetting for every model, the one that
//! still knows the records included. Here every number is measured on the candidate and, through the same code, on a second retrain (the null, which
//! must pass), on the original model (the positive control, which must fail), and where they are given on a retrain of equal cost and a candidate that does
//! nothing. A metric whose null fails, or whose positive control passes, gives no verdict.
//!
//! [`audit()`] does all of that; its parts can be used alone. Everything is a pure function of given numbers and a seed: no I/O, no clock, no threads.
//!
//! # Examples
//!
//! ```
//! use untrain_audit::attacks::ulira::{HeldOut, Ulira, Variance};
//! use untrain_audit::{Bootstrap, Game, Membership, Scores};
//! use untrain_core::Seed;
//!
//! // Ten worlds, four records; a model that still knows the records that it had to forget.
//! let bits = Membership::draw(Seed(1), 10, &["ann", "ben", "cem", "dot"]);
//! let knows = |world: usize| bits.row(world).iter().map(|bit| world as f64 / 10.0 + f64::from(*bit)).collect();
//! let candidate = Scores::from_rows((0..10).map(knows).collect())?;
//!
//! let game = Game::privacy(&candidate, &bits)?;
//! let attack = Ulira::new(&game, HeldOut::TwoFold(Seed(1)), Variance::ByCount)?;
//! assert!(attack.trials()?.power(&Bootstrap::default())?.auc > 0.9);
//! assert!(attack.p_value(Seed(1), 999)? < 0.01);
//! # Ok::<(), untrain_audit::Error>(())
//! ```

pub mod attacks;
mod audit;
mod bootstrap;
pub mod bounds;
mod curves;
pub mod distances;
mod error;
mod evidence;
mod game;
mod metrics;
mod outputs;
mod random;
mod roc;
mod scores;
pub mod special;
mod trials;

pub use audit::{Audit, Ensemble, Options, Skipped, Worlds, audit, audit_by, measured};
pub use bootstrap::{Bootstrap, Interval};
pub use bounds::refute::Refutation;
pub use curves::{Curve, Curves};
pub use error::{Error, Result};
pub use evidence::{Evidence, Judgement, Measured, Reason, Verdict, judge};
pub use game::{Arrangement, Game, MIN_WORLDS, Side, Symmetry};
pub use metrics::{METRICS, Metric, Question, Standing, metric};
pub use outputs::{ClassOutputs, NumberOutputs, Outputs, PUBLISHED_FLOOR};
pub use roc::{Roc, RocPoint};
pub use scores::{Membership, Scores};
pub use trials::{Power, Trial, Trials};
