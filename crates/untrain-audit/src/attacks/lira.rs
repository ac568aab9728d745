//! LiRA: how much likelier is a model's score on a point among models that were trained on it than among models that were not \[@carlini2022\]?

use crate::error::{Error, Result, same};
use crate::scores::{Membership, Scores};
use crate::special::{normal_cdf, normal_log_density};

/// What is added to a standard deviation, as in the published code.
const SD_FLOOR: f64 = 1e-30;

/// How many shadow models a side needs for a variance of each point's own.
const PER_POINT_VARIANCE: usize = 32;

/// How Gaussians are fitted to shadow models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fitting {
    /// Where the centre is.
    pub centre: Centre,
    /// Whether points share a variance.
    pub variance: Variance,
}

/// The centre of a fitted Gaussian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Centre {
    /// The mean.
    #[default]
    Mean,
    /// The median, as in the published code.
    Median,
}

/// Whether points have variances of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Variance {
    /// Pooled while a side has fewer than 32 models for a typical point.
    #[default]
    ByCount,
    /// The mean of the points' variances, for all points: of the IN models for IN, of the OUT models for OUT.
    Pooled,
    /// One for each point.
    PerPoint,
}

/// What the offline attack, which has no IN models, says of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offline {
    /// −log N(φ; out): how strange the score is among the OUT models, on either side.
    Unlikely,
    /// Φ((φ − μ_out) / σ_out): how high it is among them.
    High,
}

/// The Gaussian of one side: centre and standard deviation of each point.
#[derive(Debug, Clone, PartialEq)]
struct Side {
    centre: Vec<f64>,
    sd: Vec<f64>,
}

/// LiRA online: Λ = log N(φ; in) − log N(φ; out) for each target model and point.
///
/// # Shapes
///
/// `targets: (n_targets, n_points)`, `shadows` and `members: (n_shadows, n_points)`
///
/// # Errors
///
/// Shapes that differ; a point with fewer than 2 shadow models on a side.
///
/// # Examples
///
/// ```
/// use untrain_audit::attacks::lira::{self, Fitting};
/// use untrain_audit::{Membership, Scores};
///
/// let shadows = Scores::new(4, 1, vec![2.0, 2.2, 0.0, 0.2])?;
/// let members = Membership::new(4, 1, vec![true, true, false, false])?;
/// let scores = lira::online(&Scores::new(2, 1, vec![2.1, 0.1])?, &shadows, &members, Fitting::default())?;
/// assert!(scores.row(0)[0] > 0.0 && scores.row(1)[0] < 0.0);
/// # Ok::<(), untrain_audit::Error>(())
/// ```
pub fn online(targets: &Scores, shadows: &Scores, members: &Membership, fitting: Fitting) -> Result<Scores> {
    same("points of shadow models", targets.n_points(), shadows.n_points())?;
    let ins = fit(shadows, members, true, fitting)?;
    let outs = fit(shadows, members, false, fitting)?;
    judge(targets, |point, score| {
        normal_log_density(score, ins.centre[point], ins.sd[point]) - normal_log_density(score, outs.centre[point], outs.sd[point])
    })
}

/// LiRA offline: the score of each target model and point by OUT models alone. Weaker than online, and much weaker with few models.
///
/// # Errors
///
/// As [`online`], for the OUT side.
pub fn offline(targets: &Scores, shadows: &Scores, members: &Membership, fitting: Fitting, says: Offline) -> Result<Scores> {
    same("points of shadow models", targets.n_points(), shadows.n_points())?;
    let outs = fit(shadows, members, false, fitting)?;
    judge(targets, |point, score| match says {
        Offline::Unlikely => -normal_log_density(score, outs.centre[point], outs.sd[point]),
        Offline::High => normal_cdf((score - outs.centre[point]) / outs.sd[point]),
    })
}

fn judge(targets: &Scores, score_of: impl Fn(usize, f64) -> f64) -> Result<Scores> {
    Scores::from_rows(targets.rows().map(|row| row.iter().enumerate().map(|(point, score)| score_of(point, *score)).collect()).collect())
}

fn fit(shadows: &Scores, members: &Membership, side: bool, fitting: Fitting) -> Result<Side> {
    same("models with membership bits", shadows.n_models(), members.n_models())?;
    same("points with membership bits", shadows.n_points(), members.n_points())?;
    let mut centre = Vec::with_capacity(shadows.n_points());
    let mut variances = Vec::with_capacity(shadows.n_points());
    let mut n_fitted = 0;
    for point in 0..shadows.n_points() {
        let of_side = |model: &usize| members.row(*model)[point] == side;
        let mut scores: Vec<f64> = (0..shadows.n_models()).filter(of_side).map(|model| shadows.row(model)[point]).collect();
        if scores.len() < 2 {
            return Err(Error::TooFewModels { attack: "LiRA", needed: 4, found: shadows.n_models(), instead: Some("RMIA") });
        }
        n_fitted += scores.len();
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        variances.push(scores.iter().map(|score| (score - mean) * (score - mean)).sum::<f64>() / scores.len() as f64);
        centre.push(if fitting.centre == Centre::Mean { mean } else { median(&mut scores) });
    }
    let pooled = match fitting.variance {
        Variance::Pooled => true,
        Variance::PerPoint => false,
        Variance::ByCount => n_fitted < PER_POINT_VARIANCE * shadows.n_points(),
    };
    let common = variances.iter().sum::<f64>() / variances.len().max(1) as f64;
    let sd = variances.iter().map(|own| if pooled { common } else { *own }.sqrt() + SD_FLOOR).collect();
    Ok(Side { centre, sd })
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published plotting code takes both standard deviations from the IN models when the variance is fixed.
    #[test]
    fn defect_7_the_pooled_variance_of_out_comes_from_out() {
        // IN scores scatter by 10 and OUT scores by 0.1 around the same centre: a score at the centre is far likelier among OUT.
        let shadows = Scores::new(4, 1, vec![10.0, -10.0, 0.1, -0.1]).unwrap();
        let members = Membership::new(4, 1, vec![true, true, false, false]).unwrap();
        let fitting = Fitting { variance: Variance::Pooled, ..Fitting::default() };
        let found = online(&Scores::new(1, 1, vec![0.0]).unwrap(), &shadows, &members, fitting).unwrap();
        assert!((found.row(0)[0] + libm::log(100.0)).abs() < 1e-12);
    }

    #[test]
    fn a_point_with_one_model_on_a_side_is_refused_with_a_way_out() {
        let shadows = Scores::new(3, 1, vec![1.0, 2.0, 3.0]).unwrap();
        let members = Membership::new(3, 1, vec![true, false, false]).unwrap();
        let target = Scores::new(1, 1, vec![0.0]).unwrap();
        let error = online(&target, &shadows, &members, Fitting::default()).unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("RMIA")));
        assert!(offline(&target, &shadows, &members, Fitting::default(), Offline::High).is_ok());
    }

    #[test]
    fn constant_scores_do_not_divide_by_zero() {
        let members = Membership::new(4, 1, vec![true, true, false, false]).unwrap();
        let same = Scores::new(4, 1, vec![1.0; 4]).unwrap();
        let found = online(&Scores::new(1, 1, vec![1.0]).unwrap(), &same, &members, Fitting::default()).unwrap();
        assert_eq!(found.row(0)[0], 0.0);
    }
}
