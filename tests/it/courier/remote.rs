//! Listeners that other hosts can reach: who is served there, and by which name they are called.

use std::net::SocketAddr;

use super::Courier;
use crate::support::gate::said;
use crate::support::http2::{Client, head};
use crate::support::{Connection, Request, Response, get, post, request};
use crate::transport::tls::{Authority, Shown};
use crate::upstream::stub::{self, Behaviour, Stub};

/// On every address, for callers on this host.
const REMOTE: &str = "allow_remote = true\nclients = [\"127.0.0.0/8\"]";

/// `tls` with the authority's pair, for callers that it vouches for.
fn certified(authority: &Authority) -> String {
    let [cert, key, ca] = ["cert.pem", "key.pem", "ca.pem"].map(|name| authority.path(name));
    format!("tls = {{ cert_file = {cert:?}, key_file = {key:?}, client_ca_file = {ca:?} }}")
}

fn named(request: Request, host: &str) -> Request {
    request.without_host().header("Host", host)
}

/// What comes of a request over TLS; nothing where the handshake failed.
fn over(
    authority: &Authority,
    address: SocketAddr,
    shown: Option<Shown>,
    request: &Request,
) -> Option<Response> {
    let secure = authority.connect(address, &["http/1.1"], shown);
    let mut connection = Connection::over(secure, address);
    connection.write(request.clone().header("Connection", "close").bytes(address));
    connection.try_read("GET")
}

#[test]
fn x14_who_shows_no_certificate_of_the_authority_is_not_spoken_to() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let courier = Courier::relay(&format!("allow_remote = true\n{}", certified(&authority)));
    let address = courier.address("out");
    let send = |shown| over(&authority, address, shown, &get("/items/1"));
    for shown in [None, Some(stranger.client(&[]))] {
        assert!(send(shown).is_none_or(|answer| answer.status == 0));
    }
    let mut plain = Connection::open(address);
    plain.write(get("/items/1").bytes(address));
    assert!(!plain.rest().starts_with(b"HTTP"));
    assert_eq!(
        (courier.out.connections(), courier.tok.connections()),
        (0, 0)
    );

    let answer = send(Some(authority.client(&[]))).unwrap();
    assert_eq!(answer.status, 200);
    let recorded = courier.out.requests().remove(0);
    assert_eq!(recorded.header("authorization"), Some("Bearer token-1"));
    // Over HTTP/2 as well.
    let secure = authority.connect(address, &["h2"], Some(authority.client(&[])));
    let mut client = Client::over(Connection::over(secure, address), &[]);
    assert_eq!(client.request(&head("GET", "/items/2")).status, 200);
}

#[test]
fn x14_a_certificate_and_an_address_are_both_asked_for_where_both_are_set() {
    let authority = Authority::new();
    let elsewhere = "allow_remote = true\nclients = [\"10.0.0.0/8\"]";
    let courier = Courier::relay(&format!("{elsewhere}\n{}", certified(&authority)));
    let shown = Some(authority.client(&[]));
    let answer = over(&authority, courier.address("out"), shown, &get("/items/1")).unwrap();
    assert_eq!((answer.status, answer.reason().as_str()), (403, "no_route"));
    assert_eq!(
        (courier.out.connections(), courier.tok.connections()),
        (0, 0)
    );
}

#[test]
fn x17_one_pair_is_shown_to_callers_and_to_a_destination_that_asks() {
    let authority = Authority::new();
    let destinations = stub::Authority::new();
    let asking = stub::tls(&destinations, "127.0.0.1", &["h2"], Some(authority.der()));
    let stub = Stub::start(Behaviour {
        http2: true,
        tls: Some(asking),
        ..Behaviour::default()
    });
    let ca = authority
        .files
        .write("destinations.pem", destinations.pem());
    let url = format!("https://127.0.0.1:{}", stub.address.port());
    let call = |courier: &Courier, request: &Request| {
        let shown = Some(authority.client(&[]));
        over(&authority, courier.address("out"), shown, request).unwrap()
    };
    let both = certified(&authority).replace("{ ", &format!("{{ ca_file = {ca:?}, "));
    let relay = Courier::start(|_| {
        format!(
            "[outbound.out]\nlisten = \"127.0.0.1:0\"\nupstream = \"{url}\"\ncredential = \"billing\"\n{both}\n"
        )
    });
    assert_eq!(call(&relay, &get("/items/1")).text(), "from the stub");
    let proxy = Courier::start(|_| {
        let own = format!("{{ credential = \"billing\", tls = {{ ca_file = {ca:?} }} }}");
        format!(
            "[outbound.out]\nlisten = \"127.0.0.1:0\"\nmode = \"forward_proxy\"\n{}\n[outbound.out.destinations]\n\"{url}\" = {own}\n",
            certified(&authority)
        )
    });
    let host = format!("127.0.0.1:{}", stub.address.port());
    let call_it = named(get(&format!("http://{host}/items/2")), &host);
    assert_eq!(call(&proxy, &call_it).text(), "from the stub");
    let seen = stub.seen();
    assert_eq!(seen.len(), 2);
    for seen in seen {
        assert!(seen.certificate);
        assert_eq!(seen.headers["authorization"], "Bearer token-1");
    }
}

