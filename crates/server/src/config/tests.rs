use std::collections::HashSet;
use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory as _;

use super::environment::Variables;
use super::file::File;
use super::mask::mask;
use super::reference::reference;
use super::{Loaded, Origin, load, settings};
use crate::cli::Cli;

/// What is said against a file of this text, without its name.
fn said(text: &str) -> Vec<String> {
    let file = File::parse(Path::new("m.toml"), text, &settings());
    file.problems.iter().map(|problem| problem.to_string().replace("m.toml:", "")).collect()
}

fn loaded(arguments: &[&str], variables: &[(&str, &str)]) -> Loaded {
    let arguments = ["mandate"].iter().chain(arguments).map(OsString::from).collect();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
    load(&Cli::command(), arguments, &variables.collect()).unwrap()
}

/// A file in a folder of its own.
fn written(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mandate.toml");
    std::fs::write(&file, text).unwrap();
    (folder, file.display().to_string())
}

#[test]
fn every_setting_has_a_key_of_its_own_a_variable_and_a_meaning() {
    let mut paths = HashSet::new();
    for setting in settings() {
        assert!(paths.insert(setting.path()), "{} twice", setting.path());
        let variable = setting.variable().unwrap_or_default();
        assert_eq!(variable, format!("MANDATE_{}", setting.flag().replace('-', "_").to_uppercase()));
        assert!(!setting.help().is_empty(), "{}", setting.path());
        if setting.path().contains("password") {
            assert!(setting.is_path(), "{}: a password stands in a file", setting.path());
        }
    }
    for path in [
        "listen",
        "database.url",
        "database.connections",
        "mail.smtp",
        "mail.from",
        "retention.interval",
        "telemetry.otlp_endpoint",
        "telemetry.log_format",
        "grpc_web.origins",
    ] {
        assert!(paths.contains(path), "{path} in {paths:?}");
    }
    // clap lets a heading go on into whatever is flattened behind it.
    let kept: Vec<_> = paths.iter().filter(|path| path.starts_with("retention.")).collect();
    assert!(kept.iter().all(|path| path.contains(".keep_") || path.ends_with(".interval")), "{kept:?}");
}

