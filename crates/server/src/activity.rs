//! The RPC of `AccountService` that reads the activity log.

use mandate_proto::v1;

use crate::access;
use crate::account::exists;
use crate::caller::Call;
use crate::convert;
use crate::error::Error;
use crate::facts::Facts;
use crate::reads::{About, may_read};

pub(crate) async fn list(
    facts: &Facts,
    call: &Call,
    message: v1::ListActivityRequest,
) -> Result<v1::ListActivityResponse, Error> {
    let convert::activity::ListActivity { account, subject, paging } = convert::activity::list(message)?;
    may_read(facts, call.party, access::LIST_ACTIVITY.person, account, About::Account).await?;
    exists(facts, call.party, account).await?;
    // IX-09: a user's page shows the time before the activation, too.
    let subjects = match subject {
        Some(subject) => Some(facts.store().names_in_activity(account, &subject).await?),
        None => None,
    };
    let page = facts.store().list_activity(account, subjects.as_deref(), paging.after, paging.limit).await?;
    let last = page.items.last().map(|activity| activity.seq);
    let next_page_token = paging.next(last, page.more.into())?;
    let activities = page.items.into_iter().map(convert::activity::to_message).collect();
    Ok(v1::ListActivityResponse { activities, next_page_token })
}
