//! Places for connections: so many in all, and so many for one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;
use crate::auth::group;

/// Room for one more connection.
pub(super) type Room = Option<OwnedSemaphorePermit>;

/// Connections by address.
type Taken = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Who has how many.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    taken: Taken,
    per_address: usize,
}

/// The place of one connection, given back when it ends.
#[derive(Debug)]
pub(super) struct Place {
    _room: Room,
    /// Where it is counted; this machine and proxies are not.
    counted: Option<(Taken, IpAddr)>,
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        let all = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        Self { all, taken: Arc::default(), per_address: limits.connections_per_address }
    }

    /// Waits until there is room. Until then connections wait in the system's queue.
    pub(super) async fn room(&self) -> Room {
        // Nobody closes the semaphore.
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// A place for a connection from `ip`; none when that address has too many.
    pub(super) fn take(&self, ip: IpAddr, room: Room, is_proxy: bool) -> Option<Place> {
        if is_proxy || ip.to_canonical().is_loopback() {
            return Some(Place { _room: room, counted: None });
        }
        let ip = group(ip);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(ip).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(Place { _room: room, counted: Some((Arc::clone(&self.taken), ip)) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((taken, ip)) = &self.counted else { return };
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(ip) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(ip)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_has_so_many_places_and_gives_them_back() {
        let places = Places::new(&Limits { connections_per_address: 2, ..Limits::default() });
        let ip = "203.0.113.1".parse().unwrap();
        let (first, second) = (places.take(ip, None, false), places.take(ip, None, false));

        assert!(first.is_some() && second.is_some());
        assert!(places.take(ip, None, false).is_none());
        assert!(places.take("203.0.113.2".parse().unwrap(), None, false).is_some());
        assert!(places.take(ip, None, true).is_some());
        drop(first);
        assert!(places.take(ip, None, false).is_some());
        drop(second);
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
