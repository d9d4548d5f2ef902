use mandate_domain::account::Origin;
use mandate_domain::command::{Actor, Command};
use mandate_domain::id::{AccountId, UserId};
use mandate_storage::{OpenOptions, Store};

use super::*;

const POLICY: &str = "
policy: shop
title: Shop
modules:
  stock:
    title: Stock
    actions: { view: See stock }
roles:
  owner:
    title: Owner
    description: Runs the shop.
    at_birth: true
    may: '*'
    given_by_operator: true
";

async fn store() -> Store {
    Store::open("sqlite::memory:", OpenOptions::default()).await.unwrap()
}

fn file(source: &str) -> PolicyFile {
    read("shop.yaml", source).unwrap()
}

#[test]
fn the_policies_of_the_program_can_be_read() {
    assert!(!builtin().unwrap().is_empty());
}

#[test]
fn a_folder_adds_policies_and_every_mistake_in_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shop.yaml"), POLICY).unwrap();
    fs::write(folder.path().join("notes.txt"), "no policy").unwrap();
    let names: Vec<String> =
        gather(Some(folder.path())).unwrap().into_iter().map(|file| file.policy.name).collect();
    assert!(names.contains(&"shop".to_owned()));
    fs::write(folder.path().join("a.yaml"), "policy: [").unwrap();
    fs::write(folder.path().join("b.yml"), "titel: x").unwrap();
    let told = gather(Some(folder.path())).unwrap_err().to_string();
    assert!(told.contains("a.yaml:") && told.contains("b.yml:"), "{told}");
}

#[test]
fn a_name_is_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let taken = builtin().unwrap().remove(0);
    fs::write(folder.path().join("mine.yaml"), &taken.source).unwrap();
    let told = gather(Some(folder.path())).unwrap_err().to_string();
    assert!(told.contains("mine.yaml") && told.contains(&taken.policy.name), "{told}");
}

#[tokio::test]
async fn a_policy_stays_in_force_when_its_file_is_gone() {
    let store = store().await;
    assert!(sync(&store, &[file(POLICY)]).await.unwrap().get("shop").is_some());
    assert!(sync(&store, &[]).await.unwrap().get("shop").is_some());
}

#[tokio::test]
async fn a_new_version_may_leave_out_only_what_nobody_holds() {
    let store = store().await;
    let policies = sync(&store, &[file(POLICY)]).await.unwrap();
    let renamed = file(&POLICY.replace("  owner:", "  boss:"));
    let operator = Actor::Operator { name: "test#operator".into() };
    let first_user = UserId::from_bits(1);
    let (email, display_name, identities) = ("a@example.com".into(), "A".into(), Vec::new());
    let user =
        Command::CreateUser { id: first_user, email, display_name, avatar_url: String::new(), identities };
    let account = Command::CreateAccount {
        id: AccountId::from_bits(2),
        policy: "shop".into(),
        display_name: "Shop".into(),
        first_user,
        origin: Origin::Registration,
        attributes: Vec::new(),
    };
    for command in [user, account] {
        store.prepare(&policies, &operator, &command, 1).await.unwrap().commit().await.unwrap();
    }
    let refused = sync(&store, &[renamed]).await.unwrap_err().to_string();
    assert!(refused.contains("role owner") && refused.contains("held 1 time"), "{refused}");
}

fn role(policies: &Policies) -> String {
    policies.get("shop").unwrap().roles[0].name.clone()
}

#[tokio::test]
async fn a_new_file_makes_a_version_and_an_old_one_does_not() {
    let store = store().await;
    let (first, renamed) = (file(POLICY), file(&POLICY.replace("  owner:", "  boss:")));
    assert_eq!(role(&sync(&store, std::slice::from_ref(&first)).await.unwrap()), "owner");
    let policies = sync(&store, &[renamed]).await.unwrap();
    assert_eq!((role(&policies), policies.revision()), ("boss".into(), Some(2)), "nobody is an owner");
    let policies = sync(&store, &[first]).await.unwrap();
    assert_eq!(
        (role(&policies), policies.revision()),
        ("boss".into(), Some(2)),
        "an old file undoes nothing"
    );
}

#[tokio::test]
async fn no_file_undoes_what_an_operator_applied() {
    let store = store().await;
    let policies = sync(&store, &[file(POLICY)]).await.unwrap();
    let applied = POLICY.replace("  owner:", "  boss:");
    let digest = digest(&applied);
    let operator = Actor::Operator { name: "test#operator".into() };
    let new = mandate_storage::NewVersion {
        policy: mandate_storage::PolicySource { name: "shop", source: &applied, digest: &digest },
        judged: 1,
        leaves_out: &[],
        actor: Some(&operator),
    };
    let prepared = store.apply_policy(new, mandate_storage::Mode::Once, 7).await.unwrap();
    let mandate_storage::Applied::Prepared(prepared) = prepared else { panic!("not prepared") };
    prepared.commit().await.unwrap();
    for text in [POLICY.to_owned(), POLICY.replace("  owner:", "  chief:")] {
        let policies = sync(&store, &[file(&text)]).await.unwrap();
        assert_eq!((role(&policies), policies.revision()), ("boss".into(), Some(2)));
    }
    let stored = store.policy_version("shop", None).await.unwrap().unwrap();
    assert_eq!(stored.applied_by.as_deref(), Some("operator test#operator"));

    // A write that was planned by the policies before is not committed.
    let user = Command::CreateUser {
        id: UserId::from_bits(1),
        email: "a@example.com".into(),
        display_name: "A".into(),
        avatar_url: String::new(),
        identities: Vec::new(),
    };
    let refused = store.prepare(&policies, &operator, &user, 1).await.map(drop).unwrap_err();
    assert!(matches!(refused, mandate_storage::WriteError::Store(StoreError::PoliciesChanged)), "{refused}");
    let policies = in_force(&store.load_policies().await.unwrap());
    store.prepare(&policies, &operator, &user, 1).await.unwrap().commit().await.unwrap();
}
