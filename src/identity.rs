//! Identity headers: claims of the verified principal, handed to the upstream under names that no client can use.
//!
//! Two halves that must both run on every forwarded request, in this order: [`strip`] removes whatever the client sent
//! under a name of ours in any spelling (public routes too), [`apply`] sets what the principal says. [`apply`] is the last
//! to touch the head: what removes forwarding or hop-by-hop headers has run before it.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::token::Principal;
use crate::token::claims::ClaimName;

mod encode;
mod reserved;
mod template;

pub use reserved::{METHOD_OVERRIDES, Overrides, Reserved, strip};

/// The identity headers of a route: the global ones and its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// In the order they are set.
    pub headers: Vec<IdentityHeader>,
    /// Between the items of a joined list: printable ASCII, of which percent-encoding itself writes nothing.
    pub list_separator: String,
    /// The route's name, for `@route`.
    pub route: Arc<str>,
}

/// One header and where its value comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityHeader {
    /// Its name.
    pub name: HeaderName,
    /// The first of these that is whole is taken.
    pub alternatives: Vec<Template>,
    /// Whether absence is `claim_mismatch`.
    pub required: bool,
    /// How a list becomes text.
    pub list: ListStyle,
}

/// A claim, a fact, or a text with claims in it. It is whole when every claim in it has something to say: one that is
/// missing, null, an empty string or a list of nothing but these has not.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(pub Vec<Part>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// As written.
    Text(String),
    /// A claim's value.
    Claim(ClaimName),
    /// Something the sidecar knows: `@pool`, `@kind`, `@route`, `@tls.subject`, `@tls.san`.
    Fact(Fact),
}

/// What the sidecar knows of a request beside the token's claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The name of the pool that vouches for the principal.
    Pool,
    /// `user` or `machine`.
    Kind,
    /// The name of the route.
    Route,
    /// The subject of the client's certificate (RFC 4514).
    TlsSubject,
    /// The alternative names of the client's certificate: a list.
    TlsSan,
}

/// What a client's certificate says of it, once the handshake has verified it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its subject (RFC 4514).
    pub subject: String,
    /// Its alternative names: URIs as they stand, host names in lower case, mail and IP addresses.
    pub san: Vec<String>,
}

/// Who a request speaks for: what identity headers are made from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proof<'a> {
    /// The principal of a verified token.
    pub principal: Option<&'a Principal>,
    /// The client's certificate.
    pub certificate: Option<&'a ClientCertificate>,
}

impl<'a> From<&'a Arc<Principal>> for Proof<'a> {
    fn from(principal: &'a Arc<Principal>) -> Proof<'a> {
        Proof::from(&**principal)
    }
}

impl<'a> From<&'a Principal> for Proof<'a> {
    fn from(principal: &'a Principal) -> Proof<'a> {
        Proof {
            principal: Some(principal),
            certificate: None,
        }
    }
}

/// How a list becomes text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListStyle {
    /// Items joined by the separator; the separator inside an item is percent-encoded.
    #[default]
    Join,
    /// Compact JSON.
    Json,
    /// One header line for each item. Servers join such lines with a comma (RFC 9110 §5.3), so a comma inside an item is
    /// percent-encoded. Within a text the items are joined.
    Repeat,
}

/// Header values encoded once for a principal: kept for the first plan it met.
pub type Rendered = OnceLock<(Arc<Plan>, Vec<(HeaderName, HeaderValue)>)>;

impl Plan {
    /// Tells the name at the top of every claim that goes into a header.
    pub fn each_claim(&self, tell: &mut dyn FnMut(&str)) {
        let templates = self.headers.iter().flat_map(|header| &header.alternatives);
        for part in templates.flat_map(|template| &template.0) {
            if let Part::Claim(name) = part {
                tell(&name.top());
            }
        }
    }

    /// Whether a header depends on the client's certificate.
    pub fn tells_of_certificate(&self) -> bool {
        let templates = self.headers.iter().flat_map(|header| &header.alternatives);
        templates
            .flat_map(|template| &template.0)
            .any(|part| matches!(part, Part::Fact(Fact::TlsSubject | Fact::TlsSan)))
    }
}

/// What a plan gives for who is proved: name and encoded value, in order. A required header without a value is
/// `claim_mismatch`. Without any proof (public routes) there is nothing to render.
pub fn render<'a>(
    plan: &Plan,
    proof: impl Into<Proof<'a>>,
) -> Result<Vec<(HeaderName, HeaderValue)>, Refusal> {
    let proof = proof.into();
    let mut rendered = Vec::with_capacity(plan.headers.len());
    for header in &plan.headers {
        let lines = header
            .alternatives
            .iter()
            .find_map(|template| template.fill(plan, header.list, proof));
        match lines {
            Some(lines) => {
                rendered.extend(lines.into_iter().map(|line| (header.name.clone(), line)));
            }
            None if header.required => return Err(INCOMPLETE),
            None => {}
        }
    }
    Ok(rendered)
}

const INCOMPLETE: Refusal = Refusal::new(
    Reason::ClaimMismatch,
    "the token lacks a claim that the service behind this route needs",
);

/// Whether every required header of `plan` has a value for who is proved: asked by the policy, before anything is forwarded.
pub fn check<'a>(plan: &Arc<Plan>, proof: impl Into<Proof<'a>>) -> Result<(), Refusal> {
    let proof = proof.into();
    let known = || {
        let rendered = memory(plan, proof).and_then(Rendered::get);
        rendered.is_some_and(|(known, _)| Arc::ptr_eq(known, plan))
    };
    match plan.headers.iter().any(|header| header.required) && !known() {
        true => render(plan, proof).map(drop),
        false => Ok(()),
    }
}

/// Sets the identity headers of who is proved, from the principal's own memory of them when `plan` is the one it was
/// rendered with. Refused, it leaves `headers` as they were.
pub fn apply<'a>(
    plan: &Arc<Plan>,
    proof: impl Into<Proof<'a>>,
    headers: &mut HeaderMap,
) -> Result<(), Refusal> {
    let proof = proof.into();
    let memory = memory(plan, proof);
    match memory.map(|memory| (memory, memory.get())) {
        Some((_, Some((known, rendered)))) if Arc::ptr_eq(known, plan) => set(rendered, headers),
        Some((memory, None)) => {
            let rendered = render(plan, proof)?;
            set(&rendered, headers);
            // Another request of this principal may have been first: then its plan is the one remembered.
            let _ = memory.set((Arc::clone(plan), rendered));
        }
        _ => set(&render(plan, proof)?, headers),
    }
    Ok(())
}

/// Where the headers of a principal are remembered. What a certificate says is never put there: the same token may come
/// over another connection.
fn memory<'a>(plan: &Plan, proof: Proof<'a>) -> Option<&'a Rendered> {
    let principal = proof.principal?;
    (proof.certificate.is_none() || !plan.tells_of_certificate()).then_some(&principal.rendered)
}

/// The first line of a name replaces whatever stands there, further ones are added to it.
fn set(rendered: &[(HeaderName, HeaderValue)], headers: &mut HeaderMap) {
    let mut last = None;
    for (name, value) in rendered {
        if last == Some(name) {
            headers.append(name, value.clone());
        } else {
            headers.insert(name, value.clone());
        }
        last = Some(name);
    }
}

#[cfg(test)]
mod tests;
