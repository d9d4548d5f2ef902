//! Members of an account, and who is invited to be one.

use std::collections::BTreeMap;

use mandate_domain::command::Command;
use mandate_domain::id::{InvitationId, UserId};
use mandate_domain::policy::reader::Fields;
use mandate_domain::policy::yaml::{Node, join};
use mandate_proto::v1;
use prost_types::FieldMask;

use super::account::Place;
use super::{Author, Step};
use crate::convert;
use crate::error::Error;

const MEMBER: &[&str] = &["roles", "grants", "restrictions", "assignments", "suspended"];
const INVITATION: &[&str] = &["id", "email", "roles", "grants", "restrictions", "assignments", "language"];

impl Author<'_, '_> {
    /// Members with what they are assigned; what is assigned of late resources is returned for later.
    pub(super) fn members(&mut self, place: &Place, node: &Node) -> Vec<Step> {
        let mut later = Vec::new();
        for (name, node) in self.reader.named(node, "a person") {
            let fields = self.reader.fields(node, MEMBER);
            let Some((user, introduced)) = self.person_called(name, node) else { continue };
            let first = place.first_user == Some(user);
            let is_late = |assignment: &v1::NewAssignment| {
                let resource = assignment.resource.as_ref();
                first || resource.is_some_and(|of| place.late.contains(&format!("{}/{}", of.r#type, of.id)))
            };
            let assignments = self.assignments(fields);
            let (late, assignments): (Vec<_>, Vec<_>) = assignments.into_iter().partition(is_late);
            let command = match first {
                true => self.first_user(place, user, fields),
                false => Some(self.newcomer(place, user, fields, assignments)),
            };
            if let Some(command) = command {
                self.step(&node.path, &[&place.path, &introduced], command);
            }
            for assignment in late {
                let message = v1::AssignResourceRequest {
                    account: place.id.to_string(),
                    user: user.to_string(),
                    assignment: Some(assignment),
                    ..Default::default()
                };
                let path = join(&node.path, "assignments");
                self.step(&path, &[&place.path, &node.path], convert::resource::assign(message));
                later.extend(self.steps.pop());
            }
            if self.is_on(fields, "suspended") {
                let command = Command::SuspendMember { account: place.id, user };
                self.finally(&join(&node.path, "suspended"), &[&place.path, &node.path], command);
            }
        }
        later
    }

    fn newcomer(
        &mut self,
        place: &Place,
        user: UserId,
        fields: Fields<'_>,
        assignments: Vec<v1::NewAssignment>,
    ) -> Result<Command, Error> {
        convert::membership::add(v1::AddMemberRequest {
            account: place.id.to_string(),
            user: user.to_string(),
            roles: self.words(fields, "roles"),
            grants: self.words(fields, "grants"),
            restrictions: self.words(fields, "restrictions"),
            assignments,
            ..Default::default()
        })
    }

    /// They are a member from the start; what is not said stays as it was at birth.
    fn first_user(
        &mut self,
        place: &Place,
        user: UserId,
        fields: Fields<'_>,
    ) -> Option<Result<Command, Error>> {
        let said = |key: &&str| fields.get(key).is_some();
        let paths: Vec<String> =
            ["roles", "grants", "restrictions"].into_iter().filter(said).map(str::to_owned).collect();
        let message = v1::UpdateMemberRequest {
            account: place.id.to_string(),
            user: user.to_string(),
            roles: self.words(fields, "roles"),
            grants: self.words(fields, "grants"),
            restrictions: self.words(fields, "restrictions"),
            update_mask: Some(FieldMask { paths: paths.clone() }),
            ..Default::default()
        };
        (!paths.is_empty()).then(|| convert::membership::update(message))
    }

    pub(super) fn invitations(&mut self, place: &Place, node: &Node) -> BTreeMap<String, InvitationId> {
        let mut invitations = BTreeMap::new();
        for (name, node) in self.reader.named(node, "an invitation") {
            let fields = self.reader.fields(node, INVITATION);
            let id = self.id(fields, &node.path, InvitationId::from_bits);
            invitations.insert(name.to_owned(), id);
            let message = v1::InviteMemberRequest {
                account: place.id.to_string(),
                email: self.text(fields, "email").unwrap_or_else(|| format!("{name}@example.com")),
                roles: self.words(fields, "roles"),
                grants: self.words(fields, "grants"),
                restrictions: self.words(fields, "restrictions"),
                assignments: self.assignments(fields),
                language: self.text(fields, "language").unwrap_or_default(),
                ..Default::default()
            };
            self.step(&node.path, &[&place.path], convert::invitation::invite(message, id));
        }
        invitations
    }
}
