//! Who may call what: the one written list. Every RPC of `mandate.v1` has a line in [`RULES`]; a test walks the
//! descriptor set and fails for an RPC without a rule and for a rule without an RPC.
//!
//! - A platform operator may call everything.
//! - A service needs one of the scopes of the line, checked before its message is even read. A service that names
//!   the person it acts for (scope `people.act`) is that person, and its own scopes do not count.
//! - What a person needs is in the line, too. Reads are judged by it here; writes are judged by the same operation
//!   in `mandate_domain::plan`, inside the transaction that carries them out.
//! - What is public needs no token: whoever calls it proves with a secret of the message who they are.
//! - Health and reflection are open: they tell nothing about anybody.

use mandate_domain::operation::{Operation, ResourceOperation};
use mandate_domain::session::Purpose;

use crate::auth::{Caller, CallerKind, Scope};

/// What a person needs to call an RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonRule {
    /// The permission that the account's policy maps to this operation.
    Operation(Operation),
    /// The same, or no permission at all when the call is about the caller.
    OperationOrOneself(Operation),
    /// One operation on others, another one on oneself.
    OperationByTarget {
        /// When the call is about another member.
        another: Operation,
        /// When it is about the caller.
        oneself: Operation,
    },
    /// The permissions of the first operation and, where the account's policy knows contacts, of the second.
    OperationAndOfContacts(Operation, Operation),
    /// The permission that the type of the resource maps to this operation.
    Resource(ResourceOperation),
    /// To be the person the call is about.
    Oneself,
    /// To be known: what they reach is limited to what is theirs.
    Known,
    /// A role in the account group that gives it.
    GroupRole,
    /// Nothing helps: it is not for persons.
    Nobody,
    /// Nothing at all, not even a token: a link that was mailed is the proof, or the caller signs in and cannot have
    /// a token yet. The list of these is closed.
    Public,
}

/// One line of the list.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// The RPC as HTTP/2 carries it: `/package.Service/Method`.
    pub path: &'static str,
    /// Scopes of which a service needs one; empty: services do not call it in their own name.
    pub scopes: &'static [Scope],
    /// What a person needs.
    pub person: PersonRule,
}

/// The prefix of every RPC that needs a token.
pub const GUARDED: &str = "/mandate.v1.";

macro_rules! rules {
    ($($name:ident = $path:literal, $scopes:expr, $person:expr;)+) => {
        $(
            #[doc = concat!("The rule of `", $path, "`.")]
            pub const $name: Rule = Rule { path: $path, scopes: $scopes, person: $person };
        )+

        /// The list. Checks come first: most calls are Checks.
        pub static RULES: &[Rule] = &[$($name,)+];
    };
}

use self::PersonRule::{
    GroupRole, Known, Nobody, Oneself, Operation as Needs, OperationAndOfContacts as NeedsBoth,
    OperationByTarget, OperationOrOneself, Public, Resource,
};
use Operation as Op;
use ResourceOperation as On;

