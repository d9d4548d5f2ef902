//! Calls that change something. What one changed another changes back, so that each finds what the first one found.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use mandate_proto::v1::{
    AddAccountGroupAccountRequest, AddAccountGroupUserRequest, AddMemberRequest, CreateAccountRequest,
    CreateUserRequest, InviteMemberRequest, ReinstateMemberRequest, RemoveAccountGroupAccountRequest,
    RemoveAccountGroupUserRequest, RemoveMemberRequest, RevokeInvitationRequest, SuspendMemberRequest,
    UpdateMemberRequest, UpdateUserRequest,
};
use prost_types::FieldMask;
use tonic::{Code, Status};

use super::Clients;
use crate::facts::{ADMINISTRATOR, MANAGER, MEMBER, OWNER, POLICY};
use crate::scale::timed::Timer;
use crate::scale::world::World;

/// Members of the large account come, change and go.
///
/// # Errors
/// A call's.
pub(super) async fn members(clients: &Clients, world: &World, timer: &mut Timer) -> anyhow::Result<()> {
    let client = &clients.operator;
    let account = || world.large.clone();
    let add = async |n, role: &str| {
        let (account, user, roles) = (account(), world.user(n), vec![role.to_owned()]);
        let request = AddMemberRequest { account, user, roles, ..Default::default() };
        client.memberships().add_member(request).await
    };
    let remove = async |n| {
        let request = RemoveMemberRequest { account: account(), user: world.user(n), ..Default::default() };
        client.memberships().remove_member(request).await
    };
    timer.time("add_member", async |n| add(n, MEMBER).await).await?;
    for (name, role) in [("promote_member", OWNER), ("demote_member", MEMBER)] {
        timer
            .time(name, async |n| {
                let (account, user, roles) = (account(), world.user(n), vec![role.to_owned()]);
                let update_mask = Some(FieldMask { paths: vec!["roles".to_owned()] });
                let request = UpdateMemberRequest { account, user, roles, update_mask, ..Default::default() };
                client.memberships().update_member(request).await
            })
            .await?;
    }
    timer
        .time("suspend_member", async |n| {
            let request =
                SuspendMemberRequest { account: account(), user: world.user(n), ..Default::default() };
            client.memberships().suspend_member(request).await
        })
        .await?;
    timer
        .time("reinstate_member", async |n| {
            let request =
                ReinstateMemberRequest { account: account(), user: world.user(n), ..Default::default() };
            client.memberships().reinstate_member(request).await
        })
        .await?;
    timer.time("remove_member", remove).await?;
    timer
        .time("invite_and_revoke", async |n| {
            let email = format!("invited-{n}@example.net");
            let roles = vec![MEMBER.to_owned()];
            let request = InviteMemberRequest { account: account(), email, roles, ..Default::default() };
            let invited = client.memberships().invite_member(request).await?.into_inner();
            let invitation = invited.invitation.map(|invitation| invitation.id).unwrap_or_default();
            let request = RevokeInvitationRequest { account: account(), invitation, ..Default::default() };
            client.memberships().revoke_invitation(request).await
        })
        .await
}

/// Accounts and users join the large group and leave it.
///
/// # Errors
/// A call's.
pub(super) async fn groups(clients: &Clients, world: &World, timer: &mut Timer) -> anyhow::Result<()> {
    let client = &clients.operator;
    let repeats = timer.repeats();
    for _ in 0..=repeats {
        let request = CreateAccountRequest {
            policy: POLICY.to_owned(),
            display_name: "Joins".to_owned(),
            first_user: world.administrator.clone(),
            ..Default::default()
        };
        let started = Instant::now();
        let created = client.accounts().create_account(request).await?.into_inner();
        timer.note("create_account", started);
        let account = created.account.map(|account| account.id).unwrap_or_default();
        let group = world.group.clone();
        let (started, request) =
            (Instant::now(), AddAccountGroupAccountRequest { group, account, ..Default::default() });
        client.accounts().add_account_group_account(request.clone()).await?;
        timer.note("add_group_account", started);
        let AddAccountGroupAccountRequest { group, account, .. } = request;
        let (started, request) =
            (Instant::now(), RemoveAccountGroupAccountRequest { group, account, ..Default::default() });
        client.accounts().remove_account_group_account(request).await?;
        timer.note("remove_group_account", started);
    }
    let group = || world.group.clone();
    let add = async |n, role: &str| {
        let (group, user, role) = (group(), world.user(n), role.to_owned());
        let request = AddAccountGroupUserRequest { group, user, role, ..Default::default() };
        client.accounts().add_account_group_user(request).await
    };
    timer.time("add_group_manager", async |n| add(n, MANAGER).await).await?;
    timer
        .time("remove_group_manager", async |n| {
            let request =
                RemoveAccountGroupUserRequest { group: group(), user: world.user(n), ..Default::default() };
            client.accounts().remove_account_group_user(request).await
        })
        .await?;
    // Who owns none of the group's accounts.
    timer
        .time("add_group_administrator_refused", async |n| match add(n, ADMINISTRATOR).await {
            Err(status) if status.code() == Code::FailedPrecondition => Ok(()),
            Err(status) => Err(status),
            Ok(_) => Err(Status::internal("somebody administers accounts without owning them")),
        })
        .await
}

/// Users are made and renamed.
///
/// # Errors
/// A call's.
pub(super) async fn users(clients: &Clients, world: &World, timer: &mut Timer) -> anyhow::Result<()> {
    let client = &clients.operator;
    // Another run on the same database makes others.
    let run = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    timer
        .time("create_user", async |n| {
            let (email, display_name) = (format!("new-{run}-{n}@example.net"), "New".to_owned());
            client
                .identity()
                .create_user(CreateUserRequest { email, display_name, ..Default::default() })
                .await
        })
        .await?;
    for (name, user) in [("rename_user", world.user(77)), ("rename_wide_user", world.wide.clone())] {
        timer
            .time(name, async |n| {
                let (user, display_name) = (user.clone(), format!("Renamed {n}"));
                let update_mask = Some(FieldMask { paths: vec!["display_name".to_owned()] });
                let request = UpdateUserRequest { user, display_name, update_mask, ..Default::default() };
                client.identity().update_user(request).await
            })
            .await?;
    }
    Ok(())
}
