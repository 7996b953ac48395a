//! Domains: what an application's server consists of, beyond the core.

use std::any::Any;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use hallpass_data::policy::{OwnedEntity, SharedEntity, TenantEntity};
use hallpass_data::{EntityTrait, Error, OwnedTables, Scope, System};
use hallpass_migration::MigrationTrait;

use crate::access::{RequestAuth, Rule};
use crate::bypass::Bypass;
use crate::events::EventKind;
use crate::graphql::RequestDataType;
use crate::schema::{Action, CheckAction, FindNode, FindNodeByText, NodeType};
use hallpass_identity::UserField;

/// Returns migrations.
pub type Migrations = fn() -> Vec<Box<dyn MigrationTrait>>;

/// Why demo data was not loaded.
pub type DemoError = Box<dyn std::error::Error + Send + Sync>;

/// The rows of the database that demo data may insert: those of shared tables.
pub struct DemoRows<'a>(&'a System<'a>);

impl<'a> DemoRows<'a> {
    /// Inserts with access to the database.
    #[must_use]
    pub fn new(system: &'a System<'a>) -> Self {
        Self(system)
    }

    /// Whether a table has no rows.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn is_empty<E: EntityTrait>(&self) -> Result<bool, Error>
    where
        E::Model: Send + Sync,
    {
        self.0.is_empty::<E>().await
    }

    /// Inserts rows of a shared table.
    ///
    /// # Errors
    /// When the database is unavailable, or rejects a row.
    pub async fn insert_all<E: SharedEntity>(
        &self,
        rows: Vec<E::ActiveModel>,
    ) -> Result<(), Error> {
        self.0.insert_all::<E>(rows).await
    }
}

/// Demo data of a domain, for development mode. Loaded by one server, in one transaction, if a domain's is missing.
pub trait Demo: Send + Sync {
    /// Whether the demo is missing. A domain that does not know returns false: its demo is loaded with that of the
    /// others.
    fn is_missing<'a>(&'a self, rows: &'a DemoRows<'_>) -> BoxFuture<'a, Result<bool, DemoError>>;

    /// Inserts rows without an owner, unless they exist.
    fn load<'a>(&'a self, rows: &'a DemoRows<'_>) -> BoxFuture<'a, Result<(), DemoError>> {
        let _ = rows;
        ready(Ok(())).boxed()
    }

    /// Inserts rows of the persona of `scope`, unless they exist.
    fn load_for_user<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<(), DemoError>> {
        let _ = scope;
        ready(Ok(())).boxed()
    }
}

