//! Ranges of hyperparameters.

use untrain_core::Result;
use untrain_core::hyperparameters::refuse;

/// Refuses what is not over zero and at most `most`.
pub(super) fn over_zero(name: &str, value: impl Into<f64>, most: f64) -> Result<()> {
    let value = value.into();
    if value > 0.0 && value <= most {
        return Ok(());
    }
    Err(refuse(name, format!("{value} is not over 0 and at most {most}")))
}

/// Refuses what is not from `least` to `most`.
pub(super) fn between(name: &str, value: impl Into<f64>, least: f64, most: f64) -> Result<()> {
    let value = value.into();
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(refuse(name, format!("{value} is not from {least} to {most}")))
}

/// Refuses what is not a length of steps.
pub(super) fn rate(name: &str, value: f32) -> Result<()> {
    over_zero(name, value, 100.0)
}
