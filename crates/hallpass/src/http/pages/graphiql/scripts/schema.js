// The schema that the caller sees, with the access rule of each field in its
// description.

import { setStatus } from './dom.js';
import { credentials } from './identity.js';

const { GraphQL } = GraphiQL;

const directive = (field, name) => field.directives?.find((d) => d.name.value === name);
const argument = (node, name) => node?.arguments?.find((a) => a.name.value === name)?.value;

/** The access rule and nullability of a field as one line of Markdown, or ''. */
function ruleLine(field) {
  const parts = [];
  const rule = argument(directive(field, 'access'), 'rule')?.value;
  if (rule) parts.push(`**Access:** \`${rule}\``);
  const nonNull = directive(field, 'semanticNonNull');
  if (nonNull) {
    const levels = argument(nonNull, 'levels')?.values?.map((v) => Number(v.value)) ?? [0];
    if (levels.includes(0)) parts.push('null only on error');
    if (levels.some((level) => level > 0)) parts.push('items null only on error');
  }
  return parts.join(' · ');
}

/** Builds the schema from its SDL, and prepends the access rule to each field's description. */
function buildSchema(sdl) {
  const document = GraphQL.visit(GraphQL.parse(sdl), {
    FieldDefinition(field) {
      const line = ruleLine(field);
      if (!line) return undefined;
      // A hard line break, not a new paragraph: lists show the first paragraph only.
      const text = field.description ? `${line}  \n${field.description.value}` : line;
      return { ...field, description: { kind: 'StringValue', value: text, block: true } };
    },
  });
  return GraphQL.buildASTSchema(document, { assumeValidSDL: true });
}

/** The schema that the selected identity sees, or null on failure (GraphiQL then skips introspection). */
export async function loadSchema() {
  try {
    const request = await credentials();
    request.headers.set('GraphQL-Require-Preflight', '1');
    const response = await fetch('schema.graphql', { ...request, cache: 'no-store' });
    const schema = response.ok ? buildSchema(await response.text()) : null;
    const off = response.status === 404;
    setStatus('docs', schema ? '' : `No schema: ${off ? 'introspection is disabled' : `HTTP ${response.status}`}`, !off);
    return schema;
  } catch (error) {
    setStatus('docs', `No schema: ${error.message}`, true);
  }
  return null;
}
