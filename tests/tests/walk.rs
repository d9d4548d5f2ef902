//! A walk over every RPC of the descriptor set: without a token, with a bad one, with every wrong scope, as a
//! stranger, and in every role of every built-in policy.
//!
//! What each role may do is read from the policy file, not asked of the engine. The tables in `snapshots/` are for
//! people: one line for each RPC, one column for each caller.

#[path = "support/shapes.rs"]
mod shapes;

use std::collections::BTreeSet;
use std::time::Duration;

use self::shapes::{casts, policies, shape};
use mandate_domain::operation::{Operation, ResourceOperation};
use mandate_domain::policy::model::{GroupControl, Needs as PolicyNeeds, OperationRule, Policy};
use mandate_domain::policy::set::PermissionId;
use mandate_tests::jwt::{TokenKey, claims, minutes_from_now, with};
use mandate_tests::walk::stage::{Cast, Place, Shape};
use mandate_tests::walk::{Case, Needs, Outcome, Scene, Stage, Success, Table, call, cases, rpcs};
use mandate_tests::{Server, on_both_engines};

/// Every scope that a token can carry.
const SCOPES: &[&str] = &[
    "authz.check",
    "authz.read",
    "authz.watch",
    "accounts.create",
    "accounts.read",
    "users.read",
    "users.write",
    "mail.send",
    "people.act",
    "platform.operator",
];

/// Refusals that say: you may not.
const MAY_NOT: &[&str] =
    &["SCOPE_MISSING", "NOT_A_MEMBER", "PERMISSION_MISSING", "OPERATOR_ONLY", "SELF_REMOVAL", "NOT_ONESELF"];

/// What the policy file says of a caller and a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It lets them.
    May,
    /// It does not, and they hear this.
    MayNot(&'static str),
    /// It has nothing of the kind: whatever the answer is.
    NoSuchThing,
}

fn verdict(policy: &Policy, shape: &Shape, cast: &Cast, case: &Case) -> Verdict {
    let kind = shape
        .kind
        .as_ref()
        .and_then(|kind| policy.resource_types.iter().find(|found| found.name == kind.name));
    let on = |operation: &str| ResourceOperation::from_name(operation).expect("an operation");
    match case.needs {
        Needs::Known | Needs::Membership | Needs::Password | Needs::Public => Verdict::May,
        Needs::NotOneself => Verdict::MayNot("NOT_ONESELF"),
        Needs::Nobody => Verdict::MayNot("SCOPE_MISSING"),
        Needs::GroupRole | Needs::GroupControl(_) if policy.groups.is_none() || cast.group_role.is_none() => {
            Verdict::MayNot("NOT_A_MEMBER")
        }
        Needs::GroupRole => {
            let groups = policy.groups.as_ref().expect("just looked");
            let own = groups
                .roles
                .iter()
                .find(|role| Some(&role.role.name) == cast.group_role.as_ref())
                .expect("a role");
            if own.gives.is_empty() { Verdict::MayNot("DELEGATION_DENIED") } else { Verdict::May }
        }
        Needs::GroupControl(name) => {
            let groups = policy.groups.as_ref().expect("just looked");
            let own = groups
                .roles
                .iter()
                .find(|role| Some(&role.role.name) == cast.group_role.as_ref())
                .expect("a role");
            let control = match name {
                "view" => GroupControl::View,
                "accounts" => GroupControl::Accounts,
                _ => GroupControl::Delete,
            };
            if own.controls.contains(&control) { Verdict::May } else { Verdict::MayNot("DELEGATION_DENIED") }
        }
        Needs::Operation(name) => {
            let operation = Operation::from_name(name).expect("an operation");
            let missing = if name == "member.leave" { "SELF_REMOVAL" } else { "OPERATOR_ONLY" };
            by_rule(policy.operations.get(&operation), missing, |id| account_wide(policy, cast, id))
        }
        Needs::OperationAndOfContacts(name, of_contacts) => {
            let rule = |name| {
                let operation = Operation::from_name(name).expect("an operation");
                let rule = policy.operations.get(&operation);
                by_rule(rule, "OPERATOR_ONLY", |id| account_wide(policy, cast, id))
            };
            match rule(name) {
                Verdict::May if policy.contacts.is_some() => rule(of_contacts),
                verdict => verdict,
            }
        }
        Needs::OnType(name) => kind.map_or(Verdict::NoSuchThing, |kind| {
            by_rule(kind.operations.get(&on(name)), "OPERATOR_ONLY", |id| account_wide(policy, cast, id))
        }),
        Needs::OnResource(name) => kind.map_or(Verdict::NoSuchThing, |kind| {
            let of_kind = kind.roles.iter().find(|role| Some(&role.name) == cast.resource_role.as_ref());
            let there = on(name) != ResourceOperation::Create;
            by_rule(kind.operations.get(&on(name)), "OPERATOR_ONLY", |id| {
                account_wide(policy, cast, id) || (there && of_kind.is_some_and(|role| role.may.contains(id)))
            })
        }),
    }
}

