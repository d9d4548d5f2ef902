//! `mandate demo`: a real server on an embedded store in a temporary folder, the five systems' articles played on
//! it through its own API, and four calls to paste.
//!
//! Everything goes over the socket with real tokens, so that the demo sees what any backend would see.

mod activation;
mod acts;
mod cast;
mod client;
mod find;
mod host;
mod letters;
mod paste;
mod stage;
mod stories;
mod story;
mod table;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use self::cast::Cast;
use self::client::Client;
use self::host::Host;
use self::stage::{Played, Stage};
use self::stories::STORIES;
use self::story::Story;
use self::table::{DIFFERS, in_red, table};

/// Plays the five source systems on a server of its own and compares every answer with the articles.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Ends when all is played instead of keeping the server running; fails where an answer differs.
    #[arg(long)]
    once: bool,
    /// Where the server listens. If the port is taken, a free one is used.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,
}

/// What came of all stories.
#[derive(Default)]
struct Tally {
    sentences: usize,
    differing: usize,
}

/// Runs the demo to its end: after the last answer with `--once`, else at Ctrl-C.
///
/// # Errors
/// When the server cannot be started or reached, or a story's preparations are refused.
pub async fn run(options: &Demo) -> anyhow::Result<ExitCode> {
    let mut host = Host::start(options.listen).await?;
    let address = host.address();
    if address != options.listen && options.listen.port() != 0 {
        say(&format!("Port {} is taken, so that a free one is used.", options.listen.port()))?;
    }
    say(&format!("A server listens on {address}; all it keeps is in {}.", host.folder().display()))?;
    let client = Client::connect(address, host.folder()).await?;
    let mut stage = Stage { client, cast: Cast::default() };
    let played = tokio::select! {
        tally = play(&mut stage) => Some(tally),
        ended = host.until_interrupted() => ended.map(|()| None)?,
    };
    if let (Some(Ok(_)), false) = (&played, options.once) {
        say(&paste::lines(&stage, address)?)?;
        say("The server keeps running; Ctrl-C ends it and removes what it kept.")?;
        host.until_interrupted().await?;
    }
    host.stop().await?;
    let as_told = played.transpose()?.is_some_and(|tally| tally.differing == 0);
    Ok(if as_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(stage: &mut Stage) -> anyhow::Result<Tally> {
    let (mut tally, mut asked) = (Tally::default(), Vec::new());
    for story in STORIES {
        let played = stage.play(story).await?;
        say(&shown(story, &played))?;
        tally.sentences += played.rows.len();
        tally.differing += played.rows.iter().filter(|row| row.differs).count();
        asked.extend(played.asked);
    }
    let same = stage.ask_at_once(&asked).await?;
    tally.differing += asked.len() - same;
    say(&in_red(&closing(&tally, asked.len(), same)))?;
    Ok(tally)
}

fn shown(story: &Story, played: &Played) -> String {
    format!("\n{} (policy {})\n{}", story.title, story.policy, table(&played.rows))
}

fn closing(tally: &Tally, asked: usize, same: usize) -> String {
    let mut text = format!(
        "\nAll five on one server: the {asked} questions in one BatchCheck got the same answers {same} times.\n\
         {} sentences of five articles: ",
        tally.sentences
    );
    match tally.differing {
        0 => text.push_str("every answer is the article's."),
        some => {
            let _ = write!(text, "{some} {DIFFERS}.");
        }
    }
    text
}

fn say(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}

#[cfg(test)]
mod tests;
