//! Guests of Better Auth's anonymous plugin: their attributes, and the transfer of their rows.

use hallpass_data::audit::{Column, Entity};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use crate::domains::activity::{users, wait_for_activity};
use crate::identity::revocation::{Push, SECRET, with_push_settings};
use crate::streaming::graphql_sse::{Arrival, Stream};
use crate::support::app::{App, Backend, Client};
use crate::support::auth_server::{Account, AuthServer};
use crate::support::callers::{User, alice, bob, user};
use crate::support::issuer::Issuer;

const VIEWER: &str = "{ me { isAnonymous email emailVerified kind } }";
const LINK: &str = "/identities/link";

/// Signs a guest in, as a browser would.
async fn guest(server: &AuthServer) -> Account {
    server.sign_in_anonymously().await
}

#[tokio::test]
async fn anonymous_users_are_guests_without_address() {
    for settings in [json!({"anonymous": {}}), json!({"anonymous": {"emailDomainName": "a.test"}})]
    {
        let server = AuthServer::start(&settings);
        let guest = guest(&server).await;
        let account = server.sign_up("Known", json!({})).await;
        let app = server.app(&[]).await;
        let jwt = server.jwt(&guest).await;
        for who in [app.by_cookie(&guest.cookie), app.by_bearer(&jwt)] {
            let me = who.data(VIEWER).await["me"].clone();
            let known =
                json!({"isAnonymous": true, "email": null, "emailVerified": false, "kind": "USER"});
            assert_eq!(me, known, "{settings}");
        }
        let me = app.by_cookie(&account.cookie).data(VIEWER).await["me"].clone();
        assert_eq!(me["isAnonymous"], false);
        assert!(me["email"].is_string());
    }
}

#[tokio::test]
async fn placeholder_addresses_read_as_null() {
    let app = App::start(Backend::Sqlite).await;
    for (address, is_anonymous, is_shown) in [
        ("4915@phone.placeholder.invalid", Value::Null, false),
        ("x@anonymous.placeholder.INVALID.", Value::Null, false),
        ("x@invalid", json!(false), false),
        ("temp-x@guests.example.com", json!(true), false),
        ("temp-x@guests.example.com", json!(1), false),
        ("x@invalid.example.com", json!(false), true),
        ("invalid@example.com", json!("yes"), true),
    ] {
        let who = alice().with("email", address).with("isAnonymous", is_anonymous.clone());
        let me = app.by_jwt(&who).data(VIEWER).await["me"].clone();
        let shown = if is_shown { json!(address) } else { Value::Null };
        assert_eq!(me["email"], shown, "{address} {is_anonymous}");
        assert_eq!(me["emailVerified"], is_shown, "{address} {is_anonymous}");
    }
}

