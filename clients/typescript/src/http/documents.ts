/** Documents with the types of their data and variables. */

/**
 * A document of graphql-codegen (`TypedDocumentNode`, or `TypedDocumentString`) or of gql.tada. It is an object: strings
 * have no types.
 */
export interface TypedDocument<Result, Variables> {
  readonly __apiType?: (variables: Variables) => Result;
}

/** The variables are optional if all of them are. */
export type TypedVariables<Variables> = {} extends Variables
  ? { readonly variables?: Variables }
  : { readonly variables: Variables };

/** An operation whose document has types. */
export type TypedRequest<Result, Variables> = TypedVariables<Variables> & {
  readonly query: TypedDocument<Result, Variables> & object;
  readonly operationName?: string;
};

/** An operation with or without types. */
export interface AnyRequest {
  readonly query: object | string;
  readonly variables?: unknown;
}
