//! Invitations by the clock, and the outbox as dispatchers see it.

use mandate_domain::command::{Actor, Command};
use mandate_domain::id::{AccountId, InvitationId};
use mandate_domain::invitation::InvitationState;
use mandate_domain::records::{Key, Record};
use mandate_domain::refusal::Refusal;
use mandate_storage::{Committed, MailState, Mode, Settled, Store, WriteError};

use crate::database::Engine;
use crate::on_every_engine;
use crate::world::{NOW, World, account, names, operator, user};

/// Microseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn invitation(n: u128) -> InvitationId {
    InvitationId::from_bits(n)
}

fn invite(n: u128, account: AccountId, email: &str) -> Command {
    invite_as(n, account, email, &["member"])
}

fn invite_as(n: u128, account: AccountId, email: &str, roles: &[&str]) -> Command {
    Command::InviteMember {
        id: invitation(n),
        account,
        email: email.to_owned(),
        roles: names(roles),
        grants: Vec::new(),
        restrictions: Vec::new(),
        assignments: Vec::new(),
        locale: None,
    }
}

async fn at(world: &World, now: i64, actor: &Actor, command: &Command) -> Result<Committed, WriteError> {
    world.store.prepare(&world.policies, actor, command, now).await?.commit().await
}

async fn state(world: &World, n: u128) -> InvitationState {
    match world.read(Key::Invitation(account(1), invitation(n))).await {
        Record::Invitation(Some(found)) => found.state,
        other => panic!("no invitation: {other:?}"),
    }
}

