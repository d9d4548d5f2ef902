//! Contacts (IX-01 to IX-07) and the resources that they hold (GW-07), as the articles of the two hosts tell it.

use mandate_proto::v1::{
    Account, Contact, DecisionReason as Reason, LookupPermissionsRequest, Subject, User, subject,
};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::world::{contact_named, flag, resource, text};
use mandate_tests::{Engine, Fixture, World, on_both_engines};
use tonic::Code;

/// A terminal in which everything is set up: Olga owns it, Toni administers, Uwe uses it; Kai is its contact.
struct Desk {
    world: World,
    acme: Account,
    olga: User,
    toni: User,
    uwe: User,
    kai: Contact,
}

impl Fixture for Desk {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let [olga, toni, uwe] = world.people(["Olga", "Toni", "Uwe"]).await;
        let acme = world.ready_terminal(&olga).await;
        world.member(&acme, &toni, &["terminal_admin"]).await;
        world.member(&acme, &uwe, &["terminal_user"]).await;
        let kai = world.by(&olga).create_contact(&acme, "Kai").await.expect("a contact");
        Self { world, acme, olga, toni, uwe, kai }
    }
}

/// An agency's client account: Ada owns it, Dirk orders and manages domains there.
struct Agency {
    world: World,
    agency: Account,
    ada: User,
    dirk: User,
    customer: Contact,
}

impl Fixture for Agency {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let [ada, dirk] = world.people(["Ada", "Dirk"]).await;
        let agency = world.account("client-area", &ada).await;
        world.by(&ada).add(&agency, &dirk, &["user"]).await.expect("a user");
        let granted = ["domains.order", "domains.view", "domains.manage"];
        world.by(&ada).set_grants(&agency, &dirk, &granted).await.expect("the module's permissions");
        let customer = world.by(&ada).create_contact(&agency, "Customer").await.expect("a contact");
        Self { world, agency, ada, dirk, customer }
    }
}

