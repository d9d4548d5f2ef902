//! A collector that is away, or takes connections and says nothing, is nobody's trouble.

use std::time::{Duration, Instant};

use mandate_tests::{Scrape, Server, World, on_both_engines, poll};
use tokio::net::TcpListener;

on_both_engines! {
    /// Calls go on as ever, what cannot be sent is counted, and the server ends in good time.
    async fn a_collector_that_is_away(engine: mandate_tests::Engine) {
        // Nobody accepts what is in its backlog.
        let deaf = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("its address");
        for address in [deaf.local_addr().expect("its address"), gone] {
            let builder = Server::builder(engine)
                .argument("--otlp-endpoint")
                .argument(format!("http://{address}"))
                .argument("--trace-sample-ratio")
                .argument("1")
                .argument("--decision-log")
                .argument("otlp")
                .argument("--metrics-listen")
                .argument("127.0.0.1:0");
            let mut world = World::on(builder.start().await);
            let ada = world.person("Ada").await;
            let acme = world.account("organization", &ada).await;
            for _ in 0..200 {
                assert!(world.may(&ada, &acme, "users.view").await.allowed());
            }
            let metrics = world.server().metrics();
            let failed = poll::until(Duration::from_secs(30), async || {
                let scrape = Scrape::of(metrics).await;
                let failed = |signal| {
                    scrape.value("mandate_telemetry_total", &[("signal", signal), ("outcome", "failed")])
                };
                (failed("spans") > 0.0 && failed("decisions") > 0.0).then_some(())
            });
            failed.await.expect("what is not taken is counted");
            let begun = Instant::now();
            world.server_mut().stop().await;
            assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
        }
    }
}
