//! Compiles proto/mandate/v1 without protoc, and keeps the descriptor set for reflection and tests.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, error, fs};

use prost::Message as _;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// The fields of writes that hold secrets. The protos mark them `debug_redact`, which prost's descriptors leave out.
const SECRETS: &[&str] = &["password", "old_password", "new_password", "token"];

fn main() -> Result<(), Box<dyn error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let ours = root.join("../../proto");
    let foreign = root.join("third_party");
    let mut files = Vec::new();
    for entry in fs::read_dir(ours.join("mandate/v1"))? {
        files.push(entry?.path());
    }
    files.sort();
    println!("cargo::rerun-if-changed={}", ours.join("mandate").display());
    println!("cargo::rerun-if-changed={}", foreign.display());

    let descriptors = protox::compile(&files, [&ours, &foreign])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("mandate.bin"), descriptors.encode_to_vec())?;
    fs::write(out.join("write.rs"), writes(&descriptors)?)?;
    fs::write(out.join("unary.rs"), unaries(&descriptors)?)?;
    tonic_prost_build::configure()
        .extern_path(".google.rpc", "::tonic_types")
        // Equal messages have equal bytes: a retry is told from another request by them.
        .btree_map(".")
        .compile_fds(descriptors)?;
    Ok(())
}

/// The implementations of `WriteRequest` and `WriteResponse`.
fn writes(descriptors: &FileDescriptorSet) -> Result<String, Box<dyn error::Error>> {
    let mut code = String::new();
    let ours = descriptors.file.iter().filter(|file| file.package() == "mandate.v1");
    for message in ours.flat_map(|file| &file.message_type) {
        if has(message, "request_id") {
            request(&mut code, message)?;
        }
        if has(message, "more_effects") {
            response(&mut code, message)?;
        }
    }
    Ok(code)
}

/// The implementations of `Unary`.
fn unaries(descriptors: &FileDescriptorSet) -> Result<String, Box<dyn error::Error>> {
    let mut code = String::new();
    let ours: Vec<_> = descriptors.file.iter().filter(|file| file.package() == "mandate.v1").collect();
    let message = |name: &str| {
        let name = name.rsplit('.').next().unwrap_or_default();
        let found = ours.iter().flat_map(|file| &file.message_type).find(|message| message.name() == name);
        found.ok_or_else(|| format!("no message {name}"))
    };
    for service in ours.iter().flat_map(|file| &file.service) {
        for method in &service.method {
            if !method.client_streaming() && !method.server_streaming() {
                let (request, response) = (message(method.input_type())?, message(method.output_type())?);
                unary(
                    &mut code,
                    &format!("/mandate.v1.{}/{}", service.name(), method.name()),
                    request,
                    response,
                )?;
            }
        }
    }
    Ok(code)
}

/// How RPCs that change nothing begin.
const READS: &[&str] = &["Check", "BatchCheck", "Get", "List", "Lookup", "Export"];

fn unary(
    code: &mut String,
    path: &str,
    request: &DescriptorProto,
    response: &DescriptorProto,
) -> Result<(), Box<dyn error::Error>> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let repeatable = match () {
        () if has(request, "request_id") => "WithRequestId",
        () if READS.iter().any(|read| name.starts_with(read)) => "Always",
        () => "Never",
    };
    let (request_name, response_name) = (request.name(), response.name());
    write!(
        code,
        "impl Unary for v1::{request_name} {{\n    type Response = v1::{response_name};\n    \
         const PATH: &'static str = \"{path}\";\n    const REPEATABLE: Repeatable = Repeatable::{repeatable};\n"
    )?;
    if has(request, "request_id") {
        writeln!(
            code,
            "    fn request_id(&mut self) -> Option<&mut String> {{\n        Some(&mut self.request_id)\n    }}"
        )?;
    }
    if has(request, "consistency") {
        writeln!(
            code,
            "    fn consistency(&mut self) -> Option<&mut Option<v1::Consistency>> {{\n        Some(&mut self.consistency)\n    }}"
        )?;
    }
    if has(response, "consistency_token") {
        writeln!(
            code,
            "    fn token_of(response: &Self::Response) -> &str {{\n        &response.consistency_token\n    }}"
        )?;
    }
    writeln!(code, "}}\n")?;
    Ok(())
}

fn has(message: &DescriptorProto, name: &str) -> bool {
    message.field.iter().any(|field| field.name() == name)
}

fn request(code: &mut String, message: &DescriptorProto) -> Result<(), Box<dyn error::Error>> {
    let name = message.name();
    let rpc = name.strip_suffix("Request").ok_or("a message with request_id must be an RPC's request")?;
    let text = |field: &str| match has(message, field) {
        true => format!("&self.{field}"),
        false => "\"\"".to_owned(),
    };
    write!(
        code,
        "impl WriteRequest for v1::{name} {{\n    const RPC: &'static str = \"{rpc}\";\n\n    \
         fn terms(&self) -> WriteTerms<'_> {{\n        WriteTerms {{ request_id: &self.request_id, \
         validate_only: self.validate_only, etag: {}, override_reason: {} }}\n    }}\n\n    \
         fn comparable(&self) -> Vec<u8> {{\n",
        text("etag"),
        text("override_reason"),
    )?;
    let secrets: Vec<&FieldDescriptorProto> =
        message.field.iter().filter(|field| SECRETS.contains(&field.name())).collect();
    if secrets.is_empty() {
        writeln!(code, "        self.encode_to_vec()")?;
    } else {
        writeln!(code, "        let mut told = self.clone();")?;
        for secret in secrets {
            writeln!(code, "        told.{} = String::new();", secret.name())?;
        }
        writeln!(code, "        told.encode_to_vec()")?;
    }
    writeln!(code, "    }}\n}}\n")?;
    Ok(())
}

fn response(code: &mut String, message: &DescriptorProto) -> Result<(), Box<dyn error::Error>> {
    let name = message.name();
    writeln!(
        code,
        "impl WriteResponse for v1::{name} {{\n    fn tell(&mut self, effects: Vec<v1::Effect>, more: bool) {{\n        \
         self.effects = effects;\n        self.more_effects = more;\n    }}\n\n    fn mark(&mut self, token: String) {{\n        \
         self.consistency_token = token;\n    }}\n}}\n"
    )?;
    Ok(())
}
