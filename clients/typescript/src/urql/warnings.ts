/** The warnings of graphcache in development. */
import type { CacheExchangeOpts } from "@urql/exchange-graphcache";

type Logger = NonNullable<CacheExchangeOpts["logger"]>;

/**
 * Without a schema, graphcache expects that a stored object has the fields of all fragments beside it, also of those on
 * other types: each object of a union would warn. Its message names the fragment last.
 */
const ofFragment = /^Invalid undefined: .*\n\(Caused At: .*Fragment(?: on "\w+")?\)/;

/** What graphcache does without a logger. */
function print(severity: "debug" | "error" | "warn", message: string): void {
  if (severity !== "debug") console.warn(message);
}

/** A logger without the warnings that are none, for graphcache without a schema. */
export function loggerOf({ schema, logger = print }: CacheExchangeOpts): Logger {
  return (severity, message) => {
    if (schema !== undefined || !ofFragment.test(message)) logger(severity, message);
  };
}
