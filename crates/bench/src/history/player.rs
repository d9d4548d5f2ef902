//! One client: what it asks of which server, by chance, and what it makes of the answers.

use std::sync::Arc;
use std::time::Duration;

use mandate_proto::v1 as pb;

use super::call::{Consistency, Told};
use super::cluster::STALE_LIMIT;
use super::dice::Dice;
use super::model::{Question, Roles, Thing, Who, Write};
use super::record::{Freshness, Id, Operation, Outcome, Seen, Time, What};
use super::round::{DANCER, Round};

/// How many turns a client has in one account.
const TURNS: usize = 24;

/// Older than this, facts are told to be old (`stale_for`).
const TOLD: Duration = Duration::from_secs(1);

/// How long a client waits before it tries again what could not be done.
const PAUSE: Duration = Duration::from_millis(20);

/// What is done with the dancer, again and again. See [`DANCER`].
const DANCE: [Write; 4] =
    [Write::Suspend(DANCER), Write::Assign(DANCER), Write::Unassign(DANCER), Write::Reinstate(DANCER)];

/// A client of one account.
pub(super) struct Player {
    round: Arc<Round>,
    number: usize,
    dice: Dice,
    step: usize,
    writes: usize,
}

impl Player {
    pub(super) fn new(round: Arc<Round>, number: usize, dice: Dice) -> Self {
        Self { round, number, dice, step: 0, writes: 0 }
    }

    /// Plays to the end.
    pub(super) async fn play(mut self) {
        // Those that set the account up had these numbers.
        self.writes = 100;
        for _ in 0..TURNS {
            if !self.round.goes_on() {
                return;
            }
            self.turn().await;
        }
    }

    async fn turn(&mut self) {
        if self.number == 0 && self.dice.percent(60) {
            let write = DANCE.get(self.step % DANCE.len()).copied().unwrap_or(Write::Reinstate(DANCER));
            self.step += 1;
            return self.write(write).await;
        }
        match self.dice.below(100) {
            0..40 => {
                let write = self.some_write();
                self.write(write).await;
            }
            40..80 => {
                let question = self.some_question();
                self.ask(&[question]).await;
            }
            80..95 => {
                let questions: Vec<_> = (0..2 + self.dice.below(3)).map(|_| self.some_question()).collect();
                self.ask(&questions).await;
            }
            _ => self.list().await,
        }
    }

    /// Of those who are not dancing.
    fn someone(&mut self) -> Who {
        self.dice.below(DANCER)
    }

    fn some_roles(&mut self) -> Roles {
        let all: Vec<Roles> = Roles::all().collect();
        self.dice.pick(&all).copied().unwrap_or(Roles::MEMBER)
    }

    fn some_write(&mut self) -> Write {
        let who = self.someone();
        match self.dice.below(100) {
            0..20 => {
                let thing = if self.dice.percent(30) { Thing::With } else { Thing::Without };
                Write::Add(who, self.some_roles(), thing)
            }
            20..40 => Write::Remove(who),
            40..65 => Write::SetRoles(who, self.some_roles()),
            65..73 => Write::Suspend(who),
            73..83 => Write::Reinstate(who),
            83..88 => Write::Assign(who),
            88..92 => Write::Unassign(who),
            _ => Write::Transfer { from: who, to: (who + 1 + self.dice.below(DANCER - 1)) % DANCER },
        }
    }

    fn some_question(&mut self) -> (Who, Question) {
        if self.dice.percent(35) {
            return (DANCER, Question::ViewThing);
        }
        (self.someone(), self.dice.pick(&Question::ALL).copied().unwrap_or(Question::Open))
    }

    fn some_server(&mut self) -> usize {
        self.dice.below(self.round.run.cluster.size())
    }

    fn now(&self) -> Time {
        self.round.run.clock.now()
    }

    /// Writes, and where it is not known what became of it, perhaps asks another server with the same request id.
    pub(super) async fn write(&mut self, write: Write) {
        self.writes += 1;
        let request_id = format!("{}-{}-{}", self.round.name, self.number, self.writes);
        let invoked = self.now();
        let first = self.some_server();
        let (mut server, mut told) = (Some(first), self.attempt(first, write, &request_id).await);
        if matches!(told, Told::Unknown) && self.dice.percent(50) {
            let again = self.some_server();
            // A refusal says nothing of what the first attempt may still do.
            match self.attempt(again, write, &request_id).await {
                Told::Done(token) => (server, told) = (None, Told::Done(token)),
                Told::Unexpected(text) => told = Told::Unexpected(text),
                Told::Refused(_) | Told::Nothing | Told::Unknown => {}
            }
        }
        let (outcome, returned, token) = match told {
            Told::Done(token) => {
                self.round.run.acknowledged(request_id);
                (Outcome::Done, Some(self.now()), Some(token))
            }
            Told::Refused(refusal) => (Outcome::Refused(refusal), Some(self.now()), None),
            Told::Unknown => (Outcome::Unknown, None, None),
            Told::Nothing => return tokio::time::sleep(PAUSE).await,
            Told::Unexpected(text) => {
                self.round.run.unexpected(format!("{write}: {text}"));
                (Outcome::Unknown, None, None)
            }
        };
        let client = self.number;
        let what = What::Write(write, outcome);
        self.round.keep(Operation { client, server, invoked, returned, what }, token);
    }

