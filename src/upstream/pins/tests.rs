//! Which answers bind a connection to its client.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};

use super::binds;

fn offered(lines: &[&str]) -> bool {
    let headers: HeaderMap = lines
        .iter()
        .map(|line| (WWW_AUTHENTICATE, HeaderValue::from_str(line).unwrap()))
        .collect();
    binds(&headers)
}

#[test]
fn s21_schemes_that_authenticate_the_connection_are_known() {
    for lines in [
        &["NTLM"][..],
        &["ntlm TlRMTVNTUAAC"],
        &["Negotiate"],
        &["Basic realm=\"a\", NEGOTIATE oYG2=="],
        &["Basic realm=\"a\"", "NTLM"],
    ] {
        assert!(offered(lines), "{lines:?}");
    }
    for lines in [
        &[][..],
        &["Basic realm=\"ntlm\""],
        &["Bearer scope=\"negotiate\""],
        &["NTLMv3"],
        &["Digest realm=\"a\", qop=\"auth\""],
    ] {
        assert!(!offered(lines), "{lines:?}");
    }
}
