//! `tests/fuzz consistency_token`.
#![no_main]
#![allow(missing_docs)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mandate_fuzz::consistency_token::run(data));
