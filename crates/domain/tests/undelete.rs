//! A deletion can be taken back for 30 days, and not a moment longer.

use mandate_domain::account::{Account, AccountState, Origin};
use mandate_domain::change::Change;
use mandate_domain::command::{Actor, Command};
use mandate_domain::id::AccountId;
use mandate_domain::plan::{Policies, plan};
use mandate_domain::policy::{builtin, compile};
use mandate_domain::records::{HolderCount, Key, Record, Records, Stop};
use mandate_domain::refusal::Refusal;
use mandate_domain::terms::Terms;

const DAY: i64 = 24 * 60 * 60 * 1_000_000;
const DELETED_AT: i64 = 1_000 * DAY;

/// What becomes of an account that an operator takes back so long after its deletion, by the state it was deleted in.
fn undeleted(after: i64, deleted_in: Option<AccountState>) -> Result<Vec<Change>, Stop> {
    let policies: Policies = builtin().iter().filter_map(|(name, text)| compile(name, text).ok()).collect();
    let id = AccountId::from_bits(1);
    let mut records = Records::default();
    let account = Account {
        id,
        policy: "client-area".into(),
        display_name: "Shop".into(),
        state: AccountState::Deleted,
        origin: Origin::Registration,
        attributes: Default::default(),
        groups: Vec::new(),
        created_at: 0,
        updated_at: DELETED_AT,
        deleted_at: Some(DELETED_AT),
        deleted_in,
    };
    records.put(Key::Account(id), Record::Account(Some(account)));
    // Coming back, it has its one owner.
    let one = HolderCount { active: 1, total: 1 };
    records.put(Key::Holders(id, "owner".to_owned(), DELETED_AT + after), Record::Count(one));
    let operator = Actor::Operator { name: "test#operator".into() };
    let command = Command::UndeleteAccount { account: id };
    plan(&policies, &records, &operator, &command, &Terms::default(), DELETED_AT + after)
        .map(|plan| plan.changes)
}

#[test]
fn within_thirty_days_it_is_as_it_was() {
    for after in [0, DAY, 30 * DAY] {
        let changes = undeleted(after, Some(AccountState::Active)).expect("taken back");
        let [Change::Account(account)] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((account.state, account.deleted_at), (AccountState::Active, None));
    }
}

#[test]
fn what_was_suspended_comes_back_suspended() {
    let states = [
        (Some(AccountState::Suspended), AccountState::Suspended),
        (Some(AccountState::Active), AccountState::Active),
        // A row from before this was kept.
        (None, AccountState::Active),
    ];
    for (deleted_in, state) in states {
        let changes = undeleted(DAY, deleted_in).expect("taken back");
        let [Change::Account(account)] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((account.state, account.deleted_in), (state, None));
    }
}

#[test]
fn later_it_is_gone() {
    for after in [30 * DAY + 1, 365 * DAY] {
        let refused = undeleted(after, Some(AccountState::Active));
        assert!(matches!(refused, Err(Stop::Refused(Refusal::WrongState(_)))), "{refused:?}");
    }
}
