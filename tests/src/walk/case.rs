//! One case for each RPC, and more where the same RPC is another call when it is about oneself.

use super::call::Outcome;
use super::stage::Scene;
use super::{account, activation, authz, group, identity, invitation, mail, membership};

/// What a person needs, as the comments of the protos say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The permission of this operation of the account's policy.
    Operation(&'static str),
    /// The permission of the first operation and, where the policy knows contacts, of the second.
    OperationAndOfContacts(&'static str, &'static str),
    /// The permission of this operation on the resource; the account is asked where there is none yet.
    OnResource(&'static str),
    /// The same for every resource of a type.
    OnType(&'static str),
    /// To be known.
    Known,
    /// To belong to the account, where the call is about the caller.
    Membership,
    /// To be asked about: this case asks about somebody else.
    NotOneself,
    /// A role in the group that gives others.
    GroupRole,
    /// A role in the group with this control of it (`view`, `accounts`, `delete`).
    GroupControl(&'static str),
    /// Nothing helps.
    Nobody,
    /// One's password: no role and no scope stands for it.
    Password,
    /// Nothing at all, not even a token.
    Public,
}

/// One case.
#[derive(Clone, Copy)]
pub struct Case {
    /// The RPC.
    pub rpc: &'static str,
    /// What sets it apart from other cases of the RPC; empty for the first.
    pub variant: &'static str,
    /// What a person needs.
    pub needs: Needs,
    /// Scopes of which a service needs one.
    pub scopes: &'static [&'static str],
    /// A valid request.
    pub request: fn(&Scene) -> Vec<u8>,
    /// Looks for refusals inside of an answer.
    pub inside: fn(Outcome) -> Outcome,
    /// Whether the right person succeeds with it in a scene.
    pub success: Success,
}

/// Where a case succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success {
    /// In the scenes of the walk.
    Here,
    /// In a state that no scene is in; another test shows it.
    Elsewhere,
}

impl Case {
    pub(super) const fn new(
        rpc: &'static str,
        needs: Needs,
        scopes: &'static [&'static str],
        request: fn(&Scene) -> Vec<u8>,
    ) -> Self {
        Self { rpc, variant: "", needs, scopes, request, inside: |outcome| outcome, success: Success::Here }
    }

    pub(super) const fn variant(mut self, variant: &'static str) -> Self {
        self.variant = variant;
        self
    }

    pub(super) const fn inside(mut self, inside: fn(Outcome) -> Outcome) -> Self {
        self.inside = inside;
        self
    }

    pub(super) const fn elsewhere(mut self) -> Self {
        self.success = Success::Elsewhere;
        self
    }

    /// What a person reads: the RPC without its package.
    pub fn name(&self) -> String {
        let short = self.rpc.trim_start_matches("/mandate.v1.").replace("Service/", ".");
        if self.variant.is_empty() { short } else { format!("{short} ({})", self.variant) }
    }
}

/// Every case, by RPC.
pub fn cases() -> Vec<Case> {
    let mut cases = [
        account::CASES,
        activation::CASES,
        authz::CASES,
        group::CASES,
        identity::CASES,
        invitation::CASES,
        mail::CASES,
        membership::CASES,
    ]
    .concat();
    cases.sort_by_key(|case| (case.rpc, case.variant));
    cases
}
