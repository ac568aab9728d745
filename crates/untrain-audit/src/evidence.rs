//! A metric's number beside its null, its positive control, and the verdict that follows from the three.
//!
//! A metric decides by a p-value, which [`crate::game`] argues to be valid. It *fails* the candidate when that p-value is small after Holm's correction
//! for the number of headline metrics \[@holm1979\], so all of them together fail a perfect unlearner with at most the stated probability. The family is all
//! headline metrics that there are, measured or not, so that leaving one out buys nothing. It *passes* the candidate
//! only when it could have failed it: the original model, which forgot nothing, has to fail by the same rule. And it says nothing when the second
//! retrain fails, since then the metric measures something else than unlearning.

use serde::{Deserialize, Serialize};

use crate::bootstrap::Interval;
use crate::error::{Result, within_unit};
use crate::metrics::{METRICS, Question, Standing, metric};

/// By how much stricter the level is at which a null fails: a null that fails by chance takes a verdict away, so it should be rare.
const NULL_STRICTNESS: f64 = 0.2;

/// What a metric says of one kind of model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The value.
    pub value: f64,
    /// Its interval, where it has one.
    pub interval: Option<Interval>,
    /// The chance of a value as bad from a perfect unlearner, where it is known.
    pub p_value: Option<f64>,
}

/// A metric on the candidate and on all controls, through the same code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The metric's name in [`crate::metrics::METRICS`].
    pub metric: String,
    /// The candidate.
    pub candidate: Measured,
    /// The null: a second, independent retrain in place of the candidate.
    pub null: Measured,
    /// The positive control: the original model, which forgot nothing.
    pub positive_control: Measured,
    /// A retrain from scratch that costs what unlearning cost.
    pub scratch: Option<Measured>,
    /// A candidate that does nothing.
    pub do_nothing: Option<Measured>,
    /// The candidate on holdout points: what has nothing to do with the forgotten ones.
    pub on_holdout: Option<Measured>,
    /// How many models of each kind there are.
    pub n_models: usize,
    /// How many points there are.
    pub n_points: usize,
    /// What follows.
    pub verdict: Verdict,
}

/// What follows from a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verdict {
    /// The candidate was not told from a retrain by a metric that tells the original model.
    Passes,
    /// The candidate was told from a retrain.
    Fails,
    /// The metric decides nothing.
    None {
        /// Why.
        reason: Reason,
    },
}

/// Why a metric decides nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// A second retrain fails it.
    NullFails {
        /// The p-value of the null.
        p_value: f64,
    },
    /// The original model passes it: the metric has no power here, as the model does not remember enough, or with so few models.
    NoPower {
        /// The p-value of the positive control.
        p_value: f64,
    },
    /// It is shown beside its null and control, and decides nothing.
    NotHeadline,
    /// No metric of this question has a verdict.
    Unmeasured,
}

/// The verdicts of an audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Is the candidate like a retrained model?
    pub efficacy: Verdict,
    /// Can records that were forgotten be told from such that were never seen?
    pub privacy: Verdict,
    /// Both: fails if one fails, passes if both pass.
    pub overall: Verdict,
    /// The chance with which a perfect unlearner fails.
    pub level: f64,
}

/// Gives each piece of evidence its verdict, and the audit its own.
///
/// # Errors
///
/// A level outside (0, 1).
pub fn judge(evidence: &mut [Evidence], level: f64) -> Result<Judgement> {
    within_unit("level", level)?;
    let deciding: Vec<usize> = (0..evidence.len()).filter(|at| evidence[*at].decides()).collect();
    let family = METRICS.iter().filter(|metric| metric.standing == Standing::Headline).count().max(deciding.len());
    let rejected = holm(&deciding.iter().map(|at| evidence[*at].candidate.p_value.unwrap_or(1.0)).collect::<Vec<_>>(), family, level);
    // What the strictest step of Holm's procedure asks of the candidate is asked of the controls.
    let bar = level / family as f64;
    for item in &mut *evidence {
        item.verdict = Verdict::None { reason: Reason::NotHeadline };
    }
    for (at, fails) in deciding.into_iter().zip(rejected) {
        evidence[at].verdict = evidence[at].decide(fails, bar);
    }
    let (efficacy, privacy) = (answer(evidence, Question::Efficacy), answer(evidence, Question::Privacy));
    let overall = match (&efficacy, &privacy) {
        (Verdict::Fails, _) | (_, Verdict::Fails) => Verdict::Fails,
        (Verdict::None { reason }, _) | (_, Verdict::None { reason }) => Verdict::None { reason: reason.clone() },
        (Verdict::Passes, Verdict::Passes) => Verdict::Passes,
    };
    Ok(Judgement { efficacy, privacy, overall, level })
}

impl Evidence {
    fn decides(&self) -> bool {
        metric(&self.metric).is_some_and(|metric| metric.standing == Standing::Headline) && self.candidate.p_value.is_some()
    }

    fn question(&self) -> Option<Question> {
        metric(&self.metric).map(|metric| metric.question)
    }

