use std::path::Path;

use super::{TestKey, load, write};
use crate::auth::{CallerKind, Issuers};

/// The messages for an issuers' file of this text, beside `ed.pem`, `rsa.pem` and `broken.json`.
fn problems(text: &str) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "ed.pem", &TestKey::ed25519().public_pem());
    write(folder.path(), "broken.json", "{\"keys\": {}}");
    write(folder.path(), "empty.json", "{\"keys\": []}");
    let errors = load(folder.path(), text).unwrap_err();
    assert!(errors.to_string().starts_with(&folder.path().join("issuers.toml").display().to_string()));
    errors.problems.into_iter().map(|problem| (problem.key, problem.message)).collect()
}

/// The one message for an otherwise good issuer with these lines changed.
fn problem(lines: &[&str]) -> (String, String) {
    let mut keys = vec![
        "issuer = \"https://login.example.com/\"",
        "audience = \"mandate\"",
        "keys = { pem = \"ed.pem\" }",
    ];
    keys.retain(|line| {
        let key = line.split(' ').next();
        !lines.iter().any(|other| other.split(' ').next() == key)
    });
    keys.extend(lines);
    let found = problems(&format!("[[issuer]]\n{}\n", keys.join("\n")));
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

#[test]
fn a_file_of_every_key_loads() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "rsa.pem", &TestKey::rsa().public_pem());
    let issuers = load(
        folder.path(),
        r#"
        [[issuer]]
        issuer = "https://login.example.com/"
        audience = ["mandate", "https://mandate.example.com"]
        keys = { pem = "rsa.pem" }
        algorithms = ["RS256", "PS512"]
        callers = ["person", "service"]
        leeway_seconds = 300

        [[issuer]]
        issuer = "https://other.example.com/"
        audience = "mandate"
        keys = { jwks_url = "https://other.example.com/jwks.json" }
        "#,
    )
    .unwrap();
    let all: Vec<_> = issuers.iter().collect();
    assert_eq!(all[0].audiences.len(), 2);
    assert_eq!(all[0].leeway_micros, 300_000_000);
    assert_eq!(all[0].callers, [CallerKind::Person, CallerKind::Service]);
    assert_eq!(all[1].callers, [CallerKind::Person]);
    assert_eq!(all[1].leeway_micros, 30_000_000);
}

#[test]
fn each_mistake_names_its_key_and_what_to_do() {
    for (line, key, message) in [
        ("audiance = \"x\"", "issuer[0].audiance", "did you mean `audience`?"),
        ("issuer = \"\"", "issuer[0].issuer", "not empty"),
        ("issuer = \"mandate\"", "issuer[0].issuer", "use another"),
        ("audience = []", "issuer[0].audience", "at least one"),
        ("audience = [\"a\", 1]", "issuer[0].audience[1]", "in quotes"),
        ("algorithms = [\"none\"]", "issuer[0].algorithms[0]", "never accepted"),
        ("algorithms = [\"EdDSA\", \"HS256\"]", "issuer[0].algorithms[1]", "never accepted"),
        ("algorithms = [\"ES265\"]", "issuer[0].algorithms[0]", "did you mean `ES256`?"),
        ("algorithms = [\"RS256\"]", "issuer[0].algorithms", "write algorithms = [\"EdDSA\"]"),
        ("callers = [\"persn\"]", "issuer[0].callers[0]", "did you mean `person`?"),
        ("leeway_seconds = 301", "issuer[0].leeway_seconds", "from 0 to 300"),
        ("leeway_seconds = \"30\"", "issuer[0].leeway_seconds", "whole number"),
        ("keys = \"ed.pem\"", "issuer[0].keys", "must be one of"),
        ("keys = {}", "issuer[0].keys", "exactly one of"),
        ("keys = { pem = \"ed.pem\", jwks = \"a\" }", "issuer[0].keys", "exactly one of"),
        ("keys = { pem = \"none.pem\" }", "issuer[0].keys.pem", "cannot be read"),
        ("keys = { pem = \"broken.json\" }", "issuer[0].keys.pem", "openssl pkey"),
        ("keys = { jwks = \"broken.json\" }", "issuer[0].keys.jwks", "is not a JWKS"),
        ("keys = { jwks = \"empty.json\" }", "issuer[0].keys.jwks", "has no key"),
        ("keys = { jwks_url = \"http://example.com/\" }", "issuer[0].keys.jwks_url", "write https://"),
        (
            "keys = { jwks_url = \"http://127.0.0.1.example.com/\" }",
            "issuer[0].keys.jwks_url",
            "write https://",
        ),
        ("keys = { jwks_url = \"https://u:p@example.com/\" }", "issuer[0].keys.jwks_url", "password"),
        ("keys = { jwks_url = \"ftp://example.com/\" }", "issuer[0].keys.jwks_url", "`ftp`"),
        ("keys = { jwks_url = \"example\" }", "issuer[0].keys.jwks_url", "not a URL"),
    ] {
        let (found_key, found_message) = problem(&[line]);
        assert_eq!(found_key, key, "{line}: {found_message}");
        assert!(found_message.contains(message), "{line}: {found_message}");
    }
}

