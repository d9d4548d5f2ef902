//! From an act of a story to the call that carries it out.

use std::collections::BTreeMap;

use anyhow::Context as _;
use mandate_proto::v1::{
    AcceptInvitationRequest, AccountOrigin, AddAccountGroupUserRequest, AddMemberRequest,
    AssignResourceRequest, AttributeValue, CreateAccountGroupRequest, CreateAccountRequest,
    CreateResourceRequest, ImportMembersRequest, InviteMemberRequest, NewAssignment,
    RemoveAccountGroupUserRequest, RemoveMemberRequest, ResourceRef, UnassignResourceRequest,
    UpdateAccountRequest, UpdateMemberRequest, account_origin, attribute_value,
};
use prost::Message as _;
use prost_types::FieldMask;
use tonic::{Code, Status};

use super::cast::Cast;
use super::client::{Client, address, with};
use super::letters;
use super::story::{Act, Newcomer, Setting, Thing};

/// What came of an act: the id of the account or group it made, if it made one, or the server's refusal.
pub(super) type Outcome = Result<Option<String>, Status>;

/// One act on the stage.
pub(super) struct Scene<'a> {
    pub(super) client: &'a Client,
    pub(super) cast: &'a Cast,
    pub(super) policy: &'a str,
    /// Of whoever acts.
    pub(super) token: &'a str,
    /// The name of the account or the group.
    pub(super) at: &'a str,
}

