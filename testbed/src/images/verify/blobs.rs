//! Blobs of a registry, each fetched once: services share their base, and platforms may share layers.

use crate::console::mebibytes;
use crate::images::filesystem::{Filesystem, Layer};
use crate::images::manifest::{Descriptor, Manifest};
use crate::images::registry::{Registry, RegistryError};
use oci_spec::distribution::Reference;
use std::collections::HashMap;
use std::fs::File;
use std::io;

pub(super) struct Blobs<'a> {
    pub(super) registry: &'a Registry,
    progress: &'a mut dyn FnMut(&str),
    files: HashMap<String, File>,
}

/// Why the files of an image cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilesError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Layer(#[from] crate::images::filesystem::LayerError),
    #[error("no more files can be opened: {0}")]
    Descriptors(#[from] io::Error),
}

impl<'a> Blobs<'a> {
    pub(super) fn new(registry: &'a Registry, progress: &'a mut dyn FnMut(&str)) -> Self {
        Self { registry, progress, files: HashMap::new() }
    }

    /// Tells a slow step.
    pub(super) fn say(&mut self, line: &str) {
        (self.progress)(line);
    }

    /// All files of an image.
    pub(super) async fn files(
        &mut self,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<Filesystem, FilesError> {
        let mut layers = Vec::new();
        for descriptor in &manifest.layers {
            let blob = self.fetch(reference, descriptor).await?;
            layers.push(Layer { media_type: descriptor.media_type.clone(), blob });
        }
        self.say(&format!("unpacking {reference}"));
        Ok(Filesystem::read(layers)?)
    }

    async fn fetch(&mut self, reference: &Reference, descriptor: &Descriptor) -> Result<File, FilesError> {
        if let Some(file) = self.files.get(&descriptor.digest) {
            return Ok(file.try_clone()?);
        }
        self.say(&format!("fetching {} of {reference}", mebibytes(descriptor.size)));
        let file = self.registry.blob(reference, descriptor).await?;
        let copy = file.try_clone()?;
        self.files.insert(descriptor.digest.clone(), file);
        Ok(copy)
    }
}
