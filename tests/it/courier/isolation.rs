//! A token reaches its own destination and nothing else does.

use super::{Courier, endpoint};
use crate::support::gate::{Scratch, portcullis};
use crate::support::http2::Client;
use crate::support::login;
use crate::support::{Answer, Recorder, Setup, access, get, post, request};
use crate::upstream::stub::{Authority, Behaviour, Stub, tls, tls_with};

#[test]
fn x01_a_redirect_is_handed_back_unfollowed() {
    let elsewhere = Recorder::start();
    let courier = Courier::relay("");
    for (status, location) in [
        (301, format!("http://{}/", elsewhere.address())),
        (302, format!("//{}/x", elsewhere.address())),
        (303, "https://127.0.0.1:1/".to_owned()),
        (
            307,
            format!("http://localhost:{}/", elsewhere.address().port()),
        ),
        (308, "/elsewhere".to_owned()),
    ] {
        let told = location.clone();
        courier
            .out
            .answer(move |_| Answer::status(status, &[("location", &told)], ""));
        let before = courier.out.requests().len();
        let answer = courier.send(&get("/items/1"));
        assert_eq!(
            (answer.status, answer.header("location")),
            (status, location)
        );
        assert_eq!(courier.out.requests().len(), before + 1);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn x05_what_the_application_shows_is_replaced() {
    let courier = Courier::relay("");
    let call = get("/items/1")
        .header("Authorization", "Bearer first")
        .header("Authorization", "Basic c2Vjb25k")
        .header("authorization_", "third")
        .header("Proxy-Authorization", "Basic Zm91cnRo")
        .header("X-Amz-Security-Token", "fifth");
    let recorded = courier.sends(&call);
    assert_eq!(recorded.all("authorization"), ["Bearer token-1"]);
    assert_eq!(recorded.header("proxy-authorization"), None);
    assert_eq!(recorded.header("x-amz-security-token"), None);
    for gone in ["first", "c2Vjb25k", "Zm91cnRo", "fifth"] {
        assert!(!recorded.holds(gone), "{recorded:#?}");
    }
}

#[test]
fn x06_no_token_crosses_from_one_side_to_the_other() {
    let courier = Courier::relay("");
    let inbound = access().sign();
    let recorded = courier.rig.forwards(&get("/orders/1").bearer(&inbound));
    assert!(!recorded.holds("token-"), "{recorded:#?}");
    let recorded = courier.sends(&get("/items/1").bearer(&inbound));
    assert!(!recorded.holds(&inbound), "{recorded:#?}");
    assert!(!courier.rig.upstream.everything().contains("token-"));
}

/// A gate that takes tokens from everywhere and lets people sign in, and a courier of either mode.
fn beside_sessions(outbound: fn(&str, &str) -> String) -> Courier {
    let scratch = Scratch::new();
    let key = scratch.write("key", login::KEY_1);
    let sources = "[tokens]\nsources = [{ header = \"Authorization\" }, { cookie = \"tok\" }, { query = \"access_token\" }, { header = \"X-Token\" }]\n";
    let sessions = login::table("http://127.0.0.1:1", &format!("{{ file = {key:?} }}"));
    let setup = Setup::standard()
        .server(&format!("external_url = \"{}\"\n", login::ORIGIN))
        .server("trusted_proxies = [\"127.0.0.1\"]\n")
        .routes("\"/app\" = { login = true }\n")
        .also(&format!("{sources}{sessions}"));
    let courier = Courier::beside(setup, Recorder::start(), endpoint(), |out| {
        outbound(out, "")
    });
    std::mem::forget(scratch); // it is watched
    courier
}

#[test]
fn x06_what_the_inbound_user_shows_the_gate_does_not_leave_under_any_of_its_names() {
    for (outbound, whole) in [
        (super::relay as fn(&str, &str) -> String, false),
        (super::proxy, true),
    ] {
        let courier = beside_sessions(outbound);
        let (host, user) = (courier.out.address(), access().sign());
        let target = format!("http://{host}/items/1?a=1&access_token={user}&b=2");
        let target = match whole {
            true => target.as_str(),
            false => &target[target.find("/items").unwrap()..],
        };
        let call = request("GET", target)
            .without_host()
            .header("Host", &host.to_string())
            .bearer(&user)
            .header("X-Token", &user)
            .header(
                "Cookie",
                &format!(
                    "mine=1; tok={user}; {}=sealed; {}-1=sealed",
                    login::COOKIE,
                    login::COOKIE
                ),
            )
            .header(
                "Cookie",
                &format!("{}-state-abcdefghijkl=sealed; theirs=2", login::COOKIE),
            );
        let recorded = courier.sends(&call);
        assert_eq!(recorded.line, "GET /items/1?a=1&b=2 HTTP/1.1");
        assert_eq!(recorded.all("authorization"), ["Bearer token-1"]);
        assert_eq!(recorded.header("x-token"), None);
        assert_eq!(recorded.all("cookie"), ["mine=1; theirs=2"]);
        assert!(!recorded.holds(&user), "{recorded:#?}");
    }
}

/// The head of a request over HTTP/2.
fn over_http2<'a>(
    method: &'a str,
    authority: &'a str,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        (":method", method),
        (":scheme", "http"),
        (":path", "/items/1"),
        (":authority", authority),
    ];
    fields.extend(more);
    fields
}

