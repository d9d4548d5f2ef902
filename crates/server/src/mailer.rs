//! The dispatcher of mail: a task that claims what is due in the outbox, sends it, and settles it.
//!
//! - It sleeps until mail is added or due, and asks the database no oftener.
//! - Sending fails for a while: it is tried again with a growing pause. For too long: the mail stays in the outbox as
//!   failed, the log says so, and an operator queues it again (`MailService.RetryMail`), until `--keep-mail` has passed.
//! - Between sending and settling the process may die: then the mail is sent again, with the same Message-ID.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use mandate_mail::{Envelope, Folder, Lasting, MailKey, Pages, Renderer, SendError, Smtp, Transport};
use mandate_storage::{ClaimedMail, Settled, Store, StoreError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::clock::now_micros;

/// How long mail gathers before it is claimed: one transaction claims, and few settle, what came in meanwhile.
const GATHERING: Duration = Duration::from_millis(50);

/// How long mail that was sent waits for other mail to be settled with.
const SETTLING: Duration = Duration::from_millis(200);

/// How long a claim holds: longer than sending may take.
const CLAIM: Duration = Duration::from_secs(300);

/// The longest sleep: what another process added is found by then.
const REST: Duration = Duration::from_secs(30);

/// The pause after the database could not be asked.
const TROUBLE: Duration = Duration::from_secs(1);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);

/// After this many refusals for good, trying goes on no longer.
const REFUSALS: i64 = 5;

/// How long mail that is being sent has to be taken on once the server has been asked to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// How mail leaves.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Mail")]
pub struct MailSettings {
    /// smtps://USER:PASSWORD@HOST:465 (TLS from the start) or smtp://USER:PASSWORD@HOST:587 (STARTTLS). Default: mail
    /// is written into the folder `mail` of the data folder, one .eml file each.
    #[arg(long, value_name = "URL", env = "MANDATE_SMTP", hide_env_values = true)]
    pub smtp: Option<SmtpUrl>,
    /// A file with the mail server's password, if its URL has none.
    #[arg(long, value_name = "FILE", env = "MANDATE_SMTP_PASSWORD_FILE")]
    pub smtp_password_file: Option<PathBuf>,
    /// A PEM file of certificates to believe the mail server by, beside the system's.
    #[arg(long, value_name = "FILE", env = "MANDATE_SMTP_CA")]
    pub smtp_ca: Option<PathBuf>,
    /// Whom mail is from: `Name <name@example.com>`. Required with --smtp.
    #[arg(long, value_name = "ADDRESS", env = "MANDATE_MAIL_FROM")]
    pub mail_from: Option<String>,
    /// The page where invitations are accepted; the token is appended (https://app.example.com/join?token=). Default:
    /// the mail shows the token as a code.
    #[arg(long, value_name = "URL", env = "MANDATE_MAIL_LINK")]
    pub mail_link: Option<String>,
    /// The page where people sign in, which mails with an initial password name (https://app.example.com/sign-in).
    /// Default: they name none.
    #[arg(long, value_name = "URL", env = "MANDATE_MAIL_SIGN_IN")]
    pub mail_sign_in: Option<String>,
    /// How often sending a mail is tried.
    #[arg(long, value_name = "TIMES", default_value_t = 20, env = "MANDATE_MAIL_ATTEMPTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub mail_attempts: u32,
    /// The pause after the first attempt, in seconds; each further one is twice as long, up to 6 hours.
    #[arg(long, value_name = "SECONDS", default_value = "30", env = "MANDATE_MAIL_RETRY", value_parser = seconds)]
    pub mail_retry: Duration,
}

impl Default for MailSettings {
    /// Into the data folder's own folder.
    fn default() -> Self {
        Self {
            smtp: None,
            smtp_password_file: None,
            smtp_ca: None,
            mail_from: None,
            mail_link: None,
            mail_sign_in: None,
            mail_attempts: 20,
            mail_retry: Duration::from_secs(30),
        }
    }
}

