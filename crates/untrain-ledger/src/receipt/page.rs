//! The page for people: one HTML file without scripts and without anything from elsewhere.
//!
//! The page is a function of the other members and a part of the format: a reader makes it anew and refuses another one, so that a
//! page cannot say what the statements do not. Whoever changes a word here makes a new version of the format.

use std::fmt::Write as _;

use untrain_core::Digest;

use super::story::Story;
use super::words::{counted, fate, moment, number, plain, purge, rest, scope, timeliness};
use super::zip::Member;
use super::{Openings, Receipt};
use crate::Refusal;
use crate::keys::{Role, VerifierKey};
use crate::statement::{Fate, ModelDigests, Scope};

/// The page of a receipt, as it stands in its file.
///
/// # Errors
///
/// None that a receipt has whose file can be written.
pub fn page(receipt: &Receipt) -> Result<String, Refusal> {
    render(receipt, &super::members::data(receipt)?)
}

/// The page over the other members.
pub(super) fn render(receipt: &Receipt, data: &[Member]) -> Result<String, Refusal> {
    let story = Story::of(receipt)?;
    let mut page = Page(String::new());
    page.raw(HEAD);
    asked(&mut page, receipt, &story);
    done(&mut page, &story);
    destroyed(&mut page, &story);
    replayed(&mut page, &story);
    yours(&mut page, receipt);
    page.section("What this does not prove");
    page.list(&receipt.does_not_prove());
    how_to_check(&mut page, receipt);
    particulars(&mut page, receipt, &story);
    page.section("The parts of this file");
    page.table(&["part", "SHA-256"], data.iter().map(|(name, bytes)| vec![Cell::Text(name.clone()), Cell::digest(&Digest::of(bytes))]));
    page.raw("</main>\n</body>\n</html>\n");
    Ok(page.0)
}

fn asked(page: &mut Page, receipt: &Receipt, story: &Story<'_>) {
    let (request, erasure) = (story.request.says, story.erasure.says);
    page.raw("<h1>Receipt of a request to forget</h1>\n");
    page.paragraph("summary", &timeliness(request, erasure.at_ms));
    page.section("What was asked");
    let law = if request.regime.is_empty() { "none was named".to_owned() } else { request.regime.clone() };
    let date = |ms: Option<u64>| ms.map_or("no date is stated".to_owned(), moment);
    let records = format!("{} of the dataset {}", counted(request.records.size, "record"), request.dataset);
    page.facts(&[
        ("Request", receipt.request.to_string()),
        ("To forget", records),
        ("Law", law),
        ("Arrived", moment(request.received_ms)),
        ("To be confirmed by", date(request.confirm_due_ms)),
        ("To be answered by", date(request.due_ms)),
        ("Carried out", moment(erasure.at_ms)),
    ]);
}

fn done(page: &mut Page, story: &Story<'_>) {
    let erasure = story.erasure.says;
    page.section("What was done");
    let others = match erasure.requests.len() as u64 {
        0 | 1 => String::new(),
        n => format!(
            " Together with this request, {} carried out.",
            if n == 2 { "1 other was".to_owned() } else { format!("{} others were", number(n - 1)) }
        ),
    };
    let (gone, before, after) =
        (counted(erasure.forgotten.size, "record"), counted(erasure.before.size, "record"), number(erasure.after.size));
    page.paragraph("", &format!("{gone} left the dataset {}, which had {before} and now has {after}.{others}", erasure.dataset));
    if erasure.models.is_empty() {
        page.paragraph("", "No model had learned from the dataset.");
    } else {
        page.paragraph("", "Every model that had learned from the dataset, and what became of it:");
        page.list(&erasure.models.iter().map(fate).collect::<Vec<_>>());
    }
    if erasure.models.iter().any(|affected| matches!(affected.fate, Fate::Waived { .. })) {
        page.paragraph("warning", "Not every model has forgotten the records: see above which one was left as it is, and why.");
    }
    for publish in &story.publishes {
        let publish = publish.says;
        page.paragraph(
            "",
            &format!("Version {} of the model {} was published on {}.", publish.version, publish.model, moment(publish.at_ms)),
        );
    }
}

fn destroyed(page: &mut Page, story: &Story<'_>) {
    page.section("What was destroyed");
    if story.purges.is_empty() {
        page.paragraph("warning", "This receipt does not say that the old models and the records were destroyed.");
    }
    let sentences = story.purges.iter().map(|told| purge(told.says));
    page.list(&sentences.chain(story.old_models()).collect::<Vec<_>>());
}