rules! {
    CHECK = "/mandate.v1.AuthzService/Check", &[Scope::AuthzCheck], Oneself;
    BATCH_CHECK = "/mandate.v1.AuthzService/BatchCheck", &[Scope::AuthzCheck], Oneself;
    CHECK_STREAM = "/mandate.v1.AuthzService/CheckStream", &[Scope::AuthzCheck], Oneself;
    LOOKUP_PERMISSIONS = "/mandate.v1.AuthzService/LookupPermissions", &[Scope::AuthzRead], OperationOrOneself(Op::MemberGet);
    LOOKUP_MEMBERS = "/mandate.v1.AuthzService/LookupMembers", &[Scope::AuthzRead], Needs(Op::MemberList);
    LOOKUP_RESOURCES = "/mandate.v1.AuthzService/LookupResources", &[Scope::AuthzRead], OperationOrOneself(Op::MemberGet);
    LOOKUP_ACCOUNTS = "/mandate.v1.AuthzService/LookupAccounts", &[Scope::AuthzRead], Oneself;
    WATCH = "/mandate.v1.AuthzService/Watch", &[Scope::AuthzWatch], Needs(Op::ActivityList);

    APPLY_POLICY = "/mandate.v1.AuthzService/ApplyPolicy", &[], Nobody;
    ROLLBACK_POLICY = "/mandate.v1.AuthzService/RollbackPolicy", &[], Nobody;
    GET_POLICY = "/mandate.v1.AuthzService/GetPolicy", &[], Nobody;
    LIST_POLICIES = "/mandate.v1.AuthzService/ListPolicies", &[], Nobody;
    LIST_POLICY_VERSIONS = "/mandate.v1.AuthzService/ListPolicyVersions", &[], Nobody;

    CREATE_ACCOUNT = "/mandate.v1.AccountService/CreateAccount", &[Scope::AccountsCreate], Known;
    GET_ACCOUNT = "/mandate.v1.AccountService/GetAccount", &[Scope::AccountsRead], Needs(Op::AccountGet);
    LIST_ACCOUNTS = "/mandate.v1.AccountService/ListAccounts", &[Scope::AccountsRead], Known;
    UPDATE_ACCOUNT = "/mandate.v1.AccountService/UpdateAccount", &[], Needs(Op::AccountUpdate);
    SUSPEND_ACCOUNT = "/mandate.v1.AccountService/SuspendAccount", &[], Nobody;
    REINSTATE_ACCOUNT = "/mandate.v1.AccountService/ReinstateAccount", &[], Nobody;
    DELETE_ACCOUNT = "/mandate.v1.AccountService/DeleteAccount", &[], Needs(Op::AccountDelete);
    LIST_ACTIVITY = "/mandate.v1.AccountService/ListActivity", &[Scope::AccountsRead], Needs(Op::ActivityList);
    UNDELETE_ACCOUNT = "/mandate.v1.AccountService/UndeleteAccount", &[], Needs(Op::AccountUndelete);
    TRANSFER_OWNERSHIP = "/mandate.v1.AccountService/TransferOwnership", &[], Needs(Op::AccountTransfer);
    CREATE_RESOURCE = "/mandate.v1.AccountService/CreateResource", &[], Resource(On::Create);
    GET_RESOURCE = "/mandate.v1.AccountService/GetResource", &[Scope::AccountsRead], Resource(On::View);
    LIST_RESOURCES = "/mandate.v1.AccountService/ListResources", &[Scope::AccountsRead], Resource(On::View);
    UPDATE_RESOURCE = "/mandate.v1.AccountService/UpdateResource", &[], Resource(On::Update);
    DELETE_RESOURCE = "/mandate.v1.AccountService/DeleteResource", &[], Resource(On::Delete);
    CREATE_ACCOUNT_GROUP = "/mandate.v1.AccountService/CreateAccountGroup", &[], Known;
    GET_ACCOUNT_GROUP = "/mandate.v1.AccountService/GetAccountGroup", &[Scope::AccountsRead], GroupRole;
    LIST_ACCOUNT_GROUPS = "/mandate.v1.AccountService/ListAccountGroups", &[Scope::AccountsRead], Oneself;
    LIST_ACCOUNT_GROUP_USERS = "/mandate.v1.AccountService/ListAccountGroupUsers", &[Scope::AccountsRead], GroupRole;
    LIST_ACCOUNT_GROUP_ACCOUNTS = "/mandate.v1.AccountService/ListAccountGroupAccounts", &[Scope::AccountsRead], GroupRole;
    LIST_ACCOUNT_GROUP_CANDIDATES = "/mandate.v1.AccountService/ListAccountGroupCandidates", &[], GroupRole;
    ADD_ACCOUNT_GROUP_ACCOUNT = "/mandate.v1.AccountService/AddAccountGroupAccount", &[], GroupRole;
    REMOVE_ACCOUNT_GROUP_ACCOUNT = "/mandate.v1.AccountService/RemoveAccountGroupAccount", &[], GroupRole;
    DELETE_ACCOUNT_GROUP = "/mandate.v1.AccountService/DeleteAccountGroup", &[], GroupRole;
    ADD_ACCOUNT_GROUP_USER = "/mandate.v1.AccountService/AddAccountGroupUser", &[], GroupRole;
    REMOVE_ACCOUNT_GROUP_USER = "/mandate.v1.AccountService/RemoveAccountGroupUser", &[], GroupRole;

    ADD_MEMBER = "/mandate.v1.MembershipService/AddMember", &[], Needs(Op::MemberAdd);
    GET_MEMBER = "/mandate.v1.MembershipService/GetMember", &[Scope::AccountsRead], OperationOrOneself(Op::MemberGet);
    LIST_MEMBERS = "/mandate.v1.MembershipService/ListMembers", &[Scope::AccountsRead], Needs(Op::MemberList);
    LIST_PEOPLE = "/mandate.v1.MembershipService/ListPeople", &[Scope::AccountsRead], NeedsBoth(Op::MemberList, Op::ContactGet);
    UPDATE_MEMBER = "/mandate.v1.MembershipService/UpdateMember", &[], Needs(Op::MemberUpdate);
    SUSPEND_MEMBER = "/mandate.v1.MembershipService/SuspendMember", &[], Needs(Op::MemberSuspend);
    REINSTATE_MEMBER = "/mandate.v1.MembershipService/ReinstateMember", &[], Needs(Op::MemberSuspend);
    REMOVE_MEMBER = "/mandate.v1.MembershipService/RemoveMember", &[],
        OperationByTarget { another: Op::MemberRemove, oneself: Op::MemberLeave };
    ASSIGN_RESOURCE = "/mandate.v1.MembershipService/AssignResource", &[], Resource(On::Assign);
    UNASSIGN_RESOURCE = "/mandate.v1.MembershipService/UnassignResource", &[], Resource(On::Unassign);
    // Of a user this rule holds; of a resource, `view` of its type does.
    LIST_ASSIGNMENTS = "/mandate.v1.MembershipService/ListAssignments", &[Scope::AccountsRead], OperationOrOneself(Op::MemberGet);

    CREATE_CONTACT = "/mandate.v1.MembershipService/CreateContact", &[], Needs(Op::ContactCreate);
    GET_CONTACT = "/mandate.v1.MembershipService/GetContact", &[Scope::AccountsRead], Needs(Op::ContactGet);
    LIST_CONTACTS = "/mandate.v1.MembershipService/ListContacts", &[Scope::AccountsRead], Needs(Op::ContactGet);
    UPDATE_CONTACT = "/mandate.v1.MembershipService/UpdateContact", &[], Needs(Op::ContactUpdate);
    DELETE_CONTACT = "/mandate.v1.MembershipService/DeleteContact", &[], Needs(Op::ContactUpdate);
    ACTIVATE_CONTACT = "/mandate.v1.MembershipService/ActivateContact", &[], Needs(Op::ContactActivate);
    RESET_INITIAL_PASSWORD = "/mandate.v1.MembershipService/ResetInitialPassword", &[], Needs(Op::PasswordReset);
    INVITE_MEMBER = "/mandate.v1.MembershipService/InviteMember", &[], Needs(Op::MemberInvite);
    REPLACE_MEMBER_EMAIL = "/mandate.v1.MembershipService/ReplaceMemberEmail", &[], Needs(Op::MemberReplaceEmail);
    GET_INVITATION = "/mandate.v1.MembershipService/GetInvitation", &[Scope::AccountsRead], Needs(Op::MemberGet);
    LIST_INVITATIONS = "/mandate.v1.MembershipService/ListInvitations", &[Scope::AccountsRead], Needs(Op::MemberList);
    RESEND_INVITATION = "/mandate.v1.MembershipService/ResendInvitation", &[], Needs(Op::MemberInvite);
    REVOKE_INVITATION = "/mandate.v1.MembershipService/RevokeInvitation", &[], Needs(Op::MemberInvite);
    ACCEPT_INVITATION = "/mandate.v1.MembershipService/AcceptInvitation", &[], Public;
    IMPORT_MEMBERS = "/mandate.v1.MembershipService/ImportMembers", &[], Needs(Op::MemberImport);
    DECLINE_INVITATION = "/mandate.v1.MembershipService/DeclineInvitation", &[], Public;

    SEND_BILLING_MAIL = "/mandate.v1.MailService/SendBillingMail", &[Scope::MailSend], Nobody;
    LIST_OUTBOX = "/mandate.v1.MailService/ListOutbox", &[], Nobody;
    RETRY_MAIL = "/mandate.v1.MailService/RetryMail", &[], Nobody;

    CREATE_USER = "/mandate.v1.IdentityService/CreateUser", &[Scope::UsersWrite], Nobody;
    GET_USER = "/mandate.v1.IdentityService/GetUser", &[Scope::UsersRead], Oneself;
    LIST_USERS = "/mandate.v1.IdentityService/ListUsers", &[Scope::UsersRead], Nobody;
    UPDATE_USER = "/mandate.v1.IdentityService/UpdateUser", &[Scope::UsersWrite], Oneself;
    SUSPEND_USER = "/mandate.v1.IdentityService/SuspendUser", &[Scope::UsersWrite], Nobody;
    REINSTATE_USER = "/mandate.v1.IdentityService/ReinstateUser", &[Scope::UsersWrite], Nobody;
    EXPORT_USER = "/mandate.v1.IdentityService/ExportUser", &[], Oneself;
    ERASE_USER = "/mandate.v1.IdentityService/EraseUser", &[], Nobody;
    SET_INITIAL_PASSWORD = "/mandate.v1.IdentityService/SetInitialPassword", &[Scope::UsersWrite], Nobody;
    SIGN_IN = "/mandate.v1.IdentityService/SignIn", &[], Public;
    REFRESH_TOKEN = "/mandate.v1.IdentityService/RefreshToken", &[], Public;
    SIGN_OUT = "/mandate.v1.IdentityService/SignOut", &[], Oneself;
    SET_PASSWORD = "/mandate.v1.IdentityService/SetPassword", &[], Oneself;
    GET_PUBLIC_KEYS = "/mandate.v1.IdentityService/GetPublicKeys", &[], Public;
}

