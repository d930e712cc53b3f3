//! A user pool's id, and the issuers that follow from it.

/// What a pool's id looks like.
pub(in crate::config::check) const EXPECTED: &str =
    "an id such as \"eu-west-1_AbC123xyz\": region, underscore, letters and digits";

/// The longest id that Cognito hands out.
const LONGEST: usize = 55;

/// Both of Cognito's issuer forms for a pool id such as `eu-west-1_AbC123xyz`. A pool signs with one of them; which one is
/// a setting of the pool that can be changed at any time, so tokens of either are its own.
pub(in crate::config::check) fn issuers(id: &str) -> Option<[String; 2]> {
    let (region, rest) = id.split_once('_')?;
    let whole = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if id.len() > LONGEST || !whole || !is_region(region) {
        return None;
    }
    let issuer = |service| format!("https://{}/{id}", host(service, region));
    Some([issuer("cognito-idp"), issuer("issuer-cognito-idp")])
}

/// The host of a service in a region.
pub(in crate::config::check) fn host(service: &str, region: &str) -> String {
    let suffix = match region.split('-').next() {
        Some("eusc") => "amazonaws.eu",
        Some("cn") => "amazonaws.com.cn",
        _ => "amazonaws.com",
    };
    format!("{service}.{region}.{suffix}")
}

/// `eu-west-1`, `us-gov-east-1`, `eusc-de-east-1`: lower-case words, then a number.
pub(in crate::config::check) fn is_region(region: &str) -> bool {
    let words: Vec<&str> = region.split('-').collect();
    let [area, middle @ .., number] = words.as_slice() else {
        return false;
    };
    let lower = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    (2..=4).contains(&area.len())
        && lower(area)
        && (1..=2).contains(&middle.len())
        && middle.iter().all(|word| lower(word))
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}
