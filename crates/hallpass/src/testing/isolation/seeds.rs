//! The rows of the users of a suite: Alice's, which Bob must not learn of, and Bob's own.
//!
//! The application inserts them once, on a server that no document is sent to. They are read back, without their types,
//! and written to each server.

use std::collections::BTreeSet;
use std::error::Error;
use std::ops::Deref;

use futures_util::future::BoxFuture;
use hallpass_data::testing::{Distinctive, TableRows, tenant_of};
use hallpass_data::trusted::{TenantScope as _, VerifiedSubject as _, VerifiedTenant as _};
use hallpass_data::{
    Database, IdempotencyClaimId, Scope, Set, TenantId, Timestamp, UserId, idempotency_key,
};
use uuid::Uuid;

pub(super) use super::part::Part;
use super::server::{Options, Server};
use super::shared_rows::SharedRows;
use super::{Backend, Suite};
use crate::testing::User;

/// Why rows were not inserted.
pub type SeedError = Box<dyn Error + Send + Sync>;

pub(super) type Seed =
    Box<dyn Fn(SeedUser) -> BoxFuture<'static, Result<(), SeedError>> + Send + Sync>;
pub(super) type Fixture =
    Box<dyn Fn(SharedRows) -> BoxFuture<'static, Result<(), SeedError>> + Send + Sync>;

/// A user of the suite, and their scope, to insert their rows and those of their tenant with. Each user has another
/// tenant.
pub struct SeedUser {
    scope: Scope,
    is_alice: bool,
}

impl Deref for SeedUser {
    type Target = Scope;

    fn deref(&self) -> &Scope {
        &self.scope
    }
}

impl SeedUser {
    /// The user's scope.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether other users must not learn of the rows.
    #[must_use]
    pub fn is_victim(&self) -> bool {
        self.is_alice
    }

    /// An ID of this user. The same number is another ID for another user, and those of two users alternate: the rows
    /// of one are between those of the other in every order.
    #[must_use]
    pub fn id<T: From<Uuid>>(&self, number: u32) -> T {
        let base = 0x0190_0000_0000_7000_8000_0000_0000_0000_u128;
        T::from(Uuid::from_u128(base + u128::from(number) * 2 + u128::from(self.is_alice)))
    }

    /// A timestamp of this user, this number of seconds into 2031.
    #[must_use]
    pub fn timestamp(&self, number: u32) -> Timestamp {
        let micros = 1_925_000_000_000_000 + i64::from(number) * 1_000_003;
        let moment = micros + i64::from(self.is_alice);
        chrono::DateTime::from_timestamp_micros(moment).expect("the moment is in range")
    }

    /// A text of this user.
    #[must_use]
    pub fn text(&self, words: &str) -> String {
        format!("{words} of {}", if self.is_alice { "Alice" } else { "Bob" })
    }
}

/// The rows of the users, table by table, parents first.
pub(super) struct Seeds {
    alices: Vec<TableRows>,
    alices_as_public: Vec<TableRows>,
    bobs: Vec<TableRows>,
    /// The objects of the application: the type of each, the key, and the owner if it is not a fixture.
    pub(super) nodes: Vec<(String, Uuid, Option<Part>)>,
}

/// The columns of the owner and of the tenant, by convention.
const OWNER: &str = "owner_id";
const TENANT: &str = "tenant_id";
const SEED: &str = "the seed inserts rows";

impl Seeds {
    /// Inserts the rows of `suite`, and reads them.
    pub(super) async fn of(suite: &Suite) -> Self {
        let server = Server::start(suite, &Options::on(Backend::Sqlite)).await;
        let database = &server.app.database;
        check_that_tables_are_registered(database).await;
        let (alice, bob) = (&suite.users.alice, &suite.users.bob);
        for user in [alice, bob] {
            for seed in &suite.seeds {
                let user = user_of(database, user, user.id() == alice.id());
                seed(user).await.expect(SEED);
            }
        }
        add_idempotency_keys(database, alice, bob).await;
        let mut seeds = Self {
            alices: rows_of(database, alice).await,
            bobs: rows_of(database, bob).await,
            alices_as_public: Vec::new(),
            nodes: Vec::new(),
        };
        seeds.check_that_all_are_there();
        let owned = |part| seeds.keys(part).map(move |key| (key, part)).collect::<Vec<_>>();
        let keys = [owned(Part::Alices), owned(Part::Bobs)].concat();
        seeds.nodes = super::nodes::nodes(suite, &server, keys).await;
        database.replace_rows(&[]).await.expect("rows can be deleted");
        if let Some(view) = &suite.public_view {
            view(user_of(database, alice, true)).await.expect(SEED);
        }
        seeds.alices_as_public = rows_of(database, alice).await;
        seeds.check_that_texts_are_distinctive();
        seeds
    }

