//! A running server: from the settings to an open socket, and back to a closed store.

use std::net::SocketAddr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use mandate_mail::MailKey;
use mandate_proto::v1::account_service_server::AccountServiceServer;
use mandate_proto::v1::authz_service_server::AuthzServiceServer;
use mandate_proto::v1::identity_service_server::IdentityServiceServer;
use mandate_proto::v1::mail_service_server::MailServiceServer;
use mandate_proto::v1::membership_service_server::MembershipServiceServer;
use mandate_storage::Store;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};
use tonic_reflection::server::{Builder as Reflection, Error as ReflectionError};

use crate::account::Accounts;
use crate::auth::{
    Beside, Issuers, KeyRefresh, OwnKeysRefresh, RefreshTimes, SigningKeys, TokenSettings, Verifier,
};
use crate::authz::Authz;
use crate::clock::now_micros;
use crate::config::ConfigFile;
use crate::connection::ConnectionSettings;
use crate::database::DatabaseSettings;
use crate::ephemeral::{self, Ephemeral, EphemeralSettings, Leftovers};
use crate::facts::{Facts, MEMORY};
use crate::guard::GuardLayer;
use crate::identity::Identities;
use crate::last_active::Recorder;
use crate::listen;
use crate::mail::Mails;
use crate::mail_key;
use crate::mailer::{MailSettings, Mailer, Post, seconds};
use crate::membership::Memberships;
use crate::metrics::{CountLayer, Port, Watched};
use crate::overload::{Bounds, OverloadLayer, OverloadSettings};
use crate::passwords::Passwords;
use crate::policies;
use crate::rate::{RateSettings, Rates};
use crate::retention::{KeepSettings, Retention};
use crate::size::ByteSize;
use crate::telemetry::{Calls, CarriedLayer, TelemetrySettings};
use crate::tls::{self, Secure, Tls, TlsSettings};
use crate::transport::Workers;
use crate::watch::{self, Watching};
use crate::web::{WebLayer, WebSettings};

/// How many bytes of a stream may wait to be read, and of a connection.
///
/// h2 takes a connection on which many small frames wait for an attack, and ends it: as many as half of the connection's
/// window would hold if each had 256 bytes. A stream of questions whose caller takes no answers must be held back
/// before that.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// The largest message that is sent, in bytes: a page of 1,000 members with everything they may have.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// How long calls in flight have to finish once the server has been asked to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// The same on a server for tests.
const EPHEMERAL_DRAIN: Duration = Duration::from_millis(100);

/// For how many seconds questions are answered from memory while the database is away, unless told otherwise.
pub const STALE_LIMIT: u64 = 30;

/// How long the database has to part from this server.
const CLOSE: Duration = Duration::from_secs(3);