impl MailSettings {
    /// Everything that is wrong with them, each with the name of the setting.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.smtp.is_some() && self.mail_from.is_none() {
            problems.push(("smtp", "--smtp needs --mail-from: say whom mail is from".to_owned()));
        } else if let Err(error) = Envelope::from(self.from()) {
            problems.push(("mail_from", format!("--mail-from: {error}")));
        }
        for (id, option, page) in [
            ("mail_link", "--mail-link", &self.mail_link),
            ("mail_sign_in", "--mail-sign-in", &self.mail_sign_in),
        ] {
            if page.as_ref().is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
                problems.push((id, format!("{option} is the URL of a page: begin it with https://")));
            }
        }
        if let Err(error) = transport(self, Path::new("")) {
            problems.push(("smtp", format!("{error:#}")));
        }
        problems
    }

    fn from(&self) -> &str {
        self.mail_from.as_deref().unwrap_or("Mandate <mandate@localhost>")
    }
}

/// A pause, as the command line has it.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let valid = parsed.filter(|pause| (Duration::from_millis(1)..=LONGEST_PAUSE).contains(pause));
    valid.ok_or_else(|| "is no number of seconds from 0.001 to 21600".to_owned())
}

/// Where the mail server is. It may hold a password, so it is never shown.
#[derive(Clone)]
pub struct SmtpUrl(String);

impl From<String> for SmtpUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmtpUrl(…)")
    }
}

/// Everything that turns a row of the outbox into mail.
#[derive(Debug)]
pub struct Post {
    renderer: Renderer,
    envelope: Envelope,
    transport: Transport,
    attempts: i64,
    retry: Duration,
}

impl Post {
    /// Reads the settings.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(settings: &MailSettings, data_dir: &Path, key: MailKey) -> anyhow::Result<Self> {
        let problems: Vec<String> = settings.problems().into_iter().map(|(_, text)| text).collect();
        if !problems.is_empty() {
            return Err(anyhow!(problems.join("\n")));
        }
        let pages = Pages { accept: settings.mail_link.clone(), sign_in: settings.mail_sign_in.clone() };
        Ok(Self {
            renderer: Renderer::new(key, pages)?,
            envelope: Envelope::from(settings.from()).map_err(|error| anyhow!("--mail-from: {error}"))?,
            transport: transport(settings, data_dir)?,
            attempts: i64::from(settings.mail_attempts),
            retry: settings.mail_retry,
        })
    }

    async fn send(&self, claimed: &ClaimedMail) -> Result<(), SendError> {
        let permanent = |text: String| SendError { text, lasting: Lasting::Yes };
        let mail = claimed.mail.as_ref().map_err(|error| permanent(error.to_string()))?;
        let rendered = self.renderer.render(mail).map_err(|error| permanent(error.to_string()))?;
        let message = self.envelope.seal(mail, rendered, &claimed.message_id)?;
        self.transport.send(message, &claimed.message_id).await
    }

    /// What follows from how an attempt went.
    fn judge(&self, claimed: &ClaimedMail, result: Result<(), SendError>, now: i64) -> Settled {
        let Err(SendError { text: error, lasting }) = result else { return Settled::Sent };
        let most = match lasting {
            Lasting::Yes => self.attempts.min(REFUSALS),
            Lasting::No => self.attempts,
        };
        if claimed.attempts >= most {
            return Settled::Failed { error };
        }
        let doublings = u32::try_from(claimed.attempts.saturating_sub(1)).unwrap_or_default().min(20);
        let pause = self.retry.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        Settled::Again { at: now.saturating_add(micros(pause)), error }
    }
}

