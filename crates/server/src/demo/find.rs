//! Searching, which is right only if it finds whom the story says.

use mandate_proto::v1::{ListPeopleRequest, Person};

use super::acts::{Outcome, Scene};
use super::client::with;

impl Scene<'_> {
    /// Searches contacts and users.
    pub(super) async fn find(&self, search: &str, finds: &[&str]) -> anyhow::Result<Outcome> {
        let request = ListPeopleRequest {
            account: self.cast.id_of(self.at)?,
            search: search.to_owned(),
            ..ListPeopleRequest::default()
        };
        let people = match self.client.members().list_people(with(self.token, request)?).await {
            Ok(answer) => answer.into_inner().people,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let name = |Person { contact, member }: Person| {
            let contact = contact.map(|contact| contact.display_name);
            contact.or(member.map(|member| member.display_name)).unwrap_or_default()
        };
        let found: Vec<String> = people.into_iter().map(name).collect();
        match found == finds {
            true => Ok(Ok(None)),
            false => anyhow::bail!("\"{search}\" finds {found:?}, not {finds:?}"),
        }
    }
}
