import type { ReactNode } from "react";
import type { Status, TaskEvent } from "./connection";

export interface FeedEntry {
  readonly id: string;
  readonly at: Date;
  readonly event: TaskEvent;
}

const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

const statusLabels: Readonly<Record<Status, string>> = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  ended: "Ended",
};

function describe({ kind, task }: TaskEvent): string {
  if (kind === "CREATED") return "Created";
  if (kind === "DELETED") return "Deleted";
  if (kind === "OVERDUE") return "Overdue";
  return task?.completed === true ? "Completed" : "Changed";
}

export function Feed({ status, entries }: { readonly status: Status; readonly entries: readonly FeedEntry[] }): ReactNode {
  return (
    <aside className="card feed" aria-labelledby="events">
      <div className="feed-header">
        <h2 id="events">Events</h2>
        <span className="status" data-status={status}>
          {statusLabels[status]}
        </span>
      </div>
      <ol role="log" aria-labelledby="events">
        {entries.map(({ id, at, event }) => (
          <li key={id}>
            <strong>{describe(event)}</strong> {event.task?.title}
            <span className="muted small"> {time.format(at)}</span>
          </li>
        ))}
      </ol>
      {entries.length === 0 ? <p className="muted">Changes made in any tab or on any device appear here.</p> : null}
    </aside>
  );
}
