use mandate_domain::policy::set::{PermissionId, PermissionSet};

use super::*;

fn context() -> Context {
    Context { policies: ArcSwap::from_pointee(Policies::default()), grants: GrantSets::default() }
}

#[test]
fn members_come_out_as_they_went_in() {
    let context = context();
    let grants: PermissionSet = [3, 70, 500].map(PermissionId).into_iter().collect();
    for state in [MemberState::Active, MemberState::Suspended, MemberState::Pending] {
        for (grants, fits_policy) in [(PermissionSet::EMPTY, true), (grants, false)] {
            let fact = MemberFact {
                state,
                roles: Mask(u64::MAX - 5),
                grants,
                restrictions: Mask(1 << 63 | 2),
                fits_policy,
            };
            let noticed = Noticed { since: 1_800_000_000_000_000, minute: 30_000_001 };
            let packed = MemberEntry::pack(Some(&MemberEntry::noticed_before(fact, noticed)), &context);
            let entry = MemberEntry::unpack(&packed.unwrap(), &context).unwrap().unwrap();
            assert_eq!((entry.fact, entry.noticed()), (fact, noticed));
        }
    }
}

#[test]
fn that_there_is_no_such_thing_is_told_from_everything_else() {
    let context = context();
    let packed = [AccountEntry::pack(None, &context).unwrap(), UserFact::pack(None, &context).unwrap()];
    assert!(AccountEntry::unpack(&packed[0], &context).unwrap().is_none());
    assert!(UserFact::unpack(&packed[1], &context).unwrap().is_none());
    let packed = MemberEntry::pack(None, &context).unwrap();
    assert!(MemberEntry::unpack(&packed, &context).unwrap().is_none());
}

#[test]
fn a_user_with_one_seat_is_packed_and_with_more_is_not() {
    let context = context();
    let seat = |number, role: &str| GroupSeat { group: GroupId::from_bits(number), role: role.to_owned() };
    let (most, long) = ("a".repeat(NAME), "a".repeat(NAME + 1));
    for (seats, fits) in [
        (vec![], true),
        (vec![seat(u128::MAX - 1, "administrator")], true),
        (vec![seat(1, &most)], true),
        (vec![seat(1, "größe")], true),
        (vec![seat(1, &long)], false),
        (vec![seat(1, "a"), seat(2, "a")], false),
    ] {
        for state in [UserState::Active, UserState::Suspended] {
            let fact = UserFact { state, seats: seats.clone() };
            let packed = UserFact::pack(Some(&fact), &context);
            assert_eq!(packed.is_some(), fits, "{fact:?}");
            if let Some(packed) = packed {
                assert_eq!(UserFact::unpack(&packed, &context).unwrap(), Some(fact));
            }
        }
    }
}

#[test]
fn an_account_is_packed_with_the_place_of_its_policy() {
    let file = include_str!("../../../domain/policies/managed-accounts.yaml");
    let policy = mandate_domain::policy::check("managed-accounts.yaml", file).policy.unwrap();
    let context = Context {
        policies: ArcSwap::from_pointee([policy].into_iter().collect()),
        grants: GrantSets::default(),
    };
    let policy = Arc::clone(context.policies.load().at(0).unwrap());
    for state in [AccountState::Active, AccountState::Suspended, AccountState::Deleted] {
        for (groups, fits) in [(vec![], true), (vec![7], true), (vec![7, 8], false)] {
            let unmet = Mask(0b101);
            let fact = AccountFact {
                state,
                groups: groups.into_iter().map(GroupId::from_bits).collect(),
                unmet,
                idle_roles: Mask(6),
                idle_group_roles: Mask(1 << 40),
                idle_resource_roles: AccountFact::idle_resource_roles(&policy, unmet),
            };
            let entry = AccountEntry { policy: Some(Arc::clone(&policy)), fact };
            let packed = AccountEntry::pack(Some(&entry), &context);
            assert_eq!(packed.is_some(), fits);
            if let Some(packed) = packed {
                let found = AccountEntry::unpack(&packed, &context).unwrap().unwrap();
                assert_eq!(
                    (found.policy.unwrap().name.as_str(), found.fact),
                    (policy.name.as_str(), entry.fact)
                );
            }
        }
    }
    let fact = AccountFact {
        state: AccountState::Active,
        groups: Vec::new(),
        unmet: Mask::ALL,
        idle_roles: Mask::ALL,
        idle_group_roles: Mask::ALL,
        idle_resource_roles: Vec::new(),
    };
    let without = AccountEntry { policy: None, fact };
    assert!(AccountEntry::pack(Some(&without), &context).is_none(), "without its policy it is kept as it is");
}
