//! One suite, run against every engine: SQLite in a file, SQLite in memory, PostgreSQL.
//!
//! `tests/run` at the top of the tree provides PostgreSQL; without it these tests fail, they are never skipped.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the tests' own helpers fail by panicking, as tests do; clippy sees only functions marked #[test]"
)]

mod abandoned;
mod activity_and_feed;
mod contacts_and_groups;
mod crash;
mod database;
mod following;
mod invitations;
mod lists;
mod locks;
mod opening;
mod policies;
mod races;
mod reading;
mod refusals;
mod retention;
mod round_trip;
mod scale;
mod search;
mod sessions;
mod users;
mod watching;
mod world;

/// Runs each test once per engine, under its own name in the modules `file`, `memory` and `postgres`.
macro_rules! on_every_engine {
    ($(async fn $name:ident($database:ident: Database) $body:block)+) => {
        $(async fn $name($database: &$crate::database::Database) $body)+
        on_every_engine!(@engine file File $($name)+);
        on_every_engine!(@engine memory Memory $($name)+);
        on_every_engine!(@engine postgres Postgres $($name)+);
    };
    (@engine $module:ident $engine:ident $($name:ident)+) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    let database = $crate::database::Database::create($crate::database::Engine::$engine);
                    $crate::database::block_on(super::$name(&database));
                }
            )+
        }
    };
}

pub(crate) use on_every_engine;
