import { useMutation } from "@apollo/client/react";
import { useState, type FormEvent, type ReactNode } from "react";
import { describe } from "../api/errors";
import type { EraseUserMutation } from "../gql/graphql";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { AuditEvents, EraseUser, Users } from "./documents";
import type { UserData } from "./users";

function Report({ report }: { readonly report: EraseUserMutation["eraseUser"] }): ReactNode {
  return (
    <table className="conflict">
      <thead>
        <tr>
          <th scope="col">Table</th>
          <th scope="col">Deleted rows</th>
        </tr>
      </thead>
      <tbody>
        {report.tables.map(({ table, rows }) => (
          <tr key={table}>
            <td>{table}</td>
            <td>{rows}</td>
          </tr>
        ))}
        <tr>
          <th scope="row">All</th>
          <td>{report.total}</td>
        </tr>
      </tbody>
    </table>
  );
}

/** Erases a user's rows once the user's address was typed. The server has no dry run: it reports what it deleted. */
export function EraseDialog({ user, onClose }: { readonly user: UserData; readonly onClose: () => void }): ReactNode {
  const name = user.name ?? user.id;
  const wanted = user.email ?? user.id;
  const [typed, setTyped] = useState("");
  const [erase, { data, error, loading }] = useMutation(EraseUser, { refetchQueries: [Users, AuditEvents], onError: () => undefined });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (typed === wanted) void erase({ variables: { id: user.id } });
  };
  if (data) {
    return (
      <Dialog title={`The data of ${name} is erased`} onClose={onClose}>
        <Report report={data.eraseUser} />
        <div className="row end">
          <button type="button" className="button primary" onClick={onClose}>
            Close
          </button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={`Erase the data of ${name}?`} onClose={onClose}>
      <form className="stack" onSubmit={submit} noValidate>
        <p>All tasks, progress and settings of this user are deleted, and cannot be restored. The account for signing in stays.</p>
        <Field label={`Type ${wanted} to confirm`} error={error === undefined ? undefined : describe(error)}>
          {(control) => <input {...control} autoComplete="off" spellCheck={false} value={typed} onChange={(event) => setTyped(event.target.value)} />}
        </Field>
        <div className="row end">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button filled-danger" disabled={typed !== wanted || loading}>
            Erase
          </button>
        </div>
      </form>
    </Dialog>
  );
}
