//! Texts: one template for each kind of mail and language (`templates/`), its first line the subject. The HTML form
//! has the same paragraphs.

use mandate_domain::mail::{Locale, Mail, MailContent, Occasion};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use time::{Month, OffsetDateTime};

use crate::key::MailKey;

/// A mail could not be written: a defect of a template.
#[derive(Debug, thiserror::Error)]
#[error("the text of a mail could not be made: {0}")]
pub struct RenderError(#[from] minijinja::Error);

/// A mail's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// Writes mails.
#[derive(Debug)]
pub struct Renderer {
    templates: Environment<'static>,
    key: MailKey,
    pages: Pages,
}

/// Where the recipients of mails go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pages {
    /// The page where invitations are accepted: the token is appended. `None`: a mail holds the token alone, for a page
    /// that asks for it.
    pub accept: Option<String>,
    /// The page where people sign in. `None`: a mail with an initial password names none.
    pub sign_in: Option<String>,
}

macro_rules! templates {
    ($($name:literal)+) => { [$(($name, include_str!(concat!("../templates/", $name))),)+] };
}

const TEMPLATES: [(&str, &str); 11] = templates![
    "layout.html"
    "en/invitation.txt" "en/initial_password.txt" "en/member_removed.txt" "en/roles_changed.txt" "en/billing.txt"
    "de/invitation.txt" "de/initial_password.txt" "de/member_removed.txt" "de/roles_changed.txt" "de/billing.txt"
];

impl Renderer {
    /// Writes mails that lead to these pages.
    ///
    /// # Errors
    /// [`RenderError`] for a template that is not well formed.
    pub fn new(key: MailKey, pages: Pages) -> Result<Self, RenderError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_auto_escape_callback(|name| match name {
            "layout.html" => AutoEscape::Html,
            _ => AutoEscape::None,
        });
        for (name, source) in TEMPLATES {
            templates.add_template(name, source)?;
        }
        Ok(Self { templates, key, pages })
    }

    /// The key that the tokens are derived from.
    #[must_use]
    pub fn key(&self) -> &MailKey {
        &self.key
    }

    /// The text of a mail. Those of an invitation and of an initial password hold their secret.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn render(&self, mail: &Mail) -> Result<Rendered, RenderError> {
        let Mail { account: _, account_name, recipient, recipient_name, locale, content } = mail;
        let name = recipient_name.as_ref().unwrap_or(recipient);
        let mut address = None;
        let values = match content {
            MailContent::Invitation { invitation, generation, inviter, expires_at } => {
                let token = self.key.token(*invitation, *generation);
                let link = self.pages.accept.as_ref().map(|link| format!("{link}{token}"));
                address.clone_from(&link);
                context! { account => account_name, inviter, link, token, expires => date(*locale, *expires_at) }
            }
            MailContent::InitialPassword { password, occasion, expires_at } => {
                let password = self.key.initial_password(*password);
                let page = self.pages.sign_in.clone();
                address.clone_from(&page);
                let (renewed, by) = match occasion {
                    Occasion::Activated { by } => (false, by.clone()),
                    Occasion::Renewed => (true, None),
                };
                let expires = date(*locale, *expires_at);
                context! { account => account_name, recipient, page, password, renewed, by, expires }
            }
            MailContent::MemberRemoved => context! { account => account_name, name },
            MailContent::RolesChanged { roles } => context! { account => account_name, name, roles },
            MailContent::Billing { subject, text } => {
                context! { account => account_name, name, subject, text }
            }
        };
        let template = format!("{}/{}.txt", locale.tag(), content.kind());
        let written = self.templates.get_template(&template)?.render(values)?;
        let (subject, text) = written.split_once('\n').unwrap_or((&written, ""));
        let text = text.trim();
        let layout = self.templates.get_template("layout.html")?;
        let paragraphs: Vec<&str> = text.split("\n\n").collect();
        let html = layout.render(context! { lang => locale.tag(), subject, paragraphs, link => address })?;
        Ok(Rendered { subject: subject.to_owned(), text: format!("{text}\n"), html })
    }
}

/// The day (UTC) as people of that language write it.
fn date(locale: Locale, micros: i64) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(micros.div_euclid(1_000_000)) else {
        return String::new();
    };
    let (year, month, day) = at.date().to_calendar_date();
    match locale {
        Locale::En => format!("{day} {month} {year}"),
        Locale::De => format!("{day}. {} {year}", german(month)),
    }
}

