//! Calls that change nothing.

use mandate_proto::v1::subject::Subject as Who;
use mandate_proto::v1::{
    CheckRequest, ExportUserRequest, GetMemberRequest, GetUserRequest, ListAccountGroupAccountsRequest,
    ListAccountGroupCandidatesRequest, ListAccountGroupUsersRequest, ListAccountGroupsRequest,
    ListAccountsRequest, ListActivityRequest, ListInvitationsRequest, ListMembersRequest, ListPeopleRequest,
    ListUsersRequest, LookupPermissionsRequest, MemberState, Subject,
};
use tonic::Status;

use super::Clients;
use crate::facts::{HELD_BY_ALL, MEMBER, OWNER};
use crate::scale::timed::Timer;
use crate::scale::world::World;

/// Most rows of a page.
const PAGE: i32 = 1_000;

fn who(user: &str) -> Option<Subject> {
    Some(Subject { subject: Some(Who::User(user.to_owned())) })
}

fn may(account: String, user: &str) -> CheckRequest {
    let permission = HELD_BY_ALL.to_owned();
    CheckRequest { account, subject: who(user), permission, ..Default::default() }
}

fn right(allowed: bool) -> Result<(), Status> {
    if allowed { Ok(()) } else { Err(Status::internal("denied what a role allows")) }
}

/// Checks and what is like them.
///
/// # Errors
/// A call's.
pub(super) async fn checks(clients: &Clients, world: &World, timer: &mut Timer) -> anyhow::Result<()> {
    let service = &clients.service;
    let ask = async |question| right(service.ask(question).await?.allowed);
    timer
        .time("check_new", async |n| {
            let (account, user) = world.member(n);
            ask(may(account, &user)).await
        })
        .await?;
    timer.time("check", async |_| ask(may(world.large.clone(), &world.member_of_large(7))).await).await?;
    timer
        .time("check_large_account_new", async |n| {
            ask(may(world.large.clone(), &world.member_of_large(100 + n))).await
        })
        .await?;
    for (name, user) in
        [("check_administrator_new", &world.administrator), ("check_manager_new", &world.manager)]
    {
        timer.time(name, async |n| ask(may(world.account_of_group(n), user)).await).await?;
    }
    timer
        .time("batch100_new", async |n| {
            let questions = (0..100).map(|one| world.member(1_000_000 + n * 100 + one));
            service.ask_all(questions.map(|(account, user)| may(account, &user)).collect()).await
        })
        .await?;
    timer
        .time("lookup_permissions", async |n| {
            let (account, user) = world.member(500 + n);
            let subject = who(&user);
            let request = LookupPermissionsRequest { account, subject, ..Default::default() };
            service.authz().lookup_permissions(request).await
        })
        .await
}

