//! Whether it shows in the time of an answer that an address is somebody's: calls about addresses of several kinds in turn, over
//! a real socket, and how well one kind can be told from another by how long its answers take.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mandate_proto::v1::{
    AccountOrigin, CreateAccountRequest, CreateUserRequest, InviteMemberRequest, SetInitialPasswordRequest,
    SignInRequest, SuspendUserRequest, account_origin,
};
use tonic::Code;

use crate::client::Client;
use crate::database::Engine;
use crate::report;
use crate::section::Section;
use crate::service::Service;

/// How often one address may be tried before it has to wait.
const TRIES: u32 = 4;
const PASSWORD: &str = "a password of the measurement";

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The storage engine.
    #[arg(long, value_enum, default_value = "sqlite")]
    pub(crate) engine: Engine,
    /// How many answers of each kind.
    #[arg(long, value_name = "NUMBER", default_value_t = 400, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub(crate) answers: u32,
}

/// How an address is known, if it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    let unlimited = ["--rate-sign-in", "unlimited"].map(str::to_owned);
    let (server, _) = service.start_replica_with(0, &unlimited)?;
    let operator = Client::connect(server.address, &token).await?;
    report::tell("making people");
    people(&operator, options.answers.div_ceil(TRIES)).await?;
    let account = account(&operator).await?;

    report::tell("signing in with a wrong password");
    let times = in_turn(options.answers, async |kind, number| sign_in(&operator, kind, number).await).await?;
    tell("sign_in", &times);
    report::tell("inviting");
    let answers = options.answers.div_ceil(TRIES);
    let times =
        in_turn(answers, async |kind, number| invite(&operator, &account, kind, number).await).await?;
    tell("invite", &times);
    server.stop();
    service.end().await?;
    Ok(Section { title: "Timing".to_owned(), text: String::new(), plots: Vec::new() })
}

async fn people(operator: &Client, number: u32) -> anyhow::Result<()> {
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
    Ok(())
}

async fn account(operator: &Client) -> anyhow::Result<String> {
    let request = CreateUserRequest {
        email: "first@example.com".to_owned(),
        display_name: "First".to_owned(),
        ..Default::default()
    };
    let first =
        operator.identity().create_user(request).await?.into_inner().user.context("no user was made")?;
    let order = account_origin::Order { reference: "O-1".to_owned() };
    let request = CreateAccountRequest {
        policy: "organization".to_owned(),
        display_name: "Timing".to_owned(),
        first_user: first.id,
        origin: Some(AccountOrigin { origin: Some(account_origin::Origin::Order(order)) }),
        ..Default::default()
    };
    let answer = operator.accounts().create_account(request).await?.into_inner();
    Ok(answer.account.context("no account was made")?.id)
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
    let (account, email) = (account.to_owned(), kind.address(number));
    let request =
        InviteMemberRequest { account, email, roles: vec!["member".to_owned()], ..Default::default() };
    let mut memberships = client.memberships();
    let began = Instant::now();
    memberships.invite_member(request).await?;
    Ok(began.elapsed())
}

fn tell(call: &str, times: &Times) {
    let [unknown, others @ ..] = times;
    for (kind, times) in Kind::ALL.iter().zip(times) {
        for (name, part) in [("p10", 0.1), ("median", 0.5), ("p90", 0.9)] {
            report::line(&format!("{call}_{}_{name}_ms", kind.name()), quantile(times, part));
        }
    }
    for (kind, times) in Kind::ALL.iter().skip(1).zip(others) {
        let Ranks { above, deviations } = ranks(unknown, times);
        report::line(&format!("{call}_{}_slower_than_unknown", kind.name()), above);
        report::line(&format!("{call}_{}_deviations", kind.name()), deviations);
    }
}

/// What was there in that part of the cases; NaN without any.
fn quantile(times: &[f64], part: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    // A place in a list: neither negative nor near what a float cannot tell apart.
    let place = ((sorted.len().saturating_sub(1)) as f64 * part).round() as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

/// The rank test of Mann and Whitney.
#[derive(Debug, PartialEq)]
struct Ranks {
    /// In which part of all pairs the second took longer: 0.5 if nothing can be told.
    above: f64,
    /// How many standard deviations that is from 0.5, if both were alike: beyond 3 it is no chance.
    deviations: f64,
}

fn ranks(first: &[f64], second: &[f64]) -> Ranks {
    let (m, n) = (first.len() as f64, second.len() as f64);
    let points = |other: &f64| -> f64 {
        first
            .iter()
            .map(|one| {
                if other > one {
                    1.0
                } else if other == one {
                    0.5
                } else {
                    0.0
                }
            })
            .sum()
    };
    let sum: f64 = second.iter().map(points).sum();
    let deviation = (m * n * (m + n + 1.0) / 12.0).sqrt();
    Ranks { above: sum / (m * n), deviations: (sum - m * n / 2.0) / deviation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_cannot_be_told_and_what_differs_can() {
        let alike: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(ranks(&alike, &alike), Ranks { above: 0.5, deviations: 0.0 });
        let later: Vec<f64> = alike.iter().map(|time| time + 50.0).collect();
        let found = ranks(&alike, &later);
        assert!(found.above > 0.8 && found.deviations > 8.0, "{found:?}");
        assert!(ranks(&later, &alike).deviations < -8.0);
        assert_eq!((quantile(&alike, 0.1), quantile(&alike, 0.5)), (10.0, 50.0));
        assert!(quantile(&[], 0.5).is_nan());
    }
}