fn transport(settings: &MailSettings, data_dir: &Path) -> anyhow::Result<Transport> {
    let Some(SmtpUrl(url)) = &settings.smtp else {
        return Ok(Transport::Folder(Folder::new(data_dir.join("mail"))));
    };
    let read =
        |file: &PathBuf| std::fs::read(file).with_context(|| format!("{}: cannot be read", file.display()));
    let password = settings.smtp_password_file.as_ref().map(read).transpose()?;
    let password = match password.map(String::from_utf8) {
        Some(Ok(text)) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
        Some(Err(_)) => return Err(anyhow!("the file of --smtp-password-file is not UTF-8")),
        None => None,
    };
    let ca = settings.smtp_ca.as_ref().map(read).transpose()?;
    Ok(Transport::Smtp(Smtp::new(url, password, ca.as_deref())?))
}

/// A pause, as the database has it.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A dispatcher that runs.
pub struct Mailer {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Mailer {
    /// Starts sending.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn start(store: Store, post: Post) -> Result<Self, StoreError> {
        store.release_mail(now_micros()).await?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(dispatch(store, Arc::new(post), stopped));
        Ok(Self { stop, task })
    }

    /// Claims no more mail and waits, for a while, until what is being sent was taken on.
    pub async fn stop(mut self) {
        // It cannot be told when it has ended already.
        let _ = self.stop.send(());
        if tokio::time::timeout(DRAIN, &mut self.task).await.is_err() {
            tracing::warn!("mail was being sent and was broken off; it goes out again at the next start");
            self.task.abort();
        }
    }
}

async fn dispatch(store: Store, post: Arc<Post>, mut stopped: oneshot::Receiver<()>) {
    let added = store.mail_added();
    loop {
        let rest = round(&store, &post).await;
        let woken = async {
            match rest {
                Ok(None) => {}
                Ok(Some(rest)) => {
                    // Either way something is due.
                    let _ = tokio::time::timeout(rest, added.notified()).await;
                    tokio::time::sleep(GATHERING).await;
                }
                // New mail does not help a database that cannot be asked.
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be read or written; trying again");
                    tokio::time::sleep(TROUBLE).await;
                }
            }
        };
        tokio::select! {
            biased;
            // A sender that is gone will never ask, and nobody waits for this task any more.
            _ = &mut stopped => return,
            () = woken => {}
        }
    }
}

/// Sends what is due, once; how long to rest afterwards. `None`: there is more.
async fn round(store: &Store, post: &Post) -> Result<Option<Duration>, StoreError> {
    let now = now_micros();
    let most = post.transport.at_once();
    let claimed = store.claim_mail(now, now.saturating_add(micros(CLAIM)), most).await?;
    let mut under_way: FuturesUnordered<_> = claimed.iter().map(|mail| deliver(post, mail)).collect();
    while !under_way.is_empty() {
        let until = Instant::now() + SETTLING;
        let mut settled = Vec::new();
        while let Ok(Some(one)) = tokio::time::timeout_at(until, under_way.next()).await {
            settled.push(one);
        }
        if !settled.is_empty() {
            store.settle_mail(&settled, now_micros()).await?;
        }
    }
    if u32::try_from(claimed.len()).is_ok_and(|claimed| claimed >= most) {
        return Ok(None);
    }
    let wait = store.next_mail().await?.map(|due| due.saturating_sub(now_micros()).max(0));
    let wait = wait.and_then(|wait| u64::try_from(wait).ok()).map(Duration::from_micros);
    Ok(Some(wait.unwrap_or(REST).min(REST)))
}

async fn deliver(post: &Post, claimed: &ClaimedMail) -> (i64, Settled) {
    let result = post.send(claimed).await;
    let settled = post.judge(claimed, result, now_micros());
    let (seq, attempts) = (claimed.seq, claimed.attempts);
    match &settled {
        Settled::Sent => tracing::debug!(seq, attempts, "a mail was sent"),
        Settled::Again { error, .. } => {
            tracing::warn!(seq, attempts, error, "a mail was not taken on; trying again later")
        }
        Settled::Failed { error } => tracing::error!(
            seq,
            attempts,
            error,
            "a mail was given up; put right what the error says and queue it again with MailService.RetryMail"
        ),
    }
    (seq, settled)
}
