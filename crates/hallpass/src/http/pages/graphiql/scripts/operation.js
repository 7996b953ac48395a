// The operation in the editors, for the code that is copied.

const { GraphQL } = GraphiQL;

function parse(query) {
  try {
    return GraphQL.parse(query).definitions.filter(({ kind }) => kind === 'OperationDefinition');
  } catch {
    return [];
  }
}

function variablesOf(text) {
  try {
    return text.trim() ? JSON.parse(text) : undefined;
  } catch {
    return undefined; // GraphiQL reports it at the next run
  }
}

/** The chosen operation: the one of GraphiQL, else the first. */
export function readOperation(editors) {
  const query = editors.query().replace(/^\s*(#.*\n\s*)*/, '').trimEnd();
  const operations = parse(query);
  const chosen = operations.find(({ name }) => name?.value === editors.operationName()) ?? operations[0];
  const kind = chosen?.operation ?? 'query';
  return {
    url: new URL('graphql', document.baseURI).href,
    query,
    variables: variablesOf(editors.variables()),
    headers: editors.headers(),
    name: chosen?.name?.value,
    operationName: operations.length > 1 ? chosen?.name?.value : undefined,
    kind,
    isSubscription: kind === 'subscription',
  };
}
