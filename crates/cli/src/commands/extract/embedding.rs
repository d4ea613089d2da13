//! Features of an image by a network that was trained elsewhere.

use std::path::PathBuf;

use anyhow::{Result, bail};
use oncoweave_core::Feature;
use oncoweave_imaging::PatchSettings;
use oncoweave_model::{Embedder, EmbeddingArchitecture, EmbeddingDevice, Pooling};
use serde::{Deserialize, Serialize};

/// The most patches that go through a network at once.
const MAX_BATCH: usize = 4096;

/// `embedding` of a modality of images.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmbeddingSettings {
    /// The file of weights or the TorchScript file, as the manifest writes it until it is resolved.
    pub(super) model: PathBuf,
    architecture: EmbeddingArchitecture,
    pub(super) patch: PatchSettings,
    /// Patches that go through the network at once.
    #[serde(default = "sixteen")]
    batch: usize,
    /// How the patches of one image become one row.
    #[serde(default)]
    pooling: Pooling,
    #[serde(default)]
    device: EmbeddingDevice,
}

fn sixteen() -> usize {
    16
}

impl EmbeddingSettings {
    pub(super) fn check(&self) -> Result<()> {
        if !(1..=MAX_BATCH).contains(&self.batch) {
            bail!("embedding.batch must be from 1 to {MAX_BATCH}, got {}", self.batch);
        }
        Ok(self.patch.check()?)
    }

    /// Reads the network for all patients.
    pub(super) fn load(&self) -> Result<Embedder> {
        let shape = self.patch.shape();
        Ok(Embedder::load(&self.model, self.architecture, self.device, &shape)?)
    }

    /// The pooled features of one image's patches, `embedding_0` and on.
    pub(super) fn features(
        &self,
        embedder: &Embedder,
        patches: &ndarray::ArrayD<f32>,
    ) -> Result<Vec<Feature>, oncoweave_model::Error> {
        let pooled = self.pooling.pool(&embedder.embed(patches, self.batch)?);
        let file = self.model.file_name().unwrap_or_default().display();
        let (network, pooling) = (self.architecture.name(), self.pooling.name());
        let feature = |(number, &value): (usize, &f32)| {
            let name = format!("embedding_{number}");
            let meaning = format!(
                "output {number} of the network `{file}` ({network}), {pooling} over patches round \
                 the region"
            );
            Feature::new(&name, "", &meaning, Some(f64::from(value)))
        };
        Ok(pooled.iter().enumerate().map(feature).collect())
    }
}
