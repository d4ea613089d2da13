//! Prepares a whole NIfTI image as settings say and writes its voxels as little-endian float32, x
//! fastest: `prepare IMAGE OUTPUT [KEY=VALUE ...]`. The keys are those of the modality's settings,
//! in TOML: `prepare mr.nii.gz mr.raw 'bias_field={}' 'resample_mm=[1,1,1]' 'interpolation="cubic"'`.
//! Prints a line of size and origin, then of seconds (without reading and writing) and of the peak
//! memory in MiB.

use std::{env, error::Error, io::Write, path::Path, time::Instant};

use ndarray::Array3;
use oncoweave_imaging::{
    ImagingSettings, Mask, prepare_image, read_nifti, register, resample_image, resample_onto,
};

#[expect(clippy::print_stdout, reason = "a program that prints")]
fn main() -> Result<(), Box<dyn Error>> {
    let (settings, paths): (Vec<String>, Vec<String>) =
        env::args().skip(1).partition(|argument| argument.contains('='));
    let settings: ImagingSettings = toml::from_str(&settings.join("\n"))?;
    let [image, output] = paths.as_slice() else {
        return Err("usage: prepare IMAGE OUTPUT [KEY=VALUE ...]".into());
    };
    let volume = read_nifti(Path::new(image))?;
    let voxels = Array3::from_elem(volume.voxels.dim(), true);
    let mask = Mask { voxels, geometry: volume.geometry };
    let reference = settings.register.as_ref().map(|register| read_nifti(&register.to));
    let reference = reference.transpose()?;

    let started = Instant::now();
    let mut prepared = prepare_image(&volume, &mask, &settings)?;
    if let (Some(registration), Some(reference)) = (&settings.register, &reference) {
        let transform = register(reference, &prepared, registration)?;
        println!("{transform}");
        let geometry = &reference.geometry;
        let moved = resample_onto(&prepared, geometry, &transform, settings.interpolation);
        *prepared.to_mut() = moved;
    }
    if let Some(spacing_mm) = &settings.resample_mm {
        *prepared.to_mut() = resample_image(&prepared, spacing_mm, settings.interpolation)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let [x, y, z] = prepared.geometry.size;
    let origin = prepared.geometry.origin_mm;
    println!("{x} {y} {z} {} {} {}", origin[0], origin[1], origin[2]);
    let status = fs_err::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: f64 =
        peak.and_then(|line| line.split_whitespace().next()).unwrap_or("0").parse()?;
    println!("{seconds:.3} {:.0}", kilobytes / 1024.0);

    let mut file = std::io::BufWriter::new(fs_err::File::create(output)?);
    for voxel in &prepared.voxels {
        file.write_all(&voxel.to_le_bytes())?;
    }
    Ok(file.flush()?)
}
