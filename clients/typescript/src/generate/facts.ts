/** Facts about a schema that caches need. */
import {
  getNamedType,
  isAbstractType,
  isInterfaceType,
  isObjectType,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from "graphql";
import { pageArguments, type ConnectionField } from "../cache/connections.js";

/** The types of a schema without those of introspection, sorted by name. */
export function typesOf(schema: GraphQLSchema): readonly GraphQLNamedType[] {
  const isOwn = (type: GraphQLNamedType): boolean => !type.name.startsWith("__");
  return Object.values(schema.getTypeMap())
    .filter(isOwn)
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function objectTypes(schema: GraphQLSchema): readonly GraphQLObjectType[] {
  return typesOf(schema).filter(isObjectType);
}

/** The object types of each interface and union. */
export function possibleTypes(schema: GraphQLSchema): Record<string, string[]> {
  const abstract = typesOf(schema).filter(isAbstractType);
  const names = (type: (typeof abstract)[number]): string[] => schema.getPossibleTypes(type).map(({ name }) => name).sort();
  return Object.fromEntries(abstract.map((type) => [type.name, names(type)]));
}

/** Object types without an `id`: caches store them in their parents. */
export function typesWithoutId(schema: GraphQLSchema): string[] {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const isKeyless = (type: GraphQLObjectType): boolean => !("id" in type.getFields()) && !roots.includes(type);
  return objectTypes(schema).filter(isKeyless).map(({ name }) => name);
}

/** Object types with an `id` that is not a global one: other types may have the same. */
export function typesWithLocalId(schema: GraphQLSchema): string[] {
  const node = schema.getType("Node");
  const isNode = (type: GraphQLObjectType): boolean => isInterfaceType(node) && schema.isSubType(node, type);
  return objectTypes(schema)
    .filter((type) => "id" in type.getFields() && !isNode(type))
    .map(({ name }) => name);
}

/** The type of the edges, if the field is a connection with cursors. */
function edgeType(field: GraphQLField<unknown, unknown>): string | undefined {
  const type = getNamedType(field.type);
  const hasCursor = field.args.some(({ name }) => name === "after" || name === "before");
  if (!hasCursor || !isObjectType(type)) return undefined;
  const { edges, pageInfo } = type.getFields();
  return edges !== undefined && pageInfo !== undefined ? getNamedType(edges.type).name : undefined;
}

export function connections(schema: GraphQLSchema): ConnectionField[] {
  const keyArgs = (field: GraphQLField<unknown, unknown>): string[] =>
    field.args.map(({ name }) => name).filter((name) => !pageArguments.includes(name));
  return objectTypes(schema).flatMap((type) =>
    Object.values(type.getFields()).flatMap((field) => {
      const edge = edgeType(field);
      return edge === undefined ? [] : { type: type.name, field: field.name, keyArgs: keyArgs(field), edge };
    }),
  );
}
