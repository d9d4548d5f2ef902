//! `mandate serve --ephemeral`: other teams' tests begin with it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mandate_client::v1::{
    GetAccountRequest, GetInvitationRequest, ListAssignmentsRequest, ListContactsRequest, ListMembersRequest,
    MemberState, list_assignments_request,
};
use mandate_client::{Client, On, Subject};
use mandate_testkit::{Mandate, Starter};
use mandate_tests::{poll, programs};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(30);

const WORLD: &str = "
services:
  backend: [authz.check, authz.read, accounts.read]
  gateway: [people.act]
people:
  ada: { display_name: Ada Lang }
  ben: {}
  cem: { suspended: yes }
  dana: { email: dana@organization.example }
  olga: { id: usr_01DXF6DT00000000000000000Z }
accounts:
  chatty:
    policy: organization
    first_user: ada
    resources:
      workspace/berlin: { display_name: Berlin }
      workspace/vienna: {}
    members:
      ben: { roles: [user_admin] }
      dana: { roles: [member], assignments: [workspace/berlin] }
      cem: { roles: [member], suspended: yes }
    invitations:
      eve: { roles: [member], assignments: [{ resource: workspace/vienna }] }
  hosting:
    policy: terminal
    first_user: olga
    attributes: { tier: business, organization_domain: berger-it.example, access_control: on }
    contacts:
      kai: { permissions: [support.request] }
    members:
      dana: { roles: [terminal_user], grants: [servers.view] }
    resources:
      cloud/c-1: { creator: dana }
  north: { policy: managed-accounts, first_user: ada }
  south: { policy: managed-accounts, first_user: ada, suspended: yes }
groups:
  agency: { founder: ada, accounts: [north, south], users: { ben: manager } }
";

/// The program under test.
fn mandate() -> std::path::PathBuf {
    programs::folder().join("mandate")
}

async fn start(fixtures: &str) -> Mandate {
    Starter::new(fixtures).program(mandate()).start().await.unwrap_or_else(|error| panic!("{error}"))
}

async fn may(backend: &Client, user: &str, permission: &str, on: On) -> bool {
    let decision = backend.check(Subject::user(user), permission, on).await;
    assert!(decision.reason().is_some(), "{decision:?}");
    decision.is_allowed()
}

#[tokio::test]
async fn the_world_is_as_the_fixtures_say() {
    let world = start(WORLD).await;
    let (backend, chatty) = (world.service("backend"), world.account("chatty"));
    let (dana, ben) = (world.user("dana"), world.user("ben"));
    let workspace = |id: &str| On::resource(chatty, "workspace", id);
    assert!(may(&backend, dana, "inbox.reply", workspace("berlin")).await);
    assert!(!may(&backend, dana, "inbox.reply", workspace("vienna")).await);
    assert!(may(&backend, ben, "users.view", On::account(chatty)).await);
    assert!(!may(&backend, world.user("cem"), "inbox.reply", workspace("berlin")).await, "suspended");

    let hosting = world.account("hosting");
    assert!(may(&backend, dana, "servers.view", On::account(hosting)).await, "a grant");
    assert!(may(&backend, dana, "clouds.write", On::resource(hosting, "cloud", "c-1")).await, "its creator");
    let contact = Subject::contact(world.contact("hosting", "kai"));
    assert!(backend.check(contact, "support.request", On::account(hosting)).await.is_allowed());

    assert!(may(&backend, ben, "campaigns.edit", On::account(world.account("north"))).await, "by the group");
    assert!(!may(&backend, ben, "campaigns.edit", On::account(world.account("south"))).await, "suspended");
}

#[tokio::test]
async fn everybody_has_a_token() {
    let world = start(WORLD).await;
    let chatty = world.account("chatty").to_owned();
    let ada = world.person("ada").send(GetAccountRequest { account: chatty.clone() }).await.expect("hers");
    assert_eq!(ada.account.expect("an account").display_name, "Chatty");
    let invitation = world.invitation("chatty", "eve").to_owned();
    let request = GetInvitationRequest { account: chatty.clone(), invitation };
    let found = world.operator().send(request).await.expect("an invitation").invitation.expect("it");
    assert_eq!(found.email, "eve@example.com");
    let listed = ListMembersRequest { account: chatty.clone(), ..Default::default() };
    let members = world.service("backend").send(listed).await.expect("members").members;
    let suspended = members.iter().filter(|member| member.state() == MemberState::Suspended);
    assert_eq!(suspended.map(|member| member.user.as_str()).collect::<Vec<_>>(), [world.user("cem")]);
    let hosting = world.account("hosting").to_owned();
    let contacts = ListContactsRequest { account: hosting.clone(), ..Default::default() };
    let contacts = world.operator().send(contacts).await.expect("contacts").contacts;
    assert_eq!(contacts.len(), 1);
    let of = Some(list_assignments_request::Of::User(world.user("dana").to_owned()));
    let assigned = ListAssignmentsRequest { account: hosting, of, ..Default::default() };
    assert_eq!(world.operator().send(assigned).await.expect("assignments").assignments.len(), 1);
    // The mail of the invitation was written, as ever.
    let written = poll::until(LIMIT, async || std::fs::read_dir(world.mail()).ok()?.next()).await;
    assert!(written.is_some(), "no mail in {}", world.mail().display());
    let mail = world.mail().to_owned();
    drop(world);
    assert!(!mail.exists(), "{} is left", mail.display());
}

