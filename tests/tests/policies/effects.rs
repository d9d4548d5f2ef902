//! What another version would do to people is what Check answers afterwards and did not before, for random versions.

use std::collections::{BTreeMap, BTreeSet};

use mandate_proto::v1::{Account, User, effect};
use mandate_tests::world::{adding, applying};
use mandate_tests::{Engine, Server, World, on_both_engines};

use crate::{PERMISSIONS, permitted, with_roles};

/// Numbers that look like chance and are the same every time.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn some(&mut self) -> Vec<&'static str> {
        let all = PERMISSIONS.iter().copied();
        let mut some: Vec<_> = all.filter(|_| self.next(2) == 0).collect();
        if some.is_empty() {
            some.push(PERMISSIONS[0]);
        }
        some
    }

    fn policy(&mut self) -> String {
        let roles: Vec<(&str, Vec<&str>)> =
            ["baker", "clerk", "guest"].iter().map(|name| (*name, self.some())).collect();
        let roles: Vec<(&str, &[&str])> = roles.iter().map(|(name, may)| (*name, may.as_slice())).collect();
        with_roles(&roles)
    }
}

type Matrix = BTreeMap<(String, String), BTreeSet<String>>;

async fn matrix(world: &World, people: &[User], accounts: &[Account]) -> Matrix {
    let mut matrix = Matrix::new();
    for account in accounts {
        for person in people {
            let key = (account.id.clone(), person.id.clone());
            matrix.insert(key, permitted(world, person, account).await);
        }
    }
    matrix
}

on_both_engines! {
    async fn effects_are_the_difference_of_checks(engine: Engine) {
        let world = World::on(Server::start(engine).await);
        let operator = world.operator();
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
        operator.apply_policy(applying(&chance.policy())).await.expect("applied");
        let people = world.people(["Ann", "Ben", "Cyd", "Dan", "Eve", "Fay"]).await;
        let mut accounts = Vec::new();
        for first in &people[..3] {
            let account = world.account("workshop", first).await;
            for person in &people {
                let mut roles: Vec<&str> = ["baker", "clerk", "guest"].into_iter().filter(|_| chance.next(2) == 0).collect();
                if person.id == first.id || roles.is_empty() && chance.next(2) == 0 {
                    continue;
                }
                if roles.is_empty() {
                    roles.push("guest");
                }
                let mut request = adding(&account, person, &roles);
                if chance.next(3) == 0 {
                    request.grants.push(PERMISSIONS[5].to_owned());
                }
                if chance.next(3) == 0 {
                    request.restrictions.push("frozen".to_owned());
                }
                operator.add_with(request).await.expect("added");
            }
            accounts.push(account);
        }
        operator.suspend(&accounts[0], &people[0]).await.ok();
        // Somebody of another policy's account is no concern of it.
        world.account("terminal", &people[0]).await;

        let mut before = matrix(&world, &people, &accounts).await;
        for round in 0..6 {
            let next = chance.policy();
            let told = operator.policy_effects(&next, 1 + 3 * (round % 3)).await.expect("told");
            assert_eq!(matrix(&world, &people, &accounts).await, before, "it was only asked");
            operator.apply_policy(applying(&next)).await.expect("applied");
            let after = matrix(&world, &people, &accounts).await;
            let mut expected = BTreeMap::new();
            for (key, was) in &before {
                let is = &after[key];
                let gained: Vec<String> = is.difference(was).cloned().collect();
                let lost: Vec<String> = was.difference(is).cloned().collect();
                if !(gained.is_empty() && lost.is_empty()) {
                    expected.insert(key.clone(), (gained, lost));
                }
            }
            let mut found = BTreeMap::new();
            for told in told {
                let Some(effect::Subject::User(user)) = told.subject else { panic!("{told:?}") };
                let once = found.insert((told.account, user), (told.gained, told.lost));
                assert!(once.is_none(), "nobody is told of twice");
            }
            assert_eq!(found, expected);
            before = after;
        }
    }

    /// Users of groups and contacts have permissions, too.
    async fn users_of_groups_and_contacts_are_told_of(engine: Engine) {
        let world = World::on(Server::start(engine).await);
        let operator = world.operator();
        let text = |group: &str, contact: &str| {
            with_roles(&[("baker", &["plans.edit"])]).replace(
                "restrictions:",
                &format!(
                    "contacts: {{ at_birth: {contact}, grantable: '*' }}\noperations: {{ contact.create: tools.lend, group.join: tools.lend, member.update: tools.lend }}\n\
                     groups:\n  title: Chain\n  founder: owner\n  roles:\n    head:\n      title: Head\n      \
                     description: Leads.\n      at_birth: true\n      made_by_operator: true\n      \
                     controls: [view, accounts, users, delete]\n      may: [{group}]\nrestrictions:"
                ),
            )
        };
        operator.apply_policy(applying(&text("tools.view", "plans.view"))).await.expect("applied");
        let [owner, head] = world.people(["Olga", "Hal"]).await;
        let account = world.account("workshop", &owner).await;
        let group = world.by(&owner).found_group("Chain", &[&account]).await.expect("founded");
        operator.add_to_group(&group, &head, "head").await.expect("added");
        let contact = world.by(&owner).create_contact(&account, "Carl").await.expect("created");
        let told = operator.policy_effects(&text("tools.buy", "plans.view"), 10).await.expect("told");
        let [effect] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(effect.subject, Some(effect::Subject::User(head.id.clone())));
        assert_eq!((effect.gained.as_slice(), effect.lost.as_slice()), (["tools.buy".to_owned()].as_slice(), ["tools.view".to_owned()].as_slice()));
        let without = text("tools.view", "plans.view").replace("grantable: '*' }\noperations", "grantable: tools.view }\noperations");
        let without = without.replace("at_birth: plans.view", "at_birth: tools.view");
        let told = operator.policy_effects(&without, 10).await.expect("told");
        let [effect] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(effect.subject, Some(effect::Subject::Contact(contact.id.clone())));
        assert_eq!((effect.gained.len(), effect.lost.as_slice()), (0, ["plans.view".to_owned()].as_slice()));
    }
}
