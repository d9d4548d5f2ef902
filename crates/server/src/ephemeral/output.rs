//! What whoever started an ephemeral server is told: where it is, ids and tokens.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use mandate_domain::id::{AccountId, ContactId, GroupId, InvitationId, UserId};
use serde::Serialize;

use crate::auth::{Scope, ScopeSet, SigningKeys};
use crate::clock::now_micros;

/// How long the tokens are good: longer than any run of tests.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What a service is that no fixtures name: it asks, and reads what it may have to show.
const BACKEND: [Scope; 4] = [Scope::AuthzCheck, Scope::AuthzRead, Scope::AuthzWatch, Scope::AccountsRead];

/// Who and what there is, each under its name in the fixtures.
#[derive(Debug, Default)]
pub(super) struct Cast {
    /// `None`: the fixtures name no services.
    pub(super) services: Option<BTreeMap<String, ScopeSet>>,
    pub(super) people: BTreeMap<String, Person>,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) groups: BTreeMap<String, Group>,
}

#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) email: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Account {
    pub(super) id: AccountId,
    pub(super) policy: String,
    pub(super) contacts: BTreeMap<String, ContactId>,
    pub(super) invitations: BTreeMap<String, InvitationId>,
}

#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) id: GroupId,
}

/// The file. Its keys are documented in crates/testkit/README.md.
#[derive(Serialize)]
struct Output<'a> {
    address: SocketAddr,
    mail: &'a Path,
    operator: Bearer,
    services: BTreeMap<String, Service>,
    people: BTreeMap<String, Login>,
    accounts: BTreeMap<String, Account>,
    groups: BTreeMap<String, Group>,
}

#[derive(Serialize)]
struct Bearer {
    token: String,
}

#[derive(Serialize)]
struct Service {
    scopes: Vec<&'static str>,
    token: String,
}

#[derive(Serialize)]
struct Login {
    id: UserId,
    email: String,
    token: String,
}

/// Writes the file, whole or not at all, for its owner alone.
///
/// # Errors
/// The system's, when it cannot be written.
pub(super) fn write(
    file: &Path,
    cast: Cast,
    address: SocketAddr,
    mail: &Path,
    keys: &SigningKeys,
) -> anyhow::Result<()> {
    let now = now_micros();
    let mint = |subject: &str, scopes: ScopeSet| keys.signing(|key| key.mint(subject, scopes, LIFETIME, now));
    let Cast { services, people, accounts, groups } = cast;
    let services =
        services.unwrap_or_else(|| BTreeMap::from([("backend".to_owned(), BACKEND.into_iter().collect())]));
    let service = |(name, scopes): (String, ScopeSet)| {
        let token = mint(&name, scopes)?;
        anyhow::Ok((name, Service { scopes: scopes.iter().map(Scope::name).collect(), token }))
    };
    let login = |(name, Person { id, email }): (String, Person)| {
        let token = mint(&id.to_string(), ScopeSet::EMPTY)?;
        anyhow::Ok((name, Login { id, email, token }))
    };
    let output = Output {
        address,
        mail,
        operator: Bearer { token: mint("operator", ScopeSet::EMPTY.with(Scope::PlatformOperator))? },
        services: services.into_iter().map(service).collect::<Result<_, _>>()?,
        people: people.into_iter().map(login).collect::<Result<_, _>>()?,
        accounts,
        groups,
    };
    put(file, &serde_json::to_vec_pretty(&output)?)
        .with_context(|| format!("{}: cannot be written; check --seed-output", file.display()))
}

fn put(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let mut new = builder.permissions(Permissions::from_mode(0o600)).tempfile_in(folder)?;
    new.write_all(bytes)?;
    new.persist(file)?;
    Ok(())
}
