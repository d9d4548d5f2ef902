//! Invitations, and the roles that pending ones offer.

use mandate_domain::id::{AccountId, ContactId, InvitationId};
use mandate_domain::invitation::{Invitation, InvitationState};
use mandate_domain::search::Infix;

use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::list::{Page, rows_for};
use crate::open::Store;
use crate::search::{Found as _, pattern};
use crate::statement::{Statement, Value};
use crate::tx::{Tx, json_rows, on_readers, on_tx};
use crate::writes::{Write, Writes};

/// The invitation of that id in the account.
pub(crate) async fn load(
    tx: &mut Tx,
    account: AccountId,
    id: InvitationId,
) -> Result<Option<Invitation>, StoreError> {
    let sql = "SELECT id, body FROM invitations WHERE account = $1 AND id = $2";
    let row: Option<(String, String)> = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(account.to_string()).bind(id.to_string()).fetch_optional(c).await
    })?;
    row.map(read).transpose()
}

/// The pending invitation of the address in the account.
pub(crate) async fn pending(
    tx: &mut Tx,
    account: AccountId,
    email: &str,
) -> Result<Option<Invitation>, StoreError> {
    let sql = "SELECT id, body FROM invitations WHERE account = $1 AND email = $2 AND state = 'pending'";
    let row: Option<(String, String)> = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(account.to_string()).bind(email).fetch_optional(c).await
    })?;
    row.map(read).transpose()
}

/// Every pending invitation of the address, in whatever account, ascending by id.
pub(crate) async fn pending_to(tx: &mut Tx, email: &str) -> Result<Vec<Invitation>, StoreError> {
    let sql = "SELECT id, body FROM invitations WHERE email = $1 AND state = 'pending' ORDER BY id";
    let rows: Vec<(String, String)> = on_tx!(tx, c => sqlx::query_as(sql).bind(email).fetch_all(c).await)?;
    rows.into_iter().map(read).collect()
}

/// Reads a row of `id` and `body`.
pub(crate) fn read((id, body): (String, String)) -> Result<Invitation, StoreError> {
    decode("invitations", || id, &body)
}

/// Makes the invitation this.
pub(crate) fn put(writes: &mut Writes, invitation: &Invitation, version: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO invitations (id, account, email, state, search, body, version, contact) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
               ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body, \
               version = excluded.version";
    let (id, account) = (invitation.id.to_string(), invitation.account.to_string());
    let (body, contact) = (encode(invitation)?, invitation.contact.map(|contact| contact.to_string()));
    let write = Write::to("invitations", sql).text(&id).text(&account).text(&invitation.email);
    let write = write.text(invitation.state.name()).text(invitation.text()).text(body).number(version);
    writes.push(write.bind(contact).unique("a pending invitation of", &invitation.email));
    let sql = "DELETE FROM invitation_roles WHERE invitation = $1";
    writes.push(Write::to("invitation_roles", sql).text(&id));
    if invitation.state != InvitationState::Pending {
        return Ok(());
    }
    let sql = json_rows!(
        writes.engine(),
        "INSERT INTO invitation_roles (account, invitation, counts_until, name) SELECT $1, $2, $3, value ->> 'name' FROM",
        "$4",
        ""
    );
    let rows: Vec<_> = invitation.roles.iter().map(|name| serde_json::json!({ "name": name })).collect();
    let (rows, until) = (encode(&rows)?, invitation.counts_until());
    writes.push(Write::to("invitation_roles", sql).text(account).text(id).number(until).text(rows));
    Ok(())
}

/// Which invitations to list. All conditions hold at once; none lists all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InvitationFilter<'a> {
    /// Those in this state.
    pub state: Option<InvitationState>,
    /// Pending ones that offer this account role.
    pub pending_with_role: Option<&'a str>,
    /// Those whose address holds this text.
    pub search: Option<&'a Infix>,
    /// Those that activate no contact's login, or that of a contact with a greater id than this.
    pub beyond: Option<ContactId>,
}

impl Store {
    /// A page of an account's invitations, ascending by id, which is in the order they were made in.
    ///
    /// `after` is the last one of the page before, `limit` the most of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt.
    pub async fn list_invitations(
        &self,
        account: AccountId,
        filter: InvitationFilter<'_>,
        after: Option<InvitationId>,
        limit: u32,
    ) -> Result<Page<Invitation>, StoreError> {
        let mut page = Statement::new("SELECT i.id, i.body FROM ");
        match filter.pending_with_role {
            None => page.then("invitations i WHERE i.account = ").text(account),
            Some(role) => {
                page.then("invitation_roles r JOIN invitations i ON i.id = r.invitation WHERE r.account = ");
                page.text(account).then(" AND r.name = ").text(role)
            }
        };
        if let Some(state) = filter.state {
            page.then(" AND i.state = ").text(state.name());
        }
        page.then(" AND i.id > ").text(after.map(|id| id.to_string()).unwrap_or_default());
        if let Some(infix) = filter.search {
            page.then(" AND i.search LIKE ").text(pattern(infix)).then(r" ESCAPE '\'");
        }
        if let Some(contact) = filter.beyond {
            page.then(" AND (i.contact IS NULL OR i.contact > ").text(contact).then(")");
        }
        page.then(" ORDER BY i.id LIMIT ").bind(Value::Number(rows_for(limit)));
        let rows: Vec<(String, String)> = page.rows(self.pools()?).await?;
        Page::of(rows, limit, read)
    }

    /// The invitation of that id, in whatever account.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or the row is corrupt.
    pub async fn invitation(&self, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
        let sql = "SELECT id, body FROM invitations WHERE id = $1";
        let row: Option<(String, String)> = on_readers!(self.pools()?, c => sqlx::query_as(sql).bind(id.to_string()).fetch_optional(c).await)?;
        row.map(read).transpose()
    }
}
