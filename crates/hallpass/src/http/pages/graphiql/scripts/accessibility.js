// Names and roles that GraphiQL and its explorer do not set.

export function setUpAccessibility() {}
