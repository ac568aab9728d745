//! Pages of reports that are made up: what they say, what they escape, and what they never contain.

use untrain_audit::{Audit, Curve, Curves, Evidence, Interval, Judgement, Measured, Options, Power, Reason, Refutation, Skipped, Verdict};
use untrain_core::{Digest, Guarantee};

use crate::report::{AuditReport, AuditSource, AuditVerdict, OneRunReport, RelearnReport};

const NO_POWER: Verdict = Verdict::None { reason: Reason::NoPower { p_value: 0.4 } };

fn measured(value: f64, p_value: f64) -> Measured {
    Measured { value, interval: Some(Interval { low: value - 0.02, high: value + 0.02, confidence: 0.95 }), p_value: Some(p_value) }
}

fn curve(gain: f64) -> Curve {
    let power = Power {
        auc: 0.5 + gain,
        auc_interval: None,
        tpr_at_1_percent: Some(0.01 + gain),
        tpr_at_1_percent_interval: None,
        tpr_at_01_percent: None,
        tpr_at_01_percent_interval: None,
    };
    Curve { power, tpr: vec![0.01 + gain, 0.1 + gain, 1.0], members: vec![1, 2, 3], others: vec![3, 2, 1] }
}

fn curves(metric: &str, gain: f64) -> Curves {
    Curves {
        metric: metric.to_owned(),
        fpr: vec![0.01, 0.1, 1.0],
        borders: vec![-1.0, 0.0, 1.0, 2.0],
        candidate: curve(gain),
        null: curve(0.0),
        positive_control: curve(0.3),
        scratch: Some(curve(0.1)),
        do_nothing: None,
    }
}

fn evidence(metric: &str, candidate: Measured, verdict: Verdict) -> Evidence {
    Evidence {
        metric: metric.to_owned(),
        candidate,
        null: measured(0.5, 0.6),
        positive_control: measured(0.8, 0.001),
        scratch: None,
        do_nothing: Some(measured(0.79, 0.001)),
        on_holdout: None,
        n_models: 12,
        n_points: 240,
        verdict,
    }
}

/// A report with a verdict, with the verdicts of the two questions, and with an ε that was measured.
fn report(verdict: AuditVerdict, efficacy: Verdict, privacy: Verdict) -> AuditReport {
    let evidence = vec![
        evidence("ulira-efficacy", measured(0.51, 0.3), efficacy.clone()),
        evidence("klom", measured(4.2e17, 0.2), efficacy.clone()),
        evidence("ulira-privacy", measured(0.71, 0.001), privacy.clone()),
        evidence("tow", measured(f64::NAN, f64::INFINITY), Verdict::None { reason: Reason::NotHeadline }),
    ];
    let skipped = Skipped { metric: "js".to_owned(), reason: "it needs probabilities".to_owned(), hint: None };
    let audit = Audit {
        judgement: Judgement { overall: privacy.clone(), efficacy, privacy, level: 0.05 },
        evidence,
        skipped: vec![skipped],
        epsilon: 0.0,
        refutation: Some(Refutation::NotRefuted { claimed: 0.0, bound: 0.0, reach: 0.9 }),
        curves: vec![curves("ulira-efficacy", 0.0), curves("ulira-privacy", 0.2)],
        n_worlds: 12,
    };
    AuditReport {
        model: "income".to_owned(),
        version: 3,
        digest: Digest::of(b"income"),
        dataset: "adult".to_owned(),
        learner: "forest".to_owned(),
        params: serde_json::Map::from_iter([("n_trees".to_owned(), 100.into())]),
        forgets_by: "revision".to_owned(),
        guarantee: Guarantee::Exact,
        source: AuditSource::InPlaceOf { request: 7 },
        records: 32_561,
        asked: 200,
        canaries: 40,
        holdout: 1000,
        worlds: 12,
        replayed: 2,
        replays: 2,
        train_seconds: 2.5,
        forget_seconds: 0.05,
        scratch_records: 700,
        one_run: Some(OneRunReport { epsilon: 0.0, null: 0.0, positive_control: 1.25, guesses: 60, points: 240 }),
        relearning: Some(RelearnReport { ain: Some(1.0), null: Some(1.04), positive_control: Some(0.0), worlds: 4, steps: 10 }),
        seed: 0,
        verdict,
        replaced_an_audit: false,
        audit,
        settings: Options::default(),
        program: "0.1.0".to_owned(),
        at_ms: 1_790_000_000_000,
        total_seconds: 301.0,
    }
}

fn all() -> Vec<AuditReport> {
    let refuted = Refutation::Refuted { claimed: 0.5, bound: 1.75 };
    let mut false_claim = report(AuditVerdict::Refuted, NO_POWER, NO_POWER);
    false_claim.guarantee = Guarantee::Certified { epsilon: 0.5, delta: 1e-5 };
    (false_claim.audit.refutation, false_claim.audit.epsilon) = (Some(refuted), 1.75);
    let mut other_bytes = report(AuditVerdict::OtherBytes, Verdict::Passes, Verdict::Passes);
    other_bytes.replayed = 1;
    vec![
        report(AuditVerdict::Passes, Verdict::Passes, Verdict::Passes),
        report(AuditVerdict::Told, Verdict::Passes, Verdict::Fails),
        report(AuditVerdict::Told, Verdict::Fails, Verdict::Passes),
        other_bytes,
        false_claim,
        report(AuditVerdict::Undecided, Verdict::Passes, NO_POWER),
    ]
}

