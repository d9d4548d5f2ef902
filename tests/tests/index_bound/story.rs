//! What cannot be asked for without being meant, or needs somebody's secret.

use std::time::Duration;

use mandate_proto::v1::{RetryMailRequest, SignOutScope};
use mandate_tests::{Server, World, dump, poll};

/// Makes one row of everything that is copied.
pub async fn prologue(world: &World) {
    let person = world.person("Prologue").await;
    world.has_password(&person, "a pass phrase of her own").await;
}

/// Does it, and tells which RPCs it was.
pub async fn tell(world: &World) -> Vec<&'static str> {
    let [ada, bob, cleo] = world.people(["Ada", "Bob", "Cleo"]).await;
    let acme = world.account("organization", &ada).await;
    world.member(&acme, &bob, &["member"]).await;

    world.has_password(&bob, "a pass phrase of his own").await;
    let tokens = world.sign_in(&bob.email, "a pass phrase of his own").await.expect("signed in");
    let tokens = world.refresh(&tokens).await.expect("refreshed");
    let party = world.with_tokens(&tokens);
    party.set_password("a pass phrase of his own", "another pass phrase").await.expect("another password");
    party.sign_out(SignOutScope::AllSessions).await.expect("signed out");

    world.by(&ada).invite(&acme, &cleo.email, &["member"]).await.expect("invited");
    world.by(&ada).invite(&acme, "dora@example.com", &["member"]).await.expect("invited");
    let letter = world.letter(&cleo.email, 1).await;
    world.accept(&letter.token(), "Cleo").await.expect("accepted");
    let letter = world.letter("dora@example.com", 1).await;
    world.decline(&letter.token()).await.expect("declined");

    world.by(&ada).delete_account(&acme).await.expect("deleted");
    world.operator().undelete_account(&acme).await.expect("undeleted");
    world.operator().erase_user(&bob).await.expect("erased");

    let shop = world.account("client-area", &ada).await;
    world.member(&shop, &cleo, &["user"]).await;
    world.by(&ada).hand_over(&shop, &cleo).await.expect("handed over");
    let company = world.account("company-account", &ada).await;
    world.operator().bill(&company, "Your bill").await.expect("billed");
    dump::execute(world.server(), "UPDATE outbox SET state = 'failed' WHERE recipient = 'i0-1@example.org'");
    let sequence = dump::number(world.server(), "SELECT seq FROM outbox WHERE state = 'failed'");
    let again = RetryMailRequest { sequence, request_id: "again".to_owned(), ..Default::default() };
    world.operator().mail().retry_mail(again).await.expect("queued again");
    vec![
        "/mandate.v1.AccountService/TransferOwnership",
        "/mandate.v1.MailService/RetryMail",
        "/mandate.v1.MailService/SendBillingMail",
        "/mandate.v1.IdentityService/SignIn",
        "/mandate.v1.IdentityService/RefreshToken",
        "/mandate.v1.IdentityService/SetPassword",
        "/mandate.v1.IdentityService/SignOut",
        "/mandate.v1.IdentityService/EraseUser",
        "/mandate.v1.MembershipService/AcceptInvitation",
        "/mandate.v1.MembershipService/DeclineInvitation",
        "/mandate.v1.AccountService/UndeleteAccount",
    ]
}

/// Waits until nobody else is connected: PostgreSQL counts what a session did when it ends.
pub async fn all_gone(server: &Server) {
    let others = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let gone =
        poll::until(Duration::from_secs(30), async || (dump::number(server, others) == 0).then_some(()));
    gone.await.expect("the server's sessions end");
}