/// The rule of an RPC; `None`: this service has no such RPC.
#[must_use]
pub fn rule(path: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.path == path)
}

/// The RPCs that go on after the call was admitted, and whose caller is looked at again and again.
pub static STREAMS: &[&Rule] = &[&IMPORT_MEMBERS, &CHECK_STREAM, &WATCH];

/// Why a caller may not call an RPC, whatever its message says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The token lacks a scope.
    #[error(
        "this call needs a token with the scope {needed}{}; ask whoever issues your tokens for it",
        if *for_persons { ", or the name of the person you act for (metadata `mandate-acting-for`, scope people.act)" } else { "" }
    )]
    ScopeMissing {
        /// The scope that would suffice.
        needed: Scope,
        /// Whether persons may call it, so that acting for one would do, too.
        for_persons: bool,
    },
    /// A person asks about somebody else.
    #[error(
        "you can ask this about yourself only; name your own user id as the subject, or have a service ask \
         whose token has the scope"
    )]
    NotOneself,
    /// The token is a person's whom this service does not know, or it acts for one.
    #[error(
        "the person of this call is not known here; create the user with this login first \
         (IdentityService.CreateUser), or use a token whose subject is the user's id"
    )]
    CallerUnknown,
    /// The person signed in with an initial password, and asks for something else than to replace it (IX-10).
    #[error(
        "you signed in with an initial password; set one of your own first (IdentityService.SetPassword)"
    )]
    PasswordChangeRequired,
    /// The person is suspended.
    #[error("you are suspended; ask the provider's support")]
    CallerSuspended,
    /// The session of the token is over.
    #[error("the session of this token has ended; sign in again")]
    SessionEnded,
}

