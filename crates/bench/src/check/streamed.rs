//! Questions on streams that go on.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use mandate_proto::v1::check_stream_response::Result as Outcome;
use mandate_proto::v1::{CheckRequest, CheckResponse, CheckStreamRequest};
use prost::Message as _;

use super::framed;
use super::series::Series;
use super::world::World;
use crate::client::{Client, question};
use crate::facts::OWNERS_ONLY;
use crate::load::capture::{Calls, header_blocks};
use crate::load::{Requests, Shape};
use crate::process::Server;
use crate::reference;

/// Numbers of questions take two bytes each, so that all answers are equally long.
const NUMBERS: std::ops::Range<u64> = 128..16_384;

/// The questions, and how many bytes each is answered with.
pub(super) struct Streamed {
    requests: Requests,
    answer: usize,
}

impl Streamed {
    /// Prepares a question about each membership, and sees that the first ones are answered as they should be.
    ///
    /// # Errors
    /// They are not.
    pub(super) async fn encode(mandate: &Server, token: &str, world: World) -> anyhow::Result<Self> {
        let asked = |check| CheckStreamRequest { correlation_id: NUMBERS.start, check: Some(check) };
        let client = Client::connect(mandate.address, token).await?;
        let mut answer = client.ask_on_a_stream(asked(world.question(1))).await?;
        let expected = reference::answered(asked(world.question(1)));
        if let (Some(Outcome::Response(answer)), Some(Outcome::Response(expected))) =
            (&mut answer.result, &expected.result)
        {
            ensure!(answer.consistency_token.len() == expected.consistency_token.len(), "a longer token");
            answer.consistency_token.clone_from(&expected.consistency_token);
        }
        ensure!(answer == expected, "the reference answers otherwise than {answer:?}");
        let (account, user) = world.membership(0);
        let denied = client.ask_on_a_stream(asked(question(account, user, OWNERS_ONLY))).await?;
        let Some(Outcome::Response(CheckResponse { allowed: false, .. })) = denied.result else {
            anyhow::bail!("a member was allowed what owners may: {denied:?}");
        };
        let headers = header_blocks(mandate.address, Single { token, question: world.question(0) }).await?;
        let numbers = NUMBERS.cycle();
        let questions = numbers
            .zip(world.questions())
            .map(|(correlation_id, check)| CheckStreamRequest { correlation_id, check: Some(check) });
        Ok(Self {
            requests: Requests::encode(headers, 1, questions)?,
            answer: framed(expected.encoded_len()),
        })
    }

    /// The load on a server.
    pub(super) fn series<'a>(&'a self, name: &'static str, server: &'a Server, shape: Shape) -> Series<'a> {
        Series::new(name, server, &self.requests, self.answer, shape).streaming()
    }
}

/// Streams with one question and a token.
struct Single<'a> {
    token: &'a str,
    question: CheckRequest,
}

impl Calls for Single<'_> {
    async fn make(&self, address: SocketAddr, calls: usize) -> anyhow::Result<()> {
        let client = Client::connect(address, self.token).await?;
        for correlation_id in (1..).take(calls) {
            let check = Some(self.question.clone());
            let answer = client.ask_on_a_stream(CheckStreamRequest { correlation_id, check }).await?;
            answer.result.context("an answer without a result")?;
        }
        Ok(())
    }
}
