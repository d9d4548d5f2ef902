//! Attributes of accounts, and what may be required of them.

use super::{Compiler, label};
use crate::account::AttributeValue;
use crate::policy::diagnostic::suggestion;
use crate::policy::model::{Attribute, AttributeKind, Expected, Requirement};
use crate::policy::reader::{Fields, is_name};
use crate::policy::set::{MAX_NAMES, Mask};
use crate::policy::yaml::Node;

const KINDS: [&str; 5] = ["choice", "flag", "number", "text", "domain"];
const FIELDS: &[&str] =
    &["title", "choice", "flag", "number", "text", "domain", "default", "changed_by", "only_upwards"];
/// Longest value of a text, in bytes.
const MAX_VALUE: usize = 255;
/// Longest DNS name, in bytes (RFC 1035).
const MAX_DOMAIN: usize = 253;

impl Compiler<'_, '_> {
    /// Declares attributes with their kinds, so that requirements can be judged wherever they stand.
    pub(super) fn declare_attributes(&mut self, node: &Node) {
        for (name, node) in self.limited(node, "attribute", MAX_NAMES) {
            let fields = self.reader.fields(node, FIELDS);
            let title = self.reader.text(fields.get("title")).unwrap_or_else(|| label(name));
            let kind = self.attribute_kind(node, fields).unwrap_or(AttributeKind::Text);
            let default = (kind == AttributeKind::Flag).then_some(AttributeValue::Flag(false));
            self.policy.attributes.push(Attribute {
                name: name.to_owned(),
                title,
                kind,
                default,
                changed_by: None,
                only_upwards: false,
            });
        }
    }

    fn attribute_kind(&mut self, node: &Node, fields: Fields<'_>) -> Option<AttributeKind> {
        let given: Vec<&str> = KINDS.into_iter().filter(|kind| fields.get(kind).is_some()).collect();
        let [kind] = given.as_slice() else {
            let hint =
                "give one of `choice: [...]`, `flag: true`, `number: true`, `text: true` and `domain: true`";
            let message =
                if given.is_empty() { "the attribute has no kind" } else { "the attribute has two kinds" };
            self.reader.error_hint(node, message, Some(hint.to_owned()));
            return None;
        };
        let value = fields.get(kind)?;
        if *kind == "choice" {
            return self.choice(value);
        }
        if self.reader.switch(Some(value)) == Some(false) {
            self.reader.error(value, format!("leave `{kind}` out instead"));
        }
        Some(match *kind {
            "flag" => AttributeKind::Flag,
            "number" => AttributeKind::Number,
            "domain" => AttributeKind::Domain,
            _ => AttributeKind::Text,
        })
    }

    fn choice(&mut self, node: &Node) -> Option<AttributeKind> {
        let mut words: Vec<String> = Vec::new();
        for item in self.reader.items(node) {
            let Some(word) = self.reader.word(item) else { continue };
            if !is_name(word) {
                self.reader.error(
                    item,
                    format!("`{word}` cannot be a choice: write lower-case letters, digits and underscores"),
                );
            } else if words.iter().any(|other| other == word) {
                self.reader.error(item, format!("`{word}` is given twice"));
            } else {
                words.push(word.to_owned());
            }
        }
        if words.len() < 2 {
            self.reader.error(node, "a choice has at least two words");
        }
        Some(AttributeKind::Choice(words))
    }

    /// Reads defaults and who may change what.
    pub(super) fn define_attributes(&mut self, node: &Node) {
        for (name, node) in self.quiet(node) {
            let Some(index) = self.policy.attributes.iter().position(|attribute| attribute.name == name)
            else {
                continue;
            };
            let Some(kind) = self.policy.attributes.get(index).map(|attribute| attribute.kind.clone()) else {
                continue;
            };
            let fields = self.reader.fields(node, FIELDS);
            let default = fields.get("default").and_then(|value| self.attribute_value(value, &kind));
            let changed_by = fields.get("changed_by").and_then(|word| self.one_permission(word));
            let only_upwards = self.reader.switch(fields.get("only_upwards")).unwrap_or_default();
            if let (
                true,
                AttributeKind::Flag | AttributeKind::Number | AttributeKind::Text | AttributeKind::Domain,
            ) = (only_upwards, &kind)
            {
                self.reader
                    .error(fields.get("only_upwards").unwrap_or(node), "only a `choice` can move upwards");
            }
            if let Some(attribute) = self.policy.attributes.get_mut(index) {
                attribute.default = default.or_else(|| attribute.default.clone());
                attribute.changed_by = changed_by;
                attribute.only_upwards = only_upwards;
            }
        }
    }

