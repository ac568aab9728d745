//! Levels 3 and 4: what auditors got who replayed the trainings.

use super::check::{Checked, Level, ModelChecked};
use super::story::Story;
use super::words;
use crate::Refusal;
use crate::bisect::Part;
use crate::merkle::TreeHead;
use crate::policy::VerifiedStatement;
use crate::statement::{ModelDigests, Replay, Scope};

/// Checks the replays and tells how far the models have been replayed.
pub(super) fn check(story: &Story<'_>, statements: &[VerifiedStatement], checked: &mut Checked) -> Result<(), Refusal> {
    for told in &story.replays {
        let Some(verified) = statements.iter().find(|verified| verified.index() == told.index) else {
            let text = format!("{} does not count: the policy does not trust the auditor who signed it.", capital(&told.label()));
            checked.find(Level::Replay, text);
            continue;
        };
        let replay = told.says;
        let auditor = verified.signer().label();
        fits(story, replay, &auditor).map_err(|error| match error {
            Unfit::Differs(refusal) => refusal,
            Unfit::Contradicts(reason) => Refusal::Contradiction { statement: told.label(), reason },
        })?;
        let level = if replay.scope == Scope::Full { Level::Replay } else { Level::PartialReplay };
        let (part, moment, auditor) = (words::scope(replay), words::moment(replay.at_ms), words::plain(&auditor));
        let (model, rest) = (&replay.model, words::rest(&replay.scope));
        checked
            .find(level, format!("The auditor {auditor} replayed {part} of the model {model} on {moment} and got what is stated.{rest}"));
        if let Some(found) = checked.models.iter_mut().find(|found| found.model == *model) {
            found.replayed.push(replay.scope.clone());
        }
    }
    tell(checked);
    Ok(())
}

/// Why a replay does not confirm the erasure.
enum Unfit {
    /// It is about something else, or about nothing.
    Contradicts(String),
    /// It gave something else.
    Differs(Refusal),
}

/// A replay is of what the erasure states, of the records that it left, and gave the same.
fn fits(story: &Story<'_>, replay: &Replay, auditor: &str) -> Result<(), Unfit> {
    let Replay { model, version, statement: _, records, expected, obtained, scope, checkpoints, part, program: _, at_ms: _ } = replay;
    let contradicts = |reason: &str| Err(Unfit::Contradicts(reason.to_owned()));
    let stated = story.affected(model).filter(|affected| affected.after.as_ref() == Some(expected) && affected.version == *version);
    let Some(stated) = stated else {
        return Err(Unfit::Contradicts(format!("what it expects is not what the erasure says of the model {model}")));
    };
    if *records != story.erasure.says.after {
        return contradicts("the records that the auditor was given are not the dataset after the erasure");
    }
    let differs = |expected: String, obtained: String| {
        Err(Unfit::Differs(Refusal::ReplayDiffers { auditor: auditor.to_owned(), model: model.to_string(), expected, obtained }))
    };
    if obtained != expected {
        return differs(shown(expected), shown(obtained));
    }
    if *checkpoints != stated.checkpoints {
        return differs(trail(stated.checkpoints), trail(*checkpoints));
    }
    shows(scope, stated.checkpoints, part.as_ref()).map_or(Ok(()), contradicts)
}

/// What is wrong with the checkpoints that a replay shows of the part that it names, if anything is.
fn shows(scope: &Scope, head: Option<TreeHead>, part: Option<&Part>) -> Option<&'static str> {
    if let Scope::Span { from, to } = scope
        && from >= to
    {
        return Some("the span that it names has no steps");
    }
    let (head, part) = match (scope, head, part) {
        (Scope::Full, _, None) => return None,
        (Scope::Full, _, Some(_)) => return Some("it says that it replayed the whole training, and shows a part"),
        (_, None, _) => return Some("it names a part of a training of which no checkpoints are stated"),
        (_, _, None) => return Some("it does not show the checkpoints of the part that it names"),
        (_, Some(head), Some(part)) => (head, part),
    };
    let spans = part.spans();
    let n = part.digests.len() as u64;
    let right = match scope {
        Scope::Full => false,
        Scope::Shard { index } => head.size.checked_rem(n) == Some(0) && index.checked_mul(n) == Some(spans.start),
        Scope::Span { from, to } => spans == (*from..*to),
    };
    if !right {
        return Some("the checkpoints that it shows are not those of the part that it names");
    }
    part.verify(&head).err().map(|_| "the checkpoints that it shows are not in the stated tree")
}

fn tell(checked: &mut Checked) {
    for level in [Level::Replay, Level::PartialReplay] {
        if checked.require(level).is_ok() {
            checked.levels.push(level);
        }
    }
    let unknown = |model: &&ModelChecked| model.is_changed() && !model.is_replayed();
    let names: Vec<String> = checked.models.iter().filter(unknown).map(|model| model.model.to_string()).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        checked.find(
            Level::Replay,
            format!("No auditor has replayed the whole training of: {names}. That these models are what is stated is the operator's word."),
        );
    }
}

fn shown(digests: &ModelDigests) -> String {
    format!("{} with the state {}", digests.artefact, digests.state)
}

fn trail(head: Option<TreeHead>) -> String {
    head.map_or("no checkpoints".to_owned(), |head| format!("{} checkpoints with the root {}", head.size, head.root))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
