//! A token reaches its own destination and nothing else does.

use super::Courier;
use crate::support::{Answer, Recorder, access, get, request};

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
