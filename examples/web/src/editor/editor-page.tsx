export function EditorPage(_: { readonly part?: string; readonly slug?: string }): null { return null; }
