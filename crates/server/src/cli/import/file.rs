//! The file: its header, and its rows one after the other.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, anyhow, bail};
use csv::{ByteRecord, ErrorKind, StringRecord};
use mandate_proto::v1::{ExistingMember, ImportMembersRequest};
use tokio::sync::mpsc::{Sender, UnboundedSender};

use super::lines::Lines;

/// The columns that a header may name, in any order; the first two it must.
const COLUMNS: [&str; 6] = ["account", "email", "display_name", "roles", "grants", "restrictions"];

/// A file whose header makes sense.
pub(super) struct File<R> {
    reader: csv::Reader<Lines<R>>,
    columns: Columns,
}

/// Where each column stands.
struct Columns {
    account: usize,
    email: usize,
    display_name: Option<usize>,
    roles: Option<usize>,
    grants: Option<usize>,
    restrictions: Option<usize>,
}

/// What every row says beside what its line says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) existing: ExistingMember,
    pub(super) validate_only: bool,
}

/// What a result is put beside, so that a person finds the row again.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    /// Where the row begins in the file, from 1.
    pub(super) number: u64,
    pub(super) account: String,
    pub(super) email: String,
}

/// A line that is no row.
pub(super) struct Malformed {
    pub(super) line: Line,
    pub(super) message: String,
}

/// Where the rows go.
pub(super) struct Outlets {
    /// Those to send; bounded, so that the file is read no faster than rows are taken.
    pub(super) rows: Sender<ImportMembersRequest>,
    /// What was sent, in the same order. It holds what is under way, no more.
    pub(super) sent: UnboundedSender<Line>,
    pub(super) malformed: Sender<Malformed>,
    /// How many bytes have been read.
    pub(super) bytes: Arc<AtomicU64>,
}

impl<R: Read> File<R> {
    /// Reads the header.
    pub(super) fn open(input: R, delimiter: u8) -> anyhow::Result<Self> {
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(Lines::of(input));
        let header = reader.headers().context("the header cannot be read")?;
        let columns = Columns::of(header)?;
        Ok(Self { reader, columns })
    }

    /// Hands every row on, until there are no more or nobody takes them; returns how many were handed on.
    ///
    /// Errors: the file cannot be read any further. A line that is no row is handed on as such.
    pub(super) fn send(mut self, terms: Terms, outlets: &Outlets) -> anyhow::Result<u64> {
        let (mut record, mut sent) = (ByteRecord::new(), 0);
        loop {
            let read = self.reader.read_byte_record(&mut record);
            outlets.bytes.store(self.reader.position().byte(), Ordering::Relaxed);
            let number = self.first_line(&record);
            let message = match read {
                Ok(false) => return Ok(sent),
                Ok(true) => match StringRecord::from_byte_record(std::mem::take(&mut record)) {
                    Ok(row) => {
                        let line = self.columns.line(&row, number);
                        let request = self.columns.request(&row, &line, terms);
                        if outlets.sent.send(line).is_err() || outlets.rows.blocking_send(request).is_err() {
                            return Ok(sent);
                        }
                        sent += 1;
                        continue;
                    }
                    Err(_) => "is not UTF-8; save the file in that encoding".to_owned(),
                },
                Err(error) => malformed(error)?,
            };
            let line = Line { number, ..Line::default() };
            if outlets.malformed.blocking_send(Malformed { line, message }).is_err() {
                return Ok(sent);
            }
        }
    }
}

impl<R: Read> File<R> {
    /// Where the record that was read last begins; quoted fields may hold further lines.
    fn first_line(&mut self, record: &ByteRecord) -> u64 {
        let end = self.reader.position().byte();
        let last = self.reader.get_mut().line_before(end);
        let within = record.as_slice().iter().filter(|byte| **byte == b'\n').count();
        last.saturating_sub(u64::try_from(within).unwrap_or_default())
    }
}

/// What is wrong with one line.
///
/// Errors: the file cannot be read any further.
fn malformed(error: csv::Error) -> anyhow::Result<String> {
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => Ok(format!(
            "has {len} field(s) where the header has {expected_len}; put quotes around a field that holds the delimiter"
        )),
        _ => Err(anyhow!(error).context("the file cannot be read any further")),
    }
}

impl Columns {
    fn of(header: &StringRecord) -> anyhow::Result<Self> {
        for (index, name) in header.iter().enumerate() {
            if !COLUMNS.contains(&name) {
                let nearest = COLUMNS.iter().min_by_key(|column| strsim::damerau_levenshtein(column, name));
                bail!(
                    "the header names a column \"{name}\" (did you mean {}?); the columns are {}, separated by commas \
                     unless --delimiter says otherwise",
                    nearest.unwrap_or(&""),
                    COLUMNS.join(", ")
                );
            }
            if header.iter().take(index).any(|before| before == name) {
                bail!("the header names the column {name} twice");
            }
        }
        let find = |column: &str| header.iter().position(|name| name == column);
        let required = |column: &str| {
            find(column).with_context(|| {
                format!(
                    "the header has no column {column}; its first line must name account and email at least"
                )
            })
        };
        Ok(Self {
            account: required("account")?,
            email: required("email")?,
            display_name: find("display_name"),
            roles: find("roles"),
            grants: find("grants"),
            restrictions: find("restrictions"),
        })
    }

    fn line(&self, row: &StringRecord, number: u64) -> Line {
        let cell = |index: usize| row.get(index).unwrap_or_default().to_owned();
        Line { number, account: cell(self.account), email: cell(self.email) }
    }

    fn request(&self, row: &StringRecord, line: &Line, terms: Terms) -> ImportMembersRequest {
        let cell = |index: Option<usize>| index.and_then(|index| row.get(index)).unwrap_or_default();
        ImportMembersRequest {
            row_id: line.number.to_string(),
            account: line.account.clone(),
            email: line.email.clone(),
            display_name: cell(self.display_name).to_owned(),
            roles: list(cell(self.roles)),
            grants: list(cell(self.grants)),
            restrictions: list(cell(self.restrictions)),
            existing: terms.existing.into(),
            validate_only: terms.validate_only,
        }
    }
}

/// The names in one cell, separated by semicolons, commas or spaces.
fn list(cell: &str) -> Vec<String> {
    let names = cell.split(|c: char| c.is_whitespace() || matches!(c, ';' | ','));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(header: &str) -> String {
        File::open(header.as_bytes(), b',').err().expect("refused").to_string()
    }

    #[test]
    fn a_header_must_name_what_a_row_is_about() {
        assert!(refused("email,grants\n").contains("no column account"));
        assert!(refused("account,emial\n").contains("did you mean email?"));
        assert!(refused("account,email,email\n").contains("twice"));
        assert!(refused("").contains("no column account"));
        assert!(
            File::open("\u{feff}email,account\n".as_bytes(), b',').is_ok(),
            "any order, with a mark before it"
        );
    }

    #[test]
    fn a_cell_lists_names_however_they_are_separated() {
        assert_eq!(
            list("invoices; domains.view  tickets,activity;"),
            ["invoices", "domains.view", "tickets", "activity"]
        );
        assert!(list(" ").is_empty());
    }
}
