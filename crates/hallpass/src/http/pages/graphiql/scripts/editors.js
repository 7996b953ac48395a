// What GraphiQL's editors hold, and changes to it.

const { useEditorContext } = GraphiQL.React;

function headersOf(text) {
  try {
    const headers = JSON.parse(text || '{}');
    return headers && typeof headers === 'object' && !Array.isArray(headers) ? headers : {};
  } catch {
    return {}; // GraphiQL reports it at the next run
  }
}

const isBlank = (text) => text.replace(/#.*$/gm, '').trim() === '';

/** The editors of the active tab. */
export function useEditors() {
  const context = useEditorContext({ nonNull: true });
  const { queryEditor, variableEditor, headerEditor, responseEditor, addTab, updateActiveTabValues } = context;
  return {
    tab: context.tabs[context.activeTabIndex]?.id,
    query: () => queryEditor?.getValue() ?? '',
    variables: () => variableEditor?.getValue() ?? '',
    headers: () => headersOf(headerEditor?.getValue()),
    /** Empties the response of this tab. */
    clearResponse() {
      responseEditor?.setValue('');
      updateActiveTabValues({ response: null });
    },
    operationName: () => queryEditor?.operationName ?? null,
    /** Shows `text`: in this tab if `isReplaceable(its text)`, else in a new one. */
    show(text, isReplaceable) {
      const present = queryEditor?.getValue() ?? '';
      if (!isBlank(present) && !isReplaceable(present)) addTab();
      queryEditor?.setValue(text);
    },
  };
}
