//! Whether it shows in the time of an answer that an address is somebody's: calls about addresses of several kinds in turn, over
//! a real socket, and how well one kind can be told from another by how long its answers take.

mod apart;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mandate_proto::v1::{
    AccountOrigin, ActivateContactRequest, AttributeValue, CreateAccountRequest, CreateContactRequest,
    CreateUserRequest, InviteMemberRequest, SetInitialPasswordRequest, SignInRequest, SuspendUserRequest,
    UpdateAccountRequest, account_origin, attribute_value,
};
use tonic::Code;

use self::apart::{Apart, NOISE, quantile, sorted};

use crate::client::Client;
use crate::database::Engine;
use crate::report;
use crate::section::Section;
use crate::service::Service;
use crate::stats::digits;

/// How often one address may be tried before it has to wait, and so how many accounts write to each.
const TRIES: u32 = 4;
const PASSWORD: &str = "a password of the measurement";

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The storage engine.
    #[arg(long, value_enum, default_value = "sqlite")]
    pub(crate) engine: Engine,
    /// How many answers of each kind.
    #[arg(long, value_name = "NUMBER", default_value_t = 400, value_parser = clap::value_parser!(u32).range(20..=20_000))]
    pub(crate) answers: u32,
}

/// How an address is known, if it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Unknown,
    Known,
    Suspended,
    WithoutPassword,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Unknown, Self::Known, Self::Suspended, Self::WithoutPassword];

    fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Known => "known",
            Self::Suspended => "suspended",
            Self::WithoutPassword => "without_password",
        }
    }

    fn address(self, number: u32) -> String {
        format!("{}-{number}@example.com", self.name().replace('_', "-"))
    }
}

/// The times of the answers to each kind, in milliseconds.
type Times = [Vec<f64>; Kind::ALL.len()];

/// Measures and prints.
///
/// # Errors
/// Something does not start, or a call is answered otherwise than it should be.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    let service = Service::new(options.engine).await?;
    let token = service.token("platform.operator")?;
    let unlimited = ["--rate-sign-in", "unlimited", "--rate-invitations", "unlimited"].map(str::to_owned);
    let (server, _) = service.start_replica_with(0, &unlimited)?;
    let operator = Client::connect(server.address, &token).await?;
    let answers = options.answers;
    report::tell("making people");
    let first = people(&operator, answers.div_ceil(TRIES)).await?;

    report::tell("signing in with a wrong password");
    tell("sign_in", &in_turn(answers, async |kind, number| sign_in(&operator, kind, number).await).await?);
    report::tell("inviting");
    let mut inviting = Vec::new();
    for number in 0..TRIES {
        inviting.push(account(&operator, "organization", &first, number).await?);
    }
    let times = in_turn(answers, async |kind, number| {
        // Each address is invited by each account once.
        let account = inviting.get(usize::try_from(number % TRIES)?).context("no account invites")?;
        invite(&operator, account, kind, number).await
    });
    tell("invite", &times.await?);
    report::tell("making contacts");
    // Each address once: an activation makes somebody of nobody.
    let answers = answers.div_ceil(TRIES);
    let desk = account(&operator, "terminal", &first, 0).await?;
    prepare(&operator, &desk).await?;
    let contacts = RefCell::new(HashMap::new());
    let times = in_turn(answers, async |kind, number| {
        let (contact, took) = make_contact(&operator, &desk, kind, number).await?;
        contacts.borrow_mut().insert((kind, number), contact);
        Ok(took)
    });
    tell("create_contact", &times.await?);
    report::tell("activating their logins");
    let times = in_turn(answers, async |kind, number| {
        let contact = contacts.borrow_mut().remove(&(kind, number)).context("there is no contact")?;
        activate(&operator, &desk, contact).await
    });
    tell("activate", &times.await?);
    server.stop();
    service.end().await?;
    Ok(Section { title: "Timing".to_owned(), text: String::new(), plots: Vec::new() })
}

/// People of each kind, and the id of somebody else.
async fn people(operator: &Client, number: u32) -> anyhow::Result<String> {
    for number in 0..number {
        for kind in [Kind::Known, Kind::Suspended, Kind::WithoutPassword] {
            let (email, display_name) = (kind.address(number), "Somebody".to_owned());
            let request = CreateUserRequest { email, display_name, ..Default::default() };
            let answer = operator.identity().create_user(request).await?.into_inner();
            let user = answer.user.context("no user was made")?.id;
            if kind != Kind::WithoutPassword {
                let request = SetInitialPasswordRequest {
                    user: user.clone(),
                    password: PASSWORD.to_owned(),
                    ..Default::default()
                };
                operator.identity().set_initial_password(request).await?;
            }
            if kind == Kind::Suspended {
                operator.identity().suspend_user(SuspendUserRequest { user, ..Default::default() }).await?;
            }
        }
    }
    let (email, display_name) = ("first@example.com".to_owned(), "First".to_owned());
    let request = CreateUserRequest { email, display_name, ..Default::default() };
    let answer = operator.identity().create_user(request).await?.into_inner();
    Ok(answer.user.context("no user was made")?.id)
}

