//! The activity log.

use mandate_domain::id::AccountId;
use mandate_proto::v1;
use mandate_storage::Activity;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

use super::page::{Paging, Query};
use super::{Fields, Path, timestamp};
use crate::error::Error;

/// Longest subject that is asked for, in bytes: a resource type and id with the slash between.
const MAX_SUBJECT: usize = 400;

/// Which entries to list.
#[derive(Debug, Clone)]
pub struct ListActivity {
    /// The account.
    pub account: AccountId,
    /// Only what concerned this subject.
    pub subject: Option<String>,
    /// Which page: the key is the place of an entry in the log.
    pub paging: Paging<i64>,
}

/// Reads a `ListActivityRequest`.
///
/// # Errors
/// Every bad field.
pub fn list(message: v1::ListActivityRequest) -> Result<ListActivity, Error> {
    let v1::ListActivityRequest { account, subject, page_size, page_token } = message;
    let mut fields = Fields::default();
    let query = Query::new("ListActivity", &[&account, &subject]);
    let paging = query.paging(&mut fields, page_size, &page_token);
    let account = fields.id(Path::of("account"), &account);
    let subject = if subject.is_empty() {
        Some(None)
    } else {
        fields.opaque(Path::of("subject"), subject, MAX_SUBJECT).map(Some)
    };
    let list = (|| Some(ListActivity { account: account?, subject: subject?, paging: paging? }))();
    fields.finish(list)
}

/// An entry as a message.
#[must_use]
pub fn to_message(activity: Activity) -> v1::Activity {
    let Activity {
        seq: _,
        at,
        account,
        actor_kind,
        actor,
        through,
        operation,
        subject,
        changes,
        override_reason,
    } = activity;
    let changes = match changes {
        serde_json::Value::Array(changes) => changes.into_iter().map(change).collect(),
        _ => Vec::new(),
    };
    v1::Activity {
        account: account.unwrap_or_default(),
        time: Some(timestamp(at)),
        actor: Some(to_actor(&actor_kind, actor, through)),
        operation,
        subject: subject.unwrap_or_default(),
        changes,
        override_reason: override_reason.unwrap_or_default(),
    }
}

fn to_actor(kind: &str, name: String, through: Option<String>) -> v1::ActivityActor {
    use v1::activity_actor::Actor;
    let actor = match kind {
        "person" => Actor::User(name),
        "service" => Actor::Service(name),
        "link" => Actor::Invitation(name),
        _ => Actor::Operator(name),
    };
    v1::ActivityActor { actor: Some(actor), through: through.unwrap_or_default() }
}

fn change(change: serde_json::Value) -> v1::ActivityChange {
    let kind = change.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let fact = match change.get("fact").cloned().map(value) {
        Some(Value { kind: Some(Kind::StructValue(fact)) }) => Some(fact),
        _ => None,
    };
    v1::ActivityChange { kind, fact }
}

/// JSON as a message.
pub(super) fn value(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(on) => Kind::BoolValue(on),
        // Times in microseconds stay exact: they are far below 2^53.
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(values) => Kind::ListValue(ListValue { values: values.into_iter().map(value).collect() }),
        Json::Object(fields) => Kind::StructValue(Struct {
            fields: fields.into_iter().map(|(name, json)| (name, value(json))).collect(),
        }),
    };
    Value { kind: Some(kind) }
}
