//! Questions put together in words, for the tests of `decide`: who asks for what, where, holding what.

use mandate_domain::account::{Account, AccountState, AttributeValue, Origin};
use mandate_domain::decide::{Decision, Question, Target, decide};
use mandate_domain::facts::{AccountFact, AssignmentFact, MemberFact, UserFact};
use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_domain::membership::{MemberState, Membership};
use mandate_domain::policy::model::Policy;
use mandate_domain::policy::{Severity, check};
use mandate_domain::resource::{Assignment, ResourceRef};
use mandate_domain::user::{GroupSeat, User, UserState};

const ACCOUNT: AccountId = AccountId::from_bits(1);
const USER: UserId = UserId::from_bits(2);

/// The policy of `yard.yaml`.
pub(crate) fn yard() -> Policy {
    let checked = check("yard.yaml", include_str!("yard.yaml"));
    let errors: Vec<_> =
        checked.diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
    checked.policy.unwrap_or_else(|| panic!("yard.yaml: {errors:#?}"))
}

/// One question and all that its answer hangs on. Begins as: an active user who has nothing to do with an active
/// account that has no attribute set.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    account: Option<Account>,
    has_policy: Loaded,
    user: Option<User>,
    member: Option<Membership>,
    permission: String,
    on: Option<On>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loaded {
    Yes,
    No,
}

#[derive(Debug, Clone)]
struct On {
    kind: String,
    registered: bool,
    own: bool,
    assignments: Vec<Assignment>,
}

impl Asked {
    /// May the subject do this, in the account as such?
    pub(crate) fn about(permission: &str) -> Self {
        let account = Account {
            id: ACCOUNT,
            policy: "yard".into(),
            display_name: "Yard".into(),
            state: AccountState::Active,
            origin: Origin::Registration,
            attributes: Default::default(),
            groups: Vec::new(),
            created_at: 0,
            updated_at: 0,
            deleted_at: None,
            deleted_in: None,
        };
        let user = User {
            id: USER,
            email: "ada@example.com".into(),
            display_name: "Ada".into(),
            locale: String::new(),
            avatar_url: String::new(),
            state: UserState::Active,
            identities: Vec::new(),
            seats: Vec::new(),
            created_at: 0,
        };
        let (account, user) = (Some(account), Some(user));
        Self { account, has_policy: Loaded::Yes, user, member: None, permission: permission.into(), on: None }
    }

    /// The subject is an active member with these roles.
    pub(crate) fn by(mut self, roles: &[&str]) -> Self {
        self.member = Some(Membership {
            account: ACCOUNT,
            user: USER,
            state: MemberState::Active,
            roles: owned(roles),
            grants: Vec::new(),
            restrictions: Vec::new(),
            created_at: 0,
            updated_at: 0,
        });
        self
    }

    /// The member was granted a permission.
    pub(crate) fn granted(self, permission: &str) -> Self {
        self.membership(|member| member.grants.push(permission.into()))
    }

    /// A restriction was put on the member.
    pub(crate) fn restricted(self, name: &str) -> Self {
        self.membership(|member| member.restrictions.push(name.into()))
    }

    /// The membership is in this state.
    pub(crate) fn member_is(self, state: MemberState) -> Self {
        self.membership(|member| member.state = state)
    }

    fn membership(mut self, change: impl FnOnce(&mut Membership)) -> Self {
        change(self.member.as_mut().expect("call `by` first"));
        self
    }

    /// The subject sits in a group that contains the account.
    pub(crate) fn seated(mut self, group: u128, role: &str) -> Self {
        let id = GroupId::from_bits(group);
        let groups = &mut self.account.as_mut().expect("an account").groups;
        groups.push(id);
        groups.sort();
        self.seated_elsewhere(group, role)
    }

    /// The subject sits in a group that does not contain the account.
    pub(crate) fn seated_elsewhere(mut self, group: u128, role: &str) -> Self {
        let seat = GroupSeat { group: GroupId::from_bits(group), role: role.into() };
        self.user.as_mut().expect("a user").seats.push(seat);
        self
    }

