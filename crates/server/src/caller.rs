//! Who acts: from a verified token to a person, a service or an operator of this installation.

use mandate_domain::command::Actor;
use mandate_domain::id::{SessionId, UserId};
use mandate_domain::user::{Identity, UserState};
use mandate_proto::write::WriteRequest;
use tonic::{Extensions, Request};

use crate::access::AccessError;
use crate::auth::{Caller, CallerKind, EMBEDDED_ISSUER};
use crate::clock::now_micros;
use crate::error::Error;
use crate::facts::Facts;
use crate::guard::Admitted;
use crate::telemetry::Recorded;
use crate::writer::Write;

/// The party in whose right a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// A person with their permissions, in their own call or through a service.
    Person(UserId),
    /// A service with the scopes of its token, which have been checked.
    Service,
    /// A platform operator.
    Operator,
}

impl Party {
    /// The user, if a person acts.
    #[must_use]
    pub fn person(self) -> Option<UserId> {
        match self {
            Self::Person(user) => Some(user),
            Self::Service | Self::Operator => None,
        }
    }
}

/// One admitted call: its token and the party it speaks for.
#[derive(Debug, Clone)]
pub struct Call {
    admitted: Admitted,
    /// Who acts.
    pub party: Party,
    /// What the call writes, if it writes anything.
    pub write: Write,
}

impl Call {
    /// The call behind a request that passed the guard.
    ///
    /// # Errors
    /// [`AccessError::CallerUnknown`] for a person without a user here, [`AccessError::SessionEnded`]; a store error
    /// while looking.
    pub async fn of(extensions: &Extensions, facts: &Facts) -> Result<Self, Error> {
        let unguarded = || Error::Defect("a call came past the guard".to_owned());
        Self::by(extensions.get::<Admitted>().ok_or_else(unguarded)?.clone(), facts).await
    }

    /// The call of an admitted caller.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub async fn by(admitted: Admitted, facts: &Facts) -> Result<Self, Error> {
        let party = match (admitted.caller.kind, admitted.acting_for) {
            (CallerKind::Service, None) => Party::Service,
            (CallerKind::Operator, None) => Party::Operator,
            (CallerKind::Service | CallerKind::Operator, Some(user)) => {
                known(facts.user(user).await?.map(|_| user))?
            }
            (CallerKind::Person, _) => known(person(&admitted.caller, facts).await?)?,
        };
        if let (Some(session), Party::Person(user)) = (admitted.caller.session, party) {
            goes_on(facts, session.id, user).await?;
        }
        if let Some(recorded) = Recorded::current() {
            recorded.made_by(party);
        }
        let write = Write::by(actor(&admitted, party));
        Ok(Self { admitted, party, write })
    }

    /// The same of a request that writes, on the terms that its message asks for.
    ///
    /// # Errors
    /// As [`of`](Self::of), and every term that cannot be as it is.
    pub async fn of_write<M: WriteRequest>(request: Request<M>, facts: &Facts) -> Result<(Self, M), Error> {
        let call = Self::of(request.extensions(), facts).await?;
        let message = request.into_inner();
        let write = Write::asked(actor(&call.admitted, call.party), &message)?;
        Ok((Self { write, ..call }, message))
    }

    /// Refuses a suspended person where no account's policy is asked that would.
    ///
    /// # Errors
    /// [`AccessError::CallerSuspended`]; a store error while looking.
    pub async fn in_use(&self, facts: &Facts) -> Result<(), Error> {
        let Some(user) = self.party.person() else { return Ok(()) };
        match facts.user(user).await?.map(|found| found.state) {
            Some(UserState::Active) => Ok(()),
            Some(UserState::Suspended) => Err(AccessError::CallerSuspended.into()),
            None => Err(AccessError::CallerUnknown.into()),
        }
    }

    /// The actor of what the call writes, as the activity log keeps them.
    #[must_use]
    pub fn actor(&self) -> Actor {
        actor(&self.admitted, self.party)
    }

    /// The session that the call's token is of, if it is of one.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.admitted.caller.session.map(|session| session.id)
    }
}

/// The actor of a write, as the activity log keeps them.
fn actor(admitted: &Admitted, party: Party) -> Actor {
    let Caller { kind, issuer, subject, .. } = admitted.caller.as_ref();
    let name = || format!("{issuer}#{subject}");
    match (party, kind) {
        (Party::Person(user), CallerKind::Person) => Actor::Person { user, through: None },
        (Party::Person(user), CallerKind::Service | CallerKind::Operator) => {
            Actor::Person { user, through: Some(name()) }
        }
        (Party::Service, _) => Actor::Service { name: name() },
        (Party::Operator, _) => Actor::Operator { name: name() },
    }
}

fn known(user: Option<UserId>) -> Result<Party, Error> {
    user.map(Party::Person).ok_or_else(|| AccessError::CallerUnknown.into())
}

/// Refuses tokens of sessions that have ended, whether by themselves or because somebody ended them.
async fn goes_on(facts: &Facts, id: SessionId, user: UserId) -> Result<(), Error> {
    match facts.session(id).await? {
        Some(session) if session.user == user && now_micros() < session.ends_at => Ok(()),
        _ => Err(AccessError::SessionEnded.into()),
    }
}

/// The user a person's token is of: this service's own tokens name the user's id, others a login.
async fn person(caller: &Caller, facts: &Facts) -> Result<Option<UserId>, Error> {
    if &*caller.issuer == EMBEDDED_ISSUER {
        let Ok(user) = caller.subject.parse::<UserId>() else { return Ok(None) };
        return Ok(facts.user(user).await?.map(|_| user));
    }
    let identity = Identity { issuer: caller.issuer.to_string(), subject: caller.subject.to_string() };
    Ok(facts.user_of(&identity).await?)
}
