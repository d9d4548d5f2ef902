//! Plays a story on a running server and compares every answer with the article.

use anyhow::Context as _;
use mandate_proto::v1::{
    CheckRequest, CheckResponse, DecisionReason, ErrorReason, Subject, Via, batch_check_result, subject, via,
};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::acts::{Scene, made, resource, told};
use super::cast::Cast;
use super::client::Client;
use super::story::{Act, Event, Line, Newcomer, OPERATOR, Story, Thing};

const ALLOWED: &str = "allowed";
const DENIED: &str = "denied";

/// What came of one line.
pub(super) struct Row {
    pub(super) says: &'static str,
    pub(super) who: String,
    pub(super) wants: String,
    pub(super) on: String,
    /// The article's answer.
    pub(super) article: &'static str,
    /// The server's.
    pub(super) answer: &'static str,
    pub(super) why: String,
    /// Whether the two differ, be it in the reason alone.
    pub(super) differs: bool,
}

/// An answer and its reason, the article's or the server's.
struct Verdict {
    answer: &'static str,
    reason: String,
    /// More about the reason.
    detail: String,
}

impl Verdict {
    fn new(answer: &'static str, reason: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { answer, reason: reason.into(), detail: detail.into() }
    }
}

/// The stage that all stories share.
pub(super) struct Stage {
    pub(super) client: Client,
    pub(super) cast: Cast,
}

/// What came of a story.
pub(super) struct Played {
    pub(super) rows: Vec<Row>,
    /// Its questions, to be asked again.
    pub(super) asked: Vec<CheckRequest>,
}

impl Stage {
    /// Introduces the people of a story and plays its lines.
    pub(super) async fn play(&mut self, story: &'static Story) -> anyhow::Result<Played> {
        for person in story.people.iter().filter(|person| !story.is_activated(person.name)) {
            let id = self.client.create_user(person.name).await?;
            let token = self.client.token_of(&id)?;
            self.cast.enter(person, id, token);
        }
        let mut played = Played { rows: Vec::new(), asked: Vec::new() };
        for line in story.lines {
            match &line.event {
                Event::Asks { permission, on, answer } => {
                    let (row, asked) = self.ask(line, permission, *on, *answer).await?;
                    played.rows.push(row);
                    played.asked.push(asked);
                }
                Event::Does(act) => played.rows.extend(self.act(story, line, *act, None).await?),
                Event::Refused(act, reason) => {
                    played.rows.extend(self.act(story, line, *act, Some(*reason)).await?)
                }
            }
        }
        Ok(played)
    }

    /// asks questions of all systems in one call. Returns how many of the answers are the ones that the
    /// questions get one by one.
    pub(super) async fn ask_at_once(&self, questions: &[CheckRequest]) -> anyhow::Result<usize> {
        let results = self.client.check_all(questions.to_vec()).await?;
        let mut same = 0;
        for (question, together) in questions.iter().zip(results) {
            let alone = self.client.check(question.clone()).await?;
            match (alone, together.result) {
                (Ok(alone), Some(batch_check_result::Result::Response(together))) if alone == together => {
                    same += 1
                }
                _ => {}
            }
        }
        Ok(same)
    }

    /// A person of the story whom an act made a user.
    fn enter(&mut self, story: &Story, name: &str, id: String) -> anyhow::Result<()> {
        let person = story.people.iter().find(|person| person.name == name);
        let person = person.with_context(|| format!("the story does not introduce {name}"))?;
        let token = self.client.token_of(&id)?;
        self.cast.enter(person, id, token);
        Ok(())
    }

    async fn ask(
        &self,
        line: &Line,
        permission: &str,
        on: Option<Thing>,
        expected: DecisionReason,
    ) -> anyhow::Result<(Row, CheckRequest)> {
        let question = CheckRequest {
            account: self.cast.id_of(line.at)?,
            subject: Some(Subject { subject: Some(subject::Subject::User(self.cast.user(line.who)?)) }),
            permission: permission.to_owned(),
            resource: on.map(resource),
            consistency: None,
        };
        let place = on.map_or_else(|| line.at.to_owned(), |(kind, id)| format!("{kind} {id}"));
        let found = match self.client.check(question.clone()).await? {
            Ok(answer) => {
                let verdict = if answer.allowed { ALLOWED } else { DENIED };
                Verdict::new(verdict, short(answer.reason()), self.ways(&answer))
            }
            Err(status) => refusal("error", &status),
        };
        let expected = Verdict::new(verdict(expected), short(expected), "");
        Ok((self.row(line, permission.to_owned(), place, &expected, found), question))
    }

