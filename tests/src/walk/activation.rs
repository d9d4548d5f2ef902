//! Cases of the calls of `MembershipService` that make users of contacts.

use mandate_proto::v1::{
    ActivateContactRequest, ResetInitialPasswordRequest, reset_initial_password_request,
};
use prost::Message as _;

use super::case::{Case, Needs};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "/mandate.v1.MembershipService/ActivateContact",
        Needs::Operation("contact.activate"),
        &[],
        |scene| {
            ActivateContactRequest {
                account: scene.account.clone(),
                contact: scene.contact.clone(),
                roles: vec![scene.low_role.clone()],
                ..Default::default()
            }
            .encode_to_vec()
        },
    ),
    Case::new(
        "/mandate.v1.MembershipService/ResetInitialPassword",
        Needs::Operation("password.reset"),
        &[],
        |scene| {
            let of = Some(reset_initial_password_request::Of::User(scene.target.clone()));
            ResetInitialPasswordRequest { account: scene.account.clone(), of, ..Default::default() }
                .encode_to_vec()
        },
    ),
];
