//! What memory a membership takes: the server's resident memory before and after so many were asked about.

use std::time::Duration;

use anyhow::Context as _;

use super::Load;
use super::world::question;
use crate::fill::{Crowd, Fill};
use crate::process::Server;
use crate::service::Service;

const WORLD: char = 'K';

/// How long the server rests until its memory is looked at.
const SETTLE: Duration = Duration::from_secs(1);

/// What was seen.
pub(super) struct Memory {
    /// How many memberships were asked about.
    pub(super) memberships: u64,
    /// How many of them, and how many accounts and users, the server says it has.
    pub(super) entries: [f64; 3],
    /// By how many bytes it grew.
    pub(super) grown: f64,
}

/// Makes the memberships.
///
/// # Errors
/// The database's.
pub(super) async fn make(fill: &mut Fill, memberships: u64) -> anyhow::Result<Crowd> {
    let crowd = Crowd::of(WORLD, memberships)?;
    crowd.make(fill).await?;
    Ok(crowd)
}

/// Asks about all of them once.
///
/// # Errors
/// Something does not start, or answers are not those expected.
pub(super) async fn measure(service: &Service, token: &str, crowd: Crowd) -> anyhow::Result<Memory> {
    let (server, metrics) = service.start_replica(0)?;
    let about = |number| {
        let (account, user) = crowd.ids(number);
        question(account, user)
    };
    let load = Load::encode(&server, token, about(0), (0..crowd.memberships).map(about)).await?;
    // What the first connections and questions take is not the memberships'.
    let few = Load::encode(&server, token, about(0), (0..crowd.memberships / 100).map(about)).await?;
    few.once(&server)?;
    tokio::time::sleep(SETTLE).await;
    let before = (resident(&server)?, entries(metrics).await?);
    load.once(&server)?;
    tokio::time::sleep(SETTLE).await;
    let after = (resident(&server)?, entries(metrics).await?);
    let [members, accounts, users] = after.1;
    let [members_before, ..] = before.1;
    server.stop();
    Ok(Memory {
        memberships: crowd.memberships,
        entries: [members - members_before, accounts, users],
        grown: after.0 - before.0,
    })
}

/// Bytes of memory that the process has in use.
fn resident(server: &Server) -> anyhow::Result<f64> {
    let file = format!("/proc/{}/status", server.id());
    let text = std::fs::read_to_string(&file).with_context(|| format!("{file} cannot be read"))?;
    kilobytes(&text).map(|kilobytes| kilobytes * 1024.0).with_context(|| format!("{file} tells no memory"))
}

fn kilobytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// How many memberships, accounts and users are in memory.
async fn entries(metrics: std::net::SocketAddr) -> anyhow::Result<[f64; 3]> {
    let page = crate::metrics::scrape(metrics).await?;
    let of = |kind: &str| {
        crate::metrics::value(&page, &format!("mandate_facts_entries{{kind=\"{kind}\"}}"))
            .with_context(|| format!("the server does not tell how many {kind} it has in memory"))
    };
    Ok([of("member")?, of("account")?, of("user")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_status() {
        assert_eq!(kilobytes("Name:\tx\nVmRSS:\t   1024 kB\nThreads:\t1\n"), Some(1024.0));
        assert_eq!(kilobytes("Name:\tx\n"), None);
    }
}
