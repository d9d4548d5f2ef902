//! Cases of `IdentityService`.

use std::sync::atomic::{AtomicU32, Ordering};

use mandate_proto::v1::{
    CreateUserRequest, EraseUserRequest, ExportUserRequest, GetPublicKeysRequest, GetUserRequest,
    ListUsersRequest, RefreshTokenRequest, ReinstateUserRequest, SetInitialPasswordRequest,
    SetPasswordRequest, SignInRequest, SignOutRequest, SignOutScope, SuspendUserRequest, UpdateUserRequest,
};
use prost::Message as _;
use prost_types::FieldMask;

use super::case::{Case, Needs};

const READ: &[&str] = &["users.read"];
const WRITE: &[&str] = &["users.write"];

pub(super) const CASES: &[Case] = &[
    Case::new("/mandate.v1.IdentityService/CreateUser", Needs::Nobody, &["users.write"], |scene| {
        let email = format!("new-{}@example.com", scene.serial);
        CreateUserRequest { email, display_name: "New".into(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/GetUser", Needs::NotOneself, READ, |scene| {
        GetUserRequest { user: scene.target.clone() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/GetUser", Needs::Known, READ, |scene| {
        GetUserRequest { user: scene.caller.clone() }.encode_to_vec()
    })
    .variant("oneself"),
    Case::new("/mandate.v1.IdentityService/ListUsers", Needs::Nobody, READ, |_| {
        ListUsersRequest::default().encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/UpdateUser", Needs::NotOneself, WRITE, |scene| {
        update(&scene.target).encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/UpdateUser", Needs::Known, WRITE, |scene| {
        update(&scene.caller).encode_to_vec()
    })
    .variant("oneself"),
    Case::new("/mandate.v1.IdentityService/SuspendUser", Needs::Nobody, WRITE, |scene| {
        SuspendUserRequest { user: scene.target.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/ReinstateUser", Needs::Nobody, WRITE, |scene| {
        ReinstateUserRequest { user: scene.target.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/ExportUser", Needs::NotOneself, &[], |scene| {
        ExportUserRequest { user: scene.target.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/ExportUser", Needs::Known, &[], |scene| {
        ExportUserRequest { user: scene.caller.clone(), ..Default::default() }.encode_to_vec()
    })
    .variant("oneself"),
    Case::new("/mandate.v1.IdentityService/EraseUser", Needs::Nobody, &[], |scene| {
        EraseUserRequest { user: scene.target.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/SetInitialPassword", Needs::Nobody, WRITE, |scene| {
        SetInitialPasswordRequest { user: scene.target.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/SignIn", Needs::Public, &[], |_| {
        // Another address each time, or the last ones would have to wait.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let email = format!("nobody-{}@example.com", COUNT.fetch_add(1, Ordering::Relaxed));
        SignInRequest { email, password: "wrong".into() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/RefreshToken", Needs::Public, &[], |_| {
        RefreshTokenRequest { refresh_token: "made up".into() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/GetPublicKeys", Needs::Public, &[], |_| {
        GetPublicKeysRequest::default().encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/SignOut", Needs::Known, &[], |_| {
        SignOutRequest { scope: SignOutScope::AllSessions.into(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.IdentityService/SetPassword", Needs::Password, &[], |_| {
        let (old_password, new_password) = ("not the old one".into(), "any new one".into());
        SetPasswordRequest { old_password, new_password, ..Default::default() }.encode_to_vec()
    }),
];

fn update(user: &str) -> UpdateUserRequest {
    UpdateUserRequest {
        user: user.to_owned(),
        display_name: "Renamed".into(),
        update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
        ..Default::default()
    }
}
