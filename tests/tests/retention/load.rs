//! Much to delete: a little at a time, beside writes that hardly notice, by one server at a time.

use std::time::{Duration, Instant};

use mandate_tests::{Engine, Replica, Server, World, dump, on_both_engines, poll};

use crate::{SOON, forgetful};

/// How many old rows there are of the log.
const ROWS: i64 = 20_000;

/// The most rows of one transaction.
const AT_ONCE: i64 = 500;

/// Adds what happened long ago.
fn age(server: &Server) {
    let values = "1, 'acc_00000000000000000000000001', 'service', 'old', 'member.add', '[]'";
    let columns = "INSERT INTO activity (at, account, actor_kind, actor, operation, changes)";
    dump::execute(
        server,
        &match server.engine() {
            Engine::Sqlite => format!(
                "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {ROWS}) \
                 {columns} SELECT {values} FROM n"
            ),
            Engine::Postgres => format!("{columns} SELECT {values} FROM generate_series(1, {ROWS})"),
        },
    );
}

/// The numbers of transactions and rows that the log of a server tells of.
fn told(log: &str) -> (i64, i64) {
    let number =
        |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0);
    let after = |line: &str, word: &str| line.split_once(word).map_or(0, |(_, rest)| number(rest));
    let lines = log.lines().filter(|line| line.contains("what was kept long enough has been deleted"));
    lines.fold((0, 0), |(transactions, rows), line| {
        (transactions + after(line, "transactions="), rows + after(line, "activity log: "))
    })
}

on_both_engines! {
    /// Writes go on while much is deleted: no transaction takes more than a little.
    async fn writes_go_on_meanwhile(engine: Engine) {
        // What is inserted is found before a server looks for it: it does at its start.
        let mut world = World::on(Server::builder(engine).argument("--retention-interval").argument("3600").start().await);
        age(world.server());
        world.server_mut().restart().await;
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let (mut writes, mut longest) = (0, Duration::ZERO);
        let old = "SELECT COUNT(*) FROM activity WHERE at = 1";
        let gone = poll::until(SOON * 4, async || {
            for _ in 0..5 {
                let start = Instant::now();
                world.operator().rename(&acme, &format!("Acme {writes}")).await.expect("renamed");
                writes += 1;
                longest = longest.max(start.elapsed());
            }
            (dump::number(world.server(), old) == 0).then_some(())
        });
        gone.await.expect("all that is old is gone");
        // The server may have begun before it was started again, and tells of that, too.
        let done = poll::until(SOON, async || Some(told(&world.server().log())).filter(|(_, rows)| *rows >= ROWS));
        let (transactions, rows) = done.await.expect("the server tells of it");
        println!("{rows} rows in {transactions} transactions; beside them {writes} writes, the longest {longest:?}");
        assert_eq!(rows, ROWS);
        assert!(transactions >= ROWS / AT_ONCE, "{transactions}");
        assert!(writes >= 10 && longest < Duration::from_secs(5), "{writes} writes, the longest {longest:?}");
    }
}

/// Two servers delete each row once, at most so many with one statement, and wait for nobody.
#[tokio::test]
async fn two_servers_do_it_once() {
    let world = World::on(forgetful(Engine::Postgres, &[]).start().await);
    let server = world.server();
    let noting = [
        "CREATE TABLE deletions (seq BIGINT GENERATED ALWAYS AS IDENTITY, rows BIGINT)",
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN INSERT INTO deletions (rows) SELECT COUNT(*) FROM gone; RETURN NULL; END $$",
        "CREATE TRIGGER noting AFTER DELETE ON activity REFERENCING OLD TABLE AS gone \
         FOR EACH STATEMENT EXECUTE FUNCTION note()",
    ];
    noting.iter().for_each(|statement| dump::execute(server, statement));
    let other = Replica::start(server, None, &["--retention-interval", "0.1"]).await;
    age(server);
    crate::until_number(server, "SELECT COUNT(*) FROM activity WHERE at = 1", 0).await;
    let both = poll::until(SOON, async || {
        let (ours, theirs) = (told(&server.log()), told(&other.log()));
        (ours.1 + theirs.1 == ROWS).then_some((ours, theirs))
    });
    println!("transactions and rows of one and the other: {:?}", both.await.expect("each row once"));
    assert_eq!(dump::number(server, "SELECT CAST(SUM(rows) AS BIGINT) FROM deletions"), ROWS);
    assert!(dump::number(server, "SELECT MAX(rows) FROM deletions") <= AT_ONCE);
    let some = dump::number(server, "SELECT COUNT(*) FROM deletions WHERE rows > 0");
    assert!((ROWS / AT_ONCE..=ROWS / AT_ONCE + 2).contains(&some), "{some} statements deleted something");
}
