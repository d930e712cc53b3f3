//! A token reaches its own destination and nothing else does.

use super::Courier;
use crate::support::gate::{Scratch, portcullis};
use crate::support::{Answer, Recorder, Setup, access, get, post, request};
use crate::upstream::stub::{Authority, Behaviour, Stub, tls};

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
