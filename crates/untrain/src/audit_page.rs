//! The page of an audit: one HTML file without scripts and without anything from elsewhere, the verdict first.
//!
//! It is made of the report alone, so it says what the JSON says; where both do, the numbers of the JSON have more digits.

mod figures;
#[cfg(test)]
mod tests;
mod words;

use untrain_audit::{Curve, Curves, Evidence, METRICS, Power, Refutation, Standing, metric};
use untrain_core::{count, counted, moment};

use crate::page::html::{Cell, Html, duration, escaped, number};
use crate::report::{AuditReport, OneRunReport, RelearnReport};
use figures::{KINDS, of_kinds};

impl AuditReport {
    /// The report as a page: one HTML file that needs no network, no script and no other file.
    ///
    /// It is for people who have to judge the audit, so it says what was found, on what, with which settings, and what it does not show.
    pub fn page(&self) -> String {
        let mut page = Html::beginning(&format!("Audit of {}", self.model));
        verdict(&mut page, self);
        plainly(&mut page, self);
        asked(&mut page, self);
        table(&mut page, self);
        games(&mut page, self);
        bounds(&mut page, self);
        secondary(&mut page, self);
        not_measured(&mut page, self);
        misleading(&mut page);
        settings(&mut page, self);
        page.finish()
    }
}

fn verdict(page: &mut Html, report: &AuditReport) {
    let (class, word, sentence) = words::verdict(report);
    page.raw(&format!("<h1>Does the model {} forget?</h1>\n", escaped(&report.model)));
    page.raw(&format!("<div class=\"verdict {class}\"><strong>{}</strong><p>{}</p></div>\n", escaped(word), escaped(&sentence)));
    let judgement = &report.audit.judgement;
    page.facts([
        ("Like a retrain?", words::answer(&judgement.efficacy)),
        ("Forgotten like never seen?", words::answer(&judgement.privacy)),
        ("Bytes of a retrain", bytes(report)),
        ("Model", format!("{}, version {}, trained on {}", report.model, report.version, report.dataset)),
        ("Audited", moment(report.at_ms)),
    ]);
}

fn bytes(report: &AuditReport) -> String {
    match (report.replayed, report.replays) {
        (_, 0) => "not compared".to_owned(),
        (same, all) if same == all => format!("yes: state and artefact, in {all} of {all} worlds in which they were compared"),
        (same, all) => format!("NO: in {same} of {all} worlds in which they were compared"),
    }
}

fn plainly(page: &mut Html, report: &AuditReport) {
    page.section("In plain words");
    for paragraph in words::plainly(report) {
        page.paragraph("", &paragraph);
    }
    page.paragraph("", "What an audit does not show:");
    page.list(words::limits(report));
}

fn asked(page: &mut Html, report: &AuditReport) {
    page.section("What was asked, and how");
    page.facts([
        ("Records asked about", words::asked(report)),
        ("Canaries", format!("{} with a wrong label, which can only be known by heart", counted(report.canaries, "record"))),
        ("Worlds", format!("{}, each with {} to train on", count(report.worlds), counted(report.records, "record"))),
        ("Models in a world", "original, unlearned, retrained, second retrain, did nothing, equal cost".to_owned()),
        ("Records of the holdout", format!("{} that no model was trained on", count(report.holdout))),
        ("Learner", format!("{}, which forgets by {}", report.learner, report.forgets_by)),
        ("Claim", words::claim(&report.guarantee)),
        ("Training, forgetting", format!("{}, {} (medians, one thread)", duration(report.train_seconds), duration(report.forget_seconds))),
        ("Seed of the audit", report.seed.to_string()),
        ("Time of this run", duration(report.total_seconds)),
    ]);
    page.paragraph(
        "quiet",
        "In every world half of the records asked about are in the training; the unlearned model is the original after it forgot them. Controls: the second \
         retrain is right by its nature and must pass; the original forgot nothing and must fail; one model forgot as many others instead (did nothing); one \
         was trained from scratch for as long as forgetting took (equal cost).",
    );
}

const STANDINGS: &str = "A metric decides only where it could have decided otherwise: it passes the unlearned models if it fails the original ones, and says \
                         nothing where the second retrain fails. Intervals of 95 % are from a bootstrap over worlds and records; p is the chance of a value as \
                         bad from a perfect unlearner, by exchanging whole models. An AUC of 0.5 is guessing.";

