//! Every reason as it is met: what the client is answered, and what the log says. A promise to those who match on it.

use std::fmt::Write as _;

use insta::assert_snapshot;
use portcullis::reason::Reason;
use serde_json::Value;

use crate::support::{
    Answer, Connection, Nobody, Recorder, Request, Response, Rig, Setup, a2, access, b1, get, mint,
    post,
};

/// What is answered, without what differs from run to run.
fn answered(answer: &Response) -> String {
    let mut text = format!("{}\n", answer.status);
    for name in ["www-authenticate", "allow", "retry-after"] {
        for value in answer.all(name) {
            // How long is a matter of when it was asked.
            let value = if name == "retry-after" { "…" } else { value };
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    let id = answer.json()["request_id"].as_str().map(str::to_owned);
    let body = answer.text().replace(&id.unwrap_or_default(), "(id)");
    text + body.trim_end()
}

/// The line of log, its numbers and times left out.
fn logged(mut line: Value) -> String {
    for name in [
        "time",
        "client",
        "request_id",
        "total_ms",
        "upstream_ms",
        "trace_id",
    ] {
        if let Some(value) = line.get_mut(name) {
            *value = Value::from("…");
        }
    }
    line.to_string()
}

/// Everything that can be asked of, so that each reason is met once.
struct World {
    rig: Rig,
    _others: [Recorder; 2],
    _nobody: Nobody,
}

impl World {
    fn start() -> World {
        let silent = Recorder::start();
        silent.hold();
        let partner = Recorder::answering(|_| Answer::json(&mint::jwks(&[b1()])));
        let nobody = Nobody::new();
        let closed = nobody.address();
        let rig = Setup::standard()
            .also(&format!(
                r#"
[upstreams.gone]
url = "http://{closed}"
[upstreams.silent]
url = "{}"
response_timeout = "100ms"
[pools.partner]
issuer = "https://partner.example"
client_ids = ["client-1"]
audiences = ["https://api.example"]
jwks_url = "{}/jwks.json"
[pools.dark]
issuer = "https://dark.example"
client_ids = ["client-1"]
jwks_url = "http://{closed}/jwks.json"
required = false
[tokens]
sources = [{{ header = "Authorization" }}, {{ cookie = "session" }}]
"#,
                silent.url(),
                partner.url()
            ))
            .routes(
                r#"
"/gone" = { access = "public", upstream = "gone" }
"/silent" = { access = "public", upstream = "silent" }
"/small" = { access = "public", body_bytes = "1KiB" }
"/group" = { any_group = ["staff"] }
"/claim" = { claims = { plan = "pro" } }
"/strong" = { acr = ["loa:2"] }
"/other-client" = { client_ids = ["client-2"] }
"#,
            )
            .start();
        rig.upstream.answer(|request| match request.target() {
            "/public/broken" => Answer::raw("HTTP/1.1 200 O").closing(),
            _ => Answer::ok(),
        });
        World {
            rig,
            _others: [silent, partner],
            _nobody: nobody,
        }
    }

    /// A request that is refused for this reason.
    fn request(&self, reason: Reason) -> Option<Request> {
        let orders = || get("/orders/1");
        let with = |token: mint::Token| Some(orders().bearer(&token.sign()));
        let hour = 3600;
        match reason {
            Reason::BadRequest => Some(get("/public").header("Host", "other")),
            Reason::AmbiguousPath => Some(get("/public/../admin/x")),
            Reason::MultipleTokens => Some(
                orders()
                    .bearer(&access().sign())
                    .header("Cookie", &format!("session={}", access().sign())),
            ),
            Reason::MalformedAuthorization => Some(orders().header("Authorization", "Bearer a b")),
            Reason::MissingToken => Some(orders()),
            Reason::MalformedToken => Some(orders().bearer("abc")),
            Reason::UnsupportedAlgorithm => with(access().header("alg", "none")),
            Reason::UnknownIssuer => with(access().claim("iss", "https://evil.example")),
            Reason::UnknownKey => with(access().key(a2())),
            Reason::BadSignature => Some(orders().bearer(&access().with_signature(&[7; 256]))),
            Reason::Expired => with(access().claim("exp", mint::now() - hour)),
            Reason::NotYetValid => with(access().claim("nbf", mint::now() + hour)),
            Reason::WrongTokenUse => with(mint::id()),
            Reason::WrongClient => with(access().claim("client_id", "client-9")),
            Reason::WrongAudience => with(
                access()
                    .claim("iss", "https://partner.example")
                    .claim("aud", "https://else.example")
                    .key(b1()),
            ),
            Reason::InvalidClaims => with(access().claim("exp", "soon")),
            Reason::StepUpRequired => Some(get("/strong").bearer(&access().sign())),
            Reason::NoRoute => Some(get("/nowhere")),
            Reason::TokenNotAllowed => Some(get("/other-client").bearer(&access().sign())),
            Reason::InsufficientScope => with(access().scope("else/where")),
            Reason::MissingGroup => Some(get("/group").bearer(&access().sign())),
            Reason::ClaimMismatch => Some(get("/claim").bearer(&access().sign())),
            Reason::CrossSite => Some(
                post("/orders/1")
                    .header("Cookie", &format!("session={}", access().sign()))
                    .header("Sec-Fetch-Site", "cross-site"),
            ),
            Reason::MethodNotAllowed => Some(crate::support::delete("/orders/1")),
            Reason::BodyTooLarge => Some(post("/small").body(vec![b'x'; 2048])),
            Reason::HeadersTooLarge => {
                Some(get("/public").header("X-Large", &"x".repeat(32 << 10)))
            }
            Reason::UpstreamUnreachable => Some(get("/gone")),
            Reason::UpstreamProtocol => Some(get("/public/broken")),
            Reason::UpstreamTimeout => Some(get("/silent")),
            Reason::KeysUnavailable => with(access().claim("iss", "https://dark.example")),
            Reason::RequestTimeout | Reason::TokenUnavailable => None,
        }
    }
}

#[test]
fn every_reason_of_the_gate() {
    let world = World::start();
    let mut told = String::new();
    let mut without = Vec::new();
    for reason in Reason::ALL {
        let Some(request) = world.request(reason) else {
            without.push(reason);
            continue;
        };
        let answer = world.rig.send(&request);
        assert_eq!(answer.reason(), reason.as_str(), "{}", answer.text());
        let line = world
            .rig
            .gate
            .program
            .wait_for_log(|line| line["log"] == "access" && line["reason"] == reason.as_str());
        let _ = writeln!(told, "{}\n{}\n", answered(&answer), logged(line));
    }
    // The one takes a gate that is in a hurry, the other a call out: they have tests of their own, below.
    assert_eq!(without, [Reason::RequestTimeout, Reason::TokenUnavailable]);
    assert_snapshot!(told, @r#"
    400
    {"type":"urn:portcullis:reason:bad_request","title":"The request is not well-formed","status":400,"detail":"the request has more than one Host header","reason":"bad_request","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":227,"client":"…","listener":"gate","log":"access","method":"GET","path":"/public","reason":"bad_request","request_id":"…","status":400,"time":"…","total_ms":"…","trace_id":"…"}

    400
    {"type":"urn:portcullis:reason:ambiguous_path","title":"The path could be read in more than one way","status":400,"detail":"the path has a dot segment (. or .., plain or percent-encoded)","reason":"ambiguous_path","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":267,"client":"…","listener":"gate","log":"access","method":"GET","path":"/public/../admin/x","reason":"ambiguous_path","request_id":"…","status":400,"time":"…","total_ms":"…","trace_id":"…"}

    400
    {"type":"urn:portcullis:reason:multiple_tokens","title":"The request carries more than one token","status":400,"detail":"the request carries a token in more than one place; send it once","reason":"multiple_tokens","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":267,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"multiple_tokens","request_id":"…","route":"GET /orders/{*rest}","status":400,"time":"…","total_ms":"…","trace_id":"…"}

    400
    {"type":"urn:portcullis:reason:malformed_authorization","title":"The Authorization header is malformed","status":400,"detail":"the Authorization header must read \"Bearer\", one blank, and the token","reason":"malformed_authorization","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":288,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"malformed_authorization","request_id":"…","route":"GET /orders/{*rest}","status":400,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis"
    {"type":"urn:portcullis:reason:missing_token","title":"A token is required","status":401,"detail":"this route asks for a token: send it as \"Authorization: Bearer <access token>\"","reason":"missing_token","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":259,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"missing_token","request_id":"…","route":"GET /orders/{*rest}","status":401,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis", error="invalid_token", error_description="the token is not three parts of base64url with dots between them"
    {"type":"urn:portcullis:reason:malformed_token","title":"The token is malformed","status":401,"detail":"the token is not three parts of base64url with dots between them","reason":"malformed_token","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":250,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"malformed_token","request_id":"…","route":"GET /orders/{*rest}","status":401,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis", error="invalid_token", error_description="the token's algorithm is not one of those accepted here"
    {"type":"urn:portcullis:reason:unsupported_algorithm","title":"The token's algorithm is not accepted","status":401,"detail":"the token's algorithm is not one of those accepted here","reason":"unsupported_algorithm","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":268,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"unsupported_algorithm","request_id":"…","route":"GET /orders/{*rest}","status":401,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis", error="invalid_token", error_description="the token comes from an issuer that is not configured here"
    {"type":"urn:portcullis:reason:unknown_issuer","title":"The token's issuer is not known here","status":401,"detail":"the token comes from an issuer that is not configured here","reason":"unknown_issuer","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":256,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"unknown_issuer","request_id":"…","route":"GET /orders/{*rest}","status":401,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis", error="invalid_token", error_description="the token was signed with a key that its issuer does not publish"
    {"type":"urn:portcullis:reason:unknown_key","title":"The token was signed with an unknown key","status":401,"detail":"the token was signed with a key that its issuer does not publish","reason":"unknown_key","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":260,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"unknown_key","request_id":"…","route":"GET /orders/{*rest}","status":401,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis", error="invalid_token", error_description="the token's signature does not verify"
    {"type":"urn:portcullis:reason:bad_signature","title":"The token's signature does not verify","status":401,"detail":"the token's signature does not verify","reason":"bad_signature","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":234,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"bad_signature","request_id":"…","route":"GET /orders/{*rest}","status":401,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis", error="invalid_token", error_description="the token has expired; get a new one"
    {"type":"urn:portcullis:reason:expired","title":"The token has expired","status":401,"detail":"the token has expired; get a new one","reason":"expired","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":205,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"expired","request_id":"…","route":"GET /orders/{*rest}","status":401,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis", error="invalid_token", error_description="the token's nbf lies in the future"
    {"type":"urn:portcullis:reason:not_yet_valid","title":"The token is not valid yet","status":401,"detail":"the token's nbf lies in the future","reason":"not_yet_valid","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":220,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"not_yet_valid","request_id":"…","route":"GET /orders/{*rest}","status":401,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis", error="invalid_token", error_description="this is an ID token; this route takes access tokens"
    {"type":"urn:portcullis:reason:wrong_token_use","title":"The token is of the wrong kind","status":401,"detail":"this is an ID token; this route takes access tokens","reason":"wrong_token_use","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":245,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"wrong_token_use","request_id":"…","route":"GET /orders/{*rest}","status":401,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis", error="invalid_token", error_description="the token was issued to a client that is not accepted here"
    {"type":"urn:portcullis:reason:wrong_client","title":"The token was issued to another client","status":401,"detail":"the token was issued to a client that is not accepted here","reason":"wrong_client","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":254,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"wrong_client","request_id":"…","route":"GET /orders/{*rest}","status":401,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis", error="invalid_token", error_description="the token's aud names none of the audiences accepted here"
    {"type":"urn:portcullis:reason:wrong_audience","title":"The token is meant for another audience","status":401,"detail":"the token's aud names none of the audiences accepted here","reason":"wrong_audience","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":258,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"wrong_audience","request_id":"…","route":"GET /orders/{*rest}","status":401,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis", error="invalid_token", error_description="exp, nbf and iat must be numbers"
    {"type":"urn:portcullis:reason:invalid_claims","title":"The token's claims are not valid","status":401,"detail":"exp, nbf and iat must be numbers","reason":"invalid_claims","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":226,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"invalid_claims","request_id":"…","route":"GET /orders/{*rest}","status":401,"time":"…","total_ms":"…","trace_id":"…"}

    401
    www-authenticate: Bearer realm="portcullis", error="insufficient_user_authentication", error_description="this route asks for a stronger sign-in than the one this token comes from", acr_values="loa:2"
    {"type":"urn:portcullis:reason:step_up_required","title":"A stronger or more recent sign-in is required","status":401,"detail":"this route asks for a stronger sign-in than the one this token comes from","reason":"step_up_required","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":284,"client":"…","client_id":"client-1","listener":"gate","log":"access","method":"GET","path":"/strong","pool":"a","reason":"step_up_required","request_id":"…","route":"/strong","status":401,"sub":"6f1c5c2e-7c7e-4b7e-9d2c-3a1f0c9b8a77","time":"…","total_ms":"…","trace_id":"…"}

    403
    {"type":"urn:portcullis:reason:no_route","title":"No route admits this request","status":403,"detail":"no route of this service matches the request","reason":"no_route","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":222,"client":"…","listener":"gate","log":"access","method":"GET","path":"/nowhere","reason":"no_route","request_id":"…","status":403,"time":"…","total_ms":"…","trace_id":"…"}

    403
    {"type":"urn:portcullis:reason:token_not_allowed","title":"This token is not accepted on this route","status":403,"detail":"tokens of this client are not accepted on this route","reason":"token_not_allowed","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":260,"client":"…","client_id":"client-1","listener":"gate","log":"access","method":"GET","path":"/other-client","pool":"a","reason":"token_not_allowed","request_id":"…","route":"/other-client","status":403,"sub":"6f1c5c2e-7c7e-4b7e-9d2c-3a1f0c9b8a77","time":"…","total_ms":"…","trace_id":"…"}

    403
    www-authenticate: Bearer realm="portcullis", error="insufficient_scope", error_description="the token has none of the scopes that this route asks for", scope="orders/read"
    {"type":"urn:portcullis:reason:insufficient_scope","title":"The token lacks a required scope","status":403,"detail":"the token has none of the scopes that this route asks for","reason":"insufficient_scope","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":259,"client":"…","client_id":"client-1","listener":"gate","log":"access","method":"GET","path":"/orders/1","pool":"a","reason":"insufficient_scope","request_id":"…","route":"GET /orders/{*rest}","status":403,"sub":"6f1c5c2e-7c7e-4b7e-9d2c-3a1f0c9b8a77","time":"…","total_ms":"…","trace_id":"…"}

    403
    {"type":"urn:portcullis:reason:missing_group","title":"The token lacks a required group","status":403,"detail":"the user is in none of the groups that this route asks for","reason":"missing_group","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":250,"client":"…","client_id":"client-1","listener":"gate","log":"access","method":"GET","path":"/group","pool":"a","reason":"missing_group","request_id":"…","route":"/group","status":403,"sub":"6f1c5c2e-7c7e-4b7e-9d2c-3a1f0c9b8a77","time":"…","total_ms":"…","trace_id":"…"}

    403
    {"type":"urn:portcullis:reason:claim_mismatch","title":"A claim does not have the required value","status":403,"detail":"a claim of the token does not have the value that this route asks for","reason":"claim_mismatch","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":271,"client":"…","client_id":"client-1","listener":"gate","log":"access","method":"GET","path":"/claim","pool":"a","reason":"claim_mismatch","request_id":"…","route":"/claim","status":403,"sub":"6f1c5c2e-7c7e-4b7e-9d2c-3a1f0c9b8a77","time":"…","total_ms":"…","trace_id":"…"}

    403
    {"type":"urn:portcullis:reason:cross_site","title":"The request came from another site","status":403,"detail":"a token in a cookie is not taken from another site's page; send it in the Authorization header","reason":"cross_site","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":282,"client":"…","listener":"gate","log":"access","method":"POST","path":"/orders/1","reason":"cross_site","request_id":"…","route":"POST /orders/{*rest}","status":403,"time":"…","total_ms":"…","trace_id":"…"}

    405
    allow: GET, HEAD, POST
    {"type":"urn:portcullis:reason:method_not_allowed","title":"The method is not allowed here","status":405,"detail":"this path is known, but it does not take this method","reason":"method_not_allowed","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":252,"client":"…","listener":"gate","log":"access","method":"DELETE","path":"/orders/1","reason":"method_not_allowed","request_id":"…","status":405,"time":"…","total_ms":"…","trace_id":"…"}

    413
    {"type":"urn:portcullis:reason:body_too_large","title":"The request body is too large","status":413,"detail":"the request's body is larger than this route takes","reason":"body_too_large","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":241,"client":"…","listener":"gate","log":"access","method":"POST","path":"/small","reason":"body_too_large","request_id":"…","route":"/small","status":413,"time":"…","total_ms":"…","trace_id":"…"}

    431
    {"type":"urn:portcullis:reason:headers_too_large","title":"The request head is too large","status":431,"detail":"the request's head is larger than this service takes","reason":"headers_too_large","request_id":"(id)"}
    {"client":"…","listener":"gate","log":"access","reason":"headers_too_large","request_id":"…","status":431,"time":"…"}

    502
    {"type":"urn:portcullis:reason:upstream_unreachable","title":"The service could not be reached","status":502,"detail":"the service behind this gate could not be reached","reason":"upstream_unreachable","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":255,"client":"…","listener":"gate","log":"access","method":"GET","path":"/gone","reason":"upstream_unreachable","request_id":"…","route":"/gone","status":502,"time":"…","total_ms":"…","trace_id":"…","upstream_ms":"…"}

    502
    {"type":"urn:portcullis:reason:upstream_protocol","title":"The service gave an invalid answer","status":502,"detail":"the service behind this gate gave no valid answer","reason":"upstream_protocol","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":251,"client":"…","listener":"gate","log":"access","method":"GET","path":"/public/broken","reason":"upstream_protocol","request_id":"…","route":"/public/{*rest}","status":502,"time":"…","total_ms":"…","trace_id":"…","upstream_ms":"…"}

    504
    {"type":"urn:portcullis:reason:upstream_timeout","title":"The service took too long to answer","status":504,"detail":"the service behind this gate did not answer in time","reason":"upstream_timeout","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":252,"client":"…","listener":"gate","log":"access","method":"GET","path":"/silent","reason":"upstream_timeout","request_id":"…","route":"/silent","status":504,"time":"…","total_ms":"…","trace_id":"…","upstream_ms":"…"}

    503
    retry-after: …
    {"type":"urn:portcullis:reason:keys_unavailable","title":"Tokens cannot be verified at the moment","status":503,"detail":"the keys of the token's issuer are not available at the moment","reason":"keys_unavailable","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":267,"client":"…","listener":"gate","log":"access","method":"GET","path":"/orders/1","reason":"keys_unavailable","request_id":"…","route":"GET /orders/{*rest}","status":503,"time":"…","total_ms":"…","trace_id":"…"}
    "#);
}

#[test]
fn a_slow_request() {
    let rig = Setup::standard()
        .also("[server.limits]\nheader_timeout = \"1s\"")
        .start();
    let mut connection = Connection::open(rig.gate.address);
    connection.write("GET /public HTTP/1.1\r\nHost: a\r\nX-Slow:");
    let answer = connection.read("GET");
    let line = rig
        .gate
        .program
        .wait_for_log(|line| line["reason"] == "request_timeout");
    assert_snapshot!(format!("{}\n{}", answered(&answer), logged(line)), @r#"
    408
    {"type":"urn:portcullis:reason:request_timeout","title":"The request took too long to arrive","status":408,"detail":"the request's head did not arrive in time","reason":"request_timeout","request_id":"(id)"}
    {"client":"…","listener":"gate","log":"access","reason":"request_timeout","request_id":"…","status":408,"time":"…"}
    "#);
}

#[test]
fn a_call_out_without_a_token() {
    let nobody = Nobody::new();
    let closed = nobody.address();
    let rig = Setup::standard()
        .also(&format!(
            r#"
[credentials.billing]
grant = "client_credentials"
token_url = "http://{closed}/oauth2/token"
client_id = "billing-client"
client_secret = {{ env = "PATH" }}
[outbound.inventory]
listen = "127.0.0.1:0"
upstream = "http://{closed}"
credential = "billing"
"#
        ))
        .start();
    let log = |fits: &dyn Fn(&Value) -> bool| rig.gate.program.wait_for_log(fits);
    let line = log(&|line| line["message"] == "taking calls out");
    let address = line["address"].as_str().unwrap().parse().unwrap();
    let answer = get("/items/1?q").send(address);
    let record = log(&|line| line["reason"] == "token_unavailable");
    let told = format!("{}\n{}", answered(&answer), logged(record));
    assert_snapshot!(told.replace(&closed.to_string(), "(nowhere)"), @r#"
    503
    retry-after: …
    {"type":"urn:portcullis:reason:token_unavailable","title":"No token can be had at the moment","status":503,"detail":"no token for this call can be had at the moment; the sidecar's log says why","reason":"token_unavailable","request_id":"(id)"}
    {"bytes_in":0,"bytes_out":276,"client":"…","listener":"inventory","log":"access","method":"GET","path":"/items/1","reason":"token_unavailable","request_id":"…","route":"http://(nowhere)","status":503,"time":"…","total_ms":"…","trace_id":"…","upstream_ms":"…"}
    "#);
}