/// What a server is started with.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// A file of settings.
    #[command(flatten)]
    pub config: ConfigFile,
    /// Where to listen. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051", env = "MANDATE_LISTEN")]
    pub listen: SocketAddr,
    /// The folder of the signing key and, unless told otherwise, the database. Made if it is not there.
    #[arg(long, value_name = "FOLDER", default_value = "./mandate-data", env = "MANDATE_DATA_DIR")]
    pub data_dir: PathBuf,
    /// Where to serve /metrics (for Prometheus), /healthz and /readyz over HTTP: 127.0.0.1:9464, for example. Port 0
    /// takes a free one. Left out: nowhere.
    #[arg(long, value_name = "ADDRESS", env = "MANDATE_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,
    /// A folder of policy files to load beside the built-in ones.
    #[arg(long, value_name = "FOLDER", env = "MANDATE_POLICIES")]
    pub policies: Option<PathBuf>,
    /// A TOML file of the issuers whose tokens are believed beside this server's own. Their tables, [[issuer]], may as
    /// well stand in the file of settings.
    #[arg(long, value_name = "FILE", env = "MANDATE_ISSUERS")]
    pub issuers: Option<PathBuf>,
    /// A file to write the address to once calls are answered, whole or not at all.
    #[arg(long, value_name = "FILE", env = "MANDATE_READY_FILE")]
    pub ready_file: Option<PathBuf>,
    /// PostgreSQL: for how many seconds questions are answered from memory while the database is away. Whatever
    /// other servers revoke meanwhile may be allowed here for that long; then questions are UNAVAILABLE.
    #[arg(long, value_name = "SECONDS", default_value_t = STALE_LIMIT, env = "MANDATE_STALE_LIMIT")]
    pub stale_limit: u64,
    /// How many threads answer calls, each with the connections that were dealt to it. Default: one for each core.
    #[arg(long, value_name = "NUMBER", env = "MANDATE_WORKERS")]
    pub workers: Option<NonZero<usize>>,
    /// How often it is written down when members were last active, in seconds. Longer costs the database less.
    #[arg(long, value_name = "SECONDS", default_value = "30", env = "MANDATE_ACTIVITY_INTERVAL", value_parser = seconds)]
    pub activity_interval: Duration,
    /// For how many seconds whoever watches changes need not take messages that are there, before the stream is ended.
    #[arg(long, value_name = "SECONDS", default_value_t = watch::PATIENCE, env = "MANDATE_WATCH_PATIENCE")]
    pub watch_patience: u64,
    /// The most memory that facts take, with MiB or GiB, from 16MiB to 1024GiB. A quarter of it is for members (2 million in
    /// the default's quarter); what does not fit is read from the database when it is asked for.
    #[arg(long, value_name = "SIZE", default_value_t = MEMORY, env = "MANDATE_FACTS_MEMORY",
          value_parser = ByteSize::between(ByteSize(16 << 20), ByteSize(1 << 40)))]
    pub facts_memory: ByteSize,
    /// How much is taken on at a time.
    #[command(flatten)]
    pub overload: OverloadSettings,
    /// Where the database is, and how it is used.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// What connections may be.
    #[command(flatten)]
    pub connection: ConnectionSettings,
    /// Whether they are encrypted.
    #[command(flatten)]
    pub tls: TlsSettings,
    /// How often one caller may do what costs others something.
    #[command(flatten)]
    pub rates: RateSettings,
    /// How far clocks may differ.
    #[command(flatten)]
    pub tokens: TokenSettings,
    /// How mail leaves.
    #[command(flatten)]
    pub mail: MailSettings,
    /// For how long things are kept.
    #[command(flatten)]
    pub keep: KeepSettings,
    /// What is told of calls one by one.
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
    /// Who may call from a browser.
    #[command(flatten)]
    pub web: WebSettings,
    /// Whether anything is kept at all.
    #[command(flatten)]
    pub ephemeral: EphemeralSettings,
}

/// A server that answers calls. Dropping it without [`Running::stop`] breaks them off.
pub struct Running {
    /// The address it listens on, with the port that was taken.
    pub address: SocketAddr,
    store: Store,
    health: HealthReporter,
    /// Ends streams, which would go on for as long as their clients like.
    stopping: CancellationToken,
    workers: Workers,
    mailer: Mailer,
    recorder: Recorder,
    /// Where operators look, if they do.
    port: Option<Port>,
    retention: Retention,
    _keys: (KeyRefresh, OwnKeysRefresh),
    _certificates: Option<tls::Reload>,
    /// INVARIANT: the last field, so that it goes when nothing writes mail any more.
    leftovers: Option<Leftovers>,
}

impl Running {
    /// Starts a server whose calls are not recorded; when this returns, it answers.
    ///
    /// # Errors
    /// As [`start_recorded`](Self::start_recorded).
    pub async fn start(settings: &Settings) -> anyhow::Result<Self> {
        Self::start_recorded(settings, Calls::unrecorded()).await
    }

