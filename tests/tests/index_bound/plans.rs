//! How the database would carry out each statement that a server has made.

use std::collections::BTreeSet;

use mandate_tests::{Engine, Server, dump};

use crate::fill::BIG;

/// The statements that the log tells of at the level `sqlx::query=debug`, each once.
pub fn statements(log: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in log.split("sqlx::query: ").skip(1) {
        // A long statement stands in a field of its own, a short one is its own summary.
        let long =
            entry.split_once("db.statement=\"").and_then(|(_, rest)| rest.split_once("\" rows_affected="));
        let short = entry.split_once("summary=\"").and_then(|(_, rest)| rest.split_once("\" db.statement="));
        let text = long.map(|(text, _)| text).filter(|text| !text.is_empty()).or(short.map(|(text, _)| text));
        let text = text.unwrap_or_else(|| panic!("no statement in {entry}"));
        let text = text.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\").trim().to_owned();
        if ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|verb| text.starts_with(verb)) {
            // SQLite is sent several at a time, and explains one.
            found.extend(text.split("; ").map(str::to_owned));
        }
    }
    found
}

/// Statements that may read a large table from one end, by a part of their text, and why.
const MAY: [(Engine, &str, &str); 10] = [
    (
        Engine::Sqlite,
        "FROM (SELECT seq, at FROM feed ORDER BY seq LIMIT $2) oldest",
        "it stops after 500 rows",
    ),
    (
        Engine::Sqlite,
        "FROM (SELECT seq, at FROM activity ORDER BY seq LIMIT $2) oldest",
        "it stops after 500 rows",
    ),
    (
        Engine::Postgres,
        "pg_current_snapshot()::text AS body",
        "its session reads by indexes alone; it is counted below",
    ),
    (
        Engine::Postgres,
        "FROM (SELECT seq, at FROM feed ORDER BY seq LIMIT $2) oldest",
        "it stops after 500 rows",
    ),
    (
        Engine::Postgres,
        "FROM (SELECT seq, at FROM activity ORDER BY seq LIMIT $2) oldest",
        "it stops after 500 rows",
    ),
    (
        Engine::Postgres,
        "SELECT MIN(next_at) FROM outbox WHERE state = 'queued'",
        "its index holds what is queued alone",
    ),
    (
        Engine::Postgres,
        "UPDATE outbox SET claimed = 0, next_at = $1 WHERE state",
        "its index holds what is queued alone",
    ),
    // When a server opens a database that an older version wrote, for as long as there are such rows.
    (Engine::Postgres, "FROM users WHERE search IS NULL", "once"),
    (Engine::Postgres, "FROM contacts WHERE search IS NULL", "once"),
    (Engine::Postgres, "FROM invitations WHERE search IS NULL", "once"),
];

/// What reads a large table whole: the statement, and the plan that says so.
pub fn scans(server: &Server, statements: &BTreeSet<String>) -> Vec<String> {
    let asked = statements.iter().flat_map(|sql| explain(server.engine(), sql)).collect();
    let mut answers = dump::texts(server, asked).into_iter();
    let mut wrong = Vec::new();
    for sql in statements {
        let plan = match server.engine() {
            Engine::Sqlite => answers.next().expect("an answer"),
            Engine::Postgres => {
                let (_set, prepared) =
                    (answers.next().expect("an answer"), answers.next().expect("an answer"));
                let plan = answers.next().expect("an answer");
                let _forgotten = answers.next();
                prepared.and(plan)
            }
        };
        let told = match plan {
            Err(error) => error,
            Ok(plan) => {
                let bad = plan.iter().any(|line| scans_big(server.engine(), sql, line)) || walks_index(&plan);
                let may = |(engine, part, _why): &(Engine, &str, &str)| {
                    *engine == server.engine() && sql.contains(part)
                };
                if !bad || MAY.iter().any(may) {
                    continue;
                }
                plan.join("\n")
            }
        };
        wrong.push(format!("{sql}\n--\n{told}\n"));
    }
    wrong
}

fn explain(engine: Engine, sql: &str) -> Vec<String> {
    match engine {
        Engine::Sqlite => vec![format!("EXPLAIN QUERY PLAN {sql}")],
        // The plan for whatever is bound: the one that a statement gets which is made again and again.
        Engine::Postgres => {
            let most = (1..=300).rev().find(|n| sql.contains(&format!("${n}")));
            let nothing = vec!["NULL"; most.unwrap_or_default()].join(", ");
            let arguments = if nothing.is_empty() { String::new() } else { format!("({nothing})") };
            vec![
                "SET plan_cache_mode = force_generic_plan".to_owned(),
                format!("PREPARE asked AS {sql}"),
                format!("EXPLAIN EXECUTE asked{arguments}"),
                "DEALLOCATE ALL".to_owned(),
            ]
        }
    }
}

/// Whether a line of a plan says that a large table is read whole.
fn scans_big(engine: Engine, sql: &str, line: &str) -> bool {
    let mark = match engine {
        Engine::Sqlite => "SCAN ",
        Engine::Postgres => "Seq Scan on ",
    };
    let Some((_, rest)) = line.split_once(mark) else { return false };
    let name = rest.split_whitespace().next().unwrap_or_default();
    // SQLite names a table by its alias.
    let is_alias_of = |table: &&str| {
        [format!("{table} {name}"), format!("{table} AS {name}")].iter().any(|text| {
            let ends =
                |at: usize| !sql[at + text.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
            sql.match_indices(text.as_str()).any(|(at, _)| ends(at))
        })
    };
    BIG.contains(&name) || BIG.iter().any(is_alias_of)
}

/// Whether a plan of PostgreSQL reads an index of a large table from one end to the other, which counts as no scan.
fn walks_index(plan: &[String]) -> bool {
    let of_big = |line: &str| {
        let table = line.split_once(" Scan using ").and_then(|(_, rest)| rest.split_once(" on "));
        table.is_some_and(|(_, rest)| BIG.contains(&rest.split_whitespace().next().unwrap_or_default()))
    };
    let next = plan.iter().skip(1).map(String::as_str).chain([""]);
    plan.iter().zip(next).any(|(line, next)| of_big(line) && !next.contains("Index Cond"))
}
