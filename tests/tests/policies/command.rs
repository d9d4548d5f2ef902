//! `mandate policy apply`, `list`, `versions`, `get`, `rollback` and `diff`, run as a person at a terminal runs them.

use std::process::Command;

use mandate_tests::programs::{program, run};
use mandate_tests::{Server, on_both_engines};

use crate::applying::Shop;
use crate::{permitted, set, with_roles, workshop};

/// Runs `mandate policy ARGUMENTS` against the server with an operator's token: the exit code and what it printed.
pub(crate) fn policy(server: &Server, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = server.command("policy");
    command.args(arguments).arg("--endpoint").arg(format!("http://{}", server.address()));
    command.env("MANDATE_TOKEN", server.token("desk", &["platform.operator"]));
    run(&mut command)
}

/// Assertions need no server: those that do not hold are told, and make the command fail.
#[test]
fn assertions_are_run_beside_a_policy() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("workshop.yaml"), workshop(&["tools.view"])).expect("a policy");
    let tests = folder.path().join("workshop.tests.yaml");
    let assertions = "policy: workshop\nmembers: { will: { roles: worker } }\ntests:\n  - says: workers look\n    \
                      expect: { who: will, may: [tools.view, tools.buy] }\n";
    std::fs::write(&tests, assertions).expect("assertions");
    let mandate = |command: &str| run(Command::new(program("mandate")).args(["policy", command]).arg(&tests));
    let (code, printed, all) = mandate("test");
    assert_eq!(code, Some(1), "{all}");
    assert!(
        printed.contains("will: tools.buy\n  - expected: allowed\n  + found:    denied (not_granted)"),
        "{all}"
    );
    assert!(printed.ends_with("1 file(s), 1 passed, 1 failed\n"), "{all}");
    assert_eq!(mandate("check").0, Some(0), "nothing is misspelt");
    std::fs::write(&tests, assertions.replace(", tools.buy", "")).expect("assertions");
    assert_eq!(mandate("test").0, Some(0));
    std::fs::write(&tests, assertions.replace("tools.buy", "tools.bye")).expect("assertions");
    for command in ["test", "check"] {
        let (code, printed, all) = mandate(command);
        assert!(code == Some(1) && printed.contains("no permission `tools.bye`"), "{all}");
    }
    // A folder of policies may hold assertions.
    let (code, _, all) = run(Command::new(program("mandate"))
        .args(["policy", "diff"])
        .args([folder.path().join("workshop.yaml").as_os_str(), "client-area".as_ref()]));
    assert_eq!(code, Some(0), "{all}");
}

on_both_engines! {
    async fn a_policy_is_looked_at_applied_and_rolled_back(shop: Shop) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("workshop.yaml");
        std::fs::write(&file, workshop(&["tools.buy"])).expect("a policy");
        let file = file.to_str().expect("UTF-8");

        for arguments in [&["diff", file][..], &["apply", file, "--validate-only"]] {
            let (code, printed, all) = policy(shop.world.server(), arguments);
            assert_eq!(code, Some(0), "{all}");
            let line = format!("{} {} gains tools.buy; loses tools.view", shop.account.id, shop.worker.id);
            for expected in ["What worker holds\n  + tools.buy (yes)\n  - tools.view (yes)", &line, "1 x gains", "nothing was changed"] {
                assert!(printed.contains(expected), "{expected}: {all}");
            }
        }
        let (code, printed, all) = policy(shop.world.server(), &["apply", file, "--after", "1"]);
        assert_eq!((code, printed.ends_with("workshop: version 2 is in force\n")), (Some(0), true), "{all}");
        assert_eq!(permitted(&shop.world, &shop.worker, &shop.account).await, set(&["tools.buy"]));
        let (_, printed, all) = policy(shop.world.server(), &["list"]);
        assert!(printed.contains("workshop\t2\t") && printed.contains("terminal\t1\t"), "{all}");
        let (_, printed, all) = policy(shop.world.server(), &["versions", "workshop"]);
        assert_eq!(printed.lines().count(), 2, "{all}");
        assert!(printed.lines().all(|line| line.contains("#desk") || line.contains("operator")), "{all}");
        let (_, printed, all) = policy(shop.world.server(), &["get", "workshop", "--version", "1"]);
        assert_eq!(printed.trim(), workshop(&["tools.view"]).trim(), "{all}");
        let (code, _, all) = policy(shop.world.server(), &["apply", file, "--after", "1"]);
        assert_eq!(code, Some(1), "{all}");
        let (code, printed, all) = policy(shop.world.server(), &["rollback", "workshop", "1"]);
        assert_eq!((code, printed.ends_with("version 3 is in force\n")), (Some(0), true), "{all}");
        assert_eq!(permitted(&shop.world, &shop.worker, &shop.account).await, set(&["tools.view"]));

        std::fs::write(file, workshop(&["tools.veiw"])).expect("a policy");
        for arguments in [&["apply", file][..], &["apply", file, "--validate-only"]] {
            let (code, _, all) = policy(shop.world.server(), arguments);
            assert_eq!(code, Some(1), "{all}");
            assert!(all.contains("no permission `tools.veiw`") || all.contains("tools.veiw"), "{all}");
        }
        std::fs::write(file, with_roles(&[("helper", &["tools.view"])])).expect("a policy");
        let (code, _, all) = policy(shop.world.server(), &["apply", file]);
        assert!(code == Some(1) && all.contains("role worker, which is held 1 time(s)"), "{all}");
    }
}
