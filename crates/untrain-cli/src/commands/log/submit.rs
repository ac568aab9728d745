//! Asking a witness for its cosignature over HTTP, as C2SP tlog-witness has it.

use std::time::Duration;

use anyhow::Context as _;
use untrain::LogReport;
use untrain_ledger::note::NoteSignature;
use untrain_ledger::witness::Submission;

use crate::app::App;
use crate::failure::{Refused, Usage};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the witness may name another size: others can have asked it in between.
const TRIES: usize = 3;
const LARGEST_ANSWER: u64 = 64 * 1024;

/// What a witness answers.
enum Answer {
    /// The lines of its cosignatures.
    Cosigned(String),
    /// It cosigned so many entries last, not those that the proof starts from.
    Size(u64),
}

/// Asks the witness at `url` for its cosignature of the log's checkpoint, and adds it.
pub(super) fn submit(url: &str, app: &App) -> anyhow::Result<LogReport> {
    let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
    if !url.starts_with("http://") {
        return Err(Usage::with_hint(
            format!("cannot ask {url}: this program speaks plain HTTP"),
            "name a proxy that speaks TLS to the witness, or exchange files: --cosign FILE",
        )
        .into());
    }
    let mut old = 0;
    for _ in 0..TRIES {
        // Opening the store for writing sends what waits to the log. It is not held while the witness is asked.
        let submission = app.write()?.submission(old)?;
        match app.words.working("asking the witness", || ask(&url, &submission))? {
            Answer::Cosigned(lines) => {
                // Line by line: the witness adds signatures, replaces its own of before, and says nothing of the text above them.
                let mut note = submission.checkpoint;
                for line in lines.lines() {
                    note.add(line.parse::<NoteSignature>().map_err(|refusal| Refused(refusal.to_string()))?);
                }
                return Ok(app.write()?.cosign(&note.to_string())?);
            }
            Answer::Size(size) if size == old => {
                return Err(Refused(format!("the witness cosigned another tree of {size} entries: the log is forked")).into());
            }
            Answer::Size(size) => old = size,
        }
        let entries = app.read()?.log(0, 0)?.size;
        if old > entries {
            return Err(Refused(format!("the witness cosigned {old} entries, and the log has {entries}: it was set back")).into());
        }
    }
    Err(Refused(format!("the witness named another size {TRIES} times: somebody else asks it about this log")).into())
}

fn ask(url: &str, submission: &Submission) -> anyhow::Result<Answer> {
    let failed = || format!("cannot ask {url}");
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).timeout_global(Some(PATIENCE)).build().into();
    let mut response = agent.post(url).content_type("text/plain; charset=utf-8").send(submission.to_string()).with_context(failed)?;
    let status = response.status().as_u16();
    let sized = response.headers().get("content-type").is_some_and(|kind| kind.as_bytes() == b"text/x.tlog.size");
    let body = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_string().with_context(failed)?;
    let size = if status == 409 && sized { body.trim_end().parse().ok() } else { None };
    match (status, size) {
        (200, _) => Ok(Answer::Cosigned(body)),
        (_, Some(size)) => Ok(Answer::Size(size)),
        _ => {
            // Others wrote it, and a terminal obeys what it is sent.
            let said: String = body.trim_end().chars().filter(|c| !c.is_control()).take(300).collect();
            Err(Refused(format!("the witness answers {status}: {said}")).into())
        }
    }
}
