//! Measures the region of an image and prints its features, one a line, with the time they took on
//! stderr: `radiomics IMAGE MASK [KEY=VALUE ...]` for NIfTI files, `radiomics FOLDER [KEY=VALUE ...]`
//! for a DICOM series with its mask. The keys are those of the modality's settings, in TOML:
//! `radiomics ct.nii.gz gtv.nii.gz bin_width=25 'families=["glcm", "glrlm"]'`.

use std::{env, error::Error, path::Path, time::Instant};

use oncoweave_imaging::{ImagingSettings, dicom_features, nifti_features};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints")]
fn main() -> Result<(), Box<dyn Error>> {
    let (settings, paths): (Vec<String>, Vec<String>) =
        env::args().skip(1).partition(|argument| argument.contains('='));
    let settings: ImagingSettings = toml::from_str(&settings.join("\n"))?;
    let settings = settings.load()?;
    let started = Instant::now();
    let features = match paths.as_slice() {
        [folder] => dicom_features(Path::new(folder), &settings)?,
        [image, mask] => nifti_features(Path::new(image), Path::new(mask), &settings)?,
        _ => return Err("usage: radiomics (IMAGE MASK | FOLDER) [KEY=VALUE ...]".into()),
    };
    let seconds = started.elapsed().as_secs_f64();
    for feature in &features {
        let value = feature.value.map_or_else(String::new, |value| value.to_string());
        println!("{},{value}", feature.info.name);
    }
    eprintln!("{} features in {seconds:.3} s", features.len());
    Ok(())
}
