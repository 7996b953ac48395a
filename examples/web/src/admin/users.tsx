import { useQuery } from "@apollo/client/react";
import { useState, type ReactNode } from "react";
import { useViewer } from "../api/viewer";
import type { UsersQuery } from "../gql/graphql";
import { useDebounced } from "../ui/debounced";
import { Field } from "../ui/field";
import { Loaded } from "../ui/loaded";
import { ShowMore } from "../ui/show-more";
import { Notice, Skeleton } from "../ui/states";
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
            <td className="text">
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
  const [text, setText] = useState("");
  const [erased, setErased] = useState<UserData>();
  const wanted = useDebounced(text).trim();
  const result = useQuery(Users, {
    variables: wanted === "" ? {} : { filter: { text: wanted } },
    fetchPolicy: "cache-and-network",
    nextFetchPolicy: "cache-first",
  });
  return (
    <>
      <div className="filters" role="search" aria-label="Users">
        <Field label="Search users" isLabelHidden className="grow">
          {(control) => <input {...control} type="search" placeholder="Name, e-mail address or id" maxLength={320} value={text} onChange={(event) => setText(event.target.value)} />}
        </Field>
      </div>
      <Loaded result={result} skeleton={<Skeleton rows={5} height={64} />}>
        {({ users }) => (
          <>
            {users.nodes.length === 0 ? <Notice title="No user matches" /> : <UserTable users={users.nodes} onErase={setErased} />}
            <ShowMore pageInfo={users.pageInfo} fetchMore={result.fetchMore} />
          </>
        )}
      </Loaded>
      {erased === undefined ? null : <EraseDialog key={erased.id} user={erased} onClose={() => setErased(undefined)} />}
    </>
  );
}
