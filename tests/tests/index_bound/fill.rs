//! Large accounts and groups among many people: made of one real account each, by copying its rows.

use mandate_tests::walk::Scene;
use mandate_tests::{Engine, Server, dump};

/// How much there is, for each account that is made large.
pub struct Sizes {
    /// People, accounts, groups, and rows of whatever else there is.
    pub many: u32,
    /// Of these the large account's members, invitations, contacts and resources, and the large group's accounts. Where
    /// they were a large part of a table, PostgreSQL would rightly read it whole.
    pub large: u32,
}

impl Sizes {
    /// What either engine takes in a few seconds, also on a machine with other things to do.
    pub fn of(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self { many: 5_000, large: 300 },
            Engine::Postgres => Self { many: 20_000, large: 400 },
        }
    }
}

/// Every table that has as many rows as there are people, or accounts.
pub const BIG: [&str; 25] = [
    "account_groups",
    "accounts",
    "activity",
    "assignment_names",
    "assignments",
    "contacts",
    "credentials",
    "feed",
    "group_users",
    "groups",
    "invitation_roles",
    "invitations",
    "member_activity",
    "member_names",
    "member_search",
    "memberships",
    "outbox",
    "request_people",
    "requests",
    "resource_ancestors",
    "resources",
    "sessions",
    "spent_refresh",
    "user_identities",
    "users",
];

/// Copies of a scene's rows. `$n` counts them, `$U`, `$A`, `$G`, `$C` and `$I` are the ids of the n-th user, account,
/// group, contact and invitation, `$u`, `$a` and so on those that are copied; `FROM many` and `FROM large` give so many.
const COPIES: &[&str] = &[
    "INSERT INTO users (id, email, display_name, state, body, version, search) \
     SELECT $U, 'p$k-' || n || '@example.org', display_name, state, \
     replace(replace(body, id, $U), email, 'p$k-' || n || '@example.org'), version, 'p$k-' || n || '@example.org' \
     FROM many, users WHERE id = '$u'",
    "INSERT INTO user_identities (issuer, subject, user_id) SELECT 'https://elsewhere.test', $U, $U FROM many",
    "INSERT INTO groups (id, policy, body, version) SELECT $G, 'none', replace(body, id, $G), version \
     FROM many, groups WHERE id = '$g'",
    "INSERT INTO group_users (group_id, user_id, role) SELECT $G, $U, 'manager' FROM many",
    "INSERT INTO accounts (id, policy, state, body, version) SELECT $A, policy, state, replace(body, id, $A), version \
     FROM many, accounts WHERE id = '$a'",
    "INSERT INTO account_groups (group_id, account) SELECT $G, $A FROM many",
    "INSERT INTO account_groups (group_id, account) SELECT group_id, $A FROM large, account_groups WHERE account = '$a'",
    "INSERT INTO memberships (account, user_id, state, body, version) \
     SELECT account, $U, state, replace(body, user_id, $U), version FROM large, memberships WHERE account = '$a' AND user_id = '$t'",
    "INSERT INTO memberships (account, user_id, state, body, version) \
     SELECT $A, $U, state, replace(replace(body, user_id, $U), account, $A), version \
     FROM many, memberships WHERE account = '$a' AND user_id = '$t'",
    "INSERT INTO member_names (account, user_id, kind, name, state) SELECT account, $U, kind, name, state \
     FROM large, member_names WHERE account = '$a' AND user_id = '$t'",
    "INSERT INTO member_names (account, user_id, kind, name, state) SELECT $A, $U, kind, name, state \
     FROM many, member_names WHERE account = '$a' AND user_id = '$t'",
    "INSERT INTO member_search (account, user_id, text) SELECT '$a', $U, 'p$k-' || n || '@example.org' FROM large",
    "INSERT INTO member_search (account, user_id, text) SELECT $A, $U, 'p$k-' || n || '@example.org' FROM many",
    "INSERT INTO member_activity (account, user_id, at) SELECT '$a', $U, n FROM large",
    "INSERT INTO member_activity (account, user_id, at) SELECT $A, $U, n FROM many",
    "INSERT INTO resources (account, kind, id, body, version) \
     SELECT '$a', kind, 'x' || n, replace(body, '\"r1\"', '\"x' || n || '\"'), version FROM large, resources WHERE account = '$a' AND id = 'r1'",
    "INSERT INTO resources (account, kind, id, body, version) \
     SELECT $A, 'thing', 'x' || n, '{}', 1 FROM many",
    "INSERT INTO resource_ancestors (account, kind, id, depth, ancestor_kind, ancestor_id) \
     SELECT $A, 'thing', 'x' || n, 1, 'place', 'y' || n FROM many",
    "INSERT INTO assignments (account, user_id, kind, id, body, version) \
     SELECT account, $U, kind, id, replace(body, user_id, $U), version FROM large, assignments WHERE account = '$a' AND user_id = '$t'",
    "INSERT INTO assignments (account, user_id, kind, id, body, version) \
     SELECT $A, $U, kind, id, replace(replace(body, user_id, $U), account, $A), version \
     FROM many, assignments WHERE account = '$a' AND user_id = '$t'",
    "INSERT INTO assignment_names (account, user_id, kind, id, what, name) \
     SELECT account, user_id, kind, id, 'role', 'none' FROM assignments WHERE user_id LIKE 'usr_1$k%'",
    "INSERT INTO contacts (account, id, email, body, version, search) SELECT '$a', $C, 'p$k-' || n || '@example.org', \
     replace(replace(body, id, $C), email, 'p$k-' || n || '@example.org'), version, 'p$k-' || n || '@example.org' \
     FROM large, contacts WHERE account = '$a' AND id = '$c'",
    "INSERT INTO contacts (account, id, email, body, version, search) SELECT $A, $C, 'c@example.org', '{}', 1, 'c@example.org' FROM many",
    "INSERT INTO invitations (id, account, email, state, body, version, search) \
     SELECT $I, CASE WHEN n <= $large THEN account ELSE $A END, 'i$k-' || n || '@example.org', state, \
     replace(replace(body, id, $I), email, 'i$k-' || n || '@example.org'), version, 'i$k-' || n || '@example.org' \
     FROM many, invitations WHERE id = '$i'",
    "INSERT INTO invitation_roles (account, name, invitation, counts_until) SELECT account, 'none', id, 0 \
     FROM invitations WHERE id LIKE 'inv_1$k%'",
    "INSERT INTO feed (at, account, kind, body) SELECT at, account, kind, body FROM many, feed WHERE seq = (SELECT MAX(seq) FROM feed)",
    "INSERT INTO activity (at, account, actor_kind, actor, operation, subject, changes) \
     SELECT $now, CASE WHEN n <= $large THEN '$a' ELSE $A END, 'person', $U, 'member.add', $U, '[]' FROM many",
    "INSERT INTO outbox (at, account, kind, recipient, body, state, attempts, next_at, claimed, done_at) \
     SELECT at, account, kind, 'i$k-' || n || '@example.org', body, 'sent', 1, at, 0, $now + n \
     FROM many, outbox WHERE seq = (SELECT MIN(seq) FROM outbox)",
    "INSERT INTO requests (caller, rpc, id, fingerprint, at, body) SELECT 'c$k', 'r', $U, 'f', $now, '{}' FROM many",
    "INSERT INTO request_people (caller, rpc, id, person) SELECT 'c$k', 'r', $U, $U FROM many",
    "INSERT INTO credentials (user_id, hash, body, version) SELECT $U, 'none', '{}', 1 FROM many",
    "INSERT INTO sessions (id, user_id, refresh, body, version) \
     SELECT 'ses' || $U, $U, $U, '{\"ends_at\":' || ($now + n) || '}', 1 FROM many",
    "INSERT INTO spent_refresh (refresh, session_id) SELECT 'spent' || $U, 'ses' || $U FROM many",
];

