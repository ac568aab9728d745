//! Levels 3 and 4: what auditors got who replayed the trainings.

use super::check::{Checked, Level, ModelChecked};
use super::story::Story;
use super::words;
use crate::Refusal;
use crate::policy::VerifiedStatement;
use crate::statement::{ModelDigests, Replay, Scope};

/// Checks the replays and tells how far the models have been replayed.
pub(super) fn check(story: &Story<'_>, statements: &[VerifiedStatement], checked: &mut Checked) -> Result<(), Refusal> {
    for told in &story.replays {
        let Replay { model, version, statement: _, records, expected, obtained, scope, program: _, at_ms } = told.says;
        let Some(verified) = statements.iter().find(|verified| verified.index() == told.index) else {
            let text = format!("{} does not count: the policy does not trust the auditor who signed it.", capital(&told.label()));
            checked.find(Level::Replay, text);
            continue;
        };
        let auditor = verified.signer().label();
        let contradiction = |reason: String| Refusal::Contradiction { statement: told.label(), reason };
        let affected = story.affected(model);
        if affected.and_then(|affected| affected.after.as_ref()) != Some(expected)
            || affected.map(|affected| affected.version) != Some(*version)
        {
            return Err(contradiction(format!("what it expects is not what the erasure says of the model {model}")));
        }
        if *records != story.erasure.says.after {
            return Err(contradiction("the records that the auditor was given are not the dataset after the erasure".to_owned()));
        }
        if obtained != expected {
            let (expected, obtained) = (shown(expected), shown(obtained));
            return Err(Refusal::ReplayDiffers { auditor, model: model.to_string(), expected, obtained });
        }
        if let Scope::Span { from, to } = scope
            && from >= to
        {
            return Err(contradiction("the span that it names has no steps".to_owned()));
        }
        let level = if *scope == Scope::Full { Level::Replay } else { Level::PartialReplay };
        let (part, moment, auditor) = (words::scope(scope), words::moment(*at_ms), words::plain(&auditor));
        checked.find(level, format!("The auditor {auditor} replayed {part} of the model {model} on {moment} and got the stated digests."));
        if let Some(found) = checked.models.iter_mut().find(|found| found.model == *model) {
            found.replayed.push(scope.clone());
        }
    }
    tell(checked);
    Ok(())
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

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