    /// The account is in this state.
    pub(crate) fn account_is(mut self, state: AccountState) -> Self {
        self.account.as_mut().expect("an account").state = state;
        self
    }

    /// The account has the bigger plan, which `desk.stamp` requires.
    pub(crate) fn big(self) -> Self {
        self.attribute("plan", AttributeValue::Text("big".into()))
    }

    /// The account is audited, without which clerk, inspector and watcher count for nothing.
    pub(crate) fn audited(self) -> Self {
        self.attribute("audited", AttributeValue::Flag(true))
    }

    fn attribute(mut self, name: &str, value: AttributeValue) -> Self {
        self.account.as_mut().expect("an account").attributes.insert(name.into(), value);
        self
    }

    /// There is no such account.
    pub(crate) fn no_account(mut self) -> Self {
        self.account = None;
        self
    }

    /// The account's policy is not loaded.
    pub(crate) fn no_policy(mut self) -> Self {
        self.has_policy = Loaded::No;
        self
    }

    /// There is no such user.
    pub(crate) fn no_user(mut self) -> Self {
        self.user = None;
        self
    }

    /// The user is suspended everywhere.
    pub(crate) fn user_suspended(mut self) -> Self {
        self.user.as_mut().expect("a user").state = UserState::Suspended;
        self
    }

    /// To a resource of this type that was registered by somebody else.
    pub(crate) fn on(mut self, kind: &str) -> Self {
        self.on = Some(On { kind: kind.into(), registered: true, own: false, assignments: Vec::new() });
        self
    }

    /// The resource was never registered.
    pub(crate) fn unregistered(self) -> Self {
        self.target(|on| on.registered = false)
    }

    /// The subject registered the resource.
    pub(crate) fn own(self) -> Self {
        self.target(|on| on.own = true)
    }

    /// The subject is assigned a resource of this type: the one asked about, or (called later) one it lives in.
    pub(crate) fn assigned(self, kind: &str, roles: &[&str], permissions: &[&str]) -> Self {
        self.target(|on| {
            on.assignments.push(Assignment {
                account: ACCOUNT,
                user: USER,
                resource: ResourceRef { kind: kind.into(), id: "1".into() },
                roles: owned(roles),
                permissions: owned(permissions),
                created_at: 0,
            });
        })
    }

    fn target(mut self, change: impl FnOnce(&mut On)) -> Self {
        change(self.on.as_mut().expect("call `on` first"));
        self
    }

    /// Makes facts of it, as the server does when it reads them.
    pub(crate) fn compiled(self, policy: &Policy) -> Compiled<'_> {
        let assignments = self.on.iter().flat_map(|on| &on.assignments);
        Compiled {
            policy: Some(policy).filter(|_| self.has_policy == Loaded::Yes),
            account: self.account.as_ref().map(|account| AccountFact::new(policy, account)),
            user: self.user.as_ref().map(UserFact::from),
            member: self.member.as_ref().map(|member| MemberFact::new(policy, member)),
            assignments: assignments
                .filter_map(|assignment| AssignmentFact::new(policy, assignment))
                .collect(),
            own_policy: policy,
            asked: self,
        }
    }

    /// The answer.
    pub(crate) fn decide(self, policy: &Policy) -> Decision {
        decide(&self.compiled(policy).question())
    }
}

/// A question's facts, compiled.
pub(crate) struct Compiled<'p> {
    policy: Option<&'p Policy>,
    account: Option<AccountFact>,
    user: Option<UserFact>,
    member: Option<MemberFact>,
    assignments: Vec<AssignmentFact>,
    own_policy: &'p Policy,
    asked: Asked,
}

impl Compiled<'_> {
    /// What `decide` takes.
    pub(crate) fn question(&self) -> Question<'_> {
        Question {
            policy: self.policy,
            account: self.account.as_ref(),
            subject: self.user.as_ref(),
            member: self.member.as_ref(),
            permission: self.own_policy.permission_id(&self.asked.permission),
            resource: self.asked.on.as_ref().map(|on| Target {
                resource_type: self.own_policy.resource_type_id(&on.kind),
                registered: on.registered,
                created_by_subject: on.own,
                assignments: &self.assignments,
            }),
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
