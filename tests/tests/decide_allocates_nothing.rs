//! A decision allocates nothing (DESIGN.md: "a handful of bit operations").
//!
//! It is here and not beside `decide` because an allocator that counts cannot be written without `unsafe`, which the
//! other crates forbid.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[path = "../../crates/domain/tests/decide_support/cases.rs"]
mod cases;
#[allow(dead_code, reason = "shared with tests that say more")]
#[path = "../../crates/domain/tests/decide_support/mod.rs"]
mod decide_support;

use cases::cases;
use decide_support::{Asked, yard};
use mandate_domain::decide::decide;

/// The system's allocator, counting what each thread asks of it.
struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches a thread-local cell that needs no
// initialisation and no destructor, and so allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and the block came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often a piece of work allocates.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ASKED.get();
    work();
    ASKED.get() - before
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(7)))), 1);
}

#[test]
fn no_decision_allocates() {
    let policy = yard();
    let many = (0..200).fold(Asked::about("desk.edit"), |asked, group| asked.seated(group, "watcher"));
    let many = ("two hundred seats", many.seated(200, "warden"));
    let asked = cases().into_iter().map(|(name, asked, _)| (name, asked)).chain([many]);
    for (name, asked) in asked {
        let facts = asked.compiled(&policy);
        let question = facts.question();
        let count = allocations(|| {
            std::hint::black_box(decide(std::hint::black_box(&question)));
        });
        assert_eq!(count, 0, "{name}");
    }
}
