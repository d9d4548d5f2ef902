//! `tests/fuzz page_token`.
#![no_main]
#![allow(missing_docs)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mandate_fuzz::page_token::run(data));
