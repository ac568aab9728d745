//! Tests of the store from the outside, in one binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backup;
mod faults;
mod kill;
mod kill_backup;
mod purge;
mod rows;
mod support;
mod vault;
