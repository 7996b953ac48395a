const { VITE_AUTH_URL, VITE_API_URL, VITE_DEMO } = import.meta.env;

export const authUrl = VITE_AUTH_URL;
export const graphqlUrl = `${VITE_API_URL}/graphql`;
export const liveUrl = `${VITE_API_URL.replace(/^http/, "ws")}/graphql/ws`;
export const isDemo = VITE_DEMO === "true";
