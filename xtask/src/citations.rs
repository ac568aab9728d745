//! Every work that the sources cite is in docs/references.bib, and every work in it is cited.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where citations are looked for, below the root of the workspace. Its own Markdown files are looked at too.
const FOLDERS: [&str; 4] = ["crates", "xtask", "docs", "examples"];

const BIBLIOGRAPHY: &str = "docs/references.bib";

/// Checks the keys of the workspace at `root`; a citation is a key after an at sign, in square brackets.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let path = root.join(BIBLIOGRAPHY);
    let listed = entries(&read(&path)?)?;
    let mut files = Vec::new();
    collect(root, false, &mut files)?;
    for folder in FOLDERS {
        collect(&root.join(folder), true, &mut files)?;
    }
    let mut cited = BTreeMap::new();
    for file in files {
        for key in citations(&read(&file)?) {
            cited.entry(key).or_insert_with(|| file.clone());
        }
    }
    compare(&listed, &cited)
}

fn compare(listed: &BTreeSet<String>, cited: &BTreeMap<String, PathBuf>) -> Result<(), String> {
    if let Some((key, file)) = cited.iter().find(|(key, _)| !listed.contains(*key)) {
        return Err(format!("{} cites \"{key}\", which is not in {BIBLIOGRAPHY}", file.display()));
    }
    match listed.iter().find(|key| !cited.contains_key(*key)) {
        Some(key) => Err(format!("{BIBLIOGRAPHY} lists \"{key}\", which nothing cites")),
        None => Ok(()),
    }
}

/// The keys of a bibliography: what stands between `{` and `,` in a line that begins with an at sign.
fn entries(bibliography: &str) -> Result<BTreeSet<String>, String> {
    let mut keys = BTreeSet::new();
    for (i, line) in bibliography.lines().enumerate().filter(|(_, line)| line.starts_with('@')) {
        let key = line.split_once('{').and_then(|(_, rest)| rest.split_once(',')).map(|(key, _)| key.trim().to_owned());
        let Some(key) = key.filter(|key| is_key(key)) else {
            return Err(format!("{BIBLIOGRAPHY}, line {}: an entry without a key", i + 1));
        };
        if !keys.insert(key.clone()) {
            return Err(format!("{BIBLIOGRAPHY}, line {}: \"{key}\" is listed twice", i + 1));
        }
    }
    Ok(keys)
}

/// The keys that a text cites.
fn citations(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split("[@").skip(1).filter_map(|rest| {
        let key = &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:".contains(c)).unwrap_or(rest.len())];
        // A place in the work may follow the key after a comma.
        is_key(key).then(|| key.to_owned())
    })
}

fn is_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_:".contains(c))
}

/// Adds the Rust and Markdown files of a folder, and with `deep` those of its folders, in the order of their names.
fn collect(folder: &Path, deep: bool, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if deep {
                collect(&path, deep, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
            files.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written so that the check does not find it in this file.
    fn citation(rest: &str) -> String {
        format!("as [{}{rest}", '@')
    }

    fn cited(keys: &[&str]) -> BTreeMap<String, PathBuf> {
        keys.iter().map(|key| ((*key).to_owned(), PathBuf::from("a.rs"))).collect()
    }

    #[test]
    fn keys_are_found_with_and_without_a_place() {
        let text = citation("cao2015] and ") + &citation("geurts2006, section 3]") + &citation("]");
        assert_eq!(citations(&text).collect::<Vec<_>>(), ["cao2015", "geurts2006"]);
    }

    #[test]
    fn an_unlisted_an_uncited_and_a_repeated_key_are_refused() {
        let listed = entries("@article{a2001,\n  title = {A},\n}\n@book{b2002,\n}").unwrap();
        assert_eq!(compare(&listed, &cited(&["a2001", "b2002"])), Ok(()));
        assert_eq!(
            compare(&listed, &cited(&["a2001", "b2002", "c2003"])),
            Err("a.rs cites \"c2003\", which is not in docs/references.bib".to_owned())
        );
        assert_eq!(compare(&listed, &cited(&["a2001"])), Err("docs/references.bib lists \"b2002\", which nothing cites".to_owned()));
        assert_eq!(entries("@book{a,\n@book{a,"), Err("docs/references.bib, line 2: \"a\" is listed twice".to_owned()));
        assert_eq!(entries("@book{}"), Err("docs/references.bib, line 1: an entry without a key".to_owned()));
    }
}
