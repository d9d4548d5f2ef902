//! The messages and services of `mandate.v1`, generated from `proto/mandate/v1`. The protos' comments are
//! the API's manual.

pub mod unary;
pub mod write;

/// The package `mandate.v1`.
pub mod v1 {
    #![allow(missing_docs)]
    #![allow(clippy::all)]
    tonic::include_proto!("mandate.v1");
}

/// The descriptors of `mandate.v1` and everything it imports, for reflection and for tests that walk every RPC.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("mandate");
