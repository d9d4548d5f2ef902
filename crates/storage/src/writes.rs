//! What a transaction is going to write, gathered first and then sent in as few statements as it can be.
//!
//! A statement costs a way to the database and back: on SQLite to the thread that has the connection, on PostgreSQL over the
//! network. What is written takes less time than that.

use sqlx::AssertSqlSafe;

use crate::error::{StoreError, WriteError, taken};
use crate::statement::{Value, bind_all};
use crate::tx::{Engine, Tx, on_tx};

/// Most parameters of what is sent together. PostgreSQL takes 65,535, SQLite 32,766.
const MOST_VALUES: usize = 1_000;

/// Statements that write, in their order.
#[derive(Debug)]
pub(crate) struct Writes {
    engine: Engine,
    list: Vec<Write>,
}

/// One statement that writes to one table.
#[derive(Debug)]
pub(crate) struct Write {
    table: &'static str,
    /// Other tables that it reads.
    reads: &'static [&'static str],
    rows: Rows,
    sql: &'static str,
    values: Vec<Value>,
    unique: Option<Unique>,
}

/// Which rows of its table a statement writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// Some that another one may write, too.
    Any,
    /// Some that no other one writes before the database is read again.
    ItsOwn,
}

/// What somebody else may have already: only the database knows.
#[derive(Debug)]
struct Unique {
    what: &'static str,
    id: String,
}

/// How the statements of a plan are told apart when the database refuses one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusals {
    /// One that may find something taken is sent by itself, so that it is known which one it was.
    Told,
    /// Whoever sends them starts again if anything is taken, and does not ask what.
    Alike,
}

impl Writes {
    /// None yet.
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, list: Vec::new() }
    }

    /// For which engine they are.
    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }

    /// Goes on with this one.
    pub(crate) fn push(&mut self, write: Write) {
        self.list.push(write);
    }

    /// How many wait to be sent.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Sends them.
    ///
    /// # Errors
    /// [`WriteError::Refused`] if what must be unique is somebody else's already; those of the database.
    pub(crate) async fn send(&mut self, tx: &mut Tx, refusals: Refusals) -> Result<(), WriteError> {
        let mut run = Run::default();
        for write in std::mem::take(&mut self.list) {
            let alone = refusals == Refusals::Told && write.unique.is_some();
            if alone || !run.takes(&write, self.engine) {
                std::mem::take(&mut run).send(tx).await?;
            }
            run.0.push(write);
            if alone {
                std::mem::take(&mut run).send(tx).await?;
            }
        }
        run.send(tx).await
    }
}

impl Write {
    /// A statement that writes to a table. Its parameters are bound in their order.
    pub(crate) fn to(table: &'static str, sql: &'static str) -> Self {
        Self { table, reads: &[], rows: Rows::Any, sql, values: Vec::new(), unique: None }
    }

    /// Binds the next parameter.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The same for a text.
    pub(crate) fn text(self, text: impl ToString) -> Self {
        self.bind(Value::Text(text.to_string()))
    }

    /// The same for a number.
    pub(crate) fn number(self, number: i64) -> Self {
        self.bind(Value::Number(number))
    }

    /// It reads other tables besides, as they are when all before it is done.
    pub(crate) fn reading(self, reads: &'static [&'static str]) -> Self {
        Self { reads, ..self }
    }

    /// It writes rows that no other statement writes before the database is read again, in whatever order they come.
    pub(crate) fn of_its_own(self) -> Self {
        Self { rows: Rows::ItsOwn, ..self }
    }

    /// It finds out whether something is taken.
    pub(crate) fn unique(self, what: &'static str, id: impl Into<String>) -> Self {
        Self { unique: Some(Unique { what, id: id.into() }), ..self }
    }
}

/// Statements that are sent together.
#[derive(Debug, Default)]
struct Run(Vec<Write>);

impl Run {
    /// Whether a further one may come with these.
    ///
    /// INVARIANT: on PostgreSQL the parts of one statement do not see what the others write (PostgreSQL, 7.8.4), so none of
    /// them reads a table that another one writes to, nor writes a row that another one may write. SQLite carries them
    /// out one after the other.
    fn takes(&self, write: &Write, engine: Engine) -> bool {
        let values: usize = self.0.iter().map(|write| write.values.len()).sum();
        let own = |one: &Write| one.rows == Rows::ItsOwn;
        let apart = |before: &Write| {
            (before.table != write.table || own(before) && own(write)) && !write.reads.contains(&before.table)
        };
        values + write.values.len() <= MOST_VALUES
            && match engine {
                Engine::Sqlite => true,
                Engine::Postgres => self.0.iter().all(apart),
            }
    }

