/** The text of a parsed document. The package `graphql` is not needed for it. */
import { asArray, asObject, asString, type JsonObject } from "../json.js";

const nodes = (value: unknown): readonly JsonObject[] => asArray(value).map(asObject);
const nameOf = ({ name }: JsonObject): string => asString(asObject(name)["value"]) ?? "";
const all = (value: unknown, separator: string): string => nodes(value).map(print).join(separator);
const inBrackets = (value: unknown): string => (asArray(value).length === 0 ? "" : `(${all(value, ", ")})`);
const words = (...parts: readonly string[]): string => parts.filter(Boolean).join(" ");
const optional = (node: unknown): string => (node === undefined || node === null ? "" : print(asObject(node)));
const on = ({ typeCondition }: JsonObject): string => (typeCondition ? `on ${optional(typeCondition)}` : "");

function field(node: JsonObject): string {
  const alias = asString(asObject(node["alias"])["value"]);
  const name = `${alias === null ? "" : `${alias}: `}${nameOf(node)}${inBrackets(node["arguments"])}`;
  return words(name, all(node["directives"], " "), optional(node["selectionSet"]));
}

function operation(node: JsonObject): string {
  const head = `${nameOf(node)}${inBrackets(node["variableDefinitions"])}`;
  return words(asString(node["operation"]) ?? "", head, all(node["directives"], " "), optional(node["selectionSet"]));
}

function variable(node: JsonObject): string {
  const value = node["defaultValue"] ? `= ${optional(node["defaultValue"])}` : "";
  return words(`${optional(node["variable"])}: ${optional(node["type"])}`, value, all(node["directives"], " "));
}

const printers: Readonly<Record<string, (node: JsonObject) => string>> = {
  Document: (node) => all(node["definitions"], "\n"),
  OperationDefinition: operation,
  VariableDefinition: variable,
  Variable: (node) => `$${nameOf(node)}`,
  SelectionSet: (node) => `{ ${all(node["selections"], " ")} }`,
  Field: field,
  Argument: (node) => `${nameOf(node)}: ${optional(node["value"])}`,
  FragmentSpread: (node) => words(`...${nameOf(node)}`, all(node["directives"], " ")),
  InlineFragment: (node) => words("...", on(node), all(node["directives"], " "), optional(node["selectionSet"])),
  FragmentDefinition: (node) => words("fragment", nameOf(node), on(node), all(node["directives"], " "), optional(node["selectionSet"])),
  Directive: (node) => `@${nameOf(node)}${inBrackets(node["arguments"])}`,
  IntValue: (node) => asString(node["value"]) ?? "",
  FloatValue: (node) => asString(node["value"]) ?? "",
  EnumValue: (node) => asString(node["value"]) ?? "",
  StringValue: (node) => JSON.stringify(node["value"]),
  BooleanValue: (node) => String(node["value"]),
  NullValue: () => "null",
  ListValue: (node) => `[${all(node["values"], ", ")}]`,
  ObjectValue: (node) => `{${all(node["fields"], ", ")}}`,
  ObjectField: (node) => `${nameOf(node)}: ${optional(node["value"])}`,
  NamedType: nameOf,
  ListType: (node) => `[${optional(node["type"])}]`,
  NonNullType: (node) => `${optional(node["type"])}!`,
};

function print(node: JsonObject): string {
  const kind = asString(node["kind"]) ?? "";
  const printer = printers[kind];
  if (printer === undefined) throw new TypeError(`A document of operations has no ${kind || "such node"}.`);
  return printer(node);
}

/** The text of a document: of a string, of the string objects of graphql-codegen, or of a parsed document. */
export function documentText(document: object | string): string {
  return "kind" in Object(document) ? print(asObject(document)) : String(document);
}