    async fn act(
        &mut self,
        story: &Story,
        line: &Line,
        act: Act,
        expected: Option<ErrorReason>,
    ) -> anyhow::Result<Option<Row>> {
        let token = match line.who {
            OPERATOR => &self.client.operator,
            name => &self.cast.player(name)?.token,
        };
        let scene =
            Scene { client: &self.client, cast: &self.cast, policy: story.policy, token, at: line.at };
        let outcome = scene.play(act).await?;
        let found = match outcome {
            Ok(id) => {
                match act {
                    Act::Create { .. } | Act::Found { .. } => self.cast.found(line.at, made(id)?),
                    Act::Contact { name } => self.cast.found(name, made(id)?),
                    Act::Activate(Newcomer { name, .. }) => self.enter(story, name, made(id)?)?,
                    _ => {}
                }
                Verdict::new("done", "", "")
            }
            Err(status) if line.says.is_empty() => {
                return Err(status)
                    .with_context(|| format!("{}: {} could not {}", line.at, line.who, told(act)));
            }
            Err(status) => refusal("refused", &status),
        };
        let expected = match expected {
            Some(reason) => Verdict::new("refused", name(reason), ""),
            None => Verdict::new("done", "", ""),
        };
        let shown = !line.says.is_empty();
        Ok(shown.then(|| self.row(line, told(act), line.at.to_owned(), &expected, found)))
    }

    fn row(&self, line: &Line, wants: String, on: String, expected: &Verdict, found: Verdict) -> Row {
        let Verdict { answer, reason, detail } = found;
        let differs = answer != expected.answer || reason != expected.reason;
        let mut why = if detail.is_empty() { reason } else { format!("{reason}: {detail}") };
        if differs {
            why.push_str(&format!(" (expected: {} {})", expected.answer, expected.reason));
        }
        Row {
            says: line.says,
            who: self.cast.titled(line.who),
            wants,
            on,
            article: expected.answer,
            answer,
            why,
            differs,
        }
    }

    /// By which ways a question was allowed.
    fn ways(&self, answer: &CheckResponse) -> String {
        let ways: Vec<String> = answer.via.iter().map(|via| self.way(via)).collect();
        ways.join(", ")
    }

    fn way(&self, way: &Via) -> String {
        match &way.via {
            Some(via::Via::Role(role)) => role.clone(),
            Some(via::Via::Grant(grant)) => grant.permission.clone(),
            Some(via::Via::Group(group)) => format!("{} of {}", group.role, self.cast.name_of(&group.group)),
            Some(via::Via::Assignment(thing)) => format!("{} {}", thing.r#type, thing.id),
            Some(via::Via::Creator(_)) => "created it".to_owned(),
            None => "a way that this demo does not know".to_owned(),
        }
    }
}

fn verdict(reason: DecisionReason) -> &'static str {
    // "1 to 19 allow, 20 and above deny" (authz_service.proto).
    if (1..20).contains(&i32::from(reason)) { ALLOWED } else { DENIED }
}

fn short(reason: DecisionReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("DECISION_REASON_").unwrap_or(name)
}

fn name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

/// An error: its reason and what is wrong, without what to do about it, since in a story nobody will.
fn refusal(answer: &'static str, status: &Status) -> Verdict {
    let fields = status.get_details_bad_request().map(|request| request.field_violations).unwrap_or_default();
    let wrong = match fields.first() {
        Some(field) => format!("{}: {}", field.field, field.description),
        None => status.message().to_owned(),
    };
    let wrong = wrong.split(';').next().unwrap_or_default();
    let reason =
        status.get_details_error_info().map_or_else(|| status.code().to_string(), |info| info.reason);
    Verdict::new(answer, reason, wrong)
}
