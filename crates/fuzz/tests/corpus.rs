//! What was found before is tried again with every test run.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;

use mandate_fuzz::TARGETS;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

#[test]
fn every_file_of_the_corpus_passes_its_target() {
    let mut failed = Vec::new();
    for (name, target) in TARGETS {
        let mut files: Vec<PathBuf> =
            fs::read_dir(corpus().join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 5, "{name} has {} files: no corpus was kept", files.len());
        for file in files {
            let data = fs::read(&file).unwrap();
            if catch_unwind(|| target(&data)).is_err() {
                failed.push(file);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// A target that `tests/fuzz` cannot start, or that nobody runs here, is none.
#[test]
fn a_target_has_a_program_a_line_and_a_folder() {
    let named: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let folders =
        fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(named, folders.collect());
    let programs = fs::read_dir(corpus().join("../fuzz_targets")).unwrap();
    let programs =
        programs.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned());
    assert_eq!(named, programs.collect());
}
