//! Whether a read may be made: persons are judged by the engine that answers Check, on the facts in memory.

use mandate_domain::authorize::authorize;
use mandate_domain::decide::Reason;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::operation::{Operation, ResourceOperation};
use mandate_domain::policy::model::ResourceIds;
use mandate_domain::refusal::Refusal;
use mandate_domain::resource::ResourceRef;

use crate::access::{AccessError, PersonRule};
use crate::caller::Party;
use crate::error::Error;
use crate::facts::{Ask, Facts, Known};
use crate::telemetry::Recorded;

/// What a read is about, for rules that depend on it.
#[derive(Debug, Clone, Copy)]
pub enum About<'a> {
    /// The account as such.
    Account,
    /// One user in it.
    User(UserId),
    /// One resource in it.
    Resource(&'a ResourceRef),
    /// The resources of one type.
    Type(&'a str),
}

/// Lets a read in this account pass, or not.
///
/// # Errors
/// [`Refusal::Denied`] and others of `authorize` for persons; those of the store.
pub async fn may_read(
    facts: &Facts,
    party: Party,
    rule: PersonRule,
    account: AccountId,
    about: About<'_>,
) -> Result<(), Error> {
    if let Some(recorded) = Recorded::current() {
        recorded.is_about(account);
    }
    let Some(person) = party.person() else { return Ok(()) };
    let resource = match about {
        About::Resource(resource) => Some(resource),
        About::Account | About::User(_) | About::Type(_) => None,
    };
    let ask = Ask { account, user: person, resource };
    let known = facts.of(ask).await?;
    facts.note(account, person, known.member.as_ref());
    let oneself = matches!(about, About::User(user) if user == person);
    match rule {
        PersonRule::Operation(operation) => by_operation(&known, ask, operation),
        PersonRule::OperationOrOneself(_) if oneself => Ok(belonging(&known, ask)?),
        PersonRule::OperationOrOneself(operation) => by_operation(&known, ask, operation),
        PersonRule::OperationAndOfContacts(operation, of_contacts) => {
            by_operation(&known, ask, operation)?;
            match known.policy().is_some_and(|policy| policy.contacts.is_some()) {
                true => by_operation(&known, ask, of_contacts),
                false => Ok(()),
            }
        }
        PersonRule::OperationByTarget { another, oneself: own } => {
            by_operation(&known, ask, if oneself { own } else { another })
        }
        PersonRule::Resource(operation) => by_resource(&known, ask, operation, about),
        PersonRule::Oneself if oneself => Ok(()),
        PersonRule::Known => Ok(()),
        PersonRule::Oneself | PersonRule::GroupRole | PersonRule::Nobody | PersonRule::Public => {
            Err(AccessError::NotOneself.into())
        }
    }
}

/// Whoever is an active member of an account in use may see themself.
fn belonging(known: &Known, ask: Ask<'_>) -> Result<(), Refusal> {
    mandate_domain::decide::belongs(&known.question(ask, None)).map_err(stranger)
}

fn stranger(reason: Reason) -> Refusal {
    Refusal::Denied { operation: String::new(), permission: None, reason }
}

fn by_operation(known: &Known, ask: Ask<'_>, operation: Operation) -> Result<(), Error> {
    let question = known.question(ask, None);
    let Some(policy) = known.policy() else { return Err(stranger(without_policy(known)).into()) };
    authorize(policy, operation.name(), policy.operations.get(&operation), &question)?;
    Ok(())
}

fn by_resource(
    known: &Known,
    ask: Ask<'_>,
    operation: ResourceOperation,
    about: About<'_>,
) -> Result<(), Error> {
    let name = match about {
        About::Resource(resource) => resource.kind.as_str(),
        About::Type(name) => name,
        About::Account | About::User(_) => "",
    };
    let Some(policy) = known.policy() else { return Err(stranger(without_policy(known)).into()) };
    belonging(known, ask)?;
    let path = if matches!(about, About::Type(_)) { "type" } else { "resource.type" };
    let kind = policy.resource_type_id(name).and_then(|id| policy.resource_type(id));
    let Some(kind) = kind else {
        let names: Vec<&str> = policy.resource_types.iter().map(|kind| kind.name.as_str()).collect();
        return Err(Error::field(
            path,
            format!("no such type in this account's policy; it has: {}", names.join(", ")),
        ));
    };
    // Of a resource that was not registered, whoever may see all of its type learns that there is none.
    let unknown = kind.ids == ResourceIds::Registered && known.resource.is_none();
    let ask = if unknown { Ask { resource: None, ..ask } } else { ask };
    let text = format!("{name}.{}", operation.name());
    authorize(policy, &text, kind.operations.get(&operation), &known.question(ask, None))?;
    Ok(())
}

fn without_policy(known: &Known) -> Reason {
    if known.account.is_some() { Reason::PolicyUnavailable } else { Reason::UnknownAccount }
}
