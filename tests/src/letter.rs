//! A mail as its recipient reads it.

use std::path::Path;

use mail_parser::MessageParser;

use crate::secrets;

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its Message-ID without the angle brackets.
    pub message_id: String,
    /// The address it goes to.
    pub to: String,
    /// Its subject line.
    pub subject: String,
    /// Its plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

impl Letter {
    /// Reads a message; panics where it is none.
    pub fn parse(bytes: &[u8]) -> Self {
        let message = MessageParser::default().parse(bytes).expect("a message");
        let to = message.to().and_then(|to| to.first()).and_then(|to| to.address()).expect("a recipient");
        Self {
            message_id: message.message_id().expect("a Message-ID").to_owned(),
            to: to.to_owned(),
            subject: message.subject().expect("a subject").to_owned(),
            text: message.body_text(0).expect("a text").replace("\r\n", "\n"),
            html: message.body_html(0).expect("HTML").into_owned(),
        }
    }

    /// Every `.eml` file of a folder, in the order in which the outbox has them; none where there is no folder.
    pub fn all_in(folder: &Path) -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let files = entries.map(|entry| entry.expect("an entry").path());
        let mut files: Vec<_> =
            files.filter(|file| file.extension().is_some_and(|ext| ext == "eml")).collect();
        files.sort_by_key(|file| {
            let name = file.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
            name.split('.').next().and_then(|place| place.parse::<i64>().ok()).expect("a place in the outbox")
        });
        files.iter().map(|file| Self::parse(&std::fs::read(file).expect("a mail"))).collect()
    }

    /// The initial password in it; panics where there is none.
    pub fn password(&self) -> String {
        let is_password = |word: &&str| {
            word.len() == 23 && word.split('-').all(|group| group.len() == 5 && group.is_ascii())
        };
        let found = self.text.lines().map(str::trim).find(is_password);
        found
            .inspect(|password| secrets::password(password))
            .unwrap_or_else(|| panic!("no initial password in {self:?}"))
            .to_owned()
    }

    /// The token of the invitation in it; panics where there is none.
    pub fn token(&self) -> String {
        let found = self
            .text
            .split(|c: char| c.is_whitespace() || c == '=' || c == '/')
            .find(|word| word.starts_with("inv_") && word.contains('.'));
        found
            .inspect(|token| secrets::token(token))
            .unwrap_or_else(|| panic!("no token in {self:?}"))
            .to_owned()
    }
}
