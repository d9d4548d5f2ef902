//! Compiles proto/mandate/v1 without protoc, and keeps the descriptor set for reflection and tests.

use std::path::PathBuf;
use std::{env, error, fs};

use prost::Message as _;

fn main() -> Result<(), Box<dyn error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let ours = root.join("../../proto");
    let foreign = root.join("third_party");
    let mut files = Vec::new();
    for entry in fs::read_dir(ours.join("mandate/v1"))? {
        files.push(entry?.path());
    }
    files.sort();
    println!("cargo::rerun-if-changed={}", ours.display());
    println!("cargo::rerun-if-changed={}", foreign.display());

    let descriptors = protox::compile(&files, [&ours, &foreign])?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("mandate.bin");
    fs::write(out, descriptors.encode_to_vec())?;
    tonic_prost_build::configure().extern_path(".google.rpc", "::tonic_types").compile_fds(descriptors)?;
    Ok(())
}
