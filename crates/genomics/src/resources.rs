use crate::{
    Error, VariantSettings, VcfSettings,
    panels::{Panel, Panels},
    reference::Reference,
};

/// What the settings of a VCF modality name in files: read once, used for every patient.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct VcfResources {
    /// What both kinds of files with small variants use.
    pub variants: VariantResources,
    pub(crate) reference: Option<Reference>,
}

impl VcfResources {
    /// Reads the files that the settings name; their paths must be ones that the program can open.
    ///
    /// # Errors
    /// When one of them cannot be read or is not what its setting asks for.
    pub fn load(settings: &VcfSettings) -> Result<Self, Error> {
        let reference = settings.reference.as_deref().map(Reference::open).transpose()?;
        Ok(Self { variants: VariantResources::load(&settings.variants)?, reference })
    }
}

/// What the settings of small variants, of VCF or MAF, name in files: read once.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct VariantResources {
    panels: Panels,
}

impl VariantResources {
    /// Reads the files that the settings name; their paths must be ones that the program can open.
    ///
    /// # Errors
    /// When one of them cannot be read or is not what its setting asks for.
    pub fn load(settings: &VariantSettings) -> Result<Self, Error> {
        Ok(Self { panels: Panels::load(settings)? })
    }

    /// The gene panel of that name.
    ///
    /// # Errors
    /// When the settings name no file that holds it.
    pub fn panel(&self, name: &str) -> Result<&Panel, Error> {
        self.panels.get(name).ok_or_else(|| Error::NoSuchPanel { panel: name.to_owned() })
    }
}