fn german(month: Month) -> &'static str {
    match month {
        Month::January => "Januar",
        Month::February => "Februar",
        Month::March => "März",
        Month::April => "April",
        Month::May => "Mai",
        Month::June => "Juni",
        Month::July => "Juli",
        Month::August => "August",
        Month::September => "September",
        Month::October => "Oktober",
        Month::November => "November",
        Month::December => "Dezember",
    }
}

#[cfg(test)]
mod tests {
    use mandate_domain::id::{AccountId, InvitationId, PasswordId};

    use super::*;

    fn renderer(link: Option<&str>) -> Renderer {
        let pages = Pages {
            accept: link.map(str::to_owned),
            sign_in: link.map(|_| "https://app.example.com/sign-in".to_owned()),
        };
        Renderer::new(MailKey::new(&[7; 32]), pages).unwrap()
    }

    fn mail(locale: Locale, content: MailContent) -> Mail {
        Mail {
            account: AccountId::from_bits(1),
            account_name: "Ä & <Söhne>".to_owned(),
            recipient: "ada@example.com".to_owned(),
            recipient_name: Some("Ada".to_owned()),
            locale,
            content,
        }
    }

    fn invitation() -> MailContent {
        MailContent::Invitation {
            invitation: InvitationId::from_bits(1),
            generation: 3,
            inviter: Some("Bob <b>".to_owned()),
            expires_at: 1_772_496_000_000_000,
        }
    }

    fn initial_password(occasion: Occasion) -> MailContent {
        let expires_at = 1_772_496_000_000_000;
        MailContent::InitialPassword { password: PasswordId::from_bits(1), occasion, expires_at }
    }

    #[test]
    fn every_kind_of_mail_has_a_text_in_every_language() {
        let contents = [
            invitation(),
            initial_password(Occasion::Activated { by: Some("Bob <b>".to_owned()) }),
            initial_password(Occasion::Renewed),
            MailContent::MemberRemoved,
            MailContent::RolesChanged { roles: vec!["Admin".to_owned()] },
            MailContent::Billing {
                subject: "Invoice 7".to_owned(),
                text: "It is due.\n\nPay it.".to_owned(),
            },
        ];
        for content in contents {
            for locale in [Locale::En, Locale::De] {
                let Rendered { subject, text, html } =
                    renderer(None).render(&mail(locale, content.clone())).unwrap();
                assert!(subject.starts_with("Ä & <Söhne>: "), "{subject}");
                assert!(text.contains("Ä & <Söhne>") && !text.contains("{{"), "{text}");
                assert!(html.contains("Ä &amp; &lt;Söhne&gt;") && !html.contains("<Söhne>"), "{html}");
            }
        }
    }

    #[test]
    fn an_invitation_holds_its_link_or_its_code() {
        let with = renderer(Some("https://app.example.com/join?token="));
        let token = with.key().token(InvitationId::from_bits(1), 3);
        let Rendered { text, html, .. } = with.render(&mail(Locale::De, invitation())).unwrap();
        let link = format!("https://app.example.com/join?token={token}");
        assert!(text.contains(&format!("\n{link}\n")) && text.contains("3. März 2026"), "{text}");
        assert!(html.contains(&format!("href=\"{}\"", link.replace('/', "&#x2f;"))), "{html}");
        let without = renderer(None);
        let token = without.key().token(InvitationId::from_bits(1), 3);
        let Rendered { text, .. } = without.render(&mail(Locale::En, invitation())).unwrap();
        assert!(text.contains(&format!("code:\n\n{token}\n")) && text.contains("3 March 2026"), "{text}");
    }

    #[test]
    fn an_initial_password_stands_with_the_address_and_the_page() {
        let with = renderer(Some("https://app.example.com/join?token="));
        let password = with.key().initial_password(PasswordId::from_bits(1));
        let activated = initial_password(Occasion::Activated { by: Some("Bob".to_owned()) });
        let Rendered { text, html, .. } = with.render(&mail(Locale::En, activated.clone())).unwrap();
        assert!(text.contains(&format!("\n{password}\n")) && text.contains("ada@example.com"), "{text}");
        assert!(text.contains("\nhttps://app.example.com/sign-in\n") && text.contains("Bob"), "{text}");
        assert!(html.contains(&password) && html.contains("href="), "{html}");
        let without = renderer(None);
        let Rendered { text, html, .. } = without.render(&mail(Locale::De, activated)).unwrap();
        assert!(!text.contains("http") && !html.contains("href") && text.contains("3. März 2026"), "{text}");
    }
}
