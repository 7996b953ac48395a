//! The node types and actions that domains register.

use std::cell::RefCell;
use std::sync::Arc;

use async_graphql::{Context, ID};
use futures_util::future::BoxFuture;

use super::find_node::NodeType;
use crate::graphql::{Permission, Result};

/// Whether the caller may perform an action on the object with a global ID.
pub type CheckAction = for<'a> fn(&'a Context<'_>, &'a ID) -> BoxFuture<'a, Result<Permission>>;

/// An action to check.
pub(crate) struct Action {
    /// Name in the schema, such as `UPDATE_NOTE`.
    pub(crate) name: &'static str,
    /// Description in the schema.
    pub(crate) description: &'static str,
    /// The check.
    pub(crate) check: CheckAction,
}

/// The node types and actions of an application. Also data of its schema.
#[derive(Default)]
pub(crate) struct Registered {
    pub(crate) nodes: Vec<NodeType>,
    pub(crate) actions: Vec<Action>,
}

thread_local! {
    /// Those of the schema being built. Thread-local, because types register themselves by associated functions with
    /// no parameter but the registry.
    static CURRENT: RefCell<Arc<Registered>> = RefCell::default();
}

impl Registered {
    /// Builds a schema with these node types and actions. `build` must register its types on this thread.
    pub(crate) fn build<T>(self: &Arc<Self>, build: impl FnOnce() -> T) -> T {
        /// Restores the previous ones, also after a panic: the thread builds other schemas later.
        struct ResetGuard(Arc<Registered>);
        impl Drop for ResetGuard {
            fn drop(&mut self) {
                CURRENT.replace(Arc::clone(&self.0));
            }
        }
        let _before = ResetGuard(CURRENT.replace(Arc::clone(self)));
        build()
    }

    /// Those of the schema being built.
    pub(super) fn current() -> Arc<Self> {
        CURRENT.with_borrow(Arc::clone)
    }
}
