//! The file of settings, as somebody meets it on the first day: `mandate config`, and a server that is started with it.

use std::path::{Path, PathBuf};
use std::process::Output;

use mandate_tests::{Engine, Server, on_both_engines};

/// A file of settings for a server of the harness, which knows nothing but its flags.
fn written(server: &Server, name: &str, text: &str) -> PathBuf {
    let file = server.data_dir().join(name);
    std::fs::write(&file, text).expect("a file");
    file
}

/// What a command says on stdout, what on stderr, and how it ends.
fn run(server: &Server, name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> (String, String, i32) {
    let mut command = server.command(name);
    let Output { status, stdout, stderr } =
        command.args(arguments).envs(variables.iter().copied()).output().expect("the command runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (text(stdout), text(stderr), status.code().expect("an exit code"))
}

fn path(file: &Path) -> &str {
    file.to_str().expect("a temporary folder with a name in UTF-8")
}

const WRONG: &str = r#"
listen = "localhost"
stale_limt = 30
policies = "no-such-folder"

[databse]
connections = "many"

[mail]
smtp = "smtps://mailer:hunter2@smtp.example.com:465"
link = "app.example.com/join"

[[issuer]]
issuer = "https://login.example.com/"
audiense = "mandate"
keys = { pem = "none.pem" }
"#;

on_both_engines! {
    /// Everything at once, with file, line, key and what is expected; no secret; nothing is started.
    async fn config_check_says_all_that_is_wrong(server: Server) {
        let file = written(&server, "wrong.toml", WRONG);
        let (said, _, code) = run(&server, "config", &["check", "--config", path(&file)], &[]);
        assert_eq!(code, 1, "{said}");
        for expected in [
            "wrong.toml:2:10: error: listen: \"localhost\" is no address: write IP:PORT, such as 127.0.0.1:50051",
            "wrong.toml:3:1: error: stale_limt: there is no such setting; did you mean `stale_limit`?",
            "wrong.toml:6:2: error: databse: there is no such table; did you mean [database]?",
            "wrong.toml:7:15: error: database.connections: \"many\" is no whole number",
            "wrong.toml:4:1: error: policies: ",
            "no-such-folder",
            "wrong.toml:10:1: error: mail.smtp: --smtp needs --mail-from",
            "wrong.toml:11:1: error: mail.link: --mail-link is the URL of a page",
            "wrong.toml:15:1: error: issuer[0].audiense: is not a key of this table (did you mean `audience`?)",
            "issuer[0].audience: is missing",
            "wrong.toml:16:10: error: issuer[0].keys.pem: the file",
            "10 error(s), 0 warning(s)",
        ] {
            assert!(said.contains(expected), "{expected}\nis not in\n{said}");
        }
        assert!(!said.contains("hunter2"), "{said}");

        // A server says what makes the file unusable, and begins nothing.
        let (_, said, code) = run(&server, "serve", &["--config", path(&file)], &[]);
        assert!(code == 2 && said.contains("did you mean `stale_limit`?") && said.contains("nothing was begun"), "{said}");
    }

    async fn config_check_is_content_with_what_is_right(server: Server) {
        let file = written(&server, "right.toml", "listen = '127.0.0.1:0'\ndata_dir = '.'\n[database]\nconnections = 4\n");
        let variables = [("MANDATE_CONFIG", path(&file)), ("MANDATE_STALE_LIMT", "1")];
        let (said, warned, code) = run(&server, "config", &["check"], &variables);
        assert!(code == 0 && said.contains("0 error(s), 1 warning(s)"), "{said}{warned}");
        assert!(warned.contains("MANDATE_STALE_LIMT sets nothing; did you mean MANDATE_STALE_LIMIT?"), "{warned}");
        let (_, said, code) = run(&server, "config", &["check", "--config", "/no/such/file.toml"], &[]);
        assert_eq!(code, 1, "{said}");
    }

    /// Flag, variable, file, default; passwords are masked; what it prints is a file again.
    async fn config_show_tells_who_said_what(server: Server) {
        let file = written(
            &server,
            "shown.toml",
            "listen = '127.0.0.1:1'\nstale_limit = 10\n[database]\nurl = 'postgres://me:hunter2@db/x'\nconnections = 4\n",
        );
        let arguments = ["show", "--config", path(&file), "--stale-limit", "12"];
        let (said, _, code) = run(&server, "config", &arguments, &[("MANDATE_DATABASE_CONNECTIONS", "5")]);
        assert_eq!(code, 0, "{said}");
        let line = |key: &str| said.lines().find(|line| line.contains(&format!("{key} ="))).expect("a line");
        for (key, value, by) in [
            ("listen", "\"127.0.0.1:1\"", "shown.toml:1"),
            ("stale_limit", "12", "--stale-limit"),
            ("connections", "5", "MANDATE_DATABASE_CONNECTIONS"),
            ("url", "\"postgres://me:***@db/x\"", "shown.toml:4"),
            ("lock_timeout", "5", "default"),
            ("# password_file", "", "not set"),
        ] {
            let line = line(key);
            assert!(line.contains(&format!("{key} = {value}").trim_end().to_owned()) && line.ends_with(by), "{line}");
        }
        assert!(!said.contains("hunter2"), "{said}");
        let again = written(&server, "again.toml", &said);
        let (said, warned, code) = run(&server, "config", &["show", "--config", path(&again)], &[]);
        assert!(code == 0 && said.contains("again.toml:"), "{said}{warned}");
    }

    /// One file for all commands; the flags of a start go before it.
    async fn a_server_and_its_commands_read_the_file(server: Server) {
        let policies = server.data_dir().join("policies");
        std::fs::create_dir(&policies).expect("a folder");
        let file = written(&server, "mandate.toml", "data_dir = '.'\npolicies = 'policies'\nstale_limit = 7\n");
        let variables = [("MANDATE_CONFIG", path(&file))];
        let (token, said, code) = run(&server, "token", &["--subject", "ops"], &variables);
        assert!(code == 0 && token.split('.').count() == 3, "{said}");
        let started = Server::builder(server.engine()).argument("--config").argument(path(&file)).try_start().await;
        started.expect("a server with a file");
        let wrong = written(&server, "typo.toml", "stale_limt = 7\n");
        let refused = Server::builder(server.engine()).argument("--config").argument(path(&wrong)).try_start().await;
        let refused = refused.err().expect("refused");
        assert!(refused.contains("typo.toml:1:1: error: stale_limt") && refused.contains("`stale_limit`"), "{refused}");
    }

    /// What the tables were before and are now; a second time there is nothing to do.
    async fn migrate_tells_the_versions(mut server: Server) {
        let url = server.database_url().to_owned();
        let data = server.data_dir().display().to_string();
        if server.engine() == Engine::Sqlite {
            let (_, said, code) = run(&server, "migrate", &["--data-dir", &data, "--database", &url], &[]);
            assert!(code == 1 && said.contains("another"), "{said}");
        }
        server.stop().await;
        let (said, warned, code) = run(&server, "migrate", &["--data-dir", &data, "--database", &url], &[]);
        assert_eq!(code, 0, "{warned}");
        assert!(said.contains("version before: 00") && !said.contains("applied"), "{said}");
        assert!(said.contains("newest migration 00"), "{said}");
        let fresh = server.data_dir().join("fresh.db").display().to_string();
        let (said, warned, code) = run(&server, "migrate", &["--database", &format!("sqlite:{fresh}")], &[]);
        assert!(code == 0 && said.contains("applied 0001 state") && said.contains("version before: none"), "{said}{warned}");
    }

    async fn completions_name_every_command(server: Server) {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let (script, _, code) = run(&server, "completions", &[shell], &[]);
            assert!(code == 0 && script.contains("config") && script.contains("connection-max-age"), "{shell}");
        }
        let (_, said, code) = run(&server, "completions", &["sh"], &[]);
        assert!(code == 2 && said.contains("bash"), "{said}");
    }
}
