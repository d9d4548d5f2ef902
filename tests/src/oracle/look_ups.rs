//! After each write: who may, to what, and in which accounts. The model asks about everybody and everything there is; the
//! service lists, page by page, whom it finds.

use mandate_proto::v1::authz_service_client::AuthzServiceClient;
use mandate_proto::v1::{self as pb, DecisionReason};
use tonic::Status;

use super::client::{Client, named};
use super::may::{Reason, allows};
use super::questions::{Question, subject};
use super::world::{Account, Ref, World};

/// Pages that no list here is longer than.
const PAGES: usize = 200;

/// What is listed, each with the reason why it is allowed.
type Listed = Vec<(String, String)>;

/// Compares the three lists that this question is a part of.
///
/// Errors: the service does not answer.
pub(super) async fn agree(
    client: &Client<'_>,
    world: &World,
    account: &Account,
    question: &Question,
    page_size: i32,
) -> Result<Vec<String>, String> {
    let Question { user, permission, resource, .. } = question;
    let mut wrong = Vec::new();
    let mut compare = |what: String, mut expected: Listed, found: Result<Listed, Status>| {
        let mut found = found.map_err(|status| format!("{what}: {status:?}"))?;
        let in_order = found.clone();
        expected.sort();
        found.sort();
        if expected != found {
            wrong.push(format!("{what}: model {expected:?}, service {found:?}"));
        }
        Ok::<_, String>(in_order)
    };

    let of =
        |account: &str, user: &str, resource: Option<&Ref>| world.may(account, user, permission, resource);
    let expected =
        world.users.iter().map(|user| (user.id.clone(), of(&account.id, &user.id, resource.as_ref())));
    let found = members(client, account, permission, resource.as_ref(), page_size).await;
    let what = format!("LookupMembers of {permission} in {} on {resource:?}", account.id);
    let listed = compare(what.clone(), allowed(expected), found)?;
    if !listed.is_sorted_by_key(|(user, _)| user.clone()) {
        return Err(format!("{what}: {listed:?} is not ascending"));
    }

    let expected = world.accounts.iter().map(|account| (account.id.clone(), of(&account.id, user, None)));
    let found = accounts(client, user, permission, page_size).await;
    compare(format!("LookupAccounts of {user} for {permission}"), allowed(expected), found)?;

    let (listed, every) = things(world, account, user, permission);
    let what = format!("LookupResources of {user} for {permission} in {}", account.id);
    let (found, types) = resources(client, account, user, permission, page_size)
        .await
        .map_err(|status| format!("{what}: {status:?}"))?;
    compare(what.clone(), listed, Ok(found))?;
    let types = types.into_iter().map(|name| (name, String::new())).collect();
    compare(format!("{what}, types"), every, Ok(types))?;
    Ok(wrong)
}

fn allowed(all: impl Iterator<Item = (String, Reason)>) -> Listed {
    all.filter(|(_, reason)| allows(reason)).map(|(what, reason)| (what, reason.to_owned())).collect()
}

/// What the model would list, and the types of which everything is allowed, whatever its id.
fn things(world: &World, account: &Account, user: &str, permission: &str) -> (Listed, Listed) {
    let policy = world.policy(account);
    let free = policy.types.iter().filter(|(_, kind)| kind.free).map(|(name, _)| name.clone());
    let unheard_of = |kind: &String| (kind.clone(), "never heard of".to_owned());
    let every: Vec<String> = free
        .filter(|kind| allows(world.may(&account.id, user, permission, Some(&unheard_of(kind)))))
        .collect();
    let registered = account.resources.iter().map(|found| found.name.clone());
    let assigned = account.assignments.iter().map(|found| found.resource.clone());
    let mut known: Vec<Ref> = registered.chain(assigned).filter(|(kind, _)| !every.contains(kind)).collect();
    known.sort();
    known.dedup();
    let listed = known.iter().map(|name| (told(name), world.may(&account.id, user, permission, Some(name))));
    (allowed(listed), every.into_iter().map(|kind| (kind, String::new())).collect())
}

fn told((kind, id): &Ref) -> String {
    format!("{kind}/{id}")
}

fn reason(reason: i32) -> String {
    let reason = DecisionReason::try_from(reason).expect("a known reason");
    reason.as_str_name().trim_start_matches("DECISION_REASON_").to_owned()
}

async fn members(
    client: &Client<'_>,
    account: &Account,
    permission: &str,
    resource: Option<&Ref>,
    page_size: i32,
) -> Result<Listed, Status> {
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    for _ in 0..PAGES {
        let message = pb::LookupMembersRequest {
            account: account.id.clone(),
            permission: permission.to_owned(),
            resource: resource.map(named),
            consistency: None,
            page_size,
            page_token,
        };
        let mut authz = AuthzServiceClient::new(client.channel());
        let page = authz.lookup_members(client.asking(message)).await?.into_inner();
        listed.extend(page.users.into_iter().map(|found| (found.user, reason(found.reason))));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(listed);
        }
    }
    panic!("no end after {PAGES} pages: {listed:?}")
}

async fn accounts(
    client: &Client<'_>,
    user: &str,
    permission: &str,
    page_size: i32,
) -> Result<Listed, Status> {
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    for _ in 0..PAGES {
        let message = pb::LookupAccountsRequest {
            subject: Some(subject(user)),
            permission: permission.to_owned(),
            consistency: None,
            page_size,
            page_token,
        };
        let mut authz = AuthzServiceClient::new(client.channel());
        let page = authz.lookup_accounts(client.asking(message)).await?.into_inner();
        listed.extend(page.accounts.into_iter().map(|found| (found.account, reason(found.reason))));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(listed);
        }
    }
    panic!("no end after {PAGES} pages: {listed:?}")
}

async fn resources(
    client: &Client<'_>,
    account: &Account,
    user: &str,
    permission: &str,
    page_size: i32,
) -> Result<(Listed, Vec<String>), Status> {
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    for _ in 0..PAGES {
        let message = pb::LookupResourcesRequest {
            account: account.id.clone(),
            subject: Some(subject(user)),
            permission: permission.to_owned(),
            r#type: String::new(),
            consistency: None,
            page_size,
            page_token,
        };
        let mut authz = AuthzServiceClient::new(client.channel());
        let page = authz.lookup_resources(client.asking(message)).await?.into_inner();
        let found = page.resources.into_iter().map(|found| {
            let name = found.resource.expect("a resource");
            (told(&(name.r#type, name.id)), reason(found.reason))
        });
        listed.extend(found);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok((listed, page.every_of_types));
        }
    }
    panic!("no end after {PAGES} pages: {listed:?}")
}
