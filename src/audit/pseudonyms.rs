//! Pseudonyms of erased users in the audit log.
//!
//! Their rows were renamed when they were erased. What was on its way then, here or on another node, and what
//! a token of theirs still does until it expires, would bring the id back: it is renamed as it is written,
//! and what is there already is renamed again after the batch under way, and with each hourly tidying.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hallpass_entity::audit::{Model, row_of_user};
use tokio::time::Instant;

/// How long they are remembered: so long that each is renamed once more after an hour.
const RETENTION: Duration = Duration::from_secs(2 * 60 * 60);

/// The users, by their ids. In memory only, and not for long.
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

    /// Names those whom `event` is about as they are called now.
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

    /// Those whose rows were not renamed again yet.
    pub(crate) fn pending(&self) -> Vec<User> {
        self.with_users(|users| users.iter().filter(|user| user.is_due).cloned().collect())
    }

    /// The rows of those with this pseudonym were renamed again.
    pub(crate) fn completed(&self, pseudonym: &str) {
        self.with_users(|users| {
            users
                .iter_mut()
                .filter(|user| user.pseudonym == pseudonym)
                .for_each(|user| user.is_due = false);
        });
    }

    /// Everyone's rows are to be renamed once more.
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