#[test]
fn x05_what_the_application_shows_over_http2_is_replaced_too() {
    let shown = [
        ("authorization", "Bearer first"),
        ("authorization", "Basic c2Vjb25k"),
        ("proxy-authorization", "Basic Zm91cnRo"),
        ("x-amz-security-token", "fifth"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
    ];
    for courier in [Courier::relay(""), Courier::proxy("")] {
        let host = courier.out.address().to_string();
        let mut client = Client::open(courier.address("out"), &[]);
        assert_eq!(
            client.request(&over_http2("GET", &host, &shown)).status,
            200
        );
        let recorded = courier.out.requests().remove(0);
        assert_eq!(recorded.line, "GET /items/1 HTTP/1.1");
        assert_eq!(recorded.header("host"), Some(host.as_str()));
        assert_eq!(recorded.all("authorization"), ["Bearer token-1"]);
        assert_eq!(recorded.all("cookie"), ["a=1; b=2"]);
        for gone in ["first", "c2Vjb25k", "Zm91cnRo", "fifth"] {
            assert!(!recorded.holds(gone), "{recorded:#?}");
        }
    }
}

#[test]
fn x15_a_page_that_speaks_http2_is_no_client_either() {
    for (courier, rebound) in [
        (Courier::relay(""), "no_route"),
        (Courier::proxy(""), "no_route"),
    ] {
        let host = courier.out.address().to_string();
        let mut client = Client::open(courier.address("out"), &[]);
        for (method, authority, more, status, reason) in [
            (
                "GET",
                host.as_str(),
                ("sec-fetch-site", "cross-site"),
                403,
                "cross_site",
            ),
            ("GET", "evil.example", ("accept", "*/*"), 403, rebound),
            ("GET", "evil.example", ("host", &host), 400, "bad_request"),
            ("GET", &host, ("host", "evil.example"), 400, "bad_request"),
        ] {
            let outcome = client.request(&over_http2(method, authority, &[more]));
            assert_eq!(
                (outcome.status, outcome.reason().as_str()),
                (status, reason),
                "{authority} {more:?}"
            );
        }
        let (out, tok) = (courier.out.connections(), courier.tok.connections());
        assert_eq!((out, tok), (0, 0));
        // A connection that was refused something still serves.
        assert_eq!(client.request(&over_http2("GET", &host, &[])).status, 200);
    }
    // A tunnel for nobody (X02).
    let courier = Courier::proxy("");
    let host = courier.out.address().to_string();
    let mut client = Client::open(courier.address("out"), &[]);
    let outcome = client.request(&[(":method", "CONNECT"), (":authority", &host)]);
    assert_eq!(
        (outcome.status, outcome.reason().as_str()),
        (403, "no_route")
    );
    assert_eq!(courier.out.connections(), 0);
}

#[test]
fn x15_a_page_in_a_browser_is_no_client() {
    let courier = Courier::relay("");
    courier.refuses(
        &get("/items/1").header("Sec-Fetch-Site", "cross-site"),
        403,
        "cross_site",
    );
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "evil.example:80",
    ] {
        let call = get("/items/1").without_host().header("Host", host);
        courier.refuses(&call, 403, "no_route");
        let absolute = format!("http://{host}/items/1");
        courier.refuses(
            &request("GET", &absolute)
                .without_host()
                .header("Host", host),
            403,
            "no_route",
        );
    }
    for host in [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1",
        "[::1]:7001",
        "127.8.8.8",
    ] {
        courier.sends(&get("/items/1").without_host().header("Host", host));
    }
    assert!(
        courier
            .send(&get("/items/1").header("Origin", "http://evil"))
            .header("access-control-allow-origin")
            .is_empty()
    );
}

/// A listener of its own configuration, and what the program says of a listener it won't have.
fn refused_at_start(outbound: &str) -> String {
    let scratch = Scratch::new();
    let text = Setup::standard().also(outbound).text(
        "http://127.0.0.1:1",
        "http://127.0.0.1:1",
        "http://127.0.0.1:1",
    );
    let path = scratch.write("portcullis.toml", text);
    let output = portcullis()
        .arg("check")
        .arg("--config")
        .arg(path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{outbound}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn x14_only_who_may_call_is_served() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7001"] {
        let text = format!(
            "[outbound.out]\nlisten = \"{listen}\"\nupstream = \"http://127.0.0.1:1\"\nmode = \"relay\"\ncredential = \"x\"\n"
        );
        assert!(refused_at_start(&text).contains("`listen` can be reached from other hosts"));
    }
    let clients = |network: &str| format!("allow_remote = true\nclients = [\"{network}\"]");
    Courier::relay(&clients("10.0.0.0/8")).refuses(&get("/items/1"), 403, "no_route");
    Courier::relay(&clients("127.0.0.0/8")).control();
}

