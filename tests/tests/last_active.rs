//! When members were last active (RE-04): every Check and every call of theirs counts, and nothing else ever shows it.

use std::time::{SystemTime, UNIX_EPOCH};

use mandate_proto::v1::{
    Account, CheckRequest, DecisionReason as Reason, ListActivityRequest, ListMembersRequest, Member,
    Subject, User, subject,
};
use mandate_tests::{Engine, Fixture, Server, World, dump, on_both_engines};
use prost_types::Timestamp;

/// An organization with an admin and a member, in a world that records at once.
struct Office {
    world: World,
    acme: Account,
    ada: User,
    mia: User,
}

impl Fixture for Office {
    async fn prepare(engine: Engine) -> Self {
        Self::of(World::that_records_at_once(engine).await).await
    }
}

impl Office {
    async fn of(world: World) -> Self {
        let [ada, mia] = world.people(["Ada", "Mia"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &mia, &["member"]).await;
        Self { world, acme, ada, mia }
    }

    async fn last_active(&self, user: &User) -> Option<Timestamp> {
        self.world.membership(user, &self.acme).await.expect("a member").last_active_time
    }

    /// Waits until all that was noted before is written down, by noting something later.
    async fn settle(&self) {
        let nora = self.world.person(&format!("Nora {}", now().nanos)).await;
        let later = self.world.account("organization", &nora).await;
        self.world.active_since(&nora, &later).await;
    }
}

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp {
        seconds: i64::try_from(now.as_secs()).expect("a time"),
        nanos: i32::try_from(now.subsec_nanos()).expect("below a second"),
    }
}

fn names(members: &[Member]) -> Vec<&str> {
    members.iter().map(|one| if one.user.is_empty() { &*one.email } else { &*one.display_name }).collect()
}

