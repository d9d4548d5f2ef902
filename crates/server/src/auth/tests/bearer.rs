use http::HeaderMap;
use tonic::metadata::MetadataMap;

use crate::auth::{AuthError, Scope, ScopeSet, bearer};

fn headers(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append("authorization", value.parse().unwrap());
    }
    headers
}

#[test]
fn the_scheme_is_compared_without_case_and_spaces_are_allowed() {
    for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c"] {
        assert_eq!(bearer(&headers(&[value])), Ok("a.b.c"), "{value}");
    }
    let metadata = MetadataMap::from_headers(headers(&["Bearer a.b.c"]));
    assert_eq!(bearer(metadata.as_ref()), Ok("a.b.c"));
}

#[test]
fn anything_else_is_refused() {
    assert_eq!(bearer(&headers(&[])), Err(AuthError::Missing));
    for value in
        ["", "Bearer", "Bearer ", "Bearera.b.c", "Basic YTpi", "Bearer a b", "Bearer a, Bearer b", "a.b.c"]
    {
        assert_eq!(bearer(&headers(&[value])), Err(AuthError::NotBearer), "{value}");
    }
    let twice = headers(&["Bearer a.b.c", "Bearer a.b.c"]);
    assert_eq!(bearer(&twice), Err(AuthError::Repeated));
}

#[test]
fn scopes_keep_their_names() {
    for scope in Scope::ALL {
        assert_eq!(scope.name().parse(), Ok(scope));
        assert_eq!(ScopeSet::EMPTY.with(scope).to_string(), scope.name());
        assert!(ScopeSet::EMPTY.with(scope).contains(scope));
    }
    let set: ScopeSet = [Scope::PeopleAct, Scope::AuthzCheck].into_iter().collect();
    assert_eq!(set.to_string(), "authz.check people.act");
    assert!(!set.contains(Scope::AuthzRead));
    assert!(ScopeSet::EMPTY.is_empty());
}

#[test]
fn a_mistyped_scope_is_answered_with_the_nearest() {
    let error = "authz.chekc".parse::<Scope>().unwrap_err().to_string();
    assert!(error.contains("did you mean `authz.check`?"), "{error}");
    assert!(error.contains("platform.operator"), "{error}");
    assert!("AUTHZ.CHECK".parse::<Scope>().is_err());
}
