//! Where heads begin and end, however the bytes are cut.

use super::*;

/// Feeds `stream` in pieces of `size` bytes, telling framings as hyper would: when a head is whole.
fn run(stream: &[u8], size: usize, framings: &[Framing]) -> (Scan, Vec<Seen>) {
    let (mut scan, mut seen, mut framings) = (Scan::default(), Vec::new(), framings.iter());
    for piece in stream.chunks(size) {
        scan.observe(piece);
        while scan.whole.is_some() {
            seen.push(scan.body(*framings.next().expect("a framing for each head")));
        }
    }
    (scan, seen)
}

#[test]
fn heads_are_found_whatever_the_pieces() {
    let stream = b"\r\nGET /a#x HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\nContent-Length: 5\n\n#####GET /c HTTP/1.1\r\n\r\n\
        PUT /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;x=#\r\n\r\n\r\n\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\nGET /e# HTTP/1.1\r\n\r\n";
    let framings = [
        Framing::Length(0),
        Framing::Length(5),
        Framing::Length(0),
        Framing::Chunked,
        Framing::Length(0),
    ];
    for size in 1..stream.len() {
        let (scan, seen) = run(stream, size, &framings);
        let fragments: Vec<bool> = seen.iter().map(|seen| seen.fragment).collect();
        assert_eq!(
            fragments,
            [true, false, false, false, true],
            "in pieces of {size}"
        );
        assert!(scan.between());
    }
}

#[test]
fn a_head_that_is_not_whole_is_known_to_have_begun() {
    let mut scan = Scan::default();
    scan.observe(b"\r\n");
    assert!(scan.between() && !scan.in_head());
    scan.observe(b"GET / HTT");
    assert!(scan.in_head());
    scan.observe(b"P/1.1\r\nA: b\r\n\r");
    assert!(scan.in_head());
    assert_eq!(scan.head_bytes(), 23);
    scan.observe(b"\n");
    assert!(!scan.in_head());
}

#[test]
fn a_number_sign_in_a_header_is_no_fragment() {
    let (_, seen) = run(b"GET / HTTP/1.1\r\nA: #\r\n\r\n", 7, &[Framing::Length(0)]);
    assert_eq!(seen, [Seen { fragment: false }]);
}
