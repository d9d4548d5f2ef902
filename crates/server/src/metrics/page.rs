//! The page of metrics: what there is, under which name, and what it means.

use std::sync::Arc;
use std::time::Duration;

use mandate_domain::decide::Reason;
use tonic::Code;

use super::counts::{Counts, Kind};
use super::families::{Families, float};
use super::method::Method;
use super::outbox::Outbox;
use crate::clock::now_micros;
use crate::convert::authz::to_reason;
use crate::facts::Facts;
use crate::passwords::Passwords;
use crate::telemetry::{Calls, Outcome, Signal};
use crate::tls::{Shaken, Tls};

/// The commit that this was built from, if whoever built it said so.
const COMMIT: Option<&str> = option_env!("MANDATE_COMMIT");

/// What there is to tell of a server.
pub struct Watched {
    facts: Arc<Facts>,
    passwords: Arc<Passwords>,
    calls: &'static Calls,
    outbox: Outbox,
    tls: Option<Arc<Tls>>,
}

impl Watched {
    /// Everything about a server with these facts, which hashes passwords and records calls here.
    #[must_use]
    pub fn new(facts: Arc<Facts>, passwords: Arc<Passwords>, calls: &'static Calls) -> Self {
        let outbox = Outbox::start(facts.store().clone());
        Self { facts, passwords, calls, outbox, tls: None }
    }

    /// The same, of a server whose connections are encrypted.
    #[must_use]
    pub fn with_tls(self, tls: Option<Arc<Tls>>) -> Self {
        Self { tls, ..self }
    }

    /// The facts that questions are decided on.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Asks the database nothing more.
    pub(super) fn stop(&self) {
        self.outbox.stop();
    }

    /// The page, in the text format of Prometheus, version 0.0.4.
    ///
    /// # Errors
    /// A metric that cannot be written, which is a defect.
    pub(super) fn page(&self) -> prometheus::Result<String> {
        let mut families = Families::default();
        let version = env!("CARGO_PKG_VERSION");
        families.gauge(
            "mandate_build_info",
            "Always 1. The labels say what is running: version, and commit if it was known when this was built.",
            [([("version", version), ("commit", COMMIT.unwrap_or("unknown"))], 1.0)],
        );
        rpcs(&mut families, self.facts.counts());
        decisions(&mut families, self.facts.counts());
        facts(&mut families, &self.facts);
        feed(&mut families, &self.facts);
        database(&mut families, &self.facts);
        overload(&mut families, &self.facts);
        self.work(&mut families);
        telemetry(&mut families, self.calls);
        if let Some(tls) = &self.tls {
            encryption(&mut families, tls);
        }
        families.text()
    }

    fn work(&self, families: &mut Families) {
        if let Some(depth) = self.outbox.latest() {
            families.gauge(
                "mandate_outbox_mails",
                "Mails in the outbox, by state: queued waits to be sent, failed waits for an operator. Read every 5 \
                 seconds and not counted beyond 10,000. All servers on one database tell of the same outbox.",
                [([("state", "queued")], float(depth.queued)), ([("state", "failed")], float(depth.failed))],
            );
            let age = |at| u64::try_from(now_micros() - at).unwrap_or_default();
            families.gauge(
                "mandate_outbox_oldest_seconds",
                "How long the oldest mail that is queued has waited; 0: none is.",
                [([], Duration::from_micros(depth.oldest.map_or(0, age)).as_secs_f64())],
            );
        }
        let (busy, most) = self.passwords.busy();
        let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        families.gauge(
            "mandate_password_hashing",
            "Passwords that are being hashed or wait for it.",
            [([], count(busy))],
        );
        families.gauge(
            "mandate_password_hashing_limit",
            "The most of these; whoever comes then is told to come back (RESOURCE_EXHAUSTED).",
            [([], count(most))],
        );
    }
}

/// How codes are written in the protos of gRPC.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

