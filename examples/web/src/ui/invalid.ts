import { useEffect, useRef, type RefObject } from "react";

/** Moves the focus to the first field with an error, whenever there are other errors. Returns the ref of the form. */
export function useInvalidFocus(errors: object | undefined): RefObject<HTMLFormElement | null> {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    const { activeElement, body } = document;
    // A user who is elsewhere by now is not moved. A button that was disabled has lost the focus.
    if (activeElement !== body && form.current?.contains(activeElement) !== true) return;
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [errors]);
  return form;
}
