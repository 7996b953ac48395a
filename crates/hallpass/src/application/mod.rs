//! Applications: a server's name, its domains and its root types.

mod core;
mod domain;
mod hooks;
mod routes;
mod server_handle;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Data, ObjectType, SubscriptionType};
use axum::Router;
use clap::{ArgMatches, Args, Command};
use futures_util::FutureExt as _;
use hallpass_data::{OwnedTables, Scope};
use hallpass_migration::Migrator;

use crate::access::{RequestAuth, Rule};
use crate::bypass::{self, Bypass};
use crate::config::{Config, ConfigError, OwnSettings, OwnSettingsTypes, PROGRAM, SettingsType};
use crate::graphql::{RequestData, RequestDataType};
use crate::schema::{Registered, RootTypes, Roots, SchemaBuilder};
use hallpass_identity::{PERSONAS, Persona};

use hooks::{ShutdownTask, Task};

pub use domain::{Demo, DemoError, DemoRows, Domain, Migrations};
pub use hooks::HookError;
pub use routes::{InvalidRoute, Routes};
pub use server_handle::{ServerHandle, Unscoped};

/// What a server is made of: its name, its domains and its root types. Built by
/// [`Hallpass::builder`](crate::Hallpass::builder).
pub struct Application {
    program: Program,
    schema: SchemaBuilder,
    request_data: Arc<[RequestDataType]>,
}

/// What a builder sets.
struct Program {
    name: &'static str,
    version: &'static str,
    commit: Option<&'static str>,
    about: &'static str,
    personas: &'static [Persona],
    example: &'static str,
    persona_examples: &'static [(&'static str, &'static str)],
    tiers: &'static str,
    migrations: Vec<Migrations>,
    domains: Vec<Domain>,
    settings: OwnSettingsTypes,
    routes: Routes,
    start_tasks: Vec<Box<Task>>,
    shutdown_tasks: Vec<ShutdownTask>,
}

