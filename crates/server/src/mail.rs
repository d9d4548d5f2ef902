//! `MailService`: what a backend sends to an account's people, and what became of all mail.

use std::sync::Arc;

use mandate_proto::v1;
use mandate_proto::v1::mail_service_server::MailService;
use tonic::{Request, Response, Status};

use crate::caller::Call;
use crate::clock::now_micros;
use crate::convert;
use crate::error::Error;
use crate::facts::Facts;
use crate::writer::write;

/// The service.
#[derive(Clone)]
pub struct Mails {
    facts: Arc<Facts>,
}

impl Mails {
    /// The service on these facts.
    #[must_use]
    pub fn new(facts: Arc<Facts>) -> Self {
        Self { facts }
    }

    async fn list(&self, message: v1::ListOutboxRequest) -> Result<v1::ListOutboxResponse, Error> {
        let convert::mail::ListOutbox { state, paging } = convert::mail::list(message)?;
        let after = paging.after.unwrap_or_default();
        let page = self.facts.store().list_outbox(state, after, paging.limit).await?;
        let next_page_token = paging.next(page.items.last().map(|entry| entry.seq), page.more.into())?;
        let mails = page.items.into_iter().map(convert::mail::to_message).collect();
        Ok(v1::ListOutboxResponse { mails, next_page_token })
    }

    async fn retry(&self, call: &Call, message: v1::RetryMailRequest) -> Result<(), Error> {
        let sequence = convert::mail::retry(message)?;
        match self.facts.store().retry_mail(sequence, call.write.mode(), now_micros()).await? {
            true => Ok(()),
            false => Err(Error::not_found("failed mail", sequence)),
        }
    }
}

#[tonic::async_trait]
impl MailService for Mails {
    async fn send_billing_mail(
        &self,
        request: Request<v1::SendBillingMailRequest>,
    ) -> Result<Response<v1::SendBillingMailResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        let command = convert::mail::billing(message)?;
        let committed = write(&self.facts, &call.write, command).await?;
        let recipients = i32::try_from(committed.plan.mail.len()).unwrap_or(i32::MAX);
        Ok(call.write.answer(v1::SendBillingMailResponse { recipients, ..Default::default() }))
    }

    async fn list_outbox(
        &self,
        request: Request<v1::ListOutboxRequest>,
    ) -> Result<Response<v1::ListOutboxResponse>, Status> {
        Ok(Response::new(self.list(request.into_inner()).await?))
    }

    async fn retry_mail(
        &self,
        request: Request<v1::RetryMailRequest>,
    ) -> Result<Response<v1::RetryMailResponse>, Status> {
        let (call, message) = Call::of_write(request, &self.facts).await?;
        self.retry(&call, message).await?;
        call.write.stands(&self.facts.moment());
        Ok(call.write.answer(v1::RetryMailResponse::default()))
    }
}
