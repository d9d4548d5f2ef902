//! `mandate import`: a client of `ImportMembers` that reads a CSV file (GW-08).

mod file;
mod lines;
mod tally;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use mandate_proto::v1::membership_service_client::MembershipServiceClient;
use mandate_proto::v1::{ExistingMember, ImportMembersRequest, ImportMembersResponse};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use self::file::{File, Line, Malformed, Outlets, Terms};
use self::tally::{Report, Tally};
use super::remote::{Remote, authorized, connect};
use super::{print, tell};

/// Rows that are read ahead of being sent.
const AHEAD: usize = 256;

/// What to import, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// The CSV file, or - for standard input. Its first line names the columns: account and email, and as wanted
    /// display_name, roles, grants and restrictions. A cell with several names separates them by ; or spaces; in
    /// grants a module's name stands for all that can be granted of it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    remote: Remote,
    /// Says what would become of each row, and writes nothing. Each row is judged by itself.
    #[arg(long)]
    dry_run: bool,
    /// Lets members who are there already and hold something else hold what the file says. Without it such rows are
    /// refused.
    #[arg(long)]
    replace: bool,
    /// Writes the refused rows to this CSV file instead of stderr.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// What separates the fields of a line.
    #[arg(long, value_name = "CHARACTER", default_value = ",")]
    delimiter: char,
}

impl Import {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let token = self.remote.credentials.token()?;
        let (input, size) = open(&self.file)?;
        let delimiter = u8::try_from(self.delimiter).context("--delimiter must be an ASCII character")?;
        let name = self.file.display();
        let file = File::open(input, delimiter).with_context(|| format!("{name}: nothing was imported"))?;
        let mut tally = Tally::new(Report::open(self.report.as_deref())?);
        let (bar, bytes) = (progress(size), Arc::new(AtomicU64::new(0)));

        let mut client = MembershipServiceClient::new(connect(&self.remote).await?);
        let (mut reading, rows) = Reading::start(file, self.terms(), &bytes);
        let answers = client.import_members(authorized(&token, ReceiverStream::new(rows))?).await;
        let answers =
            answers.map_err(|status| anyhow!("nothing was imported: {}", status.message()))?.into_inner();
        let outcome = reading.follow(answers, &mut tally, &bar).await;

        bar.finish_and_clear();
        let complete = tally.all_is_well();
        print(&tally.finish(self.dry_run.then_some(" judged, nothing written"))?)?;
        outcome.with_context(|| {
            format!("{name}: the import broke off; run it again with the same file: rows that are done are recognised")
        })?;
        Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn terms(&self) -> Terms {
        let existing = if self.replace { ExistingMember::Replace } else { ExistingMember::Refuse };
        Terms { existing, validate_only: self.dry_run }
    }
}

type Input = Box<dyn Read + Send>;

/// The input, and its size in bytes where that is known.
fn open(path: &Path) -> anyhow::Result<(Input, Option<u64>)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let cannot = || format!("{}: cannot be read", path.display());
    let file = std::fs::File::open(path).with_context(cannot)?;
    let size = file.metadata().with_context(cannot)?.len();
    Ok((Box::new(file), Some(size)))
}

/// On a terminal; elsewhere it draws nothing.
fn progress(size: Option<u64>) -> ProgressBar {
    const TEMPLATE: &str = "{wide_bar} {percent}% {msg} {elapsed} (left: {eta})";
    match (size, ProgressStyle::with_template(TEMPLATE)) {
        (Some(size), Ok(style)) => ProgressBar::new(size).with_style(style),
        _ => ProgressBar::new_spinner(),
    }
}

/// The file being read, by a thread of its own: one that waits for its input keeps nobody from leaving.
struct Reading {
    /// How many rows were sent, once all are.
    end: oneshot::Receiver<anyhow::Result<u64>>,
    sent: mpsc::UnboundedReceiver<Line>,
    malformed: mpsc::Receiver<Malformed>,
    bytes: Arc<AtomicU64>,
}

impl Reading {
    fn start(
        file: File<Input>,
        terms: Terms,
        bytes: &Arc<AtomicU64>,
    ) -> (Self, mpsc::Receiver<ImportMembersRequest>) {
        let (rows, rows_out) = mpsc::channel(AHEAD);
        let (sent, sent_out) = mpsc::unbounded_channel();
        let (malformed, malformed_out) = mpsc::channel(AHEAD);
        let outlets = Outlets { rows, sent, malformed, bytes: Arc::clone(bytes) };
        let (ended, end) = oneshot::channel();
        std::thread::spawn(move || {
            // Nobody waits for it any more when the import has broken off.
            let _ = ended.send(file.send(terms, &outlets));
        });
        (Self { end, sent: sent_out, malformed: malformed_out, bytes: Arc::clone(bytes) }, rows_out)
    }

    /// Takes results until there are no more, and makes sure that there is one for each row.
    async fn follow(
        &mut self,
        mut answers: Streaming<ImportMembersResponse>,
        tally: &mut Tally,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let mut lines_come = true;
        loop {
            let said = tokio::select! {
                malformed = self.malformed.recv(), if lines_come => match malformed {
                    Some(row) => tally.malformed(&row)?,
                    None => {
                        lines_come = false;
                        None
                    }
                },
                answer = answers.message() => match answer {
                    Ok(Some(result)) => tally.count(&self.line_of(&result)?, &result)?,
                    Ok(None) => break,
                    Err(status) => bail!("{}", status.message()),
                },
            };
            if let Some(said) = said {
                bar.suspend(|| tell(&said));
            }
            bar.set_position(self.bytes.load(Ordering::Relaxed));
            bar.set_message(format!("{} rows", tally.rows()));
        }
        while let Some(row) = self.malformed.recv().await {
            if let Some(said) = tally.malformed(&row)? {
                bar.suspend(|| tell(&said));
            }
        }
        let sent = (&mut self.end).await??;
        if sent != tally.answered {
            bail!("the server answered {} of {sent} rows", tally.answered);
        }
        Ok(())
    }

    /// The line that a result is of: they come in the order of the rows.
    fn line_of(&mut self, result: &ImportMembersResponse) -> anyhow::Result<Line> {
        match self.sent.try_recv() {
            Ok(line) if line.number.to_string() == result.row_id => Ok(line),
            _ => bail!("the server answered a row that was not sent ({})", result.row_id),
        }
    }
}
