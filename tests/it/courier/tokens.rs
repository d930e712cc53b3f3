//! A 401 from the destination, and no token to be had.

use super::Courier;
use crate::support::{Answer, get};

#[test]
fn x07_without_a_token_the_answer_is_503_and_nothing_is_called() {
    let courier = Courier::relay("");
    courier.tok.answer(|_| {
        Answer::status(
            400,
            &[("content-type", "application/json")],
            r#"{"error":"invalid_client"}"#,
        )
    });
    let answer = courier.send(&get("/items/1"));
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (503, "token_unavailable")
    );
    assert!(
        answer
            .header("retry-after")
            .parse::<u64>()
            .is_ok_and(|seconds| seconds >= 1)
    );
    assert_eq!(courier.out.connections(), 0);
    let line = courier
        .rig
        .gate
        .program
        .wait_for_log(|line| line["credential"] == "billing");
    assert!(
        line["fault"]
            .as_str()
            .is_some_and(|fault| fault.contains("invalid_client")),
        "{line}"
    );
}

#[test]
fn x12_a_young_token_is_not_given_up_for_a_401() {
    let courier = Courier::relay("");
    courier
        .out
        .answer(|_| Answer::status(401, &[("www-authenticate", "Bearer")], "no"));
    for _ in 0..5 {
        let answer = courier.send(&get("/items/1"));
        assert_eq!((answer.status, answer.text().as_str()), (401, "no"));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(courier.tok.requests().len(), 1);
    assert_eq!(courier.out.requests().len(), 5);
}