/// The rows of a user.
async fn rows(who: &Client<'_>) -> Value {
    let read = "{ tasks { nodes { title tags isOwner } } me { profile { interestArea } }
        sense: chapter(slug: \"sense-think-act\") { progress { percent } }
        act: chapter(slug: \"learning-to-act\") { bookmarked } }";
    who.data(read).await
}

async fn add_rows(who: &Client<'_>, word: &str, percent: i32) {
    let chapter = "{ a: chapter(slug: \"sense-think-act\") { id } b: chapter(slug: \"learning-to-act\") { id } }";
    let found = who.data(chapter).await;
    let (sense, act) = (&found["a"]["id"], &found["b"]["id"]);
    let mark = match percent > 50 {
        true => {
            format!("bookmarkChapter(chapterId: {act}, bookmarked: true) {{ chapter {{ id }} }}")
        }
        false => String::new(),
    };
    who.data(&format!(
        "mutation {{ createTask(input: {{title: \"{word}\", tags: [\"{word}\"]}}) {{ task {{ id }} }}
            updateLearnerProfile(input: {{interestArea: \"{word}\"}}) {{ me {{ id }} }}
            recordProgress(chapterId: {sense}, percent: {percent}) {{ progress {{ percent }} }} {mark} }}"
    ))
    .await;
}

fn link(from: &User, to: &User) -> Push {
    Push::of("identity.linked", json!({"fromUserId": from.id(), "toUserId": to.id()}))
}

#[tokio::test]
async fn linked_guest_transfers_every_row() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let app = App::with(backend, &["--revocation-secret", SECRET]).await.with_courses().await;
        let (guest, empty, known) = (user("guest"), alice(), bob());
        let bystander = app.by_jwt(&user("bystander"));
        add_rows(&bystander, "bystander", 60).await;
        let untouched = rows(&bystander).await;
        add_rows(&app.by_jwt(&guest), "guest", 80).await;
        let had = rows(&app.by_jwt(&guest)).await;
        let message = link(&guest, &empty);
        assert_eq!(message.to_path(&app, LINK).await, 204);
        assert_eq!(rows(&app.by_jwt(&empty)).await, had, "she owns all of it");
        let left = rows(&app.by_jwt(&guest)).await;
        assert_eq!(left["tasks"]["nodes"], json!([]));
        assert_eq!(left["sense"]["progress"]["percent"], 0);
        assert_eq!(message.to_path(&app, LINK).await, 409, "the message was received before");
        add_rows(&app.by_jwt(&known), "known", 20).await;
        assert_eq!(link(&empty, &known).to_path(&app, LINK).await, 204);
        let both = rows(&app.by_jwt(&known)).await;
        let titles = both["tasks"]["nodes"].as_array().unwrap();
        assert_eq!(titles.len(), 2, "{both}");
        assert_eq!(both["sense"]["progress"]["percent"], 20, "the account's own row stays");
        assert_eq!(both["act"]["bookmarked"], true, "what it did not have comes too");
        assert_eq!(both["me"]["profile"]["interestArea"], "known");
        assert_eq!(rows(&bystander).await, untouched, "other users' rows stay");
        let system = app.database.system("tests read the audit");
        let events = Entity::find().filter(Column::Field.eq("identities"));
        let began = std::time::Instant::now();
        while events.clone().all(system.connection()).await.unwrap().len() < 4 {
            assert!(began.elapsed().as_secs() < 20, "it is not audited");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let events = events.all(system.connection()).await.unwrap();
        let about = |id: &str| events.iter().any(|event| event.row_id.as_deref() == Some(id));
        assert!(about("user:user-guest") && about("user:user-alice") && about("user:user-bob"));
        assert!(events.iter().all(|event| event.outcome == "ALLOWED" && event.times >= 3));
    }
}

#[tokio::test]
async fn invalid_link_message_transfers_nothing() {
    let app =
        App::with(Backend::Sqlite, &["--revocation-secret", SECRET]).await.with_courses().await;
    let (guest, other) = (user("guest"), alice());
    add_rows(&app.by_jwt(&guest), "guest", 80).await;
    let had = rows(&app.by_jwt(&guest)).await;
    let now = hallpass_data::now().timestamp();
    for (what, message, status) in [
        ("another secret", link(&guest, &other).by("another secret than the one in use"), 401),
        ("too old", link(&guest, &other).sent_at(now - 3600), 401),
        ("to oneself", link(&guest, &guest), 400),
        ("another type", Push::of("user.changed", json!({"userId": "x"})), 400),
        ("without a target", Push::of("identity.linked", json!({"fromUserId": "user-guest"})), 400),
        (
            "to no id",
            Push::of("identity.linked", json!({"fromUserId": "user-guest", "toUserId": "a\nb"})),
            400,
        ),
    ] {
        assert_eq!(message.to_path(&app, LINK).await, status, "{what}");
    }
    assert_eq!(link(&guest, &other).to_path(&app, "/revocations").await, 400);
    assert_eq!(rows(&app.by_jwt(&guest)).await, had);
    let closed = App::start(Backend::Sqlite).await;
    assert_eq!(link(&guest, &other).to_path(&closed, LINK).await, 404);
}

#[tokio::test]
async fn guest_sign_up_transfers_rows() {
    let (server, app) = with_push_settings(Backend::Sqlite, json!({"anonymous": {}}), &[]).await;
    let guest = guest(&server).await;
    let create = "mutation { createTask(input: {title: \"Before\"}) { task { id } } }";
    app.by_cookie(&guest.cookie).data(create).await;
    let account = server.sign_up_from(&guest, "After").await;
    assert_ne!(account.id, guest.id);
    let who = app.by_cookie(&account.cookie);
    let tasks = who.data("{ tasks { nodes { title isOwner } } me { isAnonymous } }").await;
    assert_eq!(tasks["tasks"]["nodes"], json!([{"title": "Before", "isOwner": true}]));
    assert_eq!(tasks["me"]["isAnonymous"], false);
}

#[tokio::test]
async fn removed_member_has_no_organization() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let app = App::with(backend, &["--revocation-secret", SECRET]).await;
        let member = |name: &str, of: &str| app.by_jwt(&user(name).with("organization_id", of));
        let of = async |who: &Client<'_>| {
            who.data("{ me { organizationId } }").await["me"]["organizationId"].clone()
        };
        let push =
            |kind: &str| Push::of(kind, json!({"userId": "user-mia", "organizationId": "acme"}));
        let (acme, other) = (member("mia", "acme"), member("mia", "other"));
        let colleague = member("max", "acme");
        assert_eq!(of(&acme).await, "acme");
        assert_eq!(push("member.removed").to(&app).await, 204);
        assert_eq!(of(&acme).await, Value::Null);
        let later = member("mia", "acme");
        assert_eq!(of(&later).await, Value::Null, "a later token still claims it");
        assert_eq!((of(&other).await, of(&colleague).await), (json!("other"), json!("acme")));
        assert_eq!(push("member.added").to(&app).await, 204);
        assert_eq!(of(&acme).await, "acme");
        let then = hallpass_data::now().timestamp();
        assert_eq!(push("member.removed").sent_at(then + 2).to(&app).await, 204);
        assert_eq!(push("member.added").sent_at(then - 60).to(&app).await, 204);
        assert_eq!(of(&acme).await, Value::Null, "a late message is older");
        let bad = Push::of("member.removed", json!({"userId": "user-mia"}));
        assert_eq!(bad.to(&app).await, 400);
    }
}

