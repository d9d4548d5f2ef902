//! Contacts, and what a question about one is decided on.

use mandate_domain::account::Account;
use mandate_domain::contact::Contact;
use mandate_domain::id::{AccountId, ContactId};
use mandate_domain::resource::{Resource, ResourceRef};
use mandate_domain::search::Infix;

use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::list::{Page, rows_for};
use crate::open::Store;
use crate::position::Position;
use crate::question::positioned;
use crate::search::{Found as _, pattern};
use crate::statement::{Statement, Value};
use crate::tx::{Pools, Tx, on_readers, on_tx};
use crate::writes::{Write, Writes};

/// The contact.
pub(crate) async fn load(
    tx: &mut Tx,
    account: AccountId,
    id: ContactId,
) -> Result<Option<Contact>, StoreError> {
    let sql = "SELECT id, body FROM contacts WHERE account = $1 AND id = $2";
    let row = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(account.to_string()).bind(id.to_string()).fetch_optional(c).await
    })?;
    row.map(|row| read(account, row)).transpose()
}

/// Goes on with `id` and `body` of the contact.
pub(crate) fn find(query: &mut Statement, account: AccountId, id: ContactId) {
    query.then("id, body FROM contacts WHERE account = ").text(account).then(" AND id = ").text(id);
}

/// The same for the account's contact with that e-mail address.
pub(crate) fn find_by_email(query: &mut Statement, account: AccountId, email: &str) {
    query.then("id, body FROM contacts WHERE account = ").text(account).then(" AND email = ").text(email);
}

/// Reads a row of `id` and `body`.
pub(crate) fn read(account: AccountId, (id, body): (String, String)) -> Result<Contact, StoreError> {
    decode("contacts", || format!("{account}/{id}"), &body)
}

/// Makes the contact this.
pub(crate) fn put(writes: &mut Writes, contact: &Contact, version: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO contacts (account, id, email, user_id, search, body, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) \
               ON CONFLICT (account, id) DO UPDATE SET email = excluded.email, user_id = excluded.user_id, \
               search = excluded.search, body = excluded.body, version = excluded.version";
    let (account, id, body) = (contact.account.to_string(), contact.id.to_string(), encode(contact)?);
    let user = contact.user.map(|user| user.to_string());
    let write = Write::to("contacts", sql).text(account).text(id).text(&contact.email).bind(user);
    let write = write.text(contact.text()).text(body).number(version);
    writes.push(write.unique("a contact of this account with the e-mail address", &contact.email));
    Ok(())
}

/// Removes the contact.
pub(crate) fn remove(writes: &mut Writes, account: AccountId, id: ContactId) {
    let sql = "DELETE FROM contacts WHERE account = $1 AND id = $2";
    writes.push(Write::to("contacts", sql).text(account).text(id));
}

/// What a check of a contact is decided on. Absence is an answer, too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactRecords {
    /// The account.
    pub account: Option<Account>,
    /// The contact.
    pub contact: Option<Contact>,
    /// The resource, if the question names one and it is registered. Nothing is assigned to contacts.
    pub resource: Option<Resource>,
    /// Where in the database's history the snapshot stands.
    pub position: Position,
    /// How many versions of policies there are in it: by which ones it is to be judged.
    pub policies: i64,
}

/// Each row says what it is, and the fact. All in one statement, and so in one snapshot.
macro_rules! question {
    ($position:literal) => {
        concat!(
            "SELECT 'account' AS what, body FROM accounts WHERE id = $1 \
             UNION ALL SELECT 'contact', body FROM contacts WHERE account = $1 AND id = $2 \
             UNION ALL SELECT 'resource', body FROM resources WHERE account = $1 AND kind = $3 AND id = $4 \
             UNION ALL SELECT 'policies', CAST(COUNT(*) AS TEXT) FROM policies \
             UNION ALL SELECT 'position', ",
            $position
        )
    };
}

impl Store {
    /// Reads what the question whether a contact may do something in `account`, perhaps to `resource`, is
    /// decided on.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt: then nothing can be decided.
    pub async fn read_contact_question(
        &self,
        account: AccountId,
        contact: ContactId,
        resource: Option<&ResourceRef>,
    ) -> Result<ContactRecords, StoreError> {
        // No type has an empty name, so that a question without a resource finds none.
        let (kind, id) = resource.map_or(("", ""), |resource| (&resource.kind, &resource.id));
        let (account, contact) = (account.to_string(), contact.to_string());
        let pools = self.pools()?;
        let sql = positioned!(pools, Pools::Sqlite { .. }, question);
        let rows: Vec<(String, String)> = on_readers!(pools, c => {
            sqlx::query_as(sql).bind(&account).bind(&contact).bind(kind).bind(id).fetch_all(c).await
        })?;
        let mut found = ContactRecords::default();
        for (what, body) in rows {
            match what.as_str() {
                "account" => found.account = Some(decode("accounts", || account.clone(), &body)?),
                "contact" => {
                    found.contact = Some(decode("contacts", || format!("{account}/{contact}"), &body)?);
                }
                "position" => found.position = Position::told(&body)?,
                "policies" => found.policies = body.parse().unwrap_or_default(),
                _ => {
                    let key = || format!("{account}/{kind}/{id}");
                    found.resource = Some(decode("resources", key, &body)?);
                }
            }
        }
        Ok(found)
    }

    /// All names under which the activity log of an account has the person whom one of them names: the user, the
    /// contact that the user is, and the invitations that activated its login (IX-09). Of whatever else, itself.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn names_in_activity(
        &self,
        account: AccountId,
        subject: &str,
    ) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT c.id, c.user_id, i.id FROM contacts c \
                   LEFT JOIN invitations i ON i.account = c.account AND i.contact = c.id \
                   WHERE c.account = $1 AND (c.id = $2 OR c.user_id = $2)";
        let rows: Vec<(String, Option<String>, Option<String>)> = on_readers!(self.pools()?, c => {
            sqlx::query_as(sql).bind(account.to_string()).bind(subject).fetch_all(c).await
        })?;
        let mut names = vec![subject.to_owned()];
        names.extend(rows.into_iter().flat_map(|(contact, user, by)| [Some(contact), user, by]).flatten());
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// A page of an account's contacts, ascending by id; those alone whose name or address holds the text, if one is
    /// given.
    ///
    /// `after` is the last id of the page before, `limit` the most contacts of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_contacts(
        &self,
        account: AccountId,
        search: Option<&Infix>,
        after: Option<ContactId>,
        limit: u32,
    ) -> Result<Page<Contact>, StoreError> {
        let mut page = Statement::new("SELECT id, body FROM contacts WHERE account = ");
        page.text(account).then(" AND id > ").text(after.map(|id| id.to_string()).unwrap_or_default());
        if let Some(infix) = search {
            page.then(" AND search LIKE ").text(pattern(infix)).then(r" ESCAPE '\'");
        }
        page.then(" ORDER BY id LIMIT ").bind(Value::Number(rows_for(limit)));
        let rows: Vec<(String, String)> = page.rows(self.pools()?).await?;
        Page::of(rows, limit, |row| read(account, row))
    }
}
