//! Fixtures, as `mandate serve --ephemeral --seed` reads them before it carries them out.

use mandate_server::ephemeral::mistakes;

use crate::policies::BUILTIN;

/// Each mistake of a file is told with its place.
pub fn run(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    for mistake in mistakes("fixtures.yaml", source, &BUILTIN) {
        assert!(mistake.line > 0 && !mistake.message.is_empty(), "{mistake}");
    }
}