fn table(page: &mut Html, report: &AuditReport) {
    page.section("What decides");
    let heads = ["metric", "unlearned", "null", "original", "did nothing", "equal cost", "on holdout", "TPR at 1 % FPR", "verdict"];
    let rows: Vec<_> =
        report.audit.evidence.iter().filter(|evidence| is_headline(evidence)).map(|evidence| row(evidence, report)).collect();
    if rows.is_empty() {
        page.paragraph("", "Nothing that decides was measured.");
        return;
    }
    page.table(&heads, rows);
    page.paragraph("quiet", STANDINGS);
}

fn is_headline(evidence: &Evidence) -> bool {
    metric(&evidence.metric).is_some_and(|metric| metric.standing == Standing::Headline)
}

fn title(name: &str) -> String {
    metric(name).map_or(name, |metric| metric.title).to_owned()
}

fn row(evidence: &Evidence, report: &AuditReport) -> Vec<Cell> {
    let Evidence { metric, candidate, null, positive_control, scratch, do_nothing, on_holdout, n_models, n_points, verdict: _ } = evidence;
    let power = report.audit.curves.iter().find(|curves| curves.metric == *metric).map(|curves| curves.candidate.power);
    let (class, word, why) = words::because(evidence);
    vec![
        Cell::noted(title(metric), format!("{} worlds, {}", count(*n_models as u64), counted(*n_points as u64, "record"))),
        Cell::measured(Some(candidate)),
        Cell::measured(Some(null)),
        Cell::measured(Some(positive_control)),
        Cell::measured(do_nothing.as_ref()),
        Cell::measured(scratch.as_ref()),
        Cell::measured(on_holdout.as_ref()),
        power.map_or_else(|| Cell::rate(None, None), |power| Cell::rate(power.tpr_at_1_percent, power.tpr_at_1_percent_interval.as_ref())),
        Cell { class, says: word.to_owned(), small: why },
    ]
}

fn games(page: &mut Html, report: &AuditReport) {
    if report.audit.curves.is_empty() {
        return;
    }
    page.section("The games in pictures");
    page.paragraph(
        "quiet",
        "Left: how many are found (true positives) at how many false alarms. The unlearned models belong where the second retrain is, near the diagonal; the \
         original above it shows that the attack works. Right: the scores behind the curves. Where both outlines lie on each other, nothing can be told; the \
         outermost bars take in what lies beyond. A rate for which there are too few judgements is left out.",
    );
    for curves in &report.audit.curves {
        game(page, curves);
    }
}

fn game(page: &mut Html, curves: &Curves) {
    page.raw("<section class=\"game\">\n");
    page.raw(&format!("<h3>{}</h3>\n", escaped(&title(&curves.metric))));
    if let Some(metric) = metric(&curves.metric) {
        page.paragraph("quiet", &format!("{} {} {}", metric.measures, metric.how, metric.misleads));
    }
    page.raw("<div class=\"figures\">\n");
    page.raw(&figures::roc(curves));
    page.raw(&figures::distribution(curves));
    page.raw("</div>\n");
    let heads = ["models", "AUC", "TPR at 1 % FPR", "TPR at 0.1 % FPR", "judgements in, out"];
    page.table(&heads, KINDS.iter().zip(of_kinds(curves)).filter_map(|((_, name), curve)| curve.map(|curve| reached(name, curve))));
    page.raw("</section>\n");
}

fn reached(name: &str, curve: &Curve) -> Vec<Cell> {
    let Power { auc, auc_interval, tpr_at_1_percent, tpr_at_1_percent_interval, tpr_at_01_percent, tpr_at_01_percent_interval } =
        curve.power;
    let [ins, outs] = [&curve.members, &curve.others].map(|counts| count(counts.iter().sum()));
    let auc = untrain_audit::Measured { value: auc, interval: auc_interval, p_value: None };
    vec![
        Cell::text(name),
        Cell::measured(Some(&auc)),
        Cell::rate(tpr_at_1_percent, tpr_at_1_percent_interval.as_ref()),
        Cell::rate(tpr_at_01_percent, tpr_at_01_percent_interval.as_ref()),
        Cell::number(format!("{ins}, {outs}"), String::new()),
    ]
}

