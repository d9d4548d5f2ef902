//! What another version of a policy gives and takes: the tables of both laid over each other, and the sentences that only
//! one of them says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::sentences::every_role;
use super::{Cell, grantable, held, one_by_one, sentences, type_names};
use crate::policy::model::{Permission, Policy};
use crate::policy::set::PermissionId;

/// How one policy differs from another. Titles and descriptions are for people, and make no difference.
/// Its [`Display`](fmt::Display) is plain text, the same every time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// What holders have more or less of, in the order of the tables: those of the new policy, then those it lacks.
    pub holders: Vec<HolderChange>,
    /// What only one of them says, by heading.
    pub rules: Vec<RuleChange>,
}

/// What a holder has more or less of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderChange {
    /// Who: `admin`, `group manager`, `cloud:cloud_admin`, `cloud:assignment`, `grant`, `contact`.
    pub holder: String,
    /// Permissions held now alone, and how.
    pub gained: Vec<(String, Cell)>,
    /// Permissions held before alone, and how.
    pub lost: Vec<(String, Cell)>,
    /// Permissions held before and now, but otherwise: how before, and how now.
    pub changed: Vec<(String, Cell, Cell)>,
}

/// Sentences under one heading that only one policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChange {
    /// The heading.
    pub heading: &'static str,
    /// What only the old one says.
    pub removed: Vec<String>,
    /// What only the new one says.
    pub added: Vec<String>,
}

impl Difference {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty() && self.rules.is_empty()
    }

    /// Whether somebody may gain or lose on certain resources what they neither gain nor lose in the account as a whole.
    ///
    /// INVARIANT: nobody does where nothing differs but what roles and groups hold on everything, and what may be granted.
    #[must_use]
    pub fn reaches_resources(&self) -> bool {
        let everywhere = |cell: &Cell| matches!(cell, Cell::Yes | Cell::OneByOne);
        let elsewhere = |change: &HolderChange| {
            let HolderChange { holder, gained, lost, changed } = change;
            let one = gained.iter().chain(lost).map(|(_, cell)| cell);
            let both = changed.iter().flat_map(|(_, was, is)| [was, is]);
            // A holder with a colon is a role or an assignment of resources.
            holder.contains(':') || one.chain(both).any(|cell| !everywhere(cell))
        };
        !self.rules.is_empty() || self.holders.iter().any(elsewhere)
    }
}

/// How `new` differs from `old`.
#[must_use]
pub fn difference(old: &Policy, new: &Policy) -> Difference {
    let (before, now) = (table(old), table(new));
    let gone = before.iter().filter(|(holder, _)| !now.iter().any(|(other, _)| other == holder));
    let holders = now.iter().map(|(holder, _)| holder).chain(gone.map(|(holder, _)| holder));
    let of = |table: &[(String, Cells)], holder: &str| {
        table.iter().find(|(other, _)| other == holder).map(|(_, cells)| cells.clone()).unwrap_or_default()
    };
    let changes = holders.map(|holder| change(holder, &of(&before, holder), &of(&now, holder)));
    Difference { holders: changes.filter(HolderChange::is_any).collect(), rules: rules(old, new) }
}

/// What somebody holds: each permission that they do hold, and how.
type Cells = BTreeMap<String, Cell>;

/// Every holder, in the order of the tables.
fn table(policy: &Policy) -> Vec<(String, Cells)> {
    let cells = |how: &dyn Fn(PermissionId) -> Cell| {
        let permissions = (0_u16..).map(PermissionId).zip(&policy.permissions);
        let held = permissions.map(|(id, permission)| (permission.name.clone(), how(id)));
        held.filter(|(_, cell)| *cell != Cell::No).collect::<Cells>()
    };
    let roles = every_role(policy).into_iter();
    let mut table: Vec<(String, Cells)> =
        roles.map(|(name, role)| (name, cells(&|id| held(role, id)))).collect();
    for kind in &policy.resource_types {
        let carried = cells(&|id| one_by_one(&kind.assignable, id));
        table.push((format!("{}:assignment", kind.name), carried));
    }
    let grants = grantable(policy);
    table.push(("grant".to_owned(), cells(&|id| one_by_one(&grants, id))));
    if let Some(contacts) = &policy.contacts {
        let how = |id| match contacts.at_birth.contains(id) {
            true => Cell::Yes,
            false => one_by_one(&contacts.grantable, id),
        };
        table.push(("contact".to_owned(), cells(&how)));
    }
    table
}

fn change(holder: &str, before: &Cells, now: &Cells) -> HolderChange {
    let only = |these: &Cells, others: &Cells| {
        let alone = these.iter().filter(|(name, _)| !others.contains_key(*name));
        alone.map(|(name, cell)| (name.clone(), *cell)).collect()
    };
    let both = before.iter().filter_map(|(name, was)| Some((name, *was, *now.get(name)?)));
    let changed = both.filter(|(_, was, is)| was != is);
    HolderChange {
        holder: holder.to_owned(),
        gained: only(now, before),
        lost: only(before, now),
        changed: changed.map(|(name, was, is)| (name.clone(), was, is)).collect(),
    }
}

impl HolderChange {
    fn is_any(&self) -> bool {
        !(self.gained.is_empty() && self.lost.is_empty() && self.changed.is_empty())
    }
}

fn rules(old: &Policy, new: &Policy) -> Vec<RuleChange> {
    let mut changes = vec![compare("Permissions", &permissions(old), &permissions(new))];
    let (before, now) = (sentences::sections(old), sentences::sections(new));
    let headings = now.iter().chain(&before).map(|section| section.heading);
    let mut seen = BTreeSet::new();
    for heading in headings.filter(|heading| seen.insert(*heading)) {
        let lines = |sections: &[super::Section]| {
            let section = sections.iter().find(|section| section.heading == heading);
            section.map(|section| section.lines.clone()).unwrap_or_default()
        };
        changes.push(compare(heading, &lines(&before), &lines(&now)));
    }
    changes.retain(|change| !(change.removed.is_empty() && change.added.is_empty()));
    changes
}

/// The permissions, each with what it is asked about.
fn permissions(policy: &Policy) -> Vec<String> {
    let line = |permission: &Permission| match type_names(policy, permission.on).join(", ") {
        on if on.is_empty() => permission.name.clone(),
        on => format!("{} (on {on})", permission.name),
    };
    policy.permissions.iter().map(line).collect()
}

fn compare(heading: &'static str, before: &[String], now: &[String]) -> RuleChange {
    let only = |these: &[String], others: &[String]| {
        these.iter().filter(|line| !others.contains(line)).cloned().collect()
    };
    RuleChange { heading, removed: only(before, now), added: only(now, before) }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        let mut heading = |f: &mut fmt::Formatter<'_>, text: &str| {
            let blank = if std::mem::take(&mut first) { "" } else { "\n" };
            writeln!(f, "{blank}{text}")
        };
        for HolderChange { holder, gained, lost, changed } in &self.holders {
            heading(f, &format!("What {holder} holds"))?;
            for (name, cell) in gained {
                writeln!(f, "  + {name} ({cell})")?;
            }
            for (name, cell) in lost {
                writeln!(f, "  - {name} ({cell})")?;
            }
            for (name, was, is) in changed {
                writeln!(f, "  ~ {name} ({is}, was {was})")?;
            }
        }
        for RuleChange { heading: about, removed, added } in &self.rules {
            heading(f, about)?;
            removed.iter().try_for_each(|line| writeln!(f, "  - {line}"))?;
            added.iter().try_for_each(|line| writeln!(f, "  + {line}"))?;
        }
        Ok(())
    }
}
