//! `mandate policy apply`, `rollback`, `get`, `versions`, and `list` and `diff` with a server: a client of its RPCs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;
use mandate_proto::v1::authz_service_client::AuthzServiceClient;
use mandate_proto::v1::{
    ApplyPolicyRequest, ApplyPolicyResponse, Effect, GetPolicyRequest, ListPoliciesRequest,
    ListPolicyVersionsRequest, PolicyDiagnostic, PolicyHolderChange, PolicyRuleChange, PolicyVersion,
    RollbackPolicyRequest, RollbackPolicyResponse,
};
use tonic::Status;
use tonic::transport::Channel;

use super::super::remote::{Remote, authorized, connect};
use super::told::{Tally, differences};
use super::{print, read};

/// How many effects a page has at the most: as many as the server gives.
const PAGE: i32 = 1_000;

/// A version to be put in force.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Apply {
    /// The policy's file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    terms: Terms,
}

/// A version to be put in force again.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Rollback {
    /// The policy's name.
    #[arg(value_name = "NAME")]
    name: String,
    /// The number of the version whose text is to be in force, as `mandate policy versions NAME` lists them.
    #[arg(value_name = "VERSION", value_parser = clap::value_parser!(i64).range(1..))]
    version: i64,
    #[command(flatten)]
    terms: Terms,
}

/// On what terms a version is put in force.
#[derive(Debug, clap::Args)]
struct Terms {
    /// Only says what would happen: how the policy differs from the one in force, and who gains and loses what.
    #[arg(long)]
    validate_only: bool,
    /// Only if this version is the one in force: what was looked at is what is replaced. Default: whichever is.
    #[arg(long, value_name = "VERSION")]
    after: Option<i64>,
    #[command(flatten)]
    remote: Remote,
}

impl Terms {
    fn etag(&self) -> String {
        self.after.map(|version| version.to_string()).unwrap_or_default()
    }
}

/// A policy, as a server has it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Named {
    /// The policy's name.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    remote: Remote,
}

/// One version of a policy, as a server has it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Get {
    #[command(flatten)]
    policy: Named,
    /// The number of the version. Default: the one in force.
    #[arg(long, value_name = "VERSION", default_value = "0", hide_default_value = true)]
    version: i64,
}

/// A client with a token.
struct Client {
    authz: AuthzServiceClient<Channel>,
    token: String,
}

/// What the server said to a proposal, whichever call made it.
pub(super) struct Answer {
    policy: Option<PolicyVersion>,
    unchanged: bool,
    pub(super) diagnostics: Vec<PolicyDiagnostic>,
    pub(super) holders: Vec<PolicyHolderChange>,
    pub(super) rules: Vec<PolicyRuleChange>,
    effects: Vec<Effect>,
    next_page_token: String,
}

macro_rules! answered_by {
    ($($message:ident),+) => {$(
        impl From<$message> for Answer {
            fn from(answer: $message) -> Self {
                let $message {
                    policy,
                    unchanged,
                    diagnostics,
                    holders,
                    rules,
                    next_page_token,
                    effects,
                    more_effects: _,
                    consistency_token: _,
                } = answer;
                Self { policy, unchanged, diagnostics, holders, rules, effects, next_page_token }
            }
        }
    )+};
}

answered_by!(ApplyPolicyResponse, RollbackPolicyResponse);

/// What is proposed, to be asked about page by page.
enum Asked {
    Apply(ApplyPolicyRequest),
    Rollback(RollbackPolicyRequest),
}

impl Client {
    async fn new(remote: &Remote) -> anyhow::Result<Self> {
        let token = remote.credentials.token()?;
        Ok(Self { authz: AuthzServiceClient::new(connect(remote).await?), token })
    }

    async fn ask(&mut self, asked: &Asked) -> anyhow::Result<Answer> {
        Ok(match asked {
            Asked::Apply(message) => {
                let request = authorized(&self.token, message.clone())?;
                self.authz.apply_policy(request).await.map_err(refused)?.into_inner().into()
            }
            Asked::Rollback(message) => {
                let request = authorized(&self.token, message.clone())?;
                self.authz.rollback_policy(request).await.map_err(refused)?.into_inner().into()
            }
        })
    }
}

/// What a server said, its fields one by one where it named some.
fn refused(status: Status) -> anyhow::Error {
    use tonic_types::StatusExt as _;
    let details = status.get_error_details();
    let fields = details.bad_request().map(|bad| &bad.field_violations);
    let lines = fields.into_iter().flatten().map(|field| match field.field.as_str() {
        "source" => format!("\n{}", field.description),
        path => format!("\n{path}: {}", field.description),
    });
    let states = details.precondition_failure().map(|failure| &failure.violations);
    let lines: String = match states {
        Some(states) => states.iter().map(|state| format!("\n{}", state.description)).collect(),
        None => lines.collect(),
    };
    match lines.as_str() {
        "" => anyhow!("the server refused: {}", status.message()),
        lines => anyhow!("the server refused:{lines}"),
    }
}

impl Apply {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let message = ApplyPolicyRequest {
            source: read(&self.file)?,
            etag: self.terms.etag(),
            ..ApplyPolicyRequest::default()
        };
        propose(&self.terms, Asked::Apply(message), &self.file.display().to_string()).await
    }
}

