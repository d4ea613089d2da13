//! Images of a cohort's raw files, read when somebody looks at them.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use oncoweave_cohort::{Kind, Manifest, read_files};
use oncoweave_core::PatientId;
use oncoweave_imaging::picture::{Window, display_window};
use oncoweave_imaging::{
    ImagingSettings, Mask, Volume, onto_grid, read_dicom_folder, read_nifti_region,
    read_nifti_volume,
};

use crate::Error;

/// How much of the images looked at last is kept in memory; the very last is kept whatever its size.
const KEPT_BYTES: usize = 256 << 20;

/// Windows for CT by name: width and level as radiology uses them, as low and high HU.
pub(crate) const WINDOWS: [(&str, &str, f32, f32); 5] = [
    ("soft", "Soft tissue (W 400, L 40)", -160.0, 240.0),
    ("lung", "Lung (W 1500, L \u{2212}600)", -1350.0, 150.0),
    ("bone", "Bone (W 1800, L 400)", -500.0, 1300.0),
    ("brain", "Brain (W 80, L 40)", 0.0, 80.0),
    ("liver", "Liver (W 150, L 30)", -45.0, 105.0),
];

/// The images of one patient and modality.
#[derive(Clone, Debug)]
pub(crate) struct ImageSource {
    pub(crate) modality: String,
    path: PathBuf,
    mask: Option<PathBuf>,
    is_dicom: bool,
    settings: ImagingSettings,
}

/// An image in memory with its region, where that can be read.
#[derive(Debug)]
pub(crate) struct Slices {
    pub(crate) volume: Volume,
    pub(crate) mask: Option<Mask>,
    /// The window that suits the image.
    pub(crate) usual: Window,
}

type Key = (String, PathBuf, Option<PathBuf>);

/// All images of a cohort by patient.
#[derive(Debug)]
pub(crate) struct Images {
    sources: HashMap<PatientId, Vec<ImageSource>>,
    /// By patient's image: several regions may lie in one file.
    kept: Mutex<VecDeque<(Key, Arc<Slices>)>>,
}

impl Images {
    /// Finds the images that a manifest lists; none is opened.
    pub(crate) fn read(manifest: &Path) -> Result<Self, Error> {
        let manifest = Manifest::read(manifest)?;
        let mut settings = HashMap::new();
        for modality in &manifest.modalities {
            if matches!(modality.kind, Kind::Dicom | Kind::Nifti) {
                settings
                    .insert(modality.name.as_str(), (modality.kind, imaging(&manifest, modality)?));
            }
        }
        let mut sources: HashMap<PatientId, Vec<ImageSource>> = HashMap::new();
        for file in read_files(&manifest)?.files {
            let Some((kind, settings)) = settings.get(file.modality.as_str()) else { continue };
            sources.entry(file.patient_id).or_default().push(ImageSource {
                modality: file.modality,
                path: file.path,
                mask: file.mask,
                is_dicom: *kind == Kind::Dicom,
                settings: settings.clone(),
            });
        }
        Ok(Self { sources, kept: Mutex::default() })
    }

    /// A patient's images, one for each modality and date.
    pub(crate) fn of(&self, patient: &PatientId) -> &[ImageSource] {
        self.sources.get(patient).map_or(&[], Vec::as_slice)
    }

    /// Reads an image, or takes it from memory. Takes seconds: not for the event loop.
    pub(crate) fn open(
        &self,
        source: &ImageSource,
    ) -> Result<Arc<Slices>, oncoweave_imaging::Error> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source.modality.clone(), source.path.clone(), source.mask.clone());
        if let Some((_, slices)) = kept().iter().find(|(known, _)| *known == key) {
            return Ok(Arc::clone(slices));
        }
        let (volume, mask) = source.read()?;
        let slices = Arc::new(Slices { usual: display_window(&volume), volume, mask });
        let mut kept = kept();
        kept.push_back((key, Arc::clone(&slices)));
        let bytes = |kept: &VecDeque<(Key, Arc<Slices>)>| -> usize {
            kept.iter().map(|(_, slices)| slices.bytes()).sum()
        };
        while kept.len() > 1 && bytes(&kept) > KEPT_BYTES {
            kept.pop_front();
        }
        Ok(slices)
    }
}

impl ImageSource {
    fn read(&self) -> Result<(Volume, Option<Mask>), oncoweave_imaging::Error> {
        if self.is_dicom {
            let (volume, mask) = read_dicom_folder(&self.path, &self.settings)?;
            return Ok((volume, Some(mask)));
        }
        let mut volume = read_nifti_volume(&self.path, self.settings.volume)?;
        volume.unit = self.settings.unit.clone().unwrap_or_default();
        let mask = self.mask.as_deref().map(|path| {
            let region = read_nifti_region(path, &self.settings)?;
            onto_grid(region, &volume.geometry, self.settings.resample_mask)
        });
        let mask = mask.transpose()?;
        Ok((volume, mask))
    }
}

impl Slices {
    /// What it takes in memory, roughly.
    fn bytes(&self) -> usize {
        let voxels: usize = self.volume.geometry.size.iter().product();
        voxels * (size_of::<f32>() + size_of::<bool>())
    }

    pub(crate) fn is_ct(&self) -> bool {
        self.volume.modality == "CT" || self.volume.unit == "HU"
    }

    /// The window of a name, for CT; the usual one otherwise.
    pub(crate) fn window(&self, name: &str) -> Window {
        let known = WINDOWS.iter().find(|window| window.0 == name && self.is_ct());
        known.map_or(self.usual, |&(_, _, low, high)| Window { low, high })
    }
}

/// The imaging settings of a modality, without the keys that other parts of the program read.
fn imaging(
    manifest: &Manifest,
    modality: &oncoweave_cohort::Modality,
) -> Result<ImagingSettings, Error> {
    let mut options = modality.options.clone();
    options.remove("embedding");
    let folder = manifest.path.parent().unwrap_or(Path::new(""));
    if let Some(toml::Value::String(path)) = options.get_mut("pyradiomics_parameters") {
        *path = folder.join(&*path).display().to_string();
    }
    options.try_into().map_err(|error: toml::de::Error| {
        let problem = format!("the modality `{}`: {}", modality.name, error.message());
        Error::content(&manifest.path, problem)
    })
}
