//! What every write can be asked besides: to be safe to retry (AIP-155), to tell only what it would do (AIP-163), to
//! notice that somebody else was faster (AIP-154), and, of an operator, to pass over a limit (X-06).

use mandate_proto::FILE_DESCRIPTOR_SET;
use mandate_proto::v1::{
    AddMemberRequest, CreateContactRequest, DecisionReason as Reason, DeleteAccountRequest, Effect,
    InviteMemberRequest, ListActivityRequest, RemoveMemberRequest, SetInitialPasswordRequest,
    SetPasswordRequest, SuspendAccountRequest, SuspendUserRequest, UpdateContactRequest, UpdateMemberRequest,
    effect,
};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::world::adding;
use mandate_tests::{World, dump, on_both_engines};
use prost::Message as _;
use prost_types::{FieldMask, FileDescriptorSet};
use tokio::task::JoinSet;
use tonic::Code;

/// RPCs that change something and have no terms: they answer a secret that is kept nowhere, or are the same each time.
const WITHOUT_TERMS: [&str; 2] = ["RefreshToken", "SignIn"];

/// The words with which the names of RPCs begin that change nothing.
const READS: [&str; 7] = ["Get", "List", "Check", "BatchCheck", "Lookup", "Export", "Watch"];

#[test]
fn every_write_has_its_terms_and_tells_its_effects() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("descriptors");
    let ours: Vec<_> = set.file.iter().filter(|file| file.package() == "mandate.v1").collect();
    let has = |message: &str, field: &str| {
        let mut messages = ours.iter().flat_map(|file| &file.message_type);
        let found = messages.find(|found| message.ends_with(&format!(".{}", found.name()))).expect(message);
        found.field.iter().any(|found| found.name() == field)
    };
    let mut writes = 0;
    for method in ours.iter().flat_map(|file| &file.service).flat_map(|service| &service.method) {
        let reads = READS.iter().any(|word| method.name().starts_with(word));
        if reads || WITHOUT_TERMS.contains(&method.name()) || method.client_streaming() {
            continue;
        }
        writes += 1;
        for field in ["request_id", "validate_only"] {
            assert!(has(method.input_type(), field), "{} lacks {field}", method.input_type());
        }
        assert!(has(method.output_type(), "effects"), "{} lacks effects", method.output_type());
    }
    assert!(writes > 40, "{writes}");
}

fn of_user(effects: &[Effect], user: &str) -> Effect {
    let mut found = effects
        .iter()
        .filter(|found| found.resource.is_none())
        .filter(|found| matches!(&found.subject, Some(effect::Subject::User(subject)) if subject == user));
    let effect = found.next().unwrap_or_else(|| panic!("no effect on {user}: {effects:?}")).clone();
    assert!(found.next().is_none(), "one entry for each person and account: {effects:?}");
    effect
}

fn removing(account: &str, user: &str) -> RemoveMemberRequest {
    RemoveMemberRequest { account: account.to_owned(), user: user.to_owned(), ..Default::default() }
}

