//! Whatever is asked of a server with large accounts and groups, the database answers it from its indexes.
//!
//! The server runs every RPC there is on an account and a group that were made large, among many others, and its log
//! tells every statement that it made of the database, those of its background tasks included. None of them may read a
//! large table whole: the database is asked for the plan of each, and PostgreSQL counts what it did besides.

#[path = "../support/shapes.rs"]
#[allow(dead_code, reason = "one account of each policy is enough here, whoever is in it")]
mod shapes;

mod fill;
mod look_ups;
mod plans;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use mandate_proto::FILE_DESCRIPTOR_SET;
use mandate_tests::walk::stage::{Cast, Place};
use mandate_tests::walk::{Scene, Stage, call, cases, rpcs};
use mandate_tests::{Engine, Server, World, dump, on_both_engines};
use prost::Message as _;
use prost_types::FileDescriptorSet;

/// Policies that together have everything: groups; contacts and resources; assignments.
const POLICIES: [&str; 3] = ["managed-accounts", "terminal", "organization"];

/// The RPCs whose message has the field `validate_only`: they do all that they do but commit.
fn previewed() -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("descriptors");
    let messages: BTreeSet<String> = set
        .file
        .iter()
        .flat_map(|file| file.message_type.iter().map(move |message| (file.package(), message)))
        .filter(|(_, message)| {
            message.field.iter().any(|field| field.name() == "validate_only" && field.number() == 51)
        })
        .map(|(package, message)| format!(".{package}.{}", message.name()))
        .collect();
    let services =
        set.file.iter().flat_map(|file| file.service.iter().map(move |service| (file.package(), service)));
    let methods = services.flat_map(|(package, service)| {
        service
            .method
            .iter()
            .map(move |method| (format!("/{package}.{}/{}", service.name(), method.name()), method))
    });
    methods.filter(|(_, method)| messages.contains(method.input_type())).map(|(path, _)| path).collect()
}

/// Calls that take longer are printed.
const SLOW: Duration = Duration::from_millis(500);

/// `validate_only: true`, as it is written behind a message.
const VALIDATE_ONLY: [u8; 3] = [0x98, 0x03, 0x01];

/// Calls every RPC about a large account and group, without changing anything; what each came to.
async fn walk(server: &Server, scene: &Scene, answers: &mut BTreeMap<&'static str, BTreeSet<String>>) {
    let previewed = previewed();
    let callers = [
        server.token("backend", &["platform.operator"]),
        server.token(&scene.chief, &[]),
        server.token("backend", &["authz.check", "authz.read", "accounts.read", "users.read", "mail.send"]),
    ];
    for token in callers {
        let header = format!("Bearer {token}");
        for case in cases() {
            let mut message = (case.request)(scene);
            if previewed.contains(case.rpc) {
                message.extend(VALIDATE_ONLY);
            }
            let begun = Instant::now();
            let outcome = (case.inside)(call(&server.channel(), case.rpc, message, Some(&header)).await);
            if begun.elapsed() > SLOW {
                println!("{} under {}: {:?}", case.name(), scene.policy, begun.elapsed());
            }
            answers.entry(case.rpc).or_default().insert(outcome.word());
        }
    }
}

/// What PostgreSQL counted of large tables: how often each was read whole.
fn read_whole(server: &Server) -> Vec<String> {
    let big = fill::BIG.map(|table| format!("'{table}'")).join(", ");
    let counts = format!(
        "SELECT relname || ' was read whole ' || seq_scan || ' times, ' || seq_tup_read || ' rows of it; by index ' || \
         COALESCE(idx_tup_fetch, 0) || ' rows' FROM pg_stat_user_tables WHERE relname IN ({big}) ORDER BY 1"
    );
    dump::texts(server, vec![counts]).remove(0).expect("counts")
}

/// Of which large tables so many rows were read by index that something read far more of them than it was asked for.
/// Feed and log aside: retention looks at their first rows five times a second here.
fn much_read() -> String {
    let big = fill::BIG.map(|table| format!("'{table}'")).join(", ");
    format!(
        "SELECT relname || ': ' || idx_tup_fetch || ' rows were read by index' FROM pg_stat_user_tables \
         WHERE relname IN ({big}) AND relname NOT IN ('feed', 'activity') AND idx_tup_fetch > 400000"
    )
}

