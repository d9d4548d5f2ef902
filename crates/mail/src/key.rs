//! The key that links in mails are derived from. It lies outside of the database: whoever reads tables, outbox or
//! backups of them can follow no link.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mandate_domain::id::InvitationId;

/// Bytes of the key, and of a token's proof.
pub const MAIL_KEY_BYTES: usize = 32;

/// Keeps tokens of this kind from being those of another one made with the same key.
const PURPOSE: &[u8] = b"mandate invitation v1";

/// Derives and recognises the tokens of invitations: `inv_….PROOF`, where the proof is HMAC-SHA-256 over id and
/// generation in base64url, 256 bits that nobody without the key can guess.
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
}
