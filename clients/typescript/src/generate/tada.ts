/** The environment of gql.tada, in the form that its own command writes. */
import {
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  isUnionType,
  introspectionFromSchema,
  type GraphQLField,
  type GraphQLFieldMap,
  type GraphQLInputObjectType,
  type GraphQLNamedType,
  type GraphQLSchema,
  type GraphQLType,
  type IntrospectionInputObjectType,
} from "graphql";
import { typesOf } from "./facts.js";

const quote = (text: string): string => JSON.stringify(text);
const union = (names: readonly string[]): string => names.map(quote).join(" | ") || "never";

function kind(type: GraphQLNamedType): string {
  if (isScalarType(type)) return "SCALAR";
  if (isEnumType(type)) return "ENUM";
  if (isInputObjectType(type)) return "INPUT_OBJECT";
  if (isInterfaceType(type)) return "INTERFACE";
  return isUnionType(type) ? "UNION" : "OBJECT";
}

function reference(type: GraphQLType): string {
  if (isNonNullType(type)) return `{ kind: "NON_NULL"; name: never; ofType: ${reference(type.ofType)} }`;
  if (isListType(type)) return `{ kind: "LIST"; name: never; ofType: ${reference(type.ofType)} }`;
  return `{ kind: ${quote(kind(type))}; name: ${quote(type.name)}; ofType: null }`;
}

function fields(map: GraphQLFieldMap<unknown, unknown>): string {
  const one = ({ name, type }: GraphQLField<unknown, unknown>): string =>
    `${quote(name)}: { name: ${quote(name)}; type: ${reference(type)} }`;
  return `{ ${Object.values(map).map(one).join("; ")} }`;
}

type Defaults = ReadonlyMap<string, string | null | undefined>;

function defaultValues(schema: GraphQLSchema): ReadonlyMap<string, Defaults> {
  const { types } = introspectionFromSchema(schema).__schema;
  const isInput = (type: (typeof types)[number]): type is IntrospectionInputObjectType => type.kind === "INPUT_OBJECT";
  const defaults = ({ inputFields }: IntrospectionInputObjectType): Defaults =>
    new Map(inputFields.map(({ name, defaultValue }) => [name, defaultValue]));
  return new Map(types.filter(isInput).map((type) => [type.name, defaults(type)]));
}

function inputFields(type: GraphQLInputObjectType, defaults: Defaults | undefined): string {
  const one = (name: string, of: GraphQLType): string => {
    const value = defaults?.get(name);
    return `{ name: ${quote(name)}; type: ${reference(of)}; defaultValue: ${typeof value === "string" ? quote(value) : "null"} }`;
  };
  return `[${Object.values(type.getFields()).map(({ name, type: of }) => one(name, of)).join(", ")}]`;
}

function definition(type: GraphQLNamedType, schema: GraphQLSchema, defaults: ReadonlyMap<string, Defaults>): string {
  const name = quote(type.name);
  if (isScalarType(type)) return "unknown";
  if (isEnumType(type)) return `{ name: ${name}; enumValues: ${union(type.getValues().map((value) => value.name))} }`;
  if (isInputObjectType(type)) {
    const members = inputFields(type, defaults.get(type.name));
    return `{ kind: "INPUT_OBJECT"; name: ${name}; isOneOf: ${String(type.isOneOf)}; inputFields: ${members} }`;
  }
  const own = isUnionType(type) ? "{}" : fields(type.getFields());
  const shape = `kind: ${quote(kind(type))}; name: ${name}; fields: ${own}`;
  if (isObjectType(type)) return `{ ${shape} }`;
  return `{ ${shape}; possibleTypes: ${union(schema.getPossibleTypes(type).map((possible) => possible.name))} }`;
}

export function tadaEnvironment(schema: GraphQLSchema): string {
  const root = (type: GraphQLNamedType | null | undefined): string => (type ? quote(type.name) : "never");
  const defaults = defaultValues(schema);
  const types = typesOf(schema).map((type) => `    ${quote(type.name)}: ${definition(type, schema, defaults)};`);
  return `export type introspection = {
  name: never;
  query: ${root(schema.getQueryType())};
  mutation: ${root(schema.getMutationType())};
  subscription: ${root(schema.getSubscriptionType())};
  types: {
${types.join("\n")}
  };
};
`;
}
