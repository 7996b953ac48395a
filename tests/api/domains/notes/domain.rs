//! The domain of the worked example: `src/domains/notes.rs`.

use async_graphql::{Context, ID, Object};
use hallpass::access::Rule::SignedIn;
use hallpass::access::{guarded, semantic_non_null};
use hallpass::graphql::{
    ApiError, Begun, Connection, ContextExt as _, Execution, NamedOrder, NullOnError, PageArgs,
    Result, Validator, encode_id, paginate,
};
use hallpass_data::{Comparison as _, Order, Set, now};

use super::entity::{self as note, NoteId};

// ---
/// A note, which only its owner sees.
pub type Note = NullOnError<NoteFields>;

/// The row behind a [`Note`].
pub struct NoteFields(note::Model);

#[Object(name = "Note")]
impl NoteFields {
    /// The global id.
    async fn id(&self) -> ID {
        encode_id("Note", self.0.id)
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
#[Object]
impl NoteQuery {
    /// The caller's own notes, newest first.
    #[graphql(guard = "SignedIn", directive = semantic_non_null::apply())]
    async fn notes(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Option<Connection<Note>>> {
        let newest =
            NamedOrder { name: "newest".into(), order: Order::by(note::Column::CreatedAt, true) };
        let args = PageArgs::new(first, after, None, None);
        let mine = ctx.scope().owned::<note::Entity>()?;
        paginate(mine, &newest, &args, |row| NullOnError(NoteFields(row))).await.map(Some)
    }
}

/// The mutations of notes.
#[derive(Default)]
pub struct NoteMutation;

#[guarded(Mutation, domain = "notes")]
#[Object]
impl NoteMutation {
    /// Creates a note, owned by the caller.
    #[graphql(guard = "SignedIn", directive = semantic_non_null::apply())]
    async fn create_note(&self, ctx: &Context<'_>, text: String) -> Result<Option<Note>> {
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
                return Ok(row.map(|row| NullOnError(NoteFields(row))));
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
        Ok(Some(NullOnError(NoteFields(row))))
    }
}
