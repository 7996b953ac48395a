import { createContext, useCallback, useContext, useEffect, useState, type ReactNode } from "react";

const ToastContext = createContext<(message: string) => void>(() => undefined);

/** Shows a short message about something that just happened. */
export const useToast = (): ((message: string) => void) => useContext(ToastContext);

const SHOWN_FOR = 6000;

export function ToastProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const [message, setMessage] = useState<string>();
  useEffect(() => {
    if (message === undefined) return;
    const timer = setTimeout(() => setMessage(undefined), SHOWN_FOR);
    return () => clearTimeout(timer);
  }, [message]);
  return (
    <ToastContext value={useCallback((text: string) => setMessage(text), [])}>
      {children}
      <div className="toasts" role="status">
        {message === undefined ? null : <p className="toast">{message}</p>}
      </div>
    </ToastContext>
  );
}
