//! Guards and proofs on a schema of their own.

use std::sync::{Arc, Mutex};

use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Request, Schema, Value};
use hallpass::access::{ADMIN, AuditTrail, RequestAuth, Rule, guarded};
use hallpass::app::policy;
use hallpass::graphql::Result;
use hallpass_identity::{Authentication, Authenticator, Caller};

use crate::support::app::config;
use crate::support::callers::{User, alice};
use crate::support::issuer::Issuer;

struct Query;

#[guarded(Query, domain = "tests")]
#[Object]
impl Query {
    #[graphql(guard = "Rule::Owner")]
    async fn owned(&self) -> Option<bool> {
        Some(true)
    }

    #[graphql(guard = "Rule::NotAnonymous")]
    async fn by_account(&self) -> Option<bool> {
        Some(true)
    }

    #[graphql(guard = "Rule::Public")]
    async fn by_anybody(&self, ctx: &Context<'_>) -> Result<Option<bool>> {
        Rule::SignedIn.authorize(ctx).await?;
        Ok(Some(true))
    }

    #[graphql(guard = "Rule::Public")]
    async fn by_administrators(&self, ctx: &Context<'_>) -> Result<Option<bool>> {
        ADMIN.authorize(ctx).await?;
        Ok(Some(true))
    }
}

pub async fn caller(user: &User) -> Arc<Caller> {
    let config = config(&["--better-auth-url", Issuer::shared().url()]);
    let authenticator = Authenticator::new(&config.identity, &[], None).unwrap();
    let token = Issuer::shared().token(&user.claims());
    match authenticator.authenticate_bearer(&token.into()).await {
        Authentication::Caller(caller) => caller,
        other => panic!("{other:?}"),
    }
}

/// The code of the denial, or the field's value; and the audited fields.
async fn ask(user: &User, field: &str) -> (Value, Vec<String>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let audited = Arc::clone(&kept);
    let caller = Some(caller(user).await);
    let keep = move |entries: Vec<_>| audited.lock().unwrap().extend(entries);
    let trail = AuditTrail::new(Arc::new(keep), "request".into(), caller.clone());
    let policy = Arc::new(policy(&config(&[])));
    let request_auth =
        RequestAuth { caller, policy, confirmation: None, trail, discloses_caller: false };
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription).finish();
    let answer = schema.execute(Request::new(format!("{{ {field} }}")).data(request_auth)).await;
    let code = answer.errors.first().and_then(|it| it.extensions.as_ref()?.get("code")).cloned();
    let fields = kept.lock().unwrap().iter().map(|it| it.field.clone()).collect();
    match (code, answer.data) {
        (Some(code), _) => (code, fields),
        (None, Value::Object(data)) => (data[field].clone(), fields),
        (None, other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn owner_rule_fails_without_row() {
    let rejected = (Value::from("FORBIDDEN"), vec!["Query.owned".to_owned()]);
    assert_eq!(ask(&alice(), "owned").await, rejected);
}

#[tokio::test]
async fn self_service_rules_grant_no_privilege() {
    let rejected = (Value::from("FORBIDDEN"), vec!["Query.byAnybody".to_owned()]);
    assert_eq!(ask(&alice(), "byAnybody").await, rejected);
    let request_auth = |caller| RequestAuth::without_audit(Some(caller), policy(&config(&[])));
    let alices = request_auth(caller(&alice()).await);
    assert!(Rule::SignedIn.authorize_with(&alices).is_none());
    assert!(ADMIN.authorize_with(&alices).is_none());
    assert!(ADMIN.authorize_with(&request_auth(caller(&alice().role("admin")).await)).is_some());
}

#[tokio::test]
async fn resolver_denial_is_audited_at_its_field() {
    let rejected = (Value::from("FORBIDDEN"), vec!["Query.byAdministrators".to_owned()]);
    assert_eq!(ask(&alice(), "byAdministrators").await, rejected);
    let done = (Value::from(true), vec![]);
    assert_eq!(ask(&alice().role("admin"), "byAdministrators").await, done);
}

#[tokio::test]
async fn not_anonymous_rule_rejects_guests() {
    let rejected = (Value::from("FORBIDDEN"), vec!["Query.byAccount".to_owned()]);
    assert_eq!(ask(&alice().with("isAnonymous", true), "byAccount").await, rejected);
    assert_eq!(ask(&alice(), "byAccount").await, (Value::from(true), vec![]));
}
