use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::PoisonError;

use crate::session::{Digest, Even};
use crate::sync::{Mutex, MutexGuard};

/// How many places each client has taken, by the client's key. A client without a place has no entry,
/// so that there are no more entries than places.
#[derive(Debug)]
pub(super) struct Clients {
    shards: [Mutex<Shard>; SHARDS],
}

type Shard = HashMap<Digest, usize, BuildHasherDefault<Even>>;

impl Clients {
    pub(super) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Counts a place, if the client has fewer than `max`.
    pub(super) fn take(&self, client: Digest, max: usize) -> bool {
        let mut shard = self.shard(client);
        let taken = shard.get(&client).copied().unwrap_or_default();
        if taken >= max {
            return false;
        }
        shard.insert(client, taken + 1);
        true
    }

    /// Counts a place less.
    pub(super) fn give_back(&self, client: Digest) {
        let mut shard = self.shard(client);
        match shard.get_mut(&client) {
            Some(taken) if *taken > 1 => *taken -= 1,
            _ => {
                shard.remove(&client);
            }
        }
        // After many clients have left.
        if shard.capacity() > 1024 && shard.capacity() / 8 > shard.len() {
            let len = shard.len();
            shard.shrink_to(2 * len);
        }
    }

    fn shard(&self, client: Digest) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[client.shard(SHARDS)];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const SHARDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::DigestKey;

    fn len(clients: &Clients) -> usize {
        clients
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap().len())
            .sum()
    }

    #[test]
    fn each_client_has_its_own_count() {
        let digest = DigestKey::new();
        let (a, b) = (digest.of("a"), digest.of("b"));
        let clients = Clients::new();
        assert!(clients.take(a, 2) && clients.take(a, 2));
        assert!(!clients.take(a, 2));
        assert!(clients.take(b, 2));
        clients.give_back(a);
        assert!(clients.take(a, 2));
        assert!(!clients.take(a, 2));
        assert!(!clients.take(digest.of("c"), 0));
    }

    #[test]
    fn clients_without_places_are_forgotten() {
        let digest = DigestKey::new();
        let clients = Clients::new();
        for n in 0..100_000 {
            assert!(clients.take(digest.of(&n), 1));
        }
        let (stay, leave): (Vec<_>, Vec<_>) = (0..100_000).partition(|n| n % 1000 == 0);
        for (clients_that_leave, left) in [(leave, stay.len()), (stay, 0)] {
            for n in clients_that_leave {
                clients.give_back(digest.of(&n));
            }
            assert_eq!(len(&clients), left);
            for shard in &clients.shards {
                assert!(shard.lock().unwrap().capacity() <= 1024);
            }
        }
    }
}