/// One domain: its tables, its types, and what the server must know of them. Everything that must be complete
/// (erasure, row-level security, `node`, `can`, events, demo data) takes its list from here.
///
/// ```
/// use hallpass::data::policy::OwnedEntity;
/// use hallpass::prelude::*;
///
/// fn notes<Row: OwnedEntity, Tag: OwnedEntity, Note: FindNode>() -> Domain {
///     Domain::new("notes")
///         .owned::<Tag>()
///         .owned_with_events::<Row>(EventKind::new("note"))
///         .node::<Note>()
///         .field_cost("Note.text", 40)
/// }
/// ```
pub struct Domain {
    pub(super) name: &'static str,
    pub(super) migrations: Migrations,
    pub(super) owned_tables: OwnedTables,
    pub(super) nodes: Vec<NodeType>,
    pub(super) actions: Vec<Action>,
    pub(super) request_data: Vec<RequestDataType>,
    pub(super) field_costs: Vec<(&'static str, u64)>,
    pub(super) list_lengths: Vec<(&'static str, u64)>,
    pub(super) public_caching: Vec<(&'static str, Duration)>,
    pub(super) demo: Option<Box<dyn Demo>>,
    pub(super) large_bodies: Option<Rule>,
    pub(super) user_fields: &'static [UserField],
    pub(super) bypasses: Vec<Bypass>,
}

impl Domain {
    /// A domain. Its `name` is that of its OAuth scopes, `NAME:read` and `NAME:write`.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            migrations: Vec::new,
            owned_tables: OwnedTables::none(),
            nodes: Vec::new(),
            actions: Vec::new(),
            request_data: Vec::new(),
            field_costs: Vec::new(),
            list_lengths: Vec::new(),
            public_caching: Vec::new(),
            demo: None,
            large_bodies: None,
            user_fields: &[],
            bypasses: Vec::new(),
        }
    }

    /// Sets the migrations of the domain's tables. All migrations are applied in the order of their names, which start
    /// with `mYYYYMMDD_NNNNNN_`.
    #[must_use]
    pub fn migrations(mut self, migrations: Migrations) -> Self {
        self.migrations = migrations;
        self
    }

    /// Adds a table of owned rows: to erasure, to the handover of a guest's rows, to the check of row-level security,
    /// and to the isolation suite. A child is added before its parent.
    #[must_use]
    pub fn owned<E: OwnedEntity>(mut self) -> Self {
        self.owned_tables = self.owned_tables.with::<E>();
        self
    }

    /// As [`Domain::owned`], for a table with IDs of type UUID whose rows have events of this kind: the new owner of
    /// a guest's rows receives them as created.
    #[must_use]
    pub fn owned_with_events<E: OwnedEntity>(mut self, kind: EventKind) -> Self {
        self.owned_tables = self.owned_tables.with_events::<E>(kind.name());
        self
    }

    /// Adds a table of rows that tenants own: to the check of row-level security, and to the isolation suite, which has
    /// two tenants. `eraseUser` leaves such rows: they are the organization's. A child is added before its parent.
    #[must_use]
    pub fn tenant_owned<E: TenantEntity>(mut self) -> Self {
        self.owned_tables = self.owned_tables.with_tenant::<E>();
        self
    }

    /// Adds a type of objects that `node` finds. An OAuth client reads them with the scope `NAME:read`.
    #[must_use]
    pub fn node<T: FindNode>(mut self) -> Self {
        let scope = self.read_scope();
        self.nodes.push(NodeType::of::<T>(Rule::Public, scope));
        self
    }

    /// As [`node`](Self::node), for objects that only callers who meet `rule` can find.
    #[must_use]
    pub fn guarded_node<T: FindNode>(mut self, rule: Rule) -> Self {
        let scope = self.read_scope();
        self.nodes.push(NodeType::of::<T>(rule, scope));
        self
    }

    /// As [`guarded_node`](Self::guarded_node), for objects with a text in their IDs.
    #[must_use]
    pub fn guarded_node_by_text<T: FindNodeByText>(mut self, rule: Rule, scope: &str) -> Self {
        self.nodes.push(NodeType::by_text::<T>(rule, scope.to_owned()));
        self
    }

    fn read_scope(&self) -> String {
        format!("{}:read", self.name)
    }

    /// Adds an action that `can` checks: its name in the schema, such as `UPDATE_NOTE`, a description, and the check.
    #[must_use]
    pub fn action(
        mut self,
        name: &'static str,
        description: &'static str,
        check: CheckAction,
    ) -> Self {
        self.actions.push(Action { name, description, check });
        self
    }

    /// Adds data of one request that its resolvers share, such as batch loaders. `create` is called when a resolver
    /// first asks for it by [`ContextExt::request_data`](crate::graphql::ContextExt::request_data).
    #[must_use]
    pub fn request_data<T: Any + Send + Sync>(
        mut self,
        create: impl Fn(&RequestAuth, &Scope) -> T + Send + Sync + 'static,
    ) -> Self {
        self.request_data.push(RequestDataType::new(create));
        self
    }

    /// Sets the weight of a field in the query cost, in tenths of a point: for long texts, and for fields that read
    /// more rows than they return. A leaf weighs 1, an object 10.
    #[must_use]
    pub fn field_cost(mut self, field: &'static str, weight: u64) -> Self {
        self.field_costs.push((field, weight));
        self
    }

    /// Sets the usual length of a list without a page size.
    #[must_use]
    pub fn list_length(mut self, field: &'static str, length: u64) -> Self {
        self.list_lengths.push((field, length));
        self
    }

    /// Allows HTTP caches to reuse the result of a root field of queries for `max_age`, and as long again while they
    /// fetch a new one. The field, with everything that can be selected in it, has the same result for all anonymous
    /// callers: it reads rows of shared tables. It applies to queries by GET without a credential, all of whose root
    /// fields are declared; other responses are never stored.
    #[must_use]
    pub fn cached_publicly(mut self, field: &'static str, max_age: Duration) -> Self {
        self.public_caching.push((field, max_age));
        self
    }

    /// Sets the demo data of development mode.
    #[must_use]
    pub fn demo(mut self, demo: impl Demo + 'static) -> Self {
        self.demo = Some(Box::new(demo));
        self
    }

    /// Allows callers who meet `rule` six times the request body of others, for mutations with long texts.
    #[must_use]
    pub fn large_bodies_for(mut self, rule: Rule) -> Self {
        self.large_bodies = Some(rule);
        self
    }

    /// Registers a way around the scopes, for tasks and routes: see
    /// [`ServerHandle::unscoped`](super::ServerHandle::unscoped). `access --bypasses` lists it with its reason.
    #[must_use]
    pub fn bypass(mut self, bypass: Bypass) -> Self {
        self.bypasses.push(bypass);
        self
    }

    /// Declares additional user fields of the Better Auth server that the domain reads by
    /// [`Caller::claim`](hallpass_identity::Caller::claim).
    #[must_use]
    pub fn user_fields(mut self, fields: &'static [UserField]) -> Self {
        self.user_fields = fields;
        self
    }
}
