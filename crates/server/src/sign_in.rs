//! Signing in and out: passwords become sessions, and sessions tokens. What may follow from a password that fits is
//! planned by the domain like any other write.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mandate_domain::change::Change;
use mandate_domain::command::{Actor, Command};
use mandate_domain::credential::{Credential, Secret};
use mandate_domain::id::{SessionId, UserId};
use mandate_domain::session::{Purpose, Session, Sessions};
use mandate_proto::v1;
use mandate_storage::Refreshed;
use sha2::{Digest as _, Sha256};

use crate::access::AccessError;
use crate::auth::SigningKeys;
use crate::back_off::BackOff;
use crate::caller::Call;
use crate::clock::{NoRandomness, new_id_bits, now_micros};
use crate::convert::credential::{self, SetPassword, SignIn, SignOut};
use crate::error::Error;
use crate::facts::Facts;
use crate::guard::ACTING_FOR;
use crate::passwords::{Fit, Password, Passwords};
use crate::rate::Rates;
use crate::writer::{Write, answered, write};

/// Why nobody was signed in. Which of the reasons it is nobody is told who could not know anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The password does not fit, or it opens nothing.
    #[error(
        "e-mail address and password do not fit, or the password has expired; check both, or ask for a new initial password"
    )]
    Failed,
    /// Too many attempts.
    #[error("too many attempts; wait {} second(s) and try again", wait.as_secs().saturating_add(1))]
    BackOff {
        /// How long to wait.
        wait: Duration,
    },
    /// The refresh token opens nothing.
    #[error("the refresh token is not good, or not any more; sign in again")]
    RefreshTokenInvalid,
}

/// What signing in needs.
pub struct SignIns {
    facts: Arc<Facts>,
    keys: Arc<SigningKeys>,
    passwords: Arc<Passwords>,
    back_off: BackOff,
    rates: Arc<Rates>,
}

impl SignIns {
    /// On these facts, with tokens signed by these keys.
    #[must_use]
    pub fn new(
        facts: Arc<Facts>,
        keys: Arc<SigningKeys>,
        passwords: Arc<Passwords>,
        rates: Arc<Rates>,
    ) -> Self {
        Self { facts, keys, passwords, back_off: BackOff::default(), rates }
    }

    /// `from` is the network address that the call came from.
    pub(crate) async fn sign_in(
        &self,
        from: Option<IpAddr>,
        message: v1::SignInRequest,
    ) -> Result<v1::SignInResponse, Error> {
        self.rates.sign_in(from, now_micros())?;
        let SignIn { email, password } = credential::sign_in(message)?;
        self.counted(&email, self.begin(&email, password)).await
    }

    async fn begin(&self, email: &str, password: Password) -> Result<v1::SignInResponse, Error> {
        let found = self.facts.store().list_users(Some(email), None, 1).await?.items.pop();
        let known = found.map(|user| user.id);
        // For nobody everything is done that is done for somebody, so that it takes as long: they have an id that is new.
        let somebody = known.unwrap_or(UserId::from_bits(new_id_bits()?));
        let proven = self.prove(somebody, password).await?;
        let user = known.ok_or(SignInError::Failed)?;
        let (refresh_token, refresh) = new_refresh_token()?;
        let session = SessionId::from_bits(new_id_bits()?);
        let command = Command::BeginSession { user, session, proven, refresh };
        let committed = write(&self.facts, &Write::by(Actor::Person { user, through: None }), command)
            .await
            .map_err(opaque)?;
        let session = session_of(committed.plan.changes).ok_or_else(no_session)?;
        self.facts.note_sign_in(user);
        let tokens = self.tokens(&session, refresh_token)?;
        Ok(v1::SignInResponse { tokens: Some(tokens), user: user.to_string() })
    }