impl Rollback {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let Self { name, version, terms } = self;
        let message = RollbackPolicyRequest {
            policy: name.clone(),
            version: *version,
            etag: terms.etag(),
            ..RollbackPolicyRequest::default()
        };
        propose(terms, Asked::Rollback(message), &format!("{name}/{version}")).await
    }
}

/// Says how the policy of a file differs from the version in force, and who would gain and lose what.
pub(super) async fn diff(remote: &Remote, file: &Path) -> anyhow::Result<ExitCode> {
    let message = ApplyPolicyRequest { source: read(file)?, ..ApplyPolicyRequest::default() };
    preview(&mut Client::new(remote).await?, Asked::Apply(message), &file.display().to_string()).await
}

async fn propose(terms: &Terms, mut asked: Asked, file: &str) -> anyhow::Result<ExitCode> {
    let mut client = Client::new(&terms.remote).await?;
    if terms.validate_only {
        return preview(&mut client, asked, file).await;
    }
    // What is not known to have happened can be asked again without doing it twice.
    let id = format!("{:032x}", crate::clock::new_id_bits()?);
    match &mut asked {
        Asked::Apply(message) => message.request_id = id,
        Asked::Rollback(message) => message.request_id = id,
    }
    let answer = client.ask(&asked).await?;
    differences(&answer, file)?;
    let version = answer.policy.unwrap_or_default();
    let PolicyVersion { policy, version, .. } = &version;
    print(&match answer.unchanged {
        true => format!("{policy}: version {version} was in force before, with the same text"),
        false => format!("{policy}: version {version} is in force"),
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn preview(client: &mut Client, mut asked: Asked, file: &str) -> anyhow::Result<ExitCode> {
    let mut tally = Tally::default();
    let mut token = String::new();
    let (version, unchanged) = loop {
        let first = token.is_empty();
        match &mut asked {
            Asked::Apply(message) => {
                message.validate_only = true;
                (message.page_size, message.page_token) = (PAGE, token);
            }
            Asked::Rollback(message) => {
                message.validate_only = true;
                (message.page_size, message.page_token) = (PAGE, token);
            }
        }
        let answer = client.ask(&asked).await?;
        if first {
            differences(&answer, file)?;
            if answer.policy.is_none() {
                return Ok(ExitCode::FAILURE);
            }
        }
        for effect in &answer.effects {
            tally.count(effect)?;
        }
        token = answer.next_page_token;
        if token.is_empty() {
            break (answer.policy.unwrap_or_default(), answer.unchanged);
        }
    };
    tally.finish()?;
    let PolicyVersion { policy, version, .. } = &version;
    print(&match unchanged {
        true => format!("{policy}: version {version} is in force, with the same text"),
        false => format!("{policy}: it would be version {version}; nothing was changed"),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the policies in force at a server.
pub(super) async fn list(remote: &Remote) -> anyhow::Result<ExitCode> {
    let mut client = Client::new(remote).await?;
    let mut message = ListPoliciesRequest { page_size: PAGE, ..ListPoliciesRequest::default() };
    loop {
        let request = authorized(&client.token, message.clone())?;
        let page = client.authz.list_policies(request).await.map_err(refused)?.into_inner();
        page.policies.iter().try_for_each(|version| print(&line(version)))?;
        message.page_token = page.next_page_token;
        if message.page_token.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

impl Named {
    /// Prints the versions of a policy, newest first.
    pub(super) async fn versions(&self) -> anyhow::Result<ExitCode> {
        let mut client = Client::new(&self.remote).await?;
        let policy = self.name.clone();
        let mut message =
            ListPolicyVersionsRequest { policy, page_size: PAGE, ..ListPolicyVersionsRequest::default() };
        loop {
            let request = authorized(&client.token, message.clone())?;
            let page = client.authz.list_policy_versions(request).await.map_err(refused)?.into_inner();
            page.versions.iter().try_for_each(|version| print(&line(version)))?;
            message.page_token = page.next_page_token;
            if message.page_token.is_empty() {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}

impl Get {
    /// Prints the text of a version.
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let Self { policy: Named { name, remote }, version } = self;
        let mut client = Client::new(remote).await?;
        let message = GetPolicyRequest { policy: name.clone(), version: *version };
        let request = authorized(&client.token, message)?;
        let answer = client.authz.get_policy(request).await.map_err(refused)?.into_inner();
        print(answer.policy.unwrap_or_default().source.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A version in one line: policy, number, when, by whom, and the beginning of its digest.
fn line(version: &PolicyVersion) -> String {
    let PolicyVersion { policy, version, digest, apply_time, applied_by, in_force, etag: _, source: _ } =
        version;
    let time = apply_time.as_ref().map(ToString::to_string).unwrap_or_default();
    let by = if applied_by.is_empty() { "a file at start" } else { applied_by };
    let digest: String = digest.chars().take(12).collect();
    let state = if *in_force { "\tin force" } else { "" };
    format!("{policy}\t{version}\t{time}\t{by}\t{digest}{state}")
}
