//! The policies that come with the program, compiled once.

use std::sync::LazyLock;

use mandate_domain::plan::Policies;
use mandate_domain::policy::{builtin, compile};

/// The policies that come with the program.
pub(crate) static BUILTIN: LazyLock<Policies> = LazyLock::new(|| {
    builtin()
        .iter()
        .map(|(name, source)| match compile(name, source) {
            Ok(policy) => policy,
            Err(diagnostics) => panic!("{name} is built in and has mistakes: {diagnostics:?}"),
        })
        .collect()
});