on_both_engines! {
    /// "die letzte Anmeldezeit": what a backend asks about somebody shows that they are there.
    async fn re_04_a_check_of_a_member_counts_whatever_the_answer(office: Office) {
        let Office { world, acme, mia, .. } = &office;
        assert_eq!(office.last_active(mia).await, None, "never");
        let before = now();
        world.may(mia, acme, "subscription.cancel").await.denied_for(Reason::NotGranted);
        let seen = world.active_since(mia, acme).await;
        // The time is taken from a clock that is looked at a few times a second.
        assert!(before.seconds - 1 <= seen.seconds && seen.seconds <= now().seconds, "{before:?} {seen:?}");
        // What follows within the minute does not move it, and neither do calls of others about her.
        world.may(mia, acme, "users.view").await.denied_for(Reason::NotGranted);
        world.operator().member(acme, mia).await.expect("looked at");
        office.settle().await;
        let after = office.last_active(mia).await.expect("active");
        assert!(after == seen || after.seconds / 60 > seen.seconds / 60, "{seen:?} {after:?}");
    }

    /// Calls a person makes themselves count: reads, writes, and questions about themselves.
    async fn re_04_calls_of_ones_own_count(office: Office) {
        let Office { world, acme, ada, mia } = &office;
        world.active_since(ada, acme).await; // who created the account was there
        for (name, role) in [("Rita", "billing_admin"), ("Wanda", "user_admin"), ("Quinn", "member"), ("Sam", "member")] {
            let user = world.person(name).await;
            world.member(acme, &user, &[role]).await;
            assert_eq!(office.last_active(&user).await, None, "{name}");
            let by = world.by(&user);
            match name {
                "Rita" => drop(by.members(acme, "").await.expect("listed")),
                "Wanda" => drop(by.invite(acme, "new@example.com", &["member"]).await.expect("invited")),
                "Quinn" => {
                    let (account, permission) = (acme.id.clone(), "users.view".to_owned());
                    let subject = Some(Subject { subject: Some(subject::Subject::User(user.id.clone())) });
                    let ask = CheckRequest { account, subject, permission, ..CheckRequest::default() };
                    by.authz().check(ask).await.expect("asked");
                }
                _ => drop(by.members(acme, "").await.expect_err("refused, and yet they were there")),
            }
            world.active_since(&user, acme).await;
        }
        assert_eq!(office.last_active(mia).await, None, "nobody has seen Mia");
    }

    /// Signing in counts in each account of the person, and tells none of them of the others (GW-06).
    async fn re_04_signing_in_counts_in_every_account(office: Office) {
        let Office { world, acme, ada, mia } = &office;
        let other = world.account("company-account", ada).await;
        world.member(&other, mia, &["member"]).await;
        world.has_password(mia, "correct horse battery").await;
        world.sign_in(&mia.email, "correct horse battery").await.expect("signed in");
        world.active_since(mia, acme).await;
        world.active_since(mia, &other).await;
    }

    /// Of whoever is no member nothing is kept, and nothing of a membership outlives it.
    async fn re_04_activity_is_forgotten_with_the_membership(office: Office) {
        let Office { world, acme, mia, .. } = &office;
        let noel = world.person("Noel").await;
        world.may(&noel, acme, "users.view").await.denied_for(Reason::NotAMember);
        world.by(&noel).members(acme, "").await.expect_err("no member");
        world.member(acme, &noel, &["member"]).await;
        office.settle().await;
        assert_eq!(office.last_active(&noel).await, None, "what was before does not count");

        world.may(mia, acme, "users.view").await;
        // Not waiting for what was noted to be written down: it belongs to the membership that ends here.
        world.operator().remove(acme, mia).await.expect("removed");
        world.member(acme, mia, &["member"]).await;
        office.settle().await;
        assert_eq!(office.last_active(mia).await, None, "the new membership has seen nobody");
        world.may(mia, acme, "users.view").await;
        world.active_since(mia, acme).await;
        let rows = |id: &str| dump::rows(world.server()).lines().filter(|row| row.starts_with("member_activity") && row.contains(id)).count();
        assert_eq!(rows(&mia.id), 1);
        world.operator().erase_user(mia).await.expect("erased");
        office.settle().await;
        assert_eq!(rows(&mia.id), 0, "nothing is left of whoever was erased");
    }

    /// It is no change of facts: the activity log and the feed do not have it, however often it is written.
    async fn re_04_neither_log_nor_feed_has_it(office: Office) {
        let Office { world, acme, mia, .. } = &office;
        let log = async || {
            let request = ListActivityRequest { account: acme.id.clone(), page_size: 1_000, ..Default::default() };
            world.operator().accounts().list_activity(request).await.expect("the log").into_inner().activities.len()
        };
        let feed = || dump::rows(world.server()).lines().filter(|row| row.starts_with("feed:")).count();
        let before = (log().await, feed());
        world.may(mia, acme, "users.view").await;
        world.active_since(mia, acme).await;
        assert_eq!((log().await, feed()), before);
    }

    /// Who was not there since: those who never were, and who has not accepted yet, count as not.
    async fn re_04_members_are_listed_by_when_they_were_last_active(office: Office) {
        let Office { world, acme, ada, mia } = &office;
        let [noel, rita] = world.people(["Noel", "Rita"]).await;
        world.member(acme, &noel, &["member"]).await;
        world.member(acme, &rita, &["billing_admin"]).await;
        world.operator().invite(acme, "pending@example.com", &["member"]).await.expect("invited");
        let start = Timestamp { seconds: now().seconds - 3_600, nanos: 0 };
        for user in [mia, &rita] {
            world.may(user, acme, "users.view").await;
        }
        for user in [ada, mia, &rita] {
            world.active_since(user, acme).await;
        }
        let seen = office.last_active(mia).await.expect("active");
        let next = Timestamp { nanos: seen.nanos + 1_000, ..seen };
        let later = Timestamp { seconds: now().seconds + 60, nanos: 0 };
        let list = async |before: &Timestamp, role: &str, search: &str| {
            let query = ListMembersRequest {
                account: acme.id.clone(),
                role: role.to_owned(),
                search: search.to_owned(),
                last_active_before: Some(*before),
                page_size: 1,
                ..ListMembersRequest::default()
            };
            world.operator().every_member(query).await.expect("listed")
        };
        assert_eq!(names(&list(&start, "", "").await), ["Noel", "pending@example.com"]);
        assert_eq!(names(&list(&start, "member", "noe").await), ["Noel"]);
        assert_eq!(names(&list(&start, "billing_admin", "").await), [""; 0]);
        let everybody = list(&later, "", "").await;
        assert_eq!(names(&everybody), ["Ada", "Mia", "Noel", "Rita", "pending@example.com"]);
        assert!(!names(&list(&seen, "", "mia").await).contains(&"Mia"), "at that time they were active");
        if next.nanos < 1_000_000_000 {
            assert_eq!(names(&list(&next, "", "mia").await), ["Mia"]);
        }
    }

    /// What was noted is written down at the latest when the server stops.
    async fn re_04_what_was_noted_survives_a_stop(engine: Engine) {
        let server = Server::builder(engine).argument("--activity-interval").argument("3600").start().await;
        let mut office = Office::of(World::on(server)).await;
        office.world.may(&office.mia, &office.acme, "users.view").await;
        assert_eq!(office.last_active(&office.mia).await, None);
        office.world.server_mut().restart().await;
        assert!(office.last_active(&office.mia).await.is_some());
    }
}
