//! The key that links and initial passwords in mails are derived from. It lies outside of the database: whoever reads
//! tables, outbox or backups of them can follow no link and sign in as nobody.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mandate_domain::id::{InvitationId, PasswordId};

/// Bytes of the key, and of a token's proof.
pub const MAIL_KEY_BYTES: usize = 32;

/// Keeps tokens of this kind from being those of another one made with the same key.
const PURPOSE: &[u8] = b"mandate invitation v1";

/// The same for initial passwords.
const PASSWORD_PURPOSE: &[u8] = b"mandate initial password v1";

/// What letters and digits an initial password has: none that people take for another (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Letters and digits of an initial password, of 5 bits each, and of each of the groups in which it is written.
const PASSWORD_LETTERS: usize = 20;
const GROUP_LETTERS: usize = 5;

/// Derives initial passwords, and derives and recognises the tokens of invitations: `inv_….PROOF`, where the proof is
/// HMAC-SHA-256 over id and generation in base64url, 256 bits that nobody without the key can guess.
#[derive(Clone)]
pub struct MailKey(hmac::Key);

/// Never shows the key.
impl fmt::Debug for MailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailKey").finish_non_exhaustive()
    }
}

impl MailKey {
    /// The key of these bytes, which must be random ones.
    #[must_use]
    pub fn new(bytes: &[u8; MAIL_KEY_BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The token of one link of an invitation.
    #[must_use]
    pub fn token(&self, invitation: InvitationId, generation: u32) -> String {
        let proof = hmac::sign(&self.0, &signed(invitation, generation));
        format!("{invitation}.{}", URL_SAFE_NO_PAD.encode(proof.as_ref()))
    }

    /// An initial password: 100 bits that nobody without the key can guess, in groups that can be typed, 23 characters
    /// (IX-10).
    #[must_use]
    pub fn initial_password(&self, id: PasswordId) -> String {
        let bits = hmac::sign(&self.0, &[PASSWORD_PURPOSE, &id.bits().to_be_bytes()].concat());
        let mut text = String::with_capacity(PASSWORD_LETTERS + PASSWORD_LETTERS / GROUP_LETTERS);
        for (place, byte) in bits.as_ref().iter().take(PASSWORD_LETTERS).enumerate() {
            if place > 0 && place % GROUP_LETTERS == 0 {
                text.push('-');
            }
            // 256 is a multiple of 32: no letter is likelier than another.
            text.extend(ALPHABET.get(usize::from(byte % 32)).map(|letter| char::from(*letter)));
        }
        text
    }

    /// The invitation that a token says it is of. That proves nothing: see [`Self::proves`].
    #[must_use]
    pub fn invitation(token: &str) -> Option<InvitationId> {
        token.split_once('.')?.0.parse().ok()
    }

    /// Whether the token is this link's, in a time that does not depend on how much of it is right.
    #[must_use]
    pub fn proves(&self, token: &str, invitation: InvitationId, generation: u32) -> bool {
        let proof = token.split_once('.').and_then(|(_, proof)| URL_SAFE_NO_PAD.decode(proof).ok());
        let is_whole = proof.as_ref().is_some_and(|proof| proof.len() == MAIL_KEY_BYTES);
        let proof = proof.unwrap_or_default();
        is_whole
            && Self::invitation(token) == Some(invitation)
            && hmac::verify(&self.0, &signed(invitation, generation), &proof).is_ok()
    }
}

/// What a proof is made over. Each part has a fixed length, so that no two links share it.
fn signed(invitation: InvitationId, generation: u32) -> Vec<u8> {
    [PURPOSE, &invitation.bits().to_be_bytes(), &generation.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_proves_its_own_link_alone() {
        let (key, other) = (MailKey::new(&[7; 32]), MailKey::new(&[8; 32]));
        let (id, stranger) = (InvitationId::from_bits(1), InvitationId::from_bits(2));
        let token = key.token(id, 1);
        assert!(key.proves(&token, id, 1));
        assert!(!key.proves(&token, id, 2), "a rotated link is dead");
        assert!(!key.proves(&token, stranger, 1));
        assert!(!other.proves(&token, id, 1));
        let grafted = token.replace(&id.to_string(), &stranger.to_string());
        assert!(!key.proves(&grafted, stranger, 1));
        for broken in
            ["", ".", "inv_", token.get(..token.len() - 1).unwrap(), &format!("{token}A"), &id.to_string()]
        {
            assert!(!key.proves(broken, id, 1), "{broken}");
        }
    }

    #[test]
    fn an_initial_password_is_its_own_ids_alone() {
        let (key, other) = (MailKey::new(&[7; 32]), MailKey::new(&[8; 32]));
        let (id, another) = (PasswordId::from_bits(1), PasswordId::from_bits(2));
        let password = key.initial_password(id);
        assert_eq!(password, key.initial_password(id));
        assert_ne!(password, key.initial_password(another));
        assert_ne!(password, other.initial_password(id));
        assert_eq!(password.len(), 23);
        assert!(password.split('-').all(|group| group.len() == 5), "{password}");
        // Neither is part of the other, though both come from one key and the same bits.
        let token = key.token(InvitationId::from_bits(1), 1);
        assert!(!token.contains(&password.replace('-', "")), "{password} {token}");
    }
}
