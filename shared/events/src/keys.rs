//! Names of the Redis keys, and which partition a source belongs to.

/// The consumer group of the workers.
pub const GROUP: &str = "workers";

/// Upper bound of the number of partitions: the partition takes eight bits of a stored position.
pub const PARTITIONS_MAX: u16 = 256;

/// The keys of one partition. Their common hash tag keeps them in one slot of a Redis Cluster, which the
/// worker's script needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    pub partition: u8,
    /// Stream of accepted entries.
    pub events: String,
    /// Stream of processed entries.
    pub results: String,
    /// Stream of events that no worker could process.
    pub dead: String,
    /// Hash of event counts since the keys were created: `accepted`, `settled`, `dead`.
    pub counters: String,
    /// Who may trim, until when.
    pub lease: String,
    /// Hash of how far each query service has followed `results`.
    pub followers: String,
}

impl Keys {
    pub fn new(partition: u8) -> Self {
        let key = |name: &str| format!("testbed:{{{partition}}}:{name}");
        Self {
            partition,
            events: key("events"),
            results: key("results"),
            dead: key("dead"),
            counters: key("counters"),
            lease: key("lease"),
            followers: key("followers"),
        }
    }

    /// The keys of partitions `0..partitions`.
    pub fn all(partitions: u16) -> Vec<Self> {
        (0..partitions.min(PARTITIONS_MAX)).map(|p| Self::new(p as u8)).collect()
    }
}

/// The partition of a source: its 64-bit FNV-1a hash modulo `partitions`.
///
/// Part of the contract: a change moves sources between streams. Source of the hash:
/// <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub fn partition_of(source: &str, partitions: u16) -> u8 {
    if partitions <= 1 {
        return 0;
    }
    let hash = source.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash % u64::from(partitions.min(PARTITIONS_MAX))) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_partition_share_a_hash_tag() {
        let keys = Keys::new(3);
        assert_eq!(keys.events, "testbed:{3}:events");
        assert_eq!(keys.lease, "testbed:{3}:lease");
        assert_eq!(Keys::all(4)[3], keys);
    }

    #[test]
    fn partition_is_stable_across_releases() {
        let partitions: Vec<u8> = ["/sensors/1", "/sensors/2", "/sensors/3", "", "ä"]
            .iter()
            .map(|source| partition_of(source, 256))
            .collect();
        // Low bytes of the published FNV-1a 64 function, computed independently.
        assert_eq!(partitions, [161, 136, 59, 37, 130]);
    }

    #[test]
    fn every_partition_gets_a_share() {
        let mut counts = [0_u32; 4];
        for n in 0..4000 {
            counts[usize::from(partition_of(&format!("/sensors/{n:04}"), 4))] += 1;
        }
        assert!(counts.iter().all(|&count| count > 800), "{counts:?}");
    }
}