impl Application {
    /// The name of the program.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.program.name
    }

    /// The version of the program.
    #[must_use]
    pub fn version(&self) -> &'static str {
        self.program.version
    }

    /// The commit that the program was built from, if it is known.
    #[must_use]
    pub fn commit(&self) -> Option<&'static str> {
        self.program.commit
    }

    /// The purpose of the program, in one sentence.
    #[must_use]
    pub fn about(&self) -> &'static str {
        self.program.about
    }

    /// The personas of development mode.
    #[must_use]
    pub fn personas(&self) -> &'static [Persona] {
        self.program.personas
    }

    /// The query that GraphiQL shows first.
    #[must_use]
    pub fn example(&self) -> &'static str {
        self.program.example
    }

    /// The query that GraphiQL shows first to a persona.
    #[must_use]
    pub fn example_of(&self, persona: &str) -> &'static str {
        let examples = self.program.persona_examples;
        let own = examples.iter().find(|(name, _)| *name == persona);
        own.map_or(self.program.example, |(_, query)| *query)
    }

    /// The default of the setting `TIERS`.
    #[must_use]
    pub fn tiers(&self) -> &'static str {
        self.program.tiers
    }

    /// Builds its schemas.
    #[must_use]
    pub fn schema(&self) -> &SchemaBuilder {
        &self.schema
    }

    /// The tables of owned rows: those of the core, and those of each domain.
    #[must_use]
    pub fn owned_tables(&self) -> OwnedTables {
        let core = OwnedTables::core();
        self.program.domains.iter().fold(core, |tables, domain| tables.and(&domain.owned_tables))
    }

    /// The migrations of the core and of each domain, in the order of their names.
    #[must_use]
    pub fn migrator(&self) -> Migrator {
        let domains = self.program.domains.iter().map(|domain| domain.migrations);
        let all = self.program.migrations.iter().copied().chain(domains);
        Migrator::new(all.flat_map(|migrations| migrations()).collect())
    }

    /// Weights of fields in the query cost, in tenths of a point.
    pub fn field_costs(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.program.domains.iter().flat_map(|domain| domain.field_costs.iter().copied())
    }

    /// Usual lengths of lists without a page size.
    pub fn list_lengths(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.program.domains.iter().flat_map(|domain| domain.list_lengths.iter().copied())
    }

    /// Root fields of queries whose results HTTP caches may reuse, and how long.
    pub fn public_caching(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        self.program.domains.iter().flat_map(|domain| domain.public_caching.iter().copied())
    }

    /// The rules whose callers may send larger request bodies.
    pub fn large_bodies(&self) -> impl Iterator<Item = Rule> {
        self.program.domains.iter().filter_map(|domain| domain.large_bodies)
    }

    /// Adds to `config` what the application declares: its name, the additional user fields of the Better Auth
    /// server, the personas, and whether it has rows of tenants.
    #[must_use]
    pub fn configure(&self, mut config: Config) -> Config {
        config.program = self.program.name.to_owned();
        config.identity.user_fields =
            self.program.domains.iter().flat_map(|domain| domain.user_fields).copied().collect();
        config.identity.personas = self.program.personas;
        config.has_tenant_tables = !self.owned_tables().tenant_names().is_empty();
        config
    }

    /// The demo data of the domains, with the names of the domains.
    pub fn demos(&self) -> impl Iterator<Item = (&'static str, &dyn Demo)> {
        self.program
            .domains
            .iter()
            .filter_map(|domain| Some((domain.name, domain.demo.as_deref()?)))
    }

    /// `command` with the settings of the application.
    pub(crate) fn with_settings(&self, command: Command) -> Command {
        self.program.settings.augment(command)
    }

    /// The settings of the application itself, as parsed by a command [with them](Self::with_settings).
    pub(crate) fn own_settings(&self, matches: &ArgMatches) -> Result<OwnSettings, ConfigError> {
        self.program.settings.read(matches)
    }

    /// The bypasses of the domains, with the names of the domains.
    pub(crate) fn own_bypasses(&self) -> impl Iterator<Item = (&'static str, Bypass)> {
        let domains = self.program.domains.iter();
        domains.flat_map(|domain| domain.bypasses.iter().map(|bypass| (domain.name, *bypass)))
    }

    /// All bypasses: those of the core, then those of the domains, each with the name of its domain.
    pub fn bypasses(&self) -> impl Iterator<Item = (&'static str, Bypass)> {
        let core = bypass::CORE.iter().map(|bypass| ("core", *bypass));
        core.chain(self.own_bypasses())
    }

    /// The routes of the application, none without any.
    ///
    /// # Errors
    /// If a path is one of the server's own, or given twice.
    pub fn routes(&self) -> Result<Option<Router<ServerHandle>>, InvalidRoute> {
        self.program.routes.router()
    }

    /// Runs the start-up tasks, one after the other.
    ///
    /// # Errors
    /// The error of the first task that fails.
    pub(crate) async fn start(&self, server: &ServerHandle) -> Result<(), HookError> {
        for task in &self.program.start_tasks {
            task(server.clone()).await?;
        }
        Ok(())
    }

    /// Runs the shutdown tasks, one after the other. A task that fails, or exceeds its limit, is logged.
    pub(crate) async fn shut_down(&self, server: &ServerHandle) {
        for ShutdownTask { limit, task } in &self.program.shutdown_tasks {
            match tokio::time::timeout(*limit, task(server.clone())).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a shutdown task failed"),
                Err(_) => tracing::error!(?limit, "a shutdown task exceeded its time limit"),
            }
        }
    }

    /// Adds the request data of all domains to that of a request, with `auth` and `scope`.
    pub fn add_data(&self, data: &mut Data, auth: RequestAuth, scope: Scope) {
        data.insert(RequestData::new(&self.request_data));
        data.insert(auth);
        data.insert(scope);
    }
}

/// Builds an [`Application`].
pub struct Builder {
    program: Program,
    roots: Arc<dyn Roots>,
}

impl Builder {
    pub(crate) fn new<Q, M, S>() -> Self
    where
        Q: ObjectType + Default + 'static,
        M: ObjectType + Default + 'static,
        S: SubscriptionType + Default + 'static,
    {
        let program = Program {
            name: PROGRAM,
            version: env!("CARGO_PKG_VERSION"),
            commit: None,
            about: "A GraphQL API server for users of Better Auth",
            personas: PERSONAS,
            example: "{ __typename }\n",
            persona_examples: &[],
            tiers: "free",
            migrations: Vec::new(),
            domains: Vec::new(),
            settings: OwnSettingsTypes::default(),
            routes: Routes::new(),
            start_tasks: Vec::new(),
            shutdown_tasks: Vec::new(),
        };
        Self { program, roots: Arc::new(RootTypes::<Q, M, S>::default()) }
    }

    /// Sets the name of the program, as in its help: `env!("CARGO_PKG_NAME")`.
    #[must_use]
    pub fn name(mut self, name: &'static str) -> Self {
        self.program.name = name;
        self
    }