on_both_engines! {
    /// Asked twice with the same id, a write happens once, and both are told the same.
    async fn a_retry_gets_the_first_answer(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("company-account", &ada).await;
        let request = AddMemberRequest { request_id: "5f0c".into(), ..adding(&acme, &bob, &["member"]) };
        let members = world.by(&ada).memberships();
        let first = members.clone().add_member(request.clone()).await.expect("added").into_inner();
        world.by(&ada).remove(&acme, &bob).await.expect("removed again");
        let second = members.clone().add_member(request.clone()).await.expect("a retry").into_inner();
        assert_eq!(first, second);
        world.may(&bob, &acme, "shipments.book").await.denied_for(Reason::NotAMember);

        let other = AddMemberRequest { roles: vec!["manager".into()], ..request.clone() };
        let refused = members.clone().add_member(other).await;
        assert_refused(refused, Code::InvalidArgument, "REQUEST_ID_REUSED");
        let fresh = AddMemberRequest { request_id: "5f0d".into(), ..request.clone() };
        members.clone().add_member(fresh).await.expect("another request");
        // Ids are a caller's own, and an RPC's own.
        let taken = AddMemberRequest { user: ada.id.clone(), ..request };
        let refused = world.operator().memberships().add_member(taken).await;
        assert_refused(refused, Code::AlreadyExists, "ALREADY_EXISTS");
        let removing = RemoveMemberRequest { request_id: "5f0c".into(), ..removing(&acme.id, &bob.id) };
        members.clone().remove_member(removing).await.expect("an id of another RPC");
    }

    /// Ids that the service makes up, names and refusals: what was answered is answered again; what was refused is not
    /// remembered.
    async fn a_retry_after_a_refusal_is_judged_anew(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("terminal", &ada).await;
        let contact = CreateContactRequest {
            account: acme.id.clone(),
            email: "cleo@example.com".into(),
            display_name: "Cleo".into(),
            request_id: "c-1".into(),
            ..Default::default()
        };
        let create = async || world.by(&ada).memberships().create_contact(contact.clone()).await;
        assert_refused(create().await, Code::FailedPrecondition, "REQUIREMENT_UNMET");
        let ready = world.ready_terminal(&ada).await;
        let contact = CreateContactRequest { account: ready.id.clone(), ..contact.clone() };
        let create = async || world.by(&ada).memberships().create_contact(contact.clone()).await;
        let first = create().await.expect("created").into_inner().contact.expect("the contact");
        let rename = UpdateContactRequest {
            account: ready.id.clone(),
            contact: first.id.clone(),
            display_name: "Cleopatra".into(),
            update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
            etag: first.etag.clone(),
            ..Default::default()
        };
        let renamed = world.by(&ada).memberships().update_contact(rename).await.expect("renamed").into_inner();
        let renamed = renamed.contact.expect("the contact");
        assert_ne!(first.etag, renamed.etag);
        let again = create().await.expect("a retry").into_inner().contact.expect("the contact");
        assert_eq!(first, again, "as it was answered then");
    }

    /// The same request from two connections at once: one write, one answer.
    async fn two_of_the_same_at_once_are_one(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("company-account", &ada).await;
        for round in 0..8 {
            let bob = world.person(&format!("Bob {round}")).await;
            let mut running = JoinSet::new();
            for _ in 0..4 {
                let (party, request_id) = (world.by_another_client(&ada), format!("round-{round}"));
                let request = AddMemberRequest { request_id, ..adding(&acme, &bob, &["member"]) };
                running.spawn(async move { party.memberships().add_member(request).await });
            }
            let answers = running.join_all().await.into_iter().map(|answer| answer.expect("told").into_inner());
            let answers: Vec<_> = answers.collect();
            assert!(answers.iter().all(|answer| Some(answer) == answers.first()), "{answers:?}");
            let request = ListActivityRequest { account: acme.id.clone(), subject: bob.id.clone(), ..Default::default() };
            let log = world.by(&ada).accounts().list_activity(request).await.expect("the log").into_inner();
            assert_eq!(log.activities.len(), 1, "it happened once");
        }
    }

    /// A retry survives a restart, and is not for those who have lost their place meanwhile.
    async fn a_retry_is_remembered_by_the_database_and_judged(mut world: World) {
        let [ada, bob, cleo] = world.people(["Ada", "Bob", "Cleo"]).await;
        let acme = world.account("company-account", &ada).await;
        world.by(&ada).add(&acme, &bob, &["admin"]).await.expect("a second admin");
        let request = AddMemberRequest { request_id: "r".into(), ..adding(&acme, &cleo, &["member"]) };
        let first = world.by(&bob).memberships().add_member(request.clone()).await.expect("added").into_inner();
        world.server_mut().restart().await;
        let again = world.by(&bob).memberships().add_member(request.clone()).await.expect("a retry").into_inner();
        assert_eq!(first, again);
        world.by(&ada).remove(&acme, &bob).await.expect("removed");
        let refused = world.by(&bob).memberships().add_member(request).await;
        assert_refused(refused, Code::PermissionDenied, "NOT_A_MEMBER");
        // Whoever lost it by the very request learns that it worked.
        let [dora, eve] = world.people(["Dora", "Eve"]).await;
        world.by(&ada).add(&acme, &dora, &["admin"]).await.expect("an admin");
        world.by(&ada).add(&acme, &eve, &["member"]).await.expect("a member");
        let leave = RemoveMemberRequest { request_id: "l".into(), ..removing(&acme.id, &dora.id) };
        world.by(&dora).memberships().remove_member(leave.clone()).await.expect("left");
        world.by(&dora).memberships().remove_member(leave).await.expect("a retry");
    }

    /// A password that was changed is changed by the retry's account, too; one that was made up is told once.
    async fn secrets_are_told_once(world: World) {
        let ada = world.person("Ada").await;
        let request = SetInitialPasswordRequest { user: ada.id.clone(), request_id: "p".into(), ..Default::default() };
        let operator = world.operator();
        let preview = SetInitialPasswordRequest { validate_only: true, ..request.clone() };
        let preview = operator.identity().set_initial_password(preview).await.expect("a preview").into_inner();
        assert_eq!(preview.password, "", "it was not set");
        let first = operator.identity().set_initial_password(request.clone()).await.expect("set").into_inner();
        let again = operator.identity().set_initial_password(request).await.expect("a retry").into_inner();
        assert_eq!((again.password.as_str(), again.expire_time), ("", first.expire_time));

        let tokens = world.sign_in(&ada.email, &first.password).await.expect("signed in");
        let change = SetPasswordRequest {
            old_password: first.password,
            new_password: "correct horse battery".into(),
            request_id: "q".into(),
            ..Default::default()
        };
        let party = world.with_token(&tokens.access_token);
        party.identity().set_password(change.clone()).await.expect("changed");
        party.identity().set_password(change).await.expect("a retry, though the old password is no more");
        world.sign_in(&ada.email, "correct horse battery").await.expect("the new one");
    }

    /// What would happen is told, person by person, and does not.
    async fn a_preview_tells_effects_and_changes_nothing(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("company-account", &ada).await;
        let before = dump::rows(world.server());
        let request = AddMemberRequest { validate_only: true, ..adding(&acme, &bob, &["manager"]) };
        let answer = world.by(&ada).memberships().add_member(request.clone()).await.expect("told").into_inner();
        assert_eq!(answer.member.expect("as they would be").roles, ["manager"]);
        let effect = of_user(&answer.effects, &bob.id);
        assert!(effect.gained.contains(&"shipments.book".to_owned()), "{effect:?}");
        assert!(effect.lost.is_empty() && effect.account == acme.id, "{effect:?}");
        assert_eq!(dump::rows(world.server()), before, "nothing changed");
        world.may(&bob, &acme, "shipments.book").await.denied_for(Reason::NotAMember);

        let member = world.by(&ada).add(&acme, &bob, &["manager"]).await.expect("added");
        let update = UpdateMemberRequest {
            account: acme.id.clone(),
            user: bob.id.clone(),
            roles: vec!["member".into()],
            update_mask: Some(FieldMask { paths: vec!["roles".into()] }),
            etag: member.etag,
            validate_only: true,
            ..Default::default()
        };
        let answer = world.by(&ada).memberships().update_member(update).await.expect("told").into_inner();
        let effect = of_user(&answer.effects, &bob.id);
        assert!(effect.lost.contains(&"shipments.book".to_owned()), "{effect:?}");
        assert!(effect.gained_limited.contains(&"shipments.book".to_owned()), "on assigned shipments: {effect:?}");

        // What is refused is refused in a preview, too.
        let request = RemoveMemberRequest { validate_only: true, ..removing(&acme.id, &ada.id) };
        let refused = world.by(&ada).memberships().remove_member(request).await;
        assert_refused(refused, Code::FailedPrecondition, "LIMIT_LEAST");
        let request = AddMemberRequest { validate_only: true, ..adding(&acme, &bob, &["admin"]) };
        assert_eq!(world.by(&bob).memberships().add_member(request).await.expect_err("not his to say").code(), Code::PermissionDenied);
    }

    /// Suspending an account takes from everybody in it, suspending a person from that person everywhere.
    async fn a_preview_reaches_everybody_concerned(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let one = world.account("managed-accounts", &ada).await;
        let two = world.account("managed-accounts", &ada).await;
        let group = world.by(&ada).found_group("Both", &[&one, &two]).await.expect("a group");
        world.by(&ada).add_to_group(&group, &bob, "manager").await.expect("a manager");
        let operator = world.operator();
        let request = SuspendAccountRequest { account: one.id.clone(), validate_only: true, ..Default::default() };
        let answer = operator.accounts().suspend_account(request).await.expect("told").into_inner();
        for user in [&ada, &bob] {
            assert!(!of_user(&answer.effects, &user.id).lost.is_empty(), "{:?}", answer.effects);
        }
        let request = SuspendUserRequest { user: bob.id.clone(), validate_only: true, ..Default::default() };
        let answer = operator.identity().suspend_user(request).await.expect("told").into_inner();
        let mut accounts: Vec<_> = answer.effects.iter().map(|effect| effect.account.as_str()).collect();
        accounts.sort_unstable();
        let mut both = [one.id.as_str(), two.id.as_str()];
        both.sort_unstable();
        assert_eq!(accounts, both);
        world.may(&bob, &one, "campaigns.view").await.allowed_by(Reason::Group);
    }

    /// No mail goes out for a preview.
    async fn a_preview_mails_nobody(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let request = InviteMemberRequest {
            account: acme.id.clone(),
            email: "new@example.com".into(),
            roles: vec!["member".into()],
            validate_only: true,
            ..Default::default()
        };
        let answer = world.by(&ada).memberships().invite_member(request).await.expect("told").into_inner();
        assert_eq!(answer.invitation.expect("as it would be").email, "new@example.com");
        assert_eq!(world.by(&ada).members(&acme, "").await.expect("listed").len(), 1);
        assert!(world.outbox().await.is_empty(), "no mail");
    }

    /// Of two who edit what both have read, the second one notices.
    async fn an_etag_lets_the_second_editor_notice(world: World) {
        let [ada, bob, cleo] = world.people(["Ada", "Bob", "Cleo"]).await;
        let acme = world.account("company-account", &ada).await;
        world.by(&ada).add(&acme, &bob, &["member"]).await.expect("added");
        let read = world.by(&ada).member(&acme, &bob).await.expect("read");
        let update = |role: &str| UpdateMemberRequest {
            account: acme.id.clone(),
            user: bob.id.clone(),
            roles: vec![role.to_owned()],
            update_mask: Some(FieldMask { paths: vec!["roles".into()] }),
            etag: read.etag.clone(),
            ..Default::default()
        };
        let members = world.by(&ada).memberships();
        members.clone().update_member(update("manager")).await.expect("the first");
        let late = members.clone().update_member(update("admin")).await;
        assert_refused(late, Code::Aborted, "ETAG_MISMATCH");
        let late = RemoveMemberRequest { etag: read.etag.clone(), ..removing(&acme.id, &bob.id) };
        assert_refused(members.clone().remove_member(late).await, Code::Aborted, "ETAG_MISMATCH");
        let account = world.by(&ada).account(&acme).await.expect("the account");
        world.by(&ada).rename(&acme, "Renamed").await.expect("renamed");
        let late = DeleteAccountRequest { account: acme.id.clone(), etag: account.etag, ..Default::default() };
        let late = world.by(&ada).accounts().delete_account(late).await;
        assert_refused(late, Code::Aborted, "ETAG_MISMATCH");
        // Whoever may not change it learns nothing of its state.
        assert_eq!(world.by(&cleo).memberships().update_member(update("admin")).await.expect_err("a stranger").code(), Code::PermissionDenied);
    }

    /// An operator may pass over a limit with a reason, which the log keeps; nobody else may, and no limit else falls.
    async fn x_06_an_operator_overrides_a_limit_with_a_reason(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("company-account", &ada).await;
        let request = RemoveMemberRequest { override_reason: "ticket 4711".into(), ..removing(&acme.id, &ada.id) };
        let refused = world.by(&ada).memberships().remove_member(request.clone()).await;
        assert_refused(refused, Code::PermissionDenied, "OVERRIDE_DENIED");
        let plain = world.operator().memberships().remove_member(removing(&acme.id, &ada.id)).await;
        assert_refused(plain, Code::FailedPrecondition, "LIMIT_LEAST");
        world.operator().memberships().remove_member(request).await.expect("overridden");
        world.may(&ada, &acme, "users.view").await.denied_for(Reason::NotAMember);
        let request = ListActivityRequest { account: acme.id.clone(), ..Default::default() };
        let log = world.operator().accounts().list_activity(request).await.expect("the log").into_inner();
        let entry = log.activities.first().expect("an entry");
        assert_eq!((entry.operation.as_str(), entry.override_reason.as_str()), ("member.remove", "ticket 4711"));
        // From there, whatever makes it no worse is possible, and brings the account back.
        world.operator().add(&acme, &bob, &["admin", "billing_contact"]).await.expect("an admin again");
        let plain = world.operator().memberships().remove_member(removing(&acme.id, &bob.id)).await;
        assert_refused(plain, Code::FailedPrecondition, "LIMIT_LEAST");
    }

    /// Terms that cannot be as they are.
    async fn bad_terms_are_named(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("company-account", &ada).await;
        let request = RemoveMemberRequest {
            request_id: "x".repeat(129),
            etag: "a\nb".into(),
            override_reason: " ".into(),
            ..removing(&acme.id, &bob.id)
        };
        let refused = world.operator().memberships().remove_member(request).await;
        assert_invalid(refused, &["request_id", "etag", "override_reason"]);
    }

    /// What a person's requests said of them is forgotten with them.
    async fn an_erased_person_is_gone_from_what_was_answered(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("company-account", &ada).await;
        let request = AddMemberRequest { request_id: "r".into(), ..adding(&acme, &bob, &["member"]) };
        world.by(&ada).memberships().add_member(request).await.expect("added");
        world.operator().erase_user(&bob).await.expect("erased");
        let dump = dump::rows(world.server());
        assert!(!dump.contains(&bob.email), "the address is nowhere");
    }
}
