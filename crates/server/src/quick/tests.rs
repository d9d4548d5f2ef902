use mandate_domain::id::{AccountId, UserId};
use mandate_proto::v1;
use prost::Message as _;
use tonic::body::Body;

use super::body::{Message, read};
use super::question::{self, Question};

fn plain() -> v1::CheckRequest {
    let subject = v1::subject::Subject::User(UserId::from_bits(7).to_string());
    v1::CheckRequest {
        account: AccountId::from_bits(u128::MAX / 3).to_string(),
        subject: Some(v1::Subject { subject: Some(subject) }),
        permission: "invoices.view".to_owned(),
        ..Default::default()
    }
}

fn expected() -> Question<'static> {
    let (account, user) = (AccountId::from_bits(u128::MAX / 3), UserId::from_bits(7));
    Question { account, user, permission: "invoices.view" }
}

#[test]
fn a_plain_question_is_read_whatever_the_order_of_its_fields() {
    let bytes = plain().encode_to_vec();
    assert_eq!(question::read(&bytes), Some(expected()));
    let without = |message: v1::CheckRequest| message.encode_to_vec();
    let account = without(v1::CheckRequest { account: plain().account, ..Default::default() });
    let rest = without(v1::CheckRequest { account: String::new(), ..plain() });
    assert_eq!(question::read(&[rest, account].concat()), Some(expected()));
}

#[test]
fn any_other_question_goes_the_ordinary_way() {
    let user = |text: &str| Some(v1::Subject { subject: Some(v1::subject::Subject::User(text.to_owned())) });
    let contact = v1::subject::Subject::Contact("con_00000000000000000000000007".to_owned());
    let resource = v1::ResourceRef { r#type: "cloud".to_owned(), id: "1".to_owned() };
    let others = [
        v1::CheckRequest::default(),
        v1::CheckRequest { account: String::new(), ..plain() },
        v1::CheckRequest { account: plain().account.to_lowercase(), ..plain() },
        v1::CheckRequest { subject: None, ..plain() },
        v1::CheckRequest { subject: Some(v1::Subject { subject: None }), ..plain() },
        v1::CheckRequest { subject: user("usr_1"), ..plain() },
        v1::CheckRequest { subject: Some(v1::Subject { subject: Some(contact) }), ..plain() },
        v1::CheckRequest { permission: String::new(), ..plain() },
        v1::CheckRequest { permission: "x".repeat(129), ..plain() },
        v1::CheckRequest { permission: "x".repeat(20_000), ..plain() },
        v1::CheckRequest { resource: Some(resource), ..plain() },
        v1::CheckRequest { consistency: Some(v1::Consistency::default()), ..plain() },
    ];
    for other in others {
        assert_eq!(question::read(&other.encode_to_vec()), None, "{other:?}");
    }
}

#[test]
fn bytes_that_are_no_message_go_the_ordinary_way() {
    let bytes = plain().encode_to_vec();
    for end in 1..bytes.len() {
        assert_eq!(question::read(bytes.split_at(end).0), None, "{end}");
    }
    // A field twice, one that nobody knows, a key and a length that do not end, a permission that is no text.
    for more in [&bytes[..], b"\x32\x00", b"\x80", b"\x0a\xff\xff\xff", b"\x0a\xff"] {
        assert_eq!(question::read(&[&bytes, more].concat()), None, "{more:?}");
    }
    let mut no_text = bytes.clone();
    *no_text.last_mut().unwrap() = 0xff;
    assert_eq!(question::read(&no_text), None);
}

#[test]
fn a_batch_is_read_as_its_questions() {
    let read = |batch: &v1::BatchCheckRequest| {
        let bytes = batch.encode_to_vec();
        question::batch(&bytes)
            .map(|all| all.map(|one| one.map(|one| one.permission.len())).collect::<Vec<_>>())
    };
    let longest = v1::CheckRequest { permission: "x".repeat(128), ..plain() };
    let no_plain_one = v1::CheckRequest { account: String::new(), ..plain() };
    let checks = vec![plain(), no_plain_one, longest];
    let batch = v1::BatchCheckRequest { checks, consistency: None };
    assert_eq!(read(&batch), Some(vec![Some(13), None, Some(128)]));
    assert_eq!(read(&v1::BatchCheckRequest::default()), None);
    let consistency = Some(v1::Consistency::default());
    assert_eq!(read(&v1::BatchCheckRequest { consistency, ..batch }), None);
    let checks = |number| v1::BatchCheckRequest { checks: vec![plain(); number], consistency: None };
    assert_eq!(read(&checks(1_000)).map(|all| all.len()), Some(1_000));
    assert_eq!(read(&checks(1_001)), None);
}

#[tokio::test]
async fn one_message_in_one_frame_is_whole_and_nothing_else_is() {
    let body = |bytes: &'static [u8]| Body::new(http_body_of(bytes));
    for (bytes, whole) in [
        (&b"\0\0\0\0\x02ab"[..], true),
        (b"\0\0\0\0\0", true),
        (b"\x01\0\0\0\x02ab", false),
        (b"\0\0\0\0\x03ab", false),
        (b"\0\0\0\0\x01ab", false),
        (b"\0\0", false),
    ] {
        match read(body(bytes)).await {
            Message::Whole(read) => assert!(whole && read == bytes, "{bytes:?}"),
            Message::Begun(rejoined) => {
                assert!(!whole, "{bytes:?}");
                assert_eq!(all(rejoined.into()).await, bytes, "nothing of it is lost");
            }
        }
    }
    assert!(matches!(read(Body::empty()).await, Message::Begun(_)));
}

fn http_body_of(
    bytes: &'static [u8],
) -> impl http_body::Body<Data = prost::bytes::Bytes, Error = tonic::Status> {
    struct Once(Option<prost::bytes::Bytes>);
    impl http_body::Body for Once {
        type Data = prost::bytes::Bytes;
        type Error = tonic::Status;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, tonic::Status>>> {
            std::task::Poll::Ready(self.0.take().map(|bytes| Ok(http_body::Frame::data(bytes))))
        }
        fn is_end_stream(&self) -> bool {
            self.0.is_none()
        }
    }
    Once(Some(prost::bytes::Bytes::from_static(bytes)))
}

async fn all(mut body: Body) -> Vec<u8> {
    use http_body::Body as _;
    let mut bytes = Vec::new();
    let mut next =
        async || std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await;
    while let Some(Ok(frame)) = next().await {
        bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
    }
    bytes
}
