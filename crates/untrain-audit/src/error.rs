//! What can go wrong in an audit, as data, with what to do about it.

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of an audit. Everything here is a pure function, so an `Err` changes nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two things that belong together have different sizes.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// What was counted.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A score that is no number, or infinite.
    #[error("model {model} gives no finite number for point {point}")]
    NotFinite {
        /// The position of the model.
        model: usize,
        /// The position of the point.
        point: usize,
    },
    /// A row of outputs that is no probability distribution.
    #[error("the outputs for point {point} are not probabilities: {reason}")]
    NotProbabilities {
        /// The position of the point.
        point: usize,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// An attack that needs class probabilities meets a model that gives numbers.
    #[error("{attack} needs class probabilities, and the model gives none")]
    NoProbabilities {
        /// The attack.
        attack: &'static str,
    },
    /// Fewer models than an attack or metric needs.
    #[error("{attack} needs {needed} models, has {found}")]
    TooFewModels {
        /// The attack or metric.
        attack: &'static str,
        /// How many models it needs.
        needed: usize,
        /// How many there are.
        found: usize,
        /// An attack or metric that works with what there is.
        instead: Option<&'static str>,
    },
    /// Fewer points than an attack or metric needs.
    #[error("{attack} needs {needed} points on each side, has {found}")]
    TooFewPoints {
        /// The attack or metric.
        attack: &'static str,
        /// How many points it needs.
        needed: usize,
        /// How many there are.
        found: usize,
        /// What works with what there is.
        instead: Option<&'static str>,
    },
    /// There are no records that no model was trained on.
    #[error("{attack} needs holdout records, and there are none")]
    NoHoldout {
        /// The attack or metric.
        attack: &'static str,
    },
    /// A class of the forget set has no record in the holdout.
    #[error("the holdout has no record of class {class}, and the forget set has")]
    NoHoldoutOfClass {
        /// The position of the class.
        class: usize,
    },
    /// A setting out of its range.
    #[error("\"{name}\": {reason}")]
    Parameter {
        /// The setting.
        name: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Error {
    /// What the user could do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooFewModels { needed, instead: Some(instead), .. } => {
                Some(format!("train {needed} models, or use {instead}, which works with fewer"))
            }
            Self::TooFewModels { needed, .. } => Some(format!("train {needed} models, with a larger budget")),
            Self::TooFewPoints { instead: Some(instead), .. } => Some(format!("use {instead}")),
            Self::TooFewPoints { needed, .. } => Some(format!("audit a forget set of at least {needed} records")),
            Self::NoHoldout { .. } => Some("import the dataset with a holdout, for example --holdout 0.2".to_owned()),
            Self::NoHoldoutOfClass { .. } => {
                Some("keep records of every class in the holdout, or audit the classes that it has".to_owned())
            }
            Self::NoProbabilities { .. } => Some("use LiRA or U-LiRA on residuals, which work for numbers".to_owned()),
            Self::NotFinite { .. } => Some("a model may have diverged; leave it out and count it in the report".to_owned()),
            Self::Shape { .. } | Self::NotProbabilities { .. } | Self::Parameter { .. } => None,
        }
    }
}

/// Refuses a probability outside the open interval (0, 1).
pub(crate) fn within_unit(name: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(Error::Parameter { name, reason: "has to lie between 0 and 1" }) }
}

/// Refuses two sizes that differ.
pub(crate) fn same(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Error::Shape { what, expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_models_says_how_many_and_what_works_instead() {
        let error = Error::TooFewModels { attack: "U-LiRA", needed: 8, found: 3, instead: Some("RMIA") };
        assert_eq!(error.to_string(), "U-LiRA needs 8 models, has 3");
        assert_eq!(error.hint().as_deref(), Some("train 8 models, or use RMIA, which works with fewer"));
    }

    #[test]
    fn a_level_outside_the_unit_interval_is_refused() {
        for level in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(within_unit("level", level).is_err());
        }
        assert!(within_unit("level", 0.05).is_ok());
    }
}
