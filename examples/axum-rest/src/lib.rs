//! Protected routes in plain axum: every credential that Better Auth issues, by the same settings as Hallpass.

use axum::routing::get;
use axum::{Json, Router};
use hallpass_identity::{AuthLayer, Caller, Named, RequireRole, RequireTier};
use serde_json::{Value, json};

/// The role `admin`.
pub struct Admin;
impl Named for Admin {
    const NAME: &'static str = "admin";
}

/// The tier `premium`, and those above it.
pub struct Premium;
impl Named for Premium {
    const NAME: &'static str = "premium";
}

/// The routes, behind `auth`.
pub fn app(auth: AuthLayer) -> Router {
    let protected = Router::new().route("/me", get(me)).route("/settings", get(settings));
    Router::new()
        .route("/hello", get(hello))
        .route("/premium", get(premium))
        .route("/admin", get(admin))
        .nest("/protected", protected)
        .layer(auth)
}

async fn hello(caller: Option<Caller>) -> String {
    match caller {
        Some(caller) => format!("Hello {}.", caller.name().unwrap_or("user")),
        None => "Hello guest.".into(),
    }
}

async fn me(caller: Caller) -> Json<Value> {
    Json(json!({
        "id": caller.id().as_str(),
        "email": caller.email(),
        "roles": caller.roles(),
        "tier": caller.tier(),
        "method": caller.via().name(),
    }))
}

async fn settings(caller: Caller) -> String {
    format!("Settings of {}.", caller.id().as_str())
}

async fn premium(premium: RequireTier<Premium>) -> String {
    format!("Premium content for {}.", premium.caller.id().as_str())
}

async fn admin(admin: RequireRole<Admin>) -> String {
    format!("Administrator {}.", admin.caller.id().as_str())
}
