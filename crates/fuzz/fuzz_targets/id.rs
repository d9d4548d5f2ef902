//! `tests/fuzz id`.
#![no_main]
#![allow(missing_docs)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mandate_fuzz::id::run(data));
