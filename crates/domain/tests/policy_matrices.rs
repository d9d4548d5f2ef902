//! The five matrices as text, to be laid beside the five articles, and what they must say in any case.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use mandate_domain::policy::{AccessLevel, Policy, access_level, builtin, compile, matrix};

fn policy(name: &str) -> Policy {
    let (_, source) = builtin().iter().find(|(own, _)| *own == name).expect("a built-in policy");
    compile(name, source).unwrap_or_else(|found| panic!("{found:#?}"))
}

#[test]
fn built_in_policies_compile_without_a_warning_under_their_own_names() {
    for (name, source) in builtin() {
        let checked = mandate_domain::policy::check(name, source);
        assert!(checked.diagnostics.is_empty(), "{:#?}", checked.diagnostics);
        assert_eq!(checked.policy.expect("a policy").name, *name);
    }
}

#[test]
fn the_matrices_are_these() {
    for (name, _) in builtin() {
        insta::assert_snapshot!(*name, matrix(&policy(name)).to_string());
    }
}

#[test]
fn the_policy_that_uses_everything_compiles_without_a_warning() {
    let checked = mandate_domain::policy::check("everything.yaml", include_str!("policies/everything.yaml"));
    assert!(checked.diagnostics.is_empty(), "{:#?}", checked.diagnostics);
    insta::assert_snapshot!("everything", matrix(&checked.policy.expect("a policy")).to_string());
}

/// The article's table, cell by cell: full, limited (with an asterisk there), none.
#[test]
fn re_01_the_settings_matrix_equals_the_article() {
    use AccessLevel::{Full, Limited, None};
    let policy = policy("organization");
    let table = [
        ("admin", [Full, Full, Full, Full]),
        ("billing_admin", [Limited, Limited, Limited, Full]),
        ("user_admin", [Limited, Limited, Full, None]),
        ("member", [None, None, None, None]),
    ];
    for (role, expected) in table {
        let held = policy.role(policy.role_id(role).expect("a role")).expect("a role");
        let somewhere = held.may.union(&held.may_on_assigned).union(&held.may_on_own);
        for (module, level) in ["general", "users", "workspaces", "billing"].into_iter().zip(expected) {
            let index = policy.modules.iter().position(|own| own.name == module).expect("a module");
            assert_eq!(access_level(&policy, index, &held.may), level, "{role} in {module}");
            assert_eq!(access_level(&policy, index, &somewhere), level, "{role} in {module}, on resources");
        }
    }
}

/// The article's lists, line by line: what each role can and cannot do.
#[test]
fn re_02_the_lists_of_abilities_equal_the_article() {
    let policy = policy("organization");
    let lines = [
        ("information.view", [true, true, true, false]),
        ("information.edit", [true, false, false, false]),
        ("billing_information.view", [true, true, true, false]),
        ("billing_information.edit", [true, true, false, false]),
        ("users.view", [true, true, true, false]),
        ("users.edit", [true, false, false, false]),
        ("workspaces.view", [true, true, true, false]),
        ("workspaces.edit", [true, false, true, false]),
        ("workspaces.assign", [true, false, true, false]),
        ("subscription.manage", [true, true, false, false]),
        ("subscription.cancel", [true, false, false, false]),
        ("organization.delete", [true, false, false, false]),
        ("billing.edit_payment", [true, true, false, false]),
        ("billing.view_invoices", [true, true, false, false]),
    ];
    for (permission, expected) in lines {
        let id = policy.permission_id(permission).expect("a permission");
        for (role, holds) in ["admin", "billing_admin", "user_admin", "member"].into_iter().zip(expected) {
            let held = policy.role(policy.role_id(role).expect("a role")).expect("a role");
            assert_eq!(held.may.contains(id), holds, "{role}: {permission}");
        }
    }
}

/// The tables by permission say what the sets by role say.
#[test]
fn tables_by_permission_and_sets_by_role_agree() {
    let everything =
        compile("everything.yaml", include_str!("policies/everything.yaml")).expect("it compiles");
    let policies = builtin().iter().map(|(name, _)| policy(name)).chain([everything]);
    for policy in policies {
        for (id, permission) in (0..).map(mandate_domain::policy::set::PermissionId).zip(&policy.permissions)
        {
            assert_eq!(policy.permission_id(&permission.name), Some(id));
            for (index, role) in (0..).zip(&policy.roles) {
                assert_eq!(permission.by_role.contains(index), role.may.contains(id));
                assert_eq!(permission.by_role_assigned.contains(index), role.may_on_assigned.contains(id));
                assert_eq!(permission.by_role_own.contains(index), role.may_on_own.contains(id));
            }
            for (kind, mask) in policy.resource_types.iter().zip(&permission.by_resource_role) {
                for (index, role) in (0..).zip(&kind.roles) {
                    assert_eq!(mask.contains(index), role.may.contains(id));
                }
            }
            for (index, role) in (0..).zip(policy.groups.iter().flat_map(|groups| &groups.roles)) {
                assert_eq!(permission.by_group_role.contains(index), role.role.may.contains(id));
            }
        }
    }
}
