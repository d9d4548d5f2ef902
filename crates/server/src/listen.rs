//! Taking a port, and what to do where it cannot be had.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;

use anyhow::anyhow;
use tokio::net::TcpListener;

/// Listens there.
///
/// # Errors
/// The address cannot be had: the message names the setting (`--listen`) and says what to do about it.
pub(crate) async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| anyhow!(refused(address, setting, &error)))
}

fn refused(address: SocketAddr, setting: &str, error: &Error) -> String {
    let ip = address.ip();
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            format!(
                "another program listens there; end it, or choose another port with {setting} (0 takes a free one)"
            )
        }
        ErrorKind::AddrNotAvailable => format!(
            "this machine does not have the address {ip}; choose one of its own with {setting}, 127.0.0.1 for this machine \
             alone, or 0.0.0.0 for all that it has"
        ),
        ErrorKind::PermissionDenied => {
            format!("this user may not take port {}; choose one from 1024 on with {setting}", address.port())
        }
        _ => format!("choose another address with {setting}"),
    };
    format!("cannot listen on {address}: {advice} ({error})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_had_says_what_to_do() {
        let taken = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "--listen").await.unwrap();
        let taken = taken.local_addr().unwrap();
        let said = bind(taken, "--metrics-listen").await.unwrap_err().to_string();
        assert!(
            said.contains("another program listens there") && said.contains("--metrics-listen"),
            "{said}"
        );
        // An address that is kept for documentation (RFC 5737) is nobody's.
        let said = bind(SocketAddr::from(([192, 0, 2, 1], 0)), "--listen").await.unwrap_err().to_string();
        assert!(said.contains("does not have the address 192.0.2.1"), "{said}");
        let said = refused(taken, "--listen", &ErrorKind::PermissionDenied.into());
        assert!(said.contains("choose one from 1024 on with --listen"), "{said}");
    }
}
