//! Generated histories: small pools of people, accounts and resources, so that what happens collides.
//!
//! A step holds numbers, not names: which role the number 7 means depends on the account that it lands in. So a
//! history stays playable when proptest shrinks it; [`super::play`] writes down what each step came to.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// People in a history.
pub const USERS: usize = 4;
/// Accounts in a history.
pub const ACCOUNTS: usize = 3;
/// Ids of resources of each type.
pub const RESOURCES: usize = 3;
/// A number that stands for a name that does not exist.
pub const NOBODY: u8 = 255;

/// What happens, from an empty service on.
#[derive(Debug, Clone)]
pub struct History {
    /// How the accounts begin.
    pub births: Vec<Birth>,
    /// What happens then.
    pub steps: Vec<Step>,
}

/// How an account begins.
#[derive(Debug, Clone)]
pub struct Birth {
    /// Its policy.
    pub policy: u8,
    /// Its first user.
    pub first: u8,
    /// Its attributes.
    pub attributes: Attributes,
    /// What those hold who come aboard first.
    pub members: Vec<Holding>,
    /// Who creates the first resources of each type.
    pub resources: Vec<u8>,
    /// Who joins a group that contains it, and as what, where its policy knows groups.
    pub group: Option<(u8, u8)>,
}

/// Which attributes an account begins with.
#[derive(Debug, Clone)]
pub enum Attributes {
    /// None.
    Bare,
    /// Everything that the policy may require.
    Ready,
    /// Whatever comes.
    Any(Vec<(u8, u8)>),
}

/// One write, and where to look afterwards.
#[derive(Debug, Clone)]
pub struct Step {
    /// Who does it.
    pub who: Who,
    /// In which account.
    pub account: u8,
    /// What.
    pub what: What,
    /// Chooses the questions asked afterwards.
    pub look: u32,
}

/// Who does something.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    /// A platform operator.
    Operator,
    /// A member with a role at birth, if there is one.
    Chief,
    /// Anybody.
    Anybody(u8),
}

/// One write.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each field is a number that the variant's names explain")]
pub enum What {
    CreateUser { email: u8 },
    CreateAccount(Birth),
    SetAttributes(Vec<(u8, u8)>),
    SuspendAccount,
    ReinstateAccount,
    DeleteAccount,
    AddMember { user: u8, holding: Holding, assignments: Vec<Carrying> },
    UpdateMember { user: u8, roles: Option<Vec<u8>>, grants: Option<Vec<u8>>, restrictions: Option<Vec<u8>> },
    SuspendMember { user: u8 },
    ReinstateMember { user: u8 },
    RemoveMember { user: u8 },
    Leave,
    CreateResource { kind: u8, id: u8, parent: u8, creator: u8 },
    DeleteResource { kind: u8, id: u8 },
    Assign { user: u8, carrying: Carrying },
    Unassign { user: u8, kind: u8, id: u8 },
    CreateGroup { accounts: Vec<u8>, founder: u8 },
    AddGroupUser { group: u8, user: u8, role: u8 },
    RemoveGroupUser { group: u8, user: u8 },
}

/// What a member is to hold.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "as in a membership")]
pub struct Holding {
    pub roles: Vec<u8>,
    pub grants: Vec<u8>,
    pub restrictions: Vec<u8>,
}

/// What an assignment is to carry.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "as in an assignment")]
pub struct Carrying {
    pub kind: u8,
    pub id: u8,
    pub roles: Vec<u8>,
    pub permissions: Vec<u8>,
}

/// Histories of up to `steps` steps in accounts of the first `policies` policies.
pub fn histories(policies: u8, steps: usize) -> impl Strategy<Value = History> {
    let births = (vec(birth(policies), ACCOUNTS), any::<bool>()).prop_map(|(mut births, alike)| {
        // Groups want accounts of one policy and one owner.
        if alike {
            births[1] = births[0].clone();
        }
        births
    });
    (births, vec(step(policies), 1..=steps)).prop_map(|(births, steps)| History { births, steps })
}

