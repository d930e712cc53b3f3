//! Who is served, whatever the address is that a listener was bound to.

use std::net::IpAddr;
use std::sync::Arc;

use super::Outbound;
use crate::config::model;
use crate::config::model::credentials::{Others, OutboundMode};
use crate::config::model::{ClientAuth, Listen, Tls};
use crate::credential::Credentials;

fn listener(remote: bool, clients: &[&str], tls: bool) -> Outbound {
    let settings = model::Outbound {
        name: "a".into(),
        listen: Listen::Unix("/run/a.sock".into()),
        remote,
        clients: clients.iter().map(|one| one.parse().unwrap()).collect(),
        hosts: Vec::new(),
        tls: tls.then(|| Tls {
            cert_file: "/cert".into(),
            key_file: "/key".into(),
            client_ca_file: Some("/ca".into()),
            client_auth: ClientAuth::Required,
        }),
        mode: OutboundMode::ForwardProxy {
            destinations: Vec::new(),
            others: Others::Refuse,
        },
    };
    Outbound::new(
        &Arc::new(settings),
        None,
        &Credentials::default(),
        1,
        &|_| None,
    )
    .unwrap()
}

#[test]
fn x14_who_is_served_is_asked_of_the_settings_that_are_live() {
    let own = listener;
    let near = Some("127.0.0.1");
    for (listener, client, certified, served) in [
        (own(false, &[], false), near, false, true),
        (own(false, &[], false), Some("::1"), false, true),
        (
            own(false, &[], false),
            Some("::ffff:127.0.0.1"),
            false,
            true,
        ),
        (own(false, &[], false), None, false, true),
        // It was bound to every address before, and still is: only a restart changes that.
        (own(false, &[], false), Some("10.0.0.7"), false, false),
        (own(false, &[], true), Some("10.0.0.7"), true, false),
        (own(false, &[], true), near, false, false),
        (own(false, &[], true), near, true, true),
        (
            own(true, &["10.0.0.0/8"], false),
            Some("10.0.0.7"),
            false,
            true,
        ),
        (
            own(true, &["10.0.0.0/8"], false),
            Some("::ffff:10.0.0.7"),
            false,
            true,
        ),
        (
            own(true, &["10.0.0.0/8"], false),
            Some("11.0.0.7"),
            false,
            false,
        ),
        (own(true, &["10.0.0.0/8"], false), near, false, false),
        (own(true, &["10.0.0.0/8"], false), None, false, false),
        (
            own(true, &["10.0.0.0/8"], true),
            Some("10.0.0.7"),
            false,
            false,
        ),
        (
            own(true, &["10.0.0.0/8"], true),
            Some("11.0.0.7"),
            true,
            false,
        ),
        (
            own(true, &["10.0.0.0/8"], true),
            Some("10.0.0.7"),
            true,
            true,
        ),
        (own(true, &[], true), Some("11.0.0.7"), true, true),
        (own(true, &[], true), Some("11.0.0.7"), false, false),
    ] {
        let address = client.map(|text| text.parse::<IpAddr>().unwrap());
        assert_eq!(
            listener.admits(address, certified),
            served,
            "{client:?} {certified} {:?}",
            listener.settings
        );
    }
}
