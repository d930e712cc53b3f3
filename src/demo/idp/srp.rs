//! The server's side of SRP, from its definition: a verifier for the password, a number of its own, and the check of a proof.
//!
//! Shares nothing with the client's side but the group, so that each holds the other to what Cognito does: numbers are
//! hashed as Java's `BigInteger.toByteArray` writes them, the key is HKDF's, the timestamp has one spelling alone.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use num_bigint::{BigInt, BigUint};

use crate::credential::srp::{G, N};
use crate::demo::signing::random;
use crate::demo::users::{POOL_ID, User};

/// A sign-in that waits for its proof.
pub(in crate::demo) struct Exchange {
    user: &'static User,
    client: BigUint,
    secret: BigUint,
    public: BigUint,
    salt: BigUint,
    block: [u8; 48],
}

impl Exchange {
    /// Begins; `None` if what the client shows is no number, or nought.
    pub(super) fn begin(user: &'static User, client: &str) -> Option<Exchange> {
        let client = BigUint::parse_bytes(client.as_bytes(), 16)?;
        if &client % &*N == BigUint::ZERO {
            return None;
        }
        let salt = BigUint::from_bytes_be(&random::<16>());
        let secret = BigUint::from_bytes_be(&random::<64>());
        let k = number(&[signed(&N), signed(&G)].concat());
        let public = (k * verifier(user, &salt) + G.modpow(&secret, &N)) % &*N;
        Some(Exchange {
            user,
            client,
            secret,
            public,
            salt,
            block: random(),
        })
    }

    /// Who signs in.
    pub(super) fn user(&self) -> &'static User {
        self.user
    }

    /// `SALT`, in hex.
    pub(super) fn salt(&self) -> String {
        self.salt.to_str_radix(16)
    }

    /// `SRP_B`, in hex.
    pub(super) fn public(&self) -> String {
        self.public.to_str_radix(16)
    }

    /// `SECRET_BLOCK`, in base64.
    pub(in crate::demo) fn block(&self) -> String {
        STANDARD.encode(self.block)
    }

    /// Whether this proof shows that the client knows the password.
    pub(super) fn proves(&self, proof: &str, timestamp: &str) -> bool {
        let u = number(&[signed(&self.client), signed(&self.public)].concat());
        let base = &self.client * verifier(self.user, &self.salt).modpow(&u, &N);
        let shared = base.modpow(&self.secret, &N);
        let message = [
            pool().as_bytes(),
            self.user.name.as_bytes(),
            &self.block,
            timestamp.as_bytes(),
        ]
        .concat();
        let Ok(proof) = STANDARD.decode(proof) else {
            return false;
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key(&shared, &u));
        hmac::verify(&key, &message, &proof).is_ok()
    }
}

/// Whether a timestamp is spelt as Java's `EEE MMM d HH:mm:ss z yyyy` does in English: `Tue Nov 3 04:05:06 UTC 2026`.
pub(super) fn is_timestamp(text: &str) -> bool {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let words: Vec<&str> = text.split(' ').collect();
    let [weekday, month, day, time, "UTC", year] = words.as_slice() else {
        return false;
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let clock: Vec<&str> = time.split(':').collect();
    DAYS.contains(weekday)
        && MONTHS.contains(month)
        && (1..=2).contains(&day.len())
        && digits(day)
        && !day.starts_with('0')
        && clock.len() == 3
        && clock.iter().all(|part| part.len() == 2 && digits(part))
        && year.len() == 4
        && digits(year)
}

fn pool() -> &'static str {
    POOL_ID.split_once('_').map_or("", |(_, name)| name)
}

/// v = g^x; the password itself is forgotten in a real pool.
fn verifier(user: &User, salt: &BigUint) -> BigUint {
    let inner = format!("{}{}:{}", pool(), user.name, user.password);
    let inner = digest(&SHA256, inner.as_bytes());
    let x = number(&[&signed(salt), inner.as_ref()].concat());
    G.modpow(&x, &N)
}

fn number(hashed: &[u8]) -> BigUint {
    BigUint::from_bytes_be(digest(&SHA256, hashed).as_ref())
}

fn signed(number: &BigUint) -> Vec<u8> {
    BigInt::from(number.clone()).to_signed_bytes_be()
}

struct Sixteen;

impl hkdf::KeyType for Sixteen {
    fn len(&self) -> usize {
        16
    }
}

fn key(shared: &BigUint, u: &BigUint) -> [u8; 16] {
    let mut key = [0; 16];
    hkdf::Salt::new(hkdf::HKDF_SHA256, &signed(u))
        .extract(&signed(shared))
        .expand(&[b"Caldera Derived Key"], Sixteen)
        .and_then(|key_material| key_material.fill(&mut key))
        .expect("HKDF gives 16 bytes");
    key
}
