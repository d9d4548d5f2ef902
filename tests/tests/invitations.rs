//! Invitations: access offered to an address, which begins when the link that was mailed is followed.

use mandate_proto::v1::{
    Account, DecisionReason as Reason, InvitationState, InviteMemberRequest, ListMembersRequest, MemberState,
    User,
};
use mandate_tests::expect::{assert_invalid, assert_refused, metadata};
use mandate_tests::world::{assignment, inviting, resource};
use mandate_tests::{Engine, Fixture, World, on_both_engines};
use tonic::{Code, Status};

/// An organization with an admin and a user admin.
struct Organization {
    world: World,
    acme: Account,
    ada: User,
    uma: User,
}

impl Fixture for Organization {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let [ada, uma] = world.people(["Ada", "Uma"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &uma, &["user_admin"]).await;
        Self { world, acme, ada, uma }
    }
}

impl Organization {
    async fn workspaces(&self, count: usize) -> InviteMemberRequest {
        let mut assignments = Vec::new();
        for number in 0..count {
            let workspace = resource("workspace", &format!("w{number}"));
            if self.world.operator().register(&self.acme, workspace.clone(), None).await.is_ok() {
                assignments.push(assignment(&workspace, &[], &[]));
            }
        }
        assert_eq!(assignments.len(), count);
        InviteMemberRequest { assignments, ..inviting(&self.acme, "mia@example.com", &["member"]) }
    }
}

#[track_caller]
fn assert_invalid_link<T: std::fmt::Debug>(result: Result<T, Status>) -> Status {
    assert_refused(result, Code::FailedPrecondition, "INVITATION_INVALID")
}

