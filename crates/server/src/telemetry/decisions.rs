//! The decision log: records on their way to a file or the collector.
//!
//! Whoever decides leaves a record in a queue and goes on. The queue has a bound, and what finds no room there is dropped
//! and counted: the log may have gaps when disk or collector cannot follow, but no Check ever waits for them.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use arc_swap::ArcSwapOption;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, Severity};
use opentelemetry_sdk::logs::SdkLogger;
use serde::Serialize;
use serde_json::Value;

use super::call::Recorded;
use super::sampling::Chance;
use super::settings::{DecisionSink, Outcomes, TelemetrySettings};
use super::tally::{Outcome, Signal, Tallies};
use crate::look_again::Hangup;

/// Records that wait to be written: some megabytes.
const QUEUE: u16 = 8_192;

/// So many bytes are written at a time, if so many wait.
const AT_A_TIME: usize = 64 << 10;

/// Takes records of decisions.
pub(super) struct Decisions {
    chance: Chance,
    outcomes: Outcomes,
    sink: Sink,
}

enum Sink {
    File(ToFile),
    Collector(SdkLogger),
}

impl Decisions {
    /// `None`: decisions are not recorded.
    ///
    /// # Errors
    /// The file cannot be opened, or there is no collector.
    pub(super) fn start(
        settings: &TelemetrySettings,
        collector: Option<SdkLogger>,
        tallies: &Arc<Tallies>,
    ) -> anyhow::Result<Option<Self>> {
        let sink = match &settings.decision_log {
            DecisionSink::Off => return Ok(None),
            DecisionSink::Otlp => Sink::Collector(
                collector
                    .ok_or_else(|| anyhow!("--decision-log otlp needs a collector: give --otlp-endpoint"))?,
            ),
            DecisionSink::File(path) => Sink::File(ToFile::start(path.clone(), Arc::clone(tallies))?),
        };
        let (chance, outcomes) = (Chance::new(settings.decision_log_sample), settings.decision_log_outcomes);
        Ok(Some(Self { chance, outcomes, sink }))
    }

    /// Whether this call, or this question of a stream, is recorded.
    pub(super) fn draw(&self) -> bool {
        self.chance.draw()
    }

    /// Which decisions are recorded.
    pub(super) fn outcomes(&self) -> Outcomes {
        self.outcomes
    }

    /// Leaves a record, if there is room for it.
    pub(super) fn tell(&self, recorded: &Recorded, record: &impl Serialize) {
        match &self.sink {
            Sink::File(file) => file.tell(record),
            Sink::Collector(logger) => emit(logger, recorded, record),
        }
    }

    /// Writes what is left, and nothing afterwards. That of a collector goes with its exporter.
    pub(super) fn stop(&self, limit: Duration) {
        if let Sink::File(file) = &self.sink {
            file.stop(limit);
        }
    }
}

/// A file that records are appended to, by a thread of its own.
struct ToFile {
    /// `None`: nothing more is written.
    queue: ArcSwapOption<SyncSender<Vec<u8>>>,
    /// Tells when all is written.
    written: Mutex<Receiver<()>>,
    tallies: Arc<Tallies>,
}

impl ToFile {
    fn start(path: PathBuf, tallies: Arc<Tallies>) -> anyhow::Result<Self> {
        let file = open(&path)
            .with_context(|| format!("{}: cannot be written; check --decision-log", path.display()))?;
        // There is room for a word about the file beside all records.
        let (queue, records) = mpsc::sync_channel(usize::from(QUEUE) + 1);
        let (done, written) = mpsc::channel();
        let reopen = Arc::new(AtomicBool::new(false));
        let queue = Arc::new(queue);
        // Nothing but this value keeps the queue open.
        tokio::spawn(reopen_when_told(Hangup::listen()?, Arc::downgrade(&queue), Arc::clone(&reopen)));
        let writer = Writer { path, file: Some(file), reopen, torn: false, tallies: Arc::clone(&tallies) };
        thread::Builder::new().name("decision-log".to_owned()).spawn(move || {
            writer.run(&records);
            // Nobody waits if the server did not end in good order.
            let _ = done.send(());
        })?;
        Ok(Self { queue: ArcSwapOption::new(Some(queue)), written: Mutex::new(written), tallies })
    }

