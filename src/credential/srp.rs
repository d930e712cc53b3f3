//! SRP as Cognito speaks it: proof of a password that is never sent.
//!
//! SRP-6a over the 3072-bit group of RFC 3526 with SHA-256, and details of Cognito's own: every number is hashed as Java
//! writes it (a leading zero byte when its first bit is set), the key goes through HKDF, and the proof covers the pool, the user
//! and a timestamp. The arithmetic is not of constant time: its secrets are one number used once and what follows from
//! the password, and one sign-in in an hour over a network gives nobody a clock that fine.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;

use crate::clock::Timestamp;
use crate::secret::Secret;

/// RFC 3526 §4: the 3072-bit MODP group.
const PRIME: &str = "\
    FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74\
    020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
    4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
    EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05\
    98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB\
    9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
    E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718\
    3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33\
    A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
    ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864\
    D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2\
    08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";

/// The prime.
pub(crate) static N: LazyLock<BigUint> = LazyLock::new(|| {
    BigUint::parse_bytes(PRIME.as_bytes(), 16).expect("the constant is a number in hex")
});

/// The generator.
pub(crate) static G: LazyLock<BigUint> = LazyLock::new(|| BigUint::from(2u8));

const INFO: &[u8] = b"Caldera Derived Key\x01";

/// One sign-in: a secret number and what is shown of it.
pub(super) struct Srp {
    secret: BigUint,
    public: BigUint,
}

/// What the pool answers to the first message.
pub(super) struct Challenge<'c> {
    /// `SALT`, in hex.
    pub(super) salt: &'c str,
    /// `SRP_B`, in hex.
    pub(super) public: &'c str,
    /// `SECRET_BLOCK`, in base64.
    pub(super) block: &'c str,
    /// `USER_ID_FOR_SRP`: how the pool itself calls the user, whatever name was given.
    pub(super) user: &'c str,
}

/// Why a challenge can't be answered. Never says which bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsound;

impl Srp {
    /// With 1024 fresh bits.
    pub(super) fn new() -> Srp {
        let mut bytes = [0; 128];
        rand::fill(&mut bytes).expect("the system has random numbers");
        Srp::with(BigUint::from_bytes_be(&bytes))
    }

    fn with(secret: BigUint) -> Srp {
        let public = G.modpow(&secret, &N);
        Srp { secret, public }
    }

    /// `SRP_A`, in hex.
    pub(super) fn public(&self) -> String {
        self.public.to_str_radix(16)
    }

    /// `PASSWORD_CLAIM_SIGNATURE`. `pool` is the pool's id behind its underscore; `timestamp` is as [`timestamp`] writes it.
    pub(super) fn proof(
        &self,
        challenge: &Challenge<'_>,
        pool: &str,
        password: &Secret,
        timestamp: &str,
    ) -> Result<String, Unsound> {
        let (salt, theirs) = (number(challenge.salt)?, number(challenge.public)?);
        let block = STANDARD.decode(challenge.block).map_err(|_| Unsound)?;
        let zero = BigUint::ZERO;
        // A number that is nought would make the key known to everyone (RFC 5054 §2.5.4).
        let theirs = if theirs < *N {
            theirs
        } else {
            return Err(Unsound);
        };
        let scrambler = scrambler(&self.public, &theirs);
        if theirs == zero || scrambler == zero {
            return Err(Unsound);
        }
        let exponent = exponent(&salt, pool, challenge.user, password);
        let verifier = G.modpow(&exponent, &N);
        let base = (&theirs + &*N - (multiplier() * verifier) % &*N) % &*N;
        let shared = base.modpow(&(&self.secret + &scrambler * exponent), &N);
        let key = key(&shared, &scrambler);
        Ok(signature(&key, pool, challenge.user, &block, timestamp))
    }
}

fn number(hex: &str) -> Result<BigUint, Unsound> {
    // Twice the size of the prime is far more than any honest number has.
    if hex.is_empty()
        || hex.len() > 2 * PRIME.len()
        || !hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Err(Unsound);
    }
    BigUint::parse_bytes(hex.as_bytes(), 16).ok_or(Unsound)
}

/// A number as Java's `BigInteger.toByteArray` writes one that is not negative.
fn padded(number: &BigUint) -> Vec<u8> {
    let mut bytes = number.to_bytes_be();
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    bytes
}

fn hash(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().to_vec()
}

/// k = H(N ‖ g)
fn multiplier() -> BigUint {
    BigUint::from_bytes_be(&hash(&[&padded(&N), &padded(&G)]))
}

/// u = H(A ‖ B)
fn scrambler(client: &BigUint, server: &BigUint) -> BigUint {
    BigUint::from_bytes_be(&hash(&[&padded(client), &padded(server)]))
}

/// x = H(salt ‖ H(pool ‖ user ‖ ":" ‖ password))
fn exponent(salt: &BigUint, pool: &str, user: &str, password: &Secret) -> BigUint {
    let inner = hash(&[
        pool.as_bytes(),
        user.as_bytes(),
        b":",
        password.expose().as_bytes(),
    ]);
    BigUint::from_bytes_be(&hash(&[&padded(salt), &inner]))
}

/// HKDF (RFC 5869) of one block, cut to 16 bytes.
fn key(shared: &BigUint, scrambler: &BigUint) -> [u8; 16] {
    let extract = hmac::Key::new(hmac::HMAC_SHA256, &padded(scrambler));
    let extracted = hmac::sign(&extract, &padded(shared));
    let expand = hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref());
    let mut key = [0; 16];
    key.copy_from_slice(&hmac::sign(&expand, INFO).as_ref()[..16]);
    key
}

/// The proof itself.
fn signature(key: &[u8], pool: &str, user: &str, block: &[u8], timestamp: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let message = [
        pool.as_bytes(),
        user.as_bytes(),
        block,
        timestamp.as_bytes(),
    ]
    .concat();
    STANDARD.encode(hmac::sign(&key, &message))
}

/// `EEE MMM d HH:mm:ss UTC yyyy`, in English, the day without a leading zero: the pool refuses any other spelling.
pub(super) fn timestamp(now: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(now as i64).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%a %b %-d %H:%M:%S UTC %Y").to_string()
}
