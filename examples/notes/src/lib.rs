//! Notes that only their owner sees: a server made with Hallpass.

mod migration;
mod tables;

use std::sync::Arc;

use async_graphql::{Context, ID, MergedObject, Object, Subscription};
use futures_util::{Stream, StreamExt as _};
use hallpass::access::Rule::{self, Owner, SignedIn};
use hallpass::access::{guarded, semantic_non_null};
use hallpass::core_schema::{CoreMutation, CoreQuery};
use hallpass::data::{Comparison as _, Order, Set, now};
use hallpass::events::{Change, Delivered, EventKind};
use hallpass::graphql::{
    ApiError, Connection, ContextExt as _, NamedOrder, NullOnError, PageArgs, Result, Validator,
    decode_id, encode_id, event_stream, paginate,
};
use hallpass::schema::FindNode;
use hallpass::{Application, Domain, Hallpass};
use uuid::Uuid;

pub use tables::{NoteId, NoteTagId, note, note_tag};

const EVENTS: EventKind = EventKind::new("note");

/// Users with a verified e-mail address.
const VERIFIED: Rule =
    Rule::custom("VERIFIED_EMAIL", "a user with a verified e-mail address", |subject, _| {
        subject.caller.is_some_and(|caller| caller.email_verified())
    });

/// A note, which only its owner sees.
pub type Note = NullOnError<NoteFields>;

/// The row behind a [`Note`].
pub struct NoteFields(note::Model);

#[Object(name = "Note")]
impl NoteFields {
    /// Global ID.
    async fn id(&self) -> ID {
        encode_id("Note", self.0.id)
    }

    /// Text.
    async fn text(&self) -> &str {
        &self.0.text
    }

    /// Tags.
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let tags = ctx.scope().owned::<note_tag::Entity>()?;
        let of_this = tags.filter(note_tag::Column::NoteId.is(self.0.id)).all().await?;
        Ok(of_this.into_iter().map(|row| row.tag).collect())
    }
}

impl FindNode for NoteFields {
    async fn find_node(ctx: &Context<'_>, key: Uuid) -> Result<Option<Note>> {
        let notes = ctx.scope().owned::<note::Entity>()?;
        let row = notes.filter(note::Column::Id.is(NoteId::from(key))).one().await?;
        Ok(row.map(|row| NullOnError(NoteFields(row))))
    }
}

/// Queries of notes.
#[derive(Default)]
pub struct NoteQuery;

#[guarded(Query, domain = "notes")]
#[Object]
impl NoteQuery {
    /// The caller's notes, newest first.
    #[graphql(guard = "SignedIn", directive = semantic_non_null::apply())]
    async fn notes(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Option<Connection<Note>>> {
        let order = Order::by(note::Column::CreatedAt, true);
        let newest = NamedOrder { name: "newest".into(), order };
        let args = PageArgs::new(first, after, None, None);
        let notes = ctx.scope().owned::<note::Entity>()?;
        paginate(notes, &newest, &args, |row| NullOnError(NoteFields(row))).await.map(Some)
    }
}

/// Mutations of notes.
#[derive(Default)]
pub struct NoteMutation;

#[guarded(Mutation, domain = "notes")]
#[Object]
impl NoteMutation {
    /// Creates a note, owned by the caller.
    #[graphql(guard = "VERIFIED", directive = semantic_non_null::apply())]
    async fn create_note(
        &self,
        ctx: &Context<'_>,
        text: String,
        #[graphql(default)] tags: Vec<String>,
    ) -> Result<Option<Note>> {
        let mut checks = Validator::default();
        let text = checks.text("text", &text, 1, 1_000);
        checks.finish()?;
        let id = NoteId::generate();
        let row = note::ActiveModel {
            id: Set(id),
            text: Set(text),
            created_at: Set(now()),
            ..Default::default()
        };
        let tags = tags.into_iter().map(|tag| note_tag::ActiveModel {
            id: Set(NoteTagId::generate()),
            note_id: Set(id),
            tag: Set(tag),
            ..Default::default()
        });
        let transaction = ctx.scope().begin().await?;
        let row = transaction.insert::<note::Entity>(row).await?;
        transaction.insert_all::<note_tag::Entity>(tags.collect()).await?;
        transaction.commit().await?;
        ctx.publish(EVENTS.event(Change::Created, id));
        Ok(Some(NullOnError(NoteFields(row))))
    }

    /// Deletes a note of the caller. Returns its ID.
    #[graphql(guard = "Owner", directive = semantic_non_null::apply())]
    async fn delete_note(&self, ctx: &Context<'_>, id: ID) -> Result<Option<ID>> {
        let key = decode_id(&id).filter(|(kind, _)| kind == "Note").map(|(_, key)| key.into());
        let this = note::Column::Id.is(key.unwrap_or_else(NoteId::generate));
        match ctx.scope().owned::<note::Entity>()?.filter(this).delete().await? {
            0 => Err(ApiError::NotFound("note")),
            _ => Ok(Some(id)),
        }
    }
}

/// Subscriptions to notes.
#[derive(Default)]
pub struct NoteSubscription;

#[guarded(Subscription, domain = "notes")]
#[Subscription]
impl NoteSubscription {
    /// The caller's new notes, from now on.
    #[graphql(guard = "SignedIn", directive = semantic_non_null::apply())]
    async fn note_created(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = async_graphql::Result<Option<ID>>>> {
        let created = event_stream(ctx, |delivered: Arc<Delivered>| {
            EVENTS.id_of::<Uuid>(&delivered.event)
        })?;
        Ok(created.map(|id| Ok(Some(encode_id("Note", id?)))))
    }
}

/// All queries.
#[derive(MergedObject, Default)]
pub struct Query(CoreQuery, NoteQuery);

/// All mutations.
#[derive(MergedObject, Default)]
pub struct Mutation(CoreMutation, NoteMutation);

/// The server.
pub fn application() -> Arc<Application> {
    let notes = Domain::new("notes")
        .migrations(migration::migrations)
        .owned::<note_tag::Entity>()
        .owned_with_events::<note::Entity>(EVENTS)
        .node::<NoteFields>();
    Hallpass::<Query, Mutation, NoteSubscription>::builder()
        .name(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .example("{ notes { nodes { text tags } } }\n")
        .domain(notes)
        .build()
}