    fn tell(&self, record: &impl Serialize) {
        let (queue, tally) = (self.queue.load(), self.tallies.of(Signal::Decisions));
        let Some(queue) = queue.as_ref() else { return };
        if !tally.enter(QUEUE.into()) {
            return;
        }
        // A record has neither maps whose keys are no text nor anything else that JSON has not.
        let line = serde_json::to_vec(record).map(|mut line| {
            line.push(b'\n');
            line
        });
        if line.ok().is_none_or(|line| queue.try_send(line).is_err()) {
            tally.leave(1, Outcome::Dropped);
        }
    }

    fn stop(&self, limit: Duration) {
        self.queue.store(None);
        // Out of time, or written.
        let _ = self.written.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(limit);
    }
}

/// Opens the file again when it was moved away.
async fn reopen_when_told(mut hangup: Hangup, queue: Weak<SyncSender<Vec<u8>>>, reopen: Arc<AtomicBool>) {
    while hangup.heard().await.is_some() {
        reopen.store(true, Ordering::Release);
        if let Some(queue) = queue.upgrade() {
            // If it is full, the writer is awake anyway.
            let _ = queue.try_send(Vec::new());
        }
    }
}

/// Only for the one that the server runs as: it tells who may do what.
fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).mode(0o600).open(path)
}

/// Writes records.
struct Writer {
    path: PathBuf,
    /// `None`: it could not be written.
    file: Option<File>,
    reopen: Arc<AtomicBool>,
    /// Half a line may be in the file.
    torn: bool,
    tallies: Arc<Tallies>,
}

impl Writer {
    fn run(mut self, records: &Receiver<Vec<u8>>) {
        let mut lines = Vec::with_capacity(AT_A_TIME);
        while let Ok(first) = records.recv() {
            let mut number = 0;
            for record in std::iter::once(first).chain(records.try_iter()) {
                // An empty one says that the file was moved away.
                number += usize::from(!record.is_empty());
                lines.extend_from_slice(&record);
                if lines.len() >= AT_A_TIME {
                    break;
                }
            }
            self.write(&lines, number);
            lines.clear();
        }
    }

    fn write(&mut self, lines: &[u8], number: usize) {
        if self.reopen.swap(false, Ordering::Acquire) {
            self.file = None;
            self.torn = false;
        }
        let outcome = match self.try_write(lines) {
            Ok(()) => Outcome::Exported,
            Err(error) => {
                // Once, and again when it was well in between.
                if !self.torn {
                    tracing::error!(%error, path = %self.path.display(), "decisions cannot be recorded");
                }
                (self.torn, self.file) = (true, None);
                Outcome::Failed
            }
        };
        self.tallies.of(Signal::Decisions).leave(number, outcome);
    }

    fn try_write(&mut self, lines: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(open(&self.path)?),
        };
        if self.torn {
            file.write_all(b"\n")?;
        }
        file.write_all(lines)?;
        self.torn = false;
        Ok(())
    }
}

/// Leaves a record with the collector's exporter, as a log record whose attributes are those of the record.
fn emit(logger: &SdkLogger, recorded: &Recorded, record: &impl Serialize) {
    let Ok(Value::Object(fields)) = serde_json::to_value(record) else { return };
    let mut entry = logger.create_log_record();
    entry.set_event_name("mandate.decision");
    entry.set_severity_number(Severity::Info);
    entry.set_severity_text("INFO");
    entry.set_timestamp(std::time::SystemTime::now());
    if let Some(context) = recorded.span_context() {
        entry.set_trace_context(context.trace_id(), context.span_id(), Some(context.trace_flags()));
    }
    entry.add_attributes(fields.into_iter().map(|(name, value)| (format!("mandate.{name}"), any(value))));
    logger.emit(entry);
}

fn any(value: Value) -> AnyValue {
    match value {
        Value::Null => AnyValue::String("".into()),
        Value::Bool(value) => AnyValue::Boolean(value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => AnyValue::Int(whole),
            None => AnyValue::Double(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => AnyValue::String(text.into()),
        Value::Array(values) => AnyValue::ListAny(Box::new(values.into_iter().map(any).collect())),
        Value::Object(fields) => AnyValue::Map(Box::new(
            fields.into_iter().map(|(name, value)| (name.into(), any(value))).collect(),
        )),
    }
}
