//! Statements, proofs, policies and witnesses: what is accepted, and everything that is refused with the reason.

#![expect(clippy::unwrap_used, reason = "a test may panic; the helpers outside the test functions are part of the tests")]

mod faults;
mod policy;
mod receipt;
mod receipt_faults;
mod receipt_properties;
mod statements;
mod support;
mod tale;
mod witness;