    /// Sets the version of the program: `env!("CARGO_PKG_VERSION")`.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.program.version = version;
        self
    }

    /// Sets the commit that the program is built from, which `--version` prints: `option_env!("HALLPASS_COMMIT")`, a
    /// variable of the build. An empty one is none.
    #[must_use]
    pub fn commit(mut self, commit: Option<&'static str>) -> Self {
        self.program.commit = commit.filter(|commit| !commit.is_empty());
        self
    }

    /// Sets the purpose of the program, in one sentence: `env!("CARGO_PKG_DESCRIPTION")`.
    #[must_use]
    pub fn about(mut self, about: &'static str) -> Self {
        self.program.about = about;
        self
    }

    /// Sets the personas of development mode: `PERSONAS` of the identity crate, unless set.
    #[must_use]
    pub fn personas(mut self, personas: &'static [Persona]) -> Self {
        self.program.personas = personas;
        self
    }

    /// Sets the query that GraphiQL shows first.
    #[must_use]
    pub fn example(mut self, query: &'static str) -> Self {
        self.program.example = query;
        self
    }

    /// Sets the queries that GraphiQL shows first to personas, by the persona's name. Each should run without an error.
    #[must_use]
    pub fn persona_examples(mut self, examples: &'static [(&'static str, &'static str)]) -> Self {
        self.program.persona_examples = examples;
        self
    }

    /// Sets the default of the setting `TIERS`: the tiers, lowest first, separated by commas.
    #[must_use]
    pub fn tiers(mut self, tiers: &'static str) -> Self {
        self.program.tiers = tiers;
        self
    }

    /// Adds migrations of tables that several domains share, or of a whole crate of migrations.
    #[must_use]
    pub fn migrations(mut self, migrations: Migrations) -> Self {
        self.program.migrations.push(migrations);
        self
    }

    /// Adds a domain. Its fields are in the root types.
    #[must_use]
    pub fn domain(mut self, domain: Domain) -> Self {
        self.program.domains.push(domain);
        self
    }

    /// Adds settings of the application: a type with `#[derive(clap::Args)]`, whose fields are options with a flag and
    /// a variable. They are read from flags, the environment and `.env`, a secret (`hide_env_values = true`) also from
    /// the file that `NAME_FILE` names; `--help`, `settings` and the doctor list them. Tasks and routes have them by
    /// [`ServerHandle::settings`], resolvers by
    /// [`ctx.settings`](crate::graphql::ContextExt::settings):
    ///
    /// ```
    /// /// Prices.
    /// #[derive(clap::Args)]
    /// #[command(next_help_heading = "Prices")]
    /// struct PriceSettings {
    ///     /// Where prices come from
    ///     #[arg(long, env, default_value = "https://prices.example")]
    ///     prices_url: String,
    ///     /// Token for PRICES_URL
    ///     #[arg(long, env, hide_env_values = true)]
    ///     prices_token: Option<String>,
    /// }
    ///
    /// fn add_prices(builder: hallpass::application::Builder) -> hallpass::application::Builder {
    ///     builder.settings::<PriceSettings>().on_start(|server| async move {
    ///         let prices = server.settings::<PriceSettings>()?;
    ///         Ok(println!("prices come from {}", prices.prices_url))
    ///     })
    /// }
    /// ```
    #[must_use]
    pub fn settings<T: Args + Send + Sync + 'static>(mut self) -> Self {
        self.program.settings.push(SettingsType::of::<T>());
        self
    }

    /// Adds routes beside those of the server, with the same authentication and limits: see [`Routes`].
    #[must_use]
    pub fn routes(mut self, routes: Routes) -> Self {
        self.program.routes = self.program.routes.and(routes);
        self
    }

    /// Adds a start-up task. It runs after the migrations, before the server accepts connections. An error stops the
    /// start. Work that goes on while the server runs is spawned, and ends at [`ServerHandle::stopping`].
    #[must_use]
    pub fn on_start<F>(mut self, task: impl Fn(ServerHandle) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        self.program.start_tasks.push(Box::new(move |server| task(server).boxed()));
        self
    }

    /// Adds a shutdown task. It runs after the last request, before the database is closed, for at most `limit`. An
    /// error is logged.
    #[must_use]
    pub fn on_shutdown<F>(
        mut self,
        limit: Duration,
        task: impl Fn(ServerHandle) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        let task = Box::new(move |server| task(server).boxed());
        self.program.shutdown_tasks.push(ShutdownTask { limit, task });
        self
    }

    /// Builds the application, whose schema is checked.
    ///
    /// # Panics
    /// If a setting of the application has a name of the server's, or cannot be a setting.
    #[must_use]
    #[track_caller]
    pub fn build(mut self) -> Arc<Application> {
        let problem = self.program.settings.problem();
        assert!(problem.is_none(), "{}", problem.unwrap_or_default());
        let (mut registered, mut request_data) = (Registered::default(), Vec::new());
        for domain in &mut self.program.domains {
            request_data.append(&mut domain.request_data);
            registered.nodes.append(&mut domain.nodes);
            registered.actions.append(&mut domain.actions);
        }
        let schema = SchemaBuilder::new(self.roots, registered);
        Arc::new(Application { program: self.program, schema, request_data: request_data.into() })
    }
}