#[tokio::test]
async fn linked_guest_is_merged_into_known_user() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let app = App::with(backend, &["--revocation-secret", SECRET]).await;
        let (first, second, account, unseen) = (user("g1"), user("g2"), bob(), alice());
        for (who, count) in [&first, &account, &second].into_iter().zip(1..) {
            app.by_jwt(who).data("{ viewer { id } }").await;
            wait_for_activity(&app, "written", count).await;
        }
        let before = users(&app.database).await;
        let since =
            |id: &str| before.iter().find(|user| user.user_id.as_str() == id).unwrap().first_seen;
        assert_eq!(link(&first, &account).to_path(&app, LINK).await, 204);
        assert_eq!(link(&second, &unseen).to_path(&app, LINK).await, 204);
        let mut after = users(&app.database).await;
        after.sort_by(|one, other| one.user_id.cmp(&other.user_id));
        let [alices, bobs] = after.as_slice() else { panic!("{after:?}") };
        assert_eq!((bobs.user_id.as_str(), bobs.first_seen), (account.id(), since(first.id())));
        assert_eq!(bobs.name.as_deref(), Some("bob"), "what he is called stays");
        assert_eq!((alices.user_id.as_str(), alices.first_seen), (unseen.id(), since(second.id())));
        assert_eq!((&alices.name, &alices.email), (&None, &None), "the guest's name is not hers");
    }
}

