//! Backup and restore as deploy/BACKUP.md describes them: taken while the server writes, restored elsewhere, compared, and
//! written on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mandate_proto::v1::{Account, DecisionReason as Reason, User};
use mandate_tests::cluster::Node;
use mandate_tests::expect::assert_refused;
use mandate_tests::{Engine, Replica, Server, World, dump, on_both_engines, poll};
use tonic::Code;

/// How long to wait for what must come soon, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(30);

/// How many members somebody adds, one after the other, while the backup is taken.
const PEOPLE: usize = 60;

/// A tool that comes with PostgreSQL: beside the server's own binaries where `tests/run` tells of them, else of this machine.
fn tool(name: &str) -> PathBuf {
    let told = std::env::var_os("MANDATE_POSTGRES_BIN").map(PathBuf::from);
    let mut installed: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    installed.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = told.into_iter().chain(installed.into_iter().rev()).chain(std::env::split_paths(&path));
    let mut found = folders.map(|folder| folder.join(name)).filter(|file| file.is_file());
    found.next().unwrap_or_else(|| {
        panic!(
            "{name} is not on this machine: install PostgreSQL's client tools, or set MANDATE_POSTGRES_BIN"
        )
    })
}

fn run(command: &mut Command) {
    let output = command.output().expect("the tool starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Takes a backup of the database into a file.
fn back_up(server: &Server, file: &Path) {
    match server.engine() {
        Engine::Sqlite => dump::execute(server, &format!("VACUUM INTO '{}'", file.display())),
        Engine::Postgres => run(Command::new(tool("pg_dump"))
            .args(["--format=custom", "--no-owner", "--file"])
            .arg(file)
            .arg(server.database_url())),
    }
}

/// A world of its own, which is stopped, with the database of the backup and the keys of the first one.
async fn restore(first: &World, file: &Path) -> World {
    let mut server = Server::start(first.server().engine()).await;
    server.stop().await;
    match server.engine() {
        Engine::Sqlite => {
            for leftover in ["mandate.db-wal", "mandate.db-shm"] {
                // Of the database that was there before: it would be taken for a part of the restored one.
                let _ = std::fs::remove_file(server.data_dir().join(leftover));
            }
            std::fs::copy(file, server.data_dir().join("mandate.db")).expect("copied");
        }
        Engine::Postgres => {
            dump::execute(&server, "DROP SCHEMA public CASCADE");
            dump::execute(&server, "CREATE SCHEMA public");
            run(Command::new(tool("pg_restore"))
                .args(["--no-owner", "--exit-on-error", "--dbname"])
                .arg(server.database_url())
                .arg(file));
        }
    }
    copy_keys(first, &server);
    World::on(server)
}

fn copy_keys(first: &World, server: &Server) {
    for key in ["signing-key.pem", "mail-secret.key"] {
        std::fs::copy(first.server().data_dir().join(key), server.data_dir().join(key)).expect("copied");
    }
}

/// Every row of every table.
fn rows(world: &World) -> BTreeSet<String> {
    dump::rows(world.server()).lines().map(str::to_owned).collect()
}

/// Ada's organization, Bob in it, and people who are not yet.
async fn cast(world: &World) -> (Account, User, Vec<User>) {
    let [ada, bob] = world.people(["Ada", "Bob"]).await;
    let acme = world.account("organization", &ada).await;
    world.member(&acme, &bob, &["admin"]).await;
    world.by(&ada).invite(&acme, "cleo@example.com", &["member"]).await.expect("invited");
    let mut people = Vec::with_capacity(PEOPLE);
    for n in 0..PEOPLE {
        people.push(world.person(&format!("Person {n}")).await);
    }
    (acme, bob, people)
}

on_both_engines! {
    /// What had been acknowledged when the backup began is in it, what came later is or is not, and nothing in between.
    async fn a_backup_under_writes_is_of_one_instant(engine: Engine) {
        let world = World::on(Server::start(engine).await);
        let (acme, _, people) = cast(&world).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("backup");
        let (added, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let writer = {
            let (operator, acme, people) = (world.operator(), acme.clone(), people.clone());
            let (added, enough) = (Arc::clone(&added), Arc::clone(&enough));
            // On a thread of its own: taking the backup blocks this one.
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(async {
                    for person in people.iter().take_while(|_| !enough.load(Ordering::Acquire)) {
                        operator.add(&acme, person, &["member"]).await.expect("added");
                        added.fetch_add(1, Ordering::AcqRel);
                    }
                });
            })
        };
        let begun = poll::until(SOON, async || (added.load(Ordering::Acquire) >= 5).then_some(()));
        begun.await.expect("somebody writes");
        let before = added.load(Ordering::Acquire);
        back_up(world.server(), &file);
        enough.store(true, Ordering::Release);
        writer.join().expect("the writer ends");
        let after = added.load(Ordering::Acquire);

        let mut restored = restore(&world, &file).await;
        restored.server_mut().restart().await;
        let mut there = Vec::with_capacity(PEOPLE);
        for person in &people {
            there.push(restored.may(person, &acme, "users.view").await.answer.reason() != Reason::NotAMember);
        }
        let found = there.iter().filter(|there| **there).count();
        println!("{before} before it began, {found} in the backup, {after} in the end");
        assert!(there.is_sorted_by(|a, b| a >= b), "added one after the other: {there:?}");
        assert!((before..=after).contains(&found), "{before}, {found}, {after}");
        let mut tables = vec!["memberships", "member_names", "member_search"];
        let members = format!("WHERE account = '{}'", acme.id);
        let counts: BTreeSet<i64> = tables
            .drain(..)
            .map(|table| dump::number(restored.server(), &format!("SELECT COUNT(*) FROM {table} {members}")))
            .collect();
        assert_eq!(counts.len(), 1, "a member is in all tables or in none: {counts:?}");
    }

    /// The restored database holds every row, its server knows everybody, and it is written on.
    async fn a_restored_database_is_written_on(engine: Engine) {
        let mut world = World::on(Server::start(engine).await);
        let (acme, bob, people) = cast(&world).await;
        let seen = world.may(&bob, &acme, "users.view").await.answer.consistency_token;
        let _sent = world.letter("cleo@example.com", 1).await;
        // Until it is stopped, what it does by itself would be missing.
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("backup");
        let settled = poll::until(SOON, async || {
            world.outbox().await.iter().all(|mail| mail.done_time.is_some()).then_some(())
        });
        settled.await.expect("mail is sent");
        back_up(world.server(), &file);
        let copied = rows(&world);
        let lost = world.operator().remove_for_token(&acme, &bob).await.expect("removed");

        let mut restored = restore(&world, &file).await;
        let found = rows(&restored);
        let differ: Vec<_> = copied.symmetric_difference(&found).filter(|row| !row.starts_with("member_activity")).collect();
        assert!(differ.is_empty(), "{differ:#?}");
        world.server_mut().stop().await;
        if engine == Engine::Sqlite {
            // As the document says: a copy that goes its own way is another database.
            let another = "UPDATE meta SET value = lower(hex(randomblob(16))) WHERE name = 'incarnation'";
            dump::execute(restored.server(), another);
        }
        restored.server_mut().restart().await;

        restored.may(&bob, &acme, "users.view").await.allowed_by(Reason::Role);
        for token in [&seen, &lost] {
            let refused = restored.may(&bob, &acme, "users.view").not_before(token).ask().await;
            assert_refused(refused, Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID");
        }
        // Keys came along: tokens of before are good, and so are the links that were mailed.
        let token = world.letter("cleo@example.com", 1).await.token();
        restored.accept(&token, "Cleo").await.expect("accepted");
        let person = people.first().expect("somebody");
        restored.member(&acme, person, &["admin"]).await;
        restored.may(person, &acme, "users.view").fully_consistent().await.allowed_by(Reason::Role);
        let removed = restored.operator().remove_for_token(&acme, &bob).await.expect("removed");
        restored.may(&bob, &acme, "users.view").not_before(&removed).await.denied_for(Reason::NotAMember);
        restored.server_mut().restart().await;
        restored.may(&bob, &acme, "users.view").not_before(&removed).await.denied_for(Reason::NotAMember);
        restored.may(person, &acme, "users.view").await.allowed_by(Reason::Role);
    }

    /// Without that, an SQLite copy takes tokens of what both had, and none of what the copy has lost.
    async fn a_copy_has_not_seen_what_came_after_it(engine: Engine) {
        if engine == Engine::Postgres {
            return; // Another database is another history by itself.
        }
        let world = World::on(Server::start(engine).await);
        let (acme, bob, _) = cast(&world).await;
        let seen = world.may(&bob, &acme, "users.view").await.answer.consistency_token;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("backup");
        back_up(world.server(), &file);
        let lost = world.operator().remove_for_token(&acme, &bob).await.expect("removed");
        let mut restored = restore(&world, &file).await;
        restored.server_mut().restart().await;
        assert!(restored.may(&bob, &acme, "users.view").not_before(&seen).await.allowed());
        let refused = restored.may(&bob, &acme, "users.view").not_before(&lost).ask().await;
        assert_refused(refused, Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID");
    }
}

/// In another cluster the numbers of transactions begin anew, so that rows of the feed that came along seem to be of the
/// future. Whoever went by the numbers alone would take them for news, for ever; our servers follow what is written there.
#[tokio::test]
async fn a_database_restored_into_a_new_cluster_is_followed_from_there() {
    let first = World::on(Server::start(Engine::Postgres).await);
    let (acme, bob, people) = cast(&first).await;
    let seen = first.may(&bob, &acme, "users.view").await.answer.consistency_token;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("backup");
    let numbers = "DO $$ BEGIN FOR n IN 1..2000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$";
    dump::execute(first.server(), numbers);
    first.operator().add(&acme, people.first().expect("somebody"), &["member"]).await.expect("added");
    back_up(first.server(), &file);

    let cluster = Node::start(&[], &[], "").await;
    let url = cluster.database("restored").await;
    run(Command::new(tool("pg_restore"))
        .args(["--no-owner", "--exit-on-error", "--dbname", &url])
        .arg(&file));
    let mut server = Server::builder(Engine::Postgres).database(&url).start().await;
    server.stop().await;
    copy_keys(&first, &server);
    server.restart().await;
    let world = World::on(server);
    let ahead = "SELECT count(*) FROM feed WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())";
    assert!(dump::number(world.server(), ahead) > 0, "somebody who goes by the numbers would be led astray");

    let other = Replica::start(world.server(), None, &[]).await;
    let backend = world.server().token("backend", &["authz.check"]);
    let elsewhere = || world.may(&bob, &acme, "users.view").of(other.party(&backend));
    elsewhere().await.allowed_by(Reason::Role);
    assert_refused(
        elsewhere().not_before(&seen).ask().await,
        Code::InvalidArgument,
        "CONSISTENCY_TOKEN_INVALID",
    );
    for _ in 0..10 {
        let removed = world.operator().remove_for_token(&acme, &bob).await.expect("removed");
        elsewhere().not_before(&removed).await.denied_for(Reason::NotAMember);
        world.member(&acme, &bob, &["admin"]).await;
        let again = poll::until(SOON, async || elsewhere().await.allowed().then_some(()));
        again.await.expect("a member again, without a token");
        world.operator().remove(&acme, &bob).await.expect("removed");
        let denied = poll::until(SOON, async || (!elsewhere().await.allowed()).then_some(()));
        denied.await.expect("denied without a token");
        world.member(&acme, &bob, &["admin"]).await;
    }
}
