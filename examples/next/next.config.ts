import type { NextConfig } from "next";

const config: NextConfig = {
  poweredByHeader: false,
  // This directory, not the repository: other lock files are not those of this application.
  turbopack: { root: import.meta.dirname },
};

export default config;
