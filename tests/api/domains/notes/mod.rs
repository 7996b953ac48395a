//! The worked example of `docs/add-a-domain.md`.

mod domain;
mod entity;
mod migration;

use std::sync::Arc;

use async_graphql::{EmptySubscription, Request, Schema};
use domain::{NoteMutation, NoteQuery};
use hallpass::access::{Policy, RequestAuth};
use hallpass::graphql::NullOnError;
use hallpass_identity::{Authentication, Authenticator, Caller, DevTokenIssuer};
use sea_orm_migration::{MigrationTrait as _, SchemaManager};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::{App, config};

type Notes = Schema<NullOnError<NoteQuery>, NullOnError<NoteMutation>, EmptySubscription>;

async fn caller(persona: &str) -> Option<Arc<Caller>> {
    let issuer = DevTokenIssuer::in_memory().unwrap();
    let identity = config(&[]).identity;
    let authenticator = Authenticator::new(&identity, &[], Some(&issuer)).unwrap();
    let persona = identity.personas.iter().find(|it| it.name == persona).unwrap();
    let token = issuer.token(persona).unwrap()?;
    match authenticator.authenticate_bearer(&token).await {
        Authentication::Caller(caller) => Some(caller),
        other => panic!("{other:?}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "tests act as the server here")]
async fn ask(app: &App, notes: &Notes, persona: &str, query: &str) -> (Value, Vec<String>) {
    let caller = caller(persona).await;
    let scope = app.database.scope(caller.as_ref().map(|caller| caller.id().clone()));
    let policy = Policy { tiers: "free".parse().unwrap(), roles: "".parse().unwrap() };
    let request_auth = RequestAuth::without_audit(caller, policy);
    let response = notes.execute(Request::new(query).data(request_auth).data(scope)).await;
    let errors = response.errors.iter().map(|error| error.message.clone()).collect();
    (response.data.into_json().unwrap(), errors)
}

on_both_databases! {
    async fn notes_are_per_owner(app: App) {
        let system = app.database.system("tests make a table of their own");
        let manager = SchemaManager::new(system.connection());
        migration::Migration.up(&manager).await.unwrap();
        let notes = Schema::new(NullOnError(NoteQuery), NullOnError(NoteMutation), EmptySubscription);
        let write = "mutation { createNote(text: \" Remember \") { text } }";
        let (made, _) = ask(&app, &notes, "free", write).await;
        assert_eq!(made, json!({"createNote": {"text": "Remember"}}));
        let read = "{ notes { totalCount nodes { text } } }";
        let (mine, _) = ask(&app, &notes, "free", read).await;
        assert_eq!(mine["notes"], json!({"totalCount": 1, "nodes": [{"text": "Remember"}]}));
        let (other, _) = ask(&app, &notes, "admin", read).await;
        assert_eq!(other["notes"]["totalCount"], 0);
        let (guest, errors) = ask(&app, &notes, "guest", read).await;
        assert_eq!(guest, json!({ "notes": null }));
        assert_eq!(errors, ["Sign in to continue."]);
        let sdl = notes.sdl();
        for scope in ["notes:read", "notes:write"] {
            assert!(sdl.contains(&format!("@access(rule: \"SIGNED_IN\", scope: \"{scope}\")")), "{sdl}");
        }
    }
}
