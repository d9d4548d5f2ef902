//! The grpcurl lines that a visitor pastes while the demo keeps serving.

use std::net::SocketAddr;

use super::stage::Stage;

/// Four calls with a token and ids that work.
pub(super) fn lines(stage: &Stage, address: SocketAddr) -> anyhow::Result<String> {
    let (client, cast) = (&stage.client, &stage.cast);
    let organization = cast.id_of("Chatty Ltd")?;
    let check = format!(
        r#"{{"account":"{organization}","subject":{{"user":"{}"}},"permission":"subscription.cancel"}}"#,
        cast.user("Bianca")?
    );
    let lookup = format!(r#"{{"account":"{organization}","subject":{{"user":"{}"}}}}"#, cast.user("Cem")?);
    let who = format!(r#"{{"account":"{organization}","permission":"billing.view_invoices"}}"#);
    let members = format!(r#"{{"account":"{}"}}"#, cast.id_of("Lang Joinery")?);
    let calls = [
        ("May Bianca, a billing admin, cancel the subscription?", check, "AuthzService/Check"),
        (
            "What may Cem, a user admin, do? (with the access matrix)",
            lookup,
            "AuthzService/LookupPermissions",
        ),
        ("Who may see the invoices, and by which role?", who, "AuthzService/LookupMembers"),
        ("Who are the members of Lang Joinery?", members, "MembershipService/ListMembers"),
    ];
    let mut text = String::from("\nTo ask it yourself (the tokens are a backend's, valid for a week):\n");
    for (title, data, method) in calls {
        // Each line carries the token, so that any of them can be pasted alone.
        let token = &client.backend;
        text.push_str(&format!(
            "\n# {title}\ngrpcurl -plaintext -emit-defaults -H 'authorization: Bearer {token}' -d '{data}' {address} mandate.v1.{method}\n"
        ));
    }
    Ok(text)
}
