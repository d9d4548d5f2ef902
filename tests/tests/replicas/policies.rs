//! A policy that is applied on one server is in force on the other one: at once with the answer's token, and for whoever
//! writes there, whatever that server knows yet.

use mandate_proto::v1::CreateAccountRequest;
use mandate_tests::world::{Party, applying};
use mandate_tests::{expect, shop};
use tonic::Code;

use crate::Pair;

/// A shop with two roles, whose accounts' first users get this one.
fn founded_by(first: &str) -> String {
    let role = |name: &str| {
        let at_birth = first == name;
        format!(
            "  {name}:\n    title: {name}\n    description: Runs the shop.\n    at_birth: {at_birth}\n    may: '*'\n    \
             given_by_operator: true\n"
        )
    };
    let (head, _) = shop::SHOP.split_once("  owner:").expect("a role");
    format!("{head}{}{}", role("ann"), role("ben"))
}

#[tokio::test]
async fn a_policy_is_in_force_on_both() {
    let pair = Pair::start(&[]).await;
    let (here, there) = (pair.world.operator(), pair.other_operator());
    here.apply_policy(applying(shop::SHOP)).await.expect("applied");
    let olga = pair.world.person("Olga").await;
    let account = pair.world.account("shop", &olga).await;
    let mill = shop::SHOP.replace("{ view: See stock }", "{ view: See stock, move: Move stock }");
    let texts = [shop::SHOP.to_owned(), mill];
    for n in 1..=20 {
        let (one, other) = if n % 3 == 0 { (&there, &here) } else { (&here, &there) };
        let applied = one.apply_policy(applying(&texts[n % 2])).await.expect("applied");
        let token = applied.consistency_token;
        let backend = pair.world.server().token("backend", &["authz.check"]);
        let asked = pair.world.may(&olga, &account, "stock.move").of(match n % 3 {
            0 => Party::new(pair.world.server().calling_as("backend", &["authz.check"])),
            _ => pair.other.party(&backend),
        });
        assert_eq!(asked.not_before(&token).await.allowed(), n % 2 == 1, "round {n}");
        assert!(
            one.policy("shop", 0).await.expect("told").version
                == other.policy("shop", 0).await.expect("told").version
        );
    }
}

/// The other server need not know of the version yet: what it writes is judged by it all the same.
#[tokio::test]
async fn a_write_on_the_other_server_is_judged_by_the_new_version() {
    let pair = Pair::start(&[]).await;
    let (here, there) = (pair.world.operator(), pair.other_operator());
    for n in 0..20 {
        let role = ["ann", "ben"][n % 2];
        let person = pair.world.person(&format!("Person {n}")).await;
        here.apply_policy(applying(&founded_by(role))).await.expect("applied");
        let account = CreateAccountRequest {
            policy: "shop".into(),
            display_name: "Shop".into(),
            first_user: person.id.clone(),
            ..CreateAccountRequest::default()
        };
        let account = there.create_account(account).await.expect("created");
        let member = there.member(&account, &person).await.expect("a member");
        assert_eq!(member.roles, [role], "round {n}");
    }
    let refused = here.apply_policy(applying(shop::SHOP)).await;
    expect::assert_refused(refused, Code::FailedPrecondition, "POLICY_NAME_IN_USE");
}