#[test]
fn every_verdict_has_its_word_and_its_sentence() {
    let said = [
        ("passes", "It passes this audit", "took it, after it forgot, for one that never had the records.", "It does not prove it."),
        (
            "fails",
            "It fails this audit",
            "An attack tells which records this model was made to forget",
            "Do not state that this model has forgotten them.",
        ),
        (
            "fails",
            "It fails this audit",
            "can be told from one that was retrained",
            "the statement that it is as if the records had never been there is not supported",
        ),
        ("fails", "It fails this audit", "the bytes of the model are not those of a retrain", "It does not. What the attacks saw"),
        ("fails", "It fails this audit", "it claims 0.500 and is at least 1.750", "must not be stated of this model any longer"),
        ("undecided", "No answer", "neither for nor against: not even the model that forgot nothing was recognised", "not a pass"),
    ];
    for (report, (class, word, sentence, plainly)) in all().iter().zip(said) {
        let page = report.page();
        assert!(page.contains(&format!("<div class=\"verdict {class}\"><strong>{word}</strong>")), "{:?}", report.verdict);
        assert!(page.contains(sentence) && page.contains(plainly), "{:?}", report.verdict);
        assert_eq!(report.verdict.is_failure(), word == "It fails this audit");
        // The verdict stands before everything else that a reader sees.
        assert!(page.find(sentence) < page.find("<h2>"));
    }
}

#[test]
fn a_page_that_does_not_pass_never_says_that_it_does() {
    for report in all().iter().skip(1) {
        let page = report.page();
        assert!(!page.contains("<strong>It passes") && !page.contains("This supports the statement"), "{:?}", report.verdict);
    }
}

#[test]
fn bytes_that_differ_are_said_to() {
    let pages: Vec<String> = all().iter().map(AuditReport::page).collect();
    assert!(pages[0].contains("yes: state and artefact, in 2 of 2 worlds"));
    assert!(pages[3].contains("NO: in 1 of 2 worlds"));
    assert!(pages[4].contains("REFUTED: 0.500 is claimed"));
}

#[test]
fn names_are_text_and_never_markup() {
    let mut report = report(AuditVerdict::Passes, Verdict::Passes, Verdict::Passes);
    report.model = "<img src=x onerror=\"go('&')\">".to_owned();
    report.dataset = "</table><script>".to_owned();
    report.params.insert("\"key\"".to_owned(), "<b>".into());
    report.audit.skipped[0].reason = "<i>".to_owned();
    let page = report.page();
    assert!(page.contains("&lt;img src=x onerror=&quot;go(&#39;&amp;&#39;)&quot;&gt;"));
    assert!(["<img", "<script", "<b>", "<i>"].iter().all(|markup| !page.contains(markup)));
}

#[test]
fn a_page_needs_nothing_from_elsewhere_and_runs_nothing() {
    for report in all() {
        let page = report.page();
        let outside = ["http:", "https:", "//", "<script", "src=", "href=", "url(", "@import", "onload"];
        assert!(outside.iter().all(|reference| !page.contains(reference)), "{:?}", report.verdict);
        assert!(page.contains("Content-Security-Policy") && page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    }
}

#[test]
fn numbers_are_finite_and_short_whatever_was_measured() {
    let mut report = report(AuditVerdict::Told, Verdict::Passes, Verdict::Fails);
    report.audit.curves[0].candidate.tpr[0] = f64::NAN;
    report.audit.curves[0].borders = vec![f64::NEG_INFINITY, 0.0, 1.0, f64::INFINITY];
    report.audit.epsilon = f64::INFINITY;
    report.train_seconds = f64::NAN;
    let page = report.page();
    let shown: String = page.split("</style>").skip(1).collect();
    assert!(["NaN", "inf,", ">inf", " inf ", "\"inf", "-inf"].iter().all(|text| !shown.contains(text)));
    assert!(shown.contains("4.2 × 10¹⁷") && !shown.contains("00000000"));
}

#[test]
fn every_game_has_axes_with_names_and_ticks_and_says_what_it_shows() {
    let page = report(AuditVerdict::Passes, Verdict::Passes, Verdict::Passes).page();
    let count = |text: &str| page.matches(text).count();
    assert_eq!((count("<svg"), count("</svg>"), count("<title id="), count("<desc id=")), (4, 4, 4, 4));
    assert_eq!((count(">false positive rate<"), count(">true positive rate<"), count(">share of judgements<")), (2, 2, 2));
    assert_eq!((count("class=\"diagonal\""), count(">1 %</text>")), (2, 4));
    // Unlearned, second retrain, original and equal cost, each as a curve and in the key; nobody measured one that did nothing.
    assert_eq!([count("\"curve candidate\""), count("\"curve scratch\""), count("\"curve nothing\"")], [4, 4, 0]);
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(ids.iter().enumerate().all(|(at, id)| !ids[..at].contains(id)), "{ids:?}");
}

#[test]
fn what_was_not_measured_and_what_misleads_is_named() {
    let page = report(AuditVerdict::Undecided, Verdict::Passes, NO_POWER).page();
    assert!(page.contains("Prediction JS to retraining: it needs probabilities."));
    assert!(page.contains("Quantise, then test: not part of this audit.") && !page.contains("Relearn time and AIN: not part"));
    assert!(page.contains("MIA accuracy near 50 %: how near") && page.contains("records included."));
    assert!(page.contains("drawn in place of those of request 7") && page.contains("n_trees = 100"));
}
