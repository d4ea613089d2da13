//! Few uploads at a time: each may hold a large table.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Uploads that come in, wait or are scored at a time: in all, and of one account.
pub(crate) const MOST: usize = 4;
pub(crate) const MOST_OF_ONE: usize = 2;

/// The account of each upload.
type Taken = Mutex<Vec<String>>;

/// Where uploads find a place.
#[derive(Debug, Default)]
pub(crate) struct Places {
    taken: Arc<Taken>,
}

/// The place of one upload; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    account: String,
    taken: Arc<Taken>,
}

fn locked(taken: &Taken) -> MutexGuard<'_, Vec<String>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Places {
    /// A place for an upload of an account; `None` where too many are taken.
    pub(crate) fn take(&self, account: &str) -> Option<Place> {
        let mut taken = locked(&self.taken);
        let own = taken.iter().filter(|one| one.as_str() == account).count();
        if taken.len() >= MOST || own >= MOST_OF_ONE {
            return None;
        }
        taken.push(account.to_owned());
        Some(Place { account: account.to_owned(), taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = locked(&self.taken);
        if let Some(at) = taken.iter().position(|one| *one == self.account) {
            taken.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_and_free_again() {
        let places = Places::default();
        let take = |account: &str| places.take(account);
        let first = take("one").unwrap();
        let _second = take("one").unwrap();
        assert!(take("one").is_none());
        let _others = [take("two").unwrap(), take("two").unwrap()];
        assert!(take("three").is_none());
        drop(first);
        assert!(take("two").is_none());
        assert!(take("three").is_some());
        assert!(take("one").is_some());
    }
}
