//! Going away (Q09): nothing that was accepted is lost, nothing idle is waited for.

use std::process::Command;

use crate::support::http2::{Client, END_STREAM, GOAWAY, head};
use crate::support::{Answer, Connection, Rig, Setup, get};

fn signal(rig: &Rig, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), rig.gate.program.id().to_string()])
        .status();
    assert!(status.expect("kill can be run").success());
}

/// What a process says that waited as long as it may.
const IN_VAIN: &str = "still in flight when the time to drain was over";

fn has_ended(rig: &mut Rig) -> String {
    let status = rig.gate.program.wait();
    let log = rig.gate.program.log();
    assert!(status.success(), "{status}: {log}");
    log
}

fn has_drained(rig: &mut Rig) {
    let log = has_ended(rig);
    assert!(!log.contains(IN_VAIN), "{log}");
}

#[test]
fn q09_a_process_with_nothing_to_finish_waits_for_nothing() {
    let mut rig = Rig::standard();
    signal(&rig, "TERM");
    has_drained(&mut rig);
}

#[test]
fn q09_idle_connections_are_closed_at_once_and_requests_finish() {
    let mut rig = Rig::standard();
    let mut idle = Connection::open(rig.gate.address);
    assert_eq!(idle.exchange(&get("/public")).status, 200);
    let mut silent = Connection::open(rig.gate.address);
    let mut multiplexed = Client::open(rig.gate.address, &[]);
    assert_eq!(multiplexed.request(&head("GET", "/public")).status, 200);
    let before = rig.upstream.requests().len();
    rig.upstream.hold();
    let mut busy = Connection::open(rig.gate.address);
    busy.write(get("/public/slow").bytes(rig.gate.address));
    let stream = multiplexed.begin(&head("GET", "/public/stream"), END_STREAM);
    rig.upstream.wait_for(before + 2);

    signal(&rig, "TERM");
    assert!(idle.is_closed());
    assert!(silent.is_closed());
    assert!(
        multiplexed
            .read_until(|frame| frame.kind == GOAWAY)
            .is_some()
    );
    rig.upstream.release();
    let answer = busy.read("GET");
    assert_eq!(
        (answer.status, answer.header("connection").as_str()),
        (200, "close")
    );
    assert!(busy.is_closed());
    assert_eq!(multiplexed.outcome(stream).status, 200);
    assert!(multiplexed.is_closed());
    has_drained(&mut rig);
}

#[test]
fn q09_while_it_is_still_accepting_every_answer_says_that_it_is_the_last() {
    let mut rig = Setup::standard()
        .server("drain_delay = \"60s\"\ndrain_timeout = \"90s\"\n")
        .start();
    let mut kept = Connection::open(rig.gate.address);
    assert_eq!(kept.exchange(&get("/public")).status, 200);
    signal(&rig, "TERM");
    rig.gate.program.wait_for_log(|line| {
        line["message"]
            .as_str()
            .is_some_and(|text| text.contains("draining"))
    });
    assert_eq!(get("/readyz").send(rig.gate.admin).status, 503);
    let answer = kept.exchange(&get("/public"));
    assert_eq!(
        (answer.status, answer.header("connection").as_str()),
        (200, "close")
    );
    assert!(kept.is_closed());
    let mut new = Connection::open(rig.gate.address);
    assert_eq!(new.exchange(&get("/public")).header("connection"), "close");
    let mut multiplexed = Client::open(rig.gate.address, &[]);
    rig.upstream.hold();
    let stream = multiplexed.begin(&head("GET", "/public"), END_STREAM);
    assert!(
        multiplexed
            .read_until(|frame| frame.kind == GOAWAY)
            .is_some()
    );
    rig.upstream.release();
    assert_eq!(multiplexed.outcome(stream).status, 200);
    assert!(multiplexed.is_closed());
    // A second signal cuts it short.
    signal(&rig, "INT");
    has_drained(&mut rig);
}

#[test]
fn q09_what_takes_too_long_is_cut_off_and_the_exit_is_clean() {
    let mut rig = Setup::standard()
        .server("drain_timeout = \"300ms\"\n")
        .start();
    rig.upstream.answer(|_| Answer::raw("").silent());
    let mut busy = Connection::open(rig.gate.address);
    busy.write(get("/public").bytes(rig.gate.address));
    rig.upstream.wait_for(1);
    signal(&rig, "TERM");
    assert!(busy.try_read("GET").is_none());
    assert!(has_ended(&mut rig).contains(IN_VAIN));
}
