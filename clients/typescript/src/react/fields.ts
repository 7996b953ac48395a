import { useMemo } from "react";
import { fieldErrors, type FieldErrors } from "../errors/fields.js";

/** The messages of invalid inputs in `error`, by the path of the input, such as `input.title`. */
export function useFieldErrors(error: unknown): FieldErrors {
  return useMemo(() => fieldErrors(error), [error]);
}
