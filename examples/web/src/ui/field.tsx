import { useId, type ReactNode } from "react";

/** What a control in a field is given: an id, and the message about it. */
export interface ControlProps {
  readonly id: string;
  readonly "aria-invalid"?: true;
  readonly "aria-describedby"?: string;
}

interface FieldProps {
  readonly label: string;
  readonly error?: string | undefined;
  readonly hint?: string;
  readonly isLabelHidden?: boolean;
  readonly className?: string;
  readonly children: (control: ControlProps) => ReactNode;
}

/** A control with its label, and with the server's message about its value. */
export function Field({ label, error, hint, isLabelHidden = false, className = "", children }: FieldProps): ReactNode {
  const id = useId();
  const message = error ?? hint;
  const described = message === undefined ? {} : { "aria-describedby": `${id}-message` };
  return (
    <div className={`field ${className}`}>
      <label htmlFor={id} className={isLabelHidden ? "visually-hidden" : undefined}>
        {label}
      </label>
      {children({ id, ...described, ...(error === undefined ? {} : { "aria-invalid": true }) })}
      {message === undefined ? null : (
        <p id={`${id}-message`} className={error === undefined ? "hint" : "field-error"}>
          {error === undefined ? message : sentence(error)}
        </p>
      )}
    </div>
  );
}

/** The text, with a capital letter and a full stop. */
export const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
