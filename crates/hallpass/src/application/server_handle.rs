//! A running server, as the routes and tasks of its application see it, and its unscoped rows.

use std::any::Any;
use std::sync::Arc;

use hallpass_data::policy::{Scoped, SharedEntity};
use hallpass_data::trusted::{ProvedPrivilege as _, TenantScope as _};
use hallpass_data::{Database, Editable, Privilege, Rows, Scope, TenantId, UserId};
use tokio_util::sync::CancellationToken;

use super::Application;
use crate::bypass::{Bypass, UnregisteredBypass};
use crate::config::{NoSuchSettings, OwnSettings};
use crate::events::{Event, Events};

/// A running server, as the routes and tasks of its application see it. Cheap to clone.
#[derive(Clone)]
pub struct ServerHandle {
    pub(crate) application: Arc<Application>,
    pub(crate) settings: OwnSettings,
    pub(crate) database: Database,
    pub(crate) events: Events,
    pub(crate) draining: CancellationToken,
}

impl ServerHandle {
    /// Completes when the server begins to stop. A task that [`on_start`](super::Builder::on_start) spawns ends then.
    pub async fn stopping(&self) {
        self.draining.cancelled().await;
    }

    /// The settings of the application of the type `T`.
    ///
    /// # Errors
    /// If the application has no such settings: see [`Builder::settings`](super::Builder::settings).
    pub fn settings<T: Any>(&self) -> Result<&T, NoSuchSettings> {
        self.settings.get()
    }

    /// The rows of all owners, for work that no caller requests. It requires a bypass, whose reason
    /// `access --bypasses` lists:
    ///
    /// ```
    /// use hallpass::application::{HookError, ServerHandle};
    /// use hallpass::bypass::Bypass;
    /// use hallpass::data::policy::OwnedEntity;
    ///
    /// const DIGEST: Bypass = Bypass::new("digest", "the nightly digest counts the notes of all users");
    ///
    /// async fn digest<Note: OwnedEntity>(server: ServerHandle) -> Result<(), HookError> {
    ///     let notes = server.unscoped(DIGEST)?.all::<Note>().count().await?;
    ///     Ok(println!("{notes} notes"))
    /// }
    /// ```
    ///
    /// Without a bypass, nothing unscoped compiles:
    ///
    /// ```compile_fail,E0061
    /// # use hallpass::application::ServerHandle;
    /// # use hallpass::data::policy::OwnedEntity;
    /// # async fn digest<Note: OwnedEntity>(server: ServerHandle) {
    /// let notes = server.unscoped().unwrap().all::<Note>();
    /// # }
    /// ```
    ///
    /// Nor does the database of a server without it, or unscoped rows made otherwise:
    ///
    /// ```compile_fail,E0616
    /// # fn digest(server: hallpass::application::ServerHandle) {
    /// let database = server.database;
    /// # }
    /// ```
    ///
    /// ```compile_fail,E0451
    /// # fn digest(server: hallpass::application::ServerHandle) {
    /// let unscoped = hallpass::application::Unscoped { server };
    /// # }
    /// ```
    ///
    /// # Errors
    /// If no domain of the application has registered the bypass.
    pub fn unscoped(&self, bypass: Bypass) -> Result<Unscoped, UnregisteredBypass> {
        if !self.application.own_bypasses().any(|(_, registered)| registered == bypass) {
            return Err(UnregisteredBypass(bypass.name()));
        }
        tracing::debug!(name = bypass.name(), reason = bypass.reason(), "rows without a scope");
        Ok(Unscoped { server: self.clone() })
    }
}

/// The rows of all owners: see [`ServerHandle::unscoped`].
pub struct Unscoped {
    server: ServerHandle,
}

impl Unscoped {
    #[expect(clippy::disallowed_methods, reason = "a registered bypass was given")]
    fn scope(&self, owner: Option<UserId>) -> Scope {
        self.server.database.scope(owner)
    }

    #[expect(clippy::disallowed_methods, reason = "a registered bypass was given")]
    fn privilege() -> Privilege {
        Privilege::proved()
    }

    /// Every row of a table, of all owners, to read.
    #[must_use]
    pub fn all<E: Scoped>(&self) -> Rows<E> {
        self.scope(None).all(Self::privilege())
    }

    /// Every row of a shared table, published or not, to read and write.
    #[must_use]
    pub fn shared_for_edit<E: SharedEntity>(&self) -> Rows<E, Editable> {
        self.scope(None).shared_for_edit(Self::privilege())
    }

    /// The scope of one owner, whose id is that of a row: to write their rows.
    #[must_use]
    pub fn scope_of(&self, owner: &UserId) -> Scope {
        self.scope(Some(owner.clone()))
    }

    /// The scope of one tenant, whose id is that of a row: to write its rows.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a registered bypass was given")]
    pub fn scope_of_tenant(&self, tenant: &TenantId) -> Scope {
        self.scope(None).of_tenant(Some(tenant.clone()))
    }

    /// Publishes an event of a row of `owner` to their subscribers. Call it after the commit.
    pub fn publish(&self, owner: &UserId, event: Event) {
        self.server.events.publish(owner, event);
    }
}
