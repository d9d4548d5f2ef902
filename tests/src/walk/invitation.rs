//! Cases of the invitation calls of `MembershipService`.

use mandate_proto::v1::{
    AcceptInvitationRequest, DeclineInvitationRequest, GetInvitationRequest, InviteMemberRequest,
    ListInvitationsRequest, ReplaceMemberEmailRequest, ResendInvitationRequest, RevokeInvitationRequest,
};
use prost::Message as _;

use super::case::{Case, Needs};

const READ: &[&str] = &["accounts.read"];
const INVITE: Needs = Needs::Operation("member.invite");
/// A token that was never given out.
const TOKEN: &str = "inv_00000000000000000000000000.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub(super) const CASES: &[Case] = &[
    Case::new("/mandate.v1.MembershipService/InviteMember", INVITE, &[], |scene| {
        InviteMemberRequest {
            account: scene.account.clone(),
            email: format!("invited-{}@example.com", scene.serial),
            roles: vec![scene.low_role.clone()],
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new(
        "/mandate.v1.MembershipService/ReplaceMemberEmail",
        Needs::Operation("member.replace_email"),
        &[],
        |scene| {
            ReplaceMemberEmailRequest {
                account: scene.account.clone(),
                // Nothing is assigned to them that the caller might not assign.
                user: scene.chief.clone(),
                email: format!("replaced-{}@example.com", scene.serial),
                ..Default::default()
            }
            .encode_to_vec()
        },
    ),
    Case::new("/mandate.v1.MembershipService/GetInvitation", Needs::Operation("member.get"), READ, |scene| {
        GetInvitationRequest { account: scene.account.clone(), invitation: scene.invitation.clone() }
            .encode_to_vec()
    }),
    Case::new(
        "/mandate.v1.MembershipService/ListInvitations",
        Needs::Operation("member.list"),
        READ,
        |scene| {
            ListInvitationsRequest { account: scene.account.clone(), ..Default::default() }.encode_to_vec()
        },
    ),
    Case::new("/mandate.v1.MembershipService/ResendInvitation", INVITE, &[], |scene| {
        ResendInvitationRequest {
            account: scene.account.clone(),
            invitation: scene.invitation.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.MembershipService/RevokeInvitation", INVITE, &[], |scene| {
        RevokeInvitationRequest {
            account: scene.account.clone(),
            invitation: scene.invitation.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.MembershipService/AcceptInvitation", Needs::Public, &[], |_| {
        AcceptInvitationRequest { token: TOKEN.into(), display_name: "Somebody".into(), ..Default::default() }
            .encode_to_vec()
    }),
    Case::new("/mandate.v1.MembershipService/DeclineInvitation", Needs::Public, &[], |_| {
        DeclineInvitationRequest { token: TOKEN.into(), ..Default::default() }.encode_to_vec()
    }),
];