#[test]
fn q05_the_courier_s_certificates_are_renewed_too_and_its_callers_may_be_held_by_another_authority()
{
    let authority = Authority::new();
    let courier = Courier::relay(&certified(&authority));
    let (address, gate) = (courier.address("out"), &courier.rig.gate);
    let shown = || {
        let mut secure = authority.connect(address, &["http/1.1"], Some(authority.client(&[])));
        std::io::Write::flush(&mut secure).unwrap();
        secure.0.conn.peer_certificates().unwrap()[0]
            .clone()
            .into_owned()
    };
    let first = shown();
    authority.files.write("key.pem", "no key");
    let line = gate
        .program
        .wait_for_log(|line| said(line, "new configuration was refused"));
    let faults = line["faults"].as_str().unwrap_or_default();
    assert!(
        faults.contains("there is no private key in this file"),
        "{line}"
    );
    assert_eq!(shown(), first);
    let renewed = authority.renew();
    gate.program.wait_for_log(|line| said(line, "was reloaded"));
    assert_eq!(shown(), renewed);
    // Whose certificates are believed changes with its file as well.
    let other = Authority::new();
    let theirs = std::fs::read_to_string(other.path("ca.pem")).unwrap();
    authority.files.write("ca.pem", theirs);
    let call = |client: &Authority| {
        let answer = over(
            &authority,
            address,
            Some(client.client(&[])),
            &get("/items/1"),
        );
        answer.is_some_and(|answer| answer.status == 200)
    };
    super::wait_until(|| call(&other));
    assert!(!call(&authority));
}

#[test]
fn x14_a_connection_that_was_there_before_certificates_were_asked_for_is_asked_too() {
    let authority = Authority::new();
    let courier = Courier::relay("# more");
    let (address, gate) = (courier.address("out"), &courier.rig.gate);
    let mut connection = Connection::open(address);
    assert_eq!(connection.exchange(&get("/items/1")).status, 200);
    let path = gate.scratch.path().join("portcullis.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let changed = text.replace("# more", &certified(&authority));
    gate.scratch.write("portcullis.toml", changed);
    gate.program.wait_for_log(|line| said(line, "was reloaded"));
    assert_eq!(connection.exchange(&get("/items/2")).reason(), "no_route");
    assert_eq!(courier.out.requests().len(), 1);
}

/// A relay on every address.
fn everywhere(more: &str) -> Courier {
    Courier::start(|out| {
        format!(
            "[outbound.out]\nlisten = \"0.0.0.0:0\"\nupstream = \"{out}\"\ncredential = \"billing\"\n{more}\n"
        )
    })
}

#[test]
fn x15_a_network_that_may_call_does_not_vouch_for_the_pages_in_its_browsers() {
    let courier = everywhere(REMOTE);
    // A page that was rebound to this address names its own site, whatever its site is called.
    for host in [
        "evil.example:7001",
        "inventory.shop.svc.cluster.local",
        "inventory",
        "evil.local",
    ] {
        courier.refuses(&named(get("/items/1"), host), 403, "no_route");
    }
    // It can't take an address for its name.
    for host in ["10.0.0.7:7001", "127.0.0.1", "[fd00::7]", "localhost:7001"] {
        courier.sends(&named(get("/items/1"), host));
    }
    // One that sends here what it never gets to see the answer of: over plain http browsers say no more than this.
    for origin in ["http://evil.example", "null", "http://10.0.0.8:7001"] {
        let call = named(post("/items"), "10.0.0.7:7001").header("Origin", origin);
        courier.refuses(&call, 403, "cross_site");
    }
    let twice = named(post("/items"), "10.0.0.7").header("Origin", "http://10.0.0.7");
    courier.refuses(
        &twice.header("Origin", "http://evil.example"),
        403,
        "cross_site",
    );
    let socket = get("/ws")
        .header("Connection", "upgrade")
        .header("Upgrade", "websocket");
    courier.refuses(
        &socket.header("Origin", "http://evil.example"),
        403,
        "cross_site",
    );
    // Its own page, and a browser that says where it comes from.
    let own = named(post("/items"), "10.0.0.7:7001");
    courier.sends(&own.clone().header("Origin", "http://10.0.0.7:7001"));
    let said = own.header("Sec-Fetch-Site", "same-origin");
    courier.sends(&said.header("Origin", "https://app.example.com"));
}

#[test]
fn x15_a_relay_may_be_called_by_the_names_of_its_hosts() {
    let hosts = "hosts = [\"inventory.shop.svc.cluster.local\", \"*.internal\"]";
    let courier = everywhere(&format!("{REMOTE}\n{hosts}"));
    for host in [
        "Inventory.shop.svc.cluster.local.:7001",
        "a.internal",
        "10.0.0.7",
    ] {
        courier.sends(&named(get("/items/1"), host));
    }
    for host in ["shop.svc.cluster.local", "internal", "evil.example"] {
        courier.refuses(&named(get("/items/1"), host), 403, "no_route");
    }
    // What a proxy of the application's own passes on of its browsers.
    let passed = request("POST", "/items").header("Origin", "http://a.internal");
    courier.sends(&passed);
}

#[test]
fn x15_a_caller_that_has_shown_a_certificate_may_use_any_name() {
    let authority = Authority::new();
    let call = |courier: &Courier, host: &str| {
        let shown = Some(authority.client(&[]));
        let asked = named(get("/items/1"), host);
        over(&authority, courier.address("out"), shown, &asked)
            .unwrap()
            .status
    };
    let tls = format!("allow_remote = true\n{}", certified(&authority));
    let courier = everywhere(&tls);
    assert_eq!(call(&courier, "inventory.shop.svc.cluster.local"), 200);
    // Unless names are said.
    let courier = everywhere(&format!("{tls}\nhosts = [\"inventory\"]"));
    assert_eq!(call(&courier, "inventory"), 200);
    assert_eq!(call(&courier, "evil.example"), 403);
}