fn replayed(page: &mut Page, story: &Story<'_>) {
    page.section("Who did it again to compare");
    if story.replays.is_empty() {
        page.paragraph("", "No auditor has trained the models again to compare. What they are is the operator's word.");
    }
    let sentences = story.replays.iter().map(|told| {
        let replay = told.says;
        let stated = story.affected(&replay.model).and_then(|affected| affected.checkpoints);
        let outcome = match (replay.obtained == replay.expected && replay.checkpoints == stated, &replay.scope) {
            (true, Scope::Full) => "got the same model",
            (true, _) => "got the same checkpoints, and with them the same model",
            (false, _) => "got ANOTHER model",
        };
        let (scope, moment, rest) = (scope(replay), moment(replay.at_ms), rest(&replay.scope));
        format!(
            "An auditor did {scope} of the model {} again on {moment}, from the records that are left, and {outcome}.{rest}",
            replay.model
        )
    });
    page.list(&sentences.collect::<Vec<_>>());
}

fn yours(page: &mut Page, receipt: &Receipt) {
    page.section("Which records these are");
    let Some(Openings { records, .. }) = &receipt.openings else {
        let text = "The statements name no record and no person: each record stands in them as a random number. What ties the numbers to records is \
                    not in this file; where the operator has destroyed it, nobody can tie them any more.";
        page.paragraph("", text);
        return;
    };
    let text = "The statements name no record and no person: each record stands in them as a random number. This file holds what ties these \
                numbers to the following records. Keep it to yourself, and show it to those who shall be able to see that it is about you.";
    page.paragraph("", text);
    page.table(
        &["record", "SHA-256 of its content"],
        records.iter().map(|opened| vec![Cell::Text(opened.record.clone()), Cell::digest(&opened.row)]),
    );
}

fn how_to_check(page: &mut Page, receipt: &Receipt) {
    page.section("How to check this");
    let text = "This page only repeats what the operator and auditors have signed. The program untrain-check looks at the signatures, at the \
                public log that they are in, and whether it all fits together. It needs this file and no network:";
    page.paragraph("", text);
    page.raw("<pre>untrain-check receipt.zip --policy policy.txt</pre>\n");
    let text = "The policy lists the keys to be trusted. One lies in this file, but it is the operator's own word. A court, a regulator or a \
                witness can give another. Without one, the program uses that in the file and says so. To compare a model that is served:";
    page.paragraph("", text);
    page.raw("<pre>untrain-check receipt.zip --policy policy.txt --artefact FILE</pre>\n");
    page.paragraph("", "The keys of the policy in this file:");
    let keys = Role::ALL.into_iter().flat_map(|role| receipt.policy.keys(role));
    page.table(&["role", "key"], keys.map(|key: &VerifierKey| vec![Cell::Text(key.role().to_string()), Cell::Code(key.to_string())]));
}

fn particulars(page: &mut Page, receipt: &Receipt, story: &Story<'_>) {
    let erasure = story.erasure.says;
    page.section("The statements");
    let statements = receipt.entries.iter().map(|held| {
        let signers = held.envelope.signers().collect::<Vec<_>>().join(", ");
        vec![
            Cell::Text(held.index().to_string()),
            Cell::Text(held.kind().name().to_owned()),
            Cell::Code(signers),
            Cell::digest(&held.reference),
        ]
    });
    page.table(&["index in the log", "kind", "signed by", "SHA-256"], statements);
    page.section("The digests");
    let mut rows = Vec::new();
    for affected in &erasure.models {
        let digests = |when: &str, digests: &ModelDigests| {
            [("artefact", digests.artefact), ("state", digests.state)]
                .map(|(what, digest)| vec![Cell::Text(format!("model {}, {what}, {when}", affected.model)), Cell::digest(&digest)])
        };
        rows.extend(digests("before", &affected.before));
        rows.extend(affected.after.iter().flat_map(|after| digests("after", after)));
    }
    for (when, head) in [("before", erasure.before), ("after", erasure.after)] {
        rows.push(vec![
            Cell::Text(format!("dataset {}, {when}: {}", erasure.dataset, counted(head.size, "record"))),
            Cell::Code(head.root.to_string()),
        ]);
    }
    rows.push(vec![
        Cell::Text(format!("all that was forgotten: {}", counted(erasure.forgotten.size, "record"))),
        Cell::Code(erasure.forgotten.root.to_string()),
    ]);
    rows.push(vec![
        Cell::Text(format!("of this request: {}", counted(story.request.says.records.size, "record"))),
        Cell::Code(story.request.says.records.root.to_string()),
    ]);
    page.table(&["of what", "digest"], rows);
    page.section("The commitments of this request");
    page.table(&["commitment"], receipt.own.iter().map(|commitment| vec![Cell::Code(commitment.to_string())]));
}

