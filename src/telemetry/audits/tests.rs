//! The report is bounded whatever clients there are, and loses none of their requests.

use std::sync::Arc;

use super::{Audits, CLIENTS, REPORTED};
use crate::reason::Reason;

#[test]
fn clients_are_reported_by_how_often_they_would_have_been_refused() {
    let audits = Audits::default();
    let route: Arc<str> = "GET /orders".into();
    for client in ["web", "billing", "billing"] {
        audits.audited(&route, Reason::InsufficientScope, Some(client));
    }
    audits.audited(&route, Reason::MissingToken, None);
    let met = audits.met(&route, Reason::InsufficientScope).unwrap();
    assert_eq!(
        met.clients,
        [("billing".to_owned(), 2), ("web".to_owned(), 1)]
    );
    assert_eq!((met.others, met.unverified), (0, 0));
    let met = audits.met(&route, Reason::MissingToken).unwrap();
    assert_eq!((met.clients.len(), met.others, met.unverified), (0, 0, 1));
    assert_eq!(audits.met("GET /else", Reason::MissingToken), None);
}

#[test]
fn r13_clients_without_number_take_bounded_room_and_none_is_lost() {
    let audits = Audits::default();
    let route: Arc<str> = "/".into();
    for number in 0..CLIENTS + 50 {
        let client = format!("client-{number}");
        audits.audited(&route, Reason::ClaimMismatch, Some(&client));
    }
    let met = audits.met(&route, Reason::ClaimMismatch).unwrap();
    assert_eq!(met.clients.len(), REPORTED);
    assert_eq!(met.others as usize, CLIENTS + 50 - REPORTED);
    let seen = audits.seen.lock().unwrap();
    assert_eq!(seen["/"][&Reason::ClaimMismatch].named.len(), CLIENTS);
}
