//! What an account of the policy `policy.yaml` does, one operation after the other: the sequential model.
//!
//! It knows nothing of the code that it judges. All writes come from a platform operator, so that nothing but existence, state and
//! limits can refuse them; which of several limits a refusal names is not part of the model's business, but that it names
//! one that would be broken is.

use std::fmt;

use mandate_proto::v1::DecisionReason as Reason;

/// How many people there are around an account; who they are is the same in all accounts.
pub(super) const PEOPLE: usize = 5;

/// One of them: less than [`PEOPLE`].
pub(super) type Who = usize;

/// Roles, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Roles(u8);

/// A role of the policy, and its limits.
struct Role {
    name: &'static str,
    roles: Roles,
    least: usize,
    most: usize,
}

const ROLES: [Role; 4] = [
    Role { name: "admin", roles: Roles::ADMIN, least: 1, most: PEOPLE },
    Role { name: "billing", roles: Roles::BILLING, least: 0, most: 2 },
    Role { name: "member", roles: Roles::MEMBER, least: 0, most: PEOPLE },
    Role { name: "owner", roles: Roles::OWNER, least: 1, most: 1 },
];

impl Roles {
    pub(super) const OWNER: Self = Self(1);
    pub(super) const ADMIN: Self = Self(2);
    pub(super) const BILLING: Self = Self(4);
    pub(super) const MEMBER: Self = Self(8);

    /// Every set of roles that a member can hold: one of them stands alone.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (1..16).map(Self).filter(|roles| *roles != Self::BILLING)
    }

    /// All that are in either.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Their names, as the API takes them.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        ROLES.iter().filter(move |role| self.has(role.roles)).map(|role| role.name)
    }

    /// The roles of these names; `None`: one is of no role.
    pub(super) fn of(names: &[String]) -> Option<Self> {
        names.iter().try_fold(Self(0), |all, name| {
            ROLES.iter().find(|role| role.name == name).map(|role| all.and(role.roles))
        })
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join("+"))
    }
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Seat {
    pub(super) roles: Roles,
    pub(super) suspended: bool,
    /// Whether the one thing there is was assigned to them.
    pub(super) assigned: bool,
}

/// An account: who is a member, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct State(pub(super) [Option<Seat>; PEOPLE]);

/// A write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Add(Who, Roles, Thing),
    Remove(Who),
    SetRoles(Who, Roles),
    Suspend(Who),
    Reinstate(Who),
    Assign(Who),
    Unassign(Who),
    Transfer { from: Who, to: Who },
}

/// Whether somebody is added with the thing assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    With,
    Without,
}

/// Why a write was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    NotFound,
    AlreadyExists,
    WrongState,
    /// Fewer than the least active holders of the role would be left.
    LimitLeast(String),
    /// More than the most holders of the role there would be.
    LimitMost(String),
}

/// What a Check asks of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Open,
    Manage,
    SeeBills,
    HandOver,
    /// About the one thing.
    ViewThing,
}

impl Question {
    pub(super) const ALL: [Self; 5] =
        [Self::Open, Self::Manage, Self::SeeBills, Self::HandOver, Self::ViewThing];

    /// The permission.
    pub(super) fn permission(self) -> &'static str {
        match self {
            Self::Open => "desk.open",
            Self::Manage => "desk.manage",
            Self::SeeBills => "desk.see_bills",
            Self::HandOver => "desk.hand_over",
            Self::ViewThing => "things.view",
        }
    }

    fn held_by(self) -> Roles {
        match self {
            Self::Open => Roles::OWNER.and(Roles::ADMIN).and(Roles::MEMBER),
            Self::Manage | Self::ViewThing => Roles::OWNER.and(Roles::ADMIN),
            Self::SeeBills => Roles::OWNER.and(Roles::BILLING),
            Self::HandOver => Roles::OWNER,
        }
    }
}

/// What limits there are on what is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limits {
    /// Those of the policy.
    Hold,
    /// None: part of what happened is left out, so that holders cannot be counted.
    Ignored,
}

impl State {
    /// An account as it is created.
    pub(super) fn born(founder: Who) -> Self {
        let roles = Roles::OWNER.and(Roles::ADMIN);
        Self::default().with(founder, Some(Seat { roles, suspended: false, assigned: false }))
    }

    pub(super) fn seat(&self, who: Who) -> Option<Seat> {
        self.0.get(who).copied().flatten()
    }

    pub(super) fn with(mut self, who: Who, seat: Option<Seat>) -> Self {
        if let Some(place) = self.0.get_mut(who) {
            *place = seat;
        }
        self
    }

