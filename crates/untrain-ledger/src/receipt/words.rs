//! Sentences for people, the same in the page and in the report of a check. They hold no markup.
//!
//! The page is a part of the format, so a change to a sentence that stands in it is a new version of the format.

use std::fmt::Write as _;

use untrain_core::Guarantee;
pub(super) use untrain_core::{count as number, counted};

use crate::statement::{Affected, Fate, Purge, Replay, Request, Scope};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Text from outside without what could move a cursor or turn the reading direction: such characters become `\u{…}`.
pub fn plain(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) {
            let _ = write!(plain, "{}", c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain
}

/// A number of entries of a log.
pub(super) fn entries(n: u64) -> String {
    if n == 1 { "1 entry".to_owned() } else { format!("{} entries", number(n)) }
}

/// A moment of the calendar, in UTC.
pub(super) fn moment(ms: u64) -> String {
    untrain_core::moment(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// Whether the request was carried out in time.
pub(super) fn timeliness(request: &Request, done_ms: u64) -> String {
    let (received, done) = (moment(request.received_ms), moment(done_ms));
    let law = if request.regime.is_empty() { String::new() } else { format!(" under {}", plain(&request.regime)) };
    let asked = format!("The request arrived on {received} and was carried out on {done}");
    match request.due_ms {
        None => format!("{asked}; no date is stated by which it had to be."),
        Some(due) if done_ms <= due => format!("{asked}, in time{law}: it was due on {}.", moment(due)),
        Some(due) => {
            let late = counted((done_ms - due).div_ceil(DAY_MS), "day");
            format!("{asked}, late{law}: it was due on {}, {late} before.", moment(due))
        }
    }
}

/// What became of a model.
pub(super) fn fate(affected: &Affected) -> String {
    let Affected { model, version, guarantee, fate, .. } = affected;
    let promise = guarantee.as_ref().map(|guarantee| format!(" {}", self::guarantee(guarantee))).unwrap_or_default();
    match fate {
        Fate::Updated => format!("The model {model} was revised without the records, to version {version}.{promise}"),
        Fate::Retrained => format!("The model {model} was trained anew without the records, to version {version}.{promise}"),
        Fate::Dropped => format!("The model {model} was dropped."),
        Fate::Unaffected => format!("The model {model} had not learned the records and stays as it is."),
        Fate::Waived { reason } => {
            format!("The model {model} had learned the records and was left as it is. The reason that is stated: \"{}\".", plain(reason))
        }
    }
}

/// What a guarantee means.
pub(super) fn guarantee(guarantee: &Guarantee) -> String {
    match guarantee {
        Guarantee::Exact => "Exact: it is, byte for byte, the model that training without the records gives.".to_owned(),
        Guarantee::Certified { epsilon, delta } => format!(
            "Certified: nobody can tell it from a model trained without the records, but for a bound of epsilon = {epsilon}, delta = {delta}."
        ),
        Guarantee::Empirical => "Empirical: nothing is guaranteed but what was measured.".to_owned(),
    }
}

/// What was destroyed.
pub(super) fn purge(purge: &Purge) -> String {
    let Purge { requests: _, destroyed, method, backups_until_ms, at_ms } = purge;
    let files = match destroyed.len() as u64 {
        1 => "1 file was".to_owned(),
        n => format!("{} files were", number(n)),
    };
    let backups = match backups_until_ms {
        None => "No backup is stated to hold them.".to_owned(),
        Some(until) => format!("Backups may hold them until {}.", moment(*until)),
    };
    format!("On {} {files} destroyed, by this method: \"{}\". {backups}", moment(*at_ms), plain(method))
}

/// How much of a training was replayed.
pub(super) fn scope(replay: &Replay) -> String {
    let of = |n: Option<u64>| n.map_or("counted from 0".to_owned(), |n| format!("of {}, counted from 0", number(n)));
    let size = replay.checkpoints.map(|head| head.size);
    match replay.scope {
        Scope::Full => "the whole training".to_owned(),
        Scope::Shard { index } => {
            let each = replay.part.as_ref().map(|part| part.digests.len() as u64);
            let n = size.zip(each).and_then(|(size, each)| size.checked_div(each));
            format!("shard {index} ({})", of(n))
        }
        Scope::Span { from, to } if to.saturating_sub(from) == 1 => format!("span {from} of the training ({})", of(size)),
        Scope::Span { from, to } => format!("spans {from} to {} of the training ({})", to.saturating_sub(1), of(size)),
    }
}

/// What a replay of a part leaves open, after a space; nothing where the whole was replayed.
pub(super) fn rest(scope: &Scope) -> &'static str {
    match scope {
        Scope::Full => "",
        Scope::Shard { .. } => " The other shards were not trained again: that they are what is stated is the operator's word.",
        Scope::Span { .. } => {
            " What comes before and after was not trained again, and a span starts from what came before: that all this is what is stated \
             is the operator's word."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates_in_utc() {
        assert_eq!(moment(0), "1970-01-01 00:00 UTC");
        assert_eq!(moment(951_782_399_000), "2000-02-28 23:59 UTC");
        assert_eq!(moment(951_782_400_000), "2000-02-29 00:00 UTC");
        assert_eq!(moment((1 << 53) - 1), "287396-10-12 08:59 UTC");
    }

    #[test]
    fn text_from_outside_cannot_move_the_cursor_or_turn_the_line() {
        assert_eq!(plain("a\u{1b}[2J\u{202e}b\n\u{20ac}"), "a\\u{1b}[2J\\u{202e}b\\u{a}\u{20ac}");
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "record"), counted(2, "record")], ["1 record", "2 records"]);
    }
}
