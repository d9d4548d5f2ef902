//! What became of the rows: counted, and the refused ones told.

use std::path::Path;

use anyhow::Context as _;
use mandate_proto::v1::{ImportMembersResponse, ImportOutcome};
use tonic_types::RpcStatusExt as _;

use super::file::{Line, Malformed};

/// Where refused rows are told.
pub(super) enum Report {
    /// To the person who waits for it.
    Terminal,
    /// In a CSV file.
    File(Box<csv::Writer<std::fs::File>>),
}

impl Report {
    /// The file, begun; without one, stderr.
    pub(super) fn open(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = file else { return Ok(Self::Terminal) };
        let file = std::fs::File::create(path)
            .with_context(|| format!("{}: cannot be written; choose another --report", path.display()))?;
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(["line", "account", "email", "reason", "message"])?;
        Ok(Self::File(Box::new(writer)))
    }
}

/// The counts so far.
pub(super) struct Tally {
    created: u64,
    added: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
    /// Results that the server gave.
    pub(super) answered: u64,
    report: Report,
}

impl Tally {
    pub(super) fn new(report: Report) -> Self {
        Self { created: 0, added: 0, updated: 0, unchanged: 0, refused: 0, answered: 0, report }
    }

    /// Every row is what it was to become.
    pub(super) fn all_is_well(&self) -> bool {
        self.refused == 0
    }

    /// How many rows have been dealt with.
    pub(super) fn rows(&self) -> u64 {
        self.created + self.added + self.updated + self.unchanged + self.refused
    }

    /// Counts a result, and returns what is to be said of it, if anything is.
    pub(super) fn count(
        &mut self,
        line: &Line,
        result: &ImportMembersResponse,
    ) -> anyhow::Result<Option<String>> {
        self.answered += 1;
        match result.outcome() {
            ImportOutcome::Created => self.created += 1,
            ImportOutcome::Added => self.added += 1,
            ImportOutcome::Updated => self.updated += 1,
            ImportOutcome::Unchanged => self.unchanged += 1,
            ImportOutcome::Refused | ImportOutcome::Unspecified => {
                let error = result.error.clone().unwrap_or_default();
                let reason = error.get_details_error_info().map(|info| info.reason).unwrap_or_default();
                return self.refuse(line, &reason, &error.message);
            }
        }
        Ok(None)
    }

    /// Counts a line that is no row.
    pub(super) fn malformed(&mut self, row: &Malformed) -> anyhow::Result<Option<String>> {
        self.refuse(&row.line, "MALFORMED", &row.message)
    }

    fn refuse(&mut self, line: &Line, reason: &str, message: &str) -> anyhow::Result<Option<String>> {
        self.refused += 1;
        match &mut self.report {
            Report::Terminal => {
                let who = if line.email.is_empty() { String::new() } else { format!(" ({})", line.email) };
                let said = format!("line {}{who}: {reason}: {message}", line.number);
                // A file may hold what a terminal would obey.
                Ok(Some(said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()))
            }
            Report::File(writer) => {
                let number = line.number.to_string();
                writer.write_record([&number, &line.account, &line.email, reason, message])?;
                Ok(None)
            }
        }
    }

    /// The last word.
    pub(super) fn finish(mut self, dry: Option<&str>) -> anyhow::Result<String> {
        if let Report::File(writer) = &mut self.report {
            writer.flush().context("the report could not be written to its end")?;
        }
        let Self { created, added, updated, unchanged, refused, .. } = self;
        let rows = created + added + updated + unchanged + refused;
        let dry = dry.unwrap_or_default();
        Ok(format!(
            "{rows} row(s){dry}: {created} created, {added} added, {updated} updated, {unchanged} unchanged, {refused} refused"
        ))
    }
}
