//! Cases of `MailService`.

use mandate_proto::v1::{ListOutboxRequest, RetryMailRequest, SendBillingMailRequest};
use prost::Message as _;

use super::case::{Case, Needs};

pub(super) const CASES: &[Case] = &[
    Case::new("/mandate.v1.MailService/SendBillingMail", Needs::Nobody, &["mail.send"], |scene| {
        SendBillingMailRequest {
            account: scene.account.clone(),
            subject: "Invoice".into(),
            text: "Due.".into(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.MailService/ListOutbox", Needs::Nobody, &[], |_| {
        ListOutboxRequest { page_size: 1, ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.MailService/RetryMail", Needs::Nobody, &[], |_| {
        RetryMailRequest { sequence: 1_000_000_000, ..Default::default() }.encode_to_vec()
    }),
];
