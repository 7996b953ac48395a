//! What a real auth server pushes, and which credentials stay valid after it.

use hallpass_data::{now, revocation};
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::identity::revocation::{Push, SECRET, VIEWER, with_push_settings};
use crate::support::app::{App, Backend};
use crate::support::auth_server::{Account, AuthServer};
use crate::support::callers::alice;
use crate::support::issuer::Issuer;
use crate::support::postgres;

#[tokio::test]
async fn set_active_organization_is_pushed() {
    let (server, app) =
        with_push_settings(Backend::Sqlite, json!({"organization": true}), &[]).await;
    let account = server.sign_up("Active", json!({})).await;
    let who = app.by_cookie(&account.cookie);
    let query = "{ viewer { organizationId } }";
    assert_eq!(who.data(query).await["viewer"]["organizationId"], Value::Null);
    let id = server.operate("organization", json!({"email": account.email})).await["id"].clone();
    let body = json!({ "organizationId": id });
    server.post_as(&account, "/api/auth/organization/set-active", &body).await;
    assert_eq!(who.data(query).await["viewer"]["organizationId"], id);
}

/// An organization with an active member: its owner, its id, and the member.
struct Team {
    server: AuthServer,
    app: App,
    owner: Account,
    id: Value,
    member: Account,
}

impl Team {
    async fn start() -> Self {
        let (server, app) =
            with_push_settings(Backend::Sqlite, json!({"organization": true}), &[]).await;
        let owner = server.sign_up("Owner", json!({})).await;
        let id = server.operate("organization", json!({"email": owner.email})).await["id"].clone();
        let member = server.sign_up("Member", json!({})).await;
        let team = Self { server, app, owner, id, member };
        team.invite().await;
        team
    }

    /// Adds the member by an invitation.
    async fn invite(&self) {
        let invitation =
            json!({"email": self.member.email, "role": "member", "organizationId": self.id});
        let invited = self.by_owner("invite-member", &invitation).await;
        let accept = json!({"invitationId": invited["id"]});
        let path = "/api/auth/organization/accept-invitation";
        self.server.post_as(&self.member, path, &accept).await;
        assert_eq!(self.acts_for().await, self.id);
    }

    async fn by_owner(&self, path: &str, body: &Value) -> Value {
        let path = format!("/api/auth/organization/{path}");
        self.server.post_as(&self.owner, &path, body).await.json().await.unwrap()
    }

    /// The member's active organization.
    async fn acts_for(&self) -> Value {
        let who = self.app.by_cookie(&self.member.cookie);
        who.data("{ me { organizationId } }").await["me"]["organizationId"].clone()
    }

    /// The pushed states of the member's membership.
    async fn pushed(&self) -> Vec<String> {
        let system = self.app.database.system("tests read what was pushed");
        let rows = revocation::Entity::find().all(system.connection()).await.unwrap();
        let of_member =
            rows.into_iter().filter(|row| row.user_id.as_ref() == Some(&self.member.id));
        of_member.filter_map(|row| row.state).filter(|state| state.contains(':')).collect()
    }
}

#[tokio::test]
async fn organization_member_changes_are_pushed() {
    let team = Team::start().await;
    let id = team.id.as_str().unwrap();
    let (left, joined) = (format!("left:{id}"), format!("joined:{id}"));
    assert_eq!(team.pushed().await, std::slice::from_ref(&joined));
    let remove = json!({"memberIdOrEmail": team.member.email, "organizationId": id});
    team.by_owner("remove-member", &remove).await;
    assert_eq!(team.acts_for().await, Value::Null);
    assert!(team.pushed().await.contains(&left));
    let add = json!({"email": team.member.email, "organizationId": id});
    let added = team.server.operate("add-member", add).await;
    assert_eq!(team.acts_for().await, team.id, "the session still names it");
    let pushed = team.pushed().await.len();
    let requests = team.server.count("/api/auth/get-session").await;
    team.acts_for().await;
    assert_eq!(team.server.count("/api/auth/get-session").await, requests, "it is cached");
    let role = json!({"memberId": added["id"], "role": "admin", "organizationId": id});
    team.by_owner("update-member-role", &role).await;
    assert_eq!(team.pushed().await.len(), pushed + 1);
    assert_eq!(team.acts_for().await, team.id);
    let again = team.server.count("/api/auth/get-session").await;
    // A request on a connection that the auth server closes meanwhile is sent twice.
    assert!(again > requests, "a session may state the role: it is validated again");
}

