//! Applying, reading and rolling back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mandate_proto::v1::watched_change::Change;
use mandate_proto::v1::{
    Account, ApplyPolicyRequest, LookupPermissionsRequest, PolicySeverity, RollbackPolicyRequest, Subject,
    User, subject,
};
use mandate_tests::world::{applying, rolling_back, watching};
use mandate_tests::{Engine, Fixture, World, expect, on_both_engines};
use tonic::Code;

use crate::{permitted, set, with_roles, workshop};

/// A workshop with an owner and a worker.
pub(crate) struct Shop {
    pub(crate) world: World,
    pub(crate) owner: User,
    pub(crate) worker: User,
    pub(crate) account: Account,
}

impl Fixture for Shop {
    async fn prepare(engine: Engine) -> Self {
        Self::on(World::prepare(engine).await).await
    }
}

impl Shop {
    pub(crate) async fn on(world: World) -> Self {
        world.operator().apply_policy(applying(&workshop(&["tools.view"]))).await.expect("applied");
        let [owner, worker] = world.people(["Olga", "Will"]).await;
        let account = world.account("workshop", &owner).await;
        world.member(&account, &worker, &["worker"]).await;
        Self { world, owner, worker, account }
    }

    async fn worker_may(&self) -> std::collections::BTreeSet<String> {
        permitted(&self.world, &self.worker, &self.account).await
    }
}

