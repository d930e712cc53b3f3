//! What an operator can do about each reason: one line, for the status page and its JSON.

use super::Reason;

impl Reason {
    /// The first thing to look at or to change. Never a way to let everything through.
    pub const fn hint(self) -> &'static str {
        match self {
            Reason::BadRequest => {
                "The client breaks HTTP's rules: look at its Host header, method and target. No setting changes this."
            }
            Reason::AmbiguousPath => {
                "Have the client send a plain path. If the service needs this kind of path, admit it with allow_paths on its route."
            }
            Reason::MultipleTokens => {
                "Send one token in one place; look for a proxy that adds an Authorization header of its own."
            }
            Reason::MalformedAuthorization => {
                "Send \"Authorization: Bearer <token>\", one word after Bearer. For a bare token set [tokens] raw_authorization."
            }
            Reason::MissingToken => {
                "The client sends no token where [tokens] sources looks. A path that is meant to be open needs access = \"public\"."
            }
            Reason::MalformedToken => {
                "What the client sends is no JWT: look for a cut-off, quoted or opaque token, or a refresh token."
            }
            Reason::UnsupportedAlgorithm => {
                "Cognito signs with RS256 alone: this token comes from somewhere else, or was made by hand."
            }
            Reason::UnknownIssuer => {
                "The token's iss is no configured pool's: look for another region, pool or stage, or add the pool or extra_issuers."
            }
            Reason::UnknownKey => {
                "The pool has no key with this kid. If its keys just turned over this ends by itself; else see the pool's keys here."
            }
            Reason::BadSignature => {
                "The token was changed after it was signed, or is forged. If all of them fail, see where the pool's keys come from."
            }
            Reason::Expired => {
                "The client must renew its token earlier. If fresh tokens expire, compare this machine's clock with the pool's."
            }
            Reason::NotYetValid => {
                "This machine's clock is behind the pool's: mend the clock, or set the pool's leeway."
            }
            Reason::WrongTokenUse => {
                "An ID token came where access tokens are taken, or the reverse: change the client, or token_use."
            }
            Reason::WrongClient => {
                "The token's client is not in the pool's client_ids: add it there if it may call this service."
            }
            Reason::WrongAudience => {
                "The token is meant for another service: have the client ask for this one's resource, or see audiences."
            }
            Reason::InvalidClaims => {
                "A claim is missing, twice, or of the wrong type: look at what issues or customises these tokens."
            }
            Reason::StepUpRequired => {
                "The user must sign in again, more strongly or more recently: the client has to follow the challenge."
            }
            Reason::NoRoute => {
                "No route names this request: if clients need it, add a line to [routes] (learn drafts one); for a call out, a destination or an allow."
            }
            Reason::TokenNotAllowed => {
                "The token is good, but not on this route: see the route's pools, client_ids and token_use."
            }
            Reason::InsufficientScope => {
                "Grant the client the scope that the route names, and have it ask for it; a token keeps the scopes it was issued with."
            }
            Reason::MissingGroup => {
                "Put the user into the group that the route names; the next token has it."
            }
            Reason::ClaimMismatch => {
                "A claim is not what the route asks for: see its claims and required headers; explain shows each verdict."
            }
            Reason::CrossSite => {
                "A cookie's token came from another site's page: send it in the Authorization header, or list the site in cross_site."
            }
            Reason::MethodNotAllowed => {
                "The path is known, but not with this method: add the method to [routes] if clients need it."
            }
            Reason::RequestTimeout => {
                "The client or the network is slow: see header_timeout and body_timeout."
            }
            Reason::BodyTooLarge => {
                "The body is over body_bytes: raise it on the route that takes uploads."
            }
            Reason::HeadersTooLarge => {
                "The head is over header_bytes: large cookies or many groups in a token are the usual cause."
            }
            Reason::UpstreamUnreachable => {
                "The service behind does not accept connections: is it running, and does [upstream] url name its port?"
            }
            Reason::UpstreamProtocol => {
                "The service behind broke off: see its own log. If it closes idle connections early, lower keepalive."
            }
            Reason::UpstreamTimeout => {
                "The service behind is too slow: see its own log, or give the route a longer timeout."
            }
            Reason::KeysUnavailable => {
                "The pool's keys can't be fetched: see the pool's last fault here, then DNS, network policy, proxy and ca_file."
            }
            Reason::TokenUnavailable => {
                "The sidecar could not get its own token: see the credential's last fault here, then its secret and network."
            }
        }
    }
}
