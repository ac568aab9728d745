//! The unique optimum of a convex problem, published as its canonical rounding with a proof that the rounding is unambiguous.
//!
//! **The problem.** Rows x_i (the integers of the design on the current scales, and a 1 for the intercept), a loss of the
//! margins, and `alpha`/2·‖w‖² on everything but intercepts. Its optimum w* is a function of the *set* of rows. What is
//! published is `round(w*·2^grid + o)`, where the offset `o` is a keyed hash of the column's name within ±1/8: it moves only the
//! borders between two roundings, so that zeros stay zeros and ties have probability 0.
//!
//! **The proof.** [`certificate`] encloses w* rigorously: every rounding error of the arithmetic that the enclosure rests on
//! has an a-priori bound. So how a point near w* was found (warm starts, stale factors, the history of requests, threads) can
//! never reach the bytes. If the enclosure is too wide, the point is improved; where `f64` ends, the pass over the rows is done in
//! double-double arithmetic; where that ends, all is done anew with 212, 424 and 848 binary digits; where that ends the learner
//! refuses: it never guesses.
//!
//! **Which file.** [`rows`]: rows as exact `f32`, and how raw coefficients become weights. [`pass`]: margins and gradient with
//! error bounds. [`gram`]: the Hessian. [`inverse`]: its verified inverse and rank-1 changes. [`solver`]: how all of them meet.
//! [`wide`]: the same for so many weights that no Hessian is made. [`path`]: which of the two it is. [`precise`]: the same with
//! numbers that carry their errors with them, [`ball`]. [`refusal`]: why there is no answer.

#![expect(clippy::inline_always, reason = "what runs on wide registers must be inlined into where they are switched on")]

#[cfg(test)]
mod agreement;
mod ball;
mod certificate;
mod double;
mod exp;
mod gram;
mod inverse;
mod kernel;
mod loss;
mod pass;
mod path;
mod precise;
mod published;
mod refusal;
mod rows;
mod slopes;
mod solver;
mod wide;
mod work;

pub(crate) use exp::exp;
pub(crate) use loss::{Loss, softmax};
pub(crate) use path::Path;
pub(crate) use published::Published;
pub(crate) use rows::{Penalty, Rows};
pub use work::Work;
