// Example queries: one for each persona in development, else the application's.

import { allPersonas, choice, persona } from './identity.js';

const WELCOME = `# Run: Ctrl-Enter.
# Leave: Esc, then Tab.
# The docs (the book icon) show
# the access rule of each field.

`;

let general = '';

export async function loadExamples() {
  try {
    const response = await fetch('graphiql/example.graphql');
    if (response.ok) general = await response.text();
  } catch {
    // The editor is empty at first.
  }
}

const textOf = (of) => WELCOME + (of?.example || general);

/** The example of the chosen persona. */
export const example = () => textOf(persona());

/** Whether `text` is an example that was not edited. */
export const isExample = (text) => [undefined, ...allPersonas()].some((of) => textOf(of).trim() === text.trim());

let isFirst = true;

/** Shows the example of each chosen persona in place of that of the one before, which GraphiQL may have stored. */
export function useExamples({ query, show }) {
  React.useEffect(() => {
    const replace = () => {
      if (isExample(query())) show(example(), isExample);
    };
    if (isFirst && query()) {
      isFirst = false;
      replace();
    }
    return choice.subscribe(replace);
  });
}
