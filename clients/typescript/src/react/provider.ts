import { createContext, createElement, useContext, type ReactNode } from "react";
import type { Executor } from "../http/executor.js";

const ExecutorContext = createContext<Executor | null>(null);

/** Gives the hooks of this package a way to execute operations: `createExecutor`, or a function over your client. */
export function HallpassProvider(props: { readonly executor: Executor; readonly children?: ReactNode }): ReactNode {
  return createElement(ExecutorContext.Provider, { value: props.executor }, props.children);
}

export function useExecutor(): Executor {
  const executor = useContext(ExecutorContext);
  if (executor === null) throw new Error("Put <HallpassProvider executor={…}> around this component.");
  return executor;
}