on_every_engine! {
    async fn re_05_a_link_expires_after_seven_days_and_makes_room(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let acme = world.account(1, "organization", ada).await;
        world.must(invite(1, acme, "mia@example.org")).await;
        let link = Actor::Link { invitation: invitation(1) };
        let accept = |generation| Command::AcceptInvitation {
            account: acme,
            invitation: invitation(1),
            generation,
            newcomer: user(9),
            display_name: Some("Mia".to_owned()),
        };
        let late = at(&world, NOW + 7 * DAY, &link, &accept(1)).await;
        assert!(matches!(late, Err(WriteError::Refused(Refusal::InvitationInvalid))), "{late:?}");
        let wrong = at(&world, NOW + DAY, &link, &accept(2)).await;
        assert!(matches!(wrong, Err(WriteError::Refused(Refusal::InvitationInvalid))), "{wrong:?}");

        let early = at(&world, NOW + 7 * DAY - 1, &operator(), &invite(2, acme, "mia@example.org")).await;
        assert!(matches!(early, Err(WriteError::Refused(Refusal::AlreadyExists { .. }))), "{early:?}");
        at(&world, NOW + 7 * DAY, &operator(), &invite(3, acme, "mia@example.org")).await.expect("there is room");
        assert_eq!(state(&world, 1).await, InvitationState::Revoked);
        assert_eq!(state(&world, 3).await, InvitationState::Pending);
    }

    async fn re_05_an_acceptance_makes_a_member_in_one_step(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let acme = world.account(1, "organization", ada).await;
        world.must(invite(1, acme, "mia@example.org")).await;
        let accept = Command::AcceptInvitation {
            account: acme,
            invitation: invitation(1),
            generation: 1,
            newcomer: user(9),
            display_name: Some("Mia".to_owned()),
        };
        let link = Actor::Link { invitation: invitation(1) };
        at(&world, NOW + 7 * DAY - 1, &link, &accept).await.expect("in time");
        assert_eq!(state(&world, 1).await, InvitationState::Accepted);
        assert!(matches!(world.read(Key::Membership(acme, user(9))).await, Record::Membership(Some(_))));
        let activity = world.store.list_activity(acme, None, None, 10).await.expect("the log").items;
        let shown = format!("{:?}", activity.iter().map(|entry| &entry.changes).collect::<Vec<_>>());
        assert!(!shown.contains("mia@example.org"), "the log names people by id: {shown}");
    }

    async fn x_06_an_expired_invitation_keeps_no_place(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        // Three billing contacts at the most, those invited included: for as long as they can still accept.
        let shop = world.account(1, "company-account", ada).await;
        let roles = ["member", "billing_contact"];
        for n in [2, 3] {
            world.must(invite_as(n, shop, &format!("new{n}@example.org"), &roles)).await;
        }
        let is_full = |result: Result<Committed, WriteError>| {
            matches!(result, Err(WriteError::Refused(Refusal::LimitMost { most: 3, holders: 3, .. })))
        };
        let fourth = invite_as(4, shop, "new4@example.org", &roles);
        // A minute longer than the link, so that nobody who accepted in time finds the place taken.
        let expired = NOW + 7 * DAY + 60_000_000;
        assert!(is_full(at(&world, expired - 1, &operator(), &fourth).await));
        at(&world, expired, &operator(), &fourth).await.expect("there is room");
        // A new link for an old one wants a place like any other.
        let resend = |n| Command::ResendInvitation { account: shop, invitation: invitation(n), initial: None };
        at(&world, expired, &operator(), &resend(2)).await.expect("the third");
        assert!(is_full(at(&world, expired, &operator(), &resend(3)).await));
        let revoke = Command::RevokeInvitation { account: shop, invitation: invitation(3) };
        at(&world, expired, &operator(), &revoke).await.expect("revoked");
        assert!(is_full(at(&world, expired, &operator(), &invite_as(5, shop, "new5@example.org", &roles)).await));
    }

    async fn x_05_two_dispatchers_claim_different_mail(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let acme = world.account(1, "organization", ada).await;
        for n in 1..=5 {
            world.must(invite(n, acme, &format!("new{n}@example.org"))).await;
        }
        let claim = |now| world.store.claim_mail(now, now + DAY, 3);
        let (one, two) = tokio::join!(claim(NOW), claim(NOW));
        let mut seqs: Vec<i64> = one.expect("claimed").iter().chain(&two.expect("claimed")).map(|mail| mail.seq).collect();
        seqs.extend(claim(NOW).await.expect("claimed").iter().map(|mail| mail.seq));
        seqs.sort_unstable();
        seqs.dedup();
        assert_eq!(seqs.len(), 5, "each mail is claimed once");
        assert!(claim(NOW).await.expect("nothing is left").is_empty());
        assert_eq!(world.store.next_mail().await.expect("read"), Some(NOW + DAY));
        assert_eq!(claim(NOW + DAY).await.expect("claims end by themselves").len(), 3);
        let store = database.open_beside(&world.store).await;
        if database.engine == Engine::Postgres {
            store.release_mail(NOW).await.expect("nothing to release");
            assert!(store.claim_mail(NOW, NOW + DAY, 10).await.expect("asked").is_empty(), "who claimed them is there");
            world.store.close().await;
        }
        store.release_mail(NOW).await.expect("released");
        let again = store.claim_mail(NOW, NOW + DAY, 10).await.expect("claimed");
        assert_eq!(again.len(), 5);

        let (sent, failed, later) = (&again[0], &again[1], &again[2]);
        settle(&store, sent.seq, Settled::Sent).await;
        settle(&store, failed.seq, Settled::Failed { error: "no".to_owned() }).await;
        settle(&store, later.seq, Settled::Again { at: NOW + 5, error: "not now".to_owned() }).await;
        assert_eq!(store.next_mail().await.expect("read"), Some(NOW + 5));
        let depth = store.outbox_depth(10).await.expect("counted");
        assert_eq!((depth.queued, depth.failed), (3, 1));
        let queued = store.list_outbox(Some(MailState::Queued), 0, 1).await.expect("listed").items;
        assert_eq!(depth.oldest, Some(queued[0].at));
        assert_eq!(store.outbox_depth(2).await.expect("counted").queued, 2, "no further than asked for");
        let failures = store.list_outbox(Some(MailState::Failed), 0, 10).await.expect("listed").items;
        assert_eq!(failures.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [failed.seq]);
        assert_eq!(failures[0].message_id, failed.message_id);
        assert!(store.retry_mail(failed.seq, Mode::Once, NOW).await.expect("queued"));
        assert!(!store.retry_mail(failed.seq, Mode::Once, NOW).await.expect("it is queued already"));
        assert!(!store.retry_mail(sent.seq, Mode::Once, NOW).await.expect("it was sent"));
    }
}

async fn settle(store: &Store, seq: i64, how: Settled) {
    store.settle_mail(&[(seq, how)], NOW).await.expect("settled");
}
