//! Policies that come into force while the service runs.

use mandate_proto::v1::{
    ApplyPolicyRequest, ApplyPolicyResponse, Effect, GetPolicyRequest, ListPolicyVersionsRequest,
    PolicyVersion, RollbackPolicyRequest, RollbackPolicyResponse,
};
use tonic::Status;

use super::Party;

/// Pages that no preview of a story is longer than.
const PAGES: usize = 1_000;

/// Puts this text in force, to be completed (`..applying(text)`).
pub fn applying(source: &str) -> ApplyPolicyRequest {
    ApplyPolicyRequest { source: source.to_owned(), ..ApplyPolicyRequest::default() }
}

/// Puts the text of this version in force again.
pub fn rolling_back(policy: &str, version: i64) -> RollbackPolicyRequest {
    RollbackPolicyRequest { policy: policy.to_owned(), version, ..RollbackPolicyRequest::default() }
}

impl Party {
    /// Puts a text in force.
    pub async fn apply_policy(&self, request: ApplyPolicyRequest) -> Result<ApplyPolicyResponse, Status> {
        Ok(self.authz().apply_policy(request).await?.into_inner())
    }

    /// Puts the text of an earlier version in force again.
    pub async fn roll_back(&self, request: RollbackPolicyRequest) -> Result<RollbackPolicyResponse, Status> {
        Ok(self.authz().rollback_policy(request).await?.into_inner())
    }

    /// All that a text would do to people, asked for in pages of this size.
    pub async fn policy_effects(&self, source: &str, page_size: i32) -> Result<Vec<Effect>, Status> {
        let mut request = ApplyPolicyRequest { validate_only: true, page_size, ..applying(source) };
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let answer = self.apply_policy(request.clone()).await?;
            assert!(answer.effects.len() <= usize::try_from(page_size).expect("a size"), "{answer:?}");
            assert_eq!(answer.more_effects, !answer.next_page_token.is_empty());
            all.extend(answer.effects);
            request.page_token = answer.next_page_token;
            if request.page_token.is_empty() {
                return Ok(all);
            }
        }
        panic!("no end after {PAGES} pages")
    }

    /// A version of a policy; 0: the one in force.
    pub async fn policy(&self, policy: &str, version: i64) -> Result<PolicyVersion, Status> {
        let request = GetPolicyRequest { policy: policy.to_owned(), version };
        Ok(self.authz().get_policy(request).await?.into_inner().policy.expect("a policy"))
    }

    /// The first versions of a policy, newest first.
    pub async fn policy_versions(&self, policy: &str) -> Result<Vec<PolicyVersion>, Status> {
        let policy = policy.to_owned();
        let request = ListPolicyVersionsRequest { policy, ..ListPolicyVersionsRequest::default() };
        Ok(self.authz().list_policy_versions(request).await?.into_inner().versions)
    }
}
