//! What a server says of a proposed policy, on a terminal.

use std::collections::BTreeMap;

use mandate_proto::v1::effect::Subject;
use mandate_proto::v1::{
    Effect, PolicyDiagnostic, PolicyHolderChange, PolicyRuleChange, PolicySeverity, ResourceRef,
};

use super::applied::Answer;
use super::print;

/// Effects that are told one by one; all are counted.
const TOLD: u64 = 100;

/// Different things that people gain and lose, which are counted one by one.
const COUNTED: usize = 1_000;

/// Prints what is wrong with the text, and how it differs from the version in force.
pub(super) fn differences(answer: &Answer, file: &str) -> anyhow::Result<()> {
    for PolicyDiagnostic { severity, line, column, path, message, hint } in &answer.diagnostics {
        let severity = match PolicySeverity::try_from(*severity) {
            Ok(PolicySeverity::Warning) => "warning",
            _ => "error",
        };
        let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
        let hint = if hint.is_empty() { String::new() } else { format!("; {hint}") };
        print(&format!("{file}:{line}:{column}: {severity}: {path}{message}{hint}"))?;
    }
    for PolicyHolderChange { holder, gained, lost, changed } in &answer.holders {
        print(&format!("What {holder} holds"))?;
        lines("+", gained)?;
        lines("-", lost)?;
        lines("~", changed)?;
        print("")?;
    }
    for PolicyRuleChange { heading, removed, added } in &answer.rules {
        print(heading)?;
        lines("-", removed)?;
        lines("+", added)?;
        print("")?;
    }
    Ok(())
}

fn lines(sign: &str, lines: &[String]) -> anyhow::Result<()> {
    lines.iter().try_for_each(|line| print(&format!("  {sign} {line}")))
}

/// Who gains and loses what: the first one by one, and all in numbers.
#[derive(Default)]
pub(super) struct Tally {
    effects: u64,
    people: u64,
    accounts: u64,
    /// The account and whoever of it was told of last.
    last: (String, String),
    by_effect: BTreeMap<String, u64>,
    others: u64,
}

impl Tally {
    /// Counts one, and tells of it if it is among the first.
    pub(super) fn count(&mut self, effect: &Effect) -> anyhow::Result<()> {
        let Effect { account, subject, resource, gained, lost, gained_limited, lost_limited } = effect;
        let subject = match subject {
            Some(Subject::User(id) | Subject::Contact(id)) => id,
            None => "",
        };
        let parts = [
            ("gains", gained, ""),
            ("loses", lost, ""),
            ("gains", gained_limited, " on some resources"),
            ("loses", lost_limited, " on some resources"),
        ];
        let parts = parts.iter().filter(|(_, names, _)| !names.is_empty());
        let parts: Vec<String> =
            parts.map(|(verb, names, on)| format!("{verb} {}{on}", names.join(", "))).collect();
        let what = parts.join("; ");
        let (on, on_any) = match resource {
            Some(ResourceRef { r#type, id }) => {
                (format!("on {} {id}: ", r#type), format!("on a {}: ", r#type))
            }
            None => (String::new(), String::new()),
        };
        if self.effects == 0 {
            print("Who gains and loses what")?;
        }
        self.effects += 1;
        if self.effects <= TOLD {
            print(&format!("  {account} {subject} {on}{what}"))?;
        }
        let (last_account, last_subject) = &self.last;
        let is_another = last_account != account;
        self.accounts += u64::from(is_another);
        if is_another || last_subject != subject {
            self.people += 1;
            self.last = (account.clone(), subject.to_owned());
        }
        let what = format!("{on_any}{what}");
        if self.by_effect.len() < COUNTED || self.by_effect.contains_key(&what) {
            *self.by_effect.entry(what).or_default() += 1;
        } else {
            self.others += 1;
        }
        Ok(())
    }

    /// Tells all in numbers.
    pub(super) fn finish(&self) -> anyhow::Result<()> {
        if self.effects > TOLD {
            print("  …")?;
        }
        if self.effects > 0 {
            print("\nIn numbers")?;
        }
        let mut counted: Vec<(&String, &u64)> = self.by_effect.iter().collect();
        counted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (what, count) in counted {
            print(&format!("  {count} x {what}"))?;
        }
        if self.others > 0 {
            print(&format!("  {} x something else", self.others))?;
        }
        let Self { people, accounts, .. } = self;
        print(&format!("{people} member(s) of {accounts} account(s) gain or lose something"))
    }
}