/// The text of the page so far. Everything but what stands in this file is escaped.
struct Page(String);

enum Cell {
    Text(String),
    Code(String),
}

impl Cell {
    fn digest(digest: &Digest) -> Self {
        Self::Code(digest.to_string())
    }
}

impl Page {
    fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    fn section(&mut self, title: &str) {
        let _ = writeln!(self.0, "<h2>{}</h2>", escaped(title));
    }

    fn paragraph(&mut self, class: &str, text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let _ = writeln!(self.0, "<p{class}>{}</p>", escaped(text));
    }

    fn list(&mut self, sentences: &[impl AsRef<str>]) {
        if sentences.is_empty() {
            return;
        }
        self.raw("<ul>\n");
        for sentence in sentences {
            let _ = writeln!(self.0, "<li>{}</li>", escaped(sentence.as_ref()));
        }
        self.raw("</ul>\n");
    }

    fn facts(&mut self, facts: &[(&str, String)]) {
        self.raw("<table class=\"facts\">\n");
        for (name, value) in facts {
            let _ = writeln!(self.0, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(name), escaped(value));
        }
        self.raw("</table>\n");
    }

    fn table(&mut self, heads: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) {
        self.raw("<table>\n<tr>");
        for head in heads {
            let _ = write!(self.0, "<th scope=\"col\">{}</th>", escaped(head));
        }
        self.raw("</tr>\n");
        for row in rows {
            self.raw("<tr>");
            for cell in row {
                let _ = match cell {
                    Cell::Text(text) => write!(self.0, "<td>{}</td>", escaped(&text)),
                    Cell::Code(text) => write!(self.0, "<td><code>{}</code></td>", escaped(&text)),
                };
            }
            self.raw("</tr>\n");
        }
        self.raw("</table>\n");
    }
}

/// Text for HTML, in which nothing is markup and nothing is hidden (see [`plain`](super::plain)).
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The policy for browsers forbids scripts and everything from elsewhere, whatever the text below should contain.
const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Receipt of a request to forget</title>
<style>
:root { color-scheme: light; }
body { margin: 0; background: #f3f2ee; color: #1c1c1a; font: 17px/1.55 Georgia, "Times New Roman", serif; }
main { max-width: 46rem; margin: 2rem auto; padding: 2.5rem 3rem 3rem; background: #fff; border-top: 6px solid #23505f; }
h1 { margin: 0 0 0.6rem; font-size: 1.9rem; line-height: 1.2; font-weight: normal; }
h2 { margin: 2.2rem 0 0.5rem; padding-bottom: 0.2rem; border-bottom: 1px solid #d9d7cf; font-size: 1.15rem; color: #23505f; }
p, ul { margin: 0.5rem 0; }
ul { padding-left: 1.3rem; }
li { margin: 0.3rem 0; }
.summary { font-size: 1.1rem; }
.warning { padding: 0.5rem 0.8rem; border-left: 4px solid #a5541d; background: #fbf3ec; }
table { width: 100%; border-collapse: collapse; margin: 0.6rem 0; font-size: 0.8rem; }
th, td { padding: 0.25rem 0.6rem 0.25rem 0; border-bottom: 1px solid #eceae4; text-align: left; vertical-align: top; overflow-wrap: break-word; }
th { font-weight: normal; color: #66645c; }
.facts { font-size: 1rem; }
.facts th { width: 11rem; }
code, pre { font-family: ui-monospace, Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.72rem; overflow-wrap: anywhere; }
pre { margin: 0.5rem 0; padding: 0.6rem 0.8rem; background: #f3f2ee; font-size: 0.82rem; white-space: pre-wrap; }
@media (max-width: 40rem) { main { margin: 0; padding: 1.2rem; } .facts th { width: 7.5rem; } }
@media print {
  @page { margin: 18mm; }
  body { background: none; font-size: 10.5pt; }
  main { max-width: none; margin: 0; padding: 0; border: 0; }
  h2 { break-after: avoid; }
  tr, li, pre, .warning { break-inside: avoid; }
  .warning, pre { background: none; border: 1px solid #999; }
}
</style>
</head>
<body>
<main>
"#;
