/** The schema in which a field with `@semanticNonNull` is non-null: for clients that throw on errors. */
import { Kind, parse, print, visit, type DirectiveNode, type FieldDefinitionNode, type TypeNode } from "graphql";

const DIRECTIVE = "semanticNonNull";

function isSemanticNonNull(directive: DirectiveNode): boolean {
  return directive.name.value === DIRECTIVE;
}

/** The depths of a list at which values are non-null. 0, the value itself, without the argument `levels`. */
function levels(directive: DirectiveNode): ReadonlySet<number> {
  const value = directive.arguments?.find((argument) => argument.name.value === "levels")?.value;
  if (value?.kind !== Kind.LIST) return new Set([0]);
  return new Set(value.values.flatMap((item) => (item.kind === Kind.INT ? Number(item.value) : [])));
}

function nonNull(type: TypeNode, at: ReadonlySet<number>, depth = 0): TypeNode {
  const inner = type.kind === Kind.NON_NULL_TYPE ? type.type : type;
  const named = inner.kind === Kind.LIST_TYPE ? { ...inner, type: nonNull(inner.type, at, depth + 1) } : inner;
  return at.has(depth) || type.kind === Kind.NON_NULL_TYPE ? { kind: Kind.NON_NULL_TYPE, type: named } : named;
}

function strictField(field: FieldDefinitionNode): FieldDefinitionNode | undefined {
  const directive = field.directives?.find(isSemanticNonNull);
  if (directive === undefined) return undefined;
  const directives = (field.directives ?? []).filter((other) => !isSemanticNonNull(other));
  return { ...field, type: nonNull(field.type, levels(directive)), directives };
}

export function strictSchema(sdl: string): string {
  const document = visit(parse(sdl), {
    FieldDefinition: strictField,
    DirectiveDefinition: (definition) => (definition.name.value === DIRECTIVE ? null : undefined),
  });
  return `${print(document)}\n`;
}
