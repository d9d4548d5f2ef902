//! One account and its short life: it is made, raced for by some clients, and read to its end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use mandate_proto::v1::CreateAccountRequest;

use super::Run;
use super::call::Place;
use super::dice::Dice;
use super::model::{PEOPLE, Roles, Thing, Who, Write};
use super::player::Player;
use super::record::{Id, Operation, Outcome, What};

/// Who creates each account, and owns it at first.
pub(super) const FOUNDER: Who = 0;

/// The member whom only the first client of each account changes, in a dance in which they are never active with the thing
/// assigned: whoever sees both has mixed facts of two moments.
pub(super) const DANCER: Who = PEOPLE - 1;

/// Most writes without an answer. Each of them may happen at any time, which makes the search for an order wider.
const UNANSWERED: usize = 6;

/// How long an account is waited for that should be made or read, whatever is broken.
const PATIENCE: Duration = Duration::from_secs(120);

/// An account, and what was done and seen in it.
pub(super) struct Round {
    pub(super) run: Arc<Run>,
    /// Tells this account's requests from those of others.
    pub(super) name: String,
    pub(super) place: Place,
    history: Mutex<Vec<Operation>>,
    /// Tokens of answers, each with the operation it came from.
    tokens: Mutex<Vec<(Id, String)>>,
    unanswered: AtomicUsize,
}

impl Round {
    /// Plays a round and returns its history, the last operation being what there is at the end.
    ///
    /// # Errors
    /// The account could not be made or read, however long it was tried.
    pub(super) async fn play(
        run: &Arc<Run>,
        name: String,
        players: usize,
        dice: &Dice,
    ) -> anyhow::Result<Vec<Operation>> {
        let account = create(run, &name).await?;
        let round = Arc::new(Self {
            run: Arc::clone(run),
            place: Place { account, people: run.people.clone() },
            name,
            history: Mutex::default(),
            tokens: Mutex::default(),
            unanswered: AtomicUsize::new(0),
        });
        let mut tasks = tokio::task::JoinSet::new();
        let player = |number: usize| {
            let dice = dice.part(&[u64::try_from(number).unwrap_or_default()]);
            Player::new(Arc::clone(&round), number, dice)
        };
        let mut first = player(0);
        for write in
            [Write::Add(1, Roles::ADMIN, Thing::Without), Write::Add(DANCER, Roles::MEMBER, Thing::Without)]
        {
            first.write(write).await;
        }
        for number in 0..players {
            tasks.spawn(player(number).play());
        }
        while let Some(ended) = tasks.join_next().await {
            ended?;
        }
        round.read_to_the_end().await?;
        Ok(std::mem::take(&mut *lock(&round.history)))
    }

    /// Whether to go on.
    pub(super) fn goes_on(&self) -> bool {
        !self.run.clock.is_over() && self.unanswered.load(Ordering::Relaxed) < UNANSWERED
    }

    /// Keeps what was done and seen, and the token that came with it.
    pub(super) fn keep(&self, operation: Operation, token: Option<String>) -> Id {
        if matches!(operation.what, What::Write(_, Outcome::Unknown)) {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        let mut history = lock(&self.history);
        history.push(operation);
        let id = history.len() - 1;
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            lock(&self.tokens).push((id, token));
        }
        id
    }

    /// A token of one of the last answers in this account.
    pub(super) fn token(&self, dice: &mut Dice) -> Option<(Id, String)> {
        let tokens = lock(&self.tokens);
        let recent: Vec<_> = tokens.iter().rev().take(4).collect();
        dice.pick(&recent).map(|found| (*found).clone())
    }

    async fn read_to_the_end(&self) -> anyhow::Result<()> {
        let invoked = self.run.clock.now();
        let mut tries = Tries::of(&self.run);
        while let Some(server) = tries.next().await {
            let client = self.run.cluster.client(server)?;
            let Some(state) = self.place.everything(&client).await else { continue };
            let returned = Some(self.run.clock.now());
            let what = What::Final(state);
            self.keep(Operation { client: 0, server: Some(server), invoked, returned, what }, None);
            return Ok(());
        }
        bail!("the account {} could not be read for {PATIENCE:?}", self.place.account)
    }
}

async fn create(run: &Run, name: &str) -> anyhow::Result<String> {
    let request = CreateAccountRequest {
        policy: "history".to_owned(),
        display_name: name.to_owned(),
        first_user: run.people.get(FOUNDER).cloned().context("nobody to create an account")?,
        request_id: format!("{name}-account"),
        ..Default::default()
    };
    let (mut last, mut tries) = (None, Tries::of(run));
    while let Some(server) = tries.next().await {
        match run.cluster.client(server)?.accounts().create_account(request.clone()).await {
            Ok(answer) => {
                return answer.into_inner().account.map(|a| a.id).context("an account without an id");
            }
            Err(status) => last = Some(status),
        }
    }
    bail!("no account could be created for {PATIENCE:?}: {last:?}")
}

/// What must be done in the end is tried on one server after the other.
struct Tries {
    servers: usize,
    made: usize,
    until: Instant,
}

impl Tries {
    fn of(run: &Run) -> Self {
        Self { servers: run.cluster.size(), made: 0, until: Instant::now() + PATIENCE }
    }

    /// The server to try next; `None`: it was tried for long enough.
    async fn next(&mut self) -> Option<usize> {
        if self.made > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.made += 1;
        (Instant::now() < self.until).then(|| self.made % self.servers.max(1))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whatever panicked while it was held, what is in it is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