#[tokio::test]
async fn member_leave_is_pushed() {
    let team = Team::start().await;
    let leave = json!({"organizationId": team.id});
    team.server.post_as(&team.member, "/api/auth/organization/leave", &leave).await;
    let left = format!("left:{}", team.id.as_str().unwrap());
    assert!(team.pushed().await.contains(&left), "{:?}", team.pushed().await);
    assert_eq!(team.acts_for().await, Value::Null);
    team.invite().await;
}

#[tokio::test]
async fn deleted_organization_is_pushed() {
    let team = Team::start().await;
    team.by_owner("delete", &json!({"organizationId": team.id})).await;
    assert_eq!(team.acts_for().await, Value::Null);
}

#[tokio::test]
async fn api_key_update_and_delete_are_pushed() {
    for verify in [&[][..], &["--api-key-verify-url", "{url}/api/verify-api-key"]] {
        let (server, app) =
            with_push_settings(Backend::Sqlite, json!({"apiKeys": true}), verify).await;
        let account = server.sign_up("Keys", json!({})).await;
        for (path, change) in [("update", json!({"enabled": false})), ("delete", json!({}))] {
            let made = server.operate("api-key", json!({"email": account.email})).await;
            let who = app.anonymous().with_header("x-api-key", made["key"].as_str().unwrap());
            who.data(VIEWER).await;
            let mut body = change;
            body["keyId"] = made["id"].clone();
            server.post_as(&account, &format!("/api/auth/api-key/{path}"), &body).await;
            assert_eq!(who.ask(VIEWER).await.status, 401, "{path} {verify:?}");
        }
    }
}

#[tokio::test]
async fn secondary_storage_sessions_are_pushed() {
    let settings = json!({"secondaryStorage": true});
    let (server, app) = with_push_settings(Backend::Sqlite, settings, &[]).await;
    let admin = server.sign_up("Admin", json!({})).await;
    server.set_user(&admin, json!({"role": "admin", "hooks": true})).await;
    for act in ["sign-out", "revoke-sessions", "ban-user"] {
        let account = server.sign_up("Secondary", json!({})).await;
        let who = app.by_cookie(&account.cookie);
        who.data(VIEWER).await;
        let id = json!({"userId": account.id});
        match act {
            "sign-out" => server.sign_out(&account).await,
            "ban-user" => drop(server.post_as(&admin, "/api/auth/admin/ban-user", &id).await),
            _ => drop(server.post_as(&account, "/api/auth/revoke-sessions", &json!({})).await),
        }
        assert_eq!(who.ask(VIEWER).await.status, 401, "{act}");
    }
}

#[tokio::test]
async fn jwt_survives_sign_in_that_updates_user() {
    let settings = json!({"lastLoginMethod": true});
    let (server, app) = with_push_settings(Backend::Sqlite, settings, &[]).await;
    let account = server.sign_up("Last", json!({})).await;
    let token = server.jwt(&account).await;
    assert_eq!(app.by_bearer(&token).ask(VIEWER).await.status, 200);
    server.set_user(&account, json!({"role": "admin", "hooks": true})).await;
    assert_eq!(app.by_bearer(&token).ask(VIEWER).await.status, 401, "its role is no longer true");
}

/// Alice's record at the auth server, with one member set.
fn record(member: &str, value: Value) -> Value {
    let mut user = alice().claims();
    user[member] = value;
    user
}