on_both_engines! {
    async fn nothing_reads_a_large_table_whole(engine: Engine) {
        let server = Server::builder(engine)
            .variable("MANDATE_LOG", "info,sqlx::query=debug")
            .argument("--retention-interval")
            .argument("0.2")
            .argument("--activity-interval")
            .argument("0.2");
        let mut world = World::on(server.start().await);
        let mut scenes = Vec::new();
        for policy in shapes::policies().iter().filter(|policy| POLICIES.contains(&policy.name.as_str())) {
            let stage = Stage { server: world.server(), shape: shapes::shape(policy) };
            scenes.push(stage.scene(&Cast { place: Place::First, ..Cast::default() }).await);
        }
        story::prologue(&world).await;
        let begun = Instant::now();
        for (k, scene) in scenes.iter().enumerate() {
            fill::enlarge(world.server(), scene, k);
        }
        println!("{engine}: filled in {:?}", begun.elapsed());
        for table in fill::BIG {
            let rows = dump::number(world.server(), &format!("SELECT COUNT(*) FROM {table}"));
            assert!(rows >= i64::from(fill::Sizes::of(engine).many), "{table} is to be big and has {rows} row(s)");
        }
        if engine == Engine::Postgres {
            dump::execute(world.server(), "ANALYZE");
        }
        // What was counted by then is of the making.
        world.server_mut().stop().await;
        if engine == Engine::Postgres {
            story::all_gone(world.server()).await;
            dump::execute(world.server(), "SELECT pg_stat_reset()");
        }
        world.server_mut().restart().await;

        let (begun, mut answers) = (Instant::now(), BTreeMap::new());
        for scene in &scenes {
            walk(world.server(), scene, &mut answers).await;
        }
        println!("{engine}: walked in {:?}", begun.elapsed());
        let begun = Instant::now();
        let organization = scenes.iter().find(|scene| scene.policy == "organization").expect("one of them");
        look_ups::ask(&world, organization).await;
        println!("{engine}: looked up in {:?}", begun.elapsed());
        let begun = Instant::now();
        let told = story::tell(&world).await;
        println!("{engine}: told in {:?}", begun.elapsed());
        world.server_mut().stop().await;
        if engine == Engine::Postgres {
            story::all_gone(world.server()).await;
        }
        let statements = plans::statements(&world.server().log());
        assert!(statements.len() > 100, "{} statements", statements.len());
        println!("{engine}: {} statements", statements.len());
        let mut wrong = plans::scans(world.server(), &statements);
        match engine {
            Engine::Postgres => {
                let counts = read_whole(world.server());
                println!("{}", counts.join("\n"));
                wrong.extend(dump::texts(world.server(), vec![much_read()]).remove(0).expect("counts"));
                wrong.extend(counts.into_iter().filter(|count| !count.contains("read whole 0 times")));
            }
            // Nobody analyzes an SQLite database, so plans are judged without; and then with.
            Engine::Sqlite => {
                dump::execute(world.server(), "ANALYZE");
                let analyzed = plans::scans(world.server(), &statements);
                wrong.extend(analyzed.into_iter().map(|plan| format!("when analyzed: {plan}")));
            }
        }
        let answered = |rpc: &String| {
            told.contains(&rpc.as_str()) || answers.get(rpc.as_str()).is_some_and(|words| words.contains("ok"))
        };
        let missing: Vec<String> = rpcs().into_iter().filter(|rpc| !answered(rpc)).collect();
        let words: Vec<_> = missing.iter().map(|rpc| answers.get(rpc.as_str())).collect();
        assert!(missing.is_empty(), "neither the walk nor the story has an answer of {missing:?}: {words:?}");
        assert!(wrong.is_empty(), "{} statement(s) read a large table whole:\n{}", wrong.len(), wrong.join("\n"));
    }
}
