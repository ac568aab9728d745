//! The one list of attacks and metrics, with three sentences for each: what it measures, how, and how it misleads.
//!
//! Command line, documentation and report are derived from this list. Metrics that mislead are popular, such as the share of forgotten records that a
//! classifier takes for unseen \[@fan2024\]; they are listed so that nobody takes their absence for an oversight.

use serde::{Deserialize, Serialize};

/// What a metric is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It decides.
    Headline,
    /// It is shown beside its null and decides nothing.
    Secondary,
    /// It misleads, and is shown for comparison with papers only.
    Misleading,
}

/// What a metric asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Is the candidate like a retrained model?
    Efficacy,
    /// Can what was forgotten be told from what was never seen?
    Privacy,
    /// How large must ε be?
    Bound,
    /// Does what was forgotten come back?
    Robustness,
}

/// How a metric is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name in reports and on the command line.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it asks.
    pub question: Question,
    /// What it is good for.
    pub standing: Standing,
    /// What it measures, one sentence.
    pub measures: &'static str,
    /// How, one sentence.
    pub how: &'static str,
    /// How it misleads, one sentence.
    pub misleads: &'static str,
    /// Keys of docs/references.bib.
    pub references: &'static [&'static str],
    /// How many models of each kind it needs.
    pub n_models: usize,
    /// How many points it needs.
    pub n_points: usize,
}

/// The metric of that name.
pub fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