/// Makes the scene's account and group large, and adds many others. `k`: one digit that no other scene has.
pub fn enlarge(server: &Server, scene: &Scene, k: usize) {
    let Sizes { many, large } = Sizes::of(server.engine());
    let rows = |count| match server.engine() {
        Engine::Postgres => format!("FROM generate_series(1, {count}) AS counted (n)"),
        Engine::Sqlite => format!(
            "FROM (WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {count}) SELECT n FROM t) AS counted"
        ),
    };
    let id = |kind| match server.engine() {
        Engine::Postgres => format!("('{kind}_1{k}' || lpad(CAST(n AS TEXT), 24, '0'))"),
        Engine::Sqlite => format!("('{kind}_1{k}' || printf('%024d', n))"),
    };
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_micros();
    for copy in COPIES {
        let sql = copy
            .replace("FROM many", &rows(many))
            .replace("FROM large", &rows(large))
            .replace("$large", &large.to_string())
            .replace("$now", &now.to_string())
            .replace("$k", &k.to_string());
        let ids = [("$U", "usr"), ("$A", "acc"), ("$G", "grp"), ("$C", "con"), ("$I", "inv")];
        let sql = ids.iter().fold(sql, |sql, (mark, kind)| sql.replace(mark, &id(*kind)));
        let copied = [
            ("$u", &scene.newcomer),
            ("$t", &scene.target),
            ("$a", &scene.account),
            ("$g", &scene.group),
            ("$c", &scene.contact),
            ("$i", &scene.invitation),
        ];
        dump::execute(server, &copied.iter().fold(sql, |sql, (mark, id)| sql.replace(mark, id)));
    }
}