    /// The hash that the password was found to fit.
    async fn prove(&self, user: UserId, password: Password) -> Result<Secret, Error> {
        let hash = self.facts.store().credential(user).await?.map(|Credential { hash, .. }| hash);
        match (self.passwords.fits(password, hash.clone()).await?, hash) {
            (Fit::Yes, Some(hash)) => Ok(hash),
            _ => Err(SignInError::Failed.into()),
        }
    }

    /// Carries out an attempt at a password, unless the name has to wait.
    async fn counted<T>(
        &self,
        name: &str,
        attempt: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.back_off.attempt(name, now_micros()).map_err(|wait| SignInError::BackOff { wait })?;
        let result = attempt.await;
        match &result {
            Ok(_) => self.back_off.succeeded(name),
            Err(Error::SignIn(SignInError::Failed)) => {}
            Err(_) => self.back_off.broke_off(name),
        }
        result
    }

    pub(crate) async fn refresh(
        &self,
        message: v1::RefreshTokenRequest,
    ) -> Result<v1::RefreshTokenResponse, Error> {
        let presented = hashed(&credential::refresh(message)?);
        let (refresh_token, next) = new_refresh_token()?;
        match self.facts.store().refresh_session(&presented, &next, now_micros()).await? {
            Refreshed::Rotated(session) => {
                Ok(v1::RefreshTokenResponse { tokens: Some(self.tokens(&session, refresh_token)?) })
            }
            Refreshed::Reused { user, session } => {
                tracing::warn!(%user, %session, "a refresh token came a second time; its session ends");
                let command = Command::EndSessions { user, which: Sessions::One(session) };
                write(&self.facts, &Write::by(Actor::Person { user, through: None }), command).await?;
                Err(SignInError::RefreshTokenInvalid.into())
            }
            Refreshed::Unknown => Err(SignInError::RefreshTokenInvalid.into()),
        }
    }

    pub(crate) async fn sign_out(
        &self,
        call: &Call,
        message: v1::SignOutRequest,
    ) -> Result<v1::SignOutResponse, Error> {
        let user = person(call)?;
        let which = match (credential::sign_out(message)?, call.session()) {
            (SignOut::AllSessions, _) => Sessions::All,
            (SignOut::ThisSession, Some(session)) => Sessions::One(session),
            (SignOut::ThisSession, None) => {
                let message =
                    "the call's token is of no session; ask for ALL_SESSIONS, or use a token of SignIn";
                return Err(Error::field("scope", message));
            }
        };
        let committed = write(&self.facts, &call.write, Command::EndSessions { user, which }).await?;
        let ended =
            committed.plan.changes.iter().filter(|change| matches!(change, Change::SessionEnded { .. }));
        Ok(v1::SignOutResponse {
            ended_sessions: i32::try_from(ended.count()).unwrap_or(i32::MAX),
            ..Default::default()
        })
    }

    pub(crate) async fn set_password(
        &self,
        call: &Call,
        message: v1::SetPasswordRequest,
    ) -> Result<v1::SetPasswordResponse, Error> {
        let id = person(call)?;
        let user = self.facts.store().user(id).await?.ok_or(AccessError::CallerUnknown)?;
        let SetPassword { old, new } = credential::set_own(message, &user.email)?;
        let keep = call.session();
        // The old password of a retry is not the password any more.
        let committed = match answered(&self.facts, &call.write, "user.set_password").await? {
            Some(committed) => committed,
            None => {
                let proven = self.counted(&user.email, self.prove(id, old)).await?;
                let hash = self.passwords.hash(new).await?;
                let command = Command::SetPassword { user: id, proven, hash, keep };
                write(&self.facts, &call.write, command).await?
            }
        };
        // Whoever signed in with an initial password may be a member only now.
        self.facts.note_sign_in(id);
        let joined = committed.plan.changes.iter().find_map(|change| match change {
            Change::Membership(membership) => Some(membership.account.to_string()),
            _ => None,
        });
        let answer = v1::SetPasswordResponse { account: joined.unwrap_or_default(), ..Default::default() };
        let kept = match session_of(committed.plan.changes) {
            Some(session) => Some(session),
            None => self.kept(keep).await?,
        };
        let Some(session) = kept else { return Ok(answer) };
        let (access_token, lifetime) = self.mint(&session)?;
        let access_token_lifetime = Some(credential::to_duration(lifetime));
        Ok(v1::SetPasswordResponse { access_token, access_token_lifetime, ..answer })
    }