fn rpcs(families: &mut Families, counts: &Counts) {
    let all: Vec<_> = Method::all().map(|method| (method.names(), counts.of_rpc(method))).collect();
    let codes = all.iter().flat_map(|((service, method), (codes, _))| {
        let named = (0..).map(|code| code_name(Code::from(code)));
        named.zip(codes).filter_map(move |(code, count)| {
            // Success is there from the start, so that rates have a beginning; of the rest only what has happened.
            let is_there = *count > 0 || code == "OK";
            is_there.then_some(([("service", *service), ("method", *method), ("code", code)], *count))
        })
    });
    families.counter(
        "mandate_rpcs_total",
        "RPCs that have ended, by service, method and gRPC code. CANCELLED: the caller went away. Calls that nobody \
         serves are other.",
        codes,
    );
    let took = all.iter().filter(|(_, (_, took))| took.count() > 0);
    families.histogram(
        "mandate_rpc_duration_seconds",
        "From the head of a request to the end of its answer, by service and method; of streams, how long they lasted.",
        took.map(|((service, method), (_, took))| ([("service", *service), ("method", *method)], took.clone())),
    );
}

fn decisions(families: &mut Families, counts: &Counts) {
    families.counter(
        "mandate_decisions_total",
        "Answers to Check and to the questions of BatchCheck and CheckStream, by outcome (allowed, denied) and reason (as \
         in DecisionReason). Questions that ended with an error are none.",
        Reason::ALL.iter().map(|reason| {
            let outcome = if reason.allows() { "allowed" } else { "denied" };
            let name = to_reason(*reason).as_str_name();
            let name = name.strip_prefix("DECISION_REASON_").unwrap_or(name);
            ([("outcome", outcome), ("reason", name)], counts.of_reason(*reason))
        }),
    );
}

fn facts(families: &mut Families, facts: &Facts) {
    let counts = facts.counts();
    let found: Vec<_> =
        Kind::ALL.iter().map(|kind| ([("kind", kind.name())], counts.of_kind(*kind))).collect();
    families.counter(
        "mandate_facts_hits_total",
        "Facts that were looked for in memory and found there, by kind. That there is no such thing is a fact, too.",
        found.iter().map(|(labels, (hits, _))| (*labels, *hits)),
    );
    families.counter(
        "mandate_facts_misses_total",
        "Facts that were looked for in memory and not found, by kind; the question reads all its facts from the database then.",
        found.iter().map(|(labels, (_, misses))| (*labels, *misses)),
    );
    let sizes = facts.sizes();
    let label = |kind: Kind| [("kind", kind.name())];
    families.gauge(
        "mandate_facts_entries",
        "Facts in memory, by kind.",
        sizes.iter().map(|size| (label(size.kind), float(u64::try_from(size.entries).unwrap_or(u64::MAX)))),
    );
    families.gauge(
        "mandate_facts_bytes",
        "Memory that facts take, roughly, by kind.",
        sizes.iter().map(|size| (label(size.kind), float(size.bytes))),
    );
    families.gauge(
        "mandate_facts_bytes_limit",
        "The most of that; beyond it facts that were not asked for lately are dropped.",
        sizes.iter().map(|size| (label(size.kind), float(size.capacity))),
    );
    families.counter(
        "mandate_facts_evictions_total",
        "Facts that were dropped to make room for others, by kind.",
        sizes.iter().map(|size| (label(size.kind), size.evictions)),
    );
}

fn feed(families: &mut Families, facts: &Facts) {
    let Some(state) = facts.feed() else { return };
    let counts = facts.counts();
    families.gauge(
        "mandate_feed_age_seconds",
        "How old the facts in memory are at the most: since the start of the last poll of the change feed that was \
         applied. After --stale-limit seconds questions are UNAVAILABLE. PostgreSQL only, like all of mandate_feed.",
        [([], state.age.as_secs_f64())],
    );
    let (polls, failed) = counts.of_polls();
    families.histogram(
        "mandate_feed_poll_duration_seconds",
        "Polls of the change feed: from the question to the database until what came counts here.",
        [([], polls)],
    );
    families.counter(
        "mandate_feed_poll_failures_total",
        "Polls of the change feed that failed because the database was away.",
        [([], failed)],
    );
    families.histogram(
        "mandate_revocation_lag_seconds",
        "From the time of a change, by the clock of the server that made it, until it counts in this server's answers; \
         each change is one, a removed permission like any other. It includes the time that the change took to commit.",
        [([], counts.of_lags())],
    );
}

