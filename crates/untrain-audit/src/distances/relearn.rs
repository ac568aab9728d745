//! Relearning: how fast does a model come back to what it forgot, compared with one that never knew it?

use crate::error::{Error, Result, same};

/// Trains a *copy* of the model, a step at a time, and measures it before the first step and after each.
///
/// The model that is audited is borrowed, so that it cannot be what is trained: reference code trains it in place, and all later measurements, and the
/// model that is saved, are those of the relearned one.
///
/// # Examples
///
/// ```
/// use untrain_audit::distances::relearn;
///
/// let model = 0.25;
/// let curve = relearn::curve(&model, 2, |model: &mut f64| *model *= 2.0, |model| *model);
/// assert_eq!(curve, [0.25, 0.5, 1.0]);
/// assert_eq!(model, 0.25);
/// ```
pub fn curve<M: Clone>(model: &M, n_steps: usize, mut step: impl FnMut(&mut M), mut metric: impl FnMut(&M) -> f64) -> Vec<f64> {
    let mut copy = model.clone();
    let mut curve = vec![metric(&copy)];
    for _ in 0..n_steps {
        step(&mut copy);
        curve.push(metric(&copy));
    }
    curve
}

/// The relearn time: the first step at which the metric, for which more is better, reaches (1 − α) of the original model's; `None` if it does not.
///
/// # Errors
///
/// α outside [0, 1); a metric that is not finite.
pub fn time(curve: &[f64], original: f64, alpha: f64) -> Result<Option<usize>> {
    if !(0.0..1.0).contains(&alpha) {
        return Err(Error::Parameter { name: "alpha", reason: "has to be at least 0 and under 1; 0.05 to 0.1 is usual" });
    }
    finite(curve)?;
    finite(&[original])?;
    Ok(curve.iter().position(|value| *value >= (1.0 - alpha) * original))
}

/// AIN, the anamnesis index: the relearn time of the unlearned model over that of one from scratch \[@chundawat2023zero\].
///
/// 1 is ideal, far under 1 shows knowledge that is left, and far over 1 an over-forgetting that is itself a trace. A hundredth of a step is added
/// to both, so that a model that never forgot has an index near 0. `None` where either does not get there.
pub fn ain(unlearned: Option<usize>, scratch: Option<usize>) -> Option<f64> {
    Some((unlearned? as f64 + 0.01) / (scratch? as f64 + 0.01))
}

/// The recovered fraction at each step: (a_unlearned − a_retrained) / (a_original − a_retrained), where both are relearned alike.
///
/// `None` where original and retrained model do not differ by that step, so that there is nothing to recover.
///
/// # Errors
///
/// Curves of different lengths; a metric that is not finite.
pub fn recovered(unlearned: &[f64], retrained: &[f64], original: f64) -> Result<Vec<Option<f64>>> {
    same("steps", unlearned.len(), retrained.len())?;
    finite(unlearned)?;
    finite(retrained)?;
    finite(&[original])?;
    let fraction = |(unlearned, retrained): (&f64, &f64)| (original > *retrained).then(|| (unlearned - retrained) / (original - retrained));
    Ok(unlearned.iter().zip(retrained).map(fraction).collect())
}

fn finite(values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(point) => Err(Error::NotFinite { model: 0, point }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_19_relearning_takes_a_copy() {
        let audited = vec![0.1, 0.2];
        let before = audited.clone();
        let relearned = curve(&audited, 5, |model| model.iter_mut().for_each(|weight| *weight += 1.0), |model| model[0]);
        assert_eq!(audited, before);
        assert_eq!(relearned.len(), 6);
        assert_eq!(relearned[5], 5.1);
    }

    #[test]
    fn a_model_that_forgot_nothing_relearns_at_once_and_a_retrained_one_as_scratch() {
        let scratch = [0.1, 0.5, 0.8, 0.96];
        let kept = [1.0, 1.0, 1.0, 1.0];
        let time_of = |curve: &[f64]| time(curve, 1.0, 0.05).unwrap();
        assert_eq!((time_of(&kept), time_of(&scratch), time_of(&scratch[..3])), (Some(0), Some(3), None));
        assert_eq!(ain(time_of(&scratch), time_of(&scratch)), Some(1.0));
        assert!(ain(time_of(&kept), time_of(&scratch)).unwrap() < 0.01);
        assert_eq!(ain(None, Some(3)), None);
    }

    #[test]
    fn the_recovered_fraction_is_one_for_what_was_kept_and_zero_for_a_retrain() {
        assert_eq!(recovered(&[1.0, 0.5], &[0.5, 0.5], 1.0).unwrap(), [Some(1.0), Some(0.0)]);
        assert_eq!(recovered(&[1.0], &[1.0], 1.0).unwrap(), [None]);
        assert!(recovered(&[1.0], &[], 1.0).is_err());
        assert!(time(&[f64::NAN], 1.0, 0.1).is_err());
        assert!(time(&[1.0], 1.0, 1.0).is_err());
    }
}
