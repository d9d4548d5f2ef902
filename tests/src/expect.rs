//! What a refusal says, taken apart for assertions (AIP-193: `google.rpc` details in the status).

use std::fmt::Debug;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The reason of the status's `ErrorInfo`: SCREAMING_SNAKE, for programs.
///
/// Panics when there is none: every refusal of this service has one.
#[track_caller]
pub fn reason(status: &Status) -> String {
    error_info(status).reason
}

/// One value of the metadata of the status's `ErrorInfo`; `None` when that key is missing.
#[track_caller]
pub fn metadata(status: &Status, key: &str) -> Option<String> {
    error_info(status).metadata.get(key).cloned()
}

/// The paths of the fields that the status's `BadRequest` complains about, in its order; none without one.
pub fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|details| details.field_violations);
    violations.unwrap_or_default().into_iter().map(|violation| violation.field).collect()
}

/// What the status's `PreconditionFailure` asks to be put right first, as `TYPE subject`, in its order; none
/// without one.
pub fn preconditions(status: &Status) -> Vec<String> {
    let violations = status.get_details_precondition_failure().map(|details| details.violations);
    let text = violations.unwrap_or_default().into_iter();
    text.map(|violation| format!("{} {}", violation.r#type, violation.subject)).collect()
}

/// Asserts that a call was refused with this code and this reason; returns the status for a closer look.
#[track_caller]
pub fn assert_refused<T: Debug>(result: Result<T, Status>, code: Code, expected: &str) -> Status {
    let status = refusal(result);
    assert_eq!((status.code(), reason(&status).as_str()), (code, expected), "{status:?}");
    assert!(!status.message().is_empty(), "a refusal says what to do next: {status:?}");
    status
}

/// Asserts that a call was refused for exactly these fields, in any order; returns the status.
#[track_caller]
pub fn assert_invalid<T: Debug>(result: Result<T, Status>, expected: &[&str]) -> Status {
    let status = refusal(result);
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let mut found = fields(&status);
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "{status:?}");
    status
}

#[track_caller]
fn refusal<T: Debug>(result: Result<T, Status>) -> Status {
    match result {
        Ok(answer) => panic!("allowed, with {answer:?}"),
        Err(status) => status,
    }
}

#[track_caller]
fn error_info(status: &Status) -> tonic_types::ErrorInfo {
    match status.get_details_error_info() {
        Some(info) => info,
        None => panic!("a refusal without ErrorInfo: {status:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    fn refused() -> Status {
        let mut details = ErrorDetails::new();
        details
            .set_error_info("LAST_ADMIN", "mandate", [("role".to_owned(), "admin".to_owned())])
            .add_bad_request_violation("member.roles", "is empty")
            .add_bad_request_violation("account", "is no account id")
            .add_precondition_failure_violation(
                "LEAST_HOLDERS",
                "roles/admin",
                "make somebody else an admin first",
            );
        Status::with_error_details(Code::InvalidArgument, "make somebody else an admin first", details)
    }

    #[test]
    fn takes_a_refusal_apart() {
        let status = assert_refused(Err::<(), _>(refused()), Code::InvalidArgument, "LAST_ADMIN");
        assert_eq!(metadata(&status, "role").as_deref(), Some("admin"));
        assert_eq!(metadata(&status, "other"), None);
        assert_eq!(fields(&status), ["member.roles", "account"]);
        assert_eq!(preconditions(&status), ["LEAST_HOLDERS roles/admin"]);
        assert_invalid(Err::<(), _>(refused()), &["account", "member.roles"]);
    }

    #[test]
    fn a_status_without_details_names_no_fields() {
        let status = Status::not_found("gone");
        assert!(fields(&status).is_empty() && preconditions(&status).is_empty());
    }

    #[test]
    #[should_panic(expected = "a refusal without ErrorInfo")]
    fn a_refusal_without_a_reason_fails_the_test() {
        let _ = assert_refused(Err::<(), _>(Status::not_found("gone")), Code::NotFound, "X");
    }

    #[test]
    #[should_panic(expected = "allowed, with 5")]
    fn an_answer_fails_the_test() {
        let _ = assert_refused(Ok(5), Code::NotFound, "X");
    }
}
