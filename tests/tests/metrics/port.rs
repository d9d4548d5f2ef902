//! The port for operators by itself: what is there, and that nobody keeps others from it.

use std::time::{Duration, Instant};

use mandate_tests::{http, on_both_engines};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::Watched;

on_both_engines! {
    /// A server that runs is healthy and ready; what is not there is told.
    async fn health_and_readiness_are_served(watched: Watched) {
        let port = watched.world.server().metrics();
        for path in ["/healthz", "/readyz"] {
            let reply = http::get(port, path).await;
            assert_eq!((reply.status, reply.body.as_str()), (200, "ok\n"), "{path}");
        }
        let reply = http::get(port, "/").await;
        assert_eq!(reply.status, 404);
        assert!(reply.body.contains("/metrics"), "{reply:?}");
        let reply = http::send(port, &format!("HEAD /metrics HTTP/1.1\r\nHost: {port}\r\n\r\n")).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
        let reply = http::send(port, &format!("DELETE /metrics HTTP/1.1\r\nHost: {port}\r\n\r\n")).await;
        assert_eq!((reply.status, reply.headers["allow"].as_str()), (405, "GET, HEAD"));
    }

    /// A request whose head has no end, a body that nobody asked for, and clients who connect and say nothing: others
    /// are answered.
    async fn nobody_keeps_others_from_it(watched: Watched) {
        let port = watched.world.server().metrics();
        let long = "x".repeat(100_000);
        let reply = http::send(port, &format!("GET /healthz HTTP/1.1\r\nHost: {port}\r\nX-Long: {long}\r\n\r\n")).await;
        assert_eq!(reply.status, 431);
        let mut silent = Vec::new();
        for _ in 0..100 {
            let mut socket = TcpStream::connect(port).await.expect("a connection");
            socket.write_all(b"POST /metrics HTTP/1.1\r\nContent-Le").await.expect("sent");
            silent.push(socket);
        }
        let asked = Instant::now();
        assert_eq!(http::get(port, "/healthz").await.status, 200);
        assert!(asked.elapsed() < Duration::from_secs(15), "after {:?}", asked.elapsed());
        // The port of the service is not their concern.
        watched.world.person("Ada").await;
    }
}
