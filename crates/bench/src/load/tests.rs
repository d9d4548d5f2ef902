//! The load against the reference server, within this process.

use std::net::SocketAddr;
use std::time::Duration;

use mandate_proto::v1::{CheckRequest, CheckStreamRequest};
use prost::Message as _;

use super::capture::{Calls, header_blocks};
use super::{Requests, Shape, closed, streams};
use crate::client::Client;
use crate::reference;

/// A reference server in the background; it ends with the test process.
fn serve(folder: &std::path::Path) -> SocketAddr {
    let ready = folder.join("ready");
    let file = ready.clone();
    std::thread::spawn(move || reference::serve_in_test(2, file));
    for _ in 0..1_000 {
        if let Some(text) = std::fs::read_to_string(&ready).ok().filter(|text| text.ends_with('\n')) {
            return text.trim().parse().unwrap();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the reference server did not start");
}

struct Asking(CheckRequest);

impl Calls for Asking {
    async fn make(&self, address: SocketAddr, calls: usize) -> anyhow::Result<()> {
        let client = Client::connect(address, &"t".repeat(300)).await?;
        for _ in 0..calls {
            client.ask(self.0.clone()).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn every_request_is_answered_once() {
    let folder = tempfile::tempdir().unwrap();
    let address = serve(folder.path());
    let question = CheckRequest { permission: "a.b".to_owned(), ..Default::default() };
    let headers = header_blocks(address, Asking(question.clone())).await.unwrap();
    assert!(
        headers.first.len() > headers.later.len(),
        "later calls refer to the table that the first has filled"
    );
    let requests = Requests::encode(headers, 1, vec![question; 3_000]).unwrap();
    let answer = reference::allowed().encoded_len() + 5;
    // More than one connection, more than one request at a time, and more bytes than the first window lets through.
    let shape = Shape { connections: 3, room: 7 };
    let done = tokio::task::spawn_blocking(move || {
        let right = closed::once_each(address, &requests, shape, answer).unwrap();
        let wrong = closed::once_each(address, &requests, shape, answer + 1).unwrap();
        (right, wrong)
    });
    assert_eq!(done.await.unwrap(), (0, 3_000));
}

struct AskingOnStreams(CheckStreamRequest);

impl Calls for AskingOnStreams {
    async fn make(&self, address: SocketAddr, calls: usize) -> anyhow::Result<()> {
        let client = Client::connect(address, &"t".repeat(300)).await?;
        for _ in 0..calls {
            client.ask_on_a_stream(self.0.clone()).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn questions_of_streams_are_answered_for_as_long_as_they_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let address = serve(folder.path());
    let check = Some(CheckRequest { permission: "a.b".to_owned(), ..Default::default() });
    let question = CheckStreamRequest { correlation_id: 300, check };
    let headers = header_blocks(address, AskingOnStreams(question.clone())).await.unwrap();
    let requests = Requests::encode(headers, 1, vec![question.clone(); 10]).unwrap();
    let answer = reference::answered(question).encoded_len() + 5;
    // More bytes than the first windows let through, and more questions than one frame holds.
    let shape = Shape { connections: 3, room: 2_000 };
    let sizes = tokio::task::spawn_blocking(move || streams::sizes(address, &requests, shape, 100_000));
    let sizes = sizes.await.unwrap().unwrap();
    assert!(sizes.len() >= 100_000, "{} answers", sizes.len());
    assert!(sizes.iter().all(|size| *size == answer), "each is whole");
}
