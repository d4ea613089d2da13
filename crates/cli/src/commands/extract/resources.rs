use std::{collections::BTreeMap, path::Path, time::UNIX_EPOCH};

use anyhow::{Context, Result};
use oncoweave_cohort::{Manifest, sha256_bytes, sha256_file};
use oncoweave_genomics::{GeneSets, GenotypeResources, VariantResources, VcfResources};
use oncoweave_imaging::ImagingSettings;
use oncoweave_model::Embedder;

use super::{
    embedding::EmbeddingSettings,
    settings::{Settings, settings_sha256},
};

/// Above so many bytes a file that the settings name is known by its size and its time of change.
const HASHED_BYTES: u64 = 1 << 28;

/// What the settings of a modality name in files, read once for all patients.
pub(super) enum Resources {
    None,
    Vcf(VcfResources),
    Maf(VariantResources),
    Expression(GeneSets),
    Genotype(GenotypeResources),
    /// The settings of images with what their parameter file says, and the network that sees patches.
    Images {
        region: Box<ImagingSettings>,
        network: Option<Box<Embedder>>,
    },
}

impl Resources {
    /// Reads what resolved settings name.
    pub(super) fn load(settings: &Settings, name: &str) -> Result<Self> {
        let place = || format!("modality `{name}`: could not use its settings");
        if let Settings::Dicom(settings) | Settings::Nifti(settings) = settings {
            let region = settings.region.clone().load().with_context(place)?;
            let embedding = settings.embedding.as_ref();
            let network = embedding.map(EmbeddingSettings::load).transpose();
            let network = network.with_context(place)?.map(Box::new);
            return Ok(Self::Images { region: Box::new(region), network });
        }
        let resources = match settings {
            Settings::Vcf(settings) => VcfResources::load(settings).map(Self::Vcf),
            Settings::Maf(settings) => VariantResources::load(&settings.variants).map(Self::Maf),
            Settings::Expression(settings) => {
                settings.check().and_then(|_| GeneSets::load(settings)).map(Self::Expression)
            }
            Settings::Genotype(settings) => GenotypeResources::load(settings).map(Self::Genotype),
            _ => Ok(Self::None),
        };
        resources.with_context(place)
    }
}

/// What tells whether a result was made with the same settings and the same files that they name.
pub(super) fn modality_sha256(settings: String, named: &BTreeMap<String, String>) -> String {
    if named.is_empty() { settings } else { settings_sha256(&(settings, named)) }
}

/// The files that settings name, by their names relative to the manifest, and what tells whether
/// they are the same. Afterwards the settings name them as the program can open them.
pub(super) fn resolve(
    settings: &mut Settings,
    manifest: &Manifest,
) -> Result<BTreeMap<String, String>> {
    let mut named = BTreeMap::new();
    for path in settings.paths_mut() {
        *path = manifest.resolve(path);
        named.insert(manifest.relative(path), fingerprint(path)?);
    }
    Ok(named)
}

/// SHA-256 of the content; of a large file, a reference genome say, of its size and its time of
/// change.
fn fingerprint(path: &Path) -> Result<String> {
    let place = || format!("could not read {}, which the settings name", path.display());
    let metadata = fs_err::metadata(path).with_context(place)?;
    if metadata.len() <= HASHED_BYTES {
        return sha256_file(path).with_context(place);
    }
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(sha256_bytes(format!("{} {changed:?}", metadata.len()).as_bytes()))
}
