//! Where everything random comes from.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};

/// The generator of the project: ChaCha with 8 rounds, the same on every machine.
pub type Rng = ChaCha8Rng;

/// A seed, and the seeds that derive from it.
///
/// Every use of randomness derives its own seed from (run seed, purpose, number), so that it does
/// not depend on what else was drawn before, in which thread, or in which process.
///
/// ```
/// use nascent::Seed;
///
/// let trial = Seed::new(7).derive("trial", 3);
/// assert_eq!(trial.derive("weights", 0), Seed::new(7).derive("trial", 3).derive("weights", 0));
/// assert_ne!(trial.derive("weights", 0), trial.derive("shuffle", 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(u64);

impl Seed {
    /// The seed that a person gives.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed for a purpose and a number within it (a trial, an epoch).
    #[must_use]
    pub fn derive(self, purpose: &str, number: u64) -> Self {
        // FNV-1a over the name, then two rounds of SplitMix64.
        let name = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(mix(mix(self.0 ^ name).wrapping_add(number)))
    }

    /// A generator that starts from this seed.
    pub fn rng(self) -> Rng {
        Rng::seed_from_u64(self.0)
    }
}

fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
