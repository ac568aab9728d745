//! What all pages are made of: text, tables and drawings, in one style.

pub(crate) mod html;
pub(crate) mod svg;