#[tokio::test]
async fn ids_are_the_same_from_run_to_run() {
    let ids = |world: &Mandate| {
        [
            world.user("ada"),
            world.user("olga"),
            world.account("chatty"),
            world.contact("hosting", "kai"),
            world.invitation("chatty", "eve"),
            world.group("agency"),
        ]
        .map(str::to_owned)
    };
    let first = ids(&start(WORLD).await);
    // Whatever else there is: an id follows from the name alone.
    let more = WORLD.replace("people:\n", "people:\n  zoe: {}\n");
    assert_eq!(first, ids(&start(&more).await));
    assert_eq!(first[1], "usr_01DXF6DT00000000000000000Z");
}

/// As a program in any language starts it.
#[tokio::test]
async fn the_command_line_is_enough() {
    let folder = tempfile::tempdir().expect("a folder");
    let [seed, ready, temporary] = ["fixtures.yaml", "ready", "tmp"].map(|name| folder.path().join(name));
    std::fs::write(&seed, WORLD).expect("fixtures");
    std::fs::create_dir(&temporary).expect("a folder");
    let mut server = serve(&folder, &seed);
    let mut server = server.stdin(Stdio::piped()).spawn().expect("it starts");
    let is_ready = async || match server.try_wait().expect("a child") {
        Some(status) => panic!("it has ended: {status}"),
        None => ready.exists().then_some(()),
    };
    poll::until(LIMIT, is_ready).await.expect("it is ready");
    let told = folder.path().join("ready.json");
    let mode = std::fs::metadata(&told).expect("it is there before the ready file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds tokens");
    let world: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&told).expect("read")).expect("JSON");
    let address = std::fs::read_to_string(&ready).expect("the address");
    assert_eq!(world["address"], address.trim());
    assert!(world["people"]["ada"]["id"].as_str().is_some_and(|id| id.starts_with("usr_01DXF6DT00")));
    assert!(world["services"]["gateway"]["token"].is_string() && world["operator"]["token"].is_string());
    // Whoever started it is gone.
    drop(server.stdin.take());
    let ended = poll::until(LIMIT, async || server.try_wait().expect("a child")).await.expect("it ends");
    assert!(ended.success(), "{ended}");
    assert_eq!(std::fs::read_dir(&temporary).expect("a folder").count(), 0, "something is left");
}

#[tokio::test]
async fn mistakes_end_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let seed = folder.path().join("fixtures.yaml");
    std::fs::write(&seed, "people: { ada: { emial: a@b.example } }\nacounts: {}\n").expect("fixtures");
    let (code, _, all) = programs::run(&mut serve(&folder, &seed));
    assert_eq!(code, Some(1), "{all}");
    for line in [
        "fixtures.yaml:1:18: error: people.ada.emial: `emial` means nothing here; did you mean `email`?",
        "fixtures.yaml:2:1: error: acounts: `acounts` means nothing here; did you mean `accounts`?",
    ] {
        assert!(all.contains(line), "{line}\n{all}");
    }
    assert!(!folder.path().join("ready").exists());
    let alone = programs::run(Command::new(mandate()).args(["serve", "--seed", "x.yaml"]));
    assert_eq!(alone.0, Some(2), "--seed without --ephemeral would change a database: {}", alone.2);
}

/// `mandate serve` with its files in this folder.
fn serve(folder: &TempDir, seed: &Path) -> Command {
    let mut command = Command::new(mandate());
    command.args(["serve", "--ephemeral", "--until-stdin-closes", "--listen", "127.0.0.1:0", "--seed"]);
    command.arg(seed).arg("--ready-file").arg(folder.path().join("ready"));
    command.env("TMPDIR", folder.path().join("tmp")).stdout(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MANDATE_")) {
        command.env_remove(name);
    }
    command
}

#[tokio::test]
async fn the_fixtures_of_the_readme_are_a_world() {
    let readme = include_str!("../../crates/testkit/README.md");
    let blocks = readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let fixtures: Vec<&str> = blocks.filter(|block| block.contains("\npeople:")).collect();
    let [fixtures] = fixtures.as_slice() else { panic!("one block of fixtures: {fixtures:?}") };
    let world = start(fixtures).await;
    let shipment = On::resource(world.account("hansen"), "shipment", "S-1");
    assert!(
        !may(&world.service("backend"), world.user("kim"), "shipments.view", shipment).await,
        "suspended"
    );
    let (ben, company) = (world.person("ben"), On::account(world.account("hansen")));
    assert!(ben.check(Subject::user(world.user("ben")), "shipments.book", company).await.is_allowed());
}
