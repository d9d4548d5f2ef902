//! What a follower makes of a PostgreSQL server that was killed. The server is the test's own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use mandate_domain::change::Change;
use mandate_storage::{News, OpenOptions, Snapshot, Store};
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

use crate::database::block_on;
use crate::world::{NOW, account, user};

/// How often a crash is tried: what the server writes by itself may make numbers durable that nobody needed to be.
const CRASHES: u128 = 10;

/// A server of deploy/local-postgres, which ends with this value.
struct Server {
    url: String,
    folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("mandate-crash-").tempdir_in("/tmp").expect("a folder");
        // The user that the server runs as has to get through it.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))
            .expect("a folder of ours");
        let started = Self::script("start", &folder.path().join("postgres"));
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let url = String::from_utf8(started.stdout).expect("a URL").trim().to_owned();
        Self { url, folder }
    }

    fn script(what: &str, folder: &Path) -> std::process::Output {
        let script = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/local-postgres"));
        Command::new(script).arg(what).arg(folder).output().expect("bash")
    }

    fn run(&self, what: &str) {
        let done = Self::script(what, &self.folder.path().join("postgres"));
        assert!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
    }

    async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("connects")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        Self::script("stop", &self.folder.path().join("postgres"));
    }
}

async fn write(connection: &mut PgConnection, n: u128) -> String {
    let number = sqlx::query_scalar("SELECT pg_current_xact_id()::text").fetch_one(&mut *connection).await;
    let body = serde_json::json!({ "account": account(n), "user": user(n) }).to_string();
    let sql = "INSERT INTO feed (at, kind, body) VALUES ($1, 'membership_ended', $2)";
    sqlx::query(sql).bind(NOW).bind(body).execute(connection).await.expect("writes");
    number.expect("a number")
}

/// A transaction fails, its number is seen to have ended, and the server dies before anything makes that durable: then another
/// transaction gets the same number, and what it writes is not skipped.
#[test]
fn a_number_that_is_given_out_again_is_not_skipped() {
    let server = Server::start();
    block_on(async {
        let mut connection = server.connect().await;
        for slow in ["ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()"] {
            connection.execute(slow).await.expect("is set");
        }
        let store = Store::open(&server.url, OpenOptions { connections: 2, ..OpenOptions::default() })
            .await
            .expect("opens");
        let mut follower = store.follow().expect("PostgreSQL");
        let mut again = false;
        for n in 1..=CRASHES {
            follower.poll().await.expect("polls");
            let mut failing = connection.begin().await.expect("begins");
            let failed = write(&mut failing, 1000 + n).await;
            failing.rollback().await.expect("rolls back");
            let told = follower.poll().await.expect("polls").kept;

            server.run("kill");
            server.run("restart");
            connection = server.connect().await;
            // Not by a poll, after which the follower would know.
            let now: String = sqlx::query_scalar("SELECT pg_current_snapshot()::text")
                .fetch_one(&mut connection)
                .await
                .expect("a snapshot");
            let now: Snapshot = now.parse().expect("a snapshot");
            assert!(now.includes(&told), "{n}: what was told before is in the past: {now:?} {told:?}");
            let mut writing = connection.begin().await.expect("begins");
            let written = write(&mut writing, n).await;
            writing.commit().await.expect("commits");
            let polled = follower.poll().await.expect("polls");
            let News::Changes(changes) = polled.news else { panic!("{polled:?}") };
            let changes: Vec<Change> = changes.into_iter().map(|followed| followed.change).collect();
            assert_eq!(changes, [Change::MembershipEnded { account: account(n), user: user(n) }], "{n}");
            again |= failed == written;
            if again {
                return;
            }
        }
        panic!("no number was given out again in {CRASHES} crashes");
    });
}
