//! Contradictions: parts of a policy that are each well-formed and together cannot be meant.

mod delegation;
mod holders;
mod operations;
mod reach;
mod roles;

use super::compile::Draft;
use super::model::{Policy, Role};
use super::reader::Reader;
use super::set::{PermissionSet, RoleId};
use reach::Reach;

/// Looks for contradictions in a policy whose every part could be read.
pub(super) fn run(reader: &mut Reader<'_>, draft: &Draft) {
    let mut checker = Checker { reader, policy: &draft.policy, reach: Reach::of(&draft.policy) };
    checker.roles();
    checker.holders(&draft.permission_paths);
    checker.operations();
    checker.delegation();
}

struct Checker<'c, 'a> {
    reader: &'c mut Reader<'a>,
    policy: &'c Policy,
    reach: Reach,
}

impl<'c> Checker<'c, '_> {
    /// Some permissions by name: at most three, and how many more there are.
    fn some(&self, set: &PermissionSet) -> String {
        const SHOWN: usize = 3;
        let names: Vec<&str> = self.policy.permission_names(set).take(SHOWN).collect();
        let shown = super::diagnostic::list(&names);
        match set.len().saturating_sub(SHOWN) {
            0 => shown,
            more => format!("{shown} (and {more} more)"),
        }
    }

    /// The account roles with their numbers and paths.
    fn account_roles(&self) -> Vec<(RoleId, &'c Role, String)> {
        let roles = (0_u8..).map(RoleId).zip(&self.policy.roles);
        roles.map(|(id, role)| (id, role, format!("roles.{}", role.name))).collect()
    }

    /// Where a role's rule of delegation stands; `None` for a rule that it includes from another role.
    fn rule_path(&self, role: &str, index: usize) -> Option<String> {
        let whole = format!("{role}.delegation");
        let item = format!("{whole}[{index}]");
        if self.reader.says(&item) {
            return Some(item);
        }
        let first = format!("{whole}[0]");
        (index == 0 && self.reader.says(&whole) && !self.reader.says(&first)).then_some(whole)
    }
}
