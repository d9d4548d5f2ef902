//! Outgoing mail: the outbox, the dispatcher, and a real mail server at the other end.

use std::path::Path;
use std::time::Duration;

use mandate_proto::v1::{Account, ListOutboxRequest, MailState, OutgoingMail, RetryMailRequest, User};
use mandate_tests::expect::assert_refused;
use mandate_tests::smtp::{Mood, Security, Smtp};
use mandate_tests::world::{inviting, text};
use mandate_tests::{Engine, Server, ServerBuilder, World, on_both_engines, poll};
use tonic::Code;

/// How long a mail may take to be settled.
const LIMIT: Duration = Duration::from_secs(30);

/// A server that sends by this mail server and tries again soon.
fn sending(engine: Engine, url: &str) -> ServerBuilder {
    Server::builder(engine)
        .argument("--smtp")
        .argument(url)
        .argument("--mail-from")
        .argument("Mandate <no-reply@example.com>")
        .argument("--mail-retry")
        .argument("0.02")
}

async fn world(engine: Engine, smtp: &Smtp, attempts: &str) -> World {
    let builder = sending(engine, &format!("smtp://{}?tls=none", smtp.address));
    World::on(builder.argument("--mail-attempts").argument(attempts).start().await)
}

async fn organization(world: &World) -> (Account, User) {
    let ada = world.person("Ada").await;
    (world.account("organization", &ada).await, ada)
}

/// Waits until the only mail of the outbox is in this state.
async fn settled(world: &World, state: MailState) -> OutgoingMail {
    let found =
        poll::until(LIMIT, async || world.outbox().await.into_iter().find(|mail| mail.state() == state));
    match found.await {
        Some(mail) => mail,
        None => panic!("{:?}", world.outbox().await),
    }
}

/// Whether some bytes stand in any file of a folder.
fn stands_in(folder: &Path, needle: &str) -> bool {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.is_file()).any(|file| {
        let bytes = std::fs::read(file).expect("a file");
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    })
}

