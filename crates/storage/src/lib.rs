//! Mandate's state on SQLite (the embedded default) and PostgreSQL.
//!
//! A write is [`Store::prepare`] and [`Prepared::commit`]: what the command's rules judge is locked and read,
//! the plan is made by `mandate_domain`, and its changes go to their tables, to the change feed and to the
//! activity log, and its mail to the outbox, in one transaction. Dropping what was prepared leaves nothing behind, which is what
//! `validate_only` does (`preview.rs`). A read is one snapshot.
//!
//! Both engines run the same SQL; where they differ, a `match` over the engine shows it (`tx.rs` has the
//! macros). One file per noun holds everything that touches its tables; `migrations/` holds the tables.
//!
//! Architecture invariant: nothing here decides. No rule of a policy, no permission, no limit is known to
//! this crate; it reads what a plan asks for and writes what the plan says.

mod account;
mod activity;
mod apply;
mod assignment;
mod batch;
mod contact;
mod credential;
mod error;
mod exclusive;
mod export;
mod feed;
mod follow;
mod group;
mod group_list;
mod holders;
mod hosts;
mod incarnation;
mod invitation;
mod json;
mod keys;
mod last_active;
mod line;
mod list;
mod locks;
mod look_up;
mod member_list;
mod membership;
mod migrations;
mod open;
mod outbox;
mod people;
mod places;
mod policy;
mod policy_change;
mod policy_members;
mod position;
mod preview;
mod question;
mod read;
mod request;
mod resource;
mod retention;
pub mod sabotage;
mod search;
mod session;
mod statement;
mod stats;
mod transaction;
mod tx;
mod user;
mod wake;
mod watch;
mod write;
mod writes;

pub use account::AccountsOf;
pub use activity::Activity;
pub use assignment::Carried;
pub use batch::{BatchItem, Judged, PreparedBatch, Then};
pub use contact::ContactRecords;
pub use error::{StoreError, WriteError};
pub use export::UserExport;
pub use feed::{FeedEntry, FeedRow, rounded};
pub use follow::{Followed, Follower, News, Polled};
pub use group_list::{Candidate, Candidates, GroupUser, GroupsOf, MissingHolder};
pub use invitation::InvitationFilter;
pub use last_active::{Active, SignedIn};
pub use list::Page;
pub use look_up::{
    AccountRecords, Held, Holders, MemberRecords, Places, Reading, ResourceRecords, Walked, Way,
};
pub use member_list::{Member, MemberFilter, MemberProfile};
pub use migrations::Migrated;
pub use open::{OpenOptions, Store};
pub use outbox::{ClaimedMail, MailState, OutboxEntry, Settled};
pub use people::KnownContact;
pub use policy::{NameInUse, NameKind, PolicySource, StoredPolicy};
pub use policy_change::{APPLY, Applied, NewVersion, PreparedVersion};
pub use policy_members::{PlaceIn, PolicyMembers, Profile};
pub use position::{Position, Snapshot, Transaction};
pub use preview::Effects;
pub use question::QuestionRecords;
pub use request::{KEPT as REQUESTS_KEPT, RequestKey};
pub use retention::{FORGOTTEN_AT_ONCE, Forgotten, Kept};
pub use session::Refreshed;
pub use stats::{Connections, OutboxDepth};
pub use wake::Listener;
pub use watch::{FeedError, FeedPage, Walk};
pub use write::{Committed, Mode, Order, Prepared, Previewed, Written};
