//! Method overrides: a request that asks the upstream to take another method for its own (P16).
//!
//! To the upstream it is a request of that method, so it passes only where such a request would: nothing less may be asked
//! of it than of the real one.

use http::{HeaderMap, Method};

use super::allowed::{check_allowed, check_certificate};
use super::token::{check_rule, may_use_cookie};
use super::{Head, Permit, Policy};
use crate::clock::Timestamp;
use crate::identity::{self, Proof};
use crate::policy::path::Readings;
use crate::policy::route::{self, Access, Found};

/// Whether the method that an override header names is allowed here too: the same pattern takes it, and the request meets
/// all that is asked for it (P16). More than one header, or more than one value, is never passed.
pub(super) fn may_override(
    head: &Head<'_>,
    policy: &Policy,
    host: &str,
    readings: &Readings<'_>,
    permit: &Permit<'_>,
    now: Timestamp,
) -> bool {
    if !permit.route.method_override {
        return false;
    }
    let Some(method) = overriding_method(head.headers) else {
        return false;
    };
    let Found::Route(index) = policy
        .table
        .find(&policy.routes, method.as_str(), host, readings)
    else {
        return false;
    };
    let named = Head {
        method: &method,
        ..*head
    };
    // A page of another site may send a GET with a cookie, but not one that is a DELETE to the service behind.
    if permit.by_cookie && !may_use_cookie(&named, policy) {
        return false;
    }
    let other = &policy.routes[index];
    if std::ptr::eq(other, permit.route) {
        return true;
    }
    let proof = |principal| Proof {
        principal,
        certificate: head.certificate,
    };
    match (&permit.principal, other.access) {
        (_, Access::Public) => true,
        _ if check_certificate(other, head.certificate).is_err() => false,
        (_, Access::Certificate) => identity::check(&other.headers, proof(None)).is_ok(),
        (Some(principal), _) => {
            check_allowed(other, principal).is_ok()
                && check_rule(other, principal, readings, now).is_ok()
                && identity::check(&other.headers, proof(Some(principal))).is_ok()
        }
        // What audit lets through may have a token, and a bad one.
        (None, Access::Optional) => permit.audit.is_none(),
        (None, Access::Authenticated) => false,
    }
}

/// The one method that override headers name, if it is one that may be asked for at all.
fn overriding_method(headers: &HeaderMap) -> Option<Method> {
    let mut named = identity::METHOD_OVERRIDES
        .iter()
        .flat_map(|name| headers.get_all(*name));
    let (Some(method), None) = (named.next(), named.next()) else {
        return None;
    };
    let method = method.to_str().ok().filter(|text| route::is_method(text))?;
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    (!matches!(method, Method::CONNECT | Method::TRACE)).then_some(method)
}
