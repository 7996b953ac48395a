import { useRouter } from "next/navigation";
import { useEffect, useMemo } from "react";

/** Events that follow each other within this time cause one refresh. Milliseconds. */
const PAUSE = 100;

/** Renders the page on the server again. What the user typed stays. */
export function useRefresh(): () => void {
  const router = useRouter();
  const refresh = useMemo(() => coalesced(() => router.refresh()), [router]);
  useEffect(() => refresh.cancel, [refresh]);
  return refresh.call;
}

function coalesced(action: () => void): { call(): void; cancel(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const run = (): void => {
    timer = undefined;
    action();
  };
  return {
    call: () => {
      timer ??= setTimeout(run, PAUSE);
    },
    cancel: () => {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