fn birth(policies: u8) -> impl Strategy<Value = Birth> {
    let attributes = prop_oneof![
        1 => Just(Attributes::Bare),
        4 => Just(Attributes::Ready),
        1 => pairs(1..4).prop_map(Attributes::Any),
    ];
    // Some policies say more than others: they come more often.
    let policy = prop_oneof![4 => 0..policies, 2 => Just(2), 1 => Just(3)];
    let group = option::of((number(), name()));
    (policy, number(), attributes, vec(holding(), 0..=USERS), vec(number(), 0..5), group).prop_map(
        |(policy, first, attributes, members, resources, group)| Birth {
            policy,
            first,
            attributes,
            members,
            resources,
            group,
        },
    )
}

fn step(policies: u8) -> impl Strategy<Value = Step> {
    let who =
        prop_oneof![3 => Just(Who::Operator), 4 => Just(Who::Chief), 4 => number().prop_map(Who::Anybody)];
    (who, number(), what(policies), any::<u32>()).prop_map(|(who, account, what, look)| Step {
        who,
        account,
        what,
        look,
    })
}

fn what(policies: u8) -> impl Strategy<Value = What> {
    prop_oneof![
        1 => number().prop_map(|email| What::CreateUser { email }),
        1 => birth(policies).prop_map(What::CreateAccount),
        8 => pairs(1..3).prop_map(What::SetAttributes),
        2 => Just(What::SuspendAccount),
        6 => Just(What::ReinstateAccount),
        1 => Just(What::DeleteAccount),
        50 => members(),
        40 => resources(),
        18 => groups(),
    ]
}

fn members() -> impl Strategy<Value = What> {
    prop_oneof![
        6 => (number(), holding(), vec(carrying(), 0..3))
            .prop_map(|(user, holding, assignments)| What::AddMember { user, holding, assignments }),
        6 => (number(), option::weighted(0.6, roles()), option::weighted(0.4, names(0..3)), option::weighted(0.3, names(0..2)))
            .prop_map(|(user, roles, grants, restrictions)| What::UpdateMember { user, roles, grants, restrictions }),
        2 => number().prop_map(|user| What::SuspendMember { user }),
        2 => number().prop_map(|user| What::ReinstateMember { user }),
        2 => number().prop_map(|user| What::RemoveMember { user }),
        3 => Just(What::Leave),
    ]
}

fn resources() -> impl Strategy<Value = What> {
    prop_oneof![
        5 => (number(), number(), number(), number())
            .prop_map(|(kind, id, parent, creator)| What::CreateResource { kind, id, parent, creator }),
        1 => (number(), number()).prop_map(|(kind, id)| What::DeleteResource { kind, id }),
        6 => (number(), carrying()).prop_map(|(user, carrying)| What::Assign { user, carrying }),
        2 => (number(), number(), number()).prop_map(|(user, kind, id)| What::Unassign { user, kind, id }),
    ]
}

fn groups() -> impl Strategy<Value = What> {
    prop_oneof![
        3 => (vec(number(), 0..3), number()).prop_map(|(accounts, founder)| What::CreateGroup { accounts, founder }),
        4 => (number(), number(), name()).prop_map(|(group, user, role)| What::AddGroupUser { group, user, role }),
        2 => (number(), number()).prop_map(|(group, user)| What::RemoveGroupUser { group, user }),
    ]
}

fn holding() -> impl Strategy<Value = Holding> {
    (roles(), names(0..3), names(0..2)).prop_map(|(roles, grants, restrictions)| Holding {
        roles,
        grants,
        restrictions,
    })
}

fn carrying() -> impl Strategy<Value = Carrying> {
    (number(), number(), names(0..2), names(0..2)).prop_map(|(kind, id, roles, permissions)| Carrying {
        kind,
        id,
        roles,
        permissions,
    })
}

/// Mostly one role: most exclude each other.
fn roles() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![5 => vec(name(), 1), 2 => vec(name(), 2), 1 => vec(name(), 1..4)]
}

fn names(how_many: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(name(), how_many)
}

fn pairs(how_many: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(u8, u8)>> {
    vec((name(), any::<u8>()), how_many)
}

fn number() -> impl Strategy<Value = u8> {
    0..240_u8
}

fn name() -> impl Strategy<Value = u8> {
    prop_oneof![30 => number(), 1 => Just(NOBODY)]
}
