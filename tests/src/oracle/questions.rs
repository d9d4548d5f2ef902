//! After each write: questions to the service, each in every way that it can be asked, beside the model's answers.

use mandate_proto::v1::{self as pb, batch_check_result, subject};

use tonic::Status;

use super::client::{Client, named};
use super::history::RESOURCES;
use super::look_ups;
use super::may::{Reason, allows};
use super::policy::Policy;
use super::world::{Account, Ref, World};

/// Questions that one batch holds.
const BATCH: usize = 32;

/// May this user do this in this account, to this?
#[derive(Debug, Clone)]
pub(super) struct Question {
    account: String,
    pub(super) user: String,
    pub(super) permission: String,
    pub(super) resource: Option<Ref>,
}

/// A sequence of numbers that look random and are the same for the same start (Knuth's MMIX generator).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound.max(1)
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let index = self.below(list.len());
        list.get(index)
    }
}

/// Asks the service and the model about an account.
///
/// Errors: every disagreement.
pub(super) async fn agree(
    client: &Client<'_>,
    world: &World,
    account: &Account,
    look: u32,
) -> Result<Vec<Reason>, String> {
    let mut dice = Dice(u64::from(look) + 1);
    let questions: Vec<Question> = (0..BATCH)
        .map(|number| {
            let pointed = if number % 4 == 0 { pointed(&mut dice, world, account) } else { None };
            pointed.unwrap_or_else(|| question(&mut dice, world, account))
        })
        .collect();
    let expected: Vec<Reason> = questions.iter().map(|question| question.answer(world)).collect();
    let sent = || questions.iter().map(Question::sent).collect();
    let refused = |status: Status| format!("{status:?}");
    let mut wrong = Vec::new();
    for (how, results) in [
        ("BatchCheck", client.batch(sent()).await.map_err(refused)?),
        ("CheckStream", client.stream(sent()).await.map_err(refused)?),
    ] {
        if results.len() != questions.len() {
            return Err(format!("{how}: {} answers to {} questions", results.len(), questions.len()));
        }
        for ((question, expected), result) in questions.iter().zip(&expected).zip(results) {
            match result.result {
                Some(batch_check_result::Result::Response(answer)) => {
                    wrong.extend(differs(how, question, expected, &answer))
                }
                other => wrong.push(format!("{how} {question:?}: {other:?}")),
            }
        }
    }
    for (question, expected) in questions.iter().zip(&expected).take(3) {
        let answer = client
            .check(question.sent())
            .await
            .map_err(|status| format!("Check {question:?}: {status:?}"))?;
        wrong.extend(differs("Check", question, expected, &answer));
    }
    for question in questions.iter().take(2) {
        wrong.extend(lookup(client, world, account, question).await?);
    }
    for question in questions.iter().take(2) {
        let page_size = i32::try_from(1 + dice.below(3)).expect("a few");
        wrong.extend(look_ups::agree(client, world, account, question, page_size).await?);
    }
    wrong.extend(members(client, account).await?);
    if wrong.is_empty() { Ok(expected) } else { Err(wrong.join("\n")) }
}

fn question(dice: &mut Dice, world: &World, account: &Account) -> Question {
    let policy = world.policy(account);
    let anybody = dice.of(&world.users).map_or_else(String::new, |user| user.id.clone());
    let member = dice.of(&account.members).map(|member| member.user.clone());
    let user = member.filter(|_| dice.below(4) > 0).unwrap_or(anybody);
    let user = if dice.below(60) == 0 { "usr_00000000000000000000000000".to_owned() } else { user };
    let found = dice.of(&policy.permissions).cloned().unwrap_or_default();
    let permission = if dice.below(40) == 0 { "nothing.like_it".to_owned() } else { found };
    let resource = resource(dice, policy, account, &permission);
    let id =
        if dice.below(60) == 0 { "acc_00000000000000000000000000".to_owned() } else { account.id.clone() };
    Question { account: id, user, permission, resource }
}

/// About what a member holds on certain resources only, and one that is theirs.
fn pointed(dice: &mut Dice, world: &World, account: &Account) -> Option<Question> {
    let policy = world.policy(account);
    let member = dice.of(&account.members)?;
    let role = policy.roles.get(dice.of(&member.roles)?)?;
    let scoped = [role.on_assigned.clone(), role.on_own.clone()].concat();
    let permission = dice.of(&scoped).or_else(|| policy.permissions.first())?.clone();
    let created = account.resources.iter().filter(|found| found.created_by.as_ref() == Some(&member.user));
    let assigned =
        account.assignments.iter().filter(|found| found.user == member.user).map(|found| &found.resource);
    let theirs: Vec<Ref> = created.map(|found| &found.name).chain(assigned).cloned().collect();
    let resource = dice.of(&theirs)?.clone();
    let about = policy.about[&permission].contains(&resource.0);
    let other: Vec<String> =
        scoped.into_iter().filter(|name| policy.about[name].contains(&resource.0)).collect();
    let permission = if about { permission } else { dice.of(&other)?.clone() };
    Some(Question {
        account: account.id.clone(),
        user: member.user.clone(),
        permission,
        resource: Some(resource),
    })
}

