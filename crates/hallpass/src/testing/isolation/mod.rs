//! Isolation suite: no request reveals or changes another user's rows. The documents are generated from the schema.
//!
//! The suite runs two servers that differ only in the rows of one user, Alice. It makes a document for every root field
//! with every argument that can name or reach rows, in every shape, and sends it to both, as another user (Bob), as an
//! anonymous caller and as a service caller, over HTTP, event streams and WebSockets: any difference in status, headers,
//! body or statements is a leak.
//!
//! Each of them is in another tenant. The lists of tables of owners and of tenants, and of node types are those of the
//! application; fields and arguments are those of its schema. A new field or argument is covered automatically. A new
//! owned table needs rows in [`Suite::seed`], and a custom scalar values in [`Suite::scalar`]: until then the suite
//! fails and names it.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use async_graphql::EmptySubscription;
//! # use hallpass::Application;
//! # use hallpass::core_schema::{CoreMutation, CoreQuery};
//! # fn application() -> Arc<Application> {
//! #     hallpass::Hallpass::<CoreQuery, CoreMutation, EmptySubscription>::builder().build()
//! # }
//! # mod note {
//! #     pub use hallpass_data::idempotency_key::{ActiveModel, Entity};
//! # }
//! use hallpass::data::Set;
//! use hallpass::testing::isolation::Suite;
//!
//! fn suite() -> Suite {
//!     Suite::new(application()).seed(|user| async move {
//!         for number in 0..2 {
//!             let note = note::ActiveModel {
//!                 claim: Set(user.id(number)),
//!                 key: Set(user.text("note")),
//!                 created_at: Set(user.timestamp(number)),
//!                 ..Default::default()
//!             };
//!             user.insert::<note::Entity>(note).await?;
//!         }
//!         Ok(())
//!     })
//! }
//!
//! #[tokio::test]
//! async fn no_row_of_another_user_is_reachable() {
//!     suite().run().await;
//! }
//! ```
//!
//! Environment variables:
//!
//! - `ISOLATION_COMPLETE=1` sends every document; by default, of each field, every shape and one in eight of the others.
//! - `ISOLATION_SEED=7` sends others of them.
//! - `TEST_DATABASE_URL=postgres://…` runs the suite on PostgreSQL too, in databases that it creates beside that one.

mod attacker;
mod database;
mod erasure;
mod fixture;
mod forbid;
mod generator;
mod knowledge;
mod nodes;
mod normalize;
mod part;
mod runner;
mod seeds;
mod selection;
mod server;
mod shared_rows;
mod subscriptions;
mod timing;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_graphql::Value;
use futures_util::FutureExt as _;
use hallpass_data::testing::tenant_of;
use uuid::Uuid;

use super::{Sdl, User, user};
use crate::application::Application;
use fixture::FixturePair;
use generator::Sample;
use runner::{IsolationRun, Leak};
use seeds::{Fixture, Seed, Seeds};
use server::Options;

pub use attacker::{Attacker, Transport};
pub use database::Backend;
pub use seeds::{SeedError, SeedUser};
pub use shared_rows::SharedRows;

/// One in so many of the documents that differ in one value is sent, by default.
const STEP: usize = 8;
/// Sends every document if set to 1.
const COMPLETE: &str = "ISOLATION_COMPLETE";
/// Selects the sample.
const SEED: &str = "ISOLATION_SEED";
/// Tables whose rows no request returns: the owner is part of the key of the core's idempotency keys, and no
/// statement filters by it.
const NEVER_READ: [&str; 1] = ["idempotency_key"];

/// The claim with the tenant of a user.
const TENANT_CLAIM: &str = "activeOrganizationId";

/// The same user, whose token names their tenant.
fn in_tenant(user: User) -> User {
    let tenant = tenant_of(user.id());
    user.with(TENANT_CLAIM, tenant)
}

/// Alice, whose rows no other caller must learn of, and Bob.
#[derive(Clone)]
struct Users {
    alice: User,
    bob: User,
}

/// An isolation suite for an application's schema. See the [module](self) for an example.
pub struct Suite {
    application: Arc<Application>,
    users: Users,
    seeds: Vec<Seed>,
    public_view: Option<Seed>,
    fixtures: Vec<Fixture>,
    keys: Vec<Uuid>,
    words: Vec<String>,
    scalars: BTreeMap<String, Vec<Value>>,
    arguments: BTreeMap<String, Vec<Value>>,
    exempt: BTreeSet<String>,
    never_read: BTreeSet<String>,
    flags: Vec<String>,
    postgres: Option<fn() -> String>,
    step: usize,
    inspect_token: fn(&str),
}

/// What a run covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The number of documents.
    pub documents: usize,
    /// The number of root fields.
    pub fields: usize,
    /// The number of their arguments.
    pub arguments: usize,
    /// The number of the victim's cursors that the documents start pages from.
    pub cursors: usize,
}