    /// Starts a server whose calls are recorded here; when this returns, it answers.
    ///
    /// # Errors
    /// What is wrong with the settings, the policies, the issuers or the database, all of it that can be told.
    pub async fn start_recorded(settings: &Settings, calls: &'static Calls) -> anyhow::Result<Self> {
        let files = policies::gather(settings.policies.as_deref())?;
        let issuers = settings.issuers()?;
        let web = WebLayer::new(&settings.web);
        let tls = Tls::open(&settings.tls, web.protocols())?;
        let ephemeral = settings.ephemeral.begin(settings.ready_file.as_deref())?;
        let data_dir = ephemeral.as_ref().map_or(settings.data_dir.as_path(), Ephemeral::folder);
        let (own_keys, mail_key, database) = match &ephemeral {
            Some(_) => {
                let (own_keys, mail_key) = Ephemeral::keys()?;
                (own_keys, mail_key, ephemeral::DATABASE.to_owned())
            }
            None => {
                let own_keys = SigningKeys::load_or_create(data_dir)?;
                (own_keys, mail_key::load_or_create(data_dir)?, settings.database.url(data_dir)?)
            }
        };
        let own_keys = Arc::new(own_keys);
        let post = Post::new(&settings.mail, data_dir, mail_key.clone())?;
        let issuers = issuers.with_own_keys(&own_keys).with_own_leeway(settings.tokens.own());
        let verifier = Arc::new(Verifier::new(issuers, now_micros));
        let store = settings.database.open(&database).await?;
        let policies = policies::sync(&store, &files).await?;
        let limit = Duration::from_secs(settings.stale_limit);
        let bounds = Bounds::new(&settings.overload, &store);
        let facts = Facts::open_within(store.clone(), policies, limit, bounds, settings.facts_memory).await?;
        let keys = (verifier.keep_keys_fresh(RefreshTimes::default()).await, own_keys.keep_fresh(&verifier)?);
        let seeded = match ephemeral {
            Some(ephemeral) => Some(ephemeral.seed(&facts).await?),
            None => None,
        };

        if tls.is_none() && !settings.listen.ip().is_loopback() {
            tracing::warn!(
                "tokens and answers travel unencrypted: give --tls-certificate and --tls-key, put a proxy that speaks TLS in \
                 front of {}, or listen on 127.0.0.1",
                settings.listen
            );
        }
        let listener = listen::bind(settings.listen, "--listen").await?;
        let address = listener.local_addr()?;
        let stopping = CancellationToken::new();
        let patience = Duration::from_secs(settings.watch_patience);
        let watching = Watching { patience, stopping: stopping.clone() };
        let passwords = Arc::new(Passwords::new()?);
        let port = match settings.metrics_listen {
            Some(listen) => {
                let watched = Watched::new(Arc::clone(&facts), Arc::clone(&passwords), calls);
                let watched = watched.with_tls(tls.clone());
                Some(Port::open(listen, watched, stopping.clone()).await?)
            }
            None => None,
        };
        let (health, routes) = routes(settings, &facts, &own_keys, mail_key, passwords, watching).await?;
        let count = CountLayer::new(facts.counts(), calls);
        let guard = GuardLayer::new(Arc::clone(&verifier)).with_short_way(Arc::clone(&facts));
        let threads = settings.workers();
        let interval = settings.tls.tls_reload_interval;
        let certificates = tls.as_ref().map(|tls| tls.keep_fresh(interval)).transpose()?;
        let secure = tls.map(|tls| Secure::new(tls, &settings.tls));
        let workers =
            Workers::start(listener, threads, settings.connection.lifetime(), secure.as_ref(), || {
                tonic::transport::Server::builder()
                    .max_concurrent_streams(settings.overload.max_streams.get())
                    .http2_max_header_list_size(settings.connection.headers())
                    .http2_keepalive_interval(settings.connection.keep_alive())
                    .http2_keepalive_timeout(settings.connection.keep_alive_timeout())
                    .initial_stream_window_size(STREAM_WINDOW)
                    .initial_connection_window_size(CONNECTION_WINDOW)
                    .accept_http1(web.is_on())
                    .layer(web.clone())
                    .layer(count)
                    .layer(OverloadLayer::new(bounds, &settings.overload, threads))
                    .layer(guard.clone())
                    .layer(CarriedLayer::new(calls))
                    .add_routes(routes.clone())
            })?;
        let mailer = Mailer::start(store.clone(), post).await?;
        let recorder = Recorder::start(Arc::clone(&facts), settings.activity_interval)?;
        let retention = Retention::start(store.clone(), settings.keep.clone());
        let leftovers = seeded.map(|seeded| seeded.tell(address, &own_keys)).transpose()?;
        if let Some(file) = &settings.ready_file {
            write_ready(file, address)?;
        }
        Ok(Self {
            address,
            store,
            health,
            stopping,
            workers,
            mailer,
            recorder,
            port,
            retention,
            _keys: keys,
            _certificates: certificates,
            leftovers,
        })
    }

