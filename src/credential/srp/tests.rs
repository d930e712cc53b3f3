//! SRP's arithmetic and spelling; the whole handshake is in `credential::tests`, against the demo pool's other side.

use proptest::prelude::*;

use super::*;

#[test]
fn the_prime_is_that_of_rfc_3526() {
    assert_eq!(N.bits(), 3072);
    // 2 generates a subgroup of prime order: 2^((N-1)/2) = 1 in a safe prime's group where N is 7 mod 8.
    let half = (&*N - 1u8) >> 1;
    assert_eq!(G.modpow(&half, &N), BigUint::from(1u8));
}

#[test]
fn numbers_are_hashed_as_java_writes_them() {
    for (number, expected) in [
        (0x7f_u32, &[0x7f][..]),
        (0x80, &[0x00, 0x80]),
        (0x0100, &[0x01, 0x00]),
        (0xff00, &[0x00, 0xff, 0x00]),
    ] {
        assert_eq!(padded(&BigUint::from(number)), expected);
    }
}

#[test]
fn the_timestamp_is_english_and_its_day_has_no_leading_zero() {
    assert_eq!(timestamp(0.0), "Thu Jan 1 00:00:00 UTC 1970");
    assert_eq!(timestamp(1_793_678_706.9), "Tue Nov 3 04:05:06 UTC 2026");
}

fn challenge<'c>(salt: &'c str, public: &'c str, block: &'c str) -> Challenge<'c> {
    Challenge {
        salt,
        public,
        block,
        user: "alice",
    }
}

#[test]
fn a_server_whose_number_would_give_the_key_away_is_refused() {
    let srp = Srp::new();
    let password = Secret::new("password".to_owned());
    let prime = N.to_str_radix(16);
    let twice = (&*N * 2u8).to_str_radix(16);
    for public in ["0", "00", prime.as_str(), twice.as_str(), "", "-1", "xyz"] {
        let proof = srp.proof(&challenge("ab", public, "AAAA"), "Pool", &password, "now");
        assert_eq!(proof, Err(Unsound), "{public}");
    }
    assert!(
        srp.proof(&challenge("ab", "2", "AAAA"), "Pool", &password, "now")
            .is_ok()
    );
    assert!(
        srp.proof(&challenge("ab", "2", "A?"), "Pool", &password, "now")
            .is_err()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_challenge_panics(salt in ".{0,40}", public in ".{0,40}", block in ".{0,40}") {
        let srp = Srp::with(BigUint::from(7u8));
        let _ = srp.proof(&challenge(&salt, &public, &block), "Pool", &Secret::new("p".to_owned()), "now");
    }
}

/// Computed apart from this program, from the definition alone: the server's number follows from its secret, and both
/// sides arrived at one key.
#[test]
fn a_handshake_that_was_computed_elsewhere_is_met_to_the_byte() {
    let number = |word: &str| BigUint::parse_bytes(word.repeat(40).as_bytes(), 16).expect("hex");
    let salt = "f00dfeed".repeat(4);
    let password = Secret::new("Correct-Horse-9!".to_owned());
    let user = "0b5d1c52-5d3f-4c52-9d4e-0d6c1f2b7a10";
    let verifier = exponent(
        &BigUint::parse_bytes(salt.as_bytes(), 16).expect("hex"),
        "AbC123xyz",
        user,
        &password,
    );
    let public = multiplier() * G.modpow(&verifier, &N) + G.modpow(&number("decade"), &N);
    let public = (public % &*N).to_str_radix(16);
    let challenge = Challenge {
        salt: &salt,
        public: &public,
        block: "c2VjcmV0IGJsb2NrIG9mIHRoZSBwb29s",
        user,
    };
    let srp = Srp::with(number("c0ffee"));
    let proof = srp.proof(
        &challenge,
        "AbC123xyz",
        &password,
        "Tue Nov 3 03:25:06 UTC 2026",
    );
    assert_eq!(
        proof.as_deref(),
        Ok("aixgtoteTuKqhYL5Iq1TsrUHrx9k/04wKmuPEEmzlSU=")
    );
}
