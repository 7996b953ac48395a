//! Pseudonyms of erased users in the audit log.
//!
//! Erasure renames the stored events of a user. Events that were queued at that time, here or on another node, and
//! requests with a token that has not expired, would bring the ID back. Therefore events are renamed when they are
//! written, and stored events are renamed again after the current batch and with each hourly pruning. The pseudonyms
//! are stored until then, for the other nodes and for a restart.

use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use hallpass_data::audit::{Model, row_of_user};
use hallpass_data::erased_user;

/// How long pseudonyms are kept: longer than a token is valid, and long enough for another renaming after an hour.
pub(super) const RETENTION: TimeDelta = TimeDelta::hours(2);

/// Recently erased users.
#[derive(Default)]
pub(crate) struct Pseudonyms(Mutex<Vec<User>>);

#[derive(Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) pseudonym: String,
    is_due: bool,
}

impl Pseudonyms {
    fn with_users<T>(&self, work: impl FnOnce(&mut Vec<User>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn remember(&self, id: &str, pseudonym: &str) {
        let (id, pseudonym) = (id.to_owned(), pseudonym.to_owned());
        self.with_users(|users| users.push(User { id, pseudonym, is_due: true }));
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

    /// Schedules another renaming for the users of `stored`, who may have been erased by another node or before a
    /// restart, and forgets the others.
    pub(crate) fn reapply(&self, stored: Vec<erased_user::Model>) {
        let due = |row: erased_user::Model| User {
            id: row.user_id,
            pseudonym: row.pseudonym,
            is_due: true,
        };
        self.with_users(|users| {
            users.retain(|user| {
                user.is_due && stored.iter().all(|row| row.pseudonym != user.pseudonym)
            });
            users.extend(stored.into_iter().map(due));
        });
    }
}

fn replace(id: &mut Option<String>, old: &str, new: &str) {
    if id.as_deref() == Some(old) {
        *id = Some(new.to_owned());
    }
}
