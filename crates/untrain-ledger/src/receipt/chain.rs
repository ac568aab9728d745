//! Level 2: the statements continue each other, and exactly the request's records are gone.

use untrain_core::Digest;

use super::check::{Checked, Level};
use super::story::{Story, Told};
use super::{Openings, Receipt, words};
use crate::commitment::{CommitmentSet, SetHead};
use crate::statement::{Affected, Fate, ModelDigests, Publish, Statement};
use crate::{Name, Refusal};

/// Checks the chain and tells what it found.
pub(super) fn check(receipt: &Receipt, story: &Story<'_>, checked: &mut Checked) -> Result<(), Refusal> {
    order(story)?;
    request(receipt, story, checked)?;
    records(receipt, story, checked)?;
    openings(receipt, story, checked)?;
    dataset(story, checked)?;
    for affected in &story.erasure.says.models {
        model(story, affected)?;
        checked.find(Level::Chain, words::fate(affected));
    }
    for publish in &story.publishes {
        published(story, publish, checked)?;
    }
    destroyed(story, checked);
    Ok(())
}

/// What comes after something else does so in the log and by the stated times.
fn order(story: &Story<'_>) -> Result<(), Refusal> {
    let erasure = (story.erasure.label(), story.erasure.index, story.erasure.says.at_ms);
    let mut pairs = vec![((story.request.label(), story.request.index, story.request.says.received_ms), erasure.clone())];
    pairs.extend(story.earlier.iter().map(|told| ((told.label(), told.index, time(told.says)), erasure.clone())));
    let publishes = story.publishes.iter().map(|told| (told.label(), told.index, told.says.at_ms));
    let purges = story.purges.iter().map(|told| (told.label(), told.index, told.says.at_ms));
    let replays = story.replays.iter().map(|told| (told.label(), told.index, told.says.at_ms));
    pairs.extend(publishes.chain(purges).chain(replays).map(|later| (erasure.clone(), later)));
    for ((earlier, first, before_ms), (later, second, after_ms)) in pairs {
        if first >= second {
            return Err(Refusal::OutOfOrder { earlier, later, by: "their places in the log".to_owned() });
        }
        if before_ms > after_ms {
            let by = format!("the stated times: {} and {}", words::moment(after_ms), words::moment(before_ms));
            return Err(Refusal::OutOfOrder { earlier, later, by });
        }
    }
    Ok(())
}

/// The erasure is about this request's statement, and about nothing that it did not ask for.
fn request(receipt: &Receipt, story: &Story<'_>, checked: &mut Checked) -> Result<(), Refusal> {
    let (request, erasure) = (&story.request, &story.erasure);
    let references = erasure.says.requests.iter().map(|named| (erasure.label(), named));
    let purged = story.purges.iter().flat_map(|purge| purge.says.requests.iter().map(|named| (purge.label(), named)));
    for (statement, named) in references.chain(purged).filter(|(_, named)| named.request == receipt.request) {
        if named.statement != request.reference {
            let reason = format!("it names another statement for the request {} than that at index {}", named.request, request.index);
            return Err(Refusal::Contradiction { statement, reason });
        }
    }
    if request.says.dataset != erasure.says.dataset {
        let reason = format!("the request is about the dataset {}, not about {}", request.says.dataset, erasure.says.dataset);
        return Err(Refusal::Contradiction { statement: erasure.label(), reason });
    }
    let mut ids: Vec<&Name> = erasure.says.requests.iter().map(|named| &named.request).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refusal::Contradiction { statement: erasure.label(), reason: "it names a request twice".to_owned() });
    }
    checked.find(Level::Chain, words::timeliness(request.says, erasure.says.at_ms));
    Ok(())
}

