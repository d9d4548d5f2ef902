//! `AuthzService`: decisions.

use std::sync::Arc;

use mandate_domain::decide::{Reason, belongs, decide};
use mandate_domain::effective::{Effective, effective};
use mandate_domain::facts::AssignmentFact;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::policy::model::Policy;
use mandate_domain::policy::set::PermissionSet;
use mandate_domain::policy::{AccessLevel, access_level};
use mandate_domain::resource::ResourceRef;
use mandate_proto::v1;
use mandate_proto::v1::authz_service_server::AuthzService;
use mandate_storage::Carried;
use tonic::{Request, Response, Status, Streaming};

use crate::access::{self, AccessError, PersonRule};
use crate::caller::{Call, Party};
use crate::check_stream::{Answers, check_stream};
use crate::convert::authz::{self as convert, Check, Lookup, Subject};
use crate::convert::duration;
use crate::error::Error;
use crate::facts::{Ask, AskContact, Facts, Known, NOBODY, Who};
use crate::reads::{About, may_read};
use crate::telemetry::{Decided, LookedUp, Observed};
use crate::watch::{Messages, Watching, watch};

/// The service. What concerns policies is in `policy.rs`.
#[derive(Clone)]
pub struct Authz {
    facts: Arc<Facts>,
    watching: Watching,
}

impl Authz {
    /// The service on these facts.
    #[must_use]
    pub fn new(facts: Arc<Facts>, watching: Watching) -> Self {
        Self { facts, watching }
    }

    /// The facts that it decides on.
    pub(crate) fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    /// Answers one question of somebody who may ask questions.
    ///
    /// # Errors
    /// They may not ask this one, or it cannot be answered now.
    pub(crate) async fn decide(&self, party: Party, check: Check) -> Result<v1::CheckResponse, Error> {
        let decided = match Observed::begin(&check) {
            None => self.decided(party, check).await,
            Some(observed) => observed.through(party, self.decided(party, check)).await,
        };
        Ok(decided?.response)
    }

    async fn decided(&self, party: Party, check: Check) -> Result<Decided, Error> {
        let Check { account, subject, permission, resource, consistency } = check;
        if let Some(consistency) = &consistency {
            self.facts.reach(consistency).await?;
        }
        // Before anything is read: what is told afterwards may be the age of facts that came in the meantime.
        let stale_for = self.facts.stale_for().map(duration);
        let who = self.who(subject).await?;
        if party.person().is_some_and(|person| who != Who::User(person)) {
            return Err(AccessError::NotOneself.into());
        }
        let (ask, known) = self.known(account, who, resource.as_ref()).await?;
        if is_invisible(party, &known) {
            self.facts.counts().decision(Reason::NotAMember);
            let denial = convert::to_denial(Reason::NotAMember, &known);
            return Ok(Decided { response: v1::CheckResponse { stale_for, ..denial }, who, known });
        }
        if let Who::User(user) = who {
            self.facts.note(account, user, known.member.as_ref());
        }
        let decision = decide(&known.question(ask, known.permission(&permission)));
        self.facts.counts().decision(decision.reason);
        let answer = convert::to_answer(decision, &known, ask, &permission);
        Ok(Decided { response: v1::CheckResponse { stale_for, ..answer }, who, known })
    }

    async fn who(&self, subject: Subject) -> Result<Who, Error> {
        Ok(match subject {
            Subject::User(user) => Who::User(user),
            Subject::Login(identity) => Who::User(self.facts.user_of(&identity).await?.unwrap_or(NOBODY)),
            Subject::Contact(contact) => Who::Contact(contact),
        })
    }

    /// The subject that was named, or else the calling person.
    pub(crate) async fn named_or_caller(&self, party: Party, subject: Option<Subject>) -> Result<Who, Error> {
        match (subject, party.person()) {
            (Some(subject), _) => self.who(subject).await,
            (None, Some(person)) => Ok(Who::User(person)),
            (None, None) => Err(Error::field("subject", "is required of whoever is not a person")),
        }
    }

