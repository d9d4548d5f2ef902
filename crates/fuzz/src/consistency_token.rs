//! Consistency tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mandate_server::convert::consistency::Token;

/// What is read from a text is the same when it is written and read again; what is written is never longer than what is read.
pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        read(text);
    }
    // Past the alphabet at once, to the bytes that it stands for.
    read(&URL_SAFE_NO_PAD.encode(data));
}

fn read(text: &str) {
    let Some(token) = Token::decode(text) else { return };
    // A place in the feed is told in steps: only what was written once stays as it is.
    let once = token.encode();
    let Some(again) = Token::decode(&once) else { panic!("{once} was written and is not read") };
    assert_eq!(again.incarnation, token.incarnation);
    assert_eq!(again.encode(), once);
    assert_eq!(Token::decode(&again.encode()), Some(again));
}
