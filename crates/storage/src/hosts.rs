//! The servers that a PostgreSQL database may be on, of which one takes writes at a time.
//!
//! The URL names them as libpq does (PostgreSQL, "Connection URIs" and "Specifying Multiple Hosts", 34.1.1), and one is
//! chosen as with its `target_session_attrs=read-write`. A name that leads to another server after a failover is
//! the same to us: wherever a connection ends, the server is asked whether it takes writes.

use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection};
use tokio::task::JoinSet;

use crate::error::{StoreError, refused_at_the_door, timed_out};

/// How much longer each server is waited for before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(200);

/// What a URL may say behind its `?`: what sqlx understands (`PgConnectOptions`), but for another spelling of what
/// stands before it.
const PARAMETERS: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "options",
    "statement-cache-capacity",
];

/// Where a database may be, and where it was last found.
pub(crate) struct Hosts {
    /// How to connect to each; at least one.
    list: Vec<PgConnectOptions>,
    /// How long each has to let a session begin.
    limit: Duration,
    /// The place in the list of the one that was last chosen.
    last: AtomicUsize,
}

/// A session on the server that was chosen.
pub(crate) struct Found {
    pub(crate) session: PgConnection,
    /// How others connect to the same server.
    pub(crate) options: PgConnectOptions,
    /// Whether it takes writes. One that does not is chosen only where no other does and it is no standby.
    pub(crate) writable: bool,
}

/// What one server had to say.
enum Look {
    Found { session: PgConnection, place: usize, writable: bool },
    Standby,
}

/// Asked of each new session: is it a standby's, and does it take no writes?
const ASK: &str = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";