async fn account(operator: &Client, policy: &str, first: &str, number: u32) -> anyhow::Result<String> {
    let order = account_origin::Order { reference: format!("O-{policy}-{number}") };
    let request = CreateAccountRequest {
        policy: policy.to_owned(),
        display_name: "Timing".to_owned(),
        first_user: first.to_owned(),
        origin: Some(AccountOrigin { origin: Some(account_origin::Origin::Order(order)) }),
        ..Default::default()
    };
    let answer = operator.accounts().create_account(request).await?.into_inner();
    Ok(answer.account.context("no account was made")?.id)
}

/// What its policy wants before logins are activated.
async fn prepare(operator: &Client, account: &str) -> anyhow::Result<()> {
    use attribute_value::Value::{Flag, Text};
    let values = [
        ("tier", Text("business".to_owned())),
        ("organization_domain", Text("example.com".to_owned())),
        ("access_control", Flag(true)),
    ];
    for (name, value) in values {
        let attributes = BTreeMap::from([(name.to_owned(), AttributeValue { value: Some(value) })]);
        let update_mask = Some(prost_types::FieldMask { paths: vec![format!("attributes.{name}")] });
        let account = account.to_owned();
        let request = UpdateAccountRequest { account, attributes, update_mask, ..Default::default() };
        operator.accounts().update_account(request).await?;
    }
    Ok(())
}

/// One call after the other, each kind as often as the others at each place of the order.
async fn in_turn(
    answers: u32,
    call: impl AsyncFn(Kind, u32) -> anyhow::Result<Duration>,
) -> anyhow::Result<Times> {
    let mut times = Times::default();
    for number in 0..answers {
        for place in 0..Kind::ALL.len() {
            let kind = (place + usize::try_from(number)?) % Kind::ALL.len();
            if let (Some(kind), Some(times)) = (Kind::ALL.get(kind), times.get_mut(kind)) {
                times.push(call(*kind, number).await?.as_secs_f64() * 1e3);
            }
        }
    }
    Ok(times)
}

async fn sign_in(client: &Client, kind: Kind, number: u32) -> anyhow::Result<Duration> {
    let request =
        SignInRequest { email: kind.address(number / TRIES), password: "not that password".to_owned() };
    let mut identity = client.identity();
    let began = Instant::now();
    let answer = identity.sign_in(request).await;
    let took = began.elapsed();
    let code = answer.err().map(|status| status.code());
    ensure!(code == Some(Code::Unauthenticated), "a wrong password was answered with {code:?}");
    Ok(took)
}

async fn invite(client: &Client, account: &str, kind: Kind, number: u32) -> anyhow::Result<Duration> {
    let (account, email) = (account.to_owned(), kind.address(number / TRIES));
    let request =
        InviteMemberRequest { account, email, roles: vec!["member".to_owned()], ..Default::default() };
    let mut memberships = client.memberships();
    let began = Instant::now();
    memberships.invite_member(request).await?;
    Ok(began.elapsed())
}

async fn make_contact(
    client: &Client,
    account: &str,
    kind: Kind,
    number: u32,
) -> anyhow::Result<(String, Duration)> {
    let (account, email) = (account.to_owned(), kind.address(number));
    let display_name = "Somebody".to_owned();
    let request = CreateContactRequest { account, email, display_name, ..Default::default() };
    let mut memberships = client.memberships();
    let began = Instant::now();
    let answer = memberships.create_contact(request).await?;
    let took = began.elapsed();
    Ok((answer.into_inner().contact.context("no contact was made")?.id, took))
}

async fn activate(client: &Client, account: &str, contact: String) -> anyhow::Result<Duration> {
    let (account, roles) = (account.to_owned(), vec!["terminal_user".to_owned()]);
    let request = ActivateContactRequest { account, contact, roles, ..Default::default() };
    let mut memberships = client.memberships();
    let began = Instant::now();
    memberships.activate_contact(request).await?;
    Ok(began.elapsed())
}

/// The figures on stdout, and what they mean on stderr.
fn tell(call: &str, times: &Times) {
    let [unknown, others @ ..] = times;
    for (kind, times) in Kind::ALL.iter().zip(times) {
        let times = sorted(times);
        for (name, part) in [("p10", 0.1), ("median", 0.5), ("p90", 0.9)] {
            report::line(&format!("{call}_{}_{name}_ms", kind.name()), quantile(&times, part));
        }
    }
    for (kind, times) in Kind::ALL.iter().skip(1).zip(others) {
        let (found, kind) = (Apart::of(unknown, times), kind.name());
        let Apart { above, deviations, least, most } = found;
        report::line(&format!("{call}_{kind}_slower_than_unknown"), above);
        report::line(&format!("{call}_{kind}_deviations"), deviations);
        report::line(&format!("{call}_{kind}_longer_at_least_ms"), least);
        report::line(&format!("{call}_{kind}_longer_at_most_ms"), most);
        report::line(&format!("{call}_{kind}_equal_within_noise"), f64::from(u8::from(found.is_noise())));
        let verdict = if found.is_noise() { "equal within noise" } else { "NOT equal" };
        report::tell(&format!(
            "{call}: {kind} and unknown are {verdict}: {} deviations apart ({NOISE} would be no chance), by {} to {} ms",
            digits(deviations),
            digits(least),
            digits(most)
        ));
    }
}
