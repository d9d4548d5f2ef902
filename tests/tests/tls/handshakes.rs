//! How connections begin: slowly, without TLS, or as they did twenty years ago.

use std::time::Duration;

use mandate_tests::poll;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Files, Owner, SOON, told};

/// Sends this and reads all that comes.
async fn exchange(server: &mandate_tests::Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await;
    read.expect("it ends").expect("read");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_speaks_no_tls_is_told_to() {
    let files = Files::new();
    let server = files.server().start().await;
    let answer = exchange(&server, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("speaks TLS"), "{answer}");
    let answer = exchange(&server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    assert_eq!(answer[..9], [0, 0, 0, 4, 0, 0, 0, 0, 0], "it begins as HTTP/2 does");
    assert_eq!(answer[9 + 3], 7, "GOAWAY");
    assert!(String::from_utf8_lossy(&answer).contains("speaks TLS"), "{answer:?}");
    let plain = poll::until(SOON, async || {
        (told(&server, "mandate_tls_handshakes_total", &[("outcome", "plain")]).await == 2.0).then_some(())
    });
    plain.await.expect("both are counted");
}

/// A greeting of TLS 1.1 (RFC 4346, section 7.4.1.2) is answered by a fatal alert: handshake_failure or protocol_version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_version_is_refused() {
    let files = Files::new();
    let server = files.server().start().await;
    let mut hello = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x09, 1, 0]);
    let answer = exchange(&server, &hello).await;
    assert!(answer.first() == Some(&0x15) && matches!(answer[5..], [2, 40 | 70]), "{answer:?}");
}

/// Whoever is slow holds nobody else up, and is not waited for longer than they may take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_handshake_holds_nobody_up() {
    let files = Files::new();
    let builder = files.server().argument("--tls-handshakes").argument("1");
    let server = builder.argument("--tls-handshake-timeout").argument("5").start().await;
    let mut slow = Vec::new();
    for beginning in [&[][..], &[0x16], &[0x16, 3, 1, 0, 200, 1]].iter().cycle().take(60) {
        let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
        stream.write_all(beginning).await.expect("sent");
        slow.push(stream);
    }
    let owner = Owner::new(&files, &server).await;
    for _ in 0..5 {
        owner.is_allowed(&files.client(&server).build().expect("a client")).await;
    }
    for stream in &mut slow {
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await;
        ended.expect("its time is over").ok();
    }
    let late = poll::until(Duration::from_secs(10), async || {
        (told(&server, "mandate_tls_handshakes_total", &[("outcome", "late")]).await == 60.0).then_some(())
    });
    late.await.expect("all of them are counted");
}
