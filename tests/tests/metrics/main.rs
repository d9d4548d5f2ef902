//! What a server tells of itself: its metrics, scraped as Prometheus does it, and whether it is ready.

mod counts;
mod deploy;
mod following;
mod labels;
mod port;

use mandate_tests::{Engine, Fixture, Scrape, Server, World};

/// A world whose server has a port for operators.
struct Watched {
    world: World,
}

impl Fixture for Watched {
    async fn prepare(engine: Engine) -> Self {
        let builder = Server::builder(engine).argument("--metrics-listen").argument("127.0.0.1:0");
        Self { world: World::on(builder.start().await) }
    }
}

impl Watched {
    async fn scrape(&self) -> Scrape {
        Scrape::of(self.world.server().metrics()).await
    }
}
