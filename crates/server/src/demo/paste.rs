//! The grpcurl lines that a visitor pastes while the demo keeps serving.

use std::net::SocketAddr;

use super::stage::Stage;

/// Three calls with a token and ids that work.
pub(super) fn lines(stage: &Stage, address: SocketAddr) -> anyhow::Result<String> {
    let (client, cast) = (&stage.client, &stage.cast);
    let organization = cast.id_of("Chatty Ltd")?;
    let check = format!(
        r#"{{"account":"{organization}","subject":{{"user":"{}"}},"permission":"subscription.cancel"}}"#,
        cast.user("Bianca")?
    );
    let lookup =
        format!(r#"{{"account":"{organization}","subject":{{"user":"{}"}}}}"#, cast.user("Cem")?);
    let members = format!(r#"{{"account":"{}"}}"#, cast.id_of("Lang Joinery")?);
    let calls = [
        ("May Bianca, a billing admin, cancel the subscription?", check, "AuthzService/Check"),
        ("What may Cem, a user admin, do? (with the access matrix)", lookup, "AuthzService/LookupPermissions"),
        ("Who are the members of Lang Joinery?", members, "MembershipService/ListMembers"),
    ];
    let mut text = format!("\nA backend's token, valid for a week:\n\n  TOKEN={}\n", client.backend);
    for (title, data, method) in calls {
        text.push_str(&format!(
            "\n# {title}\ngrpcurl -plaintext -H \"authorization: Bearer $TOKEN\" -d '{data}' {address} mandate.v1.{method}\n"
        ));
    }
    Ok(text)
}
