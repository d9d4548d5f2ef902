use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

type Small = Table<2, 3>;

fn value(number: u64) -> Packed<3> {
    Packed {
        small: u32::try_from(number & 0xff_ffff).unwrap(),
        words: [number, !number, number.rotate_left(7)],
    }
}

fn key(number: u64) -> [u64; 2] {
    [number, number.wrapping_mul(0x9e37_79b9_7f4a_7c15)]
}

#[test]
fn what_was_put_in_is_found_however_many_there_are() {
    let table = Small::new(1 << 30);
    for number in 0..100_000 {
        table.insert(&key(number), &value(number));
    }
    let look = table.look();
    let lost = (0..100_000).filter(|number| look.get(&key(*number)) != Some(value(*number))).count();
    assert_eq!(lost, 0);
    assert_eq!(look.get(&key(100_000)), None);
    let Extent { entries, bytes, evictions, .. } = table.extent();
    assert_eq!((entries, evictions), (100_000, 0));
    assert!(bytes / entries < 170, "{bytes} bytes for {entries} entries");
}

#[test]
fn a_newer_entry_takes_the_place_of_the_older_and_what_is_taken_out_is_gone() {
    let table = Small::new(1 << 20);
    table.insert(&key(1), &value(1));
    table.insert(&key(1), &value(2));
    assert_eq!((table.look().get(&key(1)), table.extent().entries), (Some(value(2)), 1));
    table.exchange(&key(1), 0, 1, 9);
    assert_eq!(table.look().get(&key(1)), Some(value(2)), "it was not what it was said to be");
    table.exchange(&key(1), 0, 2, 9);
    assert_eq!(table.look().get(&key(1)).map(|found| found.words[0]), Some(9));
    table.remove(&key(1));
    table.remove(&key(1));
    assert_eq!((table.look().get(&key(1)), table.extent().entries), (None, 0));
    table.insert(&key(1), &value(3));
    table.clear();
    assert_eq!((table.look().get(&key(1)), table.extent().entries), (None, 0));
}

/// What is taken out leaves slots that nobody uses; they must not pile up, nor be taken for full.
#[test]
fn entries_come_and_go_without_end() {
    let table = Small::new(1 << 20);
    for number in 0..50_000 {
        table.insert(&key(number), &value(number));
        if number >= 500 {
            table.remove(&key(number - 500));
        }
    }
    let look = table.look();
    assert!((49_500..50_000).all(|number| look.get(&key(number)) == Some(value(number))));
    let Extent { entries, bytes, evictions, .. } = table.extent();
    assert_eq!((entries, evictions), (500, 0));
    assert!(bytes < 1 << 18, "{bytes} bytes");
}

#[test]
fn what_is_looked_at_stays_when_there_is_no_more_room() {
    let table = Small::new(1 << 20);
    let most = u64::try_from(crowded(table.most)).unwrap();
    let wanted = most / 4;
    (0..wanted).for_each(|number| table.insert(&key(number), &value(number)));
    for number in wanted..10 * most {
        table.insert(&key(number), &value(number));
        if number.is_multiple_of(wanted) {
            (0..wanted).for_each(|number| {
                table.look().get(&key(number));
            });
        }
    }
    let Extent { entries, bytes, capacity, evictions } = table.extent();
    assert!(u64::try_from(entries).unwrap() <= most + most / 100, "{entries} entries, {most} may be");
    assert!(bytes <= capacity + WINDOW * size_of::<Slot<2, 3>>(), "{bytes} bytes, {capacity} may be");
    assert_eq!(u64::try_from(entries).unwrap() + evictions, 10 * most);
    let look = table.look();
    let kept = (0..wanted).filter(|number| look.get(&key(*number)) == Some(value(*number))).count();
    let kept = u64::try_from(kept).unwrap();
    assert!(kept > wanted * 9 / 10, "{kept} of {wanted} that were looked at all the time");
}

/// One writes, changes, takes out and moves; others look meanwhile, and never see a mixture of two entries.
#[test]
fn nobody_sees_half_of_an_entry() {
    const KEYS: u64 = 3_000;
    let (table, ended) = (Small::new(1 << 20), AtomicBool::new(false));
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                let mut seen = 0_u64;
                while !ended.load(Ordering::Relaxed) {
                    let look = table.look();
                    for number in 0..KEYS {
                        let Some(found) = look.get(&key(number)) else { continue };
                        assert_eq!(found, value(found.words[0]), "of {number}");
                        assert_eq!(found.words[0] % KEYS, number, "an entry under another's key");
                        seen += 1;
                    }
                }
                assert!(seen > 0);
            });
        }
        for round in 0..100 {
            for number in 0..KEYS {
                table.insert(&key(number), &value(number + round * KEYS));
                if (number + round) % 7 == 0 {
                    table.remove(&key(number));
                }
            }
            if round % 20 == 19 {
                table.clear();
            }
        }
        ended.store(true, Ordering::Relaxed);
    });
}