impl Scene<'_> {
    /// Carries an act out. An error means that the story is wrong or the server gone, not that it refused.
    pub(super) async fn play(&self, act: Act) -> anyhow::Result<Outcome> {
        Ok(match act {
            Act::Create { .. } | Act::Set { .. } | Act::Register(_) => self.on_account(act).await?,
            Act::Found { .. } | Act::Seat { .. } | Act::Unseat { .. } => self.on_group(act).await?,
            Act::Add(newcomer) => self.add(newcomer).await?,
            Act::Invite(newcomer) => self.invite(newcomer).await?,
            Act::Contact { name } => self.contact(name).await?,
            Act::Activate(newcomer) => self.activate(newcomer).await?,
            Act::Find { search, finds } => self.find(search, finds).await?,
            Act::Import(newcomer) => self.import(newcomer).await?,
            Act::Roles { of, roles } => self.update(of, roles, &[], "roles").await?,
            Act::Grants { of, grants } => self.update(of, &[], grants, "grants").await?,
            Act::Remove { .. } | Act::Assign { .. } | Act::Unassign { .. } => self.on_member(act).await?,
        })
    }

    async fn on_account(&self, act: Act) -> anyhow::Result<Outcome> {
        let mut accounts = self.client.accounts();
        match act {
            Act::Create { order } => {
                let request = CreateAccountRequest {
                    policy: self.policy.to_owned(),
                    display_name: self.at.to_owned(),
                    first_user: String::new(),
                    origin: order.map(origin),
                    attributes: BTreeMap::new(),
                    ..Default::default()
                };
                let answer = accounts.create_account(with(self.token, request)?).await;
                Ok(answer.map(|answer| answer.into_inner().account.map(|account| account.id)))
            }
            Act::Set { attribute, to } => {
                let request = UpdateAccountRequest {
                    account: self.cast.id_of(self.at)?,
                    display_name: String::new(),
                    attributes: BTreeMap::from([(attribute.to_owned(), value(to))]),
                    update_mask: Some(FieldMask { paths: vec!["attributes".to_owned()] }),
                    ..Default::default()
                };
                Ok(accounts.update_account(with(self.token, request)?).await.map(|_| None))
            }
            Act::Register(thing) => {
                let request = CreateResourceRequest {
                    account: self.cast.id_of(self.at)?,
                    resource: Some(resource(thing)),
                    display_name: String::new(),
                    parent: None,
                    creator: String::new(),
                    holder: String::new(),
                    ..Default::default()
                };
                Ok(accounts.create_resource(with(self.token, request)?).await.map(|_| None))
            }
            _ => anyhow::bail!("no act on an account"),
        }
    }

    async fn on_group(&self, act: Act) -> anyhow::Result<Outcome> {
        let mut accounts = self.client.accounts();
        match act {
            Act::Found { accounts: names } => {
                let ids = names.iter().map(|name| self.cast.id_of(name)).collect::<anyhow::Result<_>>()?;
                let display_name = self.at.to_owned();
                let request = CreateAccountGroupRequest {
                    display_name,
                    accounts: ids,
                    founder: String::new(),
                    ..Default::default()
                };
                let answer = accounts.create_account_group(with(self.token, request)?).await;
                Ok(answer.map(|answer| answer.into_inner().group.map(|group| group.id)))
            }
            Act::Seat { to, role } => {
                let (group, user) = (self.cast.id_of(self.at)?, self.cast.user(to)?);
                let request =
                    AddAccountGroupUserRequest { group, user, role: role.to_owned(), ..Default::default() };
                Ok(accounts.add_account_group_user(with(self.token, request)?).await.map(|_| None))
            }
            Act::Unseat { whom } => {
                let (group, user) = (self.cast.id_of(self.at)?, self.cast.user(whom)?);
                let request = RemoveAccountGroupUserRequest { group, user, ..Default::default() };
                Ok(accounts.remove_account_group_user(with(self.token, request)?).await.map(|_| None))
            }
            _ => anyhow::bail!("no act on a group"),
        }
    }

    async fn on_member(&self, act: Act) -> anyhow::Result<Outcome> {
        let (mut members, account) = (self.client.members(), self.cast.id_of(self.at)?);
        match act {
            Act::Remove { whom } => {
                let request =
                    RemoveMemberRequest { account, user: self.cast.user(whom)?, ..Default::default() };
                Ok(members.remove_member(with(self.token, request)?).await.map(|_| None))
            }
            Act::Assign { to, thing, roles, permissions } => {
                let assignment = NewAssignment {
                    resource: Some(resource(thing)),
                    roles: owned(roles),
                    permissions: owned(permissions),
                };
                let user = self.cast.user(to)?;
                let request = AssignResourceRequest {
                    account,
                    user,
                    assignment: Some(assignment),
                    ..Default::default()
                };
                Ok(members.assign_resource(with(self.token, request)?).await.map(|_| None))
            }
            Act::Unassign { from, thing } => {
                let user = self.cast.user(from)?;
                let request = UnassignResourceRequest {
                    account,
                    user,
                    resource: Some(resource(thing)),
                    ..Default::default()
                };
                Ok(members.unassign_resource(with(self.token, request)?).await.map(|_| None))
            }
            _ => anyhow::bail!("no act on a member"),
        }
    }

    async fn add(&self, newcomer: Newcomer) -> anyhow::Result<Outcome> {
        let request = AddMemberRequest {
            account: self.cast.id_of(self.at)?,
            user: self.cast.user(newcomer.name)?,
            roles: owned(newcomer.roles),
            grants: owned(newcomer.grants),
            restrictions: Vec::new(),
            assignments: assigned(newcomer.things),
            ..Default::default()
        };
        Ok(self.client.members().add_member(with(self.token, request)?).await.map(|_| None))
    }

    /// Invites somebody by e-mail, and follows the link in the mail.
    async fn invite(&self, newcomer: Newcomer) -> anyhow::Result<Outcome> {
        let request = InviteMemberRequest {
            account: self.cast.id_of(self.at)?,
            email: address(newcomer.name),
            roles: owned(newcomer.roles),
            grants: owned(newcomer.grants),
            assignments: assigned(newcomer.things),
            ..InviteMemberRequest::default()
        };
        let invited = match self.client.members().invite_member(with(self.token, request)?).await {
            Ok(answer) => answer.into_inner().invitation.context("an answer without the invitation")?,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let token = letters::token(&self.client.mail, &invited.id).await?;
        let request =
            AcceptInvitationRequest { token, display_name: newcomer.name.to_owned(), ..Default::default() };
        Ok(self.client.members().accept_invitation(request).await.map(|_| None))
    }

    /// Sends one row; its refusal is the act's.
    async fn import(&self, newcomer: Newcomer) -> anyhow::Result<Outcome> {
        let row = ImportMembersRequest {
            account: self.cast.id_of(self.at)?,
            email: address(newcomer.name),
            roles: owned(newcomer.roles),
            grants: owned(newcomer.grants),
            ..ImportMembersRequest::default()
        };
        let rows = with(self.token, tokio_stream::once(row))?;
        let mut results = match self.client.members().import_members(rows).await {
            Ok(answer) => answer.into_inner(),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let result = results.message().await?.context("a row without a result")?;
        Ok(match result.error {
            None => Ok(None),
            Some(error) => Err(Status::with_details(
                Code::from(error.code),
                error.message.clone(),
                error.encode_to_vec().into(),
            )),
        })
    }

    async fn update(&self, of: &str, roles: &[&str], grants: &[&str], path: &str) -> anyhow::Result<Outcome> {
        let request = UpdateMemberRequest {
            account: self.cast.id_of(self.at)?,
            user: self.cast.user(of)?,
            roles: owned(roles),
            grants: owned(grants),
            restrictions: Vec::new(),
            update_mask: Some(FieldMask { paths: vec![path.to_owned()] }),
            ..Default::default()
        };
        Ok(self.client.members().update_member(with(self.token, request)?).await.map(|_| None))
    }
}

/// Says an act in a few words.
pub(super) fn told(act: Act) -> String {
    match act {
        Act::Create { order: Some(order) } => format!("create account ({order})"),
        Act::Create { order: None } => "create account".to_owned(),
        Act::Set { attribute, to: Setting::On } => format!("set {attribute} on"),
        Act::Set { attribute, to: Setting::Text(text) } => format!("set {attribute} to {text}"),
        Act::Add(Newcomer { name, roles, things: &[], .. }) => format!("add {name} as {}", roles.join(" + ")),
        Act::Add(Newcomer { name, roles, things, .. }) => {
            format!("add {name} as {} with {} resource(s)", roles.join(" + "), things.len())
        }
        Act::Invite(Newcomer { name, roles, things: &[], .. }) => {
            format!("invite {name} as {}", roles.join(" + "))
        }
        Act::Invite(Newcomer { name, roles, things, .. }) => {
            format!("invite {name} as {} with {} resource(s)", roles.join(" + "), things.len())
        }
        Act::Contact { name } => format!("add the contact {name}"),
        Act::Activate(Newcomer { name, roles, .. }) => {
            format!("activate {name}'s login as {}", roles.join(" + "))
        }
        Act::Import(Newcomer { name, grants, .. }) => format!("import {name} with {}", grants.join(" + ")),
        Act::Roles { of, roles } => format!("make {of} {}", roles.join(" + ")),
        Act::Grants { of, grants } => format!("let {of} have {}", grants.join(" + ")),
        Act::Find { search, .. } => format!("search for {search}"),
        Act::Remove { whom } => format!("remove {whom}"),
        Act::Register((kind, id)) => format!("create {kind} {id}"),
        Act::Assign { to, thing: (kind, id), .. } => format!("assign {kind} {id} to {to}"),
        Act::Unassign { from, thing: (kind, id) } => format!("unassign {kind} {id} from {from}"),
        Act::Found { accounts } => format!("found group of {}", accounts.join(" + ")),
        Act::Seat { to, role } => format!("make {to} {role}"),
        Act::Unseat { whom } => format!("remove {whom}"),
    }
}

fn assigned(things: &[Thing]) -> Vec<NewAssignment> {
    let bare = |thing: &Thing| NewAssignment {
        resource: Some(resource(*thing)),
        roles: Vec::new(),
        permissions: Vec::new(),
    };
    things.iter().map(bare).collect()
}

/// A resource as the API names it.
pub(super) fn resource((kind, id): Thing) -> ResourceRef {
    ResourceRef { r#type: kind.to_owned(), id: id.to_owned() }
}

/// The id of an account or a group that an act must have made.
pub(super) fn made(outcome: Option<String>) -> anyhow::Result<String> {
    outcome.context("an answer without the account or group that was made")
}

fn origin(order: &str) -> AccountOrigin {
    let order = account_origin::Order { reference: order.to_owned() };
    AccountOrigin { origin: Some(account_origin::Origin::Order(order)) }
}

fn value(setting: Setting) -> AttributeValue {
    let value = match setting {
        Setting::On => attribute_value::Value::Flag(true),
        Setting::Text(text) => attribute_value::Value::Text(text.to_owned()),
    };
    AttributeValue { value: Some(value) }
}

pub(super) fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