#[tokio::test]
async fn transfer_beyond_quota_keeps_every_row() {
    const MAKE: &str = "mutation { createTask(input: {title: \"t\"}) { task { id } } }";
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let flags = ["--revocation-secret", SECRET, "--rows-per-owner", "4"];
        let app = App::with(backend, &flags).await;
        let (guest, account) = (user("guest"), bob());
        let who = app.by_jwt(&account);
        for _ in 0..3 {
            app.by_jwt(&guest).data(MAKE).await;
        }
        let mut made = Vec::new();
        for _ in 0..2 {
            made.push(who.data(MAKE).await["createTask"]["task"]["id"].clone());
        }
        assert_eq!(link(&guest, &account).to_path(&app, LINK).await, 204);
        let count =
            async || who.data("{ tasks { totalCount } }").await["tasks"]["totalCount"].clone();
        assert_eq!(count().await, 5);
        for id in made {
            assert_eq!(who.ask(MAKE).await.codes(), ["BAD_USER_INPUT"]);
            who.data(&format!("mutation {{ deleteTask(id: {id}) {{ deletedTaskId }} }}")).await;
        }
        who.data(MAKE).await;
        assert_eq!(count().await, 4);
    }
}

#[tokio::test]
async fn transferred_tasks_are_published_to_account() {
    let app = App::with(Backend::Sqlite, &["--revocation-secret", SECRET]).await;
    let (guest, account) = (user("guest"), bob());
    let who = app.by_jwt(&account);
    let mut stream = Stream::of(&who, "subscription { taskEvents { kind task { title } } }").await;
    assert!(stream.wait_for_task_events(&who).await);
    let create = "mutation { createTask(input: {title: \"Before\"}) { task { id } } }";
    app.by_jwt(&guest).data(create).await;
    assert_eq!(link(&guest, &account).to_path(&app, LINK).await, 204);
    loop {
        let Arrival::Next(answer) = stream.next().await else { panic!("it ended") };
        let event = &answer["data"]["taskEvents"];
        if event["task"]["title"] != "probe" {
            assert_eq!(*event, json!({"kind": "CREATED", "task": {"title": "Before"}}));
            break;
        }
    }
}

#[tokio::test]
async fn deleted_organization_has_no_members() {
    let url = crate::support::postgres::database();
    let flags = ["--better-auth-url", Issuer::shared().url(), "--revocation-secret", SECRET];
    let start = async || App::on(&url, tempfile::tempdir().unwrap(), &flags).await;
    let of = async |app: &App, name: &str, organization: &str| {
        let member = user(name).with("organization_id", organization);
        app.by_jwt(&member).data("{ me { organizationId } }").await["me"]["organizationId"].clone()
    };
    let push = Push::of("organization.deleted", json!({"organizationId": "acme"}));
    let first = start().await;
    assert_eq!(of(&first, "mia", "acme").await, "acme");
    assert_eq!(push.to(&first).await, 204);
    assert_eq!(of(&first, "mia", "acme").await, Value::Null);
    drop(first);
    let second = start().await;
    assert_eq!(of(&second, "max", "acme").await, Value::Null, "it outlives a restart");
    assert_eq!(of(&second, "max", "other").await, "other");
    assert_eq!(Push::of("organization.deleted", json!({})).to(&second).await, 400);
}

#[tokio::test]
async fn member_removal_survives_restart() {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let issuer = crate::support::issuer::Issuer::shared().url();
    let flags = ["--better-auth-url", issuer, "--revocation-secret", SECRET];
    let start = || async { App::on(&url, tempfile::tempdir().unwrap(), &flags).await };
    let mia = user("mia").with("organization_id", "acme");
    let data = json!({"userId": "user-mia", "organizationId": "acme"});
    let first = start().await;
    assert_eq!(Push::of("member.removed", data).to(&first).await, 204);
    drop(first);
    let me = start().await.by_jwt(&mia).data("{ me { organizationId } }").await["me"].clone();
    assert_eq!(me["organizationId"], Value::Null);
}