    async fn send(self, tx: &mut Tx) -> Result<(), WriteError> {
        let unique = match self.0.as_slice() {
            [] => return Ok(()),
            writes => writes.iter().find_map(|write| write.unique.as_ref()),
        };
        let unique = unique.map(|Unique { what, id }| (*what, id.clone()));
        let sql = match tx.engine() {
            Engine::Sqlite => self.one_after_the_other(),
            Engine::Postgres => self.as_one(),
        };
        let values: Vec<Value> = self.0.into_iter().flat_map(|write| write.values).collect();
        let sent =
            on_tx!(tx, c => bind_all!(sqlx::query(AssertSqlSafe(sql)), values).execute(c).await.map(drop));
        sent.map_err(|error| match unique {
            Some((what, id)) => taken(error, what, || id),
            None => StoreError::from(error).into(),
        })
    }

    /// SQLite: several statements.
    fn one_after_the_other(&self) -> String {
        let mut sql = String::new();
        let mut bound = 0;
        for write in &self.0 {
            if !sql.is_empty() {
                sql.push_str("; ");
            }
            bound = write.write_out(&mut sql, bound);
        }
        sql
    }

    /// PostgreSQL: one statement, of which all but the last are parts.
    fn as_one(&self) -> String {
        let mut sql = String::new();
        let mut bound = 0;
        let last = self.0.len().saturating_sub(1);
        for (index, write) in self.0.iter().enumerate() {
            if index < last {
                sql.push_str(if index == 0 { "WITH w" } else { ", w" });
                sql.push_str(&index.to_string());
                sql.push_str(" AS (");
            } else if last > 0 {
                sql.push(' ');
            }
            bound = write.write_out(&mut sql, bound);
            if index < last {
                sql.push(')');
            }
        }
        sql
    }
}

impl Write {
    /// Writes the statement with its parameters counted from behind those that are bound; how many are bound then.
    fn write_out(&self, sql: &mut String, bound: usize) -> usize {
        let mut parts = self.sql.split('$');
        sql.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            let (number, rest) = part.split_at(digits);
            let number: usize = number.parse().unwrap_or_default();
            sql.push('$');
            sql.push_str(&(number + bound).to_string());
            sql.push_str(rest);
        }
        bound + self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Run {
        let one = Write::to("one", "INSERT INTO one (a, b) VALUES ($1, $2)").text("x").number(7);
        let two = Write::to("two", "DELETE FROM two WHERE a = $1 AND b IN ($2, $1)").text("y").bind(None);
        Run(vec![one, two])
    }

    #[test]
    fn what_would_not_see_the_other_is_not_part_of_one_statement() {
        let insert = |table| Write::to(table, "INSERT");
        for (before, next, together) in [
            (insert("a"), insert("b"), true),
            (insert("a"), insert("a"), false),
            (insert("a").of_its_own(), insert("a").of_its_own(), true),
            (insert("a").of_its_own(), insert("a"), false),
            (insert("a").of_its_own(), insert("b").reading(&["a"]), false),
            (insert("b").reading(&["a"]), insert("a"), true),
        ] {
            let run = Run(vec![before]);
            assert_eq!(run.takes(&next, Engine::Postgres), together, "{run:?} {next:?}");
            assert!(run.takes(&next, Engine::Sqlite));
        }
    }

    #[test]
    fn parameters_are_counted_on() {
        assert_eq!(
            two().one_after_the_other(),
            "INSERT INTO one (a, b) VALUES ($1, $2); DELETE FROM two WHERE a = $3 AND b IN ($4, $3)"
        );
        assert_eq!(
            two().as_one(),
            "WITH w0 AS (INSERT INTO one (a, b) VALUES ($1, $2)) DELETE FROM two WHERE a = $3 AND b IN ($4, $3)"
        );
        let one = Run(two().0.into_iter().take(1).collect());
        assert_eq!(one.as_one(), "INSERT INTO one (a, b) VALUES ($1, $2)");
    }
}
