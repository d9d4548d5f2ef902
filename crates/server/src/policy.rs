//! `AuthzService`'s calls about policies: for platform operators, who may make any call.

use mandate_domain::policy::{Policy, difference};
use mandate_proto::v1;
use mandate_storage::{Effects, PlaceIn};
use tonic::{Request, Response};

use crate::authz::Authz;
use crate::caller::Call;
use crate::convert::page::{More, Paging};
use crate::convert::policy as convert;
use crate::error::Error;
use crate::policies::{self, EffectsPage, Outcome, Proposal};
use crate::writer::Write;

/// What a proposal came to, as messages have it.
#[derive(Debug, Default)]
struct Told {
    policy: Option<v1::PolicyVersion>,
    unchanged: bool,
    diagnostics: Vec<v1::PolicyDiagnostic>,
    holders: Vec<v1::PolicyHolderChange>,
    rules: Vec<v1::PolicyRuleChange>,
    next_page_token: String,
}

macro_rules! told_in {
    ($($message:ident),+) => {$(
        impl From<Told> for v1::$message {
            fn from(told: Told) -> Self {
                let Told { policy, unchanged, diagnostics, holders, rules, next_page_token } = told;
                // Effects and token are put in by `Write::answer`.
                let answer = Self::default();
                Self { policy, unchanged, diagnostics, holders, rules, next_page_token, ..answer }
            }
        }
    )+};
}

told_in!(ApplyPolicyResponse, RollbackPolicyResponse);

impl Authz {
    pub(crate) async fn apply(
        &self,
        request: Request<v1::ApplyPolicyRequest>,
    ) -> Result<Response<v1::ApplyPolicyResponse>, Error> {
        let (call, message) = Call::of_write(request, self.facts()).await?;
        let convert::Apply { source, paging } = convert::apply(message)?;
        let told = self.propose(&call.write, Proposal::new(source), &paging).await?;
        Ok(call.write.answer(told.into()))
    }

    pub(crate) async fn rollback(
        &self,
        request: Request<v1::RollbackPolicyRequest>,
    ) -> Result<Response<v1::RollbackPolicyResponse>, Error> {
        let (call, message) = Call::of_write(request, self.facts()).await?;
        let convert::Rollback { policy, version, paging } = convert::rollback(message)?;
        let source = policies::source_of(self.facts(), &policy, version).await?;
        let told = self.propose(&call.write, Proposal::new(source), &paging).await?;
        Ok(call.write.answer(told.into()))
    }

    async fn propose(
        &self,
        write: &Write,
        proposal: Proposal,
        paging: &Paging<PlaceIn>,
    ) -> Result<Told, Error> {
        let diagnostics = proposal.diagnostics.iter().map(convert::to_diagnostic).collect();
        if write.is_preview() && proposal.policy.is_none() {
            write.previewed(Effects::default());
            return Ok(Told { diagnostics, ..Told::default() });
        }
        let Outcome { stored, before } = policies::apply(self.facts(), write, &proposal).await?;
        let unchanged = before.as_ref().is_some_and(|before| before.version == stored.version);
        let old = before.and_then(|before| Proposal::new(before.source).policy);
        // If both can be read.
        let between = old.as_ref().zip(proposal.policy.as_ref());
        let difference = between.map(|(old, new)| difference(old, new));
        let (holders, rules) = convert::to_difference(difference.unwrap_or_default());
        let (newest, next_page_token) = match (write.is_preview(), between) {
            (false, _) => (self.newest(&stored.name).await?, String::new()),
            (true, Some((old, new))) if !unchanged => {
                (stored.version, self.effects(write, old, new, paging).await?)
            }
            (true, _) => {
                write.previewed(Effects::default());
                (stored.version, String::new())
            }
        };
        let policy = Some(convert::to_version(&stored, newest));
        Ok(Told { policy, unchanged, diagnostics, holders, rules, next_page_token })
    }

    /// Tells a page of effects, and the token of the next one.
    async fn effects(
        &self,
        write: &Write,
        old: &Policy,
        new: &Policy,
        paging: &Paging<PlaceIn>,
    ) -> Result<String, Error> {
        // Whoever asks for few at a time is not made to ask for every handful of people who are told nothing of.
        let limit = paging.limit.max(LEAST);
        let EffectsPage { mut effects, mut next } =
            policies::effects(self.facts().store(), old, new, paging.after.as_ref(), limit).await?;
        let most = usize::try_from(paging.limit).unwrap_or(usize::MAX);
        if effects.len() > most {
            effects.truncate(most);
            next = effects
                .last()
                .map(|last| PlaceIn { account: last.place.account, after: last.place.subject.to_string() });
        }
        let more = next.is_some();
        let token = paging.next(next, More::from(more))?;
        write.previewed(Effects { effects, more });
        Ok(token)
    }

    async fn newest(&self, policy: &str) -> Result<i64, Error> {
        let newest = self.facts().store().policy_version(policy, None).await?;
        Ok(newest.map_or(0, |newest| newest.version))
    }

    pub(crate) async fn policy(&self, message: v1::GetPolicyRequest) -> Result<v1::GetPolicyResponse, Error> {
        let (name, version) = convert::get(message)?;
        let stored = self.facts().store().policy_version(&name, version).await?;
        let stored = stored.ok_or_else(|| match version {
            Some(version) => Error::not_found("policy version", format!("{name}/{version}")),
            None => Error::not_found("policy", &name),
        })?;
        let told = convert::to_version(&stored, self.newest(&name).await?);
        Ok(v1::GetPolicyResponse { policy: Some(v1::PolicyVersion { source: stored.source, ..told }) })
    }

    pub(crate) async fn policies(
        &self,
        message: v1::ListPoliciesRequest,
    ) -> Result<v1::ListPoliciesResponse, Error> {
        let paging = convert::list(message)?;
        let after = paging.after.as_deref().unwrap_or_default();
        let page = self.facts().store().list_policies(after, paging.limit).await?;
        let last = page.items.last().map(|last| last.name.clone());
        let policies = page.items.iter().map(|one| convert::to_version(one, one.version)).collect();
        Ok(v1::ListPoliciesResponse { policies, next_page_token: paging.next(last, page.more.into())? })
    }

    pub(crate) async fn versions(
        &self,
        message: v1::ListPolicyVersionsRequest,
    ) -> Result<v1::ListPolicyVersionsResponse, Error> {
        let (name, paging) = convert::versions(message)?;
        let page = self.facts().store().list_policy_versions(&name, paging.after, paging.limit).await?;
        if page.items.is_empty() && paging.after.is_none() {
            return Err(Error::not_found("policy", &name));
        }
        let newest = self.newest(&name).await?;
        let last = page.items.last().map(|last| last.version);
        let versions = page.items.iter().map(|one| convert::to_version(one, newest)).collect();
        Ok(v1::ListPolicyVersionsResponse { versions, next_page_token: paging.next(last, page.more.into())? })
    }
}

/// Fewest people that a page of effects looks at.
const LEAST: u32 = 50;
