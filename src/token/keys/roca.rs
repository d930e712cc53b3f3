//! The mark of RSA keys made by a chip library whose primes can be computed from the modulus (CVE-2017-15361, "ROCA").
//!
//! Its primes have the form `k·M + (65537^a mod M)` where M is a product of small primes, so modulo each of those the
//! modulus is a power of 65537. A key that has this property for all of them by chance is one in about 2^27.

/// The odd primes up to 167: all of them divide M for keys of 2048 bits and more.
const PRIMES: [u8; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether a big-endian modulus bears the mark.
pub(super) fn is_marked(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&prime| {
        let prime = u32::from(prime);
        let rest = modulus
            .iter()
            .fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % prime);
        is_power(rest, 65537 % prime, prime)
    })
}

/// Whether `value` is a power of `base` modulo `prime`.
fn is_power(value: u32, base: u32, prime: u32) -> bool {
    std::iter::successors(Some(1), |power| Some(power * base % prime))
        .take(prime as usize)
        .any(|power| power == value)
}
