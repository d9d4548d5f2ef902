//! GW-08: `mandate import FILE.csv`, run as a person at a terminal or a script runs it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use mandate_proto::v1::{Account, DecisionReason as Reason, ListUsersRequest, User};
use mandate_tests::{Engine, Fixture, World, on_both_engines};

/// A web shop, and a folder for files.
struct Desk {
    world: World,
    shop: Account,
    folder: tempfile::TempDir,
}

impl Fixture for Desk {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let olga = world.person("Olga").await;
        let shop = world.account("client-area", &olga).await;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("token"), world.server().token("desk", &["platform.operator"]))
            .expect("a token");
        Self { world, shop, folder }
    }
}

impl Desk {
    /// A file in which `SHOP` stands for the shop's id.
    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, self.spelt(text.as_ref())).expect("a file");
        path
    }

    fn spelt(&self, text: &[u8]) -> Vec<u8> {
        let parts: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        let lines = parts.iter().map(|line| match line.strip_prefix(b"SHOP") {
            Some(rest) => [self.shop.id.as_bytes(), rest].concat(),
            None => line.to_vec(),
        });
        lines.collect::<Vec<_>>().join(&b'\n')
    }

    /// Runs `mandate import ARGUMENTS` against the server with the operator's token.
    fn import(&self, arguments: &[&str]) -> Told {
        let token = self.folder.path().join("token");
        self.run(&[arguments, &["--token-file", token.to_str().expect("UTF-8")]].concat(), "")
    }

    fn run(&self, arguments: &[&str], input: &str) -> Told {
        let mut command = self.world.server().command("import");
        command.args(arguments).arg("--endpoint").arg(format!("http://{}", self.world.server().address()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("mandate starts");
        let mut stdin = child.stdin.take().expect("piped");
        // It may have ended already where it takes nothing from there.
        let _ = stdin.write_all(&self.spelt(input.as_bytes()));
        drop(stdin);
        Told::of(child.wait_with_output().expect("mandate ends"))
    }

    async fn user(&self, email: &str) -> Option<User> {
        let request = ListUsersRequest { email: email.to_owned(), ..ListUsersRequest::default() };
        let users = self.world.operator().identity().list_users(request).await.expect("the users");
        users.into_inner().users.into_iter().next()
    }
}

/// What a run said.
#[derive(Debug)]
struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Told {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("mandate prints UTF-8").trim().to_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

const LEGACY: &str = "\u{feff}email,account,display_name,grants\r
anna@example.com,ACCOUNT,\"Lang, Anna\",invoices; tickets.view\r
bob@example.com,ACCOUNT,,\"domains,bookkeeping\"\r
cleo@example.com,ACCOUNT,Cleo,\r
";

on_both_engines! {
    /// A file is imported, and imported again without changing anything.
    async fn gw_08_the_command_imports_a_file_of_former_sub_accounts(desk: Desk) {
        let file = desk.file("legacy.csv", LEGACY.replace("ACCOUNT", &desk.shop.id));
        let file = file.to_str().expect("UTF-8");
        let told = desk.import(&[file, "--dry-run"]);
        assert_eq!(told.code, Some(0), "{told:?}");
        assert_eq!(told.out, "3 row(s) judged, nothing written: 3 created, 0 added, 0 updated, 0 unchanged, 0 refused");
        assert_eq!(desk.user("anna@example.com").await, None);

        let told = desk.import(&[file]);
        assert_eq!(told.out, "3 row(s): 3 created, 0 added, 0 updated, 0 unchanged, 0 refused");
        // Not a terminal: no bar, nothing but the last line.
        assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
        let anna = desk.user("anna@example.com").await.expect("a user");
        assert_eq!(anna.display_name, "Lang, Anna");
        assert_eq!(desk.world.permissions(&anna, &desk.shop).await, ["invoices.view", "invoices.pay", "tickets.view"]);
        let bob = desk.user("bob@example.com").await.expect("a user");
        assert_eq!(bob.display_name, "bob");
        desk.world.may(&bob, &desk.shop, "domains.manage").await.allowed_by(Reason::Grant);
        desk.world.may(&bob, &desk.shop, "bookkeeping.edit").await.allowed_by(Reason::Grant);

        let told = desk.import(&[file]);
        assert_eq!((told.code, told.out.as_str()), (Some(0), "3 row(s): 0 created, 0 added, 0 updated, 3 unchanged, 0 refused"));
    }

    /// Bad lines are told with their number, and the others go on; the report is a CSV file of them.
    async fn gw_08_the_command_tells_bad_lines_and_goes_on(desk: Desk) {
        let mut text = b"account,email,grants\n".to_vec();
        text.extend(b"SHOP,first@example.com,invoices\n"); // line 2
        text.extend(b"SHOP,too.short@example.com\n");
        text.extend(b"SHOP,no address,invoices\n");
        text.extend(b"SHOP,latin1-\xe4@example.com,invoices\n");
        text.extend(b"acc_01ARZ3NDEKTSV4RRFFQ69G5FAV,nowhere@example.com,invoices\n");
        text.extend(b"\n");
        text.extend(b"SHOP,module@example.com,invoice\n"); // line 8
        text.extend(b"SHOP,last@example.com,tickets\n");
        let file = desk.file("mixed.csv", text);
        let file = file.to_str().expect("UTF-8");

        let told = desk.import(&[file]);
        assert_eq!((told.code, told.out.as_str()), (Some(1), "7 row(s): 2 created, 0 added, 0 updated, 0 unchanged, 5 refused"), "{told:?}");
        let mut lines: Vec<&str> = told.err.lines().collect();
        lines.sort_unstable();
        for (line, start) in lines.iter().zip([
            "line 3: MALFORMED: has 2 field(s) where the header has 3",
            "line 4 (no address): INVALID_FIELDS: ",
            "line 5: MALFORMED: is not UTF-8",
            "line 6 (nowhere@example.com): NOT_FOUND: ",
            "line 8 (module@example.com): INVALID_FIELDS: ",
        ]) {
            assert!(line.starts_with(start), "{line} / {start}");
        }
        assert!(lines[4].contains("did you mean \"invoices\""), "{lines:?}");
        assert!(desk.user("last@example.com").await.is_some() && desk.user("module@example.com").await.is_none());

        let report = desk.folder.path().join("refused.csv");
        let told = desk.import(&[file, "--report", report.to_str().expect("UTF-8")]);
        assert_eq!((told.code, told.err.as_str()), (Some(1), ""));
        assert_eq!(told.out, "7 row(s): 0 created, 0 added, 0 updated, 2 unchanged, 5 refused");
        let report = std::fs::read_to_string(report).expect("a report");
        assert!(report.starts_with("line,account,email,reason,message\n"), "{report}");
        assert!(report.contains(&format!("\n4,{},no address,INVALID_FIELDS,", desk.shop.id)), "{report}");
        assert_eq!(report.lines().count(), 6);
    }

    /// From standard input, with another delimiter, with what the file says in the place of what is there.
    async fn gw_08_the_command_reads_standard_input_and_replaces_on_demand(desk: Desk) {
        let token = desk.folder.path().join("token");
        let arguments = ["-", "--delimiter", ";", "--token-file", token.to_str().expect("UTF-8")];
        let told = desk.run(&arguments, "account;email;grants\nSHOP;bob@example.com;invoices.view tickets.view\n");
        assert_eq!((told.code, told.out.as_str()), (Some(0), "1 row(s): 1 created, 0 added, 0 updated, 0 unchanged, 0 refused"), "{told:?}");

        let other = "account;email;grants\nSHOP;bob@example.com;invoices.view\n";
        let told = desk.run(&arguments, other);
        assert_eq!(told.code, Some(1));
        assert!(told.err.contains("ALREADY_EXISTS") && told.err.contains("permission tickets.view"), "{told:?}");
        let told = desk.run(&[&arguments[..], &["--replace"]].concat(), other);
        assert_eq!((told.code, told.out.as_str()), (Some(0), "1 row(s): 0 created, 0 added, 1 updated, 0 unchanged, 0 refused"));
        let bob = desk.user("bob@example.com").await.expect("a user");
        assert_eq!(desk.world.permissions(&bob, &desk.shop).await, ["invoices.view"]);
    }

    /// What cannot begin says why, and what to do.
    async fn gw_08_the_command_says_why_it_cannot_begin(desk: Desk) {
        let good = desk.file("good.csv", "account,email\nSHOP,a@example.com\n");
        let good = good.to_str().expect("UTF-8");
        let headless = desk.file("headless.csv", "SHOP,a@example.com\n");
        let misspelt = desk.file("misspelt.csv", "account,emial\nSHOP,a@example.com\n");
        let fails = |told: Told, text: &str| {
            assert_eq!((told.code, told.out.as_str()), (Some(1), ""), "{told:?}");
            assert!(told.err.contains(text), "{told:?}");
        };
        fails(desk.import(&[headless.to_str().expect("UTF-8")]), "the columns are account, email");
        fails(desk.import(&[misspelt.to_str().expect("UTF-8")]), "did you mean email?");
        fails(desk.import(&["/nowhere/at/all.csv"]), "cannot be read");
        fails(desk.run(&[good], ""), "a token is needed");
        let service = desk.world.server().token("service", &["accounts.read"]);
        fails(desk.run(&[good, "--token", &service], ""), "platform.operator");
        fails(desk.run(&[good, "--token", "nonsense"], ""), "nothing was imported");
        assert_eq!(desk.user("a@example.com").await, None);
        assert_eq!(desk.world.server().command("import").output().expect("mandate ends").status.code(), Some(2));
    }
}
