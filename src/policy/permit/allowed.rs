//! Whether a token that is good for its pool is good on a route: its pool, its use, its client; and a certificate, its name.
//!
//! One function for each, so that `explain` can ask them one by one; [`check_allowed`] is what the decision asks.

use crate::identity::ClientCertificate;
use crate::policy::route::{Access, Route};
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::token::Principal;
use crate::token::trust::Clients;

/// Whether the client's certificate is one that the route asks for, if it asks for any.
pub(super) fn check_certificate(
    route: &Route,
    certificate: Option<&ClientCertificate>,
) -> Result<(), Refusal> {
    if route.client_cert.is_none() && route.access != Access::Certificate {
        return Ok(());
    }
    let refuse = |detail| Err(Refusal::new(Reason::ClaimMismatch, detail));
    match (certificate, &route.client_cert) {
        (None, _) => refuse("this route asks for a client certificate, and there is none"),
        (Some(certificate), Some(names))
            if !names.iter().any(|name| certificate.san.contains(name)) =>
        {
            refuse("the client's certificate has none of the names that this route asks for")
        }
        (Some(_), _) => Ok(()),
    }
}

/// Good for its pool, but is it good here? (C07, C08, C09)
pub(super) fn check_allowed(route: &Route, principal: &Principal) -> Result<(), Refusal> {
    let refuse = |detail| Err(Refusal::new(Reason::TokenNotAllowed, detail));
    if !takes_pool(route, principal) {
        return refuse("tokens of this user pool are not accepted on this route");
    }
    if !takes_use(route, principal) {
        return refuse("tokens of this use (access or ID) are not accepted on this route");
    }
    if !takes_client(route, principal) {
        return refuse("tokens of this client are not accepted on this route");
    }
    Ok(())
}

/// Whether the route takes tokens of the principal's pool.
pub(in crate::policy) fn takes_pool(route: &Route, principal: &Principal) -> bool {
    let pools = route.pools.as_ref();
    pools.is_none_or(|pools| pools.contains(&principal.pool_index))
}

/// Whether the route takes tokens of this use.
pub(in crate::policy) fn takes_use(route: &Route, principal: &Principal) -> bool {
    let uses = route.token_use;
    uses.is_none_or(|uses| uses.contains(principal.token_use))
}

/// Whether the route takes tokens of this client.
pub(in crate::policy) fn takes_client(route: &Route, principal: &Principal) -> bool {
    let clients = route.client_ids.as_ref();
    clients.is_none_or(|clients| match &principal.client_id {
        Some(client) => clients.contains(client),
        None => *clients == Clients::Any,
    })
}
