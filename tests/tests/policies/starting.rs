//! What files do to versions when a server starts.

use mandate_tests::world::applying;
use mandate_tests::{Engine, Server, World, on_both_engines};

use crate::applying::Shop;
use crate::{permitted, set, workshop};

on_both_engines! {
    /// What an operator applied stays in force, whatever the files say, and the log tells that they say something else.
    async fn a_restart_keeps_what_was_applied(engine: Engine) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("workshop.yaml");
        std::fs::write(&file, workshop(&["tools.view"])).expect("a policy");
        let world = World::on(Server::builder(engine).policies(folder.path()).start().await);
        let mut shop = Shop::on(world).await;
        let operator = shop.world.operator();
        assert_eq!(operator.policy_versions("workshop").await.expect("listed").len(), 1, "the file's");

        // Nobody has applied anything: a new file is a new version, an old one is none.
        std::fs::write(&file, workshop(&["tools.lend"])).expect("a policy");
        shop.world.server_mut().restart().await;
        assert_eq!(permitted(&shop.world, &shop.worker, &shop.account).await, set(&["tools.lend"]));
        std::fs::write(&file, workshop(&["tools.view"])).expect("a policy");
        shop.world.server_mut().restart().await;
        assert_eq!(permitted(&shop.world, &shop.worker, &shop.account).await, set(&["tools.lend"]));
        assert!(shop.world.server().log().contains("the file is version 1"), "the log tells it");

        let applied = applying(&workshop(&["plans.edit"]));
        shop.world.operator().apply_policy(applied).await.expect("applied");
        for text in [workshop(&["tools.view"]), workshop(&["plans.sell"])] {
            std::fs::write(&file, text).expect("a policy");
            shop.world.server_mut().restart().await;
            assert_eq!(permitted(&shop.world, &shop.worker, &shop.account).await, set(&["plans.edit"]));
        }
        assert!(shop.world.server().log().contains("applied that one"), "the log tells it");
        let versions = shop.world.operator().policy_versions("workshop").await.expect("listed");
        assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [3, 2, 1]);
    }
}