    /// What a write makes of it.
    ///
    /// # Errors
    /// Every reason for which it may be refused instead.
    pub(super) fn after(&self, write: Write, limits: Limits) -> Result<Self, Vec<Refusal>> {
        let after = self.unlimited(write).map_err(|refusal| vec![refusal])?;
        let broken = match limits {
            Limits::Hold => self.broken(&after),
            Limits::Ignored => Vec::new(),
        };
        if broken.is_empty() { Ok(after) } else { Err(broken) }
    }

    fn unlimited(&self, write: Write) -> Result<Self, Refusal> {
        let member = |who| self.seat(who).ok_or(Refusal::NotFound);
        Ok(match write {
            Write::Add(who, roles, thing) => {
                if self.seat(who).is_some() {
                    return Err(Refusal::AlreadyExists);
                }
                self.with(who, Some(Seat { roles, suspended: false, assigned: thing == Thing::With }))
            }
            Write::Remove(who) => member(who).map(|_| self.with(who, None))?,
            Write::SetRoles(who, roles) => self.with(who, Some(Seat { roles, ..member(who)? })),
            Write::Suspend(who) => self.with(who, Some(Seat { suspended: true, ..member(who)? })),
            Write::Reinstate(who) => self.with(who, Some(Seat { suspended: false, ..member(who)? })),
            Write::Assign(who) => self.with(who, Some(Seat { assigned: true, ..member(who)? })),
            Write::Unassign(who) => match member(who)? {
                seat @ Seat { assigned: true, .. } => self.with(who, Some(Seat { assigned: false, ..seat })),
                Seat { assigned: false, .. } => return Err(Refusal::NotFound),
            },
            Write::Transfer { from, to } => {
                let (giver, taker) = (member(from)?, member(to)?);
                if !giver.roles.has(Roles::OWNER) || taker.suspended || taker.roles.has(Roles::OWNER) {
                    return Err(Refusal::WrongState);
                }
                let left = giver.roles.without(Roles::OWNER).and(Roles::MEMBER);
                let gained = taker.roles.and(Roles::OWNER);
                self.with(from, Some(Seat { roles: left, ..giver }))
                    .with(to, Some(Seat { roles: gained, ..taker }))
            }
        })
    }

    /// The limits that are broken after a write and are further from being kept than before. Active holders count towards a
    /// least, all towards a most.
    fn broken(&self, after: &Self) -> Vec<Refusal> {
        let mut broken = Vec::new();
        for Role { name, roles, least, most } in &ROLES {
            let active = |state: &Self| state.count(|seat| seat.roles.has(*roles) && !seat.suspended);
            let all = |state: &Self| state.count(|seat| seat.roles.has(*roles));
            if active(after) < *least && active(after) < active(self) {
                broken.push(Refusal::LimitLeast((*name).to_owned()));
            }
            if all(after) > *most && all(after) > all(self) {
                broken.push(Refusal::LimitMost((*name).to_owned()));
            }
        }
        broken
    }

    fn count(&self, of: impl Fn(Seat) -> bool) -> usize {
        self.0.iter().flatten().filter(|seat| of(**seat)).count()
    }

    /// What a Check is answered.
    pub(super) fn answer(&self, who: Who, question: Question) -> Reason {
        match self.seat(who) {
            None => Reason::NotAMember,
            Some(Seat { suspended: true, .. }) => Reason::MembershipSuspended,
            Some(Seat { roles, .. }) if roles.has(question.held_by()) => Reason::Role,
            Some(Seat { assigned: true, .. }) if question == Question::ViewThing => Reason::Assignment,
            Some(_) if question == Question::ViewThing => Reason::NotAssigned,
            Some(_) => Reason::NotGranted,
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(who, roles, Thing::Without) => write!(f, "add u{who} as {roles}"),
            Self::Add(who, roles, Thing::With) => write!(f, "add u{who} as {roles} with the thing"),
            Self::Remove(who) => write!(f, "remove u{who}"),
            Self::SetRoles(who, roles) => write!(f, "make u{who} {roles}"),
            Self::Suspend(who) => write!(f, "suspend u{who}"),
            Self::Reinstate(who) => write!(f, "reinstate u{who}"),
            Self::Assign(who) => write!(f, "assign the thing to u{who}"),
            Self::Unassign(who) => write!(f, "take the thing from u{who}"),
            Self::Transfer { from, to } => write!(f, "transfer ownership from u{from} to u{to}"),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (who, seat) in self.0.iter().enumerate() {
            let Some(Seat { roles, suspended, assigned }) = seat else { continue };
            let suspended = if *suspended { " suspended" } else { "" };
            let assigned = if *assigned { " with the thing" } else { "" };
            write!(f, "{separator}u{who} {roles}{suspended}{assigned}")?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("nobody") } else { Ok(()) }
    }
}
