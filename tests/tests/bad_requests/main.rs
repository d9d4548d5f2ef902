//! Hand-written bad requests: each gets one clear error with code, reason and fields, and does nothing else.

mod fields;
mod names;

use mandate_tests::expect::{assert_invalid, reason};
use mandate_tests::world;
use prost_types::FieldMask;
use tonic::Status;

/// The description of the only bad field.
#[track_caller]
fn complaint<T: std::fmt::Debug>(result: Result<T, Status>, path: &str) -> String {
    let status = assert_invalid(result, &[path]);
    assert_eq!(reason(&status), "INVALID_FIELDS");
    status.message().to_owned()
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: world::names(paths) })
}