fn by_rule(
    rule: Option<&OperationRule>,
    missing: &'static str,
    holds: impl Fn(PermissionId) -> bool,
) -> Verdict {
    match rule.map(|rule| rule.needs) {
        None => Verdict::MayNot(missing),
        Some(PolicyNeeds::AnyMember) => Verdict::May,
        Some(PolicyNeeds::Permission(id)) if holds(id) => Verdict::May,
        Some(PolicyNeeds::Permission(_)) => Verdict::MayNot("PERMISSION_MISSING"),
    }
}

fn account_wide(policy: &Policy, cast: &Cast, id: PermissionId) -> bool {
    let roles = policy.roles.iter().filter(|role| cast.roles.contains(&role.name));
    let groups = policy.groups.iter().flat_map(|groups| &groups.roles).map(|role| &role.role);
    let groups = groups.filter(|role| Some(&role.name) == cast.group_role.as_ref());
    roles.chain(groups).any(|role| role.may.contains(id))
}

/// Whether a call changed anything, so that the next one needs a scene of its own.
fn is_spent(case: &Case, outcome: &Outcome) -> bool {
    let reads = ["Get", "List", "Check", "BatchCheck", "Lookup", "Watch"];
    let method = case.rpc.rsplit('/').next().unwrap_or_default();
    matches!(outcome, Outcome::Answered(_)) && !reads.iter().any(|verb| method.starts_with(verb))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[test]
fn x_02_every_rpc_has_a_case() {
    let known: BTreeSet<String> = cases().iter().map(|case| case.rpc.to_owned()).collect();
    let missing: Vec<String> = rpcs().into_iter().filter(|rpc| !known.contains(rpc)).collect();
    assert!(
        missing.is_empty(),
        "no case for {missing:?}: add one to tests/src/walk (its service's file) that says what a person needs, which \
         scopes let a service call it, and how a valid request is built"
    );
    let rpcs: BTreeSet<String> = rpcs().into_iter().collect();
    assert!(known.is_subset(&rpcs), "cases of RPCs that are gone: {:?}", known.difference(&rpcs));
}

on_both_engines! {
    /// Whoever is not known is told so, whatever they call; a service needs the scope of the call.
    async fn x_02_nobody_calls_without_a_token_of_the_right_scope(server: Server) {
        let policy = policies().into_iter().find(|policy| policy.name == "organization").expect("built in");
        let stage = Stage { server: &server, shape: shape(&policy) };
        let somebody = Cast { roles: vec![stage.shape.low_role.clone()], ..Cast::default() };
        let (cases, mut wrong) = (cases(), Vec::new());
        let mut table = Table::new(&cases);
        let mut scene = stage.scene(&somebody).await;
        let expired = with(claims("mandate", "mandate", &scene.caller), "exp", minutes_from_now(-5));
        let unknown = server.short_token("usr_00000000000000000000000000", Duration::from_secs(300));
        let mut callers = vec![
            ("no token".to_owned(), None, vec![], "TOKEN_MISSING"),
            ("garbage".to_owned(), Some("garbage".to_owned()), vec![], "TOKEN_MALFORMED"),
            ("expired".to_owned(), Some(TokenKey::of(&server).sign(&expired)), vec![], "TOKEN_EXPIRED"),
            ("unknown person".to_owned(), Some(unknown), vec![], "CALLER_UNKNOWN"),
        ];
        for scope in SCOPES {
            callers.push(((*scope).to_owned(), Some(server.token("service", &[scope])), vec![*scope], "SCOPE_MISSING"));
        }
        for (name, token, scopes, refusal) in &callers {
            for case in &cases {
                scene.creator = if scopes.is_empty() { String::new() } else { scene.target.clone() };
                let header = token.as_deref().map(bearer);
                let outcome = (case.inside)(call(&server.channel(), case.rpc, (case.request)(&scene), header.as_deref()).await);
                let word = outcome.word();
                let fits = scopes.iter().any(|scope| *scope == "platform.operator" || case.scopes.contains(scope));
                // What is not for persons at all does not even ask who they are.
                let nobody = case.needs == Needs::Nobody && *refusal == "CALLER_UNKNOWN" && word == "SCOPE_MISSING";
                let refused = fits == (word == *refusal) && !nobody || fits && MAY_NOT.contains(&word.as_str());
                // What is public looks at its own proof alone, whoever else comes along.
                let public = case.needs == Needs::Public;
                let of_callers = ["TOKEN_", "CALLER_", "SCOPE_"].iter().any(|start| word.starts_with(start));
                if public && of_callers || !public && refused {
                    wrong.push(format!("{} with {name}: {word}", case.name()));
                }
                table.put(case, name, word);
                if is_spent(case, &outcome) {
                    scene = stage.scene(&somebody).await;
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}\n{}", table.text());
        insta::assert_snapshot!("tokens_and_scopes", table.text());
    }

    /// Somebody else's account looks exactly like one that does not exist.
    async fn x_01_a_stranger_cannot_tell_an_account_from_none(server: Server) {
        for policy in policies() {
            let stage = Stage { server: &server, shape: shape(&policy) };
            let chief = Cast { place: Place::First, ..Cast::default() };
            let mut theirs = stage.scene(&chief).await;
            // Owner of an account of the same policy, with a group of their own where there are groups.
            let stranger = stage.scene(&chief).await.caller;
            theirs.caller.clone_from(&stranger);
            let header = bearer(&server.token(&stranger, &[]));
            for case in cases() {
                let (there, nowhere) = ((case.request)(&theirs), (case.request)(&theirs.nowhere()));
                if there == nowhere {
                    continue; // not about an account
                }
                let there = (case.inside)(call(&server.channel(), case.rpc, there, Some(&header)).await);
                let nowhere = (case.inside)(call(&server.channel(), case.rpc, nowhere, Some(&header)).await);
                let name = format!("{} under {}", case.name(), policy.name);
                assert_eq!(there.seen(), nowhere.seen(), "{name}");
                let by_membership = !matches!(
                    case.needs,
                    Needs::Known | Needs::NotOneself | Needs::Nobody | Needs::Password | Needs::Public
                );
                assert!(!by_membership || there.word() == "NOT_A_MEMBER", "{name}: {}", there.word());
            }
        }
    }

    /// Each role reaches exactly the calls that the policy file gives it.
    async fn x_02_x_04_each_role_reaches_what_the_policy_gives_it(server: Server) {
        let cases = cases();
        let mut reached: BTreeSet<String> = BTreeSet::new();
        let mut wrong = Vec::new();
        let mut tables = Vec::new();
        for policy in policies() {
            let stage = Stage { server: &server, shape: shape(&policy) };
            let mut table = Table::new(&cases);
            for cast in casts(&policy, &stage.shape) {
                let mut ready: Option<Scene> = None;
                for case in &cases {
                    let scene = match ready.take() {
                        Some(scene) => scene,
                        None => stage.scene(&cast).await,
                    };
                    let header = bearer(&server.token(&scene.caller, &[]));
                    let outcome = call(&server.channel(), case.rpc, (case.request)(&scene), Some(&header)).await;
                    let outcome = (case.inside)(outcome);
                    let word = outcome.word();
                    let fine = match verdict(&policy, &stage.shape, &cast, case) {
                        Verdict::May => !MAY_NOT.contains(&word.as_str()),
                        Verdict::MayNot(refusal) => word == refusal,
                        Verdict::NoSuchThing => word != "ok",
                    };
                    if !fine {
                        let expected = verdict(&policy, &stage.shape, &cast, case);
                        wrong.push(format!("{}: {} as {}: {word}, expected {expected:?}", policy.name, case.name(), cast.label));
                    }
                    if word == "ok" {
                        reached.insert(case.name());
                    }
                    table.put(case, &cast.label, word);
                    ready = Some(scene).filter(|_| !is_spent(case, &outcome));
                }
            }
            tables.push((policy.name.replace('-', "_"), table.text()));
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        // The right person succeeds somewhere, with each call that is for persons.
        let here = cases.iter().filter(|case| case.success == Success::Here);
        let without = [Needs::Nobody, Needs::NotOneself, Needs::Password, Needs::Public];
        let for_persons = here.filter(|case| !without.contains(&case.needs));
        let never: Vec<String> = for_persons.map(Case::name).filter(|name| !reached.contains(name)).collect();
        assert!(never.is_empty(), "nobody in any role succeeds with {never:?}");
        for (name, text) in tables {
            insta::assert_snapshot!(name, text);
        }
    }
}
