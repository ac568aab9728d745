//! What a check found, as text for a terminal.

use std::fmt::Write as _;

use super::check::{Checked, Level, PolicyFrom};
use super::words;

/// The findings of a check by level, and what they do not prove: lines for people, without colours, each ending in a newline.
pub fn report(checked: &Checked) -> String {
    let mut text = String::new();
    let keys = match checked.policy {
        PolicyFrom::Verifier => "the policy given",
        PolicyFrom::Receipt => "the policy in the receipt",
    };
    let _ = writeln!(text, "Receipt of the request {} about the dataset {}, checked with {keys}.", checked.request, checked.dataset);
    for level in Level::ALL {
        let (title, reached) = (title(level), checked.levels.contains(&level));
        let _ = writeln!(text, "\nLevel {}, {title}: {}", level.number(), if reached { "reached" } else { "not reached" });
        for finding in checked.findings.iter().filter(|finding| finding.level == level) {
            let _ = writeln!(text, "  - {}", words::plain(&finding.text));
        }
    }
    let _ = writeln!(text, "\nWhat this does not prove:");
    for sentence in &checked.does_not_prove {
        let _ = writeln!(text, "  - {sentence}");
    }
    text
}

fn title(level: Level) -> &'static str {
    match level {
        Level::Signatures => "signatures and the log",
        Level::Chain => "the chain",
        Level::Replay => "replay",
        Level::PartialReplay => "replay of a part at least",
    }
}
