# The images of the four services, for amd64 and arm64: `docker buildx bake` with docker-bake.hcl (docs/images.md).
#
# Everything is compiled on the machine that builds, for the architecture that is asked for. Nothing is emulated: a program
# runs in the stages on $BUILDPLATFORM only, and the stages of the target's platform copy files.

ARG RUST_IMAGE=rust:1.95-slim-trixie
# The same Debian as the toolchain's, so that it has the glibc that the programs were linked against.
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian13:latest

FROM --platform=$BUILDPLATFORM ${RUST_IMAGE} AS toolchain
# The image says which Debian, and a Debian has one version of a compiler.
# hadolint ignore=DL3008
RUN <<SCRIPT
  set -eu
  # The compiler of the other architecture; that of this one is there. Both are the same version.
  case "$(dpkg --print-architecture)" in
    amd64) other="gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ;;
    arm64) other="gcc-x86-64-linux-gnu libc6-dev-amd64-cross" ;;
    *) echo "images are built on amd64 and arm64 only, this is $(dpkg --print-architecture)" >&2; exit 1 ;;
  esac
  apt-get update
  # shellcheck disable=SC2086
  apt-get install --yes --no-install-recommends $other
  rm -rf /var/lib/apt/lists/*
  rustup target add x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu
  cargo install --locked --version 0.1.78 cargo-chef
  rm -rf "$CARGO_HOME/registry"
SCRIPT

FROM --platform=$BUILDPLATFORM toolchain AS planner
WORKDIR /src
COPY . .
RUN cargo chef prepare --recipe-path /recipe.json

FROM --platform=$BUILDPLATFORM toolchain AS build
WORKDIR /src
# The linkers, and the compilers for the C in dependencies (SQLite, ring). No target-cpu: an image runs on every CPU of its
# architecture. Debug information would be stripped anyway; symbols stay, for profilers.
ENV CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=x86_64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    CC_x86_64_unknown_linux_gnu=x86_64-linux-gnu-gcc \
    CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc \
    CARGO_PROFILE_RELEASE_DEBUG=none \
    CARGO_PROFILE_RELEASE_STRIP=debuginfo
# BuildKit sets it. It must not have a default: that would win, and both platforms would hold programs of one.
ARG TARGETARCH
RUN <<SCRIPT
  set -eu
  case "$TARGETARCH" in
    amd64) echo x86_64-unknown-linux-gnu ;;
    arm64) echo aarch64-unknown-linux-gnu ;;
    "") echo "TARGETARCH is empty: build with BuildKit, by docker buildx bake" >&2; exit 1 ;;
    *) echo "images are built for amd64 and arm64 only, not for $TARGETARCH" >&2; exit 1 ;;
  esac >/rust-target
SCRIPT

# The dependencies are a layer apart from the sources: built again only when a manifest or Cargo.lock changes. Downloads are
# kept for each architecture and locked here: cargo's own lock is outside of the folder, so that two builds do not see it.
COPY --from=planner /recipe.json /recipe.json
RUN --mount=type=cache,id=testbed-cargo-${TARGETARCH},sharing=locked,target=/usr/local/cargo/registry \
    cargo chef cook --release --locked --recipe-path /recipe.json --target "$(cat /rust-target)" \
      --package ingest-api --package process-worker --package query-api --package simulator
COPY . .
# After the dependencies, which must not depend on it.
ARG REVISION
# The check asks another variable than the build, so that it sees a TARGETARCH that is not the platform's.
ARG TARGETPLATFORM
RUN --mount=type=cache,id=testbed-cargo-${TARGETARCH},sharing=locked,target=/usr/local/cargo/registry \
    export GIT_REVISION="${REVISION:?is not set: build by docker buildx bake}" \
    && cargo build --release --locked --target "$(cat /rust-target)" \
      --package ingest-api --package process-worker --package query-api --package simulator \
    && install -D --target-directory "/dist/$TARGETARCH" \
      "target/$(cat /rust-target)/release/ingest-api" "target/$(cat /rust-target)/release/process-worker" \
      "target/$(cat /rust-target)/release/query-api" "target/$(cat /rust-target)/release/simulator" \
    && scripts/lib/elf-machine "${TARGETPLATFORM#linux/}" "/dist/$TARGETARCH"/* \
    # Else it would be kept in the cache, and nothing takes it from there.
    && rm -rf target

FROM scratch AS compiled
COPY --from=build /dist/ /

# The group `prebuilt` puts folders in the place of these two stages; then nothing is compiled and no image is pulled. They
# have no commands, since BuildKit asks for the images that a replaced stage's COPY would need.
#
# The programs, as ARCHITECTURE/SERVICE.
FROM compiled AS programs
# The C library and what belongs to it. No shell, no package manager.
FROM ${RUNTIME_IMAGE} AS runtime

# No --platform from here on: these are of the platform that is asked for. A number, as a name fails `runAsNonRoot`.
FROM runtime AS base
USER 65532:65532

FROM base AS ingest-api
ARG TARGETARCH
COPY --from=programs --chmod=0755 /${TARGETARCH}/ingest-api /usr/local/bin/ingest-api
ENTRYPOINT ["/usr/local/bin/ingest-api"]

FROM base AS process-worker
ARG TARGETARCH
COPY --from=programs --chmod=0755 /${TARGETARCH}/process-worker /usr/local/bin/process-worker
ENTRYPOINT ["/usr/local/bin/process-worker"]

FROM base AS query-api
ARG TARGETARCH
COPY --from=programs --chmod=0755 /${TARGETARCH}/query-api /usr/local/bin/query-api
ENTRYPOINT ["/usr/local/bin/query-api"]

FROM base AS simulator
ARG TARGETARCH
COPY --from=programs --chmod=0755 /${TARGETARCH}/simulator /usr/local/bin/simulator
ENTRYPOINT ["/usr/local/bin/simulator"]
