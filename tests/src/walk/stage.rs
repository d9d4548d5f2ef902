//! Accounts with somebody in every role, made by a platform operator through the real API.

use std::sync::atomic::{AtomicU32, Ordering};

use mandate_proto::v1::account_service_client::AccountServiceClient;
use mandate_proto::v1::identity_service_client::IdentityServiceClient;
use mandate_proto::v1::membership_service_client::MembershipServiceClient;
use mandate_proto::v1::{
    AddAccountGroupUserRequest, AddMemberRequest, AssignResourceRequest, AttributeValue,
    CreateAccountGroupRequest, CreateAccountRequest, CreateContactRequest, CreateResourceRequest,
    CreateUserRequest, InviteMemberRequest, NewAssignment, ResourceRef,
};

use crate::{Authorized, Server};

/// What a policy has, as far as requests need to know.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// The policy.
    pub policy: String,
    /// Attributes by which an account meets whatever may be required of it.
    pub attributes: Vec<(String, AttributeValue)>,
    /// A role that stands alone and may least.
    pub low_role: String,
    /// Another role that stands alone.
    pub other_role: String,
    /// A resource type that lives directly in the account.
    pub kind: Option<Kind>,
    /// A group role that is given by somebody in the group, where the policy knows groups.
    pub group_role: Option<String>,
    /// Whether its accounts have contacts.
    pub contacts: Contacts,
    /// Any permission.
    pub permission: String,
}

/// Whether a policy knows contacts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Contacts {
    /// It does.
    Some,
    /// It does not.
    #[default]
    None,
}

/// A resource type.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its name.
    pub name: String,
    /// Whether its ids are registered.
    pub ids: Ids,
    /// The least of its roles.
    pub role: Option<String>,
}

/// Where a type's ids come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// From the service.
    Registered,
    /// From elsewhere.
    Free,
}

/// Who calls.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    /// What the table calls them.
    pub label: String,
    /// Their account roles; none: they are no direct member.
    pub roles: Vec<String>,
    /// Their role on the resource.
    pub resource_role: Option<String>,
    /// Their role in a group that contains the account.
    pub group_role: Option<String>,
    /// Whether they are the account's first user, who founded its group.
    pub place: Place,
}

/// How a caller came into the account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Place {
    /// As its first user.
    First,
    /// Later.
    #[default]
    Later,
}

/// A server, and the policy whose accounts are staged on it.
pub struct Stage<'s> {
    /// The server.
    pub server: &'s Server,
    /// The policy.
    pub shape: Shape,
}

/// One account and the people around it: what requests are built from.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    /// A number that no other scene has.
    pub serial: u32,
    /// The account's policy.
    pub policy: String,
    /// The account.
    pub account: String,
    /// Who calls, or about whom "oneself" is when a service does.
    pub caller: String,
    /// Whom a new resource is registered for: nobody named when a person calls.
    pub creator: String,
    /// A member of the lowest role, who is assigned the resource.
    pub target: String,
    /// Somebody who is not a member.
    pub newcomer: String,
    /// A contact of the account, where its policy knows contacts.
    pub contact: String,
    /// A group that contains the account and another one.
    pub group: String,
    /// An account of the group's founder outside of the group.
    pub spare: String,
    /// The account's first user.
    pub chief: String,
    /// A pending invitation.
    pub invitation: String,
    /// The group role to give.
    pub group_role: String,
    /// The role to add somebody with.
    pub low_role: String,
    /// The role to change somebody to.
    pub other_role: String,
    /// The type of the resource.
    pub kind: String,
    /// The least role on it.
    pub kind_role: Option<String>,
    /// A permission to ask about.
    pub permission: String,
}

/// The id of an account that does not exist.
pub const NO_ACCOUNT: &str = "acc_00000000000000000000000000";
/// The id of a group that does not exist.
pub const NO_GROUP: &str = "grp_00000000000000000000000000";
/// The id of a contact that does not exist.
const NO_CONTACT: &str = "con_00000000000000000000000000";