    async fn known<'a>(
        &self,
        account: AccountId,
        who: Who,
        resource: Option<&'a ResourceRef>,
    ) -> Result<(Ask<'a>, Known), Error> {
        Ok(match who {
            Who::User(user) => {
                let ask = Ask { account, user, resource };
                (ask, self.facts.of(ask).await?)
            }
            Who::Contact(contact) => {
                let ask = AskContact { account, contact, resource };
                (ask.ask(), self.facts.of_contact(ask).await?)
            }
        })
    }

    async fn lookup(
        &self,
        party: Party,
        message: v1::LookupPermissionsRequest,
    ) -> Result<v1::LookupPermissionsResponse, Error> {
        let Lookup { account, subject, resource, consistency } = convert::lookup(message)?;
        self.facts.reach(&consistency).await?;
        let stale_for = self.facts.stale_for().map(duration);
        let who = self.named_or_caller(party, subject).await?;
        self.may_look_up(party, access::LOOKUP_PERMISSIONS.person, account, who).await?;
        let (ask, known) = self.known(account, who, resource.as_ref()).await?;
        let answer = if is_invisible(party, &known) {
            let reason = convert::to_reason(Reason::NotAMember).into();
            v1::LookupPermissionsResponse { reason, ..Default::default() }
        } else {
            if party.person() == Some(ask.user) {
                self.facts.note(account, ask.user, known.member.as_ref());
            }
            let carried = match who {
                Who::User(user) if resource.is_none() => self.carried(&known, account, user).await?,
                Who::User(_) | Who::Contact(_) => Vec::new(),
            };
            everything(&known, ask, &carried)
        };
        Ok(v1::LookupPermissionsResponse { consistency_token: known.token().to_owned(), stale_for, ..answer })
    }

    /// What the subject's assignments carry. It is read by itself, perhaps a moment after the facts: it says what is
    /// limited, and allows nothing.
    async fn carried(
        &self,
        known: &Known,
        account: AccountId,
        user: UserId,
    ) -> Result<Vec<AssignmentFact>, Error> {
        let (Some(policy), Some(_)) = (known.policy(), &known.member) else { return Ok(Vec::new()) };
        let carried = self.facts.store().carried_by(account, user).await?;
        let facts = carried.iter().filter_map(|(kind, Carried { roles, permissions })| {
            AssignmentFact::named(policy, kind, roles, permissions)
        });
        Ok(facts.collect())
    }

    /// A person may always ask about themself, and is told by the answer if they belong to the account.
    pub(crate) async fn may_look_up(
        &self,
        party: Party,
        rule: PersonRule,
        account: AccountId,
        who: Who,
    ) -> Result<(), Error> {
        let (rule, about) = match who {
            Who::User(user) if party.person() == Some(user) => return Ok(()),
            Who::User(user) => (rule, About::User(user)),
            // Whoever may see the contact sees what it holds.
            Who::Contact(_) => (access::GET_CONTACT.person, About::Account),
        };
        may_read(&self.facts, party, rule, account, about).await
    }
}

/// Whether the answer must not tell that the account exists: to a person who has nothing to do with it.
pub(crate) fn is_invisible(party: Party, known: &Known) -> bool {
    party.person().is_some() && !known.knows_account()
}

/// What a subject may do, and how much of each module that is.
pub(crate) fn everything(
    known: &Known,
    ask: Ask<'_>,
    carried: &[AssignmentFact],
) -> v1::LookupPermissionsResponse {
    let reason = belongs(&known.question(ask, None)).err();
    let Some(policy) = known.policy() else {
        let reason = reason.unwrap_or(Reason::PolicyUnavailable);
        let reason = convert::to_reason(reason).into();
        return v1::LookupPermissionsResponse { reason, ..Default::default() };
    };
    let Effective { held, limited } = effective(&known.question(ask, None), carried);
    v1::LookupPermissionsResponse {
        permissions: policy.permission_names(&held).map(str::to_owned).collect(),
        modules: modules(policy, &held, &limited),
        reason: reason.map_or(v1::DecisionReason::Unspecified, convert::to_reason).into(),
        ..Default::default()
    }
}

fn modules(policy: &Policy, held: &PermissionSet, partly: &PermissionSet) -> Vec<v1::ModuleAccess> {
    let rows = policy.modules.iter().enumerate().map(|(index, module)| {
        let level = match access_level(policy, index, held) {
            AccessLevel::None if !module.permissions.intersection(partly).is_empty() => AccessLevel::Limited,
            level => level,
        };
        v1::ModuleAccess {
            module: module.name.clone(),
            title: module.title.clone(),
            access: convert::to_access(level).into(),
        }
    });
    rows.collect()
}

