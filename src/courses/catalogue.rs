//! Which courses and chapters a caller sees.

use async_graphql::Context;
use hallpass_entity::policy::SharedEntity;
use hallpass_entity::{Privilege, Rows, Scope};

use crate::access::{Asking, EDITOR};

/// The rows of the courses that one caller sees: what is published; to editors, drafts too. Every way
/// to a course, chapter or text leads through here, so that all of them agree.
#[derive(Clone)]
pub struct Catalogue {
    scope: Scope,
    drafts: Option<Privilege>,
}

impl Catalogue {
    /// The catalogue of whoever asks.
    #[must_use]
    pub fn new(asking: &Asking, scope: &Scope) -> Self {
        Self { scope: scope.clone(), drafts: EDITOR.proved_by(asking) }
    }

    /// The rows that the caller sees.
    pub(super) fn rows<E: SharedEntity>(&self) -> Rows<E> {
        match self.drafts {
            Some(proof) => self.scope.everyones(proof),
            None => self.scope.shared(),
        }
    }
}

/// The catalogue of the caller of a request.
pub(super) fn catalogue<'a>(ctx: &Context<'a>) -> &'a Catalogue {
    ctx.data_unchecked::<Catalogue>()
}
