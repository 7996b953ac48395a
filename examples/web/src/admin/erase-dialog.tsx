import { useMutation } from "@apollo/client/react";
import { useEffect, useState, type FormEvent, type ReactNode } from "react";
import { describe } from "../api/errors";
import type { EraseUserMutation } from "../gql/graphql";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { useInvalidFocus } from "../ui/invalid";
import { ErrorNotice, Skeleton } from "../ui/states";
import { AuditEvents, EraseUser, Users } from "./documents";
import type { UserData } from "./users";

type ReportData = EraseUserMutation["eraseUser"]["report"];

function Report({ report, heading }: { readonly report: ReportData; readonly heading: string }): ReactNode {
  return (
    <table className="report">
      <thead>
        <tr>
          <th scope="col">Table</th>
          <th scope="col">{heading}</th>
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

/** The rows that would be deleted: a dry run counts them. */
function DryRun({ user }: { readonly user: UserData }): ReactNode {
  const [count, { data, error }] = useMutation(EraseUser, { onError: () => undefined });
  useEffect(() => {
    void count({ variables: { id: user.id, dryRun: true } });
  }, [count, user.id]);
  if (data) return <Report report={data.eraseUser.report} heading="Rows to delete" />;
  const again = (): void => void count({ variables: { id: user.id, dryRun: true } });
  return error === undefined ? <Skeleton rows={5} height={36} /> : <ErrorNotice error={error} onRetry={again} />;
}

/** Erases a user's rows, once they were counted and the user's address was typed. */
export function EraseDialog({ user, onClose }: { readonly user: UserData; readonly onClose: () => void }): ReactNode {
  const name = user.name ?? user.authId;
  const wanted = user.email ?? user.authId;
  const [typed, setTyped] = useState("");
  // If an answer was lost, the repetition has the same report.
  const [key] = useState(() => crypto.randomUUID());
  const [erase, { data, error, loading }] = useMutation(EraseUser, { refetchQueries: [Users, AuditEvents], onError: () => undefined });
  const form = useInvalidFocus(error);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (typed === wanted) void erase({ variables: { id: user.id, dryRun: false }, context: { headers: { "idempotency-key": key } } });
  };
  if (data) {
    return (
      <Dialog title={`The data of ${name} is erased`} onClose={onClose}>
        <Report report={data.eraseUser.report} heading="Deleted rows" />
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
      <form ref={form} className="stack" onSubmit={submit} noValidate>
        <p>All tasks, progress and settings of this user are deleted, and cannot be restored. The account for signing in stays.</p>
        <DryRun user={user} />
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
