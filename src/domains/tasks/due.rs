//! The schedule of due times: which task of the caller becomes overdue next.

use hallpass::data::{
    Comparison as _, CursorPosition, Error, OrderKey, PageRequest, Scope, Timestamp,
};
use hallpass_entity::task::Column::{Completed, DueAt, Id, UpdatedAt};
use hallpass_entity::{TaskId, task};
use uuid::Uuid;

use super::input::{MAX_DUE_AT, by_due};
use super::types::EVENTS;
use hallpass::events::{Change, Event, Schedule, Scheduled};
use hallpass::graphql::Direction;

/// The caller's tasks that become overdue.
pub(crate) struct DueTasks(Scope);

impl DueTasks {
    pub(crate) fn new(scope: &Scope) -> Self {
        Self(scope.clone())
    }

    /// The caller's first task, by due time, after this one. A task that was changed after its due time is left out: it
    /// did not become overdue since, or that change was sent.
    async fn first_after(&self, (time, id): (Timestamp, Uuid)) -> Result<Option<Scheduled>, Error> {
        let order = by_due(Direction::Asc);
        let last = Some(CursorPosition { key: OrderKey::Time(time), id });
        let first = PageRequest { limit: 1, after: last, ..PageRequest::default() };
        // A range of the index of this order: tasks without a due time are after it.
        let are_due = order.less_than(&OrderKey::Time(MAX_DUE_AT));
        let open = Completed.is(false).and(UpdatedAt.less_than_column(DueAt));
        let rows = self.0.owned::<task::Entity>()?.filter(are_due.and(open));
        let page = rows.partial_page::<task::Partial>(&order, &first, &[Id, DueAt]).await?;
        let Some(row) = page.rows.first() else { return Ok(None) };
        let event = EVENTS.event(Change::Updated, *row.id()?);
        Ok(row.due_at()?.map(|at| Scheduled { at, event }))
    }
}

impl Schedule for DueTasks {
    fn is_changed_by(change: &Event) -> bool {
        EVENTS.id_of::<TaskId>(change).is_some()
    }

    async fn next(&self, after: (Timestamp, Uuid)) -> Result<Option<Scheduled>, Error> {
        self.first_after(after).await
    }
}
