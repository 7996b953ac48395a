// The operation in the editors, as it is run and copied.

const { GraphQL } = GraphiQL;

function parse(query) {
  try {
    return GraphQL.parse(query).definitions.filter(({ kind }) => kind === 'OperationDefinition');
  } catch {
    return [];
  }
}

/** The operation of this name, else the first: GraphiQL notices a changed name a little late. */
function choose(operations, chosenName) {
  return operations.find(({ name }) => name?.value === chosenName) ?? operations[0];
}

/** The name to send with `query`, if it has an operation. */
export function knownName(query, chosenName) {
  const operations = parse(query);
  return operations.length > 0 ? choose(operations, chosenName).name?.value : chosenName;
}

function variablesOf(text) {
  try {
    return text.trim() ? JSON.parse(text) : undefined;
  } catch {
    return undefined; // GraphiQL reports it at the next run
  }
}

/** What is copied. */
export function readOperation(editors) {
  const query = editors.query().replace(/^\s*(#.*\n\s*)*/, '').trimEnd();
  const operations = parse(query);
  const chosen = choose(operations, editors.operationName());
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
