//! One point query, as bare as sqlx makes it.

use anyhow::Context as _;
use mandate_proto::v1::CheckRequest;
use mandate_proto::v1::subject::Subject as Who;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{PgPool, SqlitePool};
use tonic::Status;

/// One row by its primary key.
const SQL: &str = "SELECT body FROM memberships WHERE account = $1 AND user_id = $2";

/// As many connections as the server has.
const CONNECTIONS: u32 = 16;

/// Where to ask.
pub(super) enum Point {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Point {
    /// Connects as a server would, but does not ask whether a connection is still there before each use.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn open(url: &str) -> anyhow::Result<Self> {
        match url.strip_prefix("sqlite:") {
            Some(path) => {
                let options = SqliteConnectOptions::new().filename(path).pragma("query_only", "ON");
                let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
                Ok(Self::Sqlite(pool.connect_with(options).await.context("the database does not open")?))
            }
            None => {
                let pool = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
                Ok(Self::Postgres(pool.connect(url).await.context("the database does not open")?))
            }
        }
    }

    /// Reads the membership that is asked about.
    ///
    /// # Errors
    /// The database's, or there is none.
    pub(super) async fn ask(&self, question: &CheckRequest) -> Result<(), Status> {
        let subject = question.subject.as_ref().and_then(|subject| subject.subject.as_ref());
        let Some(Who::User(user)) = subject else { return Err(Status::invalid_argument("ask about a user")) };
        let found: Option<String> = match self {
            Self::Sqlite(pool) => {
                sqlx::query_scalar(SQL).bind(&question.account).bind(user).fetch_optional(pool).await
            }
            Self::Postgres(pool) => {
                sqlx::query_scalar(SQL).bind(&question.account).bind(user).fetch_optional(pool).await
            }
        }
        .map_err(|error| Status::unavailable(error.to_string()))?;
        found.map(drop).ok_or_else(|| Status::not_found("there is no such membership"))
    }
}