impl Scene {
    /// The resource that is there.
    pub fn resource(&self) -> ResourceRef {
        ResourceRef { r#type: self.kind.clone(), id: "r1".into() }
    }

    /// One that is not there yet.
    pub fn new_resource(&self) -> ResourceRef {
        ResourceRef { r#type: self.kind.clone(), id: "r2".into() }
    }

    /// The resource with its least role.
    pub fn assignment(&self) -> NewAssignment {
        let roles = self.kind_role.iter().cloned().collect();
        NewAssignment { resource: Some(self.resource()), roles, permissions: Vec::new() }
    }

    /// The same call about an account and a group that do not exist.
    pub fn nowhere(&self) -> Self {
        Self { account: NO_ACCOUNT.into(), group: NO_GROUP.into(), ..self.clone() }
    }
}

impl Stage<'_> {
    /// A new account with this caller in it. Panics where the operator is refused anything.
    pub async fn scene(&self, cast: &Cast) -> Scene {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let chief = self.user("chief", serial).await;
        let caller =
            if cast.place == Place::First { chief.clone() } else { self.user("caller", serial).await };
        let shape = &self.shape;
        let mut scene = Scene {
            serial,
            policy: shape.policy.clone(),
            account: self.account(&chief).await,
            caller,
            creator: String::new(),
            target: self.user("target", serial).await,
            newcomer: self.user("newcomer", serial).await,
            contact: NO_CONTACT.into(),
            group: NO_GROUP.into(),
            spare: NO_ACCOUNT.into(),
            chief: chief.clone(),
            invitation: String::new(),
            group_role: shape.group_role.clone().unwrap_or_else(|| "manager".into()),
            low_role: shape.low_role.clone(),
            other_role: shape.other_role.clone(),
            kind: shape.kind.as_ref().map_or_else(|| "thing".into(), |kind| kind.name.clone()),
            kind_role: shape.kind.as_ref().and_then(|kind| kind.role.clone()),
            permission: shape.permission.clone(),
        };
        self.member(&scene.account, &scene.target, std::slice::from_ref(&shape.low_role)).await;
        if cast.place == Place::Later && !cast.roles.is_empty() {
            self.member(&scene.account, &scene.caller, &cast.roles).await;
        }
        scene.invitation = self.invitation(&scene).await;
        self.resources(&scene, cast, serial).await;
        if shape.contacts == Contacts::Some {
            scene.contact = self.contact(&scene.account).await;
        }
        if let Some(role) = &shape.group_role {
            let second = self.account(&chief).await;
            scene.spare = self.account(&chief).await;
            scene.group = self.group(&[&scene.account, &second], &chief).await;
            self.seat(&scene.group, &scene.target, role).await;
            if let (Some(role), Place::Later) = (&cast.group_role, cast.place) {
                self.seat(&scene.group, &scene.caller, role).await;
            }
        }
        scene
    }

    async fn resources(&self, scene: &Scene, cast: &Cast, serial: u32) {
        let Some(kind) = &self.shape.kind else { return };
        if kind.ids == Ids::Registered {
            // Somebody who does nothing else, so that nobody here has it for being its creator.
            let keeper = self.user("keeper", serial).await;
            self.member(&scene.account, &keeper, std::slice::from_ref(&self.shape.low_role)).await;
            let request = CreateResourceRequest {
                account: scene.account.clone(),
                resource: Some(scene.resource()),
                creator: keeper,
                ..Default::default()
            };
            self.accounts().create_resource(request).await.expect("an operator registers a resource");
        }
        self.assign(scene, &scene.target, scene.assignment()).await;
        if let Some(role) = &cast.resource_role {
            let assignment = NewAssignment { roles: vec![role.clone()], ..scene.assignment() };
            self.assign(scene, &scene.caller, assignment).await;
        }
    }

    fn operator(&self) -> Authorized {
        self.server.calling_as("stage-hand", &["platform.operator"])
    }

    fn accounts(&self) -> AccountServiceClient<Authorized> {
        AccountServiceClient::new(self.operator())
    }

    async fn user(&self, name: &str, serial: u32) -> String {
        let request = CreateUserRequest {
            email: format!("{name}-{serial}@example.com"),
            display_name: name.into(),
            ..CreateUserRequest::default()
        };
        let answer = IdentityServiceClient::new(self.operator()).create_user(request).await;
        answer.expect("an operator creates a user").into_inner().user.expect("the user").id
    }

    async fn account(&self, first: &str) -> String {
        let request = CreateAccountRequest {
            policy: self.shape.policy.clone(),
            display_name: "Stage".into(),
            first_user: first.into(),
            origin: None,
            attributes: self.shape.attributes.iter().cloned().collect(),
            ..Default::default()
        };
        let answer = self.accounts().create_account(request).await;
        answer.expect("an operator creates an account").into_inner().account.expect("the account").id
    }

    async fn member(&self, account: &str, user: &str, roles: &[String]) {
        let request = AddMemberRequest {
            account: account.into(),
            user: user.into(),
            roles: roles.to_vec(),
            ..Default::default()
        };
        MembershipServiceClient::new(self.operator())
            .add_member(request)
            .await
            .expect("an operator adds a member");
    }

    async fn assign(&self, scene: &Scene, user: &str, assignment: NewAssignment) {
        let request = AssignResourceRequest {
            account: scene.account.clone(),
            user: user.into(),
            assignment: Some(assignment),
            ..Default::default()
        };
        MembershipServiceClient::new(self.operator())
            .assign_resource(request)
            .await
            .expect("an operator assigns");
    }

    async fn contact(&self, account: &str) -> String {
        let request = CreateContactRequest {
            account: account.into(),
            email: "contact@example.com".into(),
            display_name: "Contact".into(),
            details: String::new(),
            ..Default::default()
        };
        let answer = MembershipServiceClient::new(self.operator()).create_contact(request).await;
        answer.expect("an operator creates a contact").into_inner().contact.expect("the contact").id
    }

    async fn invitation(&self, scene: &Scene) -> String {
        let request = InviteMemberRequest {
            account: scene.account.clone(),
            email: format!("pending-{}@example.com", scene.serial),
            roles: vec![self.shape.low_role.clone()],
            ..Default::default()
        };
        let answer = MembershipServiceClient::new(self.operator()).invite_member(request).await;
        answer.expect("an operator invites").into_inner().invitation.expect("the invitation").id
    }

    async fn group(&self, accounts: &[&str], founder: &str) -> String {
        let request = CreateAccountGroupRequest {
            display_name: "Stage".into(),
            accounts: accounts.iter().map(|&account| account.into()).collect(),
            founder: founder.into(),
            ..Default::default()
        };
        let answer = self.accounts().create_account_group(request).await;
        answer.expect("an operator founds a group").into_inner().group.expect("the group").id
    }

    async fn seat(&self, group: &str, user: &str, role: &str) {
        let request = AddAccountGroupUserRequest {
            group: group.into(),
            user: user.into(),
            role: role.into(),
            ..Default::default()
        };
        self.accounts().add_account_group_user(request).await.expect("an operator adds a user to a group");
    }
}