    pub(super) fn rows(&self, part: Part) -> &[TableRows] {
        match part {
            Part::Alices => &self.alices,
            Part::AlicesAsPublic => &self.alices_as_public,
            Part::Bobs => &self.bobs,
        }
    }

    /// The names of the tables.
    pub(super) fn tables(&self) -> impl Iterator<Item = &'static str> {
        self.alices.iter().map(|rows| rows.table)
    }

    pub(super) fn keys(&self, part: Part) -> impl Iterator<Item = Uuid> {
        self.rows(part).iter().flat_map(TableRows::keys)
    }

    /// The values of Alice's rows that their public view does not have, with the names of the tables.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&'static str, Distinctive)> {
        self.tables().flat_map(|table| {
            let secrets = self.secrets_of(table, None).into_iter();
            secrets.map(move |secret| (table, secret))
        })
    }

    fn secrets_of(&self, table: &str, column: Option<&str>) -> BTreeSet<Distinctive> {
        let of = |rows: &[TableRows]| -> BTreeSet<_> {
            let tables = rows.iter().filter(|rows| rows.table == table);
            tables.flat_map(|rows| rows.distinctive(column)).collect()
        };
        &of(&self.alices) - &of(&self.alices_as_public)
    }

    #[track_caller]
    fn check_that_all_are_there(&self) {
        for rows in [&self.alices, &self.bobs] {
            let missing = rows.iter().filter(|rows| rows.count() == 0).map(|rows| rows.table);
            let missing = missing.collect::<Vec<_>>();
            assert!(
                missing.is_empty(),
                "{missing:?}: these tables are owned by users or tenants: insert rows of them in `Suite::seed`"
            );
        }
    }

    /// A leak is attributed to its table by a value that only the victim's rows have.
    #[track_caller]
    fn check_that_texts_are_distinctive(&self) {
        for rows in &self.alices {
            let table = rows.table;
            assert!(!self.secrets_of(table, None).is_empty(), "{table} has no distinctive values");
            let bobs = self.bobs.iter().filter(|rows| rows.table == table);
            let bobs: BTreeSet<_> = bobs.flat_map(|rows| rows.distinctive(None)).collect();
            let silent = rows.text_columns().filter(|column| {
                let secrets = self.secrets_of(table, Some(column));
                !secrets.iter().any(|it| matches!(it, Distinctive::Text(_)) && !bobs.contains(it))
            });
            let silent = silent.collect::<Vec<_>>();
            assert!(
                silent.is_empty(),
                "{silent:?} of {table}: insert a text of the user there, such as `user.text(\"…\")`"
            );
        }
    }
}

/// A table that is not registered is neither seeded nor erased.
async fn check_that_tables_are_registered(database: &Database) {
    let tables = database.owned_tables();
    let kinds = [(OWNER, tables.names(), "owned"), (TENANT, tables.tenant_names(), "tenant_owned")];
    for (column, registered, method) in kinds {
        let all = database.tables(Some(column)).await.expect("the catalog can be read");
        let unknown: Vec<_> = all.iter().filter(|it| !registered.contains(&it.as_str())).collect();
        assert!(
            unknown.is_empty(),
            "{unknown:?}: these tables have the column {column}: add them to a domain with `{method}`"
        );
    }
}

/// The ID of a user.
#[expect(clippy::disallowed_methods, reason = "the suite acts as the server here")]
pub(super) fn user_id(user: &User) -> UserId {
    UserId::from_verified_subject(user.id().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the suite acts as the server here")]
fn user_of(database: &Database, user: &User, is_alice: bool) -> SeedUser {
    let id = user_id(user);
    let tenant = TenantId::from_verified_claim(tenant_of(user.id()));
    SeedUser { scope: database.scope(Some(id)).of_tenant(Some(tenant)), is_alice }
}

pub(super) async fn rows_of(database: &Database, user: &User) -> Vec<TableRows> {
    database.rows_of(user.id()).await.expect("rows can be read")
}

/// Rows of the core's own table.
async fn add_idempotency_keys(database: &Database, alice: &User, bob: &User) {
    for user in [alice, bob] {
        let rows = rows_of(database, user).await;
        let user = user_of(database, user, user.id() == alice.id());
        let row = idempotency_key::ActiveModel {
            key: Set(user.text("key")),
            claim: Set(user.id::<IdempotencyClaimId>(4_000_000_000)),
            fingerprint: Set(user.text("hash")),
            answer: Set(Some(user.text("answer"))),
            row_id: Set(rows.iter().flat_map(TableRows::keys).next()),
            created_at: Set(user.timestamp(4_000_000)),
            ..Default::default()
        };
        user.insert::<idempotency_key::Entity>(row).await.expect(SEED);
    }
}