on_both_engines! {
    /// Each change and its mail commit in one transaction or not at all.
    async fn x_05_a_change_and_its_mail_commit_together(engine: Engine) {
        let world = World::on(Server::start(engine).await);
        let (acme, ada) = organization(&world).await;
        let mia = world.person("Mia").await;
        let refused = world.by(&ada).remove(&acme, &ada).await;
        assert_refused(refused, Code::PermissionDenied, "SELF_REMOVAL");
        let refused = world.operator().set_roles(&acme, &ada, &["member"]).await;
        assert_refused(refused, Code::FailedPrecondition, "LIMIT_LEAST");
        assert_eq!(world.outbox().await, [], "what was refused leaves no mail");

        world.member(&acme, &mia, &["member"]).await;
        world.by(&ada).set_roles(&acme, &mia, &["billing_admin"]).await.expect("changed");
        world.by(&ada).set_roles(&acme, &mia, &["billing_admin"]).await.expect("nothing to change");
        world.by(&ada).remove(&acme, &mia).await.expect("removed");
        world.by(&ada).invite(&acme, "new@example.com", &["member"]).await.expect("invited");
        let kinds: Vec<_> = world.outbox().await.into_iter().map(|mail| mail.kind).collect();
        assert_eq!(kinds, ["roles_changed", "member_removed", "invitation"]);
        let last = world.letter(&mia.email, 2).await;
        assert!(last.subject.contains("your access has ended"), "{last:?}");
        let roles = world.letters(&mia.email).remove(0);
        assert!(roles.text.contains("Billing admin"), "{roles:?}");
    }

    /// Neither the database nor the log holds a link; the mail alone does.
    async fn x_05_the_outbox_holds_no_secret(engine: Engine) {
        let world = World::on(Server::start(engine).await);
        let (acme, ada) = organization(&world).await;
        world.by(&ada).invite(&acme, "new@example.com", &["member"]).await.expect("invited");
        let token = world.letter("new@example.com", 1).await.token();
        let (id, proof) = token.split_once('.').expect("a proof");
        assert_eq!(proof.len(), 43, "256 bits in base64url");
        settled(&world, MailState::Sent).await;
        assert!(!world.server().log().contains(proof));
        if engine == Engine::Sqlite {
            assert!(stands_in(world.server().data_dir(), id), "the database is where it is looked for");
        }
        assert!(!stands_in(world.server().data_dir(), proof));
        let key = world.server().data_dir().join("mail-secret.key");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(key).expect("the key").permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    /// A mail in the account's language, or in the one the invitation names.
    async fn x_05_mail_is_written_in_english_and_german(engine: Engine) {
        let link = "https://app.example.com/join?token=";
        let world = World::on(Server::builder(engine).argument("--mail-link").argument(link).start().await);
        let (acme, ada) = organization(&world).await;
        world.by(&ada).set(&acme, "language", text("de")).await.expect("set");
        world.by(&ada).invite(&acme, "bea@example.com", &["member"]).await.expect("invited");
        let letter = world.letter("bea@example.com", 1).await;
        assert!(letter.text.contains("Ada lädt Sie zu"), "{letter:?}");
        assert!(letter.text.contains(&format!("{link}{}", letter.token())), "{letter:?}");
        let mut english = inviting(&acme, "cay@example.com", &["member"]);
        english.language = "en-GB".to_owned();
        world.by(&ada).invite_with(english.clone()).await.expect("invited");
        assert!(world.letter("cay@example.com", 1).await.text.contains("Ada invites you"));
        english.language = "fr".to_owned();
        mandate_tests::expect::assert_invalid(world.by(&ada).invite_with(english).await, &["language"]);
    }

    /// People are written to in their own language where it is known, whatever the account's is.
    async fn x_05_mail_is_written_in_the_recipients_own_language(engine: Engine) {
        let world = World::on(Server::start(engine).await);
        let (acme, ada) = organization(&world).await;
        let [mia, kim] = world.people(["Mia", "Kim"]).await;
        world.by(&mia).prefer("de-CH").await.expect("preferred");
        // A language that mail is not written in is as good as none.
        world.by(&kim).prefer("fr").await.expect("preferred");
        for person in [&mia, &kim] {
            let invited = world.by(&ada).invite(&acme, &person.email, &["member"]).await.expect("invited");
            assert_eq!(invited.language, "en", "whether the address is known, the invitation does not tell");
            world.by(&ada).resend(&invited).await.expect("sent anew");
            let token = world.letter(&person.email, 2).await.token();
            world.accept(&token, "").await.expect("accepted");
            world.by(&ada).set_roles(&acme, person, &["billing_admin"]).await.expect("changed");
            world.by(&ada).remove(&acme, person).await.expect("removed");
            world.letter(&person.email, 4).await;
        }
        let said = |email: &str, words: [&str; 4]| {
            for (letter, words) in world.letters(email).iter().zip(words) {
                assert!(letter.text.contains(words), "{words}: {letter:?}");
            }
        };
        said(&mia.email, ["Ada lädt Sie zu", "Ada lädt Sie zu", "Ihre Rollen in", "Ihr Zugang zu"]);
        said(&kim.email, ["Ada invites you", "Ada invites you", "your roles in", "your access to"]);
    }

    /// A mail server that is away, refuses, hangs up, and then recovers: the mail arrives, once.
    async fn x_05_mail_survives_a_mail_server_that_refuses(engine: Engine) {
        for mood in [Mood::Refuses("451 4.7.1 come back later"), Mood::Refuses("550 5.1.1 no such mailbox"), Mood::HangsUp] {
            let smtp = Smtp::start(Security::None, mood);
            let world = world(engine, &smtp, "20").await;
            let (acme, ada) = organization(&world).await;
            world.by(&ada).invite(&acme, "mia@example.com", &["member"]).await.expect("invited");
            smtp.met(2).await;
            assert_eq!(smtp.letters(), []);
            smtp.becomes(Mood::Takes);
            let letters = smtp.holds(1).await;
            let sent = settled(&world, MailState::Sent).await;
            assert!(sent.attempts >= 2 && sent.last_error.is_empty(), "{sent:?}");
            assert_eq!((letters.len(), &letters[0].message_id), (1, &sent.message_id));
            world.accept(&letters[0].token(), "Mia").await.expect("accepted");
        }
    }

    /// After the last attempt the mail is there to be seen and sent again; it is never lost.
    async fn x_05_a_mail_that_was_given_up_is_seen_and_sent_again(engine: Engine) {
        let smtp = Smtp::start(Security::None, Mood::Refuses("451 4.7.1 come back later"));
        let world = world(engine, &smtp, "3").await;
        let (acme, ada) = organization(&world).await;
        world.by(&ada).invite(&acme, "mia@example.com", &["member"]).await.expect("invited");
        let failed = settled(&world, MailState::Failed).await;
        assert_eq!((failed.attempts, failed.recipient.as_str()), (3, "mia@example.com"));
        assert!(failed.last_error.contains("come back later"), "{failed:?}");
        assert!(world.server().log().contains("a mail was given up"));
        smtp.becomes(Mood::Takes);
        let request_id = "another chance".to_owned();
        let retry = RetryMailRequest { sequence: failed.sequence, request_id, ..Default::default() };
        let refused = world.by(&ada).mail().retry_mail(retry.clone()).await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_MISSING");
        let refused = world.by(&ada).mail().list_outbox(ListOutboxRequest::default()).await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_MISSING");
        let preview = RetryMailRequest { validate_only: true, ..retry.clone() };
        world.operator().mail().retry_mail(preview).await.expect("it could be queued");
        settled(&world, MailState::Failed).await;
        world.operator().mail().retry_mail(retry.clone()).await.expect("queued");
        let sent = settled(&world, MailState::Sent).await;
        assert_eq!(smtp.holds(1).await[0].message_id, sent.message_id);
        world.operator().mail().retry_mail(retry.clone()).await.expect("the same request");
        let other = RetryMailRequest { sequence: failed.sequence + 1, ..retry.clone() };
        let other = world.operator().mail().retry_mail(other).await;
        assert_refused(other, Code::InvalidArgument, "REQUEST_ID_REUSED");
        let again = RetryMailRequest { request_id: String::new(), ..retry };
        let again = world.operator().mail().retry_mail(again).await;
        assert_refused(again, Code::NotFound, "NOT_FOUND");
    }

    /// A server that dies while a mail is being sent sends it again, with the same Message-ID.
    async fn x_05_mail_survives_kill_9(engine: Engine) {
        let smtp = Smtp::start(Security::None, Mood::Stalls);
        let mut world = world(engine, &smtp, "20").await;
        let (acme, ada) = organization(&world).await;
        world.by(&ada).invite(&acme, "mia@example.com", &["member"]).await.expect("invited");
        smtp.holds(1).await;
        world.server_mut().kill9();
        smtp.becomes(Mood::Takes);
        world.server_mut().restart().await;
        let letters = smtp.holds(2).await;
        let sent = settled(&world, MailState::Sent).await;
        assert_eq!(sent.attempts, 2);
        assert!(letters.iter().all(|letter| letter.message_id == sent.message_id), "{letters:?}");
        assert_eq!(letters.len(), 2);
    }

    /// TLS from the start or by STARTTLS, with a certificate that was named, and never without.
    async fn x_05_mail_travels_encrypted(engine: Engine) {
        for (security, scheme) in [(Security::Implicit, "smtps"), (Security::StartTls, "smtp")] {
            let smtp = Smtp::start(security, Mood::Takes);
            let folder = tempfile::tempdir().expect("a folder");
            let (ca, password) = (folder.path().join("ca.pem"), folder.path().join("password"));
            std::fs::write(&ca, &smtp.certificate).expect("a certificate");
            std::fs::write(&password, "hunter2\n").expect("a password");
            let url = format!("{scheme}://mandate@localhost:{}", smtp.address.port());
            let with_password = || sending(engine, &url).argument("--smtp-password-file").argument(&password);
            let world = World::on(with_password().argument("--smtp-ca").argument(&ca).start().await);
            let (acme, ada) = organization(&world).await;
            world.by(&ada).invite(&acme, "mia@example.com", &["member"]).await.expect("invited");
            let letters = smtp.holds(1).await;
            assert!(letters[0].subject.contains("invited"), "{letters:?}");
            assert_eq!(smtp.credentials(), ["AUTH PLAIN AG1hbmRhdGUAaHVudGVyMg=="]);
            assert!(!world.server().log().contains("hunter2"));

            let distrusting = World::on(with_password().argument("--mail-attempts").argument("1").start().await);
            let (acme, ada) = organization(&distrusting).await;
            distrusting.by(&ada).invite(&acme, "mia@example.com", &["member"]).await.expect("invited");
            let failed = settled(&distrusting, MailState::Failed).await;
            assert!(failed.last_error.contains("certificate"), "{failed:?}");
            assert_eq!(smtp.letters().len(), 1);
        }
    }

    /// Billing mail goes to the billing contacts, whoever they are at the moment.
    async fn sh_04_billing_contacts_get_the_billing_mail(engine: Engine) {
        let world = World::on(Server::start(engine).await);
        let [ada, bob, cem] = world.people(["Ada", "Bob", "Cem"]).await;
        let account = world.account("company-account", &ada).await;
        world.member(&account, &bob, &["member", "billing_contact"]).await;
        world.member(&account, &cem, &["admin"]).await;
        let backend = world.service(&["mail.send"]);
        assert_eq!(backend.bill(&account, "Invoice 7").await.expect("sent"), 2);
        for contact in [&ada, &bob] {
            let letter = world.letter(&contact.email, 1).await;
            assert!(letter.subject.ends_with(": Invoice 7"), "{letter:?}");
            assert!(letter.text.contains("due at the end of the month"), "{letter:?}");
        }
        world.operator().suspend(&account, &bob).await.expect("suspended");
        assert_eq!(backend.bill(&account, "Invoice 8").await.expect("sent"), 1);
        let billed = |mail: &OutgoingMail| (mail.kind == "billing").then(|| mail.recipient.clone());
        let recipients: Vec<_> = world.outbox().await.iter().filter_map(billed).collect();
        assert_eq!(recipients, [ada.email.clone(), bob.email.clone(), ada.email.clone()]);

        let refused = world.service(&["accounts.read"]).bill(&account, "Invoice 9").await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_MISSING");
        let refused = world.by(&ada).bill(&account, "Invoice 9").await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_MISSING");
        let other = world.account("organization", &ada).await;
        let refused = backend.bill(&other, "Invoice 9").await;
        assert_refused(refused, Code::FailedPrecondition, "WRONG_STATE");
    }
}