impl Hosts {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?PARAMETERS`.
    ///
    /// `limit`: how long each server has to let a session begin.
    ///
    /// # Errors
    /// [`StoreError::Config`], which repeats no part of the URL, since any may be the password's.
    pub(crate) fn parse(url: &str, limit: Duration) -> Result<Self, StoreError> {
        let malformed = || {
            StoreError::Config(
                "the database URL is not well formed: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special \
                 characters of the password percent-encoded, and several hosts as HOST:PORT,HOST:PORT"
                    .to_owned(),
            )
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(malformed)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end).ok_or_else(malformed)?;
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let hosts: Vec<&str> = hosts.split(',').collect();
        if hosts.len() > 1 && hosts.iter().any(|host| host.is_empty() || host.starts_with(':')) {
            return Err(StoreError::Config(
                "the database URL names a host without a name: write HOST:PORT,HOST:PORT, without spaces or a comma \
                 at the end"
                    .to_owned(),
            ));
        }
        let (path, parameters) = match tail.split_once('?') {
            Some((path, parameters)) => (path, understood(parameters)?),
            None => (tail, String::new()),
        };
        let read = |host: &&str| -> Result<PgConnectOptions, StoreError> {
            // The parser's own message may repeat parts of the URL, a password among them.
            let url = format!("{scheme}://{user}{host}{path}{parameters}");
            let options = PgConnectOptions::from_str(&url).map_err(|_| malformed())?;
            // The brackets of an address such as [::1] belong to URLs, not to addresses.
            let bare = options.get_host().trim_start_matches('[').trim_end_matches(']').to_owned();
            Ok(options.host(&bare).application_name("mandate").statement_cache_capacity(200))
        };
        let list: Vec<PgConnectOptions> = hosts.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { list, limit, last: AtomicUsize::new(0) })
    }

    /// Whether there is a choice.
    pub(crate) fn are_several(&self) -> bool {
        self.list.len() > 1
    }

    /// The first server that can be read by whoever stands between, or that cannot tell who answers: not on this
    /// machine, and its certificate is not verified.
    pub(crate) fn unprotected(&self) -> Option<String> {
        // verify-ca believes whoever has a certificate of any authority that browsers trust.
        let verified = |mode| matches!(mode, PgSslMode::VerifyFull);
        let open = |host: &&PgConnectOptions| !is_local(host) && !verified(host.get_ssl_mode());
        self.list.iter().find(open).map(name)
    }

    /// A session on the server that takes writes; `dress` says what is particular to it.
    ///
    /// The one last chosen is asked first, the others a moment later, in their order. A server in recovery is never
    /// chosen, since it may be behind; one that is only set to take no writes is, while no other does.
    ///
    /// # Errors
    /// [`StoreError::Config`] for what has to be corrected in the URL, [`StoreError::Unavailable`] when no server takes
    /// writes: what each of them said is in its source.
    pub(crate) async fn connect<F>(&self, dress: F) -> Result<Found, StoreError>
    where
        F: Fn(PgConnectOptions) -> PgConnectOptions,
    {
        let last = self.last.load(Ordering::Relaxed);
        let mut order: Vec<(usize, &PgConnectOptions)> = self.list.iter().enumerate().collect();
        order.sort_by_key(|(place, _)| *place != last);
        let mut looks = JoinSet::new();
        for (rank, (place, options)) in (0_u32..).zip(order) {
            let (options, limit) = (dress(options.clone()), self.limit);
            looks.spawn(async move {
                tokio::time::sleep(HEAD_START * rank).await;
                let looked = tokio::time::timeout(limit, look(&options, place)).await;
                (place, looked.unwrap_or_else(|_| Err(timed_out())))
            });
        }
        let (mut read_only, mut said) = (None, Vec::new());
        while let Some(looked) = looks.join_next().await {
            match looked {
                Ok((_, Ok(Look::Found { session, place, writable: true }))) => {
                    return Ok(self.chosen(session, place, true));
                }
                Ok((_, Ok(Look::Found { session, place, writable: false }))) => {
                    read_only = read_only.or(Some((session, place)));
                }
                Ok((place, Ok(Look::Standby))) => said.push((place, None)),
                Ok((place, Err(error))) => said.push((place, Some(error))),
                // It broke off: it is as if it had not answered.
                Err(_) => {}
            }
        }
        match read_only {
            Some((session, place)) => Ok(self.chosen(session, place, false)),
            None => Err(self.nobody(said)),
        }
    }

    fn chosen(&self, session: PgConnection, place: usize, writable: bool) -> Found {
        if self.last.swap(place, Ordering::Relaxed) != place {
            let host = self.list.get(place).map(name);
            tracing::info!(host, writable, "the database is on this server now");
        }
        // The place is one of the list's.
        let options = self.list.get(place).cloned().unwrap_or_default();
        Found { session, options, writable }
    }

    /// Why no server was chosen.
    fn nobody(&self, mut said: Vec<(usize, Option<sqlx::Error>)>) -> StoreError {
        if let [(_, error @ Some(_))] = said.as_mut_slice()
            && let Some(error) = error.take()
        {
            return refused_at_the_door(error);
        }
        said.sort_by_key(|(place, _)| *place);
        let (mut words, mut mistakes) = (Vec::new(), Vec::new());
        for (place, error) in said {
            let host = self.list.get(place).map(name).unwrap_or_default();
            match error.map(|error| (error.to_string(), refused_at_the_door(error))) {
                None => words.push(format!("{host} is a standby")),
                Some((_, StoreError::Config(mistake))) => mistakes.push(format!("{host}: {mistake}")),
                Some((text, _)) => words.push(format!("{host}: {text}")),
            }
        }
        // While any of them may come up as the one that takes writes, there is nothing to correct.
        if words.is_empty() && !mistakes.is_empty() {
            return StoreError::Config(mistakes.join("; "));
        }
        words.append(&mut mistakes);
        let words = format!("no server of the database takes writes: {}", words.join("; "));
        sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::NotConnected, words)).into()
    }
}

async fn look(options: &PgConnectOptions, place: usize) -> Result<Look, sqlx::Error> {
    let mut session = options.connect().await?;
    let (standby, read_only): (bool, bool) = sqlx::query_as(ASK).fetch_one(&mut session).await?;
    Ok(if standby { Look::Standby } else { Look::Found { session, place, writable: !read_only } })
}

/// The parameters that are left to sqlx, `?` included.
fn understood(parameters: &str) -> Result<String, StoreError> {
    let mut kept = Vec::new();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "target_session_attrs" if matches!(value, "read-write" | "primary") => {}
            "target_session_attrs" => {
                return Err(StoreError::Config(
                    "the database URL asks for a server that may not take writes: leave target_session_attrs out, or \
                     write target_session_attrs=read-write"
                        .to_owned(),
                ));
            }
            "host" if value.contains(',') || value.contains("%2C") => {
                return Err(StoreError::Config(
                    "write several hosts before the database's name, as HOST:PORT,HOST:PORT, and not as host=…"
                        .to_owned(),
                ));
            }
            _ if PARAMETERS.contains(&name) || name.starts_with("options[") => kept.push(parameter),
            _ => {
                return Err(StoreError::Config(format!(
                    "the database URL has a parameter that is not known; known are {} and target_session_attrs",
                    PARAMETERS.join(", ")
                )));
            }
        }
    }
    Ok(if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) })
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let loopback = |ip: std::net::IpAddr| ip.is_loopback();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse().is_ok_and(loopback)
}

/// For messages.
fn name(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: &str) -> Result<Vec<String>, String> {
        let parsed = Hosts::parse(url, Duration::from_secs(1));
        parsed.map(|hosts| hosts.list.iter().map(name).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn several_hosts_are_read_as_libpq_reads_them() {
        for (url, expected) in [
            ("postgres://a:b@one:1,two:2/c", vec!["one:1", "two:2"]),
            ("postgresql://a:b,d@one:1/c?sslmode=require", vec!["one:1"]),
            ("postgres://a@[::1]:7,[::2]:8/c", vec!["::1:7", "::2:8"]),
            (
                "postgres://a@one:1,two:2/c?target_session_attrs=read-write&sslmode=disable",
                vec!["one:1", "two:2"],
            ),
        ] {
            assert_eq!(hosts(url).unwrap(), expected, "{url}");
        }
        let parsed =
            Hosts::parse("postgres://a:b@one:1,two:2/c?sslmode=verify-full", Duration::ZERO).unwrap();
        for options in &parsed.list {
            assert_eq!((options.get_username(), options.get_database()), ("a", Some("c")));
            assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
        }
    }

    #[test]
    fn mistakes_are_told_without_the_password() {
        for (url, word) in [
            ("postgres://a:s3cret@one:1,/c", "without a name"),
            ("postgres://a:s3cret@one:1,:2/c", "without a name"),
            ("postgres://a:s3cret@one:x,two:2/c", "not well formed"),
            ("postgres://a:s3c/ret@one/c", "not well formed"),
            ("postgres://a@one/c?pasword=s3cret", "not known"),
            ("postgres://a@/c?host=one,two&password=s3cret", "HOST:PORT,HOST:PORT"),
            ("postgres://a:s3cret@one/c?target_session_attrs=any", "read-write"),
        ] {
            let error = hosts(url).unwrap_err();
            assert!(error.contains(word) && !error.contains("s3c"), "{url}: {error}");
        }
    }

    #[test]
    fn who_may_be_read_on_the_way_is_told() {
        let unprotected = |url| Hosts::parse(url, Duration::ZERO).unwrap().unprotected();
        assert_eq!(unprotected("postgres://a@127.0.0.1:1,[::1]:2,localhost:3/c"), None);
        assert_eq!(unprotected("postgres://a@one:1,two:2/c?sslmode=verify-full"), None);
        assert_eq!(unprotected("postgres://a@127.0.0.1:1,two:2/c").as_deref(), Some("two:2"));
        assert_eq!(unprotected("postgres://a@one:1/c?sslmode=require").as_deref(), Some("one:1"));
    }
}