#[test]
fn x17_a_destination_over_tls_is_believed_by_its_authority_and_name() {
    let (authority, scratch) = (Authority::new(), Scratch::new());
    let ca = scratch.write("ca.pem", authority.pem());
    let ca = format!("tls = {{ ca_file = \"{}\" }}", ca.display());
    for (name, alpn, more, reached) in [
        ("127.0.0.1", "h2", ca.as_str(), true),
        ("127.0.0.1", "http/1.1", ca.as_str(), true),
        ("127.0.0.1", "h2", "", false),
        ("app.internal", "h2", ca.as_str(), false),
    ] {
        let stub = Stub::start(Behaviour {
            http2: alpn == "h2",
            tls: Some(tls(&authority, name, &[alpn], None)),
            ..Behaviour::default()
        });
        let url = format!("https://127.0.0.1:{}", stub.address.port());
        let courier = Courier::start(|_| {
            format!(
                "[outbound.out]\nlisten = \"127.0.0.1:0\"\nupstream = \"{url}\"\ncredential = \"billing\"\n{more}\n"
            )
        });
        for _ in 0..2 {
            let answer = courier.send(&post("/items?a=b"));
            if reached {
                assert_eq!(
                    (answer.status, answer.text().as_str()),
                    (200, "from the stub")
                );
                let seen = stub.seen().pop().unwrap();
                assert_eq!(seen.headers["authorization"], "Bearer token-1");
                assert_eq!(seen.alpn.as_deref(), Some(alpn.as_bytes()));
                assert_eq!(&seen.body[..], b"{}");
            } else {
                assert_eq!(
                    (answer.status, answer.reason().as_str()),
                    (502, "upstream_unreachable")
                );
                assert!(stub.seen().is_empty());
            }
        }
    }
}

#[test]
fn x17_a_certificate_whose_time_is_over_is_not_believed() {
    let (authority, scratch) = (Authority::new(), Scratch::new());
    let ca = scratch.write("ca.pem", authority.pem());
    for (year, status) in [(2020, 502), (2100, 200)] {
        let pair = authority.sign_until("127.0.0.1", year);
        let stub = Stub::start(Behaviour {
            http2: true,
            tls: Some(tls_with(pair, &["h2"], None)),
            ..Behaviour::default()
        });
        let url = format!("https://127.0.0.1:{}", stub.address.port());
        let courier =
            Courier::start(|_| super::relay(&url, &format!("tls = {{ ca_file = {ca:?} }}")));
        assert_eq!(courier.send(&get("/items/1")).status, status);
        assert_eq!(stub.seen().len(), usize::from(status == 200));
    }
}

#[test]
fn x17_a_token_endpoint_is_believed_by_its_authority_and_name_or_sees_no_secret() {
    let (authority, scratch) = (Authority::new(), Scratch::new());
    let ca = scratch.write("ca.pem", authority.pem());
    let secret = scratch.write("secret", super::SECRET);
    let fetch = format!("[credentials.secure.fetch]\nca_file = {ca:?}\n");
    for (name, year, more, reached) in [
        ("127.0.0.1", 2100, fetch.as_str(), true),
        ("127.0.0.1", 2100, "", false),
        ("127.0.0.1", 2020, &fetch, false),
        ("idp.internal", 2100, &fetch, false),
    ] {
        let pair = authority.sign_until(name, year);
        let stub = Stub::start(Behaviour {
            tls: Some(tls_with(pair, &["http/1.1"], None)),
            ..Behaviour::default()
        });
        let url = format!("https://127.0.0.1:{}/oauth2/token", stub.address.port());
        let courier = Courier::start(|out| {
            let client = format!("client_id = \"c\"\nclient_secret = {{ file = {secret:?} }}");
            let credential = format!(
                "[credentials.secure]\ngrant = \"client_credentials\"\ntoken_url = \"{url}\"\n{client}\n{more}"
            );
            credential + &super::relay(out, "").replace("\"billing\"", "\"secure\"")
        });
        // The stub issues no tokens; what counts is whether it was asked.
        assert_eq!(courier.send(&get("/items/1")).reason(), "token_unavailable");
        assert_eq!(
            stub.seen().len(),
            usize::from(reached),
            "{name} {year} {more}"
        );
        assert_eq!(courier.out.connections(), 0);
    }
}

#[test]
fn x18_a_call_that_comes_round_again_is_refused() {
    let courier = Courier::relay("");
    let via = courier
        .sends(&get("/items/1").header("Via", "1.0 fred"))
        .all("via")
        .join(", ");
    assert!(via.starts_with("1.0 fred, 1.1 portcullis-"), "{via}");
    courier.refuses(
        &get("/items/1").header("Via", &via),
        502,
        "upstream_protocol",
    );
    courier.control();
}