/// All attacks and metrics: what decides first, what misleads last.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "ulira-efficacy",
        title: "U-LiRA, efficacy game",
        question: Question::Efficacy,
        standing: Standing::Headline,
        measures: "Whether the outputs of models that forgot a record can be told from those of models that were retrained without it.",
        how: "Gaussians fitted to the margins of one half of the models judge the other half by their likelihood ratio, and whole models are swapped for the p-value.",
        misleads: "It also fires on harmless differences such as a shorter training, so it belongs beside its value on holdout records.",
        references: &["hayes2025", "carlini2022", "naderloui2025"],
        n_models: 10,
        n_points: 1,
    },
    Metric {
        name: "klom",
        title: "KLOM",
        question: Question::Efficacy,
        standing: Standing::Headline,
        measures: "How far the distribution of margins over unlearned models is from that over retrained ones, record by record.",
        how: "Kullback–Leibler divergence by quantile bins and by robust Gaussians, less the median over splits of the retrained models.",
        misleads: "As published it reads 0.34 for equal distributions of 100 models, and one diverged model hides a large shift.",
        references: &["georgiev2024"],
        n_models: 10,
        n_points: 1,
    },
    Metric {
        name: "ulira-privacy",
        title: "U-LiRA, privacy game",
        question: Question::Privacy,
        standing: Standing::Headline,
        measures: "Whether a record that was forgotten can be told from one that was never seen, when both are asked of unlearned models.",
        how: "The likelihood ratio of the efficacy game, between unlearned models that had the record and unlearned models that never did.",
        misleads: "Answers with a constant margin defeat it, so it belongs beside the accuracies on retain set and holdout.",
        references: &["naderloui2025", "hayes2025"],
        n_models: 10,
        n_points: 1,
    },
    Metric {
        name: "rmia-privacy",
        title: "RMIA, privacy game",
        question: Question::Privacy,
        standing: Standing::Headline,
        measures: "Whether an unlearned model is surer of forgotten records than of never seen ones, compared with reference models.",
        how: "The probability of the label over that of up to eight retrained models has to beat the same ratio of holdout records.",
        misleads: "It looks for too much confidence only, so a model that is pushed under the confidence of a retrain escapes it.",
        references: &["zarifzadeh2024"],
        n_models: 10,
        n_points: 1,
    },
    Metric {
        name: "canaries",
        title: "Label-noise canaries, privacy game",
        question: Question::Privacy,
        standing: Standing::Headline,
        measures: "Whether records with a wrong label, which can only be known by heart, are still known after they were forgotten.",
        how: "The privacy game of U-LiRA on the mislabelled records alone.",
        misleads: "Canaries are easier to remember than real records, and a provider who finds them can overwrite just these.",
        references: &["carlini2022"],
        n_models: 10,
        n_points: 1,
    },
    Metric {
        name: "gaussian-poison",
        title: "Gaussian poisons",
        question: Question::Privacy,
        standing: Standing::Headline,
        measures: "Whether noise that was added to the inputs of some records still shows in the gradients of the model.",
        how: "The sum of normalised products of noise and gradient is standard normal when the model does not depend on the noise.",
        misleads: "It needs gradients and poisons that were planted before training, and silence does not show that clean records are forgotten.",
        references: &["pawelczyk2025"],
        n_models: 1,
        n_points: 1,
    },
    Metric {
        name: "epsilon",
        title: "Lower bound on epsilon, many runs",
        question: Question::Bound,
        standing: Standing::Headline,
        measures: "How large epsilon must be between unlearned and retrained models, at a stated confidence.",
        how: "Exact binomial bounds on the error rates of an attack whose threshold was fixed on other models, one trial a model.",
        misleads: "A small bound shows little power and never a small epsilon, so it refutes a claim and confirms none.",
        references: &["clopper1934", "jagielski2020", "kairouz2015"],
        n_models: 10,
        n_points: 1,
    },
    Metric {
        name: "one-run",
        title: "Lower bound on epsilon, one run",
        question: Question::Bound,
        standing: Standing::Headline,
        measures: "How large epsilon must be, from many canaries in a single model.",
        how: "The number of right guesses among the surest ones is compared with the most that epsilon allows.",
        misleads: "The number of guesses has to be fixed in advance, or models without a leak are accused a quarter of the time.",
        references: &["steinke2023"],
        n_models: 1,
        n_points: 20,
    },
    Metric {
        name: "relearn",
        title: "Relearn time and AIN",
        question: Question::Robustness,
        standing: Standing::Secondary,
        measures: "How fast a model comes back to what it forgot, compared with one that never knew it.",
        how: "A copy of the model is trained on the forgotten records, and the step at which it reaches the original's level is divided by that from scratch.",
        misleads: "It depends on the learning rate, and reference code trains the audited model itself, which spoils every later measurement.",
        references: &["chundawat2023zero"],
        n_models: 3,
        n_points: 1,
    },
    Metric {
        name: "quantise",
        title: "Quantise, then test",
        question: Question::Robustness,
        standing: Standing::Secondary,
        measures: "Whether rounding the weights brings back what was forgotten.",
        how: "Weights are rounded to eight or four bits with a scale for each group, and a metric of forgetting is taken again.",
        misleads: "Four bits also harm models that never knew the records, so the retrained model is rounded too.",
        references: &["zhang2025"],
        n_models: 3,
        n_points: 1,
    },
    Metric {
        name: "differencing",
        title: "Before and after",
        question: Question::Privacy,
        standing: Standing::Secondary,
        measures: "What somebody learns who saw the model before and after the deletion.",
        how: "The fall of a record's margin from the original to the unlearned model plays the privacy game.",
        misleads: "Retraining is seen through too, so only the excess over retraining is the method's fault.",
        references: &["chen2021"],
        n_models: 10,
        n_points: 1,
    },
    Metric {
        name: "lira",
        title: "LiRA",
        question: Question::Privacy,
        standing: Standing::Secondary,
        measures: "Whether a record was in the training of one given model.",
        how: "The likelihood of its margin among shadow models with the record is divided by that among models without it.",
        misleads: "Below 64 shadow models the variances of single records are noise, so one variance is shared by all.",
        references: &["carlini2022"],
        n_models: 4,
        n_points: 1,
    },
    Metric {
        name: "loss",
        title: "Loss attack",
        question: Question::Privacy,
        standing: Standing::Secondary,
        measures: "Whether forgotten records have lower losses than never seen ones.",
        how: "The negative loss is the score of the privacy game.",
        misleads: "It does not know how hard a record is, so it misses what is remembered of hard ones.",
        references: &["yeom2018"],
        n_models: 10,
        n_points: 1,
    },
    Metric {
        name: "confidence",
        title: "Confidence attack",
        question: Question::Privacy,
        standing: Standing::Secondary,
        measures: "Whether the model gives forgotten records' labels a higher probability than never seen ones'.",
        how: "The probability of the label is the score of the privacy game.",
        misleads: "It orders records as the loss does, and has the same blind spot.",
        references: &["song2021"],
        n_models: 10,
        n_points: 1,
    },
    Metric {
        name: "entropy",
        title: "Entropy attack",
        question: Question::Privacy,
        standing: Standing::Secondary,
        measures: "Whether the model is surer of its answer, right or wrong, on forgotten records than on never seen ones.",
        how: "The negative entropy of the class probabilities is the score of the privacy game.",
        misleads: "A model that is sure and wrong looks like one that remembers.",
        references: &["song2021"],
        n_models: 10,
        n_points: 1,
    },
    Metric {
        name: "modified-entropy",
        title: "Modified entropy attack",
        question: Question::Privacy,
        standing: Standing::Secondary,
        measures: "Whether the model is surer of the right answer on forgotten records than on never seen ones.",
        how: "An entropy that falls with confidence in the right label and rises with confidence in a wrong one is the score of the privacy game.",
        misleads: "A widely copied implementation indexes the wrong entries, so published numbers do not compare.",
        references: &["song2021"],
        n_models: 10,
        n_points: 1,
    },
    Metric {
        name: "population",
        title: "Population attack, as a difference to retraining",
        question: Question::Efficacy,
        standing: Standing::Secondary,
        measures: "How much better a logistic regression tells forgotten from holdout losses for the candidate than for a retrained model.",
        how: "Ten-fold cross-validated accuracy on equally many records of each class, less the same accuracy of the retrained model.",
        misleads: "Read as an absolute number it is not one half for a retrained model, wherever forget set and holdout differ.",
        references: &["cadet2024", "hayes2025"],
        n_models: 1,
        n_points: 10,
    },
    Metric {
        name: "js",
        title: "Prediction JS to retraining",
        question: Question::Efficacy,
        standing: Standing::Secondary,
        measures: "How far the class probabilities of the candidate are from those of a retrained model.",
        how: "The Jensen–Shannon divergence in nats, averaged over forgotten records and worlds.",
        misleads: "One retrained model is a sample of size one, so two retrained models differ by much of it.",
        references: &["lin1991"],
        n_models: 1,
        n_points: 1,
    },
    Metric {
        name: "neurips",
        title: "NeurIPS 2023 forgetting quality, calibrated",
        question: Question::Efficacy,
        standing: Standing::Secondary,
        measures: "How small the largest in-sample epsilon of threshold attacks is, record by record, relative to a second retrain.",
        how: "Each record scores two to the minus bin of its epsilon, and the mean is divided by that of a second retrain.",
        misleads: "Without the division a perfect unlearner scores 0.05 to 0.2 and not 1, because a maximum over thresholds is large by chance.",
        references: &["triantafillou2024"],
        n_models: 2,
        n_points: 1,
    },
    Metric {
        name: "tow",
        title: "Tug of war (ToW)",
        question: Question::Efficacy,
        standing: Standing::Secondary,
        measures: "How near the accuracies on forget set, retain set and holdout are to those of a retrained model.",
        how: "The product of one minus the absolute gap over the three sets.",
        misleads: "It is near 1 for nearly everything, models that forgot nothing included, and is no evidence of privacy.",
        references: &["zhao2024"],
        n_models: 1,
        n_points: 1,
    },
    Metric {
        name: "gaps",
        title: "Average accuracy gap",
        question: Question::Efficacy,
        standing: Standing::Secondary,
        measures: "How far the accuracies on forget set, retain set and holdout are from those of a retrained model, on average.",
        how: "The mean of three absolute differences.",
        misleads: "Equal accuracies say nothing of single records, which is where memory is.",
        references: &["cadet2024"],
        n_models: 1,
        n_points: 1,
    },
    Metric {
        name: "athena",
        title: "Athena's backdoor test",
        question: Question::Privacy,
        standing: Standing::Secondary,
        measures: "Whether a trigger that a user planted in her own records still works after their deletion.",
        how: "The number of triggered queries with the planted answer is compared with a binomial threshold for users who planted none.",
        misleads: "A provider who removes triggers passes without deleting anything, and published code understates the error of a belief.",
        references: &["sommer2022"],
        n_models: 1,
        n_points: 2,
    },
    Metric {
        name: "svc-efficacy",
        title: "SVC-MIA efficacy",
        question: Question::Efficacy,
        standing: Standing::Misleading,
        measures: "The share of forgotten records that a classifier of confidences takes for unseen.",
        how: "A support vector machine is fitted to the confidences of retain set and test set and applied to the forget set.",
        misleads: "It rewards pushing the forgotten records under the confidence of a retrain, which is itself a trace.",
        references: &["fan2024"],
        n_models: 1,
        n_points: 1,
    },
    Metric {
        name: "mia-near-half",
        title: "MIA accuracy near 50 %",
        question: Question::Efficacy,
        standing: Standing::Misleading,
        measures: "How near to one half the accuracy of a population attack is.",
        how: "The accuracy of a classifier of forgotten and holdout losses is compared with one half instead of with a retrain.",
        misleads: "An attack that is weak is near one half for every model, the one that still knows the records included.",
        references: &["hayes2025"],
        n_models: 1,
        n_points: 10,
    },
    Metric {
        name: "zrf",
        title: "ZRF",
        question: Question::Efficacy,
        standing: Standing::Misleading,
        measures: "How much the answers on forgotten records resemble those of a randomly initialised model.",
        how: "One minus the mean Jensen–Shannon divergence to a random model.",
        misleads: "A retrained model does not answer at random, so it rewards damage, and reference code divides by the number of classes.",
        references: &["chundawat2023"],
        n_models: 1,
        n_points: 1,
    },
    Metric {
        name: "forget-accuracy",
        title: "Forget accuracy towards 0",
        question: Question::Efficacy,
        standing: Standing::Misleading,
        measures: "How often the model is right on forgotten records.",
        how: "The accuracy on the forget set, where less is taken for better.",
        misleads: "A retrained model is right on most of them because it generalises, so an accuracy near 0 is a trace of the deletion.",
        references: &["cadet2024"],
        n_models: 1,
        n_points: 1,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_explanations_are_three_sentences() {
        for (at, metric) in METRICS.iter().enumerate() {
            assert!(METRICS[..at].iter().all(|other| other.name != metric.name), "{} is there twice", metric.name);
            for sentence in [metric.measures, metric.how, metric.misleads] {
                assert!(sentence.ends_with('.') && sentence.matches(". ").count() == 0, "{sentence}");
                assert!(sentence.starts_with(char::is_uppercase), "{sentence}");
            }
            assert!(metric.n_models > 0 && metric.n_points > 0 && !metric.references.is_empty());
        }
    }

    #[test]
    fn the_documentation_explains_each_metric_in_the_same_three_sentences() {
        let documentation = include_str!("../../../docs/audits.md");
        for Metric { name, title, measures, how, misleads, .. } in METRICS {
            assert!(documentation.contains(&format!("**{title}** (`{name}`). {measures} {how} {misleads}\n")), "{name}");
        }
    }

    #[test]
    fn references_are_in_the_bibliography() {
        let bibliography = include_str!("../../../docs/references.bib");
        for key in METRICS.iter().flat_map(|metric| metric.references) {
            assert!(bibliography.contains(&format!("{{{key},")), "{key} is missing");
        }
    }

    #[test]
    fn the_list_begins_with_what_decides_and_ends_with_what_misleads() {
        let rank = |metric: &Metric| match metric.standing {
            Standing::Headline => 0,
            Standing::Secondary => 1,
            Standing::Misleading => 2,
        };
        assert!(METRICS.is_sorted_by_key(rank));
    }
}
