//! One test, both engines.

use std::future::Future;

use crate::{Engine, Server};

/// What [`on_both_engines!`](crate::on_both_engines) can hand to a test. Implement it for a type of your own where
/// several tests begin with the same people and accounts.
pub trait Fixture: Sized {
    /// Makes one on `engine`; panics where that fails, as any step of a test does.
    fn prepare(engine: Engine) -> impl Future<Output = Self>;
}

impl Fixture for Engine {
    async fn prepare(engine: Engine) -> Self {
        engine
    }
}

impl Fixture for Server {
    async fn prepare(engine: Engine) -> Self {
        Self::start(engine).await
    }
}

/// Runs each test on SQLite and on PostgreSQL, under its own name in the modules `sqlite` and `postgres`.
///
/// A test takes one [`Fixture`]: a [`Server`] with the defaults, an [`Engine`] to build its own server on, or the
/// caller's type. Use the macro once per module, for all of its tests; attributes stay with the function.
///
/// ```
/// use mandate_tests::{Engine, on_both_engines};
///
/// on_both_engines! {
///     /// Holds wherever it runs.
///     async fn x_00_an_engine_has_a_name(engine: Engine) {
///         assert!(!engine.to_string().is_empty());
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! on_both_engines {
    ($($(#[$attribute:meta])* async fn $name:ident($($argument:ident)+: $fixture:ty) $body:block)+) => {
        $($(#[$attribute])* async fn $name($($argument)+: $fixture) $body)+
        $crate::on_both_engines!(@engine sqlite Sqlite $($name)+);
        $crate::on_both_engines!(@engine postgres Postgres $($name)+);
    };
    (@engine $module:ident $engine:ident $($name:ident)+) => {
        #[cfg(test)]
        mod $module {
            $(
                #[test]
                fn $name() {
                    $crate::block_on($crate::Engine::$engine, super::$name);
                }
            )+
        }
    };
}

/// Runs a test with its fixture on a runtime of its own.
#[doc(hidden)]
pub fn block_on<F: Fixture, R: Future<Output = ()>>(engine: Engine, test: impl FnOnce(F) -> R) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime for the test");
    runtime.block_on(async { test(F::prepare(engine).await).await });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fixture of a test's own.
    struct Greeting(String);

    impl Fixture for Greeting {
        async fn prepare(engine: Engine) -> Self {
            Self(format!("hello {engine}"))
        }
    }

    on_both_engines! {
        /// Takes a fixture that it changes.
        async fn a_fixture_may_be_changed(mut greeting: Greeting) {
            greeting.0.push('!');
            assert!(["hello SQLite!", "hello PostgreSQL!"].contains(&greeting.0.as_str()));
        }

        async fn several_tests_stand_together(engine: Engine) {
            assert!(matches!(engine, Engine::Sqlite | Engine::Postgres));
        }
    }
}
