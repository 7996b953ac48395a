import { createContext, useCallback, useContext, useEffect, useState, type ReactNode } from "react";
import { usePath } from "../router/router";

const ToastContext = createContext<(message: string) => void>(() => undefined);

/** Shows a short message about something that just happened. */
export const useToast = (): ((message: string) => void) => useContext(ToastContext);

const SHOWN_FOR = 6000;

interface Message {
  readonly text: string;
  /** The page that it is about: on another one it is not shown. */
  readonly path: string;
}

export function ToastProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const path = usePath();
  const [message, setMessage] = useState<Message>();
  useEffect(() => {
    if (message === undefined) return;
    const timer = setTimeout(() => setMessage(undefined), SHOWN_FOR);
    return () => clearTimeout(timer);
  }, [message]);
  return (
    <ToastContext value={useCallback((text: string) => setMessage({ text, path: location.pathname }), [])}>
      {children}
      <div className="toasts" role="status">
        {message?.path === path ? <p className="toast">{message.text}</p> : null}
      </div>
    </ToastContext>
  );
}