#[test]
fn a_mistake_says_where_it_is_and_what_was_meant() {
    for (text, expected) in [
        ("lisen = '127.0.0.1:1'", "1:1: error: lisen: there is no such setting; did you mean `listen`?"),
        ("[databse]\nurl = 'x'", "1:2: error: databse: there is no such table; did you mean [database]?"),
        (
            "[database]\nconections = 3",
            "2:1: error: database.conections: there is no such setting; did you mean `connections`?",
        ),
        (
            "database_url = 'x'",
            "1:1: error: database_url: there is no such setting; write it as `url` under [database]",
        ),
        ("MANDATE_DATABASE = 'x'", "there is no such setting; write it as `url` under [database]"),
        ("smtp = 'x'", "write it as `smtp` under [mail]"),
        ("metrics = 'x'", "did you mean `metrics_listen`?"),
        (
            "[database]\npassword = 'hunter2'",
            "database.password: there is no such setting; did you mean `password_file`?",
        ),
        (
            "[database]\nlisten = '127.0.0.1:1'",
            "`listen` stands at the top of the file, in front of the first [table]",
        ),
        (
            "listen = 50051",
            "1:10: error: listen: \"50051\" is no address: write IP:PORT, such as 127.0.0.1:50051, 0.0.0.0:50051 or [::1]:50051",
        ),
        ("listen = 127.0.0.1:1", "text stands in quotes: listen = \"127.0.0.1:1\""),
        ("listen: '127.0.0.1:1'", "write KEY = VALUE, with = and not :"),
        (
            "database = 'postgres://x'",
            "error: database: there is no such setting; write it as `url` under [database]",
        ),
        ("[listen]\nport = 1", "1:2: error: listen: is no table; expected ADDRESS"),
        (
            "[database]\nconnections = 1",
            "2:15: error: database.connections: \"1\" does not fit: 1 is not in 2..=1000",
        ),
        (
            "[database]\nconnections = 'many'",
            "\"many\" is no whole number: write digits alone, without a unit",
        ),
        (
            "stale_limit = '30s'",
            "\"30s\" is no whole number: write digits alone, without a unit; expected SECONDS",
        ),
        ("workers = 0", "\"0\" is less than 1; expected NUMBER"),
        ("[database]\nconnections = [1, 2]", "takes one value, not a list"),
        ("[retention]\nkeep_activity = 400", "\"400\" is no time from 1s to 36500d: write it with its unit"),
        (
            "[smtp]\nurl = 'x'",
            "1:2: error: smtp: is no table, but a setting; write it as `smtp` under [mail]; expected URL",
        ),
        ("[mail]\nretry = '30s'", "\"30s\" is no number of seconds from 0.001 to 21600; expected SECONDS"),
        ("[retention]\nkeep_feed = 2026-01-01", "is a date or a time; write it in quotes if that is meant"),
        ("[[issuers]]\nissuer = 'x'", "the table of an issuer is written [[issuer]]"),
    ] {
        let said = said(text);
        assert!(said.len() == 1 && said[0].contains(expected), "{text}\n{said:#?}\nwanted: {expected}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_their_order() {
    let said =
        said("lisen = 1\nworkers = 0\n\n[databse]\nconnections = 'many'\n[mail]\nfrm = 'x'\nattempts = 0\n");
    let starts: Vec<_> = said.iter().map(|line| line.split(": ").nth(2).unwrap_or_default()).collect();
    assert_eq!(
        starts,
        ["lisen", "workers", "databse", "database.connections", "mail.frm", "mail.attempts"],
        "{said:#?}"
    );
    assert!(said[1].starts_with("2:11: "), "{said:#?}");
}

#[test]
fn the_keys_of_a_table_that_nobody_knows_are_told_where_they_belong() {
    let said = said("[server]\nlisten = 'x'\nmetrics = 'x'\nconnections = 5\n");
    for (said, expected) in said.iter().zip([
        "1:2: error: server: there is no such table; the tables are [overload], [database], ",
        "2:1: error: server.listen: there is no such setting; `listen` stands at the top of the file",
        "3:1: error: server.metrics: there is no such setting; ",
        "4:1: error: server.connections: there is no such setting; write it as `connections` under [database]",
    ]) {
        assert!(said.starts_with(expected), "{said}\nwanted: {expected}");
    }
    assert_eq!(said.len(), 4, "{said:#?}");
    // All of what was written says more than its last word.
    for (text, expected) in [
        (
            "[otlp]\nendpoint = 'x'",
            "otlp.endpoint: there is no such setting; write it as `otlp_endpoint` under [telemetry]",
        ),
        (
            "[metrics]\nlisten = 'x'",
            "metrics.listen: there is no such setting; `metrics_listen` stands at the top",
        ),
    ] {
        let said = super::tests::said(text);
        assert!(said.len() == 2 && said[1].contains(expected), "{said:#?}\nwanted: {expected}");
    }
}

#[test]
fn a_secret_is_not_repeated() {
    let said = said("[database]\nurl = ['postgres://me:hunter2@db/x']\n[mail]\nsmtp = 1979-01-01");
    assert!(said.len() == 2 && !said.join("").contains("hunter2"), "{said:?}");
    for (whole, shown) in [
        (
            "postgres://me:hunter2@db:1,two:2/x?sslmode=require",
            "postgres://me:***@db:1,two:2/x?sslmode=require",
        ),
        ("postgres://me:hun@ter/2@db/x", "postgres://me:***@db/x"),
        ("postgres://db/x?user=me&password=hunter2", "postgres://db/x?user=me&password=***"),
        ("smtps://me@host:465", "smtps://me@host:465"),
        ("sqlite:data/x.db", "sqlite:data/x.db"),
        ("me:hunter2@db", "***"),
    ] {
        assert_eq!(mask(whole), shown);
    }
}

#[test]
fn a_flag_goes_before_a_variable_and_that_before_the_file() {
    let (_folder, file) =
        written("listen = '127.0.0.1:1'\nstale_limit = 1\nworkers = 1\n[database]\nconnections = 7\n");
    let variables =
        [("MANDATE_CONFIG", file.as_str()), ("MANDATE_STALE_LIMIT", "2"), ("MANDATE_WORKERS", "2")];
    let loaded = loaded(&["serve", "--workers", "3"], &variables);
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    assert_eq!(loaded.origin("workers"), &Origin::Flag);
    assert_eq!(loaded.origin("stale_limit"), &Origin::Variable("MANDATE_STALE_LIMIT".to_owned()));
    assert!(matches!(loaded.origin("listen"), Origin::File(_, place) if place.line == 1));
    assert_eq!(loaded.origin("data_dir"), &Origin::Default);
    let told: Vec<_> = loaded.arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let config = format!("--config={file}");
    let first = ["mandate", "serve", &config, "--listen=127.0.0.1:1", "--stale-limit=2"];
    assert_eq!(told[..5], first);
    assert_eq!(told[5..], ["--database-connections=7", "--workers", "3"]);
}

#[test]
fn a_path_is_relative_to_the_file_that_names_it() {
    let (folder, file) = written("data_dir = 'data'\n[database]\npassword_file = '/run/secret'\n");
    let loaded = loaded(&["token", "--subject", "x", "--config", &file], &[]);
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    let data = format!("--data-dir={}", folder.path().join("data").display());
    assert!(loaded.arguments.contains(&OsString::from(data)), "{:?}", loaded.arguments);
}

#[test]
fn variables_are_judged_together_and_unknown_ones_told() {
    let variables = [
        ("MANDATE_LISTEN", "nowhere"),
        ("MANDATE_WORKERS", "0"),
        ("MANDATE_STALE_LIMIT", ""),
        ("MANDATE_DATABSE", "x"),
        ("MANDATE_LOG", "info"),
        ("MANDATE_TEST_POSTGRES", "x"),
        ("MANDATE_SERVICE_HOST", "10.0.0.1"),
        ("MANDATE_PORT", "tcp://10.0.0.1:50051"),
        ("MANDATE_TOKEN", "x"),
    ];
    let loaded = loaded(&["serve"], &variables);
    let said: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(
        said[0].starts_with("environment: error: MANDATE_LISTEN: \"nowhere\" is no address"),
        "{said:#?}"
    );
    assert_eq!(
        loaded.warnings,
        ["the variable MANDATE_DATABSE sets nothing; did you mean MANDATE_DATABASE?"]
    );
}

#[test]
fn a_command_without_settings_reads_no_file() {
    let none = [("MANDATE_CONFIG", "/nowhere/at/all.toml"), ("MANDATE_LISTEN", "nowhere")];
    assert!(loaded(&["policy", "list"], &none).problems.is_empty());
    assert_eq!(loaded(&["token", "--subject", "x"], &none).problems.len(), 1);
}

/// The keys of the file as text in Markdown, for people: `INSTA_UPDATE=always` writes it anew.
#[test]
fn the_reference_is_the_committed_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../CONFIGURATION.md");
    let now = reference(&Cli::command());
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&file, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == now,
        "CONFIGURATION.md is not what `mandate config reference` prints; write it anew with INSTA_UPDATE=always"
    );
}

#[test]
fn variables_that_are_empty_are_not_set() {
    let variables: Variables = [("MANDATE_X".to_owned(), OsString::new())].into_iter().collect();
    assert_eq!(variables.get("MANDATE_X"), None);
}