on_both_engines! {
    /// What the new version says is what is decided from the answer on, for members who were there before; and the versions
    /// tell who applied which.
    async fn checks_follow_the_version_that_was_applied(shop: Shop) {
        let operator = shop.world.operator();
        assert_eq!(shop.worker_may().await, set(&["tools.view"]));
        let applied = operator.apply_policy(applying(&workshop(&["tools.lend", "plans.view"]))).await.expect("applied");
        let version = applied.policy.expect("a version");
        assert_eq!((version.version, version.in_force, applied.unchanged), (2, true, false));
        assert!(version.source.is_empty() && version.applied_by.starts_with("operator "), "{version:?}");
        assert_eq!(shop.worker_may().await, set(&["tools.lend", "plans.view"]));
        assert_eq!(permitted(&shop.world, &shop.owner, &shop.account).await.len(), 6);
        let [holder] = applied.holders.as_slice() else { panic!("{:?}", applied.holders) };
        assert_eq!(holder.holder, "worker");
        assert_eq!(holder.gained, ["plans.view (yes)", "tools.lend (yes)"]);
        assert_eq!(holder.lost, ["tools.view (yes)"]);

        let again = operator.apply_policy(applying(&workshop(&["tools.lend", "plans.view"]))).await.expect("the same");
        assert_eq!((again.unchanged, again.policy.expect("a version").version), (true, 2));
        let versions = operator.policy_versions("workshop").await.expect("listed");
        let versions: Vec<_> = versions.iter().map(|version| (version.version, version.in_force)).collect();
        assert_eq!(versions, [(2, true), (1, false)]);
        assert_eq!(operator.policy("workshop", 1).await.expect("told").source, workshop(&["tools.view"]));
        assert_eq!(operator.policy("workshop", 0).await.expect("told").version, 2);
        for unknown in [("workshop", 3), ("nowhere", 0)] {
            expect::assert_refused(operator.policy(unknown.0, unknown.1).await, Code::NotFound, "NOT_FOUND");
        }
        expect::assert_refused(operator.policy_versions("nowhere").await, Code::NotFound, "NOT_FOUND");
        let listed = operator.authz().list_policies(mandate_proto::v1::ListPoliciesRequest::default()).await;
        let listed = listed.expect("listed").into_inner().policies;
        let built_in = listed.iter().find(|version| version.policy == "terminal").expect("a built-in one");
        assert_eq!((built_in.version, built_in.applied_by.as_str()), (1, ""));
    }

    /// A rollback makes a new version of an old text, and everybody may what they might before.
    async fn a_rollback_restores_what_was_allowed(shop: Shop) {
        let operator = shop.world.operator();
        let before = shop.worker_may().await;
        operator.apply_policy(applying(&workshop(&["plans.sell"]))).await.expect("applied");
        assert_ne!(shop.worker_may().await, before);
        let preview = RollbackPolicyRequest { validate_only: true, ..rolling_back("workshop", 1) };
        let told = operator.roll_back(preview).await.expect("told");
        assert_eq!(told.effects.len(), 1, "{told:?}");
        assert_eq!((told.effects[0].gained.clone(), told.effects[0].lost.clone()), (vec!["tools.view".into()], vec!["plans.sell".into()]));
        assert_eq!(shop.worker_may().await, set(&["plans.sell"]));
        let back = operator.roll_back(rolling_back("workshop", 1)).await.expect("rolled back");
        assert_eq!(back.policy.expect("a version").version, 3);
        assert_eq!(shop.worker_may().await, before);
        assert_eq!(operator.policy("workshop", 3).await.expect("told").source, workshop(&["tools.view"]));
        let again = operator.roll_back(rolling_back("workshop", 1)).await.expect("the same text");
        assert!(again.unchanged, "{again:?}");
        let unknown = operator.roll_back(rolling_back("workshop", 9)).await;
        expect::assert_refused(unknown, Code::NotFound, "NOT_FOUND");
    }

    /// What is only asked changes nothing, and mistakes are told with their places.
    async fn what_is_only_asked_changes_nothing(shop: Shop) {
        let operator = shop.world.operator();
        let preview = |text: &str| ApplyPolicyRequest { validate_only: true, ..applying(text) };
        let told = operator.apply_policy(preview(&workshop(&["tools.view", "tools.buy"]))).await.expect("told");
        assert_eq!(told.policy.expect("what it would be").version, 2);
        let effect = &told.effects[0];
        assert_eq!((effect.account.as_str(), effect.gained.as_slice()), (shop.account.id.as_str(), ["tools.buy".to_owned()].as_slice()));
        assert_eq!((told.effects.len(), effect.lost.len()), (1, 0));
        assert_eq!(operator.policy_versions("workshop").await.expect("listed").len(), 1);
        assert_eq!(shop.worker_may().await, set(&["tools.view"]));
        let new = operator.apply_policy(preview(&workshop(&["tools.view"]).replace("workshop", "mill"))).await;
        assert_eq!(new.expect("told").policy.expect("what it would be").version, 1);
        expect::assert_refused(operator.policy("mill", 0).await, Code::NotFound, "NOT_FOUND");

        let wrong = workshop(&["tools.veiw"]);
        let told = operator.apply_policy(preview(&wrong)).await.expect("told");
        let line = wrong.lines().position(|line| line.contains("veiw")).expect("a line") + 1;
        let [mistake] = told.diagnostics.as_slice() else { panic!("{:?}", told.diagnostics) };
        assert_eq!((mistake.severity(), mistake.line), (PolicySeverity::Error, i32::try_from(line).expect("small")));
        assert!(mistake.path.starts_with("roles.worker.may") && mistake.column > 1, "{mistake:?}");
        assert_eq!((told.policy, told.effects.len()), (None, 0));
        let refused = operator.apply_policy(applying(&wrong)).await;
        let status = expect::assert_invalid(refused, &["source"]);
        assert!(status.message().contains(&format!("{line}:")), "{status:?}");
        expect::assert_invalid(operator.apply_policy(applying("")).await, &["source"]);
    }

    /// What somebody holds is not left out, and everything that is in the way is told.
    async fn what_is_held_is_not_left_out(shop: Shop) {
        let operator = shop.world.operator();
        let without = with_roles(&[("helper", &["tools.view"])]);
        for validate_only in [true, false] {
            let refused = operator.apply_policy(ApplyPolicyRequest { validate_only, ..applying(&without) }).await;
            let status = expect::assert_refused(refused, Code::FailedPrecondition, "POLICY_NAME_IN_USE");
            assert!(status.message().contains("role worker, which is held 1 time(s)"), "{status:?}");
            assert_eq!(expect::preconditions(&status), ["POLICY source"]);
        }
        assert_eq!(shop.worker_may().await, set(&["tools.view"]));
        operator.remove(&shop.account, &shop.worker).await.expect("removed");
        operator.apply_policy(applying(&without)).await.expect("applied");
        expect::assert_invalid(operator.add(&shop.account, &shop.worker, &["worker"]).await, &["roles[0]"]);
        operator.add(&shop.account, &shop.worker, &["helper"]).await.expect("added");
        let back = operator.roll_back(rolling_back("workshop", 1)).await;
        expect::assert_refused(back, Code::FailedPrecondition, "POLICY_NAME_IN_USE");
    }

    /// A retry is answered as the first one was, whatever came in between, and an etag keeps one from replacing what they
    /// did not look at.
    async fn retries_and_etags(shop: Shop) {
        let operator = shop.world.operator();
        let request = ApplyPolicyRequest { request_id: "one".into(), ..applying(&workshop(&["tools.buy"])) };
        let first = operator.apply_policy(request.clone()).await.expect("applied");
        operator.apply_policy(applying(&workshop(&["plans.edit"]))).await.expect("applied");
        let retried = operator.apply_policy(request.clone()).await.expect("answered");
        let (first, retried) = (first.policy.expect("a version"), retried.policy.expect("a version"));
        assert_eq!((first.version, retried.version, retried.in_force), (2, 2, false));
        assert_eq!(shop.worker_may().await, set(&["plans.edit"]));
        let other = ApplyPolicyRequest { source: workshop(&["plans.sell"]), ..request };
        expect::assert_refused(operator.apply_policy(other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");

        let text = workshop(&["tools.view"]);
        let old = ApplyPolicyRequest { etag: first.etag, ..applying(&text) };
        expect::assert_refused(operator.apply_policy(old).await, Code::Aborted, "ETAG_MISMATCH");
        let etag = operator.policy("workshop", 0).await.expect("told").etag;
        operator.apply_policy(ApplyPolicyRequest { etag, ..applying(&text) }).await.expect("applied");
    }

    /// While versions come and go, each answer is of one of them.
    async fn no_answer_mixes_two_versions(shop: Shop) {
        let versions = [["tools.view", "tools.lend", "tools.buy"], ["plans.edit", "plans.sell", "plans.view"]];
        let texts = versions.map(|version| workshop(&version));
        shop.world.operator().apply_policy(applying(&texts[0])).await.expect("applied");
        let done = Arc::new(AtomicBool::new(false));
        let asking = (0..2).map(|_| {
            let (operator, done) = (shop.world.operator(), Arc::clone(&done));
            let subject = Some(Subject { subject: Some(subject::Subject::User(shop.worker.id.clone())) });
            let request = LookupPermissionsRequest { account: shop.account.id.clone(), subject, ..Default::default() };
            tokio::spawn(async move {
                let mut asked = 0;
                while !done.load(Ordering::Acquire) {
                    let answer = operator.authz().lookup_permissions(request.clone()).await.expect("answered").into_inner();
                    let mut found = answer.permissions;
                    found.sort();
                    let whole = versions.iter().any(|version| {
                        let mut version: Vec<String> = version.iter().map(|name| (*name).to_owned()).collect();
                        version.sort();
                        found == version
                    });
                    assert!(whole, "{found:?}");
                    asked += 1;
                }
                asked
            })
        });
        let asking: Vec<_> = asking.collect();
        for n in 1..=10 {
            shop.world.operator().apply_policy(applying(&texts[n % 2])).await.expect("applied");
            assert_eq!(shop.worker_may().await, set(&versions[n % 2]), "what was answered is what is decided");
        }
        done.store(true, Ordering::Release);
        for one in asking {
            assert!(one.await.expect("ends") > 0);
        }
    }

    /// Whoever watches an account is told that other policies are in force, and is denied by them then.
    async fn who_watches_is_told(shop: Shop) {
        let operator = shop.world.operator();
        let mut watch = operator.watch(watching(&shop.account, "")).await.expect("watches");
        watch.next().await.expect("a place");
        operator.apply_policy(applying(&workshop(&["plans.view"]))).await.expect("applied");
        watch.until(|change| matches!(change, Change::Policies(_))).await;
        assert_eq!(shop.worker_may().await, set(&["plans.view"]));
    }
}
