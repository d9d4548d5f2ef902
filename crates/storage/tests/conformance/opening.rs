//! Opening, closing and opening again.

use mandate_domain::records::{Key, Record};
use mandate_storage::{OpenOptions, Store, StoreError};

use crate::database::{Database, Engine, block_on};
use crate::on_every_engine;
use crate::world::World;

fn error_of(url: &str) -> StoreError {
    match block_on(Store::open(url, OpenOptions::default())) {
        Ok(_) => panic!("{url} opens"),
        Err(error) => error,
    }
}

on_every_engine! {
    async fn what_was_written_is_there_after_a_restart(database: Database) {
        let world = World::new(database.open().await);
        let ada = world.user(1).await;
        let home = world.account(9, "company-account", ada).await;
        let incarnation = world.store.incarnation().to_owned();
        assert_eq!(incarnation.len(), 32);
        world.store.close().await;
        assert!(world.store.read(&[Key::User(ada)]).await.is_err(), "it is closed");
        let again = database.open().await;
        assert_eq!(again.incarnation() == incarnation, database.is_kept());
        let found = again.read(&[Key::Membership(home, ada)]).await.expect("reads").remove(0).1;
        assert!(matches!(found, Record::Membership(found) if found.is_some() == database.is_kept()));
    }

    async fn a_second_server_is_kept_off_a_file(database: Database) {
        if database.engine != Engine::File {
            return; // Nobody else reaches it, or several may.
        }
        let first = Store::open(&database.url, OpenOptions::default()).await.expect("opens");
        let second = Store::open(&database.url, OpenOptions::default()).await.map(drop);
        let Err(error @ StoreError::Locked(_)) = second else { panic!("{second:?}") };
        assert!(error.to_string().contains("stop that"), "says what to do: {error}");
        first.close().await;
        let third = Store::open(&database.url, OpenOptions::default()).await.expect("opens");
        third.close().await;
    }

    async fn a_database_of_a_newer_version_is_refused(database: Database) {
        if database.engine == Engine::Memory {
            return;
        }
        database.open().await.close().await;
        database.execute("UPDATE meta SET value = '3' WHERE name = 'least_reader'").await;
        let result = Store::open(&database.url, OpenOptions::default()).await.map(drop);
        assert!(matches!(result, Err(StoreError::TooNew { found: 3, known: 2 })), "{result:?}");
    }
}

#[test]
fn mistakes_in_the_url_are_told_without_its_password() {
    for url in
        ["", "x", "mysql://a:s3cret@b/c", "sqlite:", "sqlite:x.db?mode=rwc", "postgres://a:s3cret@b:port/c"]
    {
        let error = error_of(url);
        assert!(matches!(error, StoreError::Config(_)), "{url}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
    let error = error_of("sqlite:/no/such/folder/state.db");
    assert!(matches!(&error, StoreError::Config(text) if text.contains("/no/such/folder")), "{error:?}");
}

#[test]
fn servers_that_start_at_once_share_an_empty_database() {
    let database = Database::create(Engine::Postgres);
    block_on(async {
        let open = || Store::open(&database.url, OpenOptions { connections: 2, ..OpenOptions::default() });
        let (one, two, three) = tokio::join!(open(), open(), open());
        let stores = [one.expect("opens"), two.expect("opens"), three.expect("opens")];
        let mut incarnations: Vec<&str> = stores.iter().map(Store::incarnation).collect();
        incarnations.dedup();
        assert_eq!(incarnations.len(), 1, "it was made once");
        for store in &stores {
            store.close().await;
        }
    });
}

#[test]
fn a_database_that_is_not_there_is_a_mistake_in_the_url() {
    let database = Database::create(Engine::Postgres);
    let error = error_of(&format!("{}_not", database.url));
    assert!(
        matches!(&error, StoreError::Config(text) if text.contains("no database of that name")),
        "{error:?}"
    );
}

#[test]
fn a_server_that_is_away_is_unavailable() {
    let error = error_of("postgres://a:s3cret@127.0.0.1:1/c");
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[test]
fn a_file_is_for_its_owner_alone_and_locked_however_it_is_spelled() {
    let database = Database::create(Engine::File);
    block_on(async {
        let first = database.open().await;
        let detour = database.folder().join("..").join(database.folder().file_name().expect("a name"));
        let url = format!("sqlite:{}/state.db", detour.display());
        let second = Store::open(&url, OpenOptions::default()).await.map(drop);
        assert!(matches!(second, Err(StoreError::Locked(_))), "{second:?}");
        #[cfg(unix)]
        for entry in std::fs::read_dir(database.folder()).expect("lists") {
            let entry = entry.expect("an entry");
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&entry.metadata().expect("metadata").permissions());
            assert_eq!(mode & 0o077, 0, "{:?}", entry.path());
        }
        first.close().await;
    });
}