    fn decide(&self, fails: bool, bar: f64) -> Verdict {
        let (null, control) = (self.null.p_value.unwrap_or(0.0), self.positive_control.p_value.unwrap_or(1.0));
        if null <= bar * NULL_STRICTNESS {
            Verdict::None { reason: Reason::NullFails { p_value: null } }
        } else if fails {
            // Also where the original passes: a candidate may be worse than the model that it started from.
            Verdict::Fails
        } else if control > bar {
            Verdict::None { reason: Reason::NoPower { p_value: control } }
        } else {
            Verdict::Passes
        }
    }
}

/// Fails if one metric of the question fails, and passes if none fails and one passes.
fn answer(evidence: &[Evidence], question: Question) -> Verdict {
    let verdicts: Vec<&Verdict> =
        evidence.iter().filter(|item| item.decides() && item.question() == Some(question)).map(|item| &item.verdict).collect();
    let first = |wanted: fn(&Verdict) -> bool| verdicts.iter().find(|verdict| wanted(verdict)).map(|verdict| (*verdict).clone());
    first(|verdict| *verdict == Verdict::Fails)
        .or_else(|| first(|verdict| *verdict == Verdict::Passes))
        .or_else(|| first(|_| true))
        .unwrap_or(Verdict::None { reason: Reason::Unmeasured })
}

/// Which hypotheses are rejected by Holm's procedure at a family-wise level, when those of the family without a p-value have one of 1.
fn holm(p_values: &[f64], family: usize, level: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut rejected = vec![false; p_values.len()];
    for (step, at) in order.iter().enumerate() {
        if p_values[*at] > level / (family - step) as f64 {
            break;
        }
        rejected[*at] = true;
    }
    rejected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(p_value: f64) -> Measured {
        Measured { value: 0.5, interval: None, p_value: Some(p_value) }
    }

    fn evidence(metric: &str, candidate: f64, null: f64, control: f64) -> Evidence {
        let (scratch, do_nothing, on_holdout) = (None, None, None);
        let verdict = Verdict::None { reason: Reason::Unmeasured };
        let (candidate, null, positive_control) = (measured(candidate), measured(null), measured(control));
        Evidence {
            metric: metric.to_owned(),
            candidate,
            null,
            positive_control,
            scratch,
            do_nothing,
            on_holdout,
            n_models: 8,
            n_points: 1,
            verdict,
        }
    }

    #[test]
    fn a_metric_passes_only_when_it_could_have_failed() {
        let mut items = [evidence("ulira-efficacy", 0.5, 0.5, 0.001), evidence("ulira-privacy", 0.5, 0.5, 0.3)];
        let judgement = judge(&mut items, 0.05).unwrap();
        assert_eq!(judgement.efficacy, Verdict::Passes);
        assert_eq!(judgement.privacy, Verdict::None { reason: Reason::NoPower { p_value: 0.3 } });
        assert!(matches!(judgement.overall, Verdict::None { .. }));
    }

    #[test]
    fn a_metric_whose_null_fails_gives_no_verdict() {
        let mut items = [evidence("ulira-efficacy", 0.001, 0.001, 0.001), evidence("ulira-privacy", 0.5, 0.5, 0.001)];
        let judgement = judge(&mut items, 0.05).unwrap();
        assert!(matches!(items[0].verdict, Verdict::None { reason: Reason::NullFails { .. } }));
        assert_eq!(judgement.privacy, Verdict::Passes);
    }

    #[test]
    fn one_failing_metric_fails_the_audit() {
        let mut items = [evidence("ulira-efficacy", 0.5, 0.5, 0.001), evidence("ulira-privacy", 0.001, 0.5, 0.001)];
        assert_eq!(judge(&mut items, 0.05).unwrap().overall, Verdict::Fails);
    }

    #[test]
    fn misleading_metrics_decide_nothing() {
        let mut items = [evidence("zrf", 0.001, 0.5, 0.001)];
        let judgement = judge(&mut items, 0.05).unwrap();
        assert_eq!(items[0].verdict, Verdict::None { reason: Reason::NotHeadline });
        assert_eq!(judgement.overall, Verdict::None { reason: Reason::Unmeasured });
    }

    #[test]
    fn holm_stops_at_the_first_that_is_too_large() {
        assert_eq!(holm(&[0.01, 0.04, 0.03], 3, 0.05), [true, false, false]);
        assert_eq!(holm(&[0.01, 0.04, 0.02], 3, 0.05), [true, true, true]);
        assert_eq!(holm(&[0.01, 0.04, 0.02], 4, 0.05), [true, false, false]);
        assert_eq!(holm(&[0.02, 0.02, 0.02], 3, 0.05), [false; 3]);
        assert_eq!(holm(&[], 3, 0.05), Vec::<bool>::new());
    }

    #[test]
    fn evidence_reads_back_from_its_json() {
        let item = evidence("ulira-efficacy", 0.5, 0.5, 0.001);
        let json = serde_json::to_string(&item).unwrap();
        assert!(json.contains(r#""verdict":{"kind":"none","reason":{"kind":"unmeasured"}}"#), "{json}");
        assert_eq!(serde_json::from_str::<Evidence>(&json).unwrap(), item);
    }
}
