//! SECURITY.md names the tests that hold each threat off: they are there, under these names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names in the last column of the table of threats.
fn named() -> BTreeSet<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(top.join("SECURITY.md")).unwrap();
    let (_, threats) = text.split_once("## Threats").unwrap();
    let rows = threats.lines().filter(|line| line.starts_with("| ")).skip(2);
    rows.flat_map(|row| {
        let cells: Vec<_> = row.split('|').collect();
        let tests: Vec<_> = cells[3].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert!(!tests.is_empty(), "no test stands against: {}", cells[1]);
        tests
    })
    .collect()
}

/// The names of all functions below this folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn each_threat_has_tests_that_are_there() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeSet::new();
    for folder in ["crates", "tests", "examples"] {
        functions(&top.join(folder), &mut found);
    }
    let named = named();
    assert!(named.len() > 20, "{named:?}");
    let missing: Vec<_> = named.difference(&found).collect();
    assert!(missing.is_empty(), "SECURITY.md names tests that are not there: {missing:?}");
}