impl Rule {
    /// Judges what can be judged before the message is read.
    ///
    /// # Errors
    /// [`AccessError::PasswordChangeRequired`] and [`AccessError::ScopeMissing`].
    pub fn admit(&self, caller: &Caller, as_person: AsPerson) -> Result<(), AccessError> {
        let confined = caller.session.is_some_and(|session| session.purpose == Purpose::SetPassword);
        if confined && self.path != SET_PASSWORD.path {
            return Err(AccessError::PasswordChangeRequired);
        }
        let for_persons = self.person != Nobody;
        let refused = |needed| {
            // Whoever names a person already needs no hint that they could.
            let for_persons = for_persons && needed != Scope::PeopleAct;
            Err(AccessError::ScopeMissing { needed, for_persons })
        };
        match (caller.kind, as_person) {
            (CallerKind::Operator, AsPerson::No) => Ok(()),
            (CallerKind::Service, AsPerson::No) => match self.scopes {
                scopes if scopes.iter().any(|scope| caller.has_scope(*scope)) => Ok(()),
                [first, ..] => refused(*first),
                [] => refused(Scope::PlatformOperator),
            },
            // A person who names another one must not be taken for either of them.
            (CallerKind::Person, AsPerson::Yes) => refused(Scope::PeopleAct),
            (CallerKind::Service, AsPerson::Yes) if !caller.has_scope(Scope::PeopleAct) => {
                refused(Scope::PeopleAct)
            }
            (CallerKind::Person | CallerKind::Service | CallerKind::Operator, _) if for_persons => Ok(()),
            (CallerKind::Person | CallerKind::Service | CallerKind::Operator, _) => {
                refused(self.scopes.first().copied().unwrap_or(Scope::PlatformOperator))
            }
        }
    }
}

