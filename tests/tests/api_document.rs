//! API.md is what the protos say.

use std::path::Path;

use mandate_tests::api;

#[test]
fn the_reference_is_what_the_protos_say() {
    let (page, silent) = api::page();
    assert!(silent.is_empty(), "without a comment: {silent:#?}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../API.md");
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        std::fs::write(&file, &page).expect("written");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == page, "API.md is not what the protos say; write it anew with INSTA_UPDATE=always");
}

/// Whoever follows a link arrives.
#[test]
fn every_link_of_the_reference_has_its_heading() {
    let (page, _) = api::page();
    let headings =
        page.lines().filter_map(|line| line.strip_prefix("##")?.trim_start_matches('#').strip_prefix(' '));
    let anchors: Vec<String> = headings.map(|heading| heading.to_lowercase().replace('.', "")).collect();
    let dead: Vec<&str> = page
        .split("](#")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|anchor| anchors.iter().filter(|known| known == anchor).count() != 1)
        .collect();
    assert!(dead.is_empty(), "links to nothing, or to two: {dead:?}");
}
