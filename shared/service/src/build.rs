//! What was built.

/// Version of the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Git revision, where the build knew it.
pub const REVISION: Option<&str> = option_env!("GIT_REVISION");

/// The architecture of this program as Go and OCI name it: `amd64`, `arm64`.
pub const ARCH: &str = if cfg!(target_arch = "x86_64") {
    "amd64"
} else if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    std::env::consts::ARCH
};
