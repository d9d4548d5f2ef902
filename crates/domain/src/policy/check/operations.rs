//! Operations that nobody can carry out, and sections that need each other.

use super::Checker;
use crate::operation::{Operation, ResourceOperation};
use crate::policy::model::{BoardingWay, Needs, ResourceType};
use crate::policy::set::{Mask, PermissionId};

impl Checker<'_, '_> {
    pub(super) fn operations(&mut self) {
        for operation in Operation::ALL {
            let Some(rule) = self.policy.operations.get(operation) else { continue };
            let path = format!("operations.{}", operation.name());
            if let Needs::Permission(id) = rule.needs {
                self.require_account_wide(&path, id);
            }
            self.require_section(*operation, &path);
        }
        for attribute in &self.policy.attributes {
            if let Some(id) = attribute.changed_by {
                self.require_account_wide(&format!("attributes.{}.changed_by", attribute.name), id);
            }
        }
        for kind in &self.policy.resource_types {
            self.resource_operations(kind);
        }
        let role = self.policy.boarding.role.and_then(|id| self.policy.role(id));
        if let Some(role) = role.filter(|role| !role.stands_alone) {
            let message = format!("newcomers would hold `{}` alone, which cannot be", role.name);
            self.reader.error_at("boarding.role", message, "name a role that stands alone");
        }
        if let Some(transfer) = self.policy.transfer
            && transfer.leaves == Some(transfer.role)
        {
            let hint = "name another role, or leave it out";
            self.reader.error_at("transfer.leaves", "who hands the role over would keep it", hint);
        }
    }

    fn require_account_wide(&mut self, path: &str, id: PermissionId) {
        if !self.reach.account_wide.contains(id) {
            let message =
                format!("nobody can ever hold `{}` for the whole account", self.policy.permission_name(id));
            self.reader.error_at(path, message, "give it to a role, or name another permission");
        }
    }

    fn require_section(&mut self, operation: Operation, path: &str) {
        let ways = &self.policy.boarding.ways;
        let lacking = match operation {
            Operation::AccountTransfer => {
                self.policy.transfer.is_none().then_some("there is no `transfer` section")
            }
            Operation::ContactCreate
            | Operation::ContactGet
            | Operation::ContactUpdate
            | Operation::ContactActivate
                if self.policy.contacts.is_none() =>
            {
                Some("there is no `contacts` section")
            }
            Operation::ContactCreate | Operation::ContactGet | Operation::ContactUpdate => None,
            Operation::GroupJoin => self.policy.groups.is_none().then_some("there is no `groups` section"),
            Operation::ContactActivate | Operation::PasswordReset => (!ways
                .contains(&BoardingWay::InitialPassword))
            .then_some("`boarding.ways` has no `initial_password`"),
            Operation::MemberInvite => {
                (!ways.contains(&BoardingWay::Link)).then_some("`boarding.ways` has no `link`")
            }
            Operation::MemberAdd | Operation::MemberImport => {
                (!ways.contains(&BoardingWay::Direct)).then_some("`boarding.ways` has no `direct`")
            }
            Operation::AccountGet
            | Operation::AccountUpdate
            | Operation::AccountDelete
            | Operation::AccountUndelete
            | Operation::ActivityList
            | Operation::MemberGet
            | Operation::MemberList
            | Operation::MemberUpdate
            | Operation::MemberRemove
            | Operation::MemberLeave
            | Operation::MemberSuspend
            | Operation::MemberReplaceEmail => None,
        };
        if let Some(lacking) = lacking {
            self.reader.error_at(
                path,
                format!("the operation cannot happen: {lacking}"),
                "add it, or leave this out",
            );
        }
    }

    fn resource_operations(&mut self, kind: &ResourceType) {
        for operation in ResourceOperation::ALL {
            let Some(rule) = kind.operations.get(operation) else { continue };
            let Needs::Permission(id) = rule.needs else { continue };
            let path = format!("resources.{}.operations.{}", kind.name, operation.name());
            // Creating is asked about what the new one will be in; the rest about the resource itself.
            let own = self.policy.resource_type_id(&kind.name);
            let asked = if *operation == ResourceOperation::Create { kind.parent } else { own };
            let on = self.policy.permission(id).map(|permission| permission.on).unwrap_or_default();
            let Some(asked) = asked.filter(|_| !on.is_empty()) else {
                self.require_account_wide(&path, id);
                continue;
            };
            let about = self.policy.resource_type(asked).map_or("", |kind| &kind.name);
            if on.intersection(Mask::of(asked.0)).is_empty() {
                let message = format!("`{}` is not about a {about}", self.policy.permission_name(id));
                self.reader.error_at(
                    &path,
                    message,
                    "add the type to the permission's `on`, or name another permission",
                );
            } else if !self.reach.account_wide.union(&self.reach.on_resources).contains(id) {
                let message = format!("nobody can ever hold `{}`", self.policy.permission_name(id));
                self.reader.error_at(&path, message, "give it to a role, or name another permission");
            }
        }
    }
}