#[tonic::async_trait]
impl AuthzService for Authz {
    async fn check(&self, request: Request<v1::CheckRequest>) -> Result<Response<v1::CheckResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let check = convert::check(request.into_inner())?;
        Ok(Response::new(self.decide(call.party, check).await?))
    }

    async fn batch_check(
        &self,
        request: Request<v1::BatchCheckRequest>,
    ) -> Result<Response<v1::BatchCheckResponse>, Status> {
        use v1::batch_check_result::Result as Item;
        let call = Call::of(request.extensions(), &self.facts).await?;
        let (checks, consistency) = convert::batch(request.into_inner())?;
        self.facts.reach(&consistency).await?;
        let mut results = Vec::with_capacity(checks.len());
        for check in checks {
            let answer = match convert::check_of_batch(check) {
                Ok(check) => self.decide(call.party, check).await,
                Err(error) => Err(error),
            };
            let result = match answer {
                Ok(answer) => Item::Response(answer),
                Err(error) => Item::Error(error.into()),
            };
            results.push(v1::BatchCheckResult { result: Some(result) });
        }
        Ok(Response::new(v1::BatchCheckResponse { results }))
    }

    type CheckStreamStream = Answers;

    async fn check_stream(
        &self,
        request: Request<Streaming<v1::CheckStreamRequest>>,
    ) -> Result<Response<Answers>, Status> {
        Ok(check_stream(self, self.watching.stopping.clone(), request).await?)
    }

    async fn lookup_permissions(
        &self,
        request: Request<v1::LookupPermissionsRequest>,
    ) -> Result<Response<v1::LookupPermissionsResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let message = request.into_inner();
        let looked_up = LookedUp::begin(&message);
        let answer = self.lookup(call.party, message).await?;
        Ok(Response::new(LookedUp::end(looked_up, call.party, answer)))
    }

    async fn lookup_members(
        &self,
        request: Request<v1::LookupMembersRequest>,
    ) -> Result<Response<v1::LookupMembersResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let message = request.into_inner();
        let looked_up = LookedUp::begin(&message);
        let answer = self.members(call.party, message).await?;
        Ok(Response::new(LookedUp::end(looked_up, call.party, answer)))
    }

    async fn lookup_resources(
        &self,
        request: Request<v1::LookupResourcesRequest>,
    ) -> Result<Response<v1::LookupResourcesResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let message = request.into_inner();
        let looked_up = LookedUp::begin(&message);
        let answer = self.resources(call.party, message).await?;
        Ok(Response::new(LookedUp::end(looked_up, call.party, answer)))
    }

    async fn lookup_accounts(
        &self,
        request: Request<v1::LookupAccountsRequest>,
    ) -> Result<Response<v1::LookupAccountsResponse>, Status> {
        let call = Call::of(request.extensions(), &self.facts).await?;
        let message = request.into_inner();
        let looked_up = LookedUp::begin(&message);
        let answer = self.accounts(call.party, message).await?;
        Ok(Response::new(LookedUp::end(looked_up, call.party, answer)))
    }

    async fn apply_policy(
        &self,
        request: Request<v1::ApplyPolicyRequest>,
    ) -> Result<Response<v1::ApplyPolicyResponse>, Status> {
        Ok(self.apply(request).await?)
    }

    async fn rollback_policy(
        &self,
        request: Request<v1::RollbackPolicyRequest>,
    ) -> Result<Response<v1::RollbackPolicyResponse>, Status> {
        Ok(self.rollback(request).await?)
    }

    async fn get_policy(
        &self,
        request: Request<v1::GetPolicyRequest>,
    ) -> Result<Response<v1::GetPolicyResponse>, Status> {
        Ok(Response::new(self.policy(request.into_inner()).await?))
    }

    async fn list_policies(
        &self,
        request: Request<v1::ListPoliciesRequest>,
    ) -> Result<Response<v1::ListPoliciesResponse>, Status> {
        Ok(Response::new(self.policies(request.into_inner()).await?))
    }

    async fn list_policy_versions(
        &self,
        request: Request<v1::ListPolicyVersionsRequest>,
    ) -> Result<Response<v1::ListPolicyVersionsResponse>, Status> {
        Ok(Response::new(self.versions(request.into_inner()).await?))
    }

    type WatchStream = Messages;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Messages>, Status> {
        Ok(watch(&self.facts, self.watching.clone(), request).await?)
    }
}
