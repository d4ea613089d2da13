use crate::{
    Error, SignatureMatrix, VariantSettings, VcfSettings,
    hotspots::Hotspots,
    panels::{Panel, Panels},
    reference::Reference,
    regions::GeneRegions,
    spectra::sbs96,
};

/// What the settings of a VCF modality name in files: read once, used for every patient.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct VcfResources {
    /// What both kinds of files with small variants use.
    pub variants: VariantResources,
}

impl VcfResources {
    /// Reads the files that the settings name; their paths must be ones that the program can open.
    ///
    /// # Errors
    /// When one of them cannot be read or is not what its setting asks for.
    pub fn load(settings: &VcfSettings) -> Result<Self, Error> {
        Ok(Self { variants: VariantResources::load(&settings.variants)? })
    }
}

/// What the settings of small variants, of VCF or MAF, name in files: read once.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct VariantResources {
    panels: Panels,
    pub(crate) hotspots: Option<Hotspots>,
    pub(crate) gene_intervals: Option<GeneRegions>,
    pub(crate) reference: Option<Reference>,
    /// With its channels in the order of [`sbs96`](crate::spectra::sbs96).
    pub(crate) signatures: Option<SignatureMatrix>,
}

impl VariantResources {
    /// Reads the files that the settings name; their paths must be ones that the program can open.
    ///
    /// # Errors
    /// When one of them cannot be read or is not what its setting asks for.
    pub fn load(settings: &VariantSettings) -> Result<Self, Error> {
        if settings.needs_reference() && settings.reference.is_none() {
            let problem = "`microsatellites` and the spectrum `id83` need the `reference`: the \
                           FASTA of the genome that the variants were called on";
            return Err(Error::Setting { problem: problem.to_owned() });
        }
        let panels = Panels::load(settings)?;
        let hotspots = settings.hotspots.as_deref().map(Hotspots::read).transpose()?;
        let gene_intervals = settings.gene_intervals.as_deref().map(|path| {
            let regions = GeneRegions::read(path)?;
            match settings.genes.iter().find(|gene| !regions.names(gene)) {
                Some(gene) => Err(Error::NoSuchGene { path: path.to_owned(), gene: gene.clone() }),
                None => Ok(regions),
            }
        });
        let signatures = settings.signatures.as_deref().map(|path| {
            let matrix = SignatureMatrix::read(path)?.with_channels(&sbs96::channels());
            matrix.ok_or_else(|| Error::Channels { path: path.to_owned() })
        });
        Ok(Self {
            panels,
            hotspots,
            gene_intervals: gene_intervals.transpose()?,
            reference: settings.reference.as_deref().map(Reference::open).transpose()?,
            signatures: signatures.transpose()?,
        })
    }

    /// The gene panel of that name.
    ///
    /// # Errors
    /// When the settings name no file that holds it.
    pub fn panel(&self, name: &str) -> Result<&Panel, Error> {
        self.panels.get(name).ok_or_else(|| Error::NoSuchPanel { panel: name.to_owned() })
    }
}