    /// Waits until the server has ended by itself, which it does only by a defect.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn ended(&mut self) -> anyhow::Result<()> {
        self.workers.ended().await
    }

    /// Takes no new calls, finishes those in flight (at most 30 seconds), and closes the store.
    ///
    /// # Errors
    /// Calls that had not finished by then.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for name in SERVICES.iter().copied().chain([""]) {
            self.health.set_service_status(name, ServingStatus::NotServing).await;
            // Ends the streams of those who watch it, after they have read this: no call in flight is worth
            // waiting for there.
            self.health.clear_service_status(name).await;
        }
        self.stopping.cancel();
        // Whoever keeps an ephemeral server may be the one whose calls are open, and is waiting for its end.
        let patience = if self.leftovers.is_some() { EPHEMERAL_DRAIN } else { DRAIN };
        let drained = tokio::time::timeout(patience, self.workers.drain()).await;
        self.retention.stop().await;
        self.recorder.stop().await;
        self.mailer.stop().await;
        if let Some(port) = self.port {
            port.close();
        }
        if tokio::time::timeout(CLOSE, self.store.close()).await.is_err() {
            tracing::warn!("the database did not answer, and was left without a word");
        }
        // Connections to the database belong to whichever worker opened them, so that these end last.
        drop(self.workers);
        match drained {
            Ok(ended) => ended,
            Err(_) if self.leftovers.is_some() => Ok(()),
            Err(_) => {
                Err(anyhow!("calls were still running after {} seconds and were broken off", DRAIN.as_secs()))
            }
        }
    }
}

impl Settings {
    /// The issuers of the file of their own, or of the file of settings.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(crate) fn issuers(&self) -> anyhow::Result<Issuers> {
        let leeway = self.tokens.of_issuers();
        Ok(match (&self.issuers, &self.config.config) {
            (Some(file), _) => Issuers::load_with(file, Beside::Nothing, leeway)?,
            (None, Some(file)) => Issuers::load_with(file, Beside::Settings, leeway)?,
            (None, None) => Issuers::default(),
        })
    }

    fn workers(&self) -> usize {
        self.workers.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZero::get)
    }
}

/// The services that answer to health checks by name.
const SERVICES: [&str; 5] = [
    AccountServiceServer::<Accounts>::NAME,
    MembershipServiceServer::<Memberships>::NAME,
    AuthzServiceServer::<Authz>::NAME,
    IdentityServiceServer::<Identities>::NAME,
    MailServiceServer::<Mails>::NAME,
];

async fn routes(
    settings: &Settings,
    facts: &Arc<Facts>,
    own_keys: &Arc<SigningKeys>,
    mail_key: MailKey,
    passwords: Arc<Passwords>,
    watching: Watching,
) -> anyhow::Result<(HealthReporter, Routes)> {
    let rates = Arc::new(Rates::new(settings.rates));
    let identities =
        Identities::new(Arc::clone(facts), Arc::clone(own_keys), Arc::clone(&passwords), Arc::clone(&rates));
    let memberships =
        Memberships::new(Arc::clone(facts), mail_key, passwords, watching.stopping.clone(), rates);
    let largest = settings.connection.connection_max_message.in_memory();
    macro_rules! service {
        ($server:ident, $service:expr) => {
            $server::new($service)
                .max_decoding_message_size(largest)
                .max_encoding_message_size(MAX_ANSWER_BYTES)
        };
    }
    let (health, health_service) = health_reporter();
    for name in SERVICES {
        health.set_service_status(name, ServingStatus::Serving).await;
    }
    let routes = Routes::new(service!(AccountServiceServer, Accounts::new(Arc::clone(facts))))
        .add_service(service!(MembershipServiceServer, memberships))
        .add_service(service!(AuthzServiceServer, Authz::new(Arc::clone(facts), watching)))
        .add_service(service!(IdentityServiceServer, identities))
        .add_service(service!(MailServiceServer, Mails::new(Arc::clone(facts))))
        .add_service(health_service)
        .add_service(reflection(Reflection::build_v1)?)
        .add_service(reflection(Reflection::build_v1alpha)?);
    Ok((health, routes.prepare()))
}

/// Reflection that knows everything a client meets here, error details included.
fn reflection<S>(build: fn(Reflection<'static>) -> Result<S, ReflectionError>) -> Result<S, ReflectionError> {
    build(
        Reflection::configure()
            .register_encoded_file_descriptor_set(mandate_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET),
    )
}

/// Whoever waits for the file never sees half of it.
fn write_ready(file: &Path, address: SocketAddr) -> anyhow::Result<()> {
    use std::io::Write as _;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot = || format!("{}: cannot be written; check --ready-file", file.display());
    let mut new = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
    writeln!(new, "{address}").with_context(cannot)?;
    new.persist(file).with_context(cannot)?;
    Ok(())
}
