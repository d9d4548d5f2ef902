//! Which permission each operation of the service needs.

use super::Compiler;
use crate::operation::Operation;
use crate::policy::diagnostic::suggestion;
use crate::policy::model::{Needs, OperationRule};
use crate::policy::set::{Mask, ResourceTypeId};
use crate::policy::yaml::{Content, Node};

/// What stands for every active member in place of a permission.
const ANYONE: &str = "anyone";

impl Compiler<'_, '_> {
    pub(super) fn define_operations(&mut self, node: &Node) {
        for (key, value) in self.reader.entries(node) {
            let Some(operation) = Operation::from_name(&key.text) else {
                let hint = suggestion(&key.text, Operation::ALL.iter().map(|operation| operation.name()));
                self.unknown_key(key, value, "operation", hint);
                continue;
            };
            if let Some(rule) = self.operation_rule(value) {
                self.policy.operations.insert(operation, rule);
            }
        }
    }

    /// A permission, `anyone`, or a map that says more.
    pub(super) fn operation_rule(&mut self, node: &Node) -> Option<OperationRule> {
        let Content::Map(_) = &node.content else {
            let needs = self.needs(node)?;
            return Some(OperationRule { needs, requires: Mask::EMPTY, at_most: Vec::new() });
        };
        let fields = self.reader.fields(node, &["needs", "requires", "at_most"]);
        let requires = fields.get("requires").map(|map| self.requirements(map)).unwrap_or_default();
        let at_most = fields.get("at_most").map(|map| self.at_most(map)).unwrap_or_default();
        let Some(needs) = fields.get("needs") else {
            let hint = format!("give a permission or `{ANYONE}`");
            self.reader.error_hint(node, "the operation does not say what it `needs`", Some(hint));
            return None;
        };
        Some(OperationRule { needs: self.needs(needs)?, requires, at_most })
    }

    fn needs(&mut self, node: &Node) -> Option<Needs> {
        if self.reader.word(node)? == ANYONE {
            return Some(Needs::AnyMember);
        }
        self.one_permission(node).map(Needs::Permission)
    }

    fn at_most(&mut self, node: &Node) -> Vec<(ResourceTypeId, u32)> {
        let mut most = Vec::new();
        for (key, value) in self.reader.entries(node) {
            let kind = self.resource_type_named(key, value);
            let number = self
                .reader
                .number(Some(value), 1, i64::from(u32::MAX))
                .and_then(|number| u32::try_from(number).ok());
            most.extend(kind.zip(number));
        }
        most
    }
}
