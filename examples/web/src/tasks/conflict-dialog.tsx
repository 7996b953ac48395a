import type { ReactNode } from "react";
import { Dialog } from "../ui/dialog";
import { differences, type Draft } from "./draft";

interface ConflictDialogProps {
  readonly mine: Draft;
  readonly theirs: Draft;
  readonly isBusy: boolean;
  readonly onMine: () => void;
  readonly onTheirs: () => void;
  readonly onBack: () => void;
}

/** The task was changed elsewhere while it was edited here: the user decides which of the two is saved. */
export function ConflictDialog({ mine, theirs, isBusy, onMine, onTheirs, onBack }: ConflictDialogProps): ReactNode {
  const rows = differences(mine, theirs);
  return (
    <Dialog title="This task was changed elsewhere" onClose={onBack}>
      {rows.length === 0 ? (
        <p>The other change is the same as yours.</p>
      ) : (
        <table className="conflict">
          <thead>
            <tr>
              <td />
              <th scope="col">Yours</th>
              <th scope="col">Saved elsewhere</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([label, own, other]) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td>{own || "–"}</td>
                <td>{other || "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <div className="row end wrap">
        <button type="button" className="button" onClick={onBack}>
          Back to editing
        </button>
        <button type="button" className="button" onClick={onTheirs}>
          Discard mine
        </button>
        <button type="button" className="button primary" onClick={onMine} disabled={isBusy}>
          Save mine
        </button>
      </div>
    </Dialog>
  );
}