    fn attribute_value(&mut self, node: &Node, kind: &AttributeKind) -> Option<AttributeValue> {
        match kind {
            AttributeKind::Choice(words) => {
                let index = self.reader.one_of(node, "choice", words.iter().map(String::as_str))?;
                words.get(index).cloned().map(AttributeValue::Text)
            }
            AttributeKind::Flag => self.reader.switch(Some(node)).map(AttributeValue::Flag),
            AttributeKind::Number => {
                self.reader.number(Some(node), i64::MIN, i64::MAX).map(AttributeValue::Number)
            }
            AttributeKind::Text => {
                let text = self.reader.word(node)?;
                if text.len() > MAX_VALUE {
                    self.reader
                        .error(node, format!("this text has {} bytes; it may have {MAX_VALUE}", text.len()));
                }
                Some(AttributeValue::Text(text.to_owned()))
            }
            AttributeKind::Domain => {
                let text = self.reader.word(node)?;
                if !is_domain(text) {
                    self.reader.error(node, format!("`{text}` is no DNS name in lower-case A-labels"));
                }
                Some(AttributeValue::Text(text.to_owned()))
            }
        }
    }

    /// What a map of requirements asks of accounts, as a mask over the policy's list.
    pub(super) fn requirements(&mut self, node: &Node) -> Mask {
        let mut mask = Mask::EMPTY;
        for (key, value) in self.reader.entries(node) {
            let names = self.policy.attributes.iter().map(|attribute| attribute.name.as_str());
            let Some(attribute) = names.clone().position(|name| name == key.text) else {
                let hint = suggestion(&key.text, names);
                let message = format!("no attribute `{}`", key.text);
                self.reader.report(key.at, &value.path, crate::policy::Severity::Error, message, hint);
                continue;
            };
            let kind = self.policy.attributes.get(attribute).map(|attribute| attribute.kind.clone());
            if let Some(expected) = kind.and_then(|kind| self.expected(value, &kind)) {
                mask.insert(self.requirement(value, Requirement { attribute, expected }));
            }
        }
        mask
    }

    fn requirement(&mut self, node: &Node, requirement: Requirement) -> u8 {
        let known = self.policy.requirements.iter().position(|other| *other == requirement);
        let index = known.unwrap_or_else(|| {
            self.policy.requirements.push(requirement);
            self.policy.requirements.len() - 1
        });
        if index >= MAX_NAMES {
            self.reader.error(node, format!("there are more than {MAX_NAMES} different requirements"));
        }
        u8::try_from(index).unwrap_or(u8::MAX)
    }

    fn expected(&mut self, node: &Node, kind: &AttributeKind) -> Option<Expected> {
        match kind {
            AttributeKind::Choice(words) => {
                let mut wanted = Vec::new();
                for item in self.reader.items(node) {
                    let index = self.reader.one_of(item, "choice", words.iter().map(String::as_str));
                    wanted.extend(index.and_then(|index| words.get(index)).cloned());
                }
                if wanted.is_empty() {
                    self.reader.error(node, "no value of the choice would do");
                } else if wanted.len() >= words.len() {
                    self.reader.warn(node, "every value of the choice would do");
                }
                Some(Expected::OneOf(wanted))
            }
            AttributeKind::Flag => self.reader.switch(Some(node)).map(Expected::Flag),
            AttributeKind::Number if self.is_set(node) => Some(Expected::Set),
            AttributeKind::Number => {
                self.reader.number(Some(node), i64::MIN, i64::MAX).map(Expected::AtLeast)
            }
            AttributeKind::Text | AttributeKind::Domain => {
                let word = self.reader.word(node)?;
                if word != "set" {
                    self.reader.error(
                        node,
                        format!("a text or domain can be required to be `set`, not to be `{word}`"),
                    );
                }
                Some(Expected::Set)
            }
        }
    }

    fn is_set(&self, node: &Node) -> bool {
        matches!(&node.content, crate::policy::yaml::Content::Scalar(word) if word == "set")
    }
}

fn is_domain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= MAX_DOMAIN && text.contains('.') && text.split('.').all(label)
}
