//! Callers of a login service elsewhere: configured issuers, and how far their tokens reach.

use mandate_proto::v1::{CheckRequest, DecisionReason as Reason, GetUserRequest, Identity, Subject, subject};
use mandate_tests::expect::assert_refused;
use mandate_tests::jwt::{TokenKey, claims, with};
use mandate_tests::world::Party;
use mandate_tests::{Bearer, Engine, Fixture, Server, World, on_both_engines};
use serde_json::Value;
use tempfile::TempDir;
use tonic::Code;

const LOGIN: &str = "https://login.example.com/";
const BACKENDS: &str = "https://backends.example.com/";

/// A service that believes a login service (ES256, persons only) and an issuer of backends' tokens (EdDSA).
struct Elsewhere {
    world: World,
    login: TokenKey,
    backends: TokenKey,
    _folder: TempDir,
}

impl Fixture for Elsewhere {
    async fn prepare(engine: Engine) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (login, backends) = (TokenKey::p256(), TokenKey::ed25519());
        std::fs::write(folder.path().join("login.pem"), login.public_pem()).expect("a key file");
        std::fs::write(folder.path().join("backends.pem"), backends.public_pem()).expect("a key file");
        let file = folder.path().join("issuers.toml");
        let issuers = format!(
            "[[issuer]]\nissuer = \"{LOGIN}\"\naudience = \"mandate\"\nkeys = {{ pem = \"login.pem\" }}\n\
             [[issuer]]\nissuer = \"{BACKENDS}\"\naudience = [\"mandate\", \"other\"]\nkeys = {{ pem = \"backends.pem\" }}\n\
             callers = [\"service\"]\n"
        );
        std::fs::write(&file, issuers).expect("an issuers' file");
        let world = World::on(Server::builder(engine).issuers(&file).start().await);
        Self { world, login, backends, _folder: folder }
    }
}

impl Elsewhere {
    fn calling(&self, key: &TokenKey, claims: &Value) -> Party {
        Party::new(Bearer::new(&key.sign(claims)).on(self.world.server().channel()))
    }
}

fn login_of(subject: &str) -> Identity {
    Identity { issuer: LOGIN.to_owned(), subject: subject.to_owned() }
}

on_both_engines! {
    /// A person with a login elsewhere acts with their own permissions, under that login's token.
    async fn x_02_a_login_elsewhere_is_the_person_it_is_linked_to(elsewhere: Elsewhere) {
        let Elsewhere { world, login, .. } = &elsewhere;
        let ada = world.person_with_logins("Ada", vec![login_of("auth0|ada")]).await;
        let eve = world.person_with_logins("Eve", vec![login_of("auth0|eve")]).await;
        let (as_ada, as_eve) = (
            elsewhere.calling(login, &claims(LOGIN, "mandate", "auth0|ada")),
            elsewhere.calling(login, &claims(LOGIN, "mandate", "auth0|eve")),
        );
        let me = as_ada.identity().get_user(GetUserRequest::default()).await.expect("herself").into_inner();
        assert_eq!(me.user.map(|user| user.id), Some(ada.id.clone()));

        let acme = world.account("organization", &ada).await;
        as_ada.invite(&acme, "new@example.com", &["member"]).await.expect("an admin invites a member");
        world.member(&acme, &eve, &["member"]).await;
        assert_refused(as_eve.account(&acme).await, Code::PermissionDenied, "PERMISSION_MISSING");
        // The same permissions, asked about by the login instead of the user.
        let subject = Some(Subject { subject: Some(subject::Subject::Identity(login_of("auth0|ada"))) });
        let request = CheckRequest {
            account: acme.id.clone(),
            subject,
            permission: "users.add".to_owned(),
            resource: None,
            consistency: None,
        };
        let answer =
            world.service(&["authz.check"]).authz().check(request).await.expect("answered").into_inner();
        assert_eq!(answer.reason(), Reason::Role);
    }

    /// A login that nobody here has is nobody; logins are compared byte for byte.
    async fn a_login_that_is_not_linked_is_unknown(elsewhere: Elsewhere) {
        let Elsewhere { world, login, .. } = &elsewhere;
        let ada = world.person_with_logins("Ada", vec![login_of("auth0|ada")]).await;
        for stranger in ["auth0|eve", "AUTH0|ADA", "auth0|ada ", &ada.id] {
            let by = elsewhere.calling(login, &claims(LOGIN, "mandate", stranger));
            let refused = by.identity().get_user(GetUserRequest::default()).await;
            assert_refused(refused, Code::Unauthenticated, "CALLER_UNKNOWN");
        }
    }

    /// An issuer of persons cannot make operators or services; one of services no persons and operators.
    async fn x_02_an_issuer_makes_no_callers_beyond_its_kinds(elsewhere: Elsewhere) {
        let Elsewhere { world, login, backends, .. } = &elsewhere;
        let ada = world.person_with_logins("Ada", vec![login_of("auth0|ada")]).await;
        let acme = world.account("organization", &ada).await;
        for scope in ["platform.operator", "authz.check", "openid platform.operator", "people.act"] {
            let by = elsewhere.calling(login, &with(claims(LOGIN, "mandate", "auth0|ada"), "scope", scope));
            assert_refused(by.account(&acme).await, Code::Unauthenticated, "TOKEN_CALLER_KIND");
        }
        for claims in [
            with(claims(BACKENDS, "mandate", "shop"), "scope", "platform.operator"),
            claims(BACKENDS, "mandate", "shop"),
        ] {
            let by = elsewhere.calling(backends, &claims);
            assert_refused(by.account(&acme).await, Code::Unauthenticated, "TOKEN_CALLER_KIND");
        }
        let reads = with(claims(BACKENDS, "other", "shop"), "scope", "accounts.read openid");
        elsewhere.calling(backends, &reads).account(&acme).await.expect("a service within its scopes");
        let removes = elsewhere.calling(backends, &reads).remove(&acme, &ada).await;
        assert_refused(removes, Code::PermissionDenied, "SCOPE_MISSING");
        // A foreign scope (of another API) makes nobody more than a person.
        let openid = with(claims(LOGIN, "mandate", "auth0|ada"), "scope", "openid email");
        elsewhere.calling(login, &openid).account(&acme).await.expect("a person");
    }

    /// The key of one issuer signs nothing for another, nor for the service itself.
    async fn an_issuers_key_speaks_for_itself_alone(elsewhere: Elsewhere) {
        let Elsewhere { world, login, backends, .. } = &elsewhere;
        let ada = world.person_with_logins("Ada", vec![login_of("auth0|ada")]).await;
        let acme = world.account("organization", &ada).await;
        for (key, claims, reason) in [
            (backends, claims(LOGIN, "mandate", "auth0|ada"), "TOKEN_ALGORITHM"),
            (login, with(claims(BACKENDS, "mandate", "shop"), "scope", "accounts.read"), "TOKEN_ALGORITHM"),
            (backends, claims("mandate", "mandate", &ada.id), "TOKEN_SIGNATURE"),
            (&TokenKey::p256(), claims(LOGIN, "mandate", "auth0|ada"), "TOKEN_SIGNATURE"),
            (login, claims(LOGIN, "other", "auth0|ada"), "TOKEN_AUDIENCE"),
        ] {
            let refused = elsewhere.calling(key, &claims).account(&acme).await;
            assert_refused(refused, Code::Unauthenticated, reason);
        }
    }
}
