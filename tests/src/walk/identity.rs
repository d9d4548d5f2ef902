//! Cases of `IdentityService`.

use mandate_proto::v1::{CreateUserRequest, GetUserRequest};
use prost::Message as _;

use super::case::{Case, Needs};

const READ: &[&str] = &["users.read"];

pub(super) const CASES: &[Case] = &[
    Case::new("/mandate.v1.IdentityService/CreateUser", Needs::Nobody, &["users.write"], |scene| {
        let email = format!("new-{}@example.com", scene.serial);
        CreateUserRequest { email, display_name: "New".into(), identities: Vec::new() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/GetUser", Needs::NotOneself, READ, |scene| {
        GetUserRequest { user: scene.target.clone() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/GetUser", Needs::Known, READ, |scene| {
        GetUserRequest { user: scene.caller.clone() }.encode_to_vec()
    })
    .variant("oneself"),
];