#[tokio::test]
async fn push_keeps_tokens_that_match_the_user() {
    let flags = ["--revocation-secret", SECRET];
    let issuer = Issuer::shared();
    let bare = json!({"sub": alice().id()});
    for (what, user, token, accepted) in [
        ("the same", record("lastLoginMethod", json!("email")), alice().claims(), true),
        ("a token that states nothing", record("role", json!("x")), bare.clone(), true),
        ("another role", record("role", json!("admin")), alice().claims(), false),
        ("a removed role", record("role", Value::Null), alice().claims(), false),
        ("another tier", record("tier", json!("premium")), alice().claims(), false),
        (
            "a removed permission",
            alice().claims(),
            alice().with("permissions", "content:write").claims(),
            false,
        ),
        ("another address", record("email", json!("new@example.test")), alice().claims(), false),
        ("an address not verified", record("emailVerified", json!(false)), alice().claims(), false),
        ("another name", record("name", json!("Al")), alice().claims(), false),
        (
            "another background",
            record("softwareBackground", json!("Advanced")),
            alice().claims(),
            false,
        ),
        ("banned", record("banned", json!(true)), alice().claims(), false),
        ("banned, and the token states nothing", record("banned", json!(true)), bare, false),
        ("no record", Value::Null, alice().claims(), false),
        ("a record without an id", json!({"role": "user"}), alice().claims(), false),
    ] {
        let app = App::with(Backend::Sqlite, &flags).await;
        let who = app.by_bearer(&issuer.token(&token));
        who.data(VIEWER).await;
        let push = Push::of("user.changed", json!({"userId": alice().id(), "user": user}));
        assert_eq!(push.to(&app).await, 204, "{what}");
        assert_eq!(who.ask(VIEWER).await.status == 200, accepted, "{what}");
    }
}

#[tokio::test]
async fn later_state_does_not_restore_a_revoked_token() {
    let app = App::with(Backend::Sqlite, &["--revocation-secret", SECRET]).await;
    let who = app.by_jwt(&alice());
    let push = |user: Value, later: i64| {
        let data = json!({"userId": alice().id(), "user": user});
        Push::of("user.changed", data).sent_at(now().timestamp() + later)
    };
    assert_eq!(push(record("banned", json!(true)), 1).to(&app).await, 204);
    assert_eq!(push(alice().claims(), 2).to(&app).await, 204);
    assert_eq!(who.ask(VIEWER).await.status, 401, "the ban revoked it");
}

#[tokio::test]
async fn older_state_that_arrives_late_is_ignored() {
    let app = App::with(Backend::Sqlite, &["--revocation-secret", SECRET]).await;
    let who = app.by_jwt(&alice());
    for (user, earlier) in [(record("role", json!("admin")), 0), (alice().claims(), 5)] {
        let data = json!({"userId": alice().id(), "user": user});
        let push = Push::of("user.changed", data).sent_at(now().timestamp() - earlier);
        assert_eq!(push.to(&app).await, 204);
    }
    assert_eq!(who.ask(VIEWER).await.status, 401);
}

#[tokio::test]
async fn changed_session_is_revalidated_tokens_stay() {
    let app = App::with(Backend::Sqlite, &["--revocation-secret", SECRET]).await;
    let who = app.by_jwt(&alice().with("sid", "session-1"));
    who.data(VIEWER).await;
    let push = |kind: &str| Push::of(kind, json!({"sessionId": "session-1"}));
    assert_eq!(push("session.changed").to(&app).await, 204);
    who.data(VIEWER).await;
    assert_eq!(push("session.revoked").to(&app).await, 204);
    assert_eq!(who.ask(VIEWER).await.status, 401);
}

#[tokio::test]
async fn user_state_survives_restart() {
    let url = postgres::database();
    let flags = ["--better-auth-url", Issuer::shared().url(), "--revocation-secret", SECRET];
    let start = || async { App::on(&url, tempfile::tempdir().unwrap(), &flags).await };
    let first = start().await;
    let same = Issuer::shared().token(&alice().claims());
    let other = Issuer::shared().token(&alice().tier("premium").claims());
    let push = Push::of("user.changed", json!({"userId": alice().id(), "user": alice().claims()}));
    assert_eq!(push.to(&first).await, 204);
    drop(first);
    let second = start().await;
    assert_eq!(second.by_bearer(&same).ask(VIEWER).await.status, 200);
    assert_eq!(second.by_bearer(&other).ask(VIEWER).await.status, 401);
}