on_both_engines! {
    /// "Ein Kontakt ist … ein Name und eine E-Mail-Adresse", entitled to communicate through tickets and mail.
    async fn ix_01_a_contact_is_a_name_and_an_address(desk: Desk) {
        let Desk { world, acme, olga, uwe, kai, .. } = &desk;
        assert!(kai.id.starts_with("con_"), "{kai:?}");
        assert_eq!((kai.email.as_str(), kai.display_name.as_str()), ("kai@customer.example", "Kai"));
        world.may_contact(kai, acme, "support.request").await.allowed_by(Reason::Grant);
        for beside in ["invoices.view", "access.view", "dashboard.view"] {
            world.may_contact(kai, acme, beside).await.denied_for(Reason::NotGranted);
        }
        assert_eq!(world.by(olga).contact(acme, kai).await.expect("seen"), *kai);
        assert_eq!(world.by(olga).contacts(acme).await.expect("listed"), std::slice::from_ref(kai));
        assert_refused(world.by(uwe).contacts(acme).await, Code::PermissionDenied, "PERMISSION_MISSING");

        // One contact for an address, however it is written; in another account it is another contact.
        let again = contact_named(acme, "KAI");
        let again = world.by(olga).memberships().create_contact(again).await;
        assert_refused(again, Code::AlreadyExists, "ALREADY_EXISTS");
        let elsewhere = world.ready_terminal(uwe).await;
        let other = world.by(uwe).create_contact(&elsewhere, "Kai").await.expect("another account");
        world.may_contact(&other, acme, "support.request").await.denied_for(Reason::UnknownSubject);
        let foreign = world.by(olga).contact(acme, &other).await;
        assert_refused(foreign, Code::NotFound, "NOT_FOUND");

        world.by(olga).delete_contact(acme, kai).await.expect("removed");
        world.may_contact(kai, acme, "support.request").await.denied_for(Reason::UnknownSubject);
        world.by(olga).create_contact(acme, "Kai").await.expect("the address is free again");
    }

    /// Further contacts only on a business account; the error says so.
    async fn ix_03_further_contacts_need_a_business_account(world: World) {
        let olga = world.person("Olga").await;
        let acme = world.account("terminal", &olga).await;
        world.operator().set(&acme, "access_control", flag(true)).await.expect("configured");
        world.by(&olga).set(&acme, "organization_domain", text("acme.example")).await.expect("set");
        for by in [world.by(&olga), world.operator()] {
            let refused = by.create_contact(&acme, "Kai").await;
            let status = assert_refused(refused, Code::FailedPrecondition, "REQUIREMENT_UNMET");
            assert!(status.message().contains("tier to be business"), "{status:?}");
        }
        world.by(&olga).set(&acme, "tier", text("business")).await.expect("changed to business");
        world.by(&olga).create_contact(&acme, "Kai").await.expect("on a business account");
    }

    /// Further contacts only once the organization's domain is set; the error says so.
    async fn ix_04_further_contacts_need_an_organization_domain(world: World) {
        let olga = world.person("Olga").await;
        let acme = world.account("terminal", &olga).await;
        world.operator().set(&acme, "access_control", flag(true)).await.expect("configured");
        world.by(&olga).set(&acme, "tier", text("business")).await.expect("business");
        let refused = world.by(&olga).create_contact(&acme, "Kai").await;
        let status = assert_refused(refused, Code::FailedPrecondition, "REQUIREMENT_UNMET");
        assert!(status.message().contains("organization_domain to be set"), "{status:?}");
        world.by(&olga).set(&acme, "organization_domain", text("acme.example")).await.expect("set");
        world.by(&olga).create_contact(&acme, "Kai").await.expect("with a domain");
    }

    /// Nothing of this is available before the access control center was configured.
    async fn ix_06_contacts_wait_for_the_access_control_center(desk: Desk) {
        let Desk { world, acme, olga, toni, kai, .. } = &desk;
        world.operator().set(acme, "access_control", flag(false)).await.expect("taken back");
        for refused in [
            world.by(olga).create_contact(acme, "Lea").await.map(|_| ()),
            world.by(toni).contacts(acme).await.map(|_| ()),
            world.by(olga).permit_contact(acme, kai, &[]).await.map(|_| ()),
            world.by(toni).delete_contact(acme, kai).await,
        ] {
            let status = assert_refused(refused, Code::FailedPrecondition, "REQUIREMENT_UNMET");
            assert!(status.message().contains("access_control to be on"), "{status:?}");
        }
        world.operator().set(acme, "access_control", flag(true)).await.expect("configured");
        world.by(toni).create_contact(acme, "Lea").await.expect("configured");
    }

    /// The support permission can be taken away: the contact stays known, and support is denied.
    async fn ix_07_support_is_given_at_birth_and_can_be_taken(desk: Desk) {
        let Desk { world, acme, olga, toni, uwe, kai } = &desk;
        assert_eq!(kai.permissions, ["support.request"]);
        // Asked before, so that an answer kept in memory would be found out.
        world.may_contact(kai, acme, "support.request").await.allowed_by(Reason::Grant);
        let kept = world.by(toni).permit_contact(acme, kai, &[]).await.expect("taken");
        assert_eq!(kept.permissions, Vec::<String>::new());
        world.may_contact(kai, acme, "support.request").await.denied_for(Reason::NotGranted);
        assert_eq!(world.by(olga).contact(acme, kai).await.expect("stays known").email, kai.email);
        world.by(toni).permit_contact(acme, kai, &["support.request"]).await.expect("given again");
        world.may_contact(kai, acme, "support.request").await.allowed_by(Reason::Grant);

        // Nothing else can be given, and not by everybody.
        let beyond = world.by(olga).permit_contact(acme, kai, &["support.request", "invoices.view"]).await;
        assert_invalid(beyond, &["permissions"]);
        let unknown = world.operator().permit_contact(acme, kai, &["support.everything"]).await;
        assert_invalid(unknown, &["permissions[0]"]);
        let by_user = world.by(uwe).permit_contact(acme, kai, &[]).await;
        assert_refused(by_user, Code::PermissionDenied, "PERMISSION_MISSING");

        // The whole of what a contact may do, for those who may see contacts.
        let request = LookupPermissionsRequest {
            account: acme.id.clone(),
            subject: Some(Subject { subject: Some(subject::Subject::Contact(kai.id.clone())) }),
            resource: None,
            consistency: None,
        };
        let found = world.by(toni).authz().lookup_permissions(request.clone()).await.expect("looked up");
        assert_eq!(found.into_inner().permissions, ["support.request"]);
        let refused = world.by(uwe).authz().lookup_permissions(request).await;
        assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");

        world.operator().suspend_account(acme).await.expect("suspended");
        world.may_contact(kai, acme, "support.request").await.denied_for(Reason::AccountSuspended);
    }

    /// The contact is the domain's holder, which grants nothing; the agency's account is billed.
    async fn gw_07_a_contact_holds_a_domain_and_nothing_else(area: Agency) {
        let Agency { world, agency, ada, dirk, customer } = &area;
        let domain = resource("domain", "customer.example");
        let ordered = world.by(dirk).register_for(agency, domain.clone(), customer).await.expect("ordered");
        assert_eq!((&ordered.account, &ordered.holder), (&agency.id, &customer.id));
        assert_eq!(customer.permissions, Vec::<String>::new());
        for permission in ["domains.view", "domains.manage", "domains.cancel", "tickets.write"] {
            let asked = world.may_contact(customer, agency, permission);
            let asked = if permission.starts_with("domains") { asked.on("domain", "customer.example") } else { asked };
            asked.await.denied_for(Reason::NotGranted);
        }
        let given = world.by(ada).permit_contact(agency, customer, &["domains.view"]).await;
        assert_invalid(given, &["permissions"]);

        // Only what the policy says has a holder, and only contacts of this account.
        let product = world.operator().register_for(agency, resource("product", "server"), customer).await;
        assert_invalid(product, &["holder"]);
        let elsewhere = world.account("client-area", ada).await;
        let foreign = world.by(ada).create_contact(&elsewhere, "Foreign").await.expect("a contact there");
        let wrong = world.by(dirk).set_holder(agency, domain.clone(), Some(&foreign)).await;
        assert_invalid(wrong, &["holder"]);
    }

    /// A contact that holds a domain stays until another holder is recorded.
    async fn gw_07_a_holder_stays_known(area: Agency) {
        let Agency { world, agency, ada, dirk, customer } = &area;
        let domain = resource("domain", "customer.example");
        world.by(dirk).register_for(agency, domain.clone(), customer).await.expect("ordered");
        let status = assert_refused(
            world.by(ada).delete_contact(agency, customer).await,
            Code::FailedPrecondition,
            "WRONG_STATE",
        );
        assert!(status.message().contains("domain/customer.example"), "names the domain: {status:?}");
        let heir = world.by(ada).create_contact(agency, "Heir").await.expect("a contact");
        let by_reader = world.person("Rita").await;
        world.by(ada).add(agency, &by_reader, &["user"]).await.expect("a user");
        world.by(ada).set_grants(agency, &by_reader, &["domains.view"]).await.expect("may look");
        let refused = world.by(&by_reader).set_holder(agency, domain.clone(), Some(&heir)).await;
        assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");

        let changed = world.by(dirk).set_holder(agency, domain.clone(), Some(&heir)).await.expect("recorded");
        assert_eq!(changed.holder, heir.id);
        world.by(ada).delete_contact(agency, customer).await.expect("holds nothing any more");
        assert_eq!(world.by(dirk).set_holder(agency, domain, None).await.expect("nobody").holder, "");
        world.by(ada).delete_contact(agency, &heir).await.expect("holds nothing any more");
    }

    /// Nobody but the owner creates contacts, whatever they hold; where a policy has none, nobody does.
    async fn gw_05_nobody_but_the_owner_creates_contacts(area: Agency) {
        let Agency { world, agency, ada, dirk, customer } = &area;
        for permission in ["contacts.create", "contacts.edit"] {
            let given = world.by(ada).set_grants(agency, dirk, &[permission]).await;
            assert_invalid(given, &["grants"]);
        }
        world.by(ada).set_grants(agency, dirk, &["contacts.view"]).await.expect("may look");
        assert_eq!(world.by(dirk).contacts(agency).await.expect("listed").len(), 1);
        for refused in [
            world.by(dirk).create_contact(agency, "Lea").await.map(|_| ()),
            world.by(dirk).permit_contact(agency, customer, &[]).await.map(|_| ()),
            world.by(dirk).delete_contact(agency, customer).await,
        ] {
            assert_refused(refused, Code::PermissionDenied, "PERMISSION_MISSING");
        }
        let stranger = world.person("Stranger").await;
        let refused = world.by(&stranger).create_contact(agency, "Lea").await;
        assert_refused(refused, Code::PermissionDenied, "NOT_A_MEMBER");

        let organization = world.account("organization", ada).await;
        let by_member = world.by(ada).create_contact(&organization, "Lea").await;
        assert_refused(by_member, Code::PermissionDenied, "OPERATOR_ONLY");
        let by_operator = world.operator().create_contact(&organization, "Lea").await;
        assert_refused(by_operator, Code::FailedPrecondition, "WRONG_STATE");
    }
}
