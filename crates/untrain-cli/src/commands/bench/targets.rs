//! What the project set out to reach on Adult, and what was measured.

use super::forests::{Group, Measured, quality, times};
use super::markdown::Table;
use crate::table::{count, duration};

/// The table of targets, for the two forests of the Adult benchmark.
pub(super) fn markdown(adult: &Group) -> String {
    let [a, b] = adult.forests.as_slice() else { return String::new() };
    let titles = ["", "reach", "beyond", "best peer", "measured", "verdict"];
    let mut table = Table::new(titles.map(str::to_owned));
    let mut row = |what: &str, goal: [&str; 3], (measured, verdict): (String, Verdict)| {
        let [reach, beyond, peer] = goal;
        table.row([what, reach, beyond, peer, &measured, verdict.word()].map(str::to_owned));
    };
    row("byte identity with a retrain, any sequence", ["100 %", "–", "none has it"], identity(&adult.forests));
    let (mean, median) = (a.forget_mean_seconds, a.forget_median_seconds);
    row(
        "one deletion, everything rebuilt, mean",
        ["250 µs", "100 µs", "DynFrs 1,308 µs eager; 306 µs lazy and not exact"],
        (duration(mean), at_most(mean, 250e-6, 100e-6)),
    );
    row(
        "one deletion, everything rebuilt, median",
        ["60 µs", "25 µs", "DynFrs 170 µs eager; 101 µs lazy and not exact"],
        (duration(median), at_most(median, 60e-6, 25e-6)),
    );
    row(
        "1 % of Adult in one batch",
        ["50 ms", "25 ms", "DynFrs 86 ms in its paper"],
        (duration(a.batch_seconds), at_most(a.batch_seconds, 50e-3, 25e-3)),
    );
    row("training, ÷ LightGBM's time", ["1.5 ×", "1 ×", "DynFrs 2.2 ×"], training(a, adult));
    let rate = a.rows_per_second;
    row(
        "batch prediction, rows a second on one core",
        ["200,000", "400,000", "XGBoost 378,000; DaRE 36,000"],
        (count(rate as u64), at_most(-rate, -200e3, -400e3)),
    );
    row("memory a record", ["600 B", "300 B", "DynFrs 6,000 B"], (format!("{:.0} B", a.memory()), at_most(a.memory(), 600.0, 300.0)));
    let quality_goal = [".862 / .912", ".866 / .914 (`subsample` 0.2)", "DynFrs .8637 / .9125"];
    row("accuracy / AUC on Adult's own test split", quality_goal, accuracy(a, b));
    table.text()
}

#[derive(Clone, Copy)]
enum Verdict {
    Beyond,
    Reached,
    Missed,
    Unknown,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Beyond => "beyond",
            Self::Reached => "reached",
            Self::Missed => "**missed**",
            Self::Unknown => "–",
        }
    }
}

fn at_most(value: f64, reach: f64, beyond: f64) -> Verdict {
    match value {
        value if value <= beyond => Verdict::Beyond,
        value if value <= reach => Verdict::Reached,
        _ => Verdict::Missed,
    }
}

fn identity(forests: &[Measured]) -> (String, Verdict) {
    let passed: usize = forests.iter().map(|forest| forest.checks_passed).sum();
    let done: usize = forests.iter().map(|forest| forest.checks_done).sum();
    let verdict = if passed == done { Verdict::Reached } else { Verdict::Missed };
    (format!("{passed} of {done} comparisons"), verdict)
}

fn training(a: &Measured, adult: &Group) -> (String, Verdict) {
    let Some(peer) = adult.peers.iter().find_map(|beside| beside.peers.find("LightGBM")) else {
        return (format!("{}; the ratio needs --peers", duration(a.train_seconds)), Verdict::Unknown);
    };
    let ratio = a.train_seconds / peer.train_seconds;
    let [ours, theirs] = [a.train_seconds, peer.train_seconds].map(duration);
    (format!("{} ({ours}; LightGBM {theirs})", times(ratio)), at_most(ratio, 1.5, 1.0))
}

/// Reached by the forest with `subsample` 0.1, beyond by the one with 0.2.
fn accuracy(a: &Measured, b: &Measured) -> (String, Verdict) {
    let is = |forest: &Measured, accuracy, auc| forest.accuracy >= accuracy && forest.auc.is_some_and(|value| value >= auc);
    let verdict = match (is(a, 0.862, 0.912), is(b, 0.866, 0.914)) {
        (true, true) => Verdict::Beyond,
        (true, false) => Verdict::Reached,
        _ => Verdict::Missed,
    };
    (format!("{}; `subsample` 0.2: {}", quality(a.accuracy, a.auc), quality(b.accuracy, b.auc)), verdict)
}
