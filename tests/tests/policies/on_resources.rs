//! What another version would do to people on single resources: on those that are assigned to them, that live in assigned
//! ones, or that they created.

use std::collections::{BTreeMap, BTreeSet};

use mandate_proto::v1::check_stream_response::Result as Outcome;
use mandate_proto::v1::{Account, CheckRequest, Effect, ResourceRef, User, effect};
use mandate_tests::world::{adding, applying, assignment, resource, user_subject};
use mandate_tests::{Engine, Server, World, on_both_engines};

use crate::command::policy;
use crate::effects::Chance;

const PERMISSIONS: [&str; 5] = ["sites.view", "sites.build", "jobs.view", "jobs.do", "notes.read"];

/// What one role holds: everywhere, on assigned resources, on own ones.
#[derive(Default)]
struct Rights<'a> {
    may: Vec<&'a str>,
    on_assigned: Vec<&'a str>,
    on_own: Vec<&'a str>,
}

/// A building site whose roles of members and of resources hold these. Jobs live in sites.
fn site(roles: &[(&str, Rights<'_>)], lead: &[&str], hand: &[&str]) -> String {
    let mut text = format!(
        "
policy: site
title: Building site
modules:
  sites: {{ title: Sites, on: site, actions: {{ view: See, build: Build }} }}
  jobs: {{ title: Jobs, on: [site, job], actions: {{ view: See, do: Do }} }}
  notes: {{ title: Notes, on: note, actions: {{ read: Read }} }}
resources:
  site:
    title: Site
    assignable: '*'
    operations: {{ create: anyone, assign: sites.view, unassign: sites.view }}
    roles: {{ lead: {{ title: Lead, description: Leads., may: [{}] }} }}
  job:
    title: Job
    parent: site
    assignable: '*'
    operations: {{ create: anyone, assign: jobs.view, unassign: jobs.view }}
    roles: {{ hand: {{ title: Hand, description: Helps., may: [{}] }} }}
  note:
    title: Note
    ids: free
    assignable: '*'
    operations: {{ assign: notes.read, unassign: notes.read }}
restrictions:
  frozen: {{ title: Frozen, removes: '*' }}
roles:
  owner:
    title: Owner
    description: Runs the site.
    at_birth: true
    may: '*'
    given_by_operator: true
    delegation:
      over: anyone
      give: '*'
      restrict: frozen
      lift: frozen
      remove: true
      assign: {{ site: {{ roles: '*', permissions: '*' }}, job: {{ roles: '*', permissions: '*' }}, note: {{ permissions: '*' }} }}
",
        lead.join(", "),
        hand.join(", ")
    );
    for (name, Rights { may, on_assigned, on_own }) in roles {
        text.push_str(&format!(
            "  {name}:\n    title: {name}\n    description: Works.\n    restrictable: frozen\n"
        ));
        for (key, names) in [("may", may), ("may_on_assigned", on_assigned), ("may_on_own", on_own)] {
            text.push_str(&format!("    {key}: [{}]\n", names.join(", ")));
        }
    }
    text
}

/// A version that looks like chance.
fn drawn(chance: &mut Chance) -> String {
    let roles = ["baker", "clerk"].map(|name| {
        let mut rights = Rights::default();
        for permission in PERMISSIONS {
            match chance.next(5) {
                0 => rights.may.push(permission),
                1 => rights.on_assigned.push(permission),
                // Of what has no records nobody is known to be the creator.
                2 if permission != "notes.read" => rights.on_own.push(permission),
                3 if permission != "notes.read" => {
                    rights.on_assigned.push(permission);
                    rights.on_own.push(permission);
                }
                _ => {}
            }
        }
        (name, rights)
    });
    let mut some = |names: &[&'static str]| {
        let mut some: Vec<&str> = names.iter().copied().filter(|_| chance.next(2) == 0).collect();
        if some.is_empty() {
            some.push(names[0]);
        }
        some
    };
    let (lead, hand) = (some(&PERMISSIONS[..4]), some(&PERMISSIONS[2..4]));
    site(&roles, &lead, &hand)
}

/// The account, the person and the resource, if it is about one.
type Place = (String, String, Option<(String, String)>);

/// What everybody may do everywhere, as Check answers.
async fn matrix(
    world: &World,
    people: &[User],
    accounts: &[Account],
    resources: &[ResourceRef],
) -> BTreeMap<Place, BTreeSet<String>> {
    let (mut places, mut checks) = (Vec::new(), Vec::new());
    for account in accounts {
        for person in people {
            for resource in std::iter::once(None).chain(resources.iter().cloned().map(Some)) {
                for permission in PERMISSIONS {
                    let on = resource.clone().map(|resource| (resource.r#type, resource.id));
                    places.push((account.id.clone(), person.id.clone(), on));
                    checks.push(CheckRequest {
                        account: account.id.clone(),
                        subject: Some(user_subject(&person.id)),
                        permission: permission.to_owned(),
                        resource: resource.clone(),
                        consistency: None,
                    });
                }
            }
        }
    }
    let asked: Vec<String> = checks.iter().map(|check| check.permission.clone()).collect();
    let answers = world.service(&["authz.check"]).ask_on_a_stream(checks).await.expect("answers");
    let mut matrix = BTreeMap::<Place, BTreeSet<String>>::new();
    for ((place, permission), answer) in places.into_iter().zip(asked).zip(answers) {
        let Outcome::Response(answer) = answer else { panic!("{answer:?}") };
        let permitted = matrix.entry(place).or_default();
        if answer.allowed {
            permitted.insert(permission);
        }
    }
    matrix
}

/// What is gained and lost at each place; on resources, what is not gained or lost in the account as a whole.
fn differences(
    before: &BTreeMap<Place, BTreeSet<String>>,
    after: &BTreeMap<Place, BTreeSet<String>>,
) -> BTreeMap<Place, (Vec<String>, Vec<String>)> {
    let between = |place: &Place| {
        let (was, is) = (&before[place], &after[place]);
        let (gained, lost): (BTreeSet<_>, BTreeSet<_>) = (is - was, was - is);
        (gained, lost)
    };
    let mut all = BTreeMap::new();
    for place in before.keys() {
        let (mut gained, mut lost) = between(place);
        if place.2.is_some() {
            let (gained_in_account, lost_in_account) = between(&(place.0.clone(), place.1.clone(), None));
            (gained, lost) = (&gained - &gained_in_account, &lost - &lost_in_account);
        }
        if !(gained.is_empty() && lost.is_empty()) {
            all.insert(place.clone(), (gained.into_iter().collect(), lost.into_iter().collect()));
        }
    }
    all
}

/// Where an effect is.
fn place(effect: &Effect) -> Place {
    let Some(effect::Subject::User(user)) = &effect.subject else { panic!("{effect:?}") };
    let on = effect.resource.clone().map(|resource| (resource.r#type, resource.id));
    (effect.account.clone(), user.clone(), on)
}

on_both_engines! {
    /// For random versions, people and assignments, in pages of all sizes.
    async fn effects_on_resources_are_the_difference_of_checks(engine: Engine) {
        let world = World::on(Server::start(engine).await);
        let operator = world.operator();
        let mut chance = Chance(0x2545_F491_4F6C_DD1D);
        operator.apply_policy(applying(&drawn(&mut chance))).await.expect("applied");
        let people = world.people(["Ann", "Ben", "Cyd", "Dan"]).await;
        let [north, south] = ["north", "south"].map(|id| resource("site", id));
        let jobs = ["dig", "paint", "roof"].map(|id| resource("job", id));
        let note = resource("note", "any");
        let all = [&[north.clone(), south.clone()][..], &jobs, &[note]].concat();
        let mut accounts = Vec::new();
        for _ in 0..2 {
            let account = world.account("site", &people[0]).await;
            for person in &people[1..] {
                let roles: &[&str] = [&["baker"][..], &["clerk"], &["baker", "clerk"]][chance.next(3) as usize];
                operator.add_with(adding(&account, person, roles)).await.expect("added");
            }
            let made = [(&north, None), (&south, None), (&jobs[0], Some(&north)), (&jobs[1], Some(&south)), (&jobs[2], Some(&south))];
            for (number, (one, parent)) in made.into_iter().enumerate() {
                let by = world.by(&people[number % people.len()]);
                by.register(&account, one.clone(), parent.cloned()).await.expect("registered");
            }
            for person in &people {
                for one in all.iter().filter(|_| chance.next(3) == 0).collect::<Vec<_>>() {
                    let role = match one.r#type.as_str() {
                        "site" => Some("lead"),
                        "job" => Some("hand"),
                        _ => None,
                    };
                    let roles: Vec<&str> = role.into_iter().collect();
                    let permission = if one.r#type == "note" { "notes.read" } else { "jobs.do" };
                    let permissions: Vec<&str> = [permission].into_iter().filter(|_| chance.next(2) == 0).collect();
                    let given = assignment(one, &roles, &permissions);
                    operator.assign(&account, person, given).await.expect("assigned");
                }
            }
            accounts.push(account);
        }

        let mut before = matrix(&world, &people, &accounts, &all).await;
        for size in [2, 5, 50, 100] {
            let next = drawn(&mut chance);
            let told = operator.policy_effects(&next, size).await.expect("told");
            operator.apply_policy(applying(&next)).await.expect("applied");
            let after = matrix(&world, &people, &accounts, &all).await;
            let expected = differences(&before, &after);
            let mut found = BTreeMap::new();
            for effect in told {
                let place = place(&effect);
                if place.2.is_some() {
                    assert!(effect.gained_limited.is_empty() && effect.lost_limited.is_empty(), "{effect:?}");
                }
                // What is only limited otherwise in the account as a whole is told, too.
                if place.2.is_some() || !(effect.gained.is_empty() && effect.lost.is_empty()) {
                    let once = found.insert(place, (effect.gained, effect.lost));
                    assert!(once.is_none(), "nothing is told twice");
                }
            }
            assert_eq!(found, expected, "in pages of {size}");
            before = after;
        }
    }

    /// A person at a terminal is told of each resource, too, and of those alone where something differs.
    async fn a_terminal_tells_who_gains_what_on_which_resource(engine: Engine) {
        let world = World::on(Server::start(engine).await);
        let operator = world.operator();
        let baker = |on_assigned: &[&'static str]| ("baker", Rights { on_assigned: on_assigned.to_vec(), ..Rights::default() });
        let text = site(&[baker(&["sites.view"])], &["jobs.do"], &["jobs.view"]);
        operator.apply_policy(applying(&text)).await.expect("applied");
        let [ann, ben] = world.people(["Ann", "Ben"]).await;
        let account = world.account("site", &ann).await;
        world.member(&account, &ben, &["baker"]).await;
        let (north, dig) = (resource("site", "north"), resource("job", "dig"));
        operator.register(&account, north.clone(), None).await.expect("registered");
        operator.register(&account, dig.clone(), Some(north.clone())).await.expect("registered");
        operator.register(&account, resource("site", "south"), None).await.expect("registered");
        operator.assign(&account, &ben, assignment(&north, &["lead"], &[])).await.expect("assigned");

        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("site.yaml");
        let next = site(&[baker(&["sites.view"])], &["jobs.do", "sites.build"], &["jobs.view"]);
        std::fs::write(&file, &next).expect("a policy");
        let (code, printed, all) = policy(world.server(), &["diff", file.to_str().expect("UTF-8")]);
        assert_eq!(code, Some(0), "{all}");
        for expected in [
            format!("  {} {} gains sites.build on some resources\n", account.id, ben.id),
            format!("  {} {} on site north: gains sites.build\n", account.id, ben.id),
            "  1 x on a site: gains sites.build\n".to_owned(),
            "\n1 member(s) of 1 account(s) gain or lose something\n".to_owned(),
        ] {
            assert!(printed.contains(&expected), "{expected}: {all}");
        }
        assert!(!printed.contains("job dig"), "{all}");

        let next = site(&[baker(&[])], &["sites.view", "jobs.view"], &["jobs.view"]);
        let told = operator.policy_effects(&next, 1).await.expect("told");
        let on: Vec<_> = told.iter().map(|effect| (place(effect).2, effect.gained.clone(), effect.lost.clone())).collect();
        let named = |resource: &ResourceRef| Some((resource.r#type.clone(), resource.id.clone()));
        let (view, done) = (vec!["jobs.view".to_owned()], vec!["jobs.do".to_owned()]);
        assert_eq!(on, [(None, vec![], vec![]), (named(&north), view.clone(), done.clone()), (named(&dig), view, done)]);
    }
}