impl Rule {
    /// Whether the RPC needs no token.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.person == PersonRule::Public
    }
}

/// Whether a service or an operator acts for a person with this call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsPerson {
    /// It names one.
    Yes,
    /// It acts in its own name.
    No,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::auth::{CallerSession, ScopeSet};

    #[test]
    fn every_rpc_has_a_rule_and_every_rule_an_rpc() {
        let set = FileDescriptorSet::decode(mandate_proto::FILE_DESCRIPTOR_SET).unwrap();
        let rpcs: BTreeSet<String> = set
            .file
            .iter()
            .filter(|file| file.package() == "mandate.v1")
            .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)))
            .flat_map(|(package, service)| {
                service.method.iter().map(move |rpc| format!("/{package}.{}/{}", service.name(), rpc.name()))
            })
            .collect();
        let rules: BTreeSet<String> = RULES.iter().map(|rule| rule.path.to_owned()).collect();
        assert_eq!(rpcs, rules, "left: the protos, right: the list in access.rs");
        assert_eq!(rules.len(), RULES.len(), "a rule is there twice");
        assert!(RULES.iter().all(|rule| rule.path.starts_with(GUARDED)));
    }

    fn caller(scopes: &[Scope]) -> Caller {
        let scopes: ScopeSet = scopes.iter().copied().collect();
        let kind = CallerKind::of(scopes);
        Caller { kind, issuer: "i".into(), subject: "s".into(), scopes, expires_at_micros: 0, session: None }
    }

    #[test]
    fn what_needs_no_token_is_a_closed_list() {
        let public: Vec<_> = RULES.iter().filter(|rule| rule.is_public()).map(|rule| rule.path).collect();
        assert_eq!(
            public,
            [
                ACCEPT_INVITATION.path,
                DECLINE_INVITATION.path,
                SIGN_IN.path,
                REFRESH_TOKEN.path,
                GET_PUBLIC_KEYS.path
            ]
        );
    }

    #[test]
    fn an_initial_password_opens_one_call() {
        let id = mandate_domain::id::SessionId::from_bits(1);
        let session = Some(CallerSession { id, purpose: Purpose::SetPassword });
        let confined = Caller { session, ..caller(&[]) };
        for rule in RULES {
            let expected = rule.path == SET_PASSWORD.path;
            assert_eq!(rule.admit(&confined, AsPerson::No).is_ok(), expected, "{}", rule.path);
        }
    }

    #[test]
    fn a_service_needs_a_scope_of_the_rule() {
        let service = caller(&[Scope::AuthzCheck]);
        assert_eq!(CHECK.admit(&service, AsPerson::No), Ok(()));
        let needed = Scope::AccountsCreate;
        let refused = Err(AccessError::ScopeMissing { needed, for_persons: true });
        assert_eq!(CREATE_ACCOUNT.admit(&service, AsPerson::No), refused);
    }

    #[test]
    fn acting_for_a_person_needs_its_own_scope_and_makes_the_caller_that_person() {
        let needed = Scope::PeopleAct;
        let refused = Err(AccessError::ScopeMissing { needed, for_persons: false });
        assert_eq!(CHECK.admit(&caller(&[Scope::AuthzCheck]), AsPerson::Yes), refused);
        assert_eq!(CHECK.admit(&caller(&[]), AsPerson::Yes), refused, "a person is nobody else");
        assert_eq!(ADD_MEMBER.admit(&caller(&[Scope::PeopleAct]), AsPerson::Yes), Ok(()));
        let both = caller(&[Scope::PeopleAct, Scope::UsersWrite]);
        assert!(CREATE_USER.admit(&both, AsPerson::Yes).is_err(), "a person creates no users");
    }

    #[test]
    fn operators_may_call_everything_and_persons_what_is_for_persons() {
        let (operator, person) = (caller(&[Scope::PlatformOperator]), caller(&[]));
        for rule in RULES {
            assert_eq!(rule.admit(&operator, AsPerson::No), Ok(()), "{}", rule.path);
            assert_eq!(rule.admit(&person, AsPerson::No).is_ok(), rule.person != Nobody, "{}", rule.path);
        }
    }
}
