# Builds and pushes the images of all services, each for amd64 and arm64 (docs/images.md):
#
#   REGISTRY=192.168.0.35:5000 REVISION=$(git rev-parse --short=12 HEAD) docker buildx bake
#
# Both platforms are in one target on purpose. Never narrow it with `--set '*.platform=…'`: the tag would then be pushed
# with one platform and replace the one with both. For one platform there is the group `local`.

# Where images are pushed to, HOST:PORT, as in buildkitd.toml and registries.yaml.
variable "REGISTRY" {
  default = ""
  validation {
    condition     = REGISTRY != ""
    error_message = "REGISTRY is not set: export REGISTRY=192.168.0.35:5000, with the address of your registry."
  }
  validation {
    condition     = REGISTRY == "" || length(regexall("^[a-z0-9.-]+(:[0-9]+)?$", REGISTRY)) == 1
    error_message = "REGISTRY must be HOST or HOST:PORT, without a scheme and without a path: export REGISTRY=192.168.0.35:5000."
  }
  validation {
    condition     = REGISTRY != "localhost"
    error_message = "REGISTRY must not be localhost without a port: that is the name of images that the group `local` loads."
  }
}

# The tag: the git revision that is built.
variable "REVISION" {
  default = ""
  validation {
    condition     = REVISION != ""
    error_message = "REVISION is not set: export REVISION=$(git rev-parse --short=12 HEAD)."
  }
  validation {
    condition     = REVISION != "latest" && length(regexall("PLACEHOLDER", upper(REVISION))) == 0
    error_message = "REVISION must name what is built, not latest and no placeholder: export REVISION=$(git rev-parse --short=12 HEAD)."
  }
  # The grammar of tags of the OCI distribution specification.
  validation {
    condition     = REVISION == "" || length(regexall("^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$", REVISION)) == 1
    error_message = "REVISION must be a tag: at most 128 letters, digits, `_`, `.` and `-`, the first a letter, a digit or `_`."
  }
}

# The version in Cargo.toml, for the labels; the revision where it is not set.
variable "VERSION" {
  default = ""
}

# Where the sources are, an URL, for the labels; left out where it is not set.
variable "SOURCE" {
  default = ""
}

# Whether layers are kept in the registry, for builders that have not built this before.
variable "CACHE" {
  default = true
}

# What the programs stand on.
variable "RUNTIME_IMAGE" {
  default = "gcr.io/distroless/cc-debian13:latest"
}

# What is built, each with the sentence that describes it. Functions, as variables can be changed by the environment.
function "services" {
  params = []
  result = {
    ingest-api     = "Takes CloudEvents over HTTP and writes them to Redis streams"
    process-worker = "Consumes events from Redis streams into a SQLite cache"
    query-api      = "Answers queries about processed events from its own cache"
    simulator      = "Makes the load of an experiment and measures it"
  }
}

# Keys of the OCI image specification, "Annotations". The same are labels, which `docker inspect` shows, and annotations,
# which a registry shows without the configuration.
function "metadata" {
  params = [service, base]
  result = {
    "org.opencontainers.image.title"       = service
    "org.opencontainers.image.description" = services()[service]
    "org.opencontainers.image.source"      = SOURCE
    "org.opencontainers.image.revision"    = REVISION
    "org.opencontainers.image.version"     = VERSION == "" ? REVISION : VERSION
    "org.opencontainers.image.licenses"    = "Apache-2.0"
    "org.opencontainers.image.base.name"   = base
  }
}

function "labels" {
  params = [service, base]
  result = { for key, value in metadata(service, base) : key => value if value != "" }
}

# On the index, which the tag points to, and on the manifest of each platform.
function "annotations" {
  params = [service, base]
  result = [for key, value in labels(service, base) : "index,manifest:${key}=${value}"]
}

group "default" {
  targets = ["images"]
}

target "_settings" {
  # Provenance and SBOM would be further manifests in the index, of the platform unknown/unknown, which confuse people and
  # old tools. An empty list does not switch them off.
  attest = ["type=provenance,disabled=true", "type=sbom,disabled=true"]
  args = {
    REVISION      = REVISION
    RUNTIME_IMAGE = RUNTIME_IMAGE
  }
}

target "_pushed" {
  inherits  = ["_settings"]
  platforms = ["linux/amd64", "linux/arm64"]
  # OCI types, as Docker's have no annotations. gzip, as every registry and every tool reads it.
  output = ["type=registry,oci-mediatypes=true,compression=gzip"]
}

# Compiled here, for both platforms.
target "images" {
  name        = service
  matrix      = { service = keys(services()) }
  inherits    = ["_pushed"]
  target      = service
  tags        = ["${REGISTRY}/testbed/${service}:${REVISION}"]
  labels      = labels(service, RUNTIME_IMAGE)
  annotations = annotations(service, RUNTIME_IMAGE)
  cache-from  = CACHE ? ["type=registry,ref=${REGISTRY}/testbed/cache"] : []
  # Written by one of them: all have the stages that take long in common, and would overwrite each other.
  cache-to = CACHE && service == "ingest-api" ? [
    "type=registry,ref=${REGISTRY}/testbed/cache,mode=max,image-manifest=true,oci-mediatypes=true"
  ] : []
}

# From programs that were built outside, dist/{amd64,arm64}/SERVICE, on the C library in dist/base/{amd64,arm64}.
target "prebuilt" {
  name        = "${service}-prebuilt"
  matrix      = { service = keys(services()) }
  inherits    = ["_pushed"]
  target      = service
  tags        = ["${REGISTRY}/testbed/${service}:${REVISION}"]
  labels      = labels(service, "")
  annotations = annotations(service, "")
  contexts = {
    programs = "dist"
    runtime  = "target:_prebuilt-runtime"
  }
}

target "_prebuilt-runtime" {
  context           = "dist/base"
  platforms         = ["linux/amd64", "linux/arm64"]
  dockerfile-inline = <<DOCKERFILE
FROM scratch
ARG TARGETARCH
COPY /$TARGETARCH/ /
DOCKERFILE
}

# For this machine alone, loaded into its Docker. Without a registry in the name, so that a push can never replace the
# image for both platforms; `REGISTRY=localhost docker compose up` takes it.
target "local" {
  name     = "${service}-local"
  matrix   = { service = keys(services()) }
  inherits = ["_settings"]
  target   = service
  tags     = ["localhost/testbed/${service}:${REVISION}"]
  labels   = labels(service, RUNTIME_IMAGE)
  output   = ["type=docker"]
}
