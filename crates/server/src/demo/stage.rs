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
use super::story::{Act, Event, Line, OPERATOR, Story, Thing};

/// What came of one line.
pub(super) struct Row {
    pub(super) says: &'static str,
    pub(super) who: String,
    pub(super) wants: String,
    pub(super) on: String,
    pub(super) answer: &'static str,
    pub(super) why: String,
    /// What the article says, where the server said something else.
    pub(super) differs: Option<String>,
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
        for person in story.people {
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
                Event::Refused(act, reason) => played.rows.extend(self.act(story, line, *act, Some(*reason)).await?),
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
                (Ok(alone), Some(batch_check_result::Result::Response(together))) if alone == together => same += 1,
                _ => {}
            }
        }
        Ok(same)
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
        };
        let place = on.map_or_else(|| line.at.to_owned(), |(kind, id)| format!("{kind} {id} of {}", line.at));
        let row = |answer, why, differs| self.row(line, permission.to_owned(), place, answer, why, differs);
        let answer = match self.client.check(question.clone()).await? {
            Ok(answer) => answer,
            Err(status) => return Ok((row("error", explained(&status), Some(said(expected))), question)),
        };
        let differs = (answer.reason() != expected || answer.allowed != allows(expected)).then(|| said(expected));
        let verdict = if answer.allowed { "allowed" } else { "denied" };
        let row = row(verdict, self.why(&answer), differs);
        Ok((row, question))
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
        let scene = Scene { client: &self.client, cast: &self.cast, policy: story.policy, token, at: line.at };
        let outcome = scene.play(act).await?;
        let (answer, why, differs) = match (outcome, expected) {
            (Ok(_), Some(reason)) => ("done", String::new(), Some(format!("refused: {}", name(reason)))),
            (Ok(id), None) => {
                if let Act::Create { .. } | Act::Found { .. } = act {
                    self.cast.found(line.at, made(id)?);
                }
                ("done", String::new(), None)
            }
            (Err(status), Some(reason)) => {
                let differs = reason_of(&status).is_none_or(|found| found != name(reason));
                ("refused", explained(&status), differs.then(|| format!("refused: {}", name(reason))))
            }
            (Err(status), None) if line.says.is_empty() => {
                return Err(status).with_context(|| format!("{}: {} could not {}", line.at, line.who, told(act)));
            }
            (Err(status), None) => ("refused", explained(&status), Some("done".to_owned())),
        };
        let shown = !line.says.is_empty();
        Ok(shown.then(|| self.row(line, told(act), line.at.to_owned(), answer, why, differs)))
    }

    fn row(
        &self,
        line: &Line,
        wants: String,
        on: String,
        answer: &'static str,
        why: String,
        differs: Option<String>,
    ) -> Row {
        Row { says: line.says, who: self.cast.titled(line.who), wants, on, answer, why, differs }
    }

    /// The reason of an answer, and by which ways it was allowed.
    fn why(&self, answer: &CheckResponse) -> String {
        let ways: Vec<String> = answer.via.iter().map(|via| self.way(via)).collect();
        let reason = answer.reason().as_str_name();
        let reason = reason.strip_prefix("DECISION_REASON_").unwrap_or(reason);
        if ways.is_empty() { reason.to_owned() } else { format!("{reason}: {}", ways.join(", ")) }
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

fn allows(reason: DecisionReason) -> bool {
    // "1 to 19 allow, 20 and above deny" (authz_service.proto).
    (1..20).contains(&i32::from(reason))
}

fn said(reason: DecisionReason) -> String {
    let verdict = if allows(reason) { "allowed" } else { "denied" };
    let name = reason.as_str_name();
    format!("{verdict}: {}", name.strip_prefix("DECISION_REASON_").unwrap_or(name))
}

fn name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

fn reason_of(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

fn explained(status: &Status) -> String {
    match reason_of(status) {
        Some(reason) => format!("{reason}: {}", status.message()),
        None => format!("{}: {}", status.code(), status.message()),
    }
}
