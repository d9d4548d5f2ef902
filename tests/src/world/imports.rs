//! Imports in few words.

use mandate_proto::v1::{Account, ImportMembersRequest, ImportMembersResponse, ImportOutcome};
use prost::Message as _;
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};

use super::{Party, names};

/// A row with modules or permissions alone, to be completed. Its name is its address.
pub fn row(account: &Account, email: &str, grants: &[&str]) -> ImportMembersRequest {
    ImportMembersRequest {
        row_id: email.to_owned(),
        account: account.id.clone(),
        email: email.to_owned(),
        grants: names(grants),
        ..ImportMembersRequest::default()
    }
}

/// What became of each row.
pub fn outcomes(results: &[ImportMembersResponse]) -> Vec<ImportOutcome> {
    results.iter().map(ImportMembersResponse::outcome).collect()
}

/// A result as a call for that row alone would have given it.
pub fn as_call(result: &ImportMembersResponse) -> Result<ImportOutcome, Status> {
    match &result.error {
        None => Ok(result.outcome()),
        Some(error) => {
            let details = error.encode_to_vec().into();
            Err(Status::with_details(Code::from(error.code), error.message.clone(), details))
        }
    }
}

impl Party {
    /// Sends rows and takes all results; the status by which the stream ended, if by one, comes instead.
    pub async fn import(
        &self,
        rows: Vec<ImportMembersRequest>,
    ) -> Result<Vec<ImportMembersResponse>, Status> {
        let answers = self.memberships().import_members(tokio_stream::iter(rows)).await?;
        answers.into_inner().collect::<Result<Vec<_>, _>>().await
    }

    /// Sends one row and takes its result.
    pub async fn import_one(&self, row: ImportMembersRequest) -> Result<ImportOutcome, Status> {
        let results = self.import(vec![row]).await?;
        let [result] = results.as_slice() else { panic!("one result for one row: {results:?}") };
        as_call(result)
    }
}
