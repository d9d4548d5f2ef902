use std::convert::Infallible;
use std::future::{Pending, Ready, pending, ready};
use std::num::NonZero;
use std::time::Duration;

use http::{Request, Response};
use mandate_storage::{OpenOptions, Store};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Layer as _, Service, service_fn};

use super::*;
use crate::access;

type Answered = Result<Response<Body>, Infallible>;

const HEALTH: &str = "/grpc.health.v1.Health/Check";

async fn layer(settings: &OverloadSettings) -> (&'static Bounds, OverloadLayer) {
    let store = Store::open("sqlite::memory:", OpenOptions::default()).await.unwrap();
    let bounds = Bounds::new(settings, &store);
    (bounds, OverloadLayer::new(bounds, settings, 1))
}

fn one_at_a_time() -> OverloadSettings {
    let (one, many) = (NonZero::<u32>::MIN, NonZero::new(256).unwrap());
    OverloadSettings { max_in_flight: one, max_in_flight_database: one, max_streams: many }
}

fn request(path: &str, timeout: Option<&str>) -> Request<Body> {
    let request = Request::builder().uri(path);
    let request = match timeout {
        Some(timeout) => request.header("grpc-timeout", timeout),
        None => request,
    };
    request.body(Body::empty()).unwrap()
}

fn never(_: Request<Body>) -> Pending<Answered> {
    pending()
}

fn at_once(_: Request<Body>) -> Ready<Answered> {
    ready(Ok(Response::new(Body::empty())))
}

fn status(answer: Answered) -> Status {
    Status::from_header_map(answer.unwrap().headers()).unwrap_or_else(|| Status::ok(""))
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

#[tokio::test]
async fn each_kind_of_call_is_bounded_by_itself_and_health_by_nothing() {
    let (bounds, layer) = layer(&one_at_a_time()).await;
    let (mut slow, mut fast) = (layer.layer(service_fn(never)), layer.layer(service_fn(at_once)));
    let limits = [
        (access::CHECK.path, "memory"),
        (access::ADD_MEMBER.path, "database"),
        (access::SIGN_IN.path, "passwords"),
    ];
    for (path, limit) in limits {
        let held = slow.call(request(path, None));
        let refused = status(fast.call(request(path, None)).await);
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "OVERLOADED"));
        assert_eq!(refused.get_details_error_info().unwrap().metadata["limit"], limit);
        assert!(refused.get_details_retry_info().unwrap().retry_delay.unwrap() >= Duration::from_millis(100));
        for (other, _) in limits.iter().filter(|(other, _)| *other != path) {
            assert_eq!(
                status(fast.call(request(other, None)).await).code(),
                Code::Ok,
                "{other} beside {path}"
            );
        }
        assert_eq!(status(fast.call(request(HEALTH, None)).await).code(), Code::Ok);
        drop(held);
        assert_eq!(status(fast.call(request(path, None)).await).code(), Code::Ok, "there is room again");
    }
    let fullness = bounds.fullness();
    assert!(fullness.iter().all(|one| one.taken == 0));
    assert_eq!(fullness.iter().map(|one| one.refused).collect::<Vec<_>>(), [1, 1, 0, 1]);
}

#[tokio::test]
async fn a_stream_needs_room_to_begin_and_none_to_go_on() {
    let (_, layer) = layer(&one_at_a_time()).await;
    let mut slow = layer.layer(service_fn(never));
    let watching = slow.call(request(access::WATCH.path, None));
    let writing = slow.call(request(access::ADD_MEMBER.path, None));
    let refused = status(slow.call(request(access::WATCH.path, None)).await);
    assert_eq!(reason(&refused), "OVERLOADED");
    drop((watching, writing));
}

#[tokio::test]
async fn who_does_not_wait_any_more_is_not_worked_for() {
    let (bounds, layer) = layer(&OverloadSettings::default()).await;
    let mut defect = layer.layer(service_fn(|_| -> Ready<Answered> { panic!("it was called") }));
    let refused = status(defect.call(request(access::CHECK.path, Some("0m"))).await);
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::DeadlineExceeded, "DEADLINE_PASSED"));
    assert!(!refused.get_details_error_info().unwrap().metadata.contains_key("outcome"));

    let mut slow = layer.layer(service_fn(never));
    let late = slow.call(request(access::ADD_MEMBER.path, Some("1m")));
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(!status(late.await).get_details_error_info().unwrap().metadata.contains_key("outcome"));
    let waiting = slow.call(request(access::ADD_MEMBER.path, Some("20m")));
    let refused = status(waiting.await);
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::DeadlineExceeded, "DEADLINE_PASSED"));
    assert_eq!(bounds.fullness().iter().map(|one| one.deadlines).collect::<Vec<_>>(), [1, 2, 0, 0]);
}

#[tokio::test]
async fn a_turn_that_comes_too_late_is_told() {
    let (_, layer) = layer(&OverloadSettings::default()).await;
    let mut fast = layer.layer(service_fn(at_once));
    let mut queue: Vec<_> = (0..A_QUEUE + 1).map(|_| fast.call(request(access::CHECK.path, None))).collect();
    tokio::time::sleep(LATEST + Duration::from_millis(5)).await;
    let last = queue.pop().unwrap();
    assert_eq!(reason(&status(last.await)), "OVERLOADED");
    let first = queue.pop().unwrap();
    assert_eq!(status(first.await).code(), Code::Ok, "nobody was before it");
}

#[tokio::test]
async fn pauses_differ() {
    let refusals = refusal::Refusals::new();
    let pauses: std::collections::BTreeSet<_> = (0..100)
        .map(|_| {
            status(Ok(refusals.full(Limit::Memory))).get_details_retry_info().unwrap().retry_delay.unwrap()
        })
        .collect();
    assert_eq!(pauses.len(), 8);
    assert!(
        pauses.iter().all(|pause| (Duration::from_millis(100)..Duration::from_millis(200)).contains(pause))
    );
}

#[tokio::test]
async fn misses_are_bounded() {
    let (bounds, _) = layer(&one_at_a_time()).await;
    let held = bounds.miss().unwrap();
    assert_eq!(bounds.miss().unwrap_err(), OverloadError::Full(Limit::Database));
    drop(held);
    assert!(bounds.miss().is_ok());
}
