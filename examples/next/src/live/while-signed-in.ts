import type { TokenCredentials } from "@hallpass/client";

/** Calls `subscribe` while a user is signed in: again for each user, and not for a visitor. */
export function whileSignedIn(token: TokenCredentials, subscribe: () => () => void): () => void {
  let turn = 0;
  let unsubscribe = (): void => undefined;
  const stop = (): void => {
    turn += 1;
    unsubscribe();
    unsubscribe = () => undefined;
  };
  const restart = async (): Promise<void> => {
    stop();
    const own = turn;
    // While the sign-in service is unavailable, the live client waits for it.
    const isSignedOut = await token.get().then((value) => value === null, () => false);
    if (own === turn && !isSignedOut) unsubscribe = subscribe();
  };
  const stopListening = token.onChange?.(() => void restart());
  void restart();
  return () => {
    stopListening?.();
    stop();
  };
}