/// The dataset's commitments before and after differ by exactly the forgotten ones, and those of the request are among them.
fn records(receipt: &Receipt, story: &Story<'_>, checked: &mut Checked) -> Result<(), Refusal> {
    let (request, erasure) = (story.request.says, story.erasure.says);
    require_head("list of this request's records", request.records, CommitmentSet::new(receipt.own.iter().copied()).head())?;
    require_head("list of forgotten records", erasure.forgotten, CommitmentSet::new(receipt.forgotten.iter().copied()).head())?;
    require_head("dataset before", erasure.before, receipt.before.head())?;
    if let Some(commitment) = receipt.own.iter().find(|commitment| receipt.forgotten.binary_search(commitment).is_err()) {
        return Err(Refusal::NotInSet { commitment: *commitment });
    }
    let mut after = receipt.before.clone();
    after.remove(&receipt.forgotten)?;
    require_head("dataset without the forgotten records", erasure.after, after.head())?;
    let (own, all) = (receipt.own.len() as u64, receipt.forgotten.len() as u64);
    let others = match all - own {
        0 => "all of them of this request".to_owned(),
        others => format!("{own} of this request and {others} of others"),
    };
    checked.find(
        Level::Chain,
        format!(
            "The dataset {} had {} before and has {} after. What is gone is exactly {}: {others}.",
            erasure.dataset,
            words::counted(erasure.before.size, "record"),
            words::number(erasure.after.size),
            words::counted(all, "record"),
        ),
    );
    Ok(())
}

fn require_head(what: &'static str, stated: SetHead, found: SetHead) -> Result<(), Refusal> {
    if stated == found {
        return Ok(());
    }
    Err(Refusal::WrongCommitment { what, expected: stated.to_string(), found: found.to_string() })
}

/// What opens a commitment opens one of this request.
fn openings(receipt: &Receipt, story: &Story<'_>, checked: &mut Checked) -> Result<(), Refusal> {
    let Some(Openings { tenant, records }) = &receipt.openings else {
        let text = "The receipt does not say which records it is about: it was written without their salts, or after these were destroyed.";
        checked.find(Level::Chain, text);
        return Ok(());
    };
    let mut opened = Vec::new();
    for record in records {
        let commitment = record.commitment(tenant, &story.request.says.dataset);
        if receipt.own.binary_search(&commitment).is_err() {
            let found = format!("{commitment}, which is none of them");
            let expected = "one of the commitments of the request".to_owned();
            return Err(Refusal::WrongCommitment { what: "record that the receipt opens", expected, found });
        }
        opened.push(commitment);
    }
    if opened.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refusal::malformed("receipt", "it opens a commitment twice"));
    }
    let (opened, own) = (opened.len() as u64, words::counted(receipt.own.len() as u64, "record"));
    checked.find(Level::Chain, format!("The receipt shows for {} of the request's {own} which one it is.", words::number(opened)));
    Ok(())
}

/// The dataset before is the one that the last earlier statement left.
fn dataset(story: &Story<'_>, checked: &mut Checked) -> Result<(), Refusal> {
    let erasure = &story.erasure;
    let Some(last) = story.earlier.last() else {
        if erasure.says.models.is_empty() {
            let text = "No model had learned from the dataset, so no earlier statement says what it held.";
            checked.find(Level::Chain, text);
            return Ok(());
        }
        return Err(Refusal::Missing { what: format!("an earlier statement about the dataset {}", erasure.says.dataset) });
    };
    let left = match last.says {
        Statement::Train(train) => train.records,
        Statement::Erasure(earlier) => earlier.after,
        Statement::Request(_) | Statement::Publish(_) | Statement::Purge(_) | Statement::Replay(_) => return Ok(()),
    };
    if left != erasure.says.before {
        let what = format!("the dataset {}", erasure.says.dataset);
        return Err(broken(what, erasure, &erasure.says.before, last, &left));
    }
    checked.find(
        Level::Chain,
        format!("Before, the dataset was as {} left it, and so was every model as its last statement left it.", last.label()),
    );
    Ok(())
}

