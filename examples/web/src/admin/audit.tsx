import { useQuery } from "@apollo/client/react";
import { errorCodes } from "@hallpass/client/schema";
import { useState, type ReactNode } from "react";
import type { AuditEventsQuery, AuditFilter } from "../gql/graphql";
import { useDebounced } from "../ui/debounced";
import { Field } from "../ui/field";
import { Loaded } from "../ui/loaded";
import { ShowMore } from "../ui/show-more";
import { Notice, Skeleton } from "../ui/states";
import { AuditEvents } from "./documents";

type EventData = AuditEventsQuery["auditEvents"]["nodes"][number];

const time = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
const outcomes = ["ALLOWED", "UNFINISHED", ...errorCodes];

interface Filter {
  readonly outcome: string;
  readonly field: string;
  readonly callerId: string;
  readonly since: string;
}

/** Only the conditions that are given. */
function serverFilter({ since, ...texts }: Filter): AuditFilter {
  const given = Object.entries(texts).flatMap(([name, text]) => (text.trim() === "" ? [] : [[name, text.trim()] as const]));
  return { ...Object.fromEntries(given), ...(since === "" ? {} : { since: `${since}T00:00:00Z` }) };
}

function Events({ events }: { readonly events: readonly EventData[] }): ReactNode {
  return (
    <table className="records">
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col">Field</th>
          <th scope="col">Outcome</th>
          <th scope="col">Caller</th>
        </tr>
      </thead>
      <tbody>
        {events.map((event) => (
          <tr key={event.id}>
            <td className="time">{time.format(new Date(event.at))}</td>
            <td className="text">
              <strong>{event.field}</strong>
              {event.times > 1 ? ` × ${event.times}` : null}
              <br />
              <span className="muted">{event.rule}</span>
            </td>
            <td>
              <span className={event.outcome === "ALLOWED" ? "outcome" : "outcome denied"}>{event.outcome}</span>
            </td>
            <td data-label="Caller" className="text caller">{event.callerId ?? "anonymous"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function FilterForm({ filter, onChange }: { readonly filter: Filter; readonly onChange: (filter: Filter) => void }): ReactNode {
  return (
    <div className="filters audit-filters" role="search" aria-label="Audit log">
      <Field label="Outcome">
        {(control) => (
          <select {...control} value={filter.outcome} onChange={(event) => onChange({ ...filter, outcome: event.target.value })}>
            <option value="">Every outcome</option>
            {outcomes.map((outcome) => (
              <option key={outcome}>{outcome}</option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Field">
        {(control) => <input {...control} type="search" placeholder="Mutation.createTask" value={filter.field} onChange={(event) => onChange({ ...filter, field: event.target.value })} />}
      </Field>
      <Field label="Caller">
        {(control) => <input {...control} type="search" placeholder="User id" value={filter.callerId} onChange={(event) => onChange({ ...filter, callerId: event.target.value })} />}
      </Field>
      <Field label="Since">
        {(control) => <input {...control} type="date" value={filter.since} onChange={(event) => onChange({ ...filter, since: event.target.value })} />}
      </Field>
    </div>
  );
}

export function AuditPart(): ReactNode {
  const [filter, setFilter] = useState<Filter>({ outcome: "", field: "", callerId: "", since: "" });
  const result = useQuery(AuditEvents, {
    variables: { filter: serverFilter(useDebounced(filter)) },
    fetchPolicy: "cache-and-network",
    nextFetchPolicy: "cache-first",
  });
  return (
    <>
      <FilterForm filter={filter} onChange={setFilter} />
      <Loaded result={result} skeleton={<Skeleton rows={8} height={56} />}>
        {({ auditEvents }) => (
          <>
            {auditEvents.nodes.length === 0 ? <Notice title="No event matches" /> : <Events events={auditEvents.nodes} />}
            <ShowMore pageInfo={auditEvents.pageInfo} fetchMore={result.fetchMore} />
          </>
        )}
      </Loaded>
    </>
  );
}
