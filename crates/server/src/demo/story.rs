//! What a story is made of: people, and lines in the order in which they happen.

use mandate_proto::v1::{DecisionReason, ErrorReason};

/// One of the systems that the articles describe, told with people and an account or two.
pub(super) struct Story {
    /// The policy that governs its accounts.
    pub(super) policy: &'static str,
    /// What the system is.
    pub(super) title: &'static str,
    /// Who takes part. A first name is one person in all stories.
    pub(super) people: &'static [Person],
    /// What happens, in this order.
    pub(super) lines: &'static [Line],
}

impl Story {
    /// Whether the person is nobody's user before an account activates their login.
    pub(super) fn is_activated(&self, name: &str) -> bool {
        self.lines.iter().any(|line| match line.event {
            Event::Does(Act::Activate(newcomer)) => newcomer.name == name,
            Event::Does(_) | Event::Asks { .. } | Event::Refused(..) => false,
        })
    }
}

/// Somebody in a story.
pub(super) struct Person {
    /// The first name.
    pub(super) name: &'static str,
    /// Who they are in it.
    pub(super) part: &'static str,
}

/// One sentence of an article, and what must come of it.
pub(super) struct Line {
    /// The sentence, in short. Empty: the line only prepares what others ask about, and is not shown.
    pub(super) says: &'static str,
    /// Who asks or acts: a person's name, or [`OPERATOR`].
    pub(super) who: &'static str,
    /// Where: an account's name, or a group's.
    pub(super) at: &'static str,
    /// What is asked or done.
    pub(super) event: Event,
}

/// The platform operator, who is no person of a story.
pub(super) const OPERATOR: &str = "operator";

/// What is asked or done.
pub(super) enum Event {
    /// Somebody may or may not do something: a Check.
    Asks {
        /// The permission.
        permission: &'static str,
        /// On which resource, if on one.
        on: Option<Thing>,
        /// The answer of the article.
        answer: DecisionReason,
    },
    /// A write that the article lets them do.
    Does(Act),
    /// A write that the article forbids, and the reason that the error must carry.
    Refused(Act, ErrorReason),
}

/// A resource: its type and its id.
pub(super) type Thing = (&'static str, &'static str);

/// A write.
#[derive(Clone, Copy)]
pub(super) enum Act {
    /// Creates the account, in the course of this order or ahead of any.
    Create { order: Option<&'static str> },
    /// Sets an attribute of the account.
    Set { attribute: &'static str, to: Setting },
    /// Adds a member.
    Add(Newcomer),
    /// Invites somebody, who follows the link of the mail.
    Invite(Newcomer),
    /// Makes a contact known: the person's name and address.
    Contact { name: &'static str },
    /// Activates the contact's login. They sign in with the initial password of the mail and set one of their own.
    Activate(Newcomer),
    /// Makes a member of a row of an import, whose grants may be whole modules.
    Import(Newcomer),
    /// Replaces a member's roles.
    Roles { of: &'static str, roles: &'static [&'static str] },
    /// Replaces a member's single permissions.
    Grants { of: &'static str, grants: &'static [&'static str] },
    /// Removes a member.
    Remove { whom: &'static str },
    /// Searches contacts and users, and finds these.
    Find { search: &'static str, finds: &'static [&'static str] },
    /// Registers a resource.
    Register(Thing),
    /// Assigns a resource.
    Assign {
        to: &'static str,
        thing: Thing,
        roles: &'static [&'static str],
        permissions: &'static [&'static str],
    },
    /// Ends an assignment.
    Unassign { from: &'static str, thing: Thing },
    /// Founds the group with these accounts.
    Found { accounts: &'static [&'static str] },
    /// Gives a role in the group.
    Seat { to: &'static str, role: &'static str },
    /// Removes a user from the group.
    Unseat { whom: &'static str },
}

/// A member to add.
#[derive(Clone, Copy)]
pub(super) struct Newcomer {
    /// The person's name.
    pub(super) name: &'static str,
    /// Account roles.
    pub(super) roles: &'static [&'static str],
    /// Single permissions.
    pub(super) grants: &'static [&'static str],
    /// Resources to assign with it.
    pub(super) things: &'static [Thing],
}

/// The value of an attribute.
#[derive(Clone, Copy)]
pub(super) enum Setting {
    /// Of a flag.
    On,
    /// Of a choice or a domain.
    Text(&'static str),
}

/// A newcomer with roles alone.
pub(super) const fn newcomer(name: &'static str, roles: &'static [&'static str]) -> Newcomer {
    Newcomer { name, roles, grants: &[], things: &[] }
}

impl Newcomer {
    pub(super) const fn with(mut self, grants: &'static [&'static str]) -> Self {
        self.grants = grants;
        self
    }

    pub(super) const fn assigned(mut self, things: &'static [Thing]) -> Self {
        self.things = things;
        self
    }
}

/// The lines of one person at one place.
pub(super) struct Somebody {
    who: &'static str,
    at: &'static str,
}

/// Begins a line: `by("Anna", ACCOUNT).asks(…)`.
pub(super) const fn by(who: &'static str, at: &'static str) -> Somebody {
    Somebody { who, at }
}

impl Somebody {
    const fn line(self, says: &'static str, event: Event) -> Line {
        Line { says, who: self.who, at: self.at, event }
    }

    /// A write that only prepares what follows.
    pub(super) const fn first(self, act: Act) -> Line {
        self.line("", Event::Does(act))
    }

    /// A write that the article lets them do.
    pub(super) const fn does(self, act: Act, says: &'static str) -> Line {
        self.line(says, Event::Does(act))
    }

    /// A write that the article forbids.
    pub(super) const fn may_not(self, act: Act, reason: ErrorReason, says: &'static str) -> Line {
        self.line(says, Event::Refused(act, reason))
    }

    /// A Check of a permission as such.
    pub(super) const fn asks(
        self,
        permission: &'static str,
        answer: DecisionReason,
        says: &'static str,
    ) -> Line {
        self.line(says, Event::Asks { permission, on: None, answer })
    }

    /// A Check of a permission on one resource.
    pub(super) const fn asks_on(
        self,
        permission: &'static str,
        on: Thing,
        answer: DecisionReason,
        says: &'static str,
    ) -> Line {
        self.line(says, Event::Asks { permission, on: Some(on), answer })
    }
}
