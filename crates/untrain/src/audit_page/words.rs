//! What an audit says, in sentences that cannot be misread.

use untrain_audit::{Evidence, Reason, Refutation, Verdict};
use untrain_core::{Guarantee, count, counted};

use crate::page::html::{chance, number};
use crate::report::{AuditReport, AuditSource, AuditVerdict};

/// The verdict: the class of its box, the word, and the sentence.
pub(super) fn verdict(report: &AuditReport) -> (&'static str, &'static str, String) {
    let judgement = &report.audit.judgement;
    let fails = |sentence: &str| ("fails", "It fails this audit", sentence.to_owned());
    match report.verdict {
        AuditVerdict::Passes => (
            "passes",
            "It passes this audit",
            "The attacks that recognise this model before it forgot took it, after it forgot, for one that never had the records."
                .to_owned(),
        ),
        AuditVerdict::Told if judgement.privacy == Verdict::Fails => {
            fails("An attack tells which records this model was made to forget: they have left a trace in it.")
        }
        AuditVerdict::Told => fails(
            "The model that forgot can be told from one that was retrained without the records. They have not been forgotten as claimed.",
        ),
        AuditVerdict::OtherBytes => {
            fails("Forgetting claims to be exact here, and the bytes of the model are not those of a retrain without the records.")
        }
        AuditVerdict::Refuted => fails(&format!("The ε that forgetting claims is less than what was measured: {}.", refuted(report))),
        AuditVerdict::Undecided => {
            ("undecided", "No answer", format!("This audit is evidence neither for nor against: {}.", undecided(&judgement.overall)))
        }
    }
}

fn refuted(report: &AuditReport) -> String {
    match report.audit.refutation {
        Some(Refutation::Refuted { claimed, bound }) => format!("it claims {} and is at least {}", number(claimed), number(bound)),
        _ => format!("it is at least {}", number(report.audit.epsilon)),
    }
}

fn undecided(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::None { reason: Reason::NullFails { .. } } => {
            "a second retrain, which is right by its nature, fails as well, so something else than forgetting was measured"
        }
        Verdict::None { reason: Reason::NoPower { .. } } => {
            "not even the model that forgot nothing was recognised, so not to recognise this one means nothing; more worlds or canaries may help"
        }
        _ => "nothing that decides could be measured",
    }
}

/// What follows for one of the two questions.
pub(super) fn answer(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passes => "passes".to_owned(),
        Verdict::Fails => "FAILS".to_owned(),
        Verdict::None { .. } => format!("no answer: {}", undecided(verdict)),
    }
}

/// The verdict of a metric, and why.
pub(super) fn because(evidence: &Evidence) -> (&'static str, &'static str, String) {
    match &evidence.verdict {
        Verdict::Passes => ("good", "passes", "not told from a perfect unlearner; the original is".to_owned()),
        Verdict::Fails => ("bad", "FAILS", "told from a perfect unlearner".to_owned()),
        Verdict::None { reason: Reason::NullFails { p_value } } => {
            ("open", "none", format!("the second retrain fails too (p {})", chance(*p_value)))
        }
        Verdict::None { reason: Reason::NoPower { p_value } } => {
            ("open", "none", format!("the original passes too (p {}): no power", chance(*p_value)))
        }
        Verdict::None { reason: Reason::NotHeadline } => ("open", "", "decides nothing".to_owned()),
        Verdict::None { reason: Reason::Unmeasured } => ("open", "none", "not measured".to_owned()),
    }
}

/// Which records were asked about, and why these.
pub(super) fn asked(report: &AuditReport) -> String {
    let records = counted(report.asked, "record");
    match report.source {
        AuditSource::Named => format!("{records} that were named"),
        AuditSource::Given => format!("{records} that were given as copies; the dataset has them no longer"),
        AuditSource::Waiting { request } => format!("{records} of request {request}, which waits to be carried out"),
        AuditSource::Held { request } => format!("{records} of request {request}, which a legal hold keeps"),
        AuditSource::InPlaceOf { request } => {
            format!("{records} drawn in place of those of request {request}, which are erased and can be asked about no more")
        }
        AuditSource::Drawn => format!("{records} that were drawn, since nobody has asked for anything yet"),
    }
}

