# syntax=docker/dockerfile:1
# The image of the shipped server: HALLPASS_COMMIT=$(git rev-parse HEAD) docker build --build-arg HALLPASS_COMMIT -t hallpass .
# A test compares RUST_VERSION with `rust-version` in Cargo.toml.
ARG RUST_VERSION=1.95
# The C library, CA certificates and a user without privileges; no shell.
ARG RUNTIME=gcr.io/distroless/cc-debian12:nonroot

FROM rust:${RUST_VERSION}-slim-bookworm AS build
# The versions are those of the tagged base image.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake gcc g++ make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# What --version prints, since the context has no .git. A variable of the build only: the server rejects variables that
# begin with HALLPASS_ and are no setting.
ARG HALLPASS_COMMIT=
# The cache has compiled dependencies and downloaded crates: a change of the server compiles its own crates only.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/source/target,sharing=locked \
    cargo build --release --locked --package hallpass-server --bin hallpass \
    && install -D target/release/hallpass /image/hallpass \
    && mkdir /image/data

FROM ${RUNTIME} AS runtime
LABEL org.opencontainers.image.title="Hallpass" \
      org.opencontainers.image.description="A GraphQL API server for teams whose front end signs users in with Better Auth" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /image/hallpass /usr/local/bin/hallpass
# The only directory that the server writes to, and only with SQLite. With PostgreSQL the root file system is read-only.
COPY --from=build --chown=65532:65532 /image/data /data
WORKDIR /data
USER 65532:65532
ENV API_HOST=0.0.0.0 METRICS_ADDR=0.0.0.0:9464
EXPOSE 8000 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/hallpass", "health"]
ENTRYPOINT ["/usr/local/bin/hallpass"]
CMD ["serve"]