fn overload(families: &mut Families, facts: &Facts) {
    let all = facts.bounds().fullness();
    families.gauge(
        "mandate_in_flight",
        "Calls that the server has in hand, by what bounds them: memory (answered from memory), database (write or read \
         it), misses (questions whose facts are being read), passwords.",
        all.iter().map(|one| ([("limit", one.limit.name())], float(one.taken))),
    );
    families.gauge(
        "mandate_in_flight_limit",
        "The most of these (--max-in-flight, --max-in-flight-database).",
        all.iter().map(|one| ([("limit", one.limit.name())], float(one.most))),
    );
    families.counter(
        "mandate_shed_total",
        "Calls that were not carried out, by what bounds them and why: full (RESOURCE_EXHAUSTED), deadline \
         (DEADLINE_EXCEEDED). They are counted in mandate_rpcs_total, too.",
        all.iter().flat_map(|one| {
            [("full", one.refused), ("deadline", one.deadlines)]
                .map(|(why, count)| ([("limit", one.limit.name()), ("why", why)], count))
        }),
    );
}

fn telemetry(families: &mut Families, calls: &Calls) {
    let all = Signal::ALL.iter().flat_map(|signal| {
        Outcome::ALL.map(|outcome| {
            ([("signal", signal.name()), ("outcome", outcome.name())], calls.exported(*signal, outcome))
        })
    });
    families.counter(
        "mandate_telemetry_total",
        "Spans, and records of the decision log (decisions), by outcome: exported; failed (the collector did not take it, \
         or the file could not be written); dropped (no room in the queue). Always 0 where they are not on.",
        all,
    );
}

fn encryption(families: &mut Families, tls: &Tls) {
    families.counter(
        "mandate_tls_handshakes_total",
        "Connections by how their handshake ended: done; plain (no TLS was spoken); no_certificate and bad_certificate (of \
         the caller); refused (the caller does not believe this server's); late (after --tls-handshake-timeout); failed \
         (anything else). There without TLS as little as the rest of mandate_tls.",
        Shaken::ALL.map(|how| ([("outcome", how.name())], tls.handshakes(how))),
    );
    let (loaded, kept) = tls.reloads();
    families.counter(
        "mandate_tls_reloads_total",
        "Changes of the files of certificate, key and callers' authorities, by outcome: loaded (in force for new \
         connections), or kept (what is there cannot be used, and what was in force before stays so).",
        [([("outcome", "loaded")], loaded), ([("outcome", "kept")], kept)],
    );
    families.gauge(
        "mandate_tls_reload_failed",
        "1: the files hold what cannot be used, and what was in force before still is. 0: they hold what is in force.",
        [([], if tls.is_behind() { 1.0 } else { 0.0 })],
    );
    let (certificate, client_ca) = tls.ends();
    let files = [("certificate", Some(certificate)), ("client_ca", client_ca)];
    families.gauge(
        "mandate_tls_expiry_timestamp_seconds",
        "Until when what is in force is good, in seconds since 1970, by file: certificate (with those that lead to its \
         authority), client_ca. The first to end counts.",
        files.into_iter().filter_map(|(file, end)| {
            let end = u64::try_from(end?).unwrap_or_default();
            Some(([("file", file)], float(end)))
        }),
    );
}

fn database(families: &mut Families, facts: &Facts) {
    let away = facts.feed().is_some_and(|feed| feed.away);
    families.gauge(
        "mandate_database_away",
        "1: the last poll found the database away, and questions are answered from memory for a while. 0: it is there.",
        [([], if away { 1.0 } else { 0.0 })],
    );
    let pools = facts.store().connections();
    let states = pools.iter().flat_map(|pool| {
        [("used", pool.used), ("idle", pool.idle)]
            .map(|(state, count)| ([("pool", pool.pool), ("state", state)], f64::from(count)))
    });
    families.gauge(
        "mandate_database_connections",
        "Connections to the database, by pool (PostgreSQL: all; SQLite: read, write) and state: used by a call, or idle.",
        states,
    );
    families.gauge(
        "mandate_database_connections_limit",
        "The most connections of a pool; further calls wait for one.",
        pools.iter().map(|pool| ([("pool", pool.pool)], f64::from(pool.most))),
    );
}
