//! Images as this repository's build makes them, to be broken.

use crate::elf::{AARCH64, Elf, X86_64};
use crate::layer::{Layer, Packing};

/// The program of the entrypoint.
pub(crate) const PROGRAM: &str = "/usr/local/bin/ingest-api";

/// Whose media types are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OCI image specification 1.1.
    Oci,
    /// Docker's image manifest, version 2, schema 2.
    Docker,
}

/// An index with its children, or one child without an index.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) dialect: Dialect,
    pub(crate) packing: Packing,
    pub(crate) children: Vec<Child>,
    pub(crate) is_index: bool,
    /// The platform of an attestation for each child in the index besides: buildx makes them by default, as
    /// `unknown/unknown`.
    pub(crate) attestations: Option<&'static str>,
}

/// The image of one platform.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    /// Platform in the index: `linux/arm/v7`.
    pub(crate) platform: String,
    /// Platform in the configuration.
    pub(crate) configured: String,
    pub(crate) user: String,
    pub(crate) entrypoint: Vec<String>,
    /// `org.opencontainers.image.title`
    pub(crate) title: String,
    /// The runtime base, then the program.
    pub(crate) layers: Vec<Layer>,
}

impl Image {
    /// Both platforms, nothing wrong.
    pub(crate) fn healthy() -> Self {
        Self::of(vec![Child::amd64(), Child::arm64()])
    }

    pub(crate) fn of(children: Vec<Child>) -> Self {
        Self { dialect: Dialect::Oci, packing: Packing::Gzip, children, is_index: true, attestations: None }
    }

    pub(crate) fn amd64(&mut self) -> &mut Child {
        &mut self.children[0]
    }

    pub(crate) fn arm64(&mut self) -> &mut Child {
        &mut self.children[1]
    }
}

impl Child {
    pub(crate) fn amd64() -> Self {
        Self::new("linux/amd64", vec![base(X86_64), program(&dynamic_program(X86_64).write())])
    }

    pub(crate) fn arm64() -> Self {
        Self::new("linux/arm64", vec![base(AARCH64), program(&dynamic_program(AARCH64).write())])
    }

    pub(crate) fn new(platform: &str, layers: Vec<Layer>) -> Self {
        Self {
            platform: platform.to_owned(),
            configured: platform.to_owned(),
            user: "65532:65532".to_owned(),
            entrypoint: vec![PROGRAM.to_owned()],
            title: "ingest-api".to_owned(),
            layers,
        }
    }

    /// Has other bytes as its program.
    pub(crate) fn set_program(&mut self, bytes: &[u8]) {
        self.layers[1] = program(bytes);
    }
}

/// A program like those of Rust: it needs `libc.so.6` of glibc 2.34 and `libgcc_s.so.1`.
pub(crate) fn dynamic_program(machine: u16) -> Elf {
    Elf::program(machine)
        .interpreter(loader(machine))
        .needs("libgcc_s.so.1", &["GCC_3.0"])
        .needs("libc.so.6", &["GLIBC_2.17", "GLIBC_2.34"])
}

/// A layer with a program where the entrypoint looks for it.
pub(crate) fn program(bytes: &[u8]) -> Layer {
    Layer::default().file(PROGRAM, 0o755, bytes)
}

/// What programs are loaded with, laid out as Debian does: the old directories are links into `/usr`.
pub(crate) fn base(machine: u16) -> Layer {
    base_with(machine, &["GLIBC_2.17", "GLIBC_2.34", "GLIBC_2.36"])
}

/// A base whose libc defines these versions.
pub(crate) fn base_with(machine: u16, libc: &[&str]) -> Layer {
    let libraries = multiarch(machine);
    folders()
        .file(&format!("/usr{}", loader(machine)), 0o755, &interpreter(machine))
        .file(&format!("{libraries}/libc.so.6"), 0o755, &Elf::library(machine, "libc.so.6", libc).write())
        .file(&format!("{libraries}/libgcc_s.so.1"), 0o644, &libgcc(machine))
}

pub(crate) fn folders() -> Layer {
    Layer::default()
        .directory("/usr", 0o755)
        .directory("/usr/bin", 0o755)
        .directory("/usr/lib", 0o755)
        .directory("/usr/lib64", 0o755)
        .symlink("/bin", "usr/bin")
        .symlink("/lib", "usr/lib")
        .symlink("/lib64", "usr/lib64")
}

pub(crate) fn interpreter(machine: u16) -> Vec<u8> {
    Elf::library(machine, loader(machine).rsplit('/').next().unwrap(), &[]).write()
}

pub(crate) fn libgcc(machine: u16) -> Vec<u8> {
    Elf::library(machine, "libgcc_s.so.1", &["GCC_3.0"]).needs("libc.so.6", &["GLIBC_2.17"]).write()
}

/// By the ABI of each architecture.
pub(crate) fn loader(machine: u16) -> &'static str {
    if machine == AARCH64 { "/lib/ld-linux-aarch64.so.1" } else { "/lib64/ld-linux-x86-64.so.2" }
}

/// Where Debian keeps the libraries of an architecture.
pub(crate) fn multiarch(machine: u16) -> &'static str {
    if machine == AARCH64 { "/usr/lib/aarch64-linux-gnu" } else { "/usr/lib/x86_64-linux-gnu" }
}