/// What forgetting claims.
pub(super) fn claim(guarantee: &Guarantee) -> String {
    match guarantee {
        Guarantee::Exact => "exact: the bytes of a retrain without the records".to_owned(),
        Guarantee::Certified { epsilon, delta } => format!("certified: ε = {}, δ = {delta:e}", number(*epsilon)),
        Guarantee::Empirical => "none: only what an audit measures".to_owned(),
    }
}

/// The paragraphs for those who have to answer for it.
pub(super) fn plainly(report: &AuditReport) -> [String; 2] {
    let (worlds, records) = (count(report.worlds), counted(report.asked + report.canaries, "record"));
    let how = format!(
        "The question is whether somebody who has the model finds out that a person's record was in it, although the record was to be forgotten. To \
         answer it, the model was trained anew {worlds} times, each time with another half of {records}, and had to forget them as it does in \
         service. Attacks then compared it with models that never had these records. The same attacks were tried on models that forgot nothing, which they \
         have to recognise, and on models that are right by their nature, which they must not accuse."
    );
    [how, consequence(report)]
}

fn consequence(report: &AuditReport) -> String {
    let text = match report.verdict {
        AuditVerdict::Passes => {
            "The attacks recognised the models that forgot nothing, and did not recognise those that forgot. This supports the statement that a request to \
             forget is carried out as if the records had never been there. It does not prove it."
        }
        AuditVerdict::Told if report.audit.judgement.privacy == Verdict::Fails => {
            "The attacks recognised records that were to be forgotten. Do not state that this model has forgotten them. Until its way of forgetting is \
             mended, retraining without the records is the remedy."
        }
        AuditVerdict::Told => {
            "The model that forgot differs from one that never had the records. Which records they were was not found out here, and a difference can be \
             harmless; but the statement that it is as if the records had never been there is not supported. Retraining without them is the remedy."
        }
        AuditVerdict::OtherBytes => {
            "This way of forgetting is stated to give exactly the model that retraining gives. It does not. What the attacks saw or did not see \
             does not outweigh that. Retraining without the records is the remedy."
        }
        AuditVerdict::Refuted => {
            "The stated bound on what the model gives away about a record is false, up to the level of this audit. It must not be stated of this model any longer."
        }
        AuditVerdict::Undecided => {
            "The attacks could not answer the question. This page is not a pass and must not be shown as one. A longer audit, with more worlds or \
             more canaries, may answer it."
        }
    };
    text.to_owned()
}

/// What nobody should read into an audit.
pub(super) fn limits(report: &AuditReport) -> Vec<String> {
    let level = 100.0 * report.audit.judgement.level;
    let others = match report.source {
        AuditSource::InPlaceOf { .. } => " They are not those of the request, which are erased, but were drawn like them.",
        AuditSource::Drawn => " They are those of no request.",
        _ => "",
    };
    vec![
        "A pass is evidence and never proof: an attack that was not tried may find what these did not.".to_owned(),
        format!(
            "The models that were attacked were trained for this audit from the same recipe and records. The published model itself was not \
             attacked; untrain verify {} compares its bytes with those of a retrain.",
            report.model
        ),
        format!("Only {} were asked about.{others}", counted(report.asked, "record")),
        "Backups, exports, logs, copies and other models were not looked at.".to_owned(),
        format!(
            "A perfect way of forgetting fails an audit like this one with a chance of at most {} %. Whoever repeats audits until one passes, or \
             until one fails, shows nothing.",
            number(level).trim_end_matches('0').trim_end_matches('.')
        ),
    ]
}
