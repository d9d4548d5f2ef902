//! `mandate health`: asks a running server whether it answers, for containers and load balancers that run a program.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::print;
use crate::config::ConfigFile;

/// Whom to ask.
#[derive(Debug, clap::Args)]
pub(super) struct Health {
    #[command(flatten)]
    _config: ConfigFile,
    /// The server's address, as it was given to --listen: 0.0.0.0 stands for this machine.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051", env = "MANDATE_LISTEN")]
    address: std::net::SocketAddr,
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
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        let endpoint = endpoint.connect_timeout(self.timeout).timeout(self.timeout);
        let channel = endpoint.connect().await.with_context(|| format!("no server answers at {address}"))?;
        let request = HealthCheckRequest { service: self.service };
        let answer = HealthClient::new(channel).check(request).await;
        let answer = answer.map_err(|status| match status.code() {
            tonic::Code::NotFound => anyhow!("the server has no service of that name; leave --service out"),
            _ => anyhow!("the server at {address} did not say how it is: {}", status.message()),
        })?;
        let status = answer.into_inner().status();
        print(status.as_str_name())?;
        Ok(if status == ServingStatus::Serving { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
