//! What a server says of a proposed policy, on a terminal.

use std::collections::BTreeMap;

use mandate_proto::v1::effect::Subject;
use mandate_proto::v1::{Effect, PolicyDiagnostic, PolicyHolderChange, PolicyRuleChange, PolicySeverity};

use super::applied::Answer;
use super::print;

/// People who are told one by one; all are counted.
const TOLD: usize = 100;

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
    people: u64,
    accounts: u64,
    last: String,
    by_effect: BTreeMap<String, u64>,
    others: u64,
}

impl Tally {
    /// Counts one, and tells of it if it is among the first.
    pub(super) fn count(&mut self, effect: &Effect) -> anyhow::Result<()> {
        let Effect { account, subject, resource: _, gained, lost, gained_limited, lost_limited } = effect;
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
        if self.people == 0 {
            print("Who gains and loses what")?;
        }
        self.people += 1;
        if usize::try_from(self.people).is_ok_and(|people| people <= TOLD) {
            print(&format!("  {account} {subject} {what}"))?;
        }
        if self.last != *account {
            self.accounts += 1;
            self.last.clone_from(account);
        }
        if self.by_effect.len() < COUNTED || self.by_effect.contains_key(&what) {
            *self.by_effect.entry(what).or_default() += 1;
        } else {
            self.others += 1;
        }
        Ok(())
    }

    /// Tells all in numbers.
    pub(super) fn finish(&self) -> anyhow::Result<()> {
        if usize::try_from(self.people).is_ok_and(|people| people > TOLD) {
            print("  …")?;
        }
        if self.people > 0 {
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
