//! Everything known of one person, from one snapshot.

use mandate_domain::credential::Credential;
use mandate_domain::id::UserId;
use mandate_domain::membership::Membership;
use mandate_domain::resource::Assignment;
use mandate_domain::session::Session;
use mandate_domain::user::User;

use crate::error::StoreError;
use crate::locks::Lock;
use crate::open::Store;
use crate::{assignment, credential, membership, session, user};

/// What is known of a person but for what they did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserExport {
    /// The profile, with logins and seats in groups.
    pub user: User,
    /// The password, if there is one. Its hash has no serialized form.
    pub credential: Option<Credential>,
    /// The sessions that nobody has ended.
    pub sessions: Vec<Session>,
    /// The memberships, ascending by account.
    pub memberships: Vec<Membership>,
    /// What is assigned to them, account by account.
    pub assignments: Vec<Assignment>,
}

impl Store {
    /// Everything known of the user but for what they did, which is [`Store::list_activity_by`].
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt.
    pub async fn export_user(&self, id: UserId) -> Result<Option<UserExport>, StoreError> {
        let mut tx = self.pools()?.begin_read().await?;
        let Some(user) = user::load(&mut tx, id, Lock::None).await? else { return Ok(None) };
        let credential = credential::load(&mut tx, id).await?;
        let sessions = session::of(&mut tx, id).await?;
        let memberships = membership::of(&mut tx, id).await?;
        let accounts: Vec<_> = memberships.iter().map(|membership| membership.account).collect();
        let assignments = assignment::within(&mut tx, &accounts, id).await?;
        tx.commit().await?;
        Ok(Some(UserExport { user, credential, sessions, memberships, assignments }))
    }
}
