//! Notes that only their owner sees: a server made with Hallpass.
#![cfg_attr(doctest, doc = include_str!("../SEALED.md"))]

mod migration;
mod tables;

use std::sync::Arc;

use async_graphql::{Context, MergedObject};
use futures_util::Stream;
use hallpass::prelude::*;

pub use tables::{NoteId, NoteTagId, note, note_tag};

const EVENTS: EventKind = EventKind::new("note");
const TEXT: Constraint<'_> = Constraint::text(1, 1_000);

/// Users with a verified e-mail address.
const VERIFIED: Rule =
    Rule::custom("VERIFIED_EMAIL", "a user with a verified e-mail address", |subject, _| {
        subject.caller.is_some_and(|caller| caller.email_verified())
    });

/// A note, which only its owner sees.
pub struct Note(note::Model);

#[guarded(Note, id = NoteId)]
impl Note {
    /// Global ID.
    async fn id(&self) -> Id<Note> {
        Id::new(self.0.id)
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

impl FindNode for Note {
    async fn find_node(ctx: &Context<'_>, key: NoteId) -> Result<Option<Self>> {
        Ok(find_own::<note::Entity>(ctx, note::Column::Id.is(key)).await?.map(Note))
    }
}

/// Queries of notes.
#[derive(Default)]
pub struct NoteQuery;

#[guarded(Query, domain = "notes")]
impl NoteQuery {
    /// The caller's notes, newest first.
    #[graphql(guard = "SignedIn")]
    async fn notes(&self, ctx: &Context<'_>, page: Page) -> Result<Connection<Note>> {
        let newest = NamedOrder::by("newest", note::Column::CreatedAt, true);
        paginate(ctx.scope().owned::<note::Entity>()?, &newest, &page, Note).await
    }
}

/// Mutations of notes.
#[derive(Default)]
pub struct NoteMutation;

#[guarded(Mutation, domain = "notes")]
impl NoteMutation {
    /// Creates a note, owned by the caller.
    #[graphql(guard = "VERIFIED")]
    async fn create_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(directive = Constrained::apply(TEXT))] text: String,
        #[graphql(default)] tags: Vec<String>,
    ) -> Result<Note> {
        let mut checks = Validator::default();
        let text = Set(checks.text("text", &text, &TEXT));
        checks.finish()?;
        let (id, created_at) = (NoteId::generate(), Set(now()));
        let row = note::ActiveModel { id: Set(id), text, created_at, ..Default::default() };
        let tags = tags.into_iter().map(|tag| note_tag::ActiveModel {
            id: Set(NoteTagId::generate()),
            note_id: Set(id),
            tag: Set(tag),
            ..Default::default()
        });
        let insert = async |writes: &Writes| {
            let row = writes.insert::<note::Entity>(row).await?;
            writes.insert_all::<note_tag::Entity>(tags.collect()).await?;
            Ok(Note(row))
        };
        Execution::transaction().publishing(EVENTS).create(ctx, id, insert).await
    }

    /// Deletes a note of the caller. Returns its ID.
    #[graphql(guard = "Owner")]
    async fn delete_note(&self, ctx: &Context<'_>, id: Id<Note>) -> Result<Id<Note>> {
        let this = note::Column::Id.is(id.key()?);
        Execution::statement().delete(ctx, &id, this).await?;
        Ok(id)
    }
}

/// Subscriptions to notes.
#[derive(Default)]
pub struct NoteSubscription;

#[guarded(Subscription, domain = "notes")]
impl NoteSubscription {
    /// The IDs of the caller's new notes, from now on.
    #[graphql(guard = "SignedIn")]
    async fn note_created(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = Result<Id<Note>>>> {
        event_stream(ctx, |it| EVENTS.id_of(&it.event).map(Id::new))
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
        .node::<Note>();
    Hallpass::<Query, Mutation, NoteSubscription>::builder()
        .name(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .example("{ notes { nodes { text tags } } }\n")
        .domain(notes)
        .build()
}
