//! A decision allocates nothing (DESIGN.md: "a handful of bit operations"), and looking up what it is made on does not, either.
//!
//! It is here and not beside `decide` because an allocator that counts cannot be written without `unsafe`, which the
//! other crates forbid.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future as _;
use std::task::{Context, Waker};

#[path = "../../crates/domain/tests/decide_support/cases.rs"]
mod cases;
#[allow(dead_code, reason = "shared with tests that say more")]
#[path = "../../crates/domain/tests/decide_support/mod.rs"]
mod decide_support;

use std::sync::Arc;
use std::time::Duration;

use cases::cases;
use decide_support::{Asked, yard};
use mandate_domain::account::Origin;
use mandate_domain::command::{Actor, Command};
use mandate_domain::decide::{Reason, decide};
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::policy;
use mandate_server::facts::{Ask, Facts};
use mandate_server::metrics::{CountLayer, Counts};
use mandate_server::overload::{Bounds, OverloadSettings};
use mandate_server::telemetry::{Telemetry, TelemetrySettings};
use mandate_server::writer::{Write, write};
use mandate_storage::{OpenOptions, Store};
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower::{Layer as _, Service as _};

/// The system's allocator, counting what each thread asks of it.
struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches a thread-local cell that needs no
// initialisation and no destructor, and so allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and the block came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often a piece of work allocates.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ASKED.get();
    work();
    ASKED.get() - before
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(7)))), 1);
}

#[test]
fn no_decision_allocates() {
    let policy = yard();
    let many = (0..200).fold(Asked::about("desk.edit"), |asked, group| asked.seated(group, "watcher"));
    let many = ("two hundred seats", many.seated(200, "warden"));
    let asked = cases().into_iter().map(|(name, asked, _)| (name, asked)).chain([many]);
    for (name, asked) in asked {
        let facts = asked.compiled(&policy);
        let question = facts.question();
        let count = allocations(|| {
            std::hint::black_box(decide(std::hint::black_box(&question)));
        });
        assert_eq!(count, 0, "{name}");
    }
}

const SHOP: &str = "
policy: shop
title: Shop
modules:
  stock:
    title: Stock
    actions: { view: See stock }
roles:
  owner: { title: Owner, description: Runs the shop., at_birth: true, holders: { least: 1 }, may: '*' }
";

/// A shop with its owner, both in memory.
async fn shop(account: AccountId, owner: UserId) -> Arc<Facts> {
    let policies = policy::check("shop.yaml", SHOP).policy.into_iter().collect();
    let store = Store::open("sqlite::memory:", OpenOptions::default()).await.expect("a database");
    let bounds = Bounds::new(&OverloadSettings::default(), &store);
    let facts = Facts::open(store, policies, Duration::ZERO, bounds).await.expect("facts");
    let create_user = Command::CreateUser {
        id: owner,
        email: "ada@example.com".to_owned(),
        display_name: "Ada".to_owned(),
        avatar_url: String::new(),
        identities: Vec::new(),
    };
    let create_account = Command::CreateAccount {
        id: account,
        policy: "shop".to_owned(),
        display_name: "Shop".to_owned(),
        first_user: owner,
        origin: Origin::Registration,
        attributes: Vec::new(),
    };
    for command in [create_user, create_account] {
        let by = Write::by(Actor::Operator { name: "test#operator".to_owned() });
        write(&facts, &by, command).await.expect("a write");
    }
    facts
}

/// Neither counting a Check nor finding out that it is not traced does, whether its caller says so or chance does.
#[tokio::test]
async fn a_check_that_is_not_traced_allocates_nothing_more() {
    let endpoint = "http://127.0.0.1:9".parse().expect("a URL");
    let settings = TelemetrySettings {
        otlp_endpoint: Some(endpoint),
        trace_sample_ratio: 1e-12,
        ..TelemetrySettings::default()
    };
    let telemetry = Telemetry::start(&settings, "sqlite").expect("a tracer");
    let answer = |_: Request<Body>| std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())));
    let mut counted = CountLayer::new(Counts::new(), telemetry.calls()).layer(tower::service_fn(answer));
    let asked = |parent: &str| {
        let request = Request::builder().uri("/mandate.v1.AuthzService/Check");
        request.header("traceparent", parent).body(Body::empty()).expect("a request")
    };
    let untold = Request::builder().uri("/mandate.v1.AuthzService/Check").body(Body::empty());
    let requests = [
        // The first of a thread gets what it needs to count.
        asked(""),
        asked("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"),
        untold.expect("a request"),
    ];
    let mut counts = Vec::with_capacity(requests.len());
    for request in requests {
        counts.push(allocations(|| {
            let mut call = std::pin::pin!(counted.call(request));
            let mut context = Context::from_waker(Waker::noop());
            assert!(std::hint::black_box(call.as_mut().poll(&mut context)).is_ready());
        }));
    }
    assert_eq!(counts[1..], [0, 0], "{counts:?}");
    telemetry.stop().await;
}

#[tokio::test]
async fn looking_up_and_deciding_allocates_nothing() {
    let (account, owner, stranger) = (AccountId::from_bits(1), UserId::from_bits(2), UserId::from_bits(3));
    let facts = shop(account, owner).await;
    for (user, permission, reason) in [
        (owner, "stock.view", Reason::Role),
        (owner, "stock.eat", Reason::UnknownPermission),
        (stranger, "stock.view", Reason::UnknownSubject),
    ] {
        facts.of(Ask { account, user, resource: None }).await.expect("the database");
        let decided = || facts.decide(account, user, permission).map(|decision| decision.reason);
        // A thread that asks for the first time gets what it needs to ask again.
        assert_eq!(decided(), Some(reason));
        let count = allocations(|| {
            std::hint::black_box(decided());
        });
        assert_eq!(count, 0, "{reason:?}");
    }
    assert_eq!(
        facts.decide(account, UserId::from_bits(4), "stock.view"),
        None,
        "nobody has asked for this one"
    );
}
