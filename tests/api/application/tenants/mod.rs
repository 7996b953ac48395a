//! Rows that organizations own: an organization's members reach its rows, and no others.

mod app;

use hallpass::testing::isolation::Suite;
use hallpass::testing::{App, User, user};
use hallpass_data::trusted::{TenantScope as _, VerifiedTenant as _};
use hallpass_data::{Comparison as _, Error, Filter, Scope, Set, TenantId};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait as _, Statement,
    TransactionTrait as _,
};
use serde_json::{Value, json};

use super::with_auth_server;
use crate::identity::revocation::{Push, SECRET};
use crate::support::auth_server::AuthServer;
use crate::support::postgres;
use app::{application, milestone, project};

const CLAIM: [&str; 2] = ["--tenant-claim", "activeOrganizationId"];
const CREATE: &str = "mutation($name: String!) { \
    createProject(name: $name, milestones: [\"first\"]) { id name milestones } }";
const LIST: &str = "{ projects { totalCount nodes { name milestones } } }";

fn member(name: &str, organization: &str) -> User {
    user(name).with("activeOrganizationId", organization)
}

async fn create(app: &App, user: &User, name: &str) -> Value {
    let created = app.by_jwt(user).data_with(CREATE, json!({ "name": name })).await;
    created["createProject"]["id"].clone()
}

async fn names(app: &App, user: &User) -> Value {
    let data = app.by_jwt(user).data("{ projects { nodes { name } } }").await;
    let nodes = data["projects"]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["name"].clone()).collect()
}

/// A server on a new SQLite file, and one on PostgreSQL with row-level security.
async fn servers() -> [App; 2] {
    let url = postgres::plain_database();
    let secured = ["--database-url", url.as_str(), "--row-security", "on"];
    [
        App::with(&application(), &CLAIM).await,
        App::with(&application(), &[&CLAIM[..], &secured[..]].concat()).await,
    ]
}

#[tokio::test]
async fn rows_of_a_tenant_are_those_of_its_members() {
    let (ann, abe, bea) = (member("ann", "acme"), member("abe", "acme"), member("bea", "bolt"));
    for app in servers().await {
        let id = create(&app, &ann, "Anvil").await;
        create(&app, &bea, "Bolt").await;
        assert_eq!(names(&app, &abe).await, json!(["Anvil"]));
        assert_eq!(names(&app, &bea).await, json!(["Bolt"]));
        let list = app.by_jwt(&abe).data(LIST).await;
        assert_eq!(list["projects"]["nodes"][0]["milestones"], json!(["first"]));
        let id = json!({ "id": id });
        for change in ["renameProject(id: $id, name: \"taken\") { id }", "deleteProject(id: $id)"] {
            let document = format!("mutation($id: ID!) {{ {change} }}");
            let rejected = app.by_jwt(&bea).ask_with(&document, id.clone()).await;
            assert_eq!(rejected.codes(), ["NOT_FOUND"], "{change}");
        }
        let find = "query($id: ID!) { node(id: $id) { ... on Project { name } } }";
        assert!(app.by_jwt(&bea).data_with(find, id.clone()).await["node"].is_null());
        let rename = "mutation($id: ID!) { renameProject(id: $id, name: \"Anvils\") { name } }";
        app.by_jwt(&abe).data_with(rename, id.clone()).await;
        assert_eq!(names(&app, &ann).await, json!(["Anvils"]));
        app.by_jwt(&abe).data_with("mutation($id: ID!) { deleteProject(id: $id) }", id).await;
        assert_eq!(names(&app, &ann).await, json!([]));
        assert_eq!(names(&app, &bea).await, json!(["Bolt"]));
    }
}

