//! The backend with a real Mandate behind it, as a team would test its own.

#![allow(clippy::unwrap_used)]

use mandate_client::v1::{RemoveMemberRequest, UpdateMemberRequest};
use mandate_client::{Client, TokenSource};
use mandate_example_shipping::v1::shipping_service_client::ShippingServiceClient;
use mandate_example_shipping::v1::{BookRequest, ListRequest};
use mandate_testkit::Mandate;
use tokio::net::TcpListener;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

const WORLD: &str = "
people: { ada: {}, ben: {}, cleo: {}, zoe: {} }
accounts:
  hansen:
    policy: company-account
    first_user: ada
    members: { ben: { roles: [manager] }, cleo: { roles: [member] } }
  other: { policy: company-account, first_user: zoe }
";

/// The backend, on a free port, for as long as the test's runtime is there.
async fn backend(mandate: Client) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(mandate_example_shipping::serve(listener, mandate, std::future::pending()));
    Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

/// A call of this person's, in this account.
fn by<T>(token: &str, account: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request.metadata_mut().insert("mandate-account", account.parse().unwrap());
    request
}

async fn book(channel: &Channel, token: &str, account: &str) -> Result<u64, Status> {
    let message = BookRequest { destination: "Vienna".to_owned() };
    let answer = ShippingServiceClient::new(channel.clone()).book(by(token, account, message)).await?;
    Ok(answer.into_inner().shipment.unwrap().number)
}

async fn count(channel: &Channel, mandate: &Mandate, name: &str, account: &str) -> Result<usize, Status> {
    let request = by(mandate.token(name), mandate.account(account), ListRequest {});
    Ok(ShippingServiceClient::new(channel.clone()).list(request).await?.into_inner().shipments.len())
}

#[tokio::test]
async fn whoever_may_book_books() {
    let mandate = mandate_testkit::start(WORLD).await;
    let channel = backend(mandate.service("backend")).await;
    let hansen = mandate.account("hansen");
    assert_eq!(book(&channel, mandate.token("ben"), hansen).await.unwrap(), 1);
    assert_eq!(count(&channel, &mandate, "ben", "hansen").await.unwrap(), 1);
    // A member books the shipments that were assigned to them, and nothing in general.
    assert_eq!(
        book(&channel, mandate.token("cleo"), hansen).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    // Nobody reaches another company, by whatever account they name.
    assert_eq!(
        book(&channel, mandate.token("zoe"), hansen).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    assert_eq!(count(&channel, &mandate, "zoe", "other").await.unwrap(), 0);
    for (token, account, code) in [
        ("not a token", hansen, Code::Unauthenticated),
        (mandate.token("ben"), "acc_nonsense", Code::PermissionDenied),
    ] {
        assert_eq!(book(&channel, token, account).await.unwrap_err().code(), code, "{account}");
    }
}

#[tokio::test]
async fn whoever_lost_the_right_books_no_more() {
    let mandate = mandate_testkit::start(WORLD).await;
    let channel = backend(mandate.service("backend")).await;
    let (hansen, ben) = (mandate.account("hansen"), mandate.user("ben"));
    book(&channel, mandate.token("ben"), hansen).await.unwrap();
    let ada = mandate.person("ada");
    let mut smaller = UpdateMemberRequest { account: hansen.into(), user: ben.into(), ..Default::default() };
    smaller.roles.push("member".to_owned());
    smaller.update_mask.get_or_insert_default().paths.push("roles".to_owned());
    ada.send(smaller).await.unwrap();
    assert_eq!(
        book(&channel, mandate.token("ben"), hansen).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let removed = RemoveMemberRequest { account: hansen.into(), user: ben.into(), ..Default::default() };
    ada.send(removed).await.unwrap();
    assert_eq!(count(&channel, &mandate, "ben", "hansen").await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn nobody_books_while_nobody_can_tell() {
    let mandate = mandate_testkit::start(WORLD).await;
    let (token, hansen) = (mandate.token("ben").to_owned(), mandate.account("hansen").to_owned());
    let nobody = Client::builder("http://127.0.0.1:9").token(TokenSource::fixed("x")).build().unwrap();
    let channel = backend(nobody).await;
    assert_eq!(book(&channel, &token, &hansen).await.unwrap_err().code(), Code::Unavailable);
}
