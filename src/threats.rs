//! Known attacks and faults, and where each is held off by tests. Documentation alone: there is no code here.
//!
//! A test that holds one carries its id at the start of its name (`s09_…`), so that `grep 'fn s09_'` finds what is asserted. Many of
//! them have been somebody's vulnerability; each row is a kind, tried in all the variants its tests list. Places beginning with
//! `tests/` are in `tests/it`, those with `interop/` in `tests/interop`, the others are beside the code they test. A test holds that
//! every id in a test's name is here, that every place here has such a test, and that no id is left out.

//!
//! # Tokens: header and signature
//!
//! | id | what | held in |
//! | --- | --- | --- |
//! | J01 | no algorithm at all: `none` in every spelling, absent, of another type | `tests/tokens`, `token::verify::tests::header` |
//! | J02 | the public RSA key as the secret of an HMAC | `tests/tokens`, `token::verify::tests::header` |
//! | J03 | another algorithm than the pool's, rightly signed | `tests/tokens`, `token::verify::tests::header` |
//! | J04 | the header's algorithm against the key's | `tests/tokens`, `token::keys::tests`, `token::verify::tests::header` |
//! | J05 | signatures cut, grown, flipped, all zero, out of range | `tests/tokens`, `token::verify::tests::header`, `token::verify::tests::properties` |
//! | J06 | more or fewer than three parts; nothing but dots | `tests/tokens`, `token::verify::tests::header` |
//! | J07 | the same token in another spelling: padding, another alphabet, blanks, unused bits | `tests/tokens`, `token::verify::tests::header` |
//! | J08 | a JWS in JSON; a token in base64 again | `tests/tokens`, `token::verify::tests::header` |
//! | J09 | a token within a token | `tests/tokens`, `token::verify::tests::header` |
//! | J10 | an encrypted token, or one that inflates | `tests/tokens` |
//! | J11 | keys that the token brings, or says where to find: `jku`, `x5u`, `jwk`, `x5c` | `tests/tokens`, `token::verify::tests::header` |
//! | J12 | `crit` and `b64` | `tests/tokens`, `token::verify::tests::header` |
//! | J13 | key ids that are paths, queries, commands, or megabytes | `tests/tokens`, `token::keys::tests`, `token::verify::tests::header` |
//! | J14 | no key id | `tests/tokens`, `token::verify::tests::header` |
//! | J15 | other types of token | `tests/tokens`, `token::verify::tests::header` |
//! | J16 | a header that says a thing twice | `tests/tokens`, `token::verify::tests::header` |
//! | J17 | tokens too large, too deep, with numbers too long | `tests/tokens`, `token::verify::tests::header` |
//! | J18 | text that is no text: invalid UTF-8, NUL, lone surrogates | `tests/tokens`, `token::claims::tests`, `token::verify::tests::header` |
//!
//! # Tokens: claims
//!
//! | id | what | held in |
//! | --- | --- | --- |
//! | C01 | `exp` missing, of another type, absurd | `tests/claims`, `token::verify::tests::claims` |
//! | C02 | a token that expires between two requests | `tests/claims`, `token::verify::tests::claims` |
//! | C03 | `nbf` and `iat` in the future | `tests/claims`, `token::verify::tests::claims` |
//! | C04 | a claim twice | `tests/claims`, `token::claims::tests`, `token::verify::tests::claims` |
//! | C05 | issuers that look like ours | `tests/claims`, `token::verify::tests::claims` |
//! | C06 | one pool's token at another's keys | `tests/claims`, `token::cache::tests`, `token::verify::tests::claims` |
//! | C07 | a pool that a route does not take | `policy::permit::tests`, `tests/claims` |
//! | C08 | an ID token for an access token, and the reverse | `policy::permit::tests`, `tests/claims`, `token::verify::tests::claims` |
//! | C09 | another client, another audience | `policy::permit::tests`, `tests/claims`, `token::verify::tests::claims` |
//! | C10 | scopes that begin, end or read like the one asked for | `policy::rule::tests`, `tests/claims` |
//! | C11 | scopes parted by something else than a blank | `tests/claims`, `token::verify::tests::claims` |
//! | C12 | one scope where several are asked for | `policy::rule::tests`, `tests/claims` |
//! | C13 | no scope | `tests/claims` |
//! | C14 | groups that read like the one asked for | `identity::encode::tests`, `policy::rule::tests`, `tests/claims`, `token::verify::tests::claims` |
//! | C15 | a decision taken for one route, used on another | `policy::permit::tests`, `tests/claims` |
//! | C16 | a token remembered for too long, or for another | `token::cache::tests` |
//! | C17 | tokens without number | `tests/claims`, `token::cache::tests` |
//! | C18 | a mail address that two readers read differently | `tests/claims`, `token::verify::tests::claims` |
//!
//! # Where keys come from
//!
//! | id | what | held in |
//! | --- | --- | --- |
//! | K01 | no keys at the start | `pool::refresh::tests`, `tests/keys` |
//! | K02 | keys that can't be had for long | `pool::keyring::tests`, `pool::refresh::tests` |
//! | K03 | unknown key ids without number | `pool::refresh::tests`, `pool::round::tests`, `tests/keys` |
//! | K04 | a key that is published late | `pool::refresh::tests`, `tests/keys` |
//! | K05 | a key that is withdrawn | `pool::refresh::tests`, `tests/keys` |
//! | K06 | answers that are no set of keys | `fetch::tests`, `pool::keyring::tests`, `pool::refresh::tests`, `pool::source::tests`, `tests/keys`, `token::keys::tests` |
//! | K07 | sets of keys without end | `fetch::tests`, `tests/keys`, `token::keys::tests` |
//! | K08 | redirected fetches | `fetch::tests`, `tests/keys` |
//! | K09 | keys that are no good in a set that is | `tests/keys`, `token::keys::tests` |
//! | K10 | one issuer that hangs beside one that doesn't | `pool::refresh::tests`, `tests/keys` |
//! | K11 | many requests before the first keys | `pool::refresh::tests`, `pool::round::tests`, `tests/keys` |
//! | K12 | whatever happens while keys are fetched | `fetch::tests`, `pool::refresh::tests`, `pool::round::tests` |
//! | K13 | an issuer whose certificate is not its own | `fetch::tests`, `fetch::tests::tls`, `pool::source::tests` |
//! | K14 | proxies in the environment | `fetch::tests` |
//!
//! # Paths, hosts, methods
//!
//! | id | what | held in |
//! | --- | --- | --- |
//! | P01 | dot segments | `policy::path::tests`, `tests/paths` |
//! | P02 | encoded separators and dots: once, twice, overlong | `policy::path::tests`, `tests/paths` |
//! | P03 | backslashes | `policy::path::tests`, `tests/paths` |
//! | P04 | empty segments | `policy::path::tests`, `tests/paths` |
//! | P05 | suffixes that a service drops: dots, blanks, NUL, `;` | `policy::path::tests`, `tests/paths` |
//! | P06 | letters that fold to others | `policy::path::tests`, `policy::route::tests::find`, `tests/paths` |
//! | P07 | a query that reads like a path | `policy::path::tests`, `tests/paths` |
//! | P08 | fragments | `policy::path::tests`, `policy::permit::tests`, `tests/paths` |
//! | P09 | headers that name another path | `tests/paths` |
//! | P10 | prefixes that are rewritten | `policy::permit::tests`, `tests/paths` |
//! | P11 | targets with an authority of their own | `tests/paths` |
//! | P12 | targets that are no path | `policy::path::tests`, `tests/paths` |
//! | P13 | hosts: none, two, malformed, differing | `config::tests::requirements`, `policy::permit::tests`, `policy::route::tests::pattern`, `tests/paths`, `tests/transport/http2` |
//! | P14 | another name in the TLS handshake | `tests/transport/tls` |
//! | P15 | methods that are none; HEAD for GET | `policy::route::tests::find`, `policy::route::tests::pattern`, `tests/paths` |
//! | P16 | method overrides | `identity::tests`, `policy::permit::tests`, `tests/paths` |
//! | P17 | preflights that are none | `policy::permit::tests`, `tests/paths` |
//! | P18 | health checks on the main port | `tests/paths` |
//! | P19 | every spelling of a path, at servers that read it differently | `interop/differential` |
//!
//! # Headers
//!
//! | id | what | held in |
//! | --- | --- | --- |
//! | H01 | identity headers that the client sends | `identity::tests`, `tests/headers` |
//! | H02 | the same in spellings that a service folds together | `identity::tests`, `tests/headers` |
//! | H03 | a claim that is missing, and the client's header in its place | `identity::tests`, `tests/headers` |
//! | H04 | public routes, refusals, preflights: stripped like all | `tests/headers` |
//! | H05 | `Connection` that names our headers | `http::hop::tests`, `tests/headers` |
//! | H06 | the same on an upgrade | `tests/upstream/websocket` |
//! | H07 | trailers | `tests/headers`, `tests/transport/http2`, `tests/upstream/tls` |
//! | H08 | claims that break out of a header | `identity::encode::tests`, `identity::tests`, `tests/headers` |
//! | H09 | two tokens | `tests/headers` |
//! | H10 | `Authorization` misspelt | `tests/headers` |
//! | H11 | tokens where none is looked for | `tests/headers` |
//! | H12 | a token that goes on to the service | `tests/headers` |
//! | H13 | headers that come several times | `tests/headers` |
//! | H14 | cookies split over HTTP/2 | `tests/transport/http2` |
//! | H15 | forwarding headers of the client's | `http::forwarded::tests`, `tests/headers` |
//! | H16 | answers in doubt: framing, unasked 101, hop-by-hop headers | `http::hop::tests`, `tests/headers`, `tests/upstream/framing` |
//! | H17 | `Expect` with a token that is refused | `tests/headers` |
//! | H18 | answers that repeat what was sent | `http::problem::tests`, `tests/headers` |
//!
//! # Where one message ends and the next begins
//!
//! | id | what | held in |
//! | --- | --- | --- |
//! | S01 | a length beside chunks | `tests/framing` |
//! | S02 | transfer encodings that are misspelt | `tests/framing` |
//! | S03 | lengths that are no number | `http::hop::tests`, `tests/framing` |
//! | S04 | a body where none is usual; bytes behind a refused body | `tests/answers`, `tests/framing` |
//! | S05 | chunks that are none, and what stands beside and behind them | `tests/framing` |
//! | S06 | HTTP/1.0, and connections that close | `tests/framing` |
//! | S07 | heads that two servers read differently | `tests/framing` |
//! | S08 | what HTTP/2 can say and HTTP/1 can't | `tests/transport/http2` |
//! | S09 | an upgrade to h2c | `http::websocket::tests`, `tests/framing`, `tests/upstream/websocket` |
//! | S10 | bytes behind an upgrade that is not accepted | `tests/upstream/websocket` |
//! | S11 | a handshake, or its answer, that is none | `http::websocket::tests`, `tests/upstream/websocket` |
//! | S12 | other upgrades | `http::websocket::tests`, `tests/framing`, `tests/upstream/websocket` |
//! | S13 | CONNECT | `tests/framing`, `tests/transport/http2` |
//! | S14 | TRACE | `tests/framing` |
//! | S15 | `Expect`, and all that may be answered to it | `tests/transport/reuse`, `tests/upstream/framing` |
//! | S16 | an answer before the body's end | `tests/framing`, `tests/upstream/framing` |
//! | S17 | bytes behind an answer, or unasked | `tests/framing`, `tests/upstream/connections`, `tests/upstream/framing` |
//! | S18 | an upstream that hangs up on a request | `tests/framing`, `tests/upstream/connections` |
//! | S19 | a refusal that its client never reads, for it is still sending | `interop/clients`, `tests/framing`, `tests/transport/http2`, `tests/transport/reuse` |
//! | S20 | a client that leaves | `tests/transport/reuse`, `tests/upstream/connections` |
//! | S21 | an upstream that authenticates connections | `tests/upstream/connections`, `upstream::pins::tests`, `upstream::tests` |
//! | S22 | ranges without number | `tests/transport/reuse` |
//! | S23 | a rule that would read bodies, and is led past | `tests/framing` |
//! | S24 | a WebSocket that outlives its token, or the process | `front::tunnel::tests`, `http::websocket::tests`, `tests/upstream/websocket` |
//!
//! # Exhaustion
//!
//! | id | what | held in |
//! | --- | --- | --- |
//! | R01 | connections without a byte | `tests/transport/exhaustion`, `tests/transport/http2` |
//! | R02 | slow heads, prefaces and handshakes | `net::frames::tests`, `tests/transport/exhaustion`, `tests/transport/http2`, `tests/transport/tls` |
//! | R03 | slow bodies | `tests/transport/exhaustion` |
//! | R04 | slow readers | `tests/transport/exhaustion`, `tests/transport/http2` |
//! | R05 | streams that are given up by the thousand | `tests/transport/floods`, `tests/transport/http2` |
//! | R06 | frames without end | `net::frames::tests`, `tests/transport/floods`, `tests/transport/http2` |
//! | R07 | header blocks that grow when they are read | `tests/transport/floods`, `tests/transport/http2` |
//! | R08 | heads over the limit | `tests/transport/exhaustion` |
//! | R09 | more connections than there is room, or descriptors | `tests/transport/exhaustion`, `tests/transport/handed_over` |
//! | R10 | connections that come and go | `tests/upstream/connections` |
//! | R11 | handshakes in crumbs, chains without end | `tests/transport/tls` |
//! | R12 | connections closed on one side | `tests/transport/reuse` |
//! | R13 | values without number in metrics and memory | `policy::learn::tests`, `telemetry::audits::tests`, `tests/admin` |
//! | R14 | paths and patterns that a matcher tries in every way | `tests/transport/exhaustion` |
//! | R15 | large bodies | `interop/clients` |
//!
//! # Signing in by browser
//!
//! | id | what | held in |
//! | --- | --- | --- |
//! | L01 | a return to somewhere else | `session::tests`, `tests/login` |
//! | L02 | a callback that was not asked for | `session::tests`, `tests/login` |
//! | L03 | nonce and PKCE left out or wrong | `tests/login` |
//! | L04 | a victim signed in as the attacker | `tests/login` |
//! | L05 | a session set before the login | `tests/login/cookies` |
//! | L06 | cookies tossed in by a sibling | `tests/login/cookies` |
//! | L07 | cookies in parts: missing, mixed, too many | `session::tests`, `tests/login/cookies` |
//! | L08 | flags of the cookies | `tests/login/cookies` |
//! | L09 | a cookie that was tampered with | `session::tests`, `tests/login/cookies` |
//! | L10 | many requests when the token expires | `tests/login/renewal` |
//! | L11 | a renewed token of somebody else | `tests/login/renewal` |
//! | L12 | a logout that another site asks for | `tests/login` |
//! | L13 | a session that goes on to the service | `tests/login/cookies` |
//! | L14 | a script that would be sent to sign in | `tests/login` |
//!
//! # Calling out with tokens
//!
//! | id | what | held in |
//! | --- | --- | --- |
//! | X01 | a destination that redirects | `tests/courier/isolation` |
//! | X02 | a destination that is not in the list | `tests/courier/proxy` |
//! | X03 | hosts that read like the allowed one | `config::model::credentials::metadata::tests`, `config::tests::outbound` |
//! | X04 | names that resolve to where nobody may go | `config::model::credentials::metadata::tests`, `net::dial::tests` |
//! | X05 | a token that the app brings itself | `http::sigv4::tests`, `tests/courier/isolation` |
//! | X06 | the inbound token going out, the outbound one coming in | `tests/courier/isolation` |
//! | X07 | token endpoints that fail in every way | `credential::life::tests`, `credential::supply::tests`, `credential::tests::endpoint`, `tests/courier/tokens` |
//! | X08 | lifetimes that are none | `credential::life::tests`, `credential::supply::tests` |
//! | X09 | other types of token, or no token at all | `credential::tests::endpoint` |
//! | X10 | a token endpoint that redirects | `credential::tests::endpoint` |
//! | X11 | a thousand callers and no token | `credential::supply::tests`, `tests/courier/tokens` |
//! | X12 | a token that the destination refuses | `credential::supply::tests`, `tests/courier/tokens` |
//! | X13 | credentials that must not be mixed up | `credential::supply::tests` |
//! | X14 | a listener that others can reach | `config::tests::gate_tls`, `config::tests::outbound`, `outbound::tests`, `tests/courier/remote` |
//! | X15 | pages of another site that call us | `admin::tests`, `tests/admin`, `tests/courier/isolation`, `tests/courier/remote`, `tests/status` |
//! | X16 | secrets and where they show | `config::tests::properties`, `config::tests::secrecy`, `credential::state::tests`, `credential::tests::endpoint`, `http::sigv4::tests`, `policy::explain::tests` |
//! | X17 | a destination whose certificate is not its own | `credential::tests::endpoint`, `tests/courier/isolation`, `tests/courier/remote` |
//! | X18 | a loop | `config::tests::outbound`, `http::via` |
//!
//! # Operation
//!
//! | id | what | held in |
//! | --- | --- | --- |
//! | Q01 | configurations that are broken in every way | `reload::tests::changes`, `reload::tests::verdicts`, `tests/commands`, `tests/reload` |
//! | Q02 | files that change under us | `reload::tests::changes`, `tests/reload` |
//! | Q03 | a reload under load | `tests/reload` |
//! | Q04 | a reload while keys are fetched | `snapshot::tests`, `tests/reload` |
//! | Q05 | certificates that are renewed | `net::tls::tests`, `reload::tests::changes`, `tests/reload`, `tests/transport/tls` |
//! | Q06 | clocks that jump | `credential::supply::tests`, `pool::keyring::tests` |
//! | Q07 | upstreams that fail in every way | `net::dial::tests`, `tests/upstream/connections`, `tests/upstream/tls`, `upstream::tests` |
//! | Q08 | answers that are cut | `tests/headers`, `tests/upstream/framing`, `upstream::tests` |
//! | Q09 | going away under load | `tests/commands`, `tests/transport/drain` |
//! | Q10 | started before everything it needs, and outliving it | `tests/admin`, `tests/commands` |
//! | Q11 | a log that nobody reads | `telemetry::sink::tests`, `tests/status` |
//! | Q12 | a log that is written into | `telemetry::access::tests`, `telemetry::logs::tests`, `tests/admin` |
//! | Q13 | what the log must not know | `telemetry::logs::tests`, `tests/admin`, `tests/secrecy` |
//! | Q14 | a panic | `net::conn::tests`, `telemetry::logs::tests` |
//! | Q15 | what admin must not tell, or do | `tests/admin`, `tests/status` |
//! | Q16 | a long time under load, rotations and reloads | `interop/soak` |
//! | Q17 | hardly any memory, descriptors, tasks or rights | `interop/soak` |
//! | Q18 | secrets that a clock or an answer tells | `secret::tests`, `tests/secrecy` |
//! | Q19 | configurations that invite mistakes | `config::tests::requirements`, `config::tests::trust`, `tests/commands` |
//! | Q20 | `check` and `run` of one mind | `tests/reload` |
