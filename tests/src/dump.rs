//! The whole database as text, to prove what is not in it.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

use crate::{Engine, Server, background};

/// Long enough for a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Most rows of a table: more than a test has that looks at them, and few enough of those that are filled for measuring.
const MOST: usize = 20_000;

/// Every row of every table. Panics where it cannot be read.
pub fn rows(server: &Server) -> String {
    read(server, LIMIT).expect("a database that can be read in time")
}

/// The same of the first rows of each table, in the time that there is: for what looks at the database of every test.
pub(crate) fn some_rows(server: &Server) -> Result<String, String> {
    read(server, Duration::from_secs(20))
}

fn read(server: &Server, limit: Duration) -> Result<String, String> {
    let (engine, url) = (server.engine(), server.database_url().to_owned());
    let rows = background::run(limit, async move {
        match engine {
            Engine::Sqlite => sqlite(&url).await,
            Engine::Postgres => postgres(&url).await,
        }
    });
    rows?.map_err(|error| error.to_string())
}

/// Runs one statement behind the server's back.
pub fn execute(server: &Server, statement: &str) {
    let (engine, url, statement) = (server.engine(), server.database_url().to_owned(), statement.to_owned());
    let done = background::run(LIMIT, async move {
        match engine {
            Engine::Sqlite => {
                let mut connection = SqliteConnection::connect(&url).await?;
                sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
                connection.close().await
            }
            Engine::Postgres => {
                let mut connection = PgConnection::connect(&url).await?;
                sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
                connection.close().await
            }
        }
    });
    done.expect("the database in time").expect("a statement that runs");
}

/// The number that a query gives, asked behind the server's back.
pub fn number(server: &Server, query: &str) -> i64 {
    let (engine, url, query) = (server.engine(), server.database_url().to_owned(), query.to_owned());
    let number = background::run(LIMIT, async move {
        match engine {
            Engine::Sqlite => {
                let mut connection = SqliteConnection::connect(&url).await?;
                let number = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut connection).await?;
                connection.close().await.map(|()| number)
            }
            Engine::Postgres => {
                let mut connection = PgConnection::connect(&url).await?;
                let number = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut connection).await?;
                connection.close().await.map(|()| number)
            }
        }
    });
    number.expect("the database in time").expect("a query that gives a number")
}

/// The rows of a query whose columns are all texts, asked behind the server's back; an error comes as its text.
pub fn texts(server: &Server, queries: Vec<String>) -> Vec<Result<Vec<String>, String>> {
    let (engine, url) = (server.engine(), server.database_url().to_owned());
    let all = background::run(LIMIT, async move {
        let mut answers = Vec::with_capacity(queries.len());
        macro_rules! ask {
            ($connection:ty, $column:literal) => {{
                let mut connection = <$connection>::connect(&url).await?;
                for query in queries {
                    let rows = sqlx::raw_sql(AssertSqlSafe(query)).fetch_all(&mut connection).await;
                    let text = |row| Row::get::<String, _>(&row, $column);
                    let rows = rows.map(|rows| rows.into_iter().map(text).collect());
                    answers.push(rows.map_err(|error| error.to_string()));
                }
                connection.close().await.map(|()| answers)
            }};
        }
        match engine {
            // EXPLAIN QUERY PLAN tells in its fourth column.
            Engine::Sqlite => ask!(SqliteConnection, 3),
            Engine::Postgres => ask!(PgConnection, 0),
        }
    });
    all.expect("the database in time").expect("a connection")
}

async fn sqlite(url: &str) -> Result<String, sqlx::Error> {
    let mut connection = SqliteConnection::connect(url).await?;
    let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
        .fetch_all(&mut connection)
        .await?;
    let mut text = String::new();
    for table in tables {
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
            .bind(&table)
            .fetch_all(&mut connection)
            .await?;
        let columns =
            columns.iter().map(|name| format!("quote(\"{name}\")")).collect::<Vec<_>>().join(" || ' ' || ");
        let sql = format!("SELECT {columns} FROM \"{table}\" LIMIT {MOST}");
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await? {
            text.push_str(&format!("{table}: {}\n", row.get::<String, _>(0)));
        }
    }
    connection.close().await?;
    Ok(text)
}

async fn postgres(url: &str) -> Result<String, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let sql = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut connection).await?;
    let mut text = String::new();
    for table in tables {
        let sql = format!("SELECT found::text FROM {table} AS found LIMIT {MOST}");
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await? {
            text.push_str(&format!("{table}: {}\n", row.get::<String, _>(0)));
        }
    }
    connection.close().await?;
    Ok(text)
}
