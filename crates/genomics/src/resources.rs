use crate::{Error, VcfSettings};

/// What the settings of a VCF modality name in files: read once, used for every patient.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct VcfResources {}

impl VcfResources {
    /// Reads the files that the settings name; their paths must be ones that the program can open.
    ///
    /// # Errors
    /// When one of them cannot be read or is not what its setting asks for.
    pub fn load(_settings: &VcfSettings) -> Result<Self, Error> {
        Ok(Self::default())
    }
}
