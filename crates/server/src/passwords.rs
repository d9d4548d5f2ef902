//! Hashing passwords and telling whether one fits: Argon2id (RFC 9106) with the parameters that OWASP's Password
//! Storage Cheat Sheet names first: 19 MiB, 2 passes, 1 lane.
//!
//! It is meant to be slow, so it runs on threads of its own, as many at once as the machine has cores, and only so
//! many may wait.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use mandate_domain::credential::Secret;
use tokio::sync::Semaphore;

use crate::clock::NoRandomness;
use crate::error::Error;
use crate::sign_in::SignInError;

/// Memory in KiB, passes, lanes.
const PARAMETERS: (u32, u32, u32) = (19_456, 2, 1);

/// How many may wait for their turn; more are sent away at once.
const MOST_WAITING: usize = 64;

/// What letters and digits a made-up password has: none that people take for another (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A password as somebody sent it. It is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// One of 100 random bits, in groups that can be typed: 23 characters.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn random() -> Result<Self, NoRandomness> {
        let mut random = [0; 20];
        getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
        let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).map(|letter| char::from(*letter));
        let groups = random.chunks(5).map(|group| group.iter().filter_map(letter).collect::<String>());
        Ok(Self(groups.collect::<Vec<_>>().join("-")))
    }

    /// The text, for the one who is to know it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Whether a password is the one that was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is.
    Yes,
    /// It is not, or there is none.
    No,
}

/// Hashes passwords, a few at a time.
#[derive(Debug)]
pub struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// A hash that nobody knows a password for, to take as long over nobody as over somebody.
    nobodys: Arc<str>,
}

impl Passwords {
    /// For as many at once as the machine has cores.
    ///
    /// # Errors
    /// [`Error::Defect`] when the system gives no random numbers.
    pub fn new() -> Result<Self, Error> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let nobodys = nobodys()?.into();
        let slots = |count| Arc::new(Semaphore::new(count));
        Ok(Self { running: slots(cores), waiting: slots(MOST_WAITING), nobodys })
    }

    /// The hash of a password, with a salt of its own, in the PHC string format.
    ///
    /// # Errors
    /// [`SignInError::BackOff`] when too many are waiting; [`Error::Defect`].
    pub async fn hash(&self, password: Password) -> Result<Secret, Error> {
        self.run(move || hashed(&password)).await?
    }

    /// Whether the password fits the hash; takes as long where there is none.
    ///
    /// # Errors
    /// [`SignInError::BackOff`] when too many are waiting; [`Error::Defect`] for a hash that is none.
    pub async fn fits(&self, password: Password, hash: Option<Secret>) -> Result<Fit, Error> {
        let nobodys = Arc::clone(&self.nobodys);
        self.run(move || match hash {
            Some(hash) => verified(&password, hash.reveal()),
            None => verified(&password, &nobodys).map(|_| Fit::No),
        })
        .await?
    }

    /// How many passwords are being hashed or wait for it, and the most that may.
    #[must_use]
    pub fn busy(&self) -> (usize, usize) {
        (MOST_WAITING.saturating_sub(self.waiting.available_permits()), MOST_WAITING)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let too_many = || SignInError::BackOff { wait: Duration::from_secs(1) };
        let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| too_many())?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| too_many())?;
        // The permits go with the work: it runs to its end even when nobody waits for it any more.
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            work()
        })
        .await;
        done.map_err(|error| Error::Defect(format!("hashing broke off: {error}")))
    }
}

fn argon2() -> Result<Argon2<'static>, Error> {
    let (memory, passes, lanes) = PARAMETERS;
    let params = Params::new(memory, passes, lanes, None).map_err(defect)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hashed(password: &Password) -> Result<Secret, Error> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| NoRandomness)?;
    let salt = SaltString::encode_b64(&salt).map_err(defect)?;
    let hash = argon2()?.hash_password(password.0.as_bytes(), &salt).map_err(defect)?;
    Ok(Secret::new(hash.to_string()))
}

/// What looks like a hash of [`hashed`], and is one of nothing: to hash something for it would hold up each start.
fn nobodys() -> Result<String, Error> {
    let (mut salt, mut output) = ([0; 16], [0; Params::DEFAULT_OUTPUT_LEN]);
    getrandom::fill(&mut salt).and_then(|()| getrandom::fill(&mut output)).map_err(|_| NoRandomness)?;
    let (memory, passes, lanes) = PARAMETERS;
    let [salt, output] = [salt.as_slice(), output.as_slice()].map(|bytes| STANDARD_NO_PAD.encode(bytes));
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}"))
}

fn verified(password: &Password, hash: &str) -> Result<Fit, Error> {
    let hash = PasswordHash::new(hash).map_err(defect)?;
    match argon2()?.verify_password(password.0.as_bytes(), &hash) {
        Ok(()) => Ok(Fit::Yes),
        Err(argon2::password_hash::Error::Password) => Ok(Fit::No),
        Err(error) => Err(defect(error)),
    }
}

fn defect(error: impl fmt::Display) -> Error {
    Error::Defect(format!("a password could not be hashed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_fits_its_hash_and_no_other() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash(password("correct horse")).await.unwrap();
        assert!(hash.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "OWASP's parameters");
        let fits = async |text: &str, hash| passwords.fits(password(text), hash).await.unwrap();
        assert_eq!(fits("correct horse", Some(hash.clone())).await, Fit::Yes);
        assert_eq!(fits("correct horsf", Some(hash.clone())).await, Fit::No);
        assert_eq!(fits("", Some(hash.clone())).await, Fit::No);
        assert_eq!(fits("correct horse", None).await, Fit::No, "nobody's password");
        let again = passwords.hash(password("correct horse")).await.unwrap();
        assert_ne!(again, hash, "each hash has a salt of its own");
    }

    /// What is asked of argon2 is the same over it as over somebody's: all but what comes out.
    #[test]
    fn nobodys_hash_is_as_much_work_as_any() {
        let (made_up, real) = (nobodys().unwrap(), hashed(&password("correct horse")).unwrap());
        let [made_up, real] = [made_up.as_str(), real.reveal()].map(|text| PasswordHash::new(text).unwrap());
        assert_eq!((made_up.algorithm, made_up.version), (real.algorithm, real.version));
        assert_eq!(made_up.params, real.params);
        let lengths = |hash: &PasswordHash<'_>| (hash.salt.unwrap().as_str().len(), hash.hash.unwrap().len());
        assert_eq!(lengths(&made_up), lengths(&real));
        assert_ne!(nobodys().unwrap(), nobodys().unwrap());
    }

    #[test]
    fn made_up_passwords_are_long_and_differ() {
        let (one, another) = (Password::random().unwrap(), Password::random().unwrap());
        assert_eq!(one.reveal().len(), 23);
        assert_ne!(one, another);
        assert!(!format!("{one:?}").contains(one.reveal()));
    }
}
