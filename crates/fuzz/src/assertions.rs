//! Files of assertions, as `mandate policy test` reads them.

use mandate_domain::policy::trial;

use crate::policies::BUILTIN;

/// A file says which policy it is about, or why that cannot be told; its assertions are judged, or it has mistakes.
pub fn run(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let policy = match trial::about("assertions.yaml", source) {
        Ok(name) => BUILTIN.get(&name),
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            None
        }
    };
    // Of a policy that is not there, the rest is read all the same.
    let Some(policy) = policy.or_else(|| BUILTIN.at(0)) else { return };
    match trial::run(policy, "assertions.yaml", source) {
        Ok(report) => {
            for failure in report.failures {
                assert_ne!((failure.expected.len(), failure.found.len()), (0, 0), "{failure}");
            }
        }
        Err(mistakes) => assert!(!mistakes.is_empty()),
    }
}
