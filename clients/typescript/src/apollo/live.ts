/** Subscriptions over the socket. */
import type { ApolloLink } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import type { Client, FormattedExecutionResult, Sink, SubscribePayload } from "graphql-ws";
import { toHallpassError } from "../errors/parse.js";

/** The errors of an operation, as Apollo has them, or what ended the socket. */
function errorOf(error: unknown): Error {
  return Array.isArray(error) ? new CombinedGraphQLErrors({ errors: error }) : toHallpassError(error);
}

/**
 * Apollo's link, which passes on what is an error already. Of a close event it makes one without the code, and to
 * distinguish these events from others, it needs a global `WebSocket`, which Node 20 does not have.
 */
export function liveLink(live: Client): ApolloLink {
  function subscribe<D, X>(payload: SubscribePayload, sink: Sink<FormattedExecutionResult<D, X>>): () => void {
    return live.subscribe<D, X>(payload, {
      next: (value) => sink.next(value),
      error: (error) => sink.error(errorOf(error)),
      complete: () => sink.complete(),
    });
  }
  return new GraphQLWsLink({ ...live, subscribe });
}
