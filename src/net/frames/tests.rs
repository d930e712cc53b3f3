//! Frames however they are cut, and how many of them are too many.

use super::*;
use std::time::Duration;

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, 1];
    bytes.extend(payload);
    bytes
}

fn count(control: u32, resets: u32) -> Count {
    Count { control, resets }
}

#[test]
fn frames_are_counted_however_they_are_cut() {
    let bytes = [
        &PREFACE[..],
        &frame(4, 0, &[0; 6]),
        &frame(HEADERS, END_HEADERS | END_STREAM, &[1; 40]),
        &frame(6, 0, &[0; 8]),
        &frame(DATA, 0, &[0; 100]),
        &frame(DATA, 0, &[]),
        &frame(DATA, END_STREAM, &[]),
        &frame(RST_STREAM, 0, &[0; 4]),
        &frame(8, 0, &[0; 4]),
        &frame(0x42, 0, &[]),
    ]
    .concat();
    for step in [1, 2, 3, 7, 8, 9, 10, 33, bytes.len()] {
        let mut scan = FrameScan::default();
        let mut sum = Count::default();
        for piece in bytes.chunks(step) {
            let seen = scan.observe(piece);
            sum.control += seen.control;
            sum.resets += seen.resets;
        }
        assert_eq!(sum, count(5, 1), "in pieces of {step}");
        assert_eq!(scan.unfinished(), None);
    }
}

#[test]
fn r02_what_is_begun_is_unfinished_until_its_last_byte() {
    let mut scan = FrameScan::default();
    assert!(scan.unfinished().is_some(), "the preface");
    scan.observe(PREFACE);
    assert_eq!(scan.unfinished(), None);
    scan.observe(&frame(HEADERS, 0, &[1; 4]));
    let block = scan.unfinished();
    assert!(block.is_some());
    scan.observe(&frame(CONTINUATION, 0, &[1; 4]));
    assert_eq!(scan.unfinished(), block, "a block is timed as a whole");
    scan.observe(&frame(CONTINUATION, END_HEADERS, &[1; 4]));
    assert_eq!(scan.unfinished(), None);
    scan.observe(&frame(HEADERS, END_HEADERS, &[1; 4])[..8]);
    assert!(scan.unfinished().is_some_and(|next| Some(next) != block));
    scan.observe(&frame(HEADERS, END_HEADERS, &[1; 4])[8..]);
    scan.observe(&frame(DATA, 0, &[1; 100])[..50]);
    assert_eq!(scan.unfinished(), None, "a body has its own timer");
}

#[tokio::test(start_paused = true)]
async fn r06_an_allowance_comes_back_with_time_and_with_progress() {
    let mut allowance = Allowance::new(10, 2);
    assert!((0..10).all(|_| allowance.spend(1)));
    assert!(!allowance.spend(1));
    allowance.credit(1);
    assert!(allowance.spend(1) && !allowance.spend(1));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!((0..4).all(|_| allowance.spend(1)) && !allowance.spend(1));
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!((0..10).all(|_| allowance.spend(1)) && !allowance.spend(1));
}
