//! The command line from outside: what it prints, what it leaves, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod demo;
mod device;
mod export;
mod forget;
mod images;
mod import;
mod place;
mod plan;
mod predict;
mod program;
mod recommend;
mod show;
mod store;
mod train;
mod verify;
mod witness;