    async fn attempt(&self, server: usize, write: Write, request_id: &str) -> Told<String> {
        match self.round.run.cluster.client(server) {
            Ok(client) => self.round.place.write(&client, write, request_id).await,
            Err(_) => Told::Nothing,
        }
    }

    /// Asks one question, or several as a batch.
    async fn ask(&mut self, questions: &[(Who, Question)]) {
        let server = self.some_server();
        let Ok(client) = self.round.run.cluster.client(server) else { return };
        let (mode, after) = self.some_consistency();
        let invoked = self.now();
        let answers = match questions {
            [one] => match self.round.place.check(&client, *one, mode.clone()).await {
                Told::Done(answer) => Told::Done(vec![Some(answer)]),
                Told::Unexpected(text) => Told::Unexpected(text),
                Told::Refused(_) | Told::Nothing | Told::Unknown => Told::Nothing,
            },
            several => self.round.place.batch(&client, several, mode.clone()).await,
        };
        let returned = Some(self.now());
        match answers {
            Told::Done(answers) => {
                for ((who, question), answer) in questions.iter().zip(answers) {
                    let Some(answer) = answer else { continue };
                    let freshness = match mode {
                        Consistency::FullyConsistent(_) => Freshness::Full,
                        _ => Freshness::Bounded { bound: bound(invoked, &answer), after },
                    };
                    let what = What::Check(*who, *question, freshness, answer.reason());
                    let client = self.number;
                    let operation = Operation { client, server: Some(server), invoked, returned, what };
                    self.round.keep(operation, Some(answer.consistency_token));
                }
            }
            Told::Unexpected(text) => self.round.run.unexpected(format!("check ({mode:?}): {text}")),
            Told::Refused(_) | Told::Nothing | Told::Unknown => tokio::time::sleep(PAUSE).await,
        }
    }

    fn some_consistency(&mut self) -> (Consistency, Option<Id>) {
        match self.dice.below(3) {
            0 => (Consistency::FullyConsistent(pb::FullyConsistent {}), None),
            1 => match self.round.token(&mut self.dice) {
                Some((id, token)) => (Consistency::AtLeastAsFresh(token), Some(id)),
                None => (Consistency::MinimizeLatency(pb::MinimizeLatency {}), None),
            },
            _ => (Consistency::MinimizeLatency(pb::MinimizeLatency {}), None),
        }
    }

    async fn list(&mut self) {
        let server = self.some_server();
        let Ok(client) = self.round.run.cluster.client(server) else { return };
        let invoked = self.now();
        match self.round.place.list(&client).await {
            Told::Done(state) => {
                let (client, returned) = (self.number, Some(self.now()));
                let what = What::List(Seen(state));
                self.round.keep(Operation { client, server: Some(server), invoked, returned, what }, None);
            }
            Told::Unexpected(text) => self.round.run.unexpected(format!("list: {text}")),
            Told::Refused(_) | Told::Nothing | Told::Unknown => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Up to when everything acknowledged must be in an answer that was asked for then: it says how old it is, or is not older
/// than what would have been told; never older than the limit.
fn bound(invoked: Time, answer: &pb::CheckResponse) -> Time {
    let told = answer.stale_for.map_or(TOLD, |age| Duration::try_from(age).unwrap_or(STALE_LIMIT));
    let oldest = told.min(STALE_LIMIT);
    invoked.saturating_sub(u64::try_from(oldest.as_micros()).unwrap_or(Time::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_old_as_it_says_and_within_the_limit() {
        let told = |seconds: Option<i64>| pb::CheckResponse {
            stale_for: seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
            ..Default::default()
        };
        assert_eq!(bound(10_000_000, &told(None)), 9_000_000);
        assert_eq!(bound(10_000_000, &told(Some(2))), 8_000_000);
        assert_eq!(bound(10_000_000, &told(Some(60))), 7_000_000);
        assert_eq!(bound(1, &told(None)), 0);
    }
}
