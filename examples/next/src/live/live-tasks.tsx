"use client";
import { useEffect, useState, type ReactNode } from "react";
import { connect, type Connection, type Status } from "./connection";
import { LiveContext } from "./context";
import { CreateForm } from "./create-form";
import { Feed, type FeedEntry } from "./feed";
import { useRefresh } from "./refresh";

/** How many events are shown. */
const SHOWN = 6;

interface LiveTasksProps {
  /** Address of the API for browsers. */
  readonly apiUrl: string;
  /** The part that is rendered on the server. */
  readonly children: ReactNode;
}

/** Connects the page to the API: it shows events, and renders the server's part again after each change. */
export function LiveTasks({ apiUrl, children }: LiveTasksProps): ReactNode {
  const refresh = useRefresh();
  const [connection, setConnection] = useState<Connection | null>(null);
  const [status, setStatus] = useState<Status>("connecting");
  const [entries, setEntries] = useState<readonly FeedEntry[]>([]);
  useEffect(() => {
    const opened = connect(apiUrl, {
      onStatus: setStatus,
      onEvent: (event) => {
        const entry = { event, id: crypto.randomUUID(), at: new Date() };
        setEntries((shown) => [entry, ...shown].slice(0, SHOWN));
        refresh();
      },
      onStale: refresh,
    });
    setConnection(opened);
    return () => opened.close();
  }, [apiUrl, refresh]);
  return (
    <LiveContext value={{ execute: connection?.execute ?? null, refresh }}>
      <div className="columns">
        <section aria-labelledby="tasks">
          <h1 id="tasks">Tasks</h1>
          <CreateForm />
          {children}
        </section>
        <Feed status={status} entries={entries} />
      </div>
    </LiveContext>
  );
}
