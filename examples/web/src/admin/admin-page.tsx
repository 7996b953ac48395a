export function AdminPage(_: { readonly part?: string; readonly slug?: string }): null { return null; }
