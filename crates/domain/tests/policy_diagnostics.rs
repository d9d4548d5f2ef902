//! Every mistake in a policy file is reported, at once, at its place, with the nearest valid name.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use mandate_domain::policy::{Checked, Diagnostic, Severity, check, compile};

/// What the comments of a file say must be reported: line and part of the text.
fn expected(source: &str) -> Vec<(usize, &str)> {
    let lines = source.lines().enumerate();
    lines
        .flat_map(|(index, line)| line.split("# error: ").skip(1).map(move |text| (index + 1, text.trim())))
        .collect()
}

/// Compares what is reported with what the comments say, both ways.
fn assert_reports_exactly(file: &str, source: &str) {
    let found = compile(file, source).expect_err("the file is full of mistakes");
    let mut unexpected: Vec<&Diagnostic> = found.iter().collect();
    let mut missing = Vec::new();
    for (line, text) in expected(source) {
        let place = unexpected.iter().position(|own| own.line == line && own.to_string().contains(text));
        match place {
            Some(index) => drop(unexpected.remove(index)),
            None => missing.push(format!("{line}: {text}")),
        }
    }
    let unexpected: Vec<String> = unexpected.iter().map(ToString::to_string).collect();
    assert!(
        missing.is_empty() && unexpected.is_empty(),
        "not reported:\n  {}\nreported without need:\n  {}",
        missing.join("\n  "),
        unexpected.join("\n  ")
    );
}

#[test]
fn every_mistake_of_a_file_is_reported_at_once() {
    assert_reports_exactly("mistakes.yaml", include_str!("policies/wrong/mistakes.yaml"));
}

#[test]
fn every_contradiction_of_a_file_is_reported_at_once() {
    assert_reports_exactly("contradictions.yaml", include_str!("policies/wrong/contradictions.yaml"));
}

/// A policy that is right, for tests that spoil one thing.
const SMALL: &str = "
policy: small
modules: { users: { actions: [view, edit] } }
roles: { owner: { at_birth: true, may: '*' } }
";

fn first_error(source: &str) -> String {
    let found = compile("p.yaml", source).expect_err("the policy is wrong");
    found.first().expect("an error").to_string()
}

#[test]
fn a_diagnostic_reads_file_line_column_severity_path_message_hint() {
    let source = SMALL.replace("'*'", "[users.edit, user.view]");
    assert_eq!(
        first_error(&source),
        "p.yaml:4:53: error: roles.owner.may[1]: no permission `user.view`; did you mean `users.view`?"
    );
}

#[test]
fn text_that_is_not_one_yaml_document_is_an_error_with_its_place() {
    for (source, line, message) in [
        ("", 1, "the file is empty"),
        ("policy: [", 1, "this is not YAML: it ends in the middle"),
        ("just words", 1, "this takes a map, not a word"),
        ("policy: a\n---\npolicy: b", 2, "a file holds one document"),
        ("policy: a\nroles: *nowhere", 2, "this is not YAML"),
        ("? [a, b]\n: c", 1, "a key is a name, not a list or map"),
        ("policy: !!str small", 1, "tags have no meaning"),
    ] {
        let found = compile("p.yaml", source).expect_err("the text is no policy");
        let hit = found.iter().any(|own| own.line == line && own.message.contains(message));
        assert!(hit, "{source:?} gives {found:?}");
    }
}

#[test]
fn depth_size_and_aliases_are_bounded() {
    let deep = format!("policy: {}", "[".repeat(200));
    assert!(first_error(&deep).contains("levels deep"), "{}", first_error(&deep));
    let block = "- ".repeat(100_000);
    assert!(first_error(&block).contains("levels deep"));
    let long = format!("# {}", "x".repeat(256 * 1024));
    assert!(first_error(&long).contains("it may have 262144"));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let items = vec![format!("*a{before}"); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert!(first_error(&bomb).contains("more than 100000 nodes"), "{}", first_error(&bomb));
}

#[test]
fn an_anchor_stands_for_what_it_names() {
    let source = SMALL.replace("may: '*'", "may: &all ['*']");
    let source = format!(
        "{source}restrictions: {{}}\noperations: {{ member.list: users.view }}\ncontacts: {{ at_birth: *all }}\n"
    );
    let policy = compile("p.yaml", &source).expect("anchors may be used");
    assert_eq!(policy.contacts.expect("contacts").at_birth.len(), 2);
}

#[test]
fn more_than_can_be_numbered_is_refused() {
    let actions: Vec<String> = (0..513).map(|index| format!("a{index}")).collect();
    let source = SMALL.replace("view, edit", &actions.join(", "));
    assert!(first_error(&source).contains("513 permissions are too many: there may be 512"));
    let roles: Vec<String> =
        (0..64).map(|index| format!("r{index}: {{ given_by_operator: true }}")).collect();
    let source = SMALL.replace("may: '*' }", &format!("may: '*' }}, {}", roles.join(", ")));
    assert!(first_error(&source).contains("65 roles are too many: there may be 64"));
    let most: Vec<String> = (0..512).map(|index| format!("a{index}")).collect();
    let policy = compile("p.yaml", &SMALL.replace("view, edit", &most.join(", "))).expect("512 are fine");
    assert_eq!(policy.roles.first().expect("a role").may.len(), 512);
}

#[test]
fn sections_that_must_be_there_are_asked_for() {
    let found = compile("p.yaml", "title: Nothing else").expect_err("it lacks all");
    let messages: Vec<&str> = found.iter().map(|own| own.message.as_str()).collect();
    assert_eq!(
        messages,
        ["the policy has no `policy`", "the policy has no `modules`", "the policy has no `roles`"]
    );
}

#[test]
fn an_exception_that_takes_nothing_is_a_warning_and_the_policy_stands() {
    let reader = "'*' }, reader: { given_by_operator: true, may: [users.view, except users.edit] }";
    let Checked { policy, diagnostics } = check("p.yaml", &SMALL.replace("'*' }", reader));
    assert!(policy.is_some(), "{diagnostics:?}");
    let warnings: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(diagnostics.first().map(|own| own.severity), Some(Severity::Warning));
    assert_eq!(
        warnings,
        ["p.yaml:4:100: warning: roles.reader.may[1]: this takes away nothing that the list holds"]
    );
}

#[test]
fn a_wildcard_grant_counts_only_what_the_covered_roles_can_be_granted() {
    let with = |may: &str| {
        format!(
            "policy: p\nmodules: {{ a: {{ actions: [x, y, z] }} }}\nroles:\n  owner: {{ at_birth: true, may: '*', delegation: {{ give: [chief, staff], grant: '*' }} }}\n  \
             chief: {{ may: {may}, delegation: {{ over: staff, grant: '*' }} }}\n  staff: {{ grantable: [a.x, a.y] }}\n"
        )
    };
    compile("p.yaml", &with("[a.x, a.y]")).expect("a.z cannot be granted to anybody");
    assert!(first_error(&with("a.x")).contains("`chief` does not hold `a.y`"));
}
