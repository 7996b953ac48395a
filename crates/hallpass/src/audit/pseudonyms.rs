//! Pseudonyms of erased users in the audit log.
//!
//! Erasure renames the stored events of a user. Events that were queued at that time, here or on another node, and
//! requests with a token that has not expired, would bring the ID back. Therefore events are renamed when they are
//! written, and stored events are renamed again after the current batch and with each hourly pruning.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hallpass_data::audit::{Model, row_of_user};
use tokio::time::Instant;

/// How long pseudonyms are kept in memory: long enough for another renaming after an hour.
const RETENTION: Duration = Duration::from_secs(2 * 60 * 60);

/// Recently erased users, in memory only.
#[derive(Default)]
pub(crate) struct Pseudonyms(Mutex<Vec<User>>);

#[derive(Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) pseudonym: String,
    at: Instant,
    is_due: bool,
}

impl Pseudonyms {
    fn with_users<T>(&self, work: impl FnOnce(&mut Vec<User>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn remember(&self, id: &str, pseudonym: &str) {
        let (id, pseudonym) = (id.to_owned(), pseudonym.to_owned());
        let user = User { id, pseudonym, at: Instant::now(), is_due: true };
        self.with_users(|users| users.push(user));
    }

    /// Replaces the IDs of erased users in `event`.
    pub(crate) fn apply(&self, event: &mut Model) {
        self.with_users(|users| {
            for user in users {
                for id in [&mut event.caller_id, &mut event.impersonated_by] {
                    replace(id, &user.id, &user.pseudonym);
                }
                replace(&mut event.row_id, &row_of_user(&user.id), &row_of_user(&user.pseudonym));
            }
        });
    }

    /// Users with stored events to rename again.
    pub(crate) fn pending(&self) -> Vec<User> {
        self.with_users(|users| users.iter().filter(|user| user.is_due).cloned().collect())
    }

    /// Marks the stored events of this pseudonym as renamed.
    pub(crate) fn completed(&self, pseudonym: &str) {
        self.with_users(|users| {
            users
                .iter_mut()
                .filter(|user| user.pseudonym == pseudonym)
                .for_each(|user| user.is_due = false);
        });
    }

    /// Schedules another renaming for all users.
    pub(crate) fn reapply(&self) {
        self.with_users(|users| {
            users.retain(|user| user.is_due || user.at.elapsed() < RETENTION);
            users.iter_mut().for_each(|user| user.is_due = true);
        });
    }
}

fn replace(id: &mut Option<String>, old: &str, new: &str) {
    if id.as_deref() == Some(old) {
        *id = Some(new.to_owned());
    }
}