on_both_engines! {
    /// E-mail and role; a mail with a link; access begins when the link is followed, and not before.
    async fn re_05_access_begins_when_the_link_is_followed(org: Organization) {
        let Organization { world, acme, uma, .. } = &org;
        let invitation = world.by(uma).invite(acme, "Mia@Example.com", &["member"]).await.expect("invited");
        assert_eq!((invitation.email.as_str(), invitation.state()), ("mia@example.com", InvitationState::Pending));
        assert_eq!(invitation.invited_by, uma.id);
        let days = (invitation.expire_time.unwrap().seconds - invitation.create_time.unwrap().seconds) / 86_400;
        assert_eq!(days, 7);
        let letter = world.letter("mia@example.com", 1).await;
        assert!(letter.subject.contains(&acme.display_name) && letter.text.contains("Uma invites you"), "{letter:?}");
        assert!(letter.html.contains("Uma invites you"), "{letter:?}");

        let nameless = world.accept(&letter.token(), "").await;
        assert_invalid(nameless, &["display_name"]);
        let member = world.accept(&letter.token(), "Mia").await.expect("accepted");
        assert_eq!((member.email.as_str(), member.display_name.as_str()), ("mia@example.com", "Mia"));
        assert_eq!((member.state(), member.roles), (MemberState::Active, vec!["member".to_owned()]));
        let mia = User { id: member.user, display_name: "Mia".to_owned(), ..User::default() };
        world.may(&mia, acme, "general.view").await.denied_for(Reason::NotGranted);
        let accepted = world.by(uma).invitations(acme, InvitationState::Accepted).await.expect("listed");
        assert_eq!(accepted.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), [invitation.id.as_str()]);
    }

    /// A user admin adds members only, the others nobody.
    async fn re_05_who_may_invite_whom(org: Organization) {
        let Organization { world, acme, ada, uma } = &org;
        let [bill, mia] = world.people(["Bill", "Mia"]).await;
        world.member(acme, &bill, &["billing_admin"]).await;
        world.member(acme, &mia, &["member"]).await;
        for role in ["admin", "billing_admin", "user_admin"] {
            let invited = world.by(uma).invite(acme, "new@example.com", &[role]).await;
            assert_refused(invited, Code::PermissionDenied, "DELEGATION_DENIED");
        }
        for by in [&bill, &mia] {
            let invited = world.by(by).invite(acme, "new@example.com", &["member"]).await;
            assert_refused(invited, Code::PermissionDenied, "PERMISSION_MISSING");
        }
        let stranger = world.person("Sue").await;
        let invited = world.by(&stranger).invite(acme, "new@example.com", &["member"]).await;
        assert_refused(invited, Code::PermissionDenied, "NOT_A_MEMBER");
        let added = world.by(ada).add(acme, &stranger, &["member"]).await;
        assert_refused(added, Code::PermissionDenied, "OPERATOR_ONLY");
        assert_eq!(world.outbox().await, [], "a refused invitation leaves no mail");
        let misspelt = world.by(ada).invite(acme, "no address", &["membr"]).await;
        assert_invalid(misspelt, &["email"]);
        let misspelt = world.by(ada).invite(acme, "new@example.com", &["membr"]).await;
        assert_invalid(misspelt, &["roles[0]"]);
        world.by(ada).invite(acme, "new@example.com", &["admin"]).await.expect("an admin invites admins");
        // Who could not have made it cannot take it back or send it anew.
        let pending = world.by(uma).invitations(acme, InvitationState::Pending).await.expect("listed");
        let [pending] = pending.as_slice() else { panic!("{pending:?}") };
        assert_refused(world.by(uma).revoke(pending).await, Code::PermissionDenied, "DELEGATION_DENIED");
        assert_refused(world.by(uma).resend(pending).await, Code::PermissionDenied, "DELEGATION_DENIED");
        assert_refused(world.by(&mia).revoke(pending).await, Code::PermissionDenied, "PERMISSION_MISSING");
    }

    /// Somebody with that address may be known already; neither the answer nor the mail tells.
    async fn re_05_a_known_person_becomes_the_member(org: Organization) {
        let Organization { world, acme, uma, .. } = &org;
        let mia = world.person("Mia").await;
        world.by(uma).invite(acme, &mia.email, &["member"]).await.expect("invited");
        let token = world.letter(&mia.email, 1).await.token();
        let member = world.accept(&token, "Somebody else").await.expect("accepted");
        assert_eq!((member.user, member.display_name), (mia.id.clone(), "Mia".to_owned()));
        let again = world.by(uma).invite(acme, &mia.email, &["member"]).await;
        assert_refused(again, Code::AlreadyExists, "ALREADY_EXISTS");
    }

    /// Unknown, used, rotated, revoked, declined, misspelt: one and the same answer.
    async fn re_05_a_dead_link_says_nothing(org: Organization) {
        let Organization { world, acme, uma, .. } = &org;
        let by = world.by(uma);
        let first = by.invite(acme, "mia@example.com", &["member"]).await.expect("invited");
        let old = world.letter("mia@example.com", 1).await.token();
        by.resend(&first).await.expect("sent anew");
        let new = world.letter("mia@example.com", 2).await.token();
        assert_ne!(old, new);
        let mut answers = Vec::new();
        answers.push(assert_invalid_link(world.accept(&old, "Mia").await));
        let (_, proof) = new.split_once('.').expect("a proof");
        answers.push(assert_invalid_link(world.accept(&format!("inv_00000000000000000000000000.{proof}"), "Mia").await));
        answers.push(assert_invalid_link(world.accept("no token", "Mia").await));
        answers.push(assert_invalid_link(world.accept(&new[..new.len() - 1], "Mia").await));
        world.accept(&new, "Mia").await.expect("accepted");
        answers.push(assert_invalid_link(world.accept(&new, "Mia").await));
        answers.push(assert_invalid_link(world.decline(&new).await));

        let second = by.invite(acme, "ned@example.com", &["member"]).await.expect("invited");
        let token = world.letter("ned@example.com", 1).await.token();
        by.revoke(&second).await.expect("revoked");
        answers.push(assert_invalid_link(world.accept(&token, "Ned").await));
        by.invite(acme, "ned@example.com", &["member"]).await.expect("invited again");
        let token = world.letter("ned@example.com", 2).await.token();
        world.decline(&token).await.expect("declined");
        answers.push(assert_invalid_link(world.accept(&token, "Ned").await));
        let details = |status: &Status| (status.message().to_owned(), status.details().to_vec());
        assert!(answers.windows(2).all(|pair| details(&pair[0]) == details(&pair[1])), "{answers:?}");
        assert_refused(by.resend(&second).await, Code::FailedPrecondition, "WRONG_STATE");
        assert_eq!(by.members(acme, "").await.expect("listed").len(), 3);
    }

    /// One pending invitation per account and address, whoever is faster.
    async fn re_05_two_who_invite_the_same_address_at_once(org: Organization) {
        let Organization { world, acme, ada, uma } = &org;
        let (one, two) = (world.by(ada), world.by(uma));
        for round in 0..5 {
            let email = format!("new{round}@example.com");
            let (left, right) =
                tokio::join!(one.invite(acme, &email, &["member"]), two.invite(acme, &email, &["member"]));
            let (won, lost) = if left.is_ok() { (left, right) } else { (right, left) };
            won.expect("one of them invites");
            assert_refused(lost, Code::AlreadyExists, "ALREADY_EXISTS");
        }
        assert_eq!(world.by(ada).invitations(acme, InvitationState::Pending).await.expect("listed").len(), 5);
        assert_eq!(world.outbox().await.len(), 5);
    }

    /// Two who follow the same link at once: one becomes the member, once.
    async fn re_05_a_link_is_followed_once(org: Organization) {
        let Organization { world, acme, uma, .. } = &org;
        world.by(uma).invite(acme, "mia@example.com", &["member"]).await.expect("invited");
        let token = world.letter("mia@example.com", 1).await.token();
        let (left, right) = tokio::join!(world.accept(&token, "Mia"), world.accept(&token, "Mia"));
        let (won, lost) = if left.is_ok() { (left, right) } else { (right, left) };
        won.expect("one of them accepts");
        assert_invalid_link(lost);
        assert_eq!(world.by(uma).members(acme, "member").await.expect("listed").len(), 1);
    }

    /// "Sie können an dieser Stelle nur einem Benutzer 10 Arbeitsbereiche zuweisen."
    async fn re_06_an_invitation_assigns_ten_workspaces(org: Organization) {
        let Organization { world, acme, uma, .. } = &org;
        let mut request = org.workspaces(11).await;
        let refused = world.by(uma).invite_with(request.clone()).await;
        let status = assert_invalid(refused, &["assignments"]);
        assert!(status.message().contains("at most 10 of type workspace"), "{status:?}");
        assert_eq!(world.outbox().await, []);
        request.assignments.pop();
        world.by(uma).invite_with(request).await.expect("ten at once");
        let token = world.letter("mia@example.com", 1).await.token();
        let member = world.accept(&token, "Mia").await.expect("accepted");
        let mia = User { id: member.user, ..User::default() };
        assert_eq!(world.by(uma).assigned_to(acme, &mia).await.expect("listed").len(), 10);
        world.may(&mia, acme, "inbox.read").on("workspace", "w9").await.allowed_by(Reason::Assignment);
        let eleventh = assignment(&resource("workspace", "w10"), &[], &[]);
        world.by(uma).assign(acme, &mia, eleventh).await.expect("more go through the workspace");
        world.by(uma).invite(acme, "none@example.com", &["member"]).await.expect("none at all");
    }

    /// The user list shows "Pending" for whoever has not accepted yet, on whatever page it falls.
    async fn re_04_a_pending_invitation_stands_in_the_user_list(org: Organization) {
        let Organization { world, acme, uma, .. } = &org;
        for number in 0..3 {
            let email = format!("new{number}@example.com");
            world.by(uma).invite(acme, &email, &["member"]).await.expect("invited");
        }
        for page_size in [1, 2, 3, 50] {
            let (mut rows, mut page_token) = (Vec::new(), String::new());
            for _ in 0..10 {
                let request = ListMembersRequest {
                    account: acme.id.clone(),
                    page_size,
                    page_token: page_token.clone(),
                    ..ListMembersRequest::default()
                };
                let page = world.by(uma).memberships().list_members(request).await.expect("listed").into_inner();
                rows.extend(page.members);
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
            let shown: Vec<_> = rows.iter().map(|row| (row.email.as_str(), row.state())).collect();
            assert_eq!(shown.len(), 5, "{shown:?} by {page_size}");
            assert!(shown[..2].iter().all(|row| row.1 == MemberState::Active), "{shown:?}");
            let expected = [0, 1, 2].map(|number| (format!("new{number}@example.com"), MemberState::Pending));
            let pending: Vec<_> = shown[2..].iter().map(|row| (row.0.to_owned(), row.1)).collect();
            assert_eq!(pending, expected);
            assert!(rows[2..].iter().all(|row| row.user.is_empty() && row.invitation.starts_with("inv_")));
        }
        let of_role = world.by(uma).members(acme, "member").await.expect("listed");
        assert_eq!(of_role.len(), 3, "{of_role:?}");
        assert_eq!(world.by(uma).members(acme, "admin").await.expect("listed").len(), 1);
    }

    /// A new address is a new user with the same access, who takes the old one's place once they have accepted.
    async fn re_10_a_new_address_takes_the_place_of_the_old_one(org: Organization) {
        let Organization { world, acme, ada, uma } = &org;
        let mia = world.person("Mia").await;
        world.member(acme, &mia, &["member"]).await;
        let sales = resource("workspace", "sales");
        world.operator().register(acme, sales.clone(), None).await.expect("registered");
        world.by(ada).assign(acme, &mia, assignment(&sales, &[], &[])).await.expect("assigned");
        let invitation = world.by(uma).replace_email(acme, &mia, "mia@new.example", true).await.expect("invited");
        assert_eq!((invitation.replaces.as_str(), invitation.remove_replaced), (mia.id.as_str(), true));
        assert!(world.membership(&mia, acme).await.is_some(), "nothing changes before it is accepted");
        let token = world.letter("mia@new.example", 1).await.token();
        let member = world.accept(&token, "Mia").await.expect("accepted");
        assert_ne!(member.user, mia.id, "IX-11: another address is another user");
        let new = User { id: member.user, ..User::default() };
        world.may(&new, acme, "inbox.read").on("workspace", "sales").await.allowed_by(Reason::Assignment);
        world.may(&mia, acme, "inbox.read").on("workspace", "sales").await.denied_for(Reason::NotAMember);
        assert_eq!(world.by(ada).assignees(acme, &sales).await.expect("listed").len(), 1);
    }

    /// RE-03, RE-05 and RE-08 apply to it.
    async fn re_10_the_rules_of_adding_and_removing_apply(org: Organization) {
        let Organization { world, acme, ada, uma } = &org;
        let refused = world.by(uma).replace_email(acme, ada, "ada@new.example", false).await;
        assert_refused(refused, Code::PermissionDenied, "DELEGATION_DENIED");
        let refused = world.by(ada).replace_email(acme, ada, "ada@new.example", true).await;
        assert_refused(refused, Code::PermissionDenied, "SELF_REMOVAL");
        assert_eq!(world.outbox().await, []);

        // The only admin is replaced by an operator: at no instant is there none.
        world.operator().replace_email(acme, ada, "ada@new.example", true).await.expect("invited");
        let token = world.letter("ada@new.example", 1).await.token();
        let member = world.accept(&token, "Ada").await.expect("accepted");
        assert_eq!(member.roles, ["admin"]);
        assert_eq!(world.membership(ada, acme).await, None);

        let new = User { id: member.user, display_name: "Ada".to_owned(), ..User::default() };
        world.by(&new).replace_email(acme, uma, "uma@new.example", false).await.expect("invited");
        let token = world.letter("uma@new.example", 1).await.token();
        world.accept(&token, "Uma").await.expect("accepted");
        assert!(world.membership(uma, acme).await.is_some(), "kept, since nobody asked for the removal");
    }

    /// An address never changes: the terminal's users are replaced as well.
    async fn ix_11_a_new_address_is_a_new_user(world: World) {
        let [owner, ned] = world.people(["Owen", "Ned"]).await;
        let account = world.ready_terminal(&owner).await;
        world.member(&account, &ned, &["terminal_user"]).await;
        world.by(&owner).replace_email(&account, &ned, "ned@new.example", true).await.expect("invited");
        let token = world.letter("ned@new.example", 1).await.token();
        let member = world.accept(&token, "Ned").await.expect("accepted");
        assert_ne!(member.user, ned.id);
        assert_eq!(world.membership(&ned, &account).await, None);
    }

    /// Judged again when it is accepted, by the inviter's rights of that moment.
    async fn x_04_an_invitation_rests_on_the_inviters_rights_of_that_moment(org: Organization) {
        let Organization { world, acme, ada, uma } = &org;
        let mut tokens = Vec::new();
        for name in ["one", "two", "three"] {
            let email = format!("{name}@example.com");
            world.by(uma).invite(acme, &email, &["member"]).await.expect("invited");
            tokens.push(world.letter(&email, 1).await.token());
        }
        world.by(ada).set_roles(acme, uma, &["billing_admin"]).await.expect("demoted");
        let refused = world.accept(&tokens[0], "One").await;
        let status = assert_refused(refused, Code::FailedPrecondition, "INVITER_NOT_ALLOWED");
        assert_eq!(metadata(&status, "permission"), None, "a stranger learns nothing of the policy");
        world.by(ada).set_roles(acme, uma, &["user_admin"]).await.expect("promoted");
        world.accept(&tokens[0], "One").await.expect("the right is back");

        world.by(ada).remove(acme, uma).await.expect("removed");
        assert_refused(world.accept(&tokens[1], "Two").await, Code::FailedPrecondition, "INVITER_NOT_ALLOWED");
        // Somebody who may takes it over.
        let pending = world.by(ada).invitations(acme, InvitationState::Pending).await.expect("listed");
        let two = pending.iter().find(|invitation| invitation.email == "two@example.com").expect("pending");
        assert_eq!(world.by(ada).resend(two).await.expect("sent anew").invited_by, ada.id);
        let token = world.letter("two@example.com", 2).await.token();
        world.accept(&token, "Two").await.expect("accepted");
        assert_refused(world.accept(&tokens[2], "Three").await, Code::FailedPrecondition, "INVITER_NOT_ALLOWED");
    }

    /// Whoever is invited counts towards a most, so that all who are invited can accept.
    async fn x_06_those_invited_count_towards_a_most(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let account = world.account("company-account", &ada).await;
        world.member(&account, &bob, &["member"]).await;
        let roles = ["member", "billing_contact"];
        let two = world.by(&ada).invite(&account, "two@example.com", &roles).await.expect("the second");
        world.by(&ada).invite(&account, "three@example.com", &roles).await.expect("the third");
        let fourth = world.by(&ada).invite(&account, "four@example.com", &roles).await;
        assert_refused(fourth, Code::FailedPrecondition, "LIMIT_MOST");
        let fourth = world.by(&ada).set_roles(&account, &bob, &roles).await;
        assert_refused(fourth, Code::FailedPrecondition, "LIMIT_MOST");
        let token = world.letter("three@example.com", 1).await.token();
        world.accept(&token, "Three").await.expect("accepted");
        let fourth = world.by(&ada).set_roles(&account, &bob, &roles).await;
        assert_refused(fourth, Code::FailedPrecondition, "LIMIT_MOST");
        world.by(&ada).revoke(&two).await.expect("revoked");
        world.by(&ada).set_roles(&account, &bob, &roles).await.expect("there is room again");
    }

    /// What an account lost meanwhile binds an acceptance, too.
    async fn x_03_no_link_leads_into_a_suspended_account(org: Organization) {
        let Organization { world, acme, uma, .. } = &org;
        world.by(uma).invite(acme, "mia@example.com", &["member"]).await.expect("invited");
        let token = world.letter("mia@example.com", 1).await.token();
        let request = mandate_proto::v1::SuspendAccountRequest { account: acme.id.clone(), ..Default::default() };
        world.operator().accounts().suspend_account(request).await.expect("suspended");
        assert_refused(world.accept(&token, "Mia").await, Code::FailedPrecondition, "INVITER_NOT_ALLOWED");
    }
}
