//! Servers of several versions share a database while they are replaced one by one (PostgreSQL).

use mandate_proto::v1::DecisionReason as Reason;
use mandate_tests::{Engine, Replica, Server, World};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{Pair, soon};

async fn execute(server: &Server, sql: &str) {
    let mut connection = PgConnection::connect(server.database_url()).await.expect("connects");
    connection.execute(AssertSqlSafe(sql.to_owned())).await.expect("runs");
    connection.close().await.expect("closes");
}

async fn number(server: &Server, sql: &str) -> i64 {
    let mut connection = PgConnection::connect(server.database_url()).await.expect("connects");
    let number = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await;
    connection.close().await.expect("closes");
    number.expect("a number")
}

/// Four servers that start at the same moment on an empty database all come up; its tables are made once.
#[tokio::test]
async fn servers_that_start_at_once_share_one_history() {
    let mut first = Server::start(Engine::Postgres).await;
    first.stop().await;
    let era = "SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'era'";
    let alone = number(&first, era).await;
    // As empty as a new one.
    execute(&first, "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    let start = || Replica::start(&first, None, &[]);
    let servers = tokio::join!(start(), start(), start(), start());
    let servers: [Replica; 4] = servers.into();
    assert_eq!(number(&first, "SELECT count(*) FROM meta WHERE name = 'incarnation'").await, 1);
    assert_eq!(number(&first, era).await, alone, "they began one history, as one of them would have");
    let failed = "SELECT count(*) FROM _sqlx_migrations WHERE NOT success";
    assert_eq!(number(&first, failed).await, 0);
    first.restart().await;
    let world = World::on(first);
    let ada = world.person("Ada").await;
    let acme = world.account("organization", &ada).await;
    for server in &servers {
        let backend = server.party(&world.server().token("backend", &["authz.check"]));
        let question = world.may(&ada, &acme, "users.view").of(backend).fully_consistent();
        question.await.allowed_by(Reason::Role);
    }
}

/// What a newer server did to the tables and wrote to the feed: this version goes on, exactly, and starts again, until
/// the database says that it is too old.
#[tokio::test]
async fn a_newer_version_may_be_there_first() {
    let mut pair = Pair::start(&[]).await;
    let (acme, bob) = pair.members().await;
    let server = pair.world.server();
    execute(
        server,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9000, 'of a newer version', TRUE, '\\x00', 1)",
    )
    .await;
    for _ in 0..5 {
        execute(server, "INSERT INTO feed (at, kind, body) VALUES (1, 'novelty', '{\"new\": true}')").await;
        let removed = pair.world.operator().remove_for_token(&acme, &bob).await.expect("removed");
        pair.other_may(&bob, &acme, "users.view").not_before(&removed).await.denied_for(Reason::NotAMember);
        pair.world.operator().add(&acme, &bob, &["admin"]).await.expect("added");
        soon(&pair, &bob, &acme, true).await;
    }
    pair.world.server_mut().restart().await;
    assert!(pair.world.may(&bob, &acme, "users.view").await.allowed());

    execute(pair.world.server(), "UPDATE meta SET value = '99' WHERE name = 'least_reader'").await;
    let url = pair.world.server().database_url().to_owned();
    let refused = Server::builder(Engine::Postgres).database(&url).try_start().await;
    let Err(log) = refused.map(drop) else { panic!("it starts on a database that it cannot read") };
    assert!(log.contains("upgrade this binary"), "{log}");
    pair.other_may(&bob, &acme, "users.view").fully_consistent().await.allowed_by(Reason::Role);
}