/// Mostly one that is there and that the permission is about.
fn resource(dice: &mut Dice, policy: &Policy, account: &Account, permission: &str) -> Option<Ref> {
    let about = policy.about.get(permission).filter(|about| !about.is_empty());
    let kinds: Vec<String> = policy.types.keys().cloned().collect();
    let kind = match dice.below(10) {
        0 if dice.below(4) == 0 => "submarine".to_owned(),
        0 => dice.of(&kinds)?.clone(),
        1 | 2 => return None,
        _ => dice.of(about?)?.clone(),
    };
    let assigned = account.assignments.iter().map(|assignment| &assignment.resource);
    let there = account.resources.iter().map(|found| &found.name).chain(assigned);
    let there: Vec<Ref> = there.filter(|name| name.0 == kind).cloned().collect();
    let picked = dice.of(&there).cloned().filter(|_| dice.below(3) > 0);
    Some(picked.unwrap_or_else(|| (kind, format!("r{}", dice.below(RESOURCES)))))
}

impl Question {
    fn answer(&self, world: &World) -> Reason {
        world.may(&self.account, &self.user, &self.permission, self.resource.as_ref())
    }

    fn sent(&self) -> pb::CheckRequest {
        pb::CheckRequest {
            account: self.account.clone(),
            subject: Some(subject(&self.user)),
            permission: self.permission.clone(),
            resource: self.resource.as_ref().map(named),
            consistency: None,
        }
    }
}

pub(super) fn subject(user: &str) -> pb::Subject {
    pb::Subject { subject: Some(subject::Subject::User(user.into())) }
}

fn differs(how: &str, question: &Question, expected: Reason, answer: &pb::CheckResponse) -> Option<String> {
    let found = answer.reason().as_str_name().trim_start_matches("DECISION_REASON_");
    let fine =
        found == expected && answer.allowed == allows(expected) && answer.allowed != answer.via.is_empty();
    (!fine).then(|| format!("{how} {question:?}: model {expected}, service {found} ({answer:?})"))
}

/// LookupPermissions holds exactly what Check would allow.
async fn lookup(
    client: &Client<'_>,
    world: &World,
    account: &Account,
    question: &Question,
) -> Result<Option<String>, String> {
    let policy = world.policy(account);
    let resource = question.resource.clone().filter(|(kind, _)| policy.types.contains_key(kind));
    let request = pb::LookupPermissionsRequest {
        account: account.id.clone(),
        subject: Some(subject(&question.user)),
        resource: resource.as_ref().map(named),
        consistency: None,
    };
    let answer = client
        .lookup(request)
        .await
        .map_err(|status| format!("LookupPermissions {question:?}: {status:?}"))?;
    let may = |name: &&String| allows(world.may(&account.id, &question.user, name, resource.as_ref()));
    let mut expected: Vec<String> = policy.permissions.iter().filter(may).cloned().collect();
    let mut found = answer.permissions.clone();
    expected.sort();
    found.sort();
    let shut = world.shut(&account.id, &question.user);
    let reason = answer.reason().as_str_name().trim_start_matches("DECISION_REASON_").to_owned();
    let fine = expected == found && reason == shut.unwrap_or("UNSPECIFIED");
    Ok((!fine).then(|| {
        format!(
            "LookupPermissions of {} on {resource:?}: model {expected:?} ({shut:?}), service {found:?} ({reason})",
            question.user
        )
    }))
}

/// ListMembers tells what the model knows.
async fn members(client: &Client<'_>, account: &Account) -> Result<Option<String>, String> {
    let mut found = client.members(&account.id).await.map_err(|status| format!("ListMembers: {status:?}"))?;
    let mut expected = account.members.clone();
    for member in found.iter_mut().chain(&mut expected) {
        for list in [&mut member.roles, &mut member.grants, &mut member.restrictions] {
            list.sort();
        }
    }
    found.sort_by(|a, b| a.user.cmp(&b.user));
    expected.sort_by(|a, b| a.user.cmp(&b.user));
    Ok((found != expected)
        .then(|| format!("ListMembers of {}: model {expected:?}, service {found:?}", account.id)))
}
