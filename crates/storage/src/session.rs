//! Sessions and the refresh tokens that carry them on.

use mandate_domain::credential::Secret;
use mandate_domain::id::{SessionId, UserId};
use mandate_domain::session::Session;
use mandate_domain::user::{User, UserState};

use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::locks::{Lock, locking};
use crate::open::Store;
use crate::tx::{Tx, on_readers, on_tx};
use crate::writes::{Write, Writes};

/// The session of that id.
pub(crate) async fn load(tx: &mut Tx, id: SessionId) -> Result<Option<Session>, StoreError> {
    let sql = "SELECT body FROM sessions WHERE id = $1";
    let id = id.to_string();
    let body: Option<String> = on_tx!(tx, c => sqlx::query_scalar(sql).bind(&id).fetch_optional(c).await)?;
    body.map(|body| decode("sessions", || id, &body)).transpose()
}

/// The user's sessions, ascending by id.
pub(crate) async fn of(tx: &mut Tx, user: UserId) -> Result<Vec<Session>, StoreError> {
    let sql = "SELECT id, body FROM sessions WHERE user_id = $1 ORDER BY id";
    let rows: Vec<(String, String)> =
        on_tx!(tx, c => sqlx::query_as(sql).bind(user.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(|(id, body)| decode("sessions", || id, &body)).collect()
}

/// Makes the session this. Its refresh token is set when it begins, and afterwards changed by
/// [`Store::refresh_session`] alone.
pub(crate) fn put(writes: &mut Writes, session: &Session, version: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO sessions (id, user_id, refresh, body, version) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (id) DO UPDATE SET body = excluded.body, version = excluded.version";
    let body = encode(session)?;
    let write = Write::to("sessions", sql).text(session.id).text(session.user);
    writes.push(write.text(session.refresh.reveal()).text(body).number(version));
    Ok(())
}

/// Ends the session, with every refresh token it has had.
pub(crate) fn end(writes: &mut Writes, id: SessionId) {
    writes.push(Write::to("sessions", "DELETE FROM sessions WHERE id = $1").text(id));
}

/// What became of a refresh token that was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// It was good, and another one has taken its place.
    Rotated(Session),
    /// It was used before: somebody has copied it, and the session must end.
    Reused {
        /// Whose session it is.
        user: UserId,
        /// The session.
        session: SessionId,
    },
    /// It is no token of a session that goes on.
    Unknown,
}

impl Store {
    /// The session of that id, if it has not been ended; it may have ended by itself.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or the row is corrupt.
    pub async fn session(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let sql = "SELECT body FROM sessions WHERE id = $1";
        let id = id.to_string();
        let body: Option<String> =
            on_readers!(self.pools()?, c => sqlx::query_scalar(sql).bind(&id).fetch_optional(c).await)?;
        body.map(|body| decode("sessions", || id, &body)).transpose()
    }

    /// Puts the hash `next` in the place of `presented`, once. This changes nothing that a rule judges or that
    /// anybody but the session's bearer can see, so it is neither planned nor told to the feed.
    ///
    /// `now`: microseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot do it; then `presented` is as good as before, unless the reply to
    /// the commit alone was lost.
    pub async fn refresh_session(
        &self,
        presented: &Secret,
        next: &Secret,
        now: i64,
    ) -> Result<Refreshed, StoreError> {
        let mut tx = self.pools()?.begin_write().await?;
        let Some((user, id)) = bearer(&mut tx, presented).await? else { return Ok(Refreshed::Unknown) };
        // Users before sessions, as every plan locks them.
        let holder = crate::user::load(&mut tx, user, Lock::Share).await?;
        let active = holder.is_some_and(|User { state, .. }| state == UserState::Active);
        let Some((session, current)) = locked(&mut tx, id).await? else { return Ok(Refreshed::Unknown) };
        if !active || session.ends_at <= now {
            return Ok(Refreshed::Unknown);
        }
        if current != presented.reveal() {
            return Ok(Refreshed::Reused { user, session: id });
        }
        let sql = "UPDATE sessions SET refresh = $2 WHERE id = $1";
        on_tx!(&mut tx, c => sqlx::query(sql).bind(id.to_string()).bind(next.reveal()).execute(c).await.map(drop))?;
        let sql = "INSERT INTO spent_refresh (refresh, session_id) VALUES ($1, $2)";
        on_tx!(&mut tx, c => sqlx::query(sql).bind(presented.reveal()).bind(id.to_string()).execute(c).await.map(drop))?;
        tx.commit().await.map_err(StoreError::of_commit)?;
        Ok(Refreshed::Rotated(session))
    }
}

/// Whose session a refresh token is of, or was.
async fn bearer(tx: &mut Tx, presented: &Secret) -> Result<Option<(UserId, SessionId)>, StoreError> {
    let sql = "SELECT body FROM sessions WHERE refresh = $1 \
               UNION ALL SELECT s.body FROM spent_refresh p JOIN sessions s ON s.id = p.session_id WHERE p.refresh = $1";
    let body: Option<String> =
        on_tx!(tx, c => sqlx::query_scalar(sql).bind(presented.reveal()).fetch_optional(c).await)?;
    let read = |body: String| decode("sessions", || "the bearer of a refresh token".to_owned(), &body);
    Ok(body.map(read).transpose()?.map(|Session { user, id, .. }| (user, id)))
}

/// The session and the hash of its refresh token, held until the transaction ends.
async fn locked(tx: &mut Tx, id: SessionId) -> Result<Option<(Session, String)>, StoreError> {
    let sql = locking!(tx, Lock::Exclusive, "SELECT body, refresh FROM sessions WHERE id = $1");
    let id = id.to_string();
    let row: Option<(String, String)> =
        on_tx!(tx, c => sqlx::query_as(sql).bind(&id).fetch_optional(c).await)?;
    row.map(|(body, refresh)| Ok((decode("sessions", || id, &body)?, refresh))).transpose()
}
