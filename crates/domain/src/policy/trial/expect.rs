//! What must be so, and whether it is.

use std::collections::BTreeSet;

use super::cast::{Cast, Setting};
use super::{Failure, Report};
use crate::decide::{Decision, Reason};
use crate::policy::diagnostic::suggestion;
use crate::policy::model::Policy;
use crate::policy::reader::Reader;
use crate::policy::set::PermissionId;
use crate::policy::yaml::{Content, Node};

const TEST: &[&str] = &["says", "account", "expect"];
const EXPECTATION: &[&str] = &["who", "only", "may", "may_not", "on", "because"];

/// Runs one test.
pub(super) fn run(reader: &mut Reader<'_>, cast: &Cast<'_>, node: &Node, report: &mut Report) {
    let fields = reader.fields(node, TEST);
    let says = reader.text(fields.get("says"));
    let setting = cast.setting(reader, fields.get("account"));
    let (Some(says), Some(list)) = (says, fields.get("expect")) else {
        reader.error_hint(
            node,
            "a test says what it is about and what is expected",
            Some("give it `says` and `expect`".to_owned()),
        );
        return;
    };
    let test = Test { cast, setting, says };
    let items = match list.content {
        Content::Map(_) => vec![list],
        Content::Nothing | Content::Scalar(_) | Content::List(_) => reader.items(list),
    };
    for item in items {
        test.expectation(reader, item, report);
    }
}

struct Test<'c, 'p> {
    cast: &'c Cast<'p>,
    setting: Setting,
    says: String,
}

/// What is expected of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Allowed,
    Denied,
}

/// One line of a test, with its names looked up.
struct Expectation {
    line: usize,
    permissions: Vec<PermissionId>,
    resource: Option<String>,
}

impl Test<'_, '_> {
    fn expectation(&self, reader: &mut Reader<'_>, node: &Node, report: &mut Report) {
        let fields = reader.fields(node, EXPECTATION);
        let (wanted, list) = match (fields.get("may"), fields.get("may_not")) {
            (Some(list), None) => (Wanted::Allowed, list),
            (None, Some(list)) => (Wanted::Denied, list),
            _ => {
                reader.error(node, "an expectation has either `may` or `may_not`");
                return;
            }
        };
        let expectation = Expectation {
            line: node.at.line,
            permissions: self.cast.permissions(reader, list).iter().collect(),
            resource: fields.get("on").and_then(|node| self.cast.resource(reader, node)),
        };
        let because = fields.get("because").and_then(|node| reason(reader, node));
        match (fields.get("who"), fields.get("only")) {
            (Some(who), None) => {
                let who = self.people(reader, who);
                self.each(&expectation, &who, (wanted, because), report);
            }
            (None, Some(only)) if wanted == Wanted::Allowed && because.is_none() => {
                let only = self.people(reader, only);
                self.only(&expectation, &only, report);
            }
            (None, Some(only)) => reader.error(only, "`only` says who may, and nothing else"),
            _ => reader.error(node, "an expectation has either `who` or `only`"),
        }
    }

    fn people(&self, reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
        let mut people = Vec::new();
        for item in reader.items(node) {
            let Some(name) = reader.word(item) else { continue };
            if !self.cast.people.contains_key(name) {
                let names = self.cast.people.keys().map(String::as_str);
                reader.error_hint(item, format!("nobody is called `{name}`"), suggestion(name, names));
            }
            people.push(name.to_owned());
        }
        people
    }

    /// Each of these people is answered so about each permission.
    fn each(
        &self,
        expectation: &Expectation,
        who: &[String],
        (wanted, because): (Wanted, Option<Reason>),
        report: &mut Report,
    ) {
        let Expectation { line, permissions, resource } = expectation;
        for person in who {
            for permission in permissions {
                let decision = self.cast.decide(&self.setting, person, *permission, resource.as_deref());
                let is_so = decision.allowed() == (wanted == Wanted::Allowed)
                    && because.is_none_or(|because| because == decision.reason);
                if is_so {
                    report.passed += 1;
                    continue;
                }
                let expected = match (wanted, because) {
                    (Wanted::Allowed, None) => "allowed".to_owned(),
                    (Wanted::Denied, None) => "denied".to_owned(),
                    (Wanted::Allowed, Some(reason)) => format!("allowed ({})", word(reason)),
                    (Wanted::Denied, Some(reason)) => format!("denied ({})", word(reason)),
                };
                let asked = format!("{person}: {}", self.asked(*permission, resource.as_deref()));
                let found = vec![answer(self.cast.policy, decision)];
                self.fail(*line, asked, (vec![expected], found), report);
            }
        }
    }

    /// Exactly these people may do each of it.
    fn only(&self, expectation: &Expectation, only: &[String], report: &mut Report) {
        let Expectation { line, permissions, resource } = expectation;
        for permission in permissions {
            let decision =
                |person: &str| self.cast.decide(&self.setting, person, *permission, resource.as_deref());
            let everybody = self.cast.people.keys();
            let may: BTreeSet<&String> = everybody.filter(|person| decision(person).allowed()).collect();
            let wanted: BTreeSet<&String> = only.iter().collect();
            if may == wanted {
                report.passed += 1;
                continue;
            }
            let missing = wanted.difference(&may);
            let missing =
                missing.map(|who| format!("{who}, who is {}", answer(self.cast.policy, decision(who))));
            let beyond = may.difference(&wanted);
            let beyond =
                beyond.map(|who| format!("{who}, who is {}", answer(self.cast.policy, decision(who))));
            let asked = format!("who may: {}", self.asked(*permission, resource.as_deref()));
            self.fail(*line, asked, (missing.collect(), beyond.collect()), report);
        }
    }

    fn asked(&self, permission: PermissionId, resource: Option<&str>) -> String {
        let name = self.cast.policy.permission_name(permission);
        resource.map_or_else(|| name.to_owned(), |resource| format!("{name} on {resource}"))
    }

    fn fail(
        &self,
        line: usize,
        asked: String,
        (expected, found): (Vec<String>, Vec<String>),
        report: &mut Report,
    ) {
        let says = self.says.clone();
        report.failures.push(Failure { file: String::new(), line, says, asked, expected, found });
    }
}

/// `allowed (role: admin)`, `denied (not_granted)`.
fn answer(policy: &Policy, decision: Decision) -> String {
    let Decision { reason, via } = decision;
    let roles = via.roles.iter().filter_map(|index| policy.roles.get(usize::from(index)));
    let roles: Vec<&str> = roles.map(|role| role.name.as_str()).collect();
    let verdict = if decision.allowed() { "allowed" } else { "denied" };
    match roles.as_slice() {
        [] => format!("{verdict} ({})", word(reason)),
        roles => format!("{verdict} ({}: {})", word(reason), roles.join(", ")),
    }
}

fn reason(reader: &mut Reader<'_>, node: &Node) -> Option<Reason> {
    let words: Vec<String> = Reason::ALL.iter().map(|reason| word(*reason)).collect();
    let index = reader.one_of(node, "reason", words.iter().map(String::as_str))?;
    Reason::ALL.get(index).copied()
}

/// A reason as files and answers spell it: `not_granted`.
fn word(reason: Reason) -> String {
    let mut word = String::new();
    for letter in format!("{reason:?}").chars() {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}
