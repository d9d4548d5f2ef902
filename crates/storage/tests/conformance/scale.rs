//! Lists of a large account among many people: answered from its indexes, however rare what is looked for.

use std::time::{Duration, Instant};

use mandate_domain::id::AccountId;
use mandate_domain::membership::MemberState;
use mandate_domain::search::Infix;
use mandate_storage::{MemberFilter, Store};
use sqlx::{Connection, PgConnection};

use crate::database::{Database, Engine};
use crate::on_every_engine;
use crate::world::{World, account};

/// Members of the large account, and people altogether. PostgreSQL rightly reads a table whole of which the account is
/// a large part; SQLite needs no crowd to use an index.
fn sizes(engine: Engine) -> (u32, u32) {
    if engine == Engine::Postgres { (20_000, 400_000) } else { (100_000, 110_000) }
}

/// Accounts that the others are spread over.
const OTHERS: u32 = 1_000;

/// No page takes this long, whatever the machine; how long each takes is printed.
const BOUND: Duration = Duration::from_secs(20);

/// People and memberships, past the rules: one at a time would take minutes.
async fn fill(database: &Database) {
    let (numbers, id) = match database.engine {
        Engine::Postgres => ("generate_series(1, {n}) AS t (n)", "'usr_' || lpad(CAST(n AS TEXT), 26, '0')"),
        Engine::File | Engine::Memory => (
            "(WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {n}) SELECT n FROM t) AS t",
            "'usr_' || printf('%026d', n)",
        ),
    };
    let (members, people) = sizes(database.engine);
    let people = numbers.replace("{n}", &people.to_string());
    let home = format!("CASE WHEN n <= {members} THEN '{}' ELSE 'acc_' || n % {OTHERS} END", account(9));
    for sql in [
        format!(
            "INSERT INTO users (id, email, display_name, state, search, body, version) \
             SELECT {id}, 'user' || n || '@example.org', 'User ' || n, 'active', 'user ' || n || '@example.org', \
             '{{\"id\":\"' || {id} || '\",\"email\":\"user' || n || '@example.org\",\"display_name\":\"User ' || n || '\",\
             \"state\":\"active\",\"identities\":[],\"seats\":[],\"created_at\":0}}', 1 FROM {people}"
        ),
        format!(
            "INSERT INTO memberships (account, user_id, state, body, version) SELECT {home}, {id}, 'active', \
             '{{\"account\":\"' || {home} || '\",\"user\":\"' || {id} || '\",\"state\":\"active\",\"roles\":[\"member\"],\"grants\":[],\
             \"restrictions\":[],\"created_at\":0,\"updated_at\":0}}', 1 FROM {people}"
        ),
        format!(
            "INSERT INTO member_names (account, user_id, kind, name, state) \
             SELECT {home}, {id}, 'role', 'member', 'active' FROM {people}"
        ),
        format!("INSERT INTO member_activity (account, user_id, at) SELECT {home}, {id}, n FROM {people}"),
        "INSERT INTO member_search (account, user_id, text) SELECT m.account, m.user_id, u.search FROM memberships m \
         JOIN users u ON u.id = m.user_id"
            .to_owned(),
        "ANALYZE".to_owned(),
    ] {
        database.execute(&sql).await;
    }
}

async fn page(store: &Store, home: AccountId, filter: MemberFilter<'_>) -> (usize, Duration) {
    let start = Instant::now();
    let page = store.list_members(home, filter, None, 50).await.expect("reads");
    (page.items.len(), start.elapsed())
}

/// The large tables that were read from end to end since the counts were set to zero.
async fn read_whole(url: &str) -> Vec<(String, i64)> {
    let mut connection = PgConnection::connect(url).await.expect("connects");
    let sql = "SELECT CAST(relname AS TEXT), seq_scan, idx_scan FROM pg_stat_user_tables \
               WHERE relname IN ('users', 'memberships', 'member_names', 'member_activity', 'member_search')";
    for _ in 0..400 {
        let counts: Vec<(String, i64, i64)> =
            sqlx::query_as(sql).fetch_all(&mut connection).await.expect("counts");
        // Connections count when they end.
        if counts.iter().any(|(name, _, by_index)| name == "member_search" && *by_index > 0) {
            return counts
                .into_iter()
                .filter(|count| count.1 > 0)
                .map(|(name, whole, _)| (name, whole))
                .collect();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server counted nothing")
}

on_every_engine! {
    async fn a_page_of_a_large_account_reads_no_large_table_whole(database: Database) {
        if !database.is_kept() {
            return;
        }
        let store = database.open().await;
        fill(database).await;
        if database.engine == Engine::Postgres {
            database.execute("SELECT pg_stat_reset()").await;
        }
        let home = World::new(store.clone()).store.clone();
        let members = sizes(database.engine).0;
        let (first, last, none) = (infix("user 1"), infix(&format!("user {members}@")), infix("nobody"));
        let all = MemberFilter::default();
        let active = Some(MemberState::Active);
        for (name, filter, found) in [
            ("all", all, 50),
            ("found at once", MemberFilter { search: Some(&first), ..all }, 50),
            ("found at the end", MemberFilter { search: Some(&last), ..all }, 1),
            ("found nowhere", MemberFilter { search: Some(&none), ..all }, 0),
            ("of a role", MemberFilter { search: Some(&none), role: Some("member"), ..all }, 0),
            ("of role and state", MemberFilter { search: Some(&none), role: Some("member"), state: active, ..all }, 0),
            ("never active, of a state", MemberFilter { search: Some(&none), state: active, last_active_before: Some(1), ..all }, 0),
            ("never active", MemberFilter { last_active_before: Some(1), ..all }, 0),
            ("not active since", MemberFilter { last_active_before: Some(40), ..all }, 39),
        ] {
            // More often than PostgreSQL takes to settle on a plan for whatever is bound.
            for round in 0..7 {
                let (count, took) = page(&home, account(9), filter).await;
                assert_eq!(count, found, "{name}");
                assert!(took < BOUND, "{name}: {took:?}");
                if round % 6 == 0 {
                    println!("{:?}, {members} members, {name}: {took:?}", database.engine);
                }
            }
        }
        store.close().await;
        if database.engine == Engine::Postgres {
            assert_eq!(read_whole(&database.url).await, [], "read from end to end");
        }
    }
}

fn infix(text: &str) -> Infix {
    Infix::new(text).expect("long enough")
}