    async fn kept(&self, session: Option<SessionId>) -> Result<Option<Session>, Error> {
        let Some(id) = session else { return Ok(None) };
        Ok(self.facts.store().session(id).await?.filter(|session| session.purpose == Purpose::Anything))
    }

    pub(crate) async fn set_initial(
        &self,
        call: &Call,
        message: v1::SetInitialPasswordRequest,
    ) -> Result<v1::SetInitialPasswordResponse, Error> {
        let credential::SetInitialPassword { user, password, lifetime } = credential::set_initial(message)?;
        let made_up = if password.is_some() { None } else { Some(Password::random()?) };
        let chosen =
            password.or(made_up.clone()).ok_or_else(|| Error::Defect("no password to set".to_owned()))?;
        let hash = self.passwords.hash(chosen).await?;
        let command = Command::SetInitialPassword { user, hash, lifetime };
        let committed = write(&self.facts, &call.write, command).await?;
        let expires_at = committed.plan.changes.iter().find_map(|change| match change {
            Change::Credential(Credential {
                kind: mandate_domain::credential::CredentialKind::Initial { expires_at, .. },
                ..
            }) => Some(*expires_at),
            _ => None,
        });
        // A password that was not set now is good for nothing, and which one was set before nobody knows.
        let made_up = made_up.filter(|_| call.write.happened());
        Ok(v1::SetInitialPasswordResponse {
            password: made_up.map(|password| password.reveal().to_owned()).unwrap_or_default(),
            expire_time: expires_at.map(crate::convert::timestamp),
            ..Default::default()
        })
    }

    pub(crate) fn public_keys(&self) -> v1::GetPublicKeysResponse {
        credential::to_public_keys(self.keys.public_keys())
    }

    fn tokens(&self, session: &Session, refresh_token: String) -> Result<v1::Tokens, Error> {
        let (access_token, lifetime) = self.mint(session)?;
        Ok(credential::to_tokens(session, access_token, lifetime, refresh_token))
    }

    fn mint(&self, session: &Session) -> Result<(String, Duration), Error> {
        self.keys.mint_session(session, now_micros()).map_err(|error| Error::Defect(error.to_string()))
    }
}

/// Sessions and passwords are a person's: whoever else calls names one.
fn person(call: &Call) -> Result<UserId, Error> {
    let nobody = || Error::field(format!("metadata[{ACTING_FOR}]"), "is required of whoever is not a person");
    call.party.person().ok_or_else(nobody)
}

/// What a rule says against a sign-in (suspended, expired, changed meanwhile) is told nobody who has not signed in.
fn opaque(error: Error) -> Error {
    match error {
        Error::Refused(_) => SignInError::Failed.into(),
        other => other,
    }
}

fn session_of(changes: Vec<Change>) -> Option<Session> {
    changes.into_iter().find_map(|change| match change {
        Change::Session(session) => Some(session),
        _ => None,
    })
}

fn no_session() -> Error {
    Error::Defect("a session began without a change that says so".to_owned())
}

/// A refresh token of 256 random bits, and its hash.
fn new_refresh_token() -> Result<(String, Secret), NoRandomness> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
    let token = URL_SAFE_NO_PAD.encode(random);
    let hash = hashed(&token);
    Ok((token, hash))
}

/// A plain hash does: nobody tries 2^256 tokens.
fn hashed(token: &str) -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(Sha256::digest(token)))
}
