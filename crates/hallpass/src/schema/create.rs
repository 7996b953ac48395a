//! Mutations that create or delete an object: once, however often they are repeated with the same idempotency key.

use async_graphql::Context;
use hallpass_data::Filter;
use hallpass_data::policy::OwnedEntity;

use super::FindNode;
use crate::events::Change;
use crate::graphql::{
    ApiError, Begun, ContextExt as _, Execution, Id, Result, Writes, not_found_or_forbidden,
};

impl Execution<'_> {
    /// Creates the object with the key `id`: `insert` writes its rows. Then commits, publishes the event of
    /// [`publishing`](Self::publishing), and audits the row. If the mutation was executed before with the same
    /// idempotency key, returns the object that it created, as it is now.
    ///
    /// ```
    /// use async_graphql::Context;
    /// use hallpass::prelude::*;
    ///
    /// const NOTES: EventKind = EventKind::new("note");
    ///
    /// async fn create<Note: FindNode>(
    ///     ctx: &Context<'_>,
    ///     id: Note::Key,
    ///     insert: impl AsyncFnOnce(&Writes) -> Result<Note>,
    /// ) -> Result<Note> {
    ///     Execution::transaction().publishing(NOTES).create(ctx, id, insert).await
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Execution::begin`], and the errors of `insert`. [`ApiError::NotFound`] if the object was deleted since.
    pub async fn create<N: FindNode>(
        self,
        ctx: &Context<'_>,
        id: N::Key,
        insert: impl AsyncFnOnce(&Writes) -> Result<N>,
    ) -> Result<N> {
        self.create_or(ctx, id, insert, async |key| Id::<N>::new(key).require(ctx).await).await
    }

    /// As [`create`](Self::create), for an object that a repeated mutation reads by `created`.
    ///
    /// # Errors
    /// As [`create`](Self::create), and the errors of `created`.
    pub async fn create_or<N: FindNode>(
        self,
        ctx: &Context<'_>,
        id: N::Key,
        insert: impl AsyncFnOnce(&Writes) -> Result<N>,
        created: impl AsyncFnOnce(N::Key) -> Result<N>,
    ) -> Result<N> {
        let event = self.event_kind();
        match self.creating(id).begin(ctx).await? {
            Begun::First(writes) => {
                let object = insert(&writes).await?;
                writes.commit().await?;
                if let Some(kind) = event {
                    ctx.publish(kind.event(Change::Created, id));
                }
                ctx.audit_created_row(Id::<N>::new(id));
                Ok(object)
            }
            Begun::Replay(replay) => {
                let key = replay.row.ok_or(ApiError::NotFound(N::WORD))?;
                Box::pin(created(key.into())).await
            }
        }
    }

    /// Deletes the caller's `row`, whose global ID is `id`. Then commits, and publishes the event of
    /// [`publishing`](Self::publishing). If the mutation was executed before with the same idempotency key, does
    /// nothing.
    ///
    /// ```
    /// use async_graphql::Context;
    /// use hallpass::data::Filter;
    /// use hallpass::data::policy::OwnedEntity;
    /// use hallpass::prelude::*;
    ///
    /// async fn delete<E: OwnedEntity, Note: FindNode>(
    ///     ctx: &Context<'_>,
    ///     id: Id<Note>,
    ///     this: Filter<E>,
    /// ) -> Result<Id<Note>> {
    ///     Execution::statement().delete(ctx, &id, this).await?;
    ///     Ok(id)
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Execution::begin`]. [`ApiError::NotFound`] if there is no such row of the caller, or `FORBIDDEN` if it is
    /// another user's and `OWNERSHIP_DENIAL=forbid`.
    pub async fn delete<N: FindNode, E: OwnedEntity>(
        self,
        ctx: &Context<'_>,
        id: &Id<N>,
        row: Filter<E>,
    ) -> Result<()> {
        let event = self.event_kind();
        let Begun::First(writes) = self.begin(ctx).await? else { return Ok(()) };
        if writes.owned::<E>()?.filter(row.clone()).delete().await? == 0 {
            // Releases the connection first: the next statement takes another one.
            drop(writes);
            return Err(not_found_or_forbidden(ctx, N::WORD, row).await?);
        }
        writes.commit().await?;
        if let Some(kind) = event {
            ctx.publish(kind.event(Change::Deleted, id.key()?));
        }
        Ok(())
    }
}
