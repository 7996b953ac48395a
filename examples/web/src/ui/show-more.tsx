import { useRef, useState, type ReactNode } from "react";
import { describe } from "../api/errors";
import { useToast } from "./toast";

interface ShowMoreProps {
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  readonly fetchMore: (options: { readonly variables: { readonly after: string | null } }) => Promise<unknown>;
}

/** Loads the next page of a list: once, however often it is pressed. It keeps the focus meanwhile. */
export function ShowMore({ pageInfo, fetchMore }: ShowMoreProps): ReactNode {
  const toast = useToast();
  const isLoading = useRef(false);
  const [isBusy, setBusy] = useState(false);
  const setLoading = (value: boolean): void => {
    isLoading.current = value;
    setBusy(value);
  };
  const more = async (): Promise<void> => {
    if (isLoading.current) return;
    setLoading(true);
    await fetchMore({ variables: { after: pageInfo.endCursor } }).catch((error: unknown) => toast(describe(error)));
    setLoading(false);
  };
  if (!pageInfo.hasNextPage) return null;
  return (
    <button type="button" className="button" aria-disabled={isBusy} onClick={() => void more()}>
      Show more
    </button>
  );
}
