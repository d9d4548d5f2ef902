//! `mandate health`: asks a running server whether it answers, for containers and load balancers that run a program.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::print;
use super::trust::{Encrypted, Trust, mistake, mistake_of};
use crate::config::ConfigFile;

/// Whom to ask.
#[derive(Debug, clap::Args)]
pub(super) struct Health {
    #[command(flatten)]
    _config: ConfigFile,
    /// The server's address, as it was given to --listen: 0.0.0.0 stands for this machine.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051", env = "MANDATE_LISTEN")]
    address: std::net::SocketAddr,
    /// The server's certificate, if it has one: it is asked through TLS then. Whether it shows that one makes no difference
    /// on this machine, unless --endpoint-ca says whom to believe.
    #[arg(long, value_name = "FILE", env = "MANDATE_TLS_CERTIFICATE")]
    tls_certificate: Option<std::path::PathBuf>,
    #[command(flatten)]
    trust: Trust,
    /// The service to ask about, such as mandate.v1.AuthzService. Default: the server as a whole.
    #[arg(long, value_name = "NAME", default_value = "")]
    service: String,
    /// How many seconds it has to answer.
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = crate::mailer::seconds)]
    timeout: Duration,
}

impl Health {
    /// Succeeds when the server says SERVING.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                std::net::IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        let encrypted = self.tls_certificate.is_some() || self.trust.is_given();
        let scheme = if encrypted { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?;
        let endpoint = endpoint.connect_timeout(self.timeout).timeout(self.timeout);
        let endpoint = match (encrypted, address.ip().is_loopback()) {
            (false, _) => endpoint,
            (true, true) => self.trust.of_this_machine(endpoint)?,
            (true, false) => self.trust.verified(endpoint)?,
        };
        let cannot = |mistake: &str| match encrypted {
            true => anyhow!("the server at {address} cannot be asked: {mistake}"),
            false => anyhow!(
                "the server at {address} ended the connection: if it speaks TLS, give --tls-certificate FILE, as it has it \
                 (MANDATE_TLS_CERTIFICATE)"
            ),
        };
        let channel = endpoint.connect().await.map_err(|error| match mistake(&error) {
            Some(mistake) => cannot(&mistake),
            None => anyhow!(error).context(format!("no server answers at {address}")),
        })?;
        let request = HealthCheckRequest { service: self.service };
        let answer = HealthClient::new(channel).check(request).await;
        let is = if encrypted { Encrypted::Yes } else { Encrypted::No };
        let answer = answer.map_err(|status| match (mistake_of(&status, is), status.code()) {
            (Some(mistake), _) => cannot(&mistake),
            (None, tonic::Code::NotFound) => {
                anyhow!("the server has no service of that name; leave --service out")
            }
            _ => anyhow!("the server at {address} did not say how it is: {}", status.message()),
        })?;
        let status = answer.into_inner().status();
        print(status.as_str_name())?;
        Ok(if status == ServingStatus::Serving { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