fn bounds(page: &mut Html, report: &AuditReport) {
    page.section("Bounds");
    let percent = number(100.0 * (1.0 - report.audit.judgement.level));
    let claimed = match report.audit.refutation {
        None => "claims no ε".to_owned(),
        Some(Refutation::Refuted { claimed, bound }) => {
            format!("REFUTED: {} is claimed, and it is at least {}", number(claimed), number(bound))
        }
        Some(Refutation::NotRefuted { claimed, reach, .. }) => {
            format!("not refuted: {} is claimed; so many worlds could have shown {} at the most", number(claimed), number(reach))
        }
    };
    let one_run = match report.one_run {
        None => "not measured: it takes 40 points".to_owned(),
        Some(OneRunReport { epsilon, null, positive_control, guesses, points }) => format!(
            "at least {}; of a retrain {}, of the original {} ({guesses} guesses of {points} points)",
            number(epsilon),
            number(null),
            number(positive_control)
        ),
    };
    page.facts([
        ("Claim", words::claim(&report.guarantee)),
        ("ε from many worlds", format!("at least {}, with a confidence of {percent} %", number(report.audit.epsilon))),
        ("Is the claim false?", claimed),
        ("ε from one world", one_run),
        ("Bytes of a retrain", bytes(report)),
        ("Relearning", relearning(report)),
    ]);
    page.paragraph(
        "quiet",
        "Bounds from below can show that a claim is false, and never that it is true: a small one may be the weakness of the attack.",
    );
}

/// How fast copies of the models come back to what was forgotten.
fn relearning(report: &AuditReport) -> String {
    let Some(RelearnReport { ain, null, positive_control, worlds, steps }) = report.relearning else {
        return "not measured: the learner retrains, or says numbers".to_owned();
    };
    let ratio = |ain: Option<f64>| ain.map_or("never within these steps".to_owned(), number);
    format!(
        "takes {} of the steps that a retrain takes (1 is ideal, 0 shows knowledge that is left); another retrain {}, the original {} ({worlds} worlds, {steps} steps)",
        ratio(ain),
        ratio(null),
        ratio(positive_control)
    )
}

fn secondary(page: &mut Html, report: &AuditReport) {
    let rows: Vec<_> = report.audit.evidence.iter().filter(|evidence| !is_headline(evidence)).map(beside).collect();
    if rows.is_empty() {
        return;
    }
    page.section("Measured besides, which decides nothing");
    page.table(&["metric", "unlearned", "null", "original", "did nothing", "equal cost", "beware"], rows);
}

fn beside(evidence: &Evidence) -> Vec<Cell> {
    vec![
        Cell::text(title(&evidence.metric)),
        Cell::measured(Some(&evidence.candidate)),
        Cell::measured(Some(&evidence.null)),
        Cell::measured(Some(&evidence.positive_control)),
        Cell::measured(evidence.do_nothing.as_ref()),
        Cell::measured(evidence.scratch.as_ref()),
        Cell::noted("", metric(&evidence.metric).map_or("", |metric| metric.misleads)),
    ]
}

fn not_measured(page: &mut Html, report: &AuditReport) {
    let audit = &report.audit;
    let skipped = audit.skipped.iter().map(|skipped| {
        let hint = skipped.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{}: {}{hint}.", title(&skipped.metric), skipped.reason)
    });
    let is_there = |name: &str| {
        let bound = matches!(name, "epsilon" | "relearn") || (name == "one-run" && report.one_run.is_some());
        bound || audit.evidence.iter().any(|item| item.metric == name) || audit.skipped.iter().any(|item| item.metric == name)
    };
    let absent = METRICS.iter().filter(|metric| metric.standing != Standing::Misleading && !is_there(metric.name));
    let absent = absent.map(|metric| format!("{}: not part of this audit. It would ask: {}", metric.title, lowered(metric.measures)));
    page.section("What was not measured");
    page.list(skipped.chain(absent));
}

/// A sentence as it goes on after a colon.
fn lowered(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn misleading(page: &mut Html) {
    page.section("Popular metrics that are left out, since they mislead");
    let left_out = METRICS.iter().filter(|metric| metric.standing == Standing::Misleading);
    page.list(left_out.map(|metric| format!("{}: {} {}", metric.title, lowered(metric.measures), metric.misleads)));
}

fn settings(page: &mut Html, report: &AuditReport) {
    let untrain_audit::Options { seed: _, n_exchanges, bootstrap, level, margin_floor, claim: _ } = report.settings;
    page.section("All settings");
    let params = report.params.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ");
    page.facts([
        ("Program", format!("untrain {}", report.program)),
        ("Artefact, SHA-256", report.digest.to_string()),
        ("Recipe", format!("{}: {params}", report.learner)),
        ("Level", format!("{level}, divided among all metrics that decide (Holm)")),
        ("Exchanges for a p-value", count(n_exchanges)),
        ("Resamples for an interval", format!("{} at a confidence of {}", count(bootstrap.n_resamples as u64), bootstrap.confidence)),
        ("Added to probabilities", format!("{margin_floor:e}, before margins are taken")),
        ("Records of equal cost", counted(report.scratch_records, "record")),
    ]);
}
