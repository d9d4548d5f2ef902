//! The assertions kept beside the built-in policies hold, and what does not hold is told as a person would want it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use mandate_domain::policy::{self, Policy, trial};

fn compiled(name: &str) -> Policy {
    let (_, source) = policy::builtin().iter().find(|(known, _)| *known == name).expect("a built-in policy");
    policy::compile(name, source).expect("it compiles")
}

const TRIALS: [(&str, &str); 5] = [
    ("client-area", include_str!("../policies/client-area.tests.yaml")),
    ("managed-accounts", include_str!("../policies/managed-accounts.tests.yaml")),
    ("terminal", include_str!("../policies/terminal.tests.yaml")),
    ("organization", include_str!("../policies/organization.tests.yaml")),
    ("company-account", include_str!("../policies/company-account.tests.yaml")),
];

/// Each built-in policy has a file of assertions, and all of them hold.
#[test]
fn the_articles_hold() {
    for (name, _) in policy::builtin() {
        let (_, source) = TRIALS.iter().find(|(about, _)| about == name).expect("each has its assertions");
        let file = format!("{name}.tests.yaml");
        assert_eq!(trial::about(&file, source).as_deref(), Ok(*name));
        let report = trial::run(&compiled(name), &file, source)
            .unwrap_or_else(|mistakes| panic!("{}", lines(mistakes.iter())));
        assert!(report.failures.is_empty(), "{}", lines(report.failures.iter()));
        assert!(report.passed >= 20, "{file} says too little: {}", report.passed);
    }
}

fn lines<T: ToString>(all: impl Iterator<Item = T>) -> String {
    all.map(|one| one.to_string()).collect::<Vec<_>>().join("\n")
}

const FAILING: &str = "
policy: organization
members:
  ada: { roles: admin }
  bea: { roles: billing_admin }
  mia: { roles: member }
tests:
  - says: whatever
    expect:
      - { who: [ada, bea], may: users.edit }
      - { who: ada, may_not: users.edit }
      - { only: [ada, mia], may: users.view }
      - { who: mia, may_not: users.view, because: suspended }
";

#[test]
fn failures_are_told_as_a_diff() {
    let source = FAILING.replace("because: suspended", "because: restricted");
    let report = trial::run(&compiled("organization"), "o.tests.yaml", &source).expect("no mistakes");
    assert_eq!(report.passed, 1);
    let told = lines(report.failures.iter());
    let expected = "\
o.tests.yaml:10: failed: whatever
  bea: users.edit
  - expected: allowed
  + found:    denied (not_granted)
o.tests.yaml:11: failed: whatever
  ada: users.edit
  - expected: denied
  + found:    allowed (role: admin)
o.tests.yaml:12: failed: whatever
  who may: users.view
  - expected: mia, who is denied (not_granted)
  + found:    bea, who is allowed (role: billing_admin)
o.tests.yaml:13: failed: whatever
  mia: users.view
  - expected: denied (restricted)
  + found:    denied (not_granted)";
    assert_eq!(told, expected);
}

#[test]
fn mistakes_are_told_with_their_places() {
    let told = |source: &str| {
        let mistakes = trial::run(&compiled("organization"), "o.tests.yaml", source).expect_err("a mistake");
        lines(mistakes.iter())
    };
    assert_eq!(told(FAILING), "o.tests.yaml:13:51: error: tests[0].expect[3].because: no reason `suspended`");
    for (wrong, part) in [
        ("policy: organization", "it has no tests"),
        ("members: { ada: { roles: boss } }\ntests: []", "no role `boss`"),
        ("members: { ada: { rolls: admin } }\ntests: []", "`rolls` means nothing here"),
        ("resources: { cloud/c1: {} }\ntests: []", "no resource type `cloud`"),
        ("contacts: { carl: [] }\ntests: []", "knows no contacts"),
        ("tests: [{ says: a, expect: { who: ada, may: users.view } }]", "nobody is called `ada`"),
        ("tests: [{ says: a, expect: { only: [], may: users.veiw } }]", "no permission `users.veiw`"),
        ("tests: [{ says: a, expect: { only: [] } }]", "either `may` or `may_not`"),
        ("tests: [{ says: a, expect: { may: users.view } }]", "either `who` or `only`"),
        ("tests: [{ expect: { only: [], may: users.view } }]", "a test says what it is about"),
        ("[", "this is not YAML"),
    ] {
        let told = told(wrong);
        assert!(told.contains(part), "{wrong}: {told}");
    }
}
