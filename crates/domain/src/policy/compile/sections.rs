//! The small sections: restrictions, contacts, boarding, transfer.

use super::{Compiler, DEFAULT_DAYS, label};
use crate::policy::model::{BoardingWay, ContactRule, Transfer};
use crate::policy::yaml::Node;

/// Most days that a link or an initial password may be good for.
const MAX_DAYS: i64 = 365;

impl Compiler<'_, '_> {
    pub(super) fn define_restrictions(&mut self, node: &Node) {
        for (name, node) in self.quiet(node) {
            let fields = self.reader.fields(node, &["title", "removes"]);
            let title = self.reader.text(fields.get("title"));
            let removes = fields.get("removes").map(|list| self.any_permissions(list));
            let index = self.policy.restriction_id(name);
            let restriction = index.and_then(|index| self.policy.restrictions.get_mut(usize::from(index)));
            if let Some(restriction) = restriction {
                restriction.title = title.unwrap_or_else(|| label(name));
                restriction.removes = removes.unwrap_or_default();
            }
        }
    }

    pub(super) fn define_contacts(&mut self, node: &Node) {
        let fields = self.reader.fields(node, &["at_birth", "grantable"]);
        let at_birth = fields.get("at_birth").map(|list| self.any_permissions(list)).unwrap_or_default();
        let grantable = fields.get("grantable").map(|list| self.any_permissions(list)).unwrap_or(at_birth);
        self.policy.contacts = Some(ContactRule { at_birth, grantable });
    }

    pub(super) fn define_boarding(&mut self, node: &Node) {
        const WAYS: [(&str, BoardingWay); 3] = [
            ("direct", BoardingWay::Direct),
            ("link", BoardingWay::Link),
            ("initial_password", BoardingWay::InitialPassword),
        ];
        let fields = self.reader.fields(node, &["ways", "link_days", "password_days", "role"]);
        if let Some(list) = fields.get("ways") {
            let mut ways = Vec::new();
            for item in self.reader.items(list) {
                let index =
                    self.reader.one_of(item, "way to come aboard", WAYS.iter().map(|(name, _)| *name));
                match index.and_then(|index| WAYS.get(index)) {
                    Some((name, way)) if ways.contains(way) => {
                        self.reader.error(item, format!("`{name}` is given twice"))
                    }
                    Some((_, way)) => ways.push(*way),
                    None => {}
                }
            }
            if ways.is_empty() {
                self.reader.error(list, "nobody could come aboard: give at least one way");
            }
            self.policy.boarding.ways = ways;
        }
        if let Some(role) = fields.get("role") {
            self.policy.boarding.role = self.account_role(role);
        }
        for (key, days) in [
            ("link_days", &mut self.policy.boarding.link_days),
            ("password_days", &mut self.policy.boarding.password_days),
        ] {
            if let Some(number) = self.reader.number(fields.get(key), 1, MAX_DAYS) {
                *days = u32::try_from(number).unwrap_or(DEFAULT_DAYS);
            }
        }
    }

    pub(super) fn define_transfer(&mut self, node: &Node) {
        let fields = self.reader.fields(node, &["role", "leaves"]);
        let leaves = fields.get("leaves").and_then(|node| self.account_role(node));
        match fields.get("role") {
            Some(word) => {
                self.policy.transfer = self.account_role(word).map(|role| Transfer { role, leaves });
            }
            None => self.reader.error(node, "the transfer names no `role` that moves"),
        }
    }
}