/// The model before is the one that the last earlier statement about it left, and its fate fits its digests.
fn model(story: &Story<'_>, affected: &Affected) -> Result<(), Refusal> {
    let Affected { model, recipe, version, before, after, checkpoints: _, guarantee, fate } = affected;
    let erasure = &story.erasure;
    let contradiction =
        |reason: &str| Refusal::Contradiction { statement: erasure.label(), reason: format!("of the model {model} it says that {reason}") };
    if erasure.says.models.iter().filter(|other| other.model == *model).count() > 1 {
        return Err(contradiction("two things became of it"));
    }
    let last = story.earlier.iter().rev().find_map(|told| Some((told, Left::of(told.says, model)?)));
    let missing = || Refusal::Missing { what: format!("an earlier statement about the model {model}") };
    let (told, left) = last.ok_or_else(missing)?;
    if left.digests != Some(before) {
        let found = left.digests.map_or("no model".to_owned(), shown);
        return Err(broken(format!("the model {model}"), erasure, &shown(before), told, &found));
    }
    if left.recipe != recipe {
        return Err(broken(format!("the recipe of the model {model}"), erasure, recipe, told, left.recipe));
    }
    let changed = matches!(fate, Fate::Updated | Fate::Retrained);
    if changed && (after.is_none() || guarantee.is_none()) {
        return Err(contradiction("it was changed, and not what it is now, or with which guarantee"));
    }
    if matches!(fate, Fate::Unaffected | Fate::Waived { .. }) && after.as_ref() != Some(before) {
        return Err(contradiction("it was left as it is, and that it is another now"));
    }
    if *fate == Fate::Dropped && after.is_some() {
        return Err(contradiction("it was dropped, and that it is there"));
    }
    let expected = left.version + u64::from(changed);
    if *fate != Fate::Dropped && *version != expected {
        return Err(contradiction(&format!("its version is {version}, and it should be {expected}")));
    }
    Ok(())
}

/// How a statement left a model.
struct Left<'a> {
    version: u64,
    digests: Option<&'a ModelDigests>,
    recipe: &'a Digest,
}

impl<'a> Left<'a> {
    fn of(statement: &'a Statement, model: &Name) -> Option<Self> {
        match statement {
            Statement::Train(train) if train.model == *model => {
                Some(Self { version: train.version, digests: Some(&train.digests), recipe: &train.recipe })
            }
            Statement::Erasure(erasure) => {
                let affected = erasure.models.iter().find(|affected| affected.model == *model)?;
                Some(Self { version: affected.version, digests: affected.after.as_ref(), recipe: &affected.recipe })
            }
            _ => None,
        }
    }
}

/// What was published is the model after.
fn published(story: &Story<'_>, publish: &Told<'_, Publish>, checked: &mut Checked) -> Result<(), Refusal> {
    let Publish { model, version, artefact, files, floor, at_ms } = publish.says;
    let after = story.affected(model).filter(|affected| affected.version == *version).and_then(|affected| affected.after.as_ref());
    if after.map(|after| &after.artefact) != Some(artefact) {
        let reason = format!("it is not about the version of the model {model} that the erasure left");
        return Err(Refusal::Contradiction { statement: publish.label(), reason });
    }
    if let Some(found) = checked.models.iter_mut().find(|found| found.model == *model) {
        found.published.extend(files.iter().cloned());
    }
    let older = if floor >= version { "No older version may be served." } else { "Older versions may still be served." };
    let files = words::counted(files.len() as u64, "file");
    let moment = words::moment(*at_ms);
    checked.find(Level::Chain, format!("Version {version} of the model {model} was published on {moment}, in {files}. {older}"));
    Ok(())
}

/// What was destroyed, and what is not said to be.
fn destroyed(story: &Story<'_>, checked: &mut Checked) {
    if story.purges.is_empty() {
        checked.find(Level::Chain, "No statement says that the old models and the records were destroyed.");
    }
    for purge in &story.purges {
        checked.find(Level::Chain, words::purge(purge.says));
    }
    story.old_models().into_iter().for_each(|text| checked.find(Level::Chain, text));
}

fn time(statement: &Statement) -> u64 {
    match statement {
        Statement::Train(train) => train.at_ms,
        Statement::Request(request) => request.received_ms,
        Statement::Erasure(erasure) => erasure.at_ms,
        Statement::Publish(publish) => publish.at_ms,
        Statement::Purge(purge) => purge.at_ms,
        Statement::Replay(replay) => replay.at_ms,
    }
}

fn shown(digests: &ModelDigests) -> String {
    format!("{} with the state {}", digests.artefact, digests.state)
}

fn broken<T>(what: String, later: &Told<'_, T>, stated: &impl ToString, earlier: &Told<'_, Statement>, found: &impl ToString) -> Refusal {
    Refusal::BrokenChain { what, later: later.label(), stated: stated.to_string(), earlier: earlier.label(), found: found.to_string() }
}