#[test]
fn a_mistyped_key_source_is_named() {
    let found = problems("[[issuer]]\nissuer = \"i\"\naudience = \"a\"\nkeys = { jwk_url = \"https://a/\" }");
    assert_eq!(found[0].0, "issuer[0].keys.jwk_url");
    assert!(found[0].1.contains("did you mean `jwks_url`?"), "{found:?}");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let found = problems(
        "[[issuers]]\n[[issuer]]\nalgorithms = [\"none\", \"HS512\"]\ncallers = [\"admin\"]\nleeway_seconds = -1\n",
    );
    let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "issuers",
            "issuer[0].issuer",
            "issuer[0].audience",
            "issuer[0].algorithms[0]",
            "issuer[0].algorithms[1]",
            "issuer[0].callers[0]",
            "issuer[0].leeway_seconds",
            "issuer[0].keys",
        ]
    );
}

#[test]
fn an_issuer_is_listed_once() {
    let table = "[[issuer]]\nissuer = \"i\"\naudience = \"a\"\nkeys = { pem = \"ed.pem\" }\n";
    let found = problems(&format!("{table}{table}"));
    assert_eq!(found[0].0, "issuer[1].issuer");
    assert!(found[0].1.contains("listed twice"));
}

#[test]
fn files_that_are_not_issuers_are_refused() {
    assert!(problems("")[0].1.contains("there is no issuer"));
    assert!(problems("issuer = 1")[0].1.contains("there is no issuer"));
    assert!(problems("issuer = [1]")[0].1.contains("must be a table"));
    assert!(problems("issuer = ")[0].1.contains("is not TOML"));
    let missing = Issuers::load(Path::new("does/not/exist.toml")).unwrap_err();
    assert!(missing.to_string().contains("cannot be read"), "{missing}");
}

#[test]
fn short_and_private_keys_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let short = serde_json::json!({"keys": [{"kty": "RSA", "kid": "1", "n": "q".repeat(171), "e": "AQAB"}]});
    write(folder.path(), "short.json", &short.to_string());
    let text = "[[issuer]]\nissuer = \"i\"\naudience = \"a\"\nalgorithms = [\"RS256\"]\nkeys = { jwks = \"short.json\" }";
    let errors = load(folder.path(), text).unwrap_err().to_string();
    assert!(errors.contains("2048 bits"), "{errors}");
    let private = pem::encode(&pem::Pem::new("PRIVATE KEY", vec![1, 2, 3]));
    write(folder.path(), "private.pem", &private);
    let text = text.replace("jwks = \"short.json\"", "pem = \"private.pem\"");
    let errors = load(folder.path(), &text).unwrap_err().to_string();
    assert!(errors.contains("-pubout"), "{errors}");
}
