import { useQuery } from "@apollo/client/react";
import { useState, type ReactNode } from "react";
import { describe } from "../api/errors";
import { useViewer } from "../api/viewer";
import type { UsersQuery } from "../gql/graphql";
import { useDebounced } from "../ui/debounced";
import { Field } from "../ui/field";
import { ErrorNotice, Notice, Skeleton } from "../ui/states";
import { useToast } from "../ui/toast";
import { Users } from "./documents";
import { EraseDialog } from "./erase-dialog";

export type UserData = UsersQuery["users"]["nodes"][number];

const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

interface UserTableProps {
  readonly users: readonly UserData[];
  readonly onErase: (user: UserData) => void;
}

function UserTable({ users, onErase }: UserTableProps): ReactNode {
  const viewer = useViewer();
  return (
    <table className="records">
      <thead>
        <tr>
          <th scope="col">User</th>
          <th scope="col">Tier</th>
          <th scope="col">Last seen</th>
          <th scope="col">
            <span className="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {users.map((user) => (
          <tr key={user.id}>
            <td>
              <strong>{user.name ?? user.authId}</strong>
              <br />
              <span className="muted">{user.email}</span>
            </td>
            <td data-label="Tier">{user.tier}</td>
            <td data-label="Last seen">{user.lastSeen === null ? null : time.format(new Date(user.lastSeen))}</td>
            <td>
              {user.authId === viewer?.authId ? null : (
                <button type="button" className="button quiet danger" onClick={() => onErase(user)} aria-label={`Erase the data of ${user.name ?? user.authId}`}>
                  Erase
                </button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function UsersPart(): ReactNode {
  const toast = useToast();
  const [text, setText] = useState("");
  const [erased, setErased] = useState<UserData>();
  const wanted = useDebounced(text).trim();
  const { data, previousData, error, refetch, fetchMore } = useQuery(Users, {
    variables: wanted === "" ? {} : { filter: { text: wanted } },
    fetchPolicy: "cache-and-network",
    nextFetchPolicy: "cache-first",
  });
  const users = (data ?? previousData)?.users;
  const more = (after: string | null): void => {
    fetchMore({ variables: { after } }).catch((failure: unknown) => toast(describe(failure)));
  };
  return (
    <>
      <div className="filters" role="search" aria-label="Users">
        <Field label="Search users" isLabelHidden className="grow">
          {(control) => <input {...control} type="search" placeholder="Name, e-mail address or id" maxLength={320} value={text} onChange={(event) => setText(event.target.value)} />}
        </Field>
      </div>
      {users !== undefined ? (
        users.nodes.length === 0 ? <Notice title="No user matches" /> : <UserTable users={users.nodes} onErase={setErased} />
      ) : error === undefined ? (
        <Skeleton rows={5} height={64} />
      ) : (
        <ErrorNotice error={error} onRetry={() => void refetch()} />
      )}
      {users?.pageInfo.hasNextPage === true ? (
        <button type="button" className="button" onClick={() => more(users.pageInfo.endCursor)}>
          Show more
        </button>
      ) : null}
      {erased === undefined ? null : <EraseDialog key={erased.id} user={erased} onClose={() => setErased(undefined)} />}
    </>
  );
}