#[tokio::test]
async fn caller_without_a_tenant_is_forbidden() {
    let app = App::with(&application(), &CLAIM).await;
    let unset = App::start(&application()).await;
    create(&app, &member("ann", "acme"), "Anvil").await;
    for (app, user) in [
        (&app, user("ann")),
        (&app, member("ann", "")),
        (&app, user("ann").with("activeOrganizationId", Value::Null)),
        (&app, user("ann").with("activeOrganizationId", json!(["acme"]))),
        (&app, user("ann").with("organization_id", "acme")),
        (&unset, member("ann", "acme")),
    ] {
        for (document, variables) in [(LIST, json!({})), (CREATE, json!({"name": "Planted"}))] {
            let rejected = app.by_jwt(&user).ask_with(document, variables).await;
            assert_eq!(rejected.codes(), ["FORBIDDEN"], "{}", rejected.body);
            let message = rejected.error()["message"].as_str().unwrap();
            assert!(message.contains("names no organization"), "{message}");
        }
    }
    let service = member("ann", "acme").with("client_id", "user-ann");
    assert_eq!(app.by_jwt(&service).ask(LIST).await.codes(), ["FORBIDDEN"]);
    assert_eq!(app.anonymous().ask(LIST).await.codes(), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn tenant_of_a_session_is_its_organization() {
    let server = AuthServer::start(&json!({"organization": true}));
    let flags = [&CLAIM[..], &["--session-cache-ttl", "0s"]].concat();
    let app = with_auth_server(&application(), &server.url, &flags).await;
    let account = server.sign_up("Ann", json!({})).await;
    let organization = server.operate("organization", json!({"email": account.email})).await;
    let session = app.by_bearer(&account.session_token);
    assert_eq!(session.ask(LIST).await.codes(), ["FORBIDDEN"]);
    let wanted = json!({"organizationId": organization["id"]});
    server.post_as(&account, "/api/auth/organization/set-active", &wanted).await;
    session.data_with(CREATE, json!({"name": "Anvil"})).await;
    let scope = scope_of(&app, organization["id"].as_str().unwrap());
    assert_eq!(scope.tenant::<project::Entity>().unwrap().count().await.unwrap(), 1);
}

#[expect(clippy::disallowed_methods, reason = "tests act as the server here")]
fn tenant(id: &str) -> TenantId {
    TenantId::from_verified_claim(id.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "tests act as the server here")]
fn scope_of(app: &App, id: &str) -> Scope {
    app.database.scope(None).of_tenant(Some(tenant(id)))
}

#[tokio::test]
async fn inserted_row_is_of_the_callers_tenant() {
    for app in servers().await {
        let (acme, bolt) = (scope_of(&app, "acme"), scope_of(&app, "bolt"));
        let row = acme.insert_in_tenant::<project::Entity>(app::row("A", tenant("bolt"))).await;
        assert_eq!(row.unwrap().tenant_id, tenant("acme"));
        let more = vec![app::row("B", tenant("bolt"))];
        acme.insert_all_in_tenant::<project::Entity>(more).await.unwrap();
        assert_eq!(acme.tenant::<project::Entity>().unwrap().count().await.unwrap(), 2);
        let change = project::ActiveModel { tenant_id: Set(tenant("bolt")), ..Default::default() };
        let change = project::ActiveModel { name: Set("C".to_owned()), ..change };
        let rows = acme.tenant::<project::Entity>().unwrap();
        let changed = rows.update(hallpass::data::Update::set(change)).await.unwrap();
        assert!(changed.iter().all(|row| row.tenant_id == tenant("acme")), "{changed:?}");
        assert_eq!(bolt.tenant::<project::Entity>().unwrap().count().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn child_row_is_of_the_tenant_of_its_parent() {
    for app in servers().await {
        let (acme, bolt) = (scope_of(&app, "acme"), scope_of(&app, "bolt"));
        create(&app, &member("ann", "acme"), "Anvil").await;
        bolt.insert_in_tenant::<project::Entity>(app::row("Bolt", tenant("bolt"))).await.unwrap();
        let count = async |scope: &Scope| {
            let with_first = Filter::has_in_tenant(milestone::Column::Title.is("first"));
            scope.tenant::<project::Entity>().unwrap().filter(with_first).count().await.unwrap()
        };
        assert_eq!((count(&acme).await, count(&bolt).await), (1, 0));
        let anvil = acme.tenant::<project::Entity>().unwrap().one().await.unwrap().unwrap();
        let lie = milestone::ActiveModel {
            id: Set(app::MilestoneId::generate()),
            project_id: Set(anvil.id),
            title: Set("lie".to_owned()),
            ..Default::default()
        };
        let planted = bolt.insert_in_tenant::<milestone::Entity>(lie).await;
        assert!(matches!(planted, Err(Error::ForeignKeyViolation(_))), "{planted:?}");
    }
}

async fn with_setting(app: &App, setting: &str, value: &str) -> DatabaseTransaction {
    let system = app.database.system("tests send statements that forgot the tenant");
    let transaction = system.connection().begin().await.unwrap();
    let values = [setting.into(), value.into()];
    let set = "SELECT set_config($1, $2, true)";
    let set = Statement::from_sql_and_values(DbBackend::Postgres, set, values);
    transaction.execute_raw(set).await.unwrap();
    transaction
}

async fn reached(connection: &impl ConnectionTrait) -> [usize; 2] {
    let projects = project::Entity::find().all(connection).await.unwrap();
    [projects.len(), milestone::Entity::find().all(connection).await.unwrap().len()]
}

#[tokio::test]
async fn row_security_restricts_rows_to_their_tenant() {
    let [_, app] = servers().await;
    create(&app, &member("ann", "acme"), "Anvil").await;
    create(&app, &member("bea", "bolt"), "Bolt").await;
    for (setting, value, expected) in [
        ("hallpass.tenant", "acme", [1, 1]),
        ("hallpass.tenant", "", [0, 0]),
        ("hallpass.tenant", "user-ann", [0, 0]),
        ("hallpass.caller", "acme", [0, 0]),
        ("hallpass.caller", "user-ann", [0, 0]),
    ] {
        let transaction = with_setting(&app, setting, value).await;
        assert_eq!(reached(&transaction).await, expected, "{setting} {value}");
        transaction.rollback().await.unwrap();
    }
    let transaction = with_setting(&app, "hallpass.tenant", "bolt").await;
    let planted = project::Entity::insert(app::row("Planted", tenant("acme")));
    let rejected = planted.exec_without_returning(&transaction).await.unwrap_err().to_string();
    assert!(rejected.contains("row-level security"), "{rejected}");
    let bare = app.database.system("tests send statements without a caller").connection();
    assert_eq!(reached(bare).await, [0, 0]);
    assert!(app.database.check_row_security().await.unwrap().is_none());
    drop_policies(&app).await;
    let gap = app.database.check_row_security().await.unwrap();
    let expected = hallpass_data::RowSecurityProblem::Tables(vec!["project"]);
    assert_eq!(gap, Some(expected));
}

async fn drop_policies(app: &App) {
    let system = app.database.system("tests change how the database is set up");
    let drop = "DROP POLICY hallpass_own ON project";
    system.connection().execute_unprepared(drop).await.unwrap();
}

fn suite() -> Suite {
    let suite = Suite::new(application()).postgres(postgres::plain_database);
    suite.seed(|user| async move {
        for number in 0..2 {
            let project = project::ActiveModel {
                id: Set(user.id(number)),
                name: Set(user.text("project")),
                ..Default::default()
            };
            user.insert_in_tenant::<project::Entity>(project).await?;
            let milestone = milestone::ActiveModel {
                id: Set(user.id(10 + number)),
                project_id: Set(user.id(number)),
                title: Set(user.text("milestone")),
                ..Default::default()
            };
            user.insert_in_tenant::<milestone::Entity>(milestone).await?;
        }
        Ok(())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_row_of_another_tenant_is_reachable() {
    suite().run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(
    expected = "[\"project\", \"milestone\"]: these tables are owned by users or tenants"
)]
async fn tenant_table_without_rows_is_reported() {
    Suite::new(application()).self_check().await;
}

#[tokio::test]
async fn removed_member_has_no_rows_of_a_tenant() {
    let flags = [&CLAIM[..], &["--revocation-secret", SECRET]].concat();
    let app = App::with(&application(), &flags).await;
    let (ann, abe) = (member("ann", "acme"), member("abe", "acme"));
    create(&app, &ann, "Anvil").await;
    let data = json!({"userId": "user-ann", "organizationId": "acme"});
    assert_eq!(Push::of("member.removed", data).to(&app).await, 204);
    assert_eq!(app.by_jwt(&ann).ask(LIST).await.codes(), ["FORBIDDEN"]);
    assert_eq!(names(&app, &abe).await, json!(["Anvil"]));
    let elsewhere = member("ann", "bolt");
    assert_eq!(names(&app, &elsewhere).await, json!([]));
    let deleted = Push::of("organization.deleted", json!({"organizationId": "acme"}));
    assert_eq!(deleted.to(&app).await, 204);
    assert_eq!(app.by_jwt(&abe).ask(LIST).await.codes(), ["FORBIDDEN"]);
}

#[tokio::test]
async fn missing_tenant_claim_is_a_warning_of_the_doctor() {
    let application = application();
    for (flags, expected) in
        [(&CLAIM[..], "the claim activeOrganizationId names"), (&[], "TENANT_CLAIM is not set")]
    {
        let config = hallpass::testing::config(&application, flags);
        let report = hallpass::app::doctor(&application, &config).await.unwrap();
        let report = report.examine(None).await.to_text(false);
        assert!(report.contains(expected), "{report}");
    }
}
