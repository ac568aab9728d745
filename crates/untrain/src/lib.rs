//! The engine room of `untrain`: it reads records and finds the ones that a request is about.

pub mod import;
pub mod select;
