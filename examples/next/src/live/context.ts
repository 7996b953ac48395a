"use client";
import type { Executor } from "@hallpass/client";
import { createContext, useContext } from "react";

interface Live {
  /** Null until the browser has loaded the scripts. */
  readonly execute: Executor | null;
  readonly refresh: () => void;
}

export const LiveContext = createContext<Live | null>(null);

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === null) throw new Error("This component must be within <LiveTasks>.");
  return live;
}
