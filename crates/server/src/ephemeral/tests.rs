//! What is told of fixtures that cannot be.

use super::seed::plant;
use crate::database::DatabaseSettings;
use crate::facts::Facts;
use crate::overload::{Bounds, OverloadSettings};
use crate::policies;
use std::sync::Arc;
use std::time::Duration;

use mandate_storage::Store;

async fn facts() -> Arc<Facts> {
    let store = Store::open(super::DATABASE, DatabaseSettings::default().options()).await.unwrap();
    let policies = policies::sync(&store, &policies::gather(None).unwrap()).await.unwrap();
    let bounds = Bounds::new(&OverloadSettings::default(), &store);
    Facts::open(store, policies, Duration::from_secs(30), bounds).await.unwrap()
}

/// What is told of these fixtures, a line for each mistake, without the name of the file.
async fn mistakes(fixtures: &str) -> Vec<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), fixtures).unwrap();
    let error = plant(&facts().await, file.path()).await.unwrap_err().to_string();
    let name = file.path().display().to_string();
    error.lines().skip(1).map(|line| line.replace(&name, "")).collect()
}

#[tokio::test]
async fn every_mistake_is_told_at_once_with_its_line_and_field() {
    let told = mistakes(
        "people:
  ada: { emial: ada@example.com }
  ben: { email: nobody }
services:
  shop: [authz.chek]
accounts:
  hansen:
    policy: company-account
    first_user: ada
    members:
      cleo: { roles: [member] }
      ada: { roles: [admin, bos] }
  south:
    policy: terminl
    first_user: ada
  west:
    policy: terminal
    first_user: adda
",
    )
    .await;
    let expected = [
        (":2:10: error: people.ada.emial: ", "did you mean `email`?"),
        (":3:17: error: people.ben.email: ", "address"),
        (":5:10: error: services.shop[0]: ", "authz.check"),
        (":11:7: error: accounts.hansen.members.cleo: ", "introduce them under `people`"),
        (":12:29: error: accounts.hansen.members.ada.roles[1]: ", "bos"),
        (":14:13: error: accounts.south.policy: ", "terminal"),
        (":18:17: error: accounts.west.first_user: ", "did you mean `ada`?"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (line, (place, says)) in told.iter().zip(expected) {
        assert!(line.starts_with(place) && line.contains(says), "{line}\n{place} … {says}");
    }
}

#[tokio::test]
async fn what_rests_on_a_mistake_is_not_told_as_another() {
    let told = mistakes(
        "people:
  ada: {}
accounts:
  shop:
    policy: managed-accounts
    display_name: ''
    first_user: ada
    contacts: { kai: {} }
    suspended: yes
groups:
  agency: { founder: ada, accounts: [shop] }
",
    )
    .await;
    assert_eq!(told.len(), 1, "{told:#?}");
}

/// limits hold for fixtures, too, so that no test runs on a state that cannot be.
#[tokio::test]
async fn the_rules_hold() {
    let told = mistakes(
        "people: { ada: {}, ben: {} }
accounts:
  area:
    policy: client-area
    first_user: ada
    members:
      ben:
        roles: [owner]
",
    )
    .await;
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told.iter().all(|line| line.starts_with(":7:7: error: accounts.area.members.ben: ")),
        "{told:#?}"
    );
}
