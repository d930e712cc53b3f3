//! The stable word that says why a request was refused, and everything that follows from it.
//!
//! This is the one table: reason ↔ status ↔ title. Bodies, challenges, metrics labels, log lines and documentation
//! all read it; nothing else in the program knows which status a reason has. A reason is never taken from a request.

/// Why a request was refused. The word is stable: clients, dashboards and alerts may match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // each variant is documented by its row in the table below
pub enum Reason {
    BadRequest,
    AmbiguousPath,
    MultipleTokens,
    MalformedAuthorization,
    MissingToken,
    MalformedToken,
    UnsupportedAlgorithm,
    UnknownIssuer,
    UnknownKey,
    BadSignature,
    Expired,
    NotYetValid,
    WrongTokenUse,
    WrongClient,
    WrongAudience,
    InvalidClaims,
    StepUpRequired,
    NoRoute,
    TokenNotAllowed,
    InsufficientScope,
    MissingGroup,
    ClaimMismatch,
    CrossSite,
    MethodNotAllowed,
    RequestTimeout,
    BodyTooLarge,
    HeadersTooLarge,
    UpstreamUnreachable,
    UpstreamProtocol,
    UpstreamTimeout,
    KeysUnavailable,
    TokenUnavailable,
}

impl Reason {
    /// Every reason, in the order of the contract's table.
    pub const ALL: [Reason; 32] = [
        Reason::BadRequest,
        Reason::AmbiguousPath,
        Reason::MultipleTokens,
        Reason::MalformedAuthorization,
        Reason::MissingToken,
        Reason::MalformedToken,
        Reason::UnsupportedAlgorithm,
        Reason::UnknownIssuer,
        Reason::UnknownKey,
        Reason::BadSignature,
        Reason::Expired,
        Reason::NotYetValid,
        Reason::WrongTokenUse,
        Reason::WrongClient,
        Reason::WrongAudience,
        Reason::InvalidClaims,
        Reason::StepUpRequired,
        Reason::NoRoute,
        Reason::TokenNotAllowed,
        Reason::InsufficientScope,
        Reason::MissingGroup,
        Reason::ClaimMismatch,
        Reason::CrossSite,
        Reason::MethodNotAllowed,
        Reason::RequestTimeout,
        Reason::BodyTooLarge,
        Reason::HeadersTooLarge,
        Reason::UpstreamUnreachable,
        Reason::UpstreamProtocol,
        Reason::UpstreamTimeout,
        Reason::KeysUnavailable,
        Reason::TokenUnavailable,
    ];

    /// The row of the table: word, HTTP status, title.
    const fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Reason::BadRequest => ("bad_request", 400, "The request is not well-formed"),
            Reason::AmbiguousPath => (
                "ambiguous_path",
                400,
                "The path could be read in more than one way",
            ),
            Reason::MultipleTokens => (
                "multiple_tokens",
                400,
                "The request carries more than one token",
            ),
            Reason::MalformedAuthorization => (
                "malformed_authorization",
                400,
                "The Authorization header is malformed",
            ),
            Reason::MissingToken => ("missing_token", 401, "A token is required"),
            Reason::MalformedToken => ("malformed_token", 401, "The token is malformed"),
            Reason::UnsupportedAlgorithm => (
                "unsupported_algorithm",
                401,
                "The token's algorithm is not accepted",
            ),
            Reason::UnknownIssuer => (
                "unknown_issuer",
                401,
                "The token's issuer is not known here",
            ),
            Reason::UnknownKey => (
                "unknown_key",
                401,
                "The token was signed with an unknown key",
            ),
            Reason::BadSignature => (
                "bad_signature",
                401,
                "The token's signature does not verify",
            ),
            Reason::Expired => ("expired", 401, "The token has expired"),
            Reason::NotYetValid => ("not_yet_valid", 401, "The token is not valid yet"),
            Reason::WrongTokenUse => ("wrong_token_use", 401, "The token is of the wrong kind"),
            Reason::WrongClient => (
                "wrong_client",
                401,
                "The token was issued to another client",
            ),
            Reason::WrongAudience => (
                "wrong_audience",
                401,
                "The token is meant for another audience",
            ),
            Reason::InvalidClaims => ("invalid_claims", 401, "The token's claims are not valid"),
            Reason::StepUpRequired => (
                "step_up_required",
                401,
                "A stronger or more recent sign-in is required",
            ),
            Reason::NoRoute => ("no_route", 403, "No route admits this request"),
            Reason::TokenNotAllowed => (
                "token_not_allowed",
                403,
                "This token is not accepted on this route",
            ),
            Reason::InsufficientScope => (
                "insufficient_scope",
                403,
                "The token lacks a required scope",
            ),
            Reason::MissingGroup => ("missing_group", 403, "The token lacks a required group"),
            Reason::ClaimMismatch => (
                "claim_mismatch",
                403,
                "A claim does not have the required value",
            ),
            Reason::CrossSite => ("cross_site", 403, "The request came from another site"),
            Reason::MethodNotAllowed => {
                ("method_not_allowed", 405, "The method is not allowed here")
            }
            Reason::RequestTimeout => (
                "request_timeout",
                408,
                "The request took too long to arrive",
            ),
            Reason::BodyTooLarge => ("body_too_large", 413, "The request body is too large"),
            Reason::HeadersTooLarge => ("headers_too_large", 431, "The request head is too large"),
            Reason::UpstreamUnreachable => (
                "upstream_unreachable",
                502,
                "The service could not be reached",
            ),
            Reason::UpstreamProtocol => (
                "upstream_protocol",
                502,
                "The service gave an invalid answer",
            ),
            Reason::UpstreamTimeout => (
                "upstream_timeout",
                504,
                "The service took too long to answer",
            ),
            Reason::KeysUnavailable => (
                "keys_unavailable",
                503,
                "Tokens cannot be verified at the moment",
            ),
            Reason::TokenUnavailable => (
                "token_unavailable",
                503,
                "No token can be had at the moment",
            ),
        }
    }

    /// The word itself, as in bodies, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status that goes with it.
    pub const fn status(self) -> u16 {
        self.row().1
    }

    /// The `title` of the problem document: the same for every occurrence (RFC 9457 §3.1.3).
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    /// The reason with this word, for policy tests and documentation checks.
    pub fn parse(word: &str) -> Option<Reason> {
        Reason::ALL
            .into_iter()
            .find(|reason| reason.as_str() == word)
    }

    /// Whether `mode = "audit"` lets the request through all the same: only what a token or a rule refused,
    /// never what is malformed, unrouted, over a limit, or undecidable.
    pub const fn is_auditable(self) -> bool {
        matches!(self.status(), 401 | 403) && !matches!(self, Reason::NoRoute)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

mod hint;
#[cfg(test)]
mod tests;