impl Suite {
    /// A suite for `application`, without rows.
    #[must_use]
    pub fn new(application: Arc<Application>) -> Self {
        Self {
            application,
            users: Users { alice: in_tenant(user("alice")), bob: in_tenant(user("bob")) },
            seeds: Vec::new(),
            public_view: None,
            fixtures: Vec::new(),
            keys: Vec::new(),
            words: Vec::new(),
            scalars: BTreeMap::new(),
            arguments: BTreeMap::new(),
            exempt: BTreeSet::new(),
            never_read: NEVER_READ.map(str::to_owned).into(),
            flags: ["--tenant-claim", TENANT_CLAIM].map(str::to_owned).into(),
            postgres: None,
            step: STEP,
            inspect_token: |_| {},
        }
    }

    /// Inserts rows of one user into every owned table of the domains. Called for the victim and for the other user.
    /// Each call adds a function; they run in this order.
    ///
    /// [`SeedUser::text`] and [`SeedUser::timestamp`] make values by which a leak is attributed to its table. At least
    /// two rows of each list show leaks by its order and its pages. Rows that other users may see belong into
    /// [`Suite::public_view`] too.
    #[must_use]
    pub fn seed<Work>(mut self, seed: impl Fn(SeedUser) -> Work + Send + Sync + 'static) -> Self
    where
        Work: Future<Output = Result<(), SeedError>> + Send + 'static,
    {
        self.seeds.push(Box::new(move |user| seed(user).boxed()));
        self
    }

    /// Inserts the victim's rows that every caller may see, as they see them: with the same IDs and the same public
    /// values as [`Suite::seed`], and without private ones. Called for the victim. None by default.
    #[must_use]
    pub fn public_view<Work>(
        mut self,
        view: impl Fn(SeedUser) -> Work + Send + Sync + 'static,
    ) -> Self
    where
        Work: Future<Output = Result<(), SeedError>> + Send + 'static,
    {
        self.public_view = Some(Box::new(move |user| view(user).boxed()));
        self
    }

    /// Inserts rows of shared tables: the same on every server, with the same IDs. Called for each server.
    #[must_use]
    pub fn fixture<Work>(
        mut self,
        fixture: impl Fn(SharedRows) -> Work + Send + Sync + 'static,
    ) -> Self
    where
        Work: Future<Output = Result<(), SeedError>> + Send + 'static,
    {
        self.fixtures.push(Box::new(move |rows| fixture(rows).boxed()));
        self
    }

    /// The primary keys of rows of [`Suite::fixture`], for arguments that name such rows.
    #[must_use]
    pub fn keys(mut self, keys: impl IntoIterator<Item = Uuid>) -> Self {
        self.keys.extend(keys);
        self
    }

    /// Texts for arguments, besides those of the victim's rows: such as names of rows of [`Suite::fixture`].
    #[must_use]
    pub fn words(mut self, words: impl IntoIterator<Item = String>) -> Self {
        self.words.extend(words);
        self
    }

    /// Values of a custom scalar.
    #[must_use]
    pub fn scalar(mut self, name: &str, values: impl IntoIterator<Item = Value>) -> Self {
        self.scalars.insert(name.to_owned(), values.into_iter().collect());
        self
    }

    /// The values of each argument or input field with this name, in place of generated ones.
    #[must_use]
    pub fn argument(mut self, name: &str, values: impl IntoIterator<Item = Value>) -> Self {
        self.arguments.insert(name.to_owned(), values.into_iter().collect());
        self
    }

    /// Exempts a root field, such as `Query.report`, from the condition that some document gets data from it, and that
    /// the server runs its documents. They are sent and compared all the same. A subscription that is exempt is not
    /// tested.
    #[must_use]
    pub fn exempt(mut self, field: &str) -> Self {
        self.exempt.insert(field.to_owned());
        self
    }

    /// Exempts a table from [`Suite::self_check`]: no statement filters its rows by owner.
    #[must_use]
    pub fn never_read(mut self, table: &str) -> Self {
        self.never_read.insert(table.to_owned());
        self
    }

    /// Sets the victim and the other user: `user-alice` and `user-bob` by default.
    #[must_use]
    pub fn users(mut self, victim: User, other: User) -> Self {
        self.users = Users { alice: in_tenant(victim), bob: in_tenant(other) };
        self
    }

    /// Adds settings of the servers as command-line flags.
    #[must_use]
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    /// Sets a function that returns the URL of a new PostgreSQL database. Without it, databases are created beside that
    /// of `TEST_DATABASE_URL`.
    #[must_use]
    pub fn postgres(mut self, create: fn() -> String) -> Self {
        self.postgres = Some(create);
        self
    }

    /// Sends one in `step` of the documents that differ from others in one value.
    #[must_use]
    pub fn sample(mut self, step: usize) -> Self {
        self.step = step.max(1);
        self
    }

    /// Sends every document.
    #[must_use]
    pub fn complete(self) -> Self {
        self.sample(1)
    }

    /// Calls `inspect` with each token before it is sent, such as to check that no log contains it.
    #[must_use]
    pub fn inspect_token(mut self, inspect: fn(&str)) -> Self {
        self.inspect_token = inspect;
        self
    }

    /// Runs everything: all attackers over all transports, the self-check, subscriptions, denials, timing, erasure if
    /// the schema has it, and the comparison on PostgreSQL if there is one.
    ///
    /// # Panics
    /// As the methods that it calls.
    pub async fn run(&self) {
        let all = [
            Attacker::user(Transport::Post),
            Attacker::anonymous(Transport::Post),
            Attacker::service(Transport::Post),
            Attacker::user(Transport::EventStream),
            Attacker::user(Transport::Socket),
            Attacker::anonymous(Transport::Socket),
        ];
        let report = self.compare(Backend::Sqlite, &all).await;
        println!("{report:?}");
        self.self_check().await;
        self.check_subscriptions().await;
        self.check_denials().await;
        self.check_timing().await;
        if Sdl::full(&self.application).field("Mutation", "eraseUser").is_some() {
            self.check_erasure().await;
        }
        if self.has_postgres() {
            self.compare(Backend::Postgres, &all[..2]).await;
        }
    }

    /// Sends the documents as each of `attackers` to two servers that differ only in the victim's rows.
    ///
    /// # Panics
    /// If a response, or the statements of a request, depend on the victim's rows; if a document changes one; if a table
    /// is owned and not seeded, or a table with the column `owner_id` is not registered; if the server does not run a
    /// document. In a complete run, also if no document gets data from a field, or selects a type.
    pub async fn compare(&self, backend: Backend, attackers: &[Attacker]) -> Report {
        let seeds = self.seeds().await;
        let sample = self.sample_now();
        let run = self.execute(&seeds, &Options::on(backend), sample, attackers).await;
        assert!(run.leaks.is_empty(), "{}", describe_leaks(&run.leaks));
        assert!(
            run.rejected.is_empty(),
            "the server did not run {} documents, such as\n{}",
            run.rejected.len(),
            run.rejected.iter().take(3).map(String::as_str).collect::<Vec<_>>().join("\n")
        );
        assert!(run.generated.failed.is_empty(), "no document for {:?}", run.generated.failed);
        if sample.step == 1 && attackers.iter().any(|who| who.is_authenticated()) {
            self.check_coverage(&run);
        }
        let cases = &run.generated.cases;
        Report {
            documents: cases.len(),
            fields: cases.chunk_by(|one, next| one.field == next.field).count(),
            arguments: run.generated.arguments,
            cursors: run.cursors,
        }
    }

    /// Checks the suite itself: without the owner filter, it finds leaks of every owned table.
    ///
    /// # Panics
    /// If it does not.
    pub async fn self_check(&self) {
        let seeds = self.seeds().await;
        let options = Options { disables_owner_filter: true, ..Options::on(Backend::Sqlite) };
        let attackers = [Attacker::user(Transport::Post), Attacker::anonymous(Transport::Post)];
        let run = self.execute(&seeds, &options, self.sample_now(), &attackers).await;
        let leaks = run.by_table();
        println!("{leaks:?} in {} cases", run.generated.cases.len());
        let unnoticed: Vec<_> = seeds
            .tables()
            .filter(|table| !self.never_read.contains(*table) && !leaks.contains_key(*table))
            .collect();
        assert!(
            unnoticed.is_empty(),
            "no document detects a leak of {unnoticed:?} without the owner filter: {leaks:?}"
        );
    }

    async fn execute(
        &self,
        seeds: &Seeds,
        options: &Options<'_>,
        sample: Sample,
        attackers: &[Attacker],
    ) -> IsolationRun {
        let pair = FixturePair::build(self, seeds, options).boxed_local().await;
        IsolationRun::execute(self, seeds, &pair, sample, attackers).boxed_local().await
    }

    async fn seeds(&self) -> Seeds {
        Seeds::of(self).await
    }

    fn sample_now(&self) -> Sample {
        let step = if variable(COMPLETE).is_some_and(|it| it == "1") { 1 } else { self.step };
        let seed = variable(SEED).map_or(0, |seed| {
            seed.parse().unwrap_or_else(|_| panic!("{SEED} is not a number: {seed}"))
        });
        Sample { step, seed }
    }

    /// Some document gets data from every visible field, and selects every visible type that is not of events.
    fn check_coverage(&self, run: &IsolationRun) {
        let seen = Sdl::unprivileged(&self.application);
        for root in ["Query", "Mutation"] {
            for field in seen.fields(root) {
                let name = format!("{root}.{}", field.node.name.node);
                let is_answered = run.answered.contains(&name) || self.exempt.contains(&name);
                assert!(is_answered, "no document gets data from {name}: see `Suite::argument`");
            }
            for object in seen.reachable_from(root) {
                assert!(run.generated.reached.contains(object), "no document selects a {object}");
            }
        }
    }
}

/// The fields with leaks, and the first few leaks.
fn describe_leaks(leaks: &[Leak]) -> String {
    let fields: BTreeSet<_> = leaks.iter().map(|leak| leak.field.as_str()).collect();
    let descriptions =
        leaks.iter().take(3).map(|leak| leak.description.as_str()).collect::<Vec<_>>();
    format!("{} leaks, in {fields:?}, such as\n{}", leaks.len(), descriptions.join("\n"))
}

#[expect(clippy::disallowed_methods, reason = "the environment of `cargo test` is no setting")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
