//! How many witnesses are enough.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::checkpoint::decimal;

/// A witness, or so many of some rules.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    None,
    Witness { name: String, public: [u8; 32] },
    Group { least: usize, members: Vec<Rule> },
}

impl Rule {
    /// Whether the witnesses for which `cosigned` says so are enough.
    pub(super) fn is_met(&self, cosigned: &dyn Fn(&[u8; 32]) -> bool) -> bool {
        match self {
            Self::None => true,
            Self::Witness { public, .. } => cosigned(public),
            Self::Group { least, members } => members.iter().filter(|member| member.is_met(cosigned)).count() >= *least,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Witness { name, .. } => f.write_str(name),
            Self::Group { least, members } => {
                write!(f, "{least} of (")?;
                for (i, member) in members.iter().enumerate() {
                    write!(f, "{}{member}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
        }
    }
}

/// The witnesses and groups defined so far, and which of them are in a group.
#[derive(Debug, Default)]
pub(super) struct Names {
    rules: BTreeMap<String, Rule>,
    members: BTreeSet<String>,
}

impl Names {
    pub(super) fn define(&mut self, name: &str, rule: Rule) -> Result<(), &'static str> {
        if name == "none" || self.rules.contains_key(name) {
            return Err("the name is taken");
        }
        self.rules.insert(name.to_owned(), rule);
        Ok(())
    }

    pub(super) fn define_group(&mut self, name: &str, count: &str, members: &[&str]) -> Result<(), &'static str> {
        let least = match count {
            "all" => members.len(),
            "any" => 1,
            count => decimal(count).map_or(0, |count| count as usize),
        };
        if least < 1 || least > members.len() {
            return Err("the group needs a count from 1 to the number of its members, \"all\" or \"any\"");
        }
        let mut rules = Vec::with_capacity(members.len());
        for member in members {
            rules.push(self.rule(member).ok_or("a member of the group has not been defined")?);
            if !self.members.insert((*member).to_owned()) {
                return Err("a witness or group is a member twice");
            }
        }
        self.define(name, Rule::Group { least, members: rules })
    }

    pub(super) fn rule(&self, name: &str) -> Option<Rule> {
        self.rules.get(name).cloned()
    }
}
