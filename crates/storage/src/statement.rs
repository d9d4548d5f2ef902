//! A statement whose conditions depend on what is asked for.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow};

use crate::error::StoreError;
use crate::tx::{Pools, Tx, on_readers, on_tx};

/// A value in the place of a parameter.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// No text.
    Nothing,
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Nothing, Self::Text)
    }
}

/// A statement put together from pieces.
///
/// INVARIANT: its text comes from this program alone (`&'static str`); whatever comes from outside is bound.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    sql: String,
    values: Vec<Value>,
}

/// Binds what stands in the place of parameters.
macro_rules! bind_all {
    ($query:expr, $values:expr) => {
        $values.into_iter().fold($query, |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
            Value::Nothing => query.bind(None::<String>),
        })
    };
}

pub(crate) use bind_all;

/// Runs a statement on a connection of either engine.
macro_rules! fetch_all {
    ($statement:expr, $connection:expr) => {{
        let Statement { sql, values } = $statement;
        bind_all!(sqlx::query_as(AssertSqlSafe(sql)), values).fetch_all($connection).await
    }};
}

impl Statement {
    /// One that begins like this.
    pub(crate) fn new(sql: &'static str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new() }
    }

    /// Goes on like this.
    pub(crate) fn then(&mut self, sql: &'static str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Goes on with a number of this program's own, which makes it another statement and is no parameter.
    pub(crate) fn literal(&mut self, number: usize) -> &mut Self {
        self.sql.push_str(&number.to_string());
        self
    }

    /// Goes on with a parameter, and binds it.
    pub(crate) fn bind(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        self.sql.push('$');
        self.sql.push_str(&self.values.len().to_string());
        self
    }

    /// The same for a text.
    pub(crate) fn text(&mut self, text: impl ToString) -> &mut Self {
        self.bind(Value::Text(text.to_string()))
    }

    /// The same for a number.
    pub(crate) fn number(&mut self, number: i64) -> &mut Self {
        self.bind(Value::Number(number))
    }

    /// The same for a JSON array of texts: goes on with a query of one column.
    pub(crate) fn texts(&mut self, pools: &Pools, array: String) -> &mut Self {
        match pools {
            Pools::Sqlite { .. } => self.then("SELECT value FROM json_each(").text(array).then(")"),
            Pools::Postgres(_) => {
                self.then("SELECT json_array_elements_text(CAST(").text(array).then(" AS JSON))")
            }
        }
    }

    /// Every row of it, outside of any transaction.
    pub(crate) async fn rows<T>(self, pools: &Pools) -> Result<Vec<T>, StoreError>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        Ok(on_readers!(pools, c => fetch_all!(self, c))?)
    }

    /// Every row of it, in a transaction.
    pub(crate) async fn rows_in<T>(self, tx: &mut Tx) -> Result<Vec<T>, StoreError>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        Ok(on_tx!(tx, c => fetch_all!(self, c))?)
    }
}