/// Members of the large account.
///
/// # Errors
/// A call's.
pub(super) async fn members(clients: &Clients, world: &World, timer: &mut Timer) -> anyhow::Result<()> {
    let client = &clients.service;
    timer
        .time("get_member", async |n| {
            let (account, user) = (world.large.clone(), world.member_of_large(n));
            client.memberships().get_member(GetMemberRequest { account, user }).await
        })
        .await?;
    let all = || ListMembersRequest { account: world.large.clone(), ..Default::default() };
    let last = format!("person b {}", world.many() - 1);
    let (role, state) = (MEMBER.to_owned(), MemberState::Suspended.into());
    let long_ago = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    for (name, request) in [
        ("list_members", all()),
        ("list_members_1000", ListMembersRequest { page_size: PAGE, ..all() }),
        ("list_members_of_common_role", ListMembersRequest { role, ..all() }),
        ("list_members_of_rare_role", ListMembersRequest { role: OWNER.to_owned(), ..all() }),
        ("list_members_of_rare_state", ListMembersRequest { state, ..all() }),
        ("search_members_common", ListMembersRequest { search: "person".to_owned(), ..all() }),
        ("search_members_last", ListMembersRequest { search: last.clone(), ..all() }),
        ("search_members_nobody", ListMembersRequest { search: "nobody at all".to_owned(), ..all() }),
        ("list_members_never_active", ListMembersRequest { last_active_before: long_ago, ..all() }),
    ] {
        timer.time(name, async |_| client.memberships().list_members(request.clone()).await).await?;
    }
    let mut request = ListMembersRequest { page_size: PAGE, ..all() };
    loop {
        let started = std::time::Instant::now();
        let page = client.memberships().list_members(request.clone()).await?.into_inner();
        timer.note("list_members_each_page_of_1000", started);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    let all = || ListPeopleRequest { account: world.large.clone(), ..Default::default() };
    for (name, request) in
        [("list_people", all()), ("search_people_last", ListPeopleRequest { search: last, ..all() })]
    {
        timer.time(name, async |_| client.memberships().list_people(request.clone()).await).await?;
    }
    timer
        .time("list_invitations", async |_| {
            let request = ListInvitationsRequest { account: world.large.clone(), ..Default::default() };
            client.memberships().list_invitations(request).await
        })
        .await
}

/// Accounts, groups and what happened in them.
///
/// # Errors
/// A call's.
pub(super) async fn accounts(clients: &Clients, world: &World, timer: &mut Timer) -> anyhow::Result<()> {
    let Clients { operator, service, wide, administrator } = clients;
    for (name, client) in [
        ("list_accounts", operator),
        ("list_accounts_of_wide_user", wide),
        ("list_accounts_of_administrator", administrator),
    ] {
        timer
            .time(name, async |_| client.accounts().list_accounts(ListAccountsRequest::default()).await)
            .await?;
    }
    let log = || ListActivityRequest { account: world.large.clone(), ..Default::default() };
    timer.time("list_activity", async |_| service.accounts().list_activity(log()).await).await?;
    timer
        .time("list_activity_of_member", async |n| {
            let subject = world.member_of_large(n);
            service.accounts().list_activity(ListActivityRequest { subject, ..log() }).await
        })
        .await?;
    let group = || world.group.clone();
    timer
        .time("list_groups_of_user", async |_| {
            let request = ListAccountGroupsRequest { user: world.manager.clone(), ..Default::default() };
            service.accounts().list_account_groups(request).await
        })
        .await?;
    timer
        .time("list_group_users", async |_| {
            let request = ListAccountGroupUsersRequest { group: group(), ..Default::default() };
            service.accounts().list_account_group_users(request).await
        })
        .await?;
    timer
        .time("list_group_accounts", async |_| {
            let request = ListAccountGroupAccountsRequest { group: group(), ..Default::default() };
            service.accounts().list_account_group_accounts(request).await
        })
        .await?;
    for (name, group, user) in [
        // Whose accounts are all in it.
        ("list_candidates_none", &world.group, &world.administrator),
        ("list_candidates_many", &world.small_group, &world.administrator),
        ("list_candidates_small", &world.small_group, &world.small_administrator),
    ] {
        timer
            .time(name, async |_| {
                let (group, user) = (group.clone(), user.clone());
                let request = ListAccountGroupCandidatesRequest { group, user, ..Default::default() };
                operator.accounts().list_account_group_candidates(request).await
            })
            .await?;
    }
    Ok(())
}

/// Users, and all that is known of one.
///
/// # Errors
/// A call's.
pub(super) async fn people(clients: &Clients, world: &World, timer: &mut Timer) -> anyhow::Result<()> {
    let Clients { operator, service, .. } = clients;
    timer
        .time("get_user", async |n| {
            service.identity().get_user(GetUserRequest { user: world.user(n * 7) }).await
        })
        .await?;
    timer
        .time("list_users", async |_| service.identity().list_users(ListUsersRequest::default()).await)
        .await?;
    timer
        .time("list_users_by_email", async |n| {
            let email = format!("person-{}-{}@example.com", world.crowd.world, n * 13);
            service.identity().list_users(ListUsersRequest { email, ..Default::default() }).await
        })
        .await?;
    for (name, user) in [("export_wide_user", &world.wide), ("export_user", &world.small_administrator)] {
        timer
            .time(name, async |_| {
                let request = ExportUserRequest { user: user.clone(), ..Default::default() };
                operator.identity().export_user(request).await
            })
            .await?;
    }
    Ok(())
}
