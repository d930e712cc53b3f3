//! `Via` (RFC 9110 §7.6.3): what a request passed on its way. One that comes with our own name in it has been here (X18).

use http::{HeaderMap, HeaderValue, header};

use super::random;

/// This process, as no other calls itself.
pub fn own() -> HeaderValue {
    let mut text = *b"1.1 portcullis-0000000000000000";
    let (_, digits) = text.split_at_mut(15);
    random::write_hex(&random::span(), digits);
    HeaderValue::from_bytes(&text).expect("hex digits behind a word")
}

/// Whether a request with these headers has been at `own`.
pub fn names(headers: &HeaderMap, own: &HeaderValue) -> bool {
    headers.get_all(header::VIA).iter().any(|line| {
        line.as_bytes()
            .split(|&byte| byte == b',')
            .any(|element| element.trim_ascii() == own.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x18_one_name_among_others_is_found() {
        let (ours, theirs) = (own(), own());
        assert_ne!(ours, theirs);
        let mut headers = HeaderMap::new();
        headers.append(
            header::VIA,
            HeaderValue::from_static("1.0 fred, 1.1 p.example"),
        );
        assert!(!names(&headers, &ours));
        headers.append(header::VIA, theirs.clone());
        assert!(!names(&headers, &ours) && names(&headers, &theirs));
    }
}
