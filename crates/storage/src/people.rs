//! Contacts and members in one list (IX-09).

use std::collections::BTreeMap;

use mandate_domain::contact::Contact;
use mandate_domain::id::{AccountId, ContactId, InvitationId, UserId};
use mandate_domain::invitation::Invitation;
use mandate_domain::search::Infix;

use crate::contact;
use crate::error::StoreError;
use crate::invitation;
use crate::json::encode;
use crate::list::{Page, rows_for};
use crate::member_list::{self, Member};
use crate::open::Store;
use crate::search::pattern;
use crate::statement::{Statement, Value};

/// A contact, and what it is beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownContact {
    /// The contact.
    pub contact: Contact,
    /// The member who it is.
    pub member: Option<Member>,
    /// The invitation by which its login is being activated.
    pub invitation: Option<Invitation>,
}

impl Store {
    /// A page of an account's contacts with what each is beside, ascending by the contact's id; those alone whose name or
    /// address, as contact or as member, holds the text, if one is given.
    ///
    /// `after` is the last contact of the page before, `limit` the most contacts of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt.
    pub async fn list_known_contacts(
        &self,
        account: AccountId,
        search: Option<&Infix>,
        after: Option<ContactId>,
        limit: u32,
    ) -> Result<Page<KnownContact>, StoreError> {
        let mut page = Statement::new("SELECT c.id, c.body FROM contacts c WHERE c.account = ");
        page.text(account).then(" AND c.id > ").text(after.map(|id| id.to_string()).unwrap_or_default());
        if let Some(infix) = search {
            page.then(" AND (c.search LIKE ").text(pattern(infix)).then(r" ESCAPE '\'");
            // Only of those who are members here: of nobody else does an account's contact tell what they are called.
            page.then(
                " OR (SELECT s.text FROM member_search s WHERE s.account = c.account AND s.user_id = c.user_id) LIKE ",
            );
            page.text(pattern(infix)).then(r" ESCAPE '\')");
        }
        page.then(" ORDER BY c.id LIMIT ").bind(Value::Number(rows_for(limit)));
        let rows: Vec<(String, String)> = page.rows(self.pools()?).await?;
        let Page { items: contacts, more } = Page::of(rows, limit, |row| contact::read(account, row))?;
        let users = contacts.iter().filter_map(|contact| contact.user);
        let mut members = self.members(account, users.collect()).await?;
        let invitations = contacts.iter().filter_map(|contact| contact.activation);
        let mut invitations = self.invitations(account, invitations.collect()).await?;
        let known = contacts.into_iter().map(|contact| {
            let member = contact.user.and_then(|user| members.remove(&user));
            let invitation = contact.activation.and_then(|id| invitations.remove(&id));
            KnownContact { contact, member, invitation }
        });
        Ok(Page { items: known.collect(), more })
    }

    /// Those of the users who are members.
    async fn members(
        &self,
        account: AccountId,
        users: Vec<UserId>,
    ) -> Result<BTreeMap<UserId, Member>, StoreError> {
        if users.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut members = Statement::new(member_list::ROWS_OF);
        members.then("SELECT p.account, p.user_id FROM memberships p WHERE p.account = ").text(account);
        members.then(" AND p.user_id IN (").texts(self.pools()?, encode(&users)?).then(")");
        members.then(member_list::ASCENDING);
        let rows: Vec<member_list::Row> = members.rows(self.pools()?).await?;
        let read = |row| Member::read(account, row).map(|member| (member.membership.user, member));
        rows.into_iter().map(read).collect()
    }

    /// Those of the invitations that are there.
    async fn invitations(
        &self,
        account: AccountId,
        ids: Vec<InvitationId>,
    ) -> Result<BTreeMap<InvitationId, Invitation>, StoreError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut found = Statement::new("SELECT id, body FROM invitations WHERE account = ");
        found.text(account).then(" AND id IN (").texts(self.pools()?, encode(&ids)?).then(")");
        let rows: Vec<(String, String)> = found.rows(self.pools()?).await?;
        let read = |row| invitation::read(row).map(|invitation| (invitation.id, invitation));
        rows.into_iter().map(read).collect()
    }
}
