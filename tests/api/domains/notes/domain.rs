//! The domain of the worked example: `src/domains/notes.rs`.

use async_graphql::Context;
use hallpass::access::{Rule::SignedIn, guarded};
use hallpass::graphql::{
    ApiError, Begun, Connection, ContextExt as _, Execution, Id, NamedOrder, Page, Result,
    Validator, paginate,
};
use hallpass_data::{Comparison as _, Order, Set, now};

use super::entity::{self as note, NoteId};

// ---
/// A note, which only its owner sees.
pub struct Note(note::Model);

#[guarded(Note, id = NoteId)]
impl Note {
    /// The global id.
    async fn id(&self) -> Id<Note> {
        Id::new(self.0.id)
    }

    /// Text.
    async fn text(&self) -> &str {
        &self.0.text
    }
}

/// The queries about notes.
#[derive(Default)]
pub struct NoteQuery;

#[guarded(Query, domain = "notes")]
impl NoteQuery {
    /// The caller's own notes, newest first.
    #[graphql(guard = "SignedIn")]
    async fn notes(&self, ctx: &Context<'_>, page: Page) -> Result<Connection<Note>> {
        let newest =
            NamedOrder { name: "newest".into(), order: Order::by(note::Column::CreatedAt, true) };
        let mine = ctx.scope().owned::<note::Entity>()?;
        paginate(mine, &newest, &page, Note).await
    }
}

/// The mutations of notes.
#[derive(Default)]
pub struct NoteMutation;

#[guarded(Mutation, domain = "notes")]
impl NoteMutation {
    /// Creates a note, owned by the caller.
    #[graphql(guard = "SignedIn")]
    async fn create_note(&self, ctx: &Context<'_>, text: String) -> Result<Note> {
        let mut checks = Validator::default();
        let text = checks.text("text", &text, 1, 1_000);
        checks.finish()?;
        let id = NoteId::generate();
        let writes = match Execution::statement().creating(id).begin(ctx).await? {
            Begun::First(writes) => writes,
            Begun::Replay(replay) => {
                let made = replay.row.map(NoteId::from).ok_or(ApiError::NotFound("note"))?;
                let mine = ctx.scope().owned::<note::Entity>()?;
                let row = mine.filter(note::Column::Id.is(made)).one().await?;
                return row.map(Note).ok_or(ApiError::NotFound("note"));
            }
        };
        let row = note::ActiveModel {
            id: Set(id),
            text: Set(text),
            created_at: Set(now()),
            ..Default::default()
        };
        let row = writes.insert::<note::Entity>(row).await?;
        writes.commit().await?;
        Ok(Note(row))
    }
}
