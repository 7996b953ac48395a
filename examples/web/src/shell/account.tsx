import { useState, type ReactNode } from "react";
import { setCredential, useCredential } from "../api/credential";
import { useViewer } from "../api/viewer";
import { useSession } from "../auth/session";
import { SignInLink } from "../auth/sign-in-link";
import { signOut } from "../auth/sign-out";
import { Choice } from "../ui/choice";
import { setTheme, useTheme } from "../ui/theme";
import { useToast } from "../ui/toast";

const themes = [["system", "System"], ["light", "Light"], ["dark", "Dark"]] as const;
const credentials = [["cookie", "Cookie"], ["jwt", "JWT"]] as const;

function SignOut({ sessionId }: { readonly sessionId: string }): ReactNode {
  const toast = useToast();
  const [isBusy, setBusy] = useState(false);
  const leave = async (): Promise<void> => {
    setBusy(true);
    if (await signOut(sessionId)) return;
    setBusy(false);
    toast("You are still signed in: the sign-in service does not answer.");
  };
  return (
    <button type="button" className="button" onClick={() => void leave()} disabled={isBusy}>
      Sign out
    </button>
  );
}

function Identity(): ReactNode {
  const viewer = useViewer();
  if (viewer === null) return <p className="muted">You are a guest. Sign in to keep tasks and progress.</p>;
  return (
    <div>
      <p className="identity-name">{viewer.name ?? viewer.authId}</p>
      <p className="muted">{viewer.email}</p>
      <p className="chips">
        <span className="chip">{viewer.tier}</span>
        {viewer.roles.map((role) => (
          <span key={role} className="chip">
            {role}
          </span>
        ))}
      </p>
    </div>
  );
}

/** Who one is, and the settings of this browser. */
export function Account(): ReactNode {
  const viewer = useViewer();
  const theme = useTheme();
  const credential = useCredential();
  const { sessionId, hasEnded } = useSession();
  return (
    <div className="account">
      {viewer === null && !hasEnded ? <SignInLink className="button primary">Sign in</SignInLink> : null}
      <button type="button" className="button account-button" popoverTarget="account" aria-haspopup="dialog">
        <span className="account-label">{viewer === null ? "Settings" : (viewer.name ?? "Account")}</span>
      </button>
      <div id="account" popover="auto" role="dialog" aria-label="Account and settings" className="account-panel">
        <Identity />
        <Choice legend="Appearance" options={themes} value={theme} onChange={setTheme} />
        {viewer === null || sessionId === null ? null : (
          <>
            <Choice legend="Requests are authenticated by" options={credentials} value={credential} onChange={setCredential} />
            <SignOut sessionId={sessionId} />
          </>
        )}
      </div>
    </div>
  );
}
