//! What an image is and holds, and a picture of it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use oncoweave_imaging::{
    Geometry, ImageInspection, ImageSummary, ImagingSettings, Inspected, RegionSummary,
    inspect_image,
    picture::{axis_letters, contact_sheet},
};
use tempfile::NamedTempFile;

use super::words::{count, printable, thousands};
use crate::{Outcome, output};

/// What an image needs to be told.
#[derive(clap::Args, Default)]
#[command(next_help_heading = "Images")]
pub(super) struct ImageArgs {
    /// Write a contact sheet: slices through the region with its outline, right way up
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// The label image of a NIfTI
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,
    /// The label of the mask to draw
    #[arg(long)]
    label: Option<u32>,
    /// The structure or segment to draw: its name, its number, or a pattern with * and ?
    #[arg(long, value_name = "NAME")]
    roi: Option<String>,
    /// The DICOM series to read: its UID, its number, or a pattern of its description
    #[arg(long)]
    series: Option<String>,
    /// The volume to read where there are several, from 1
    #[arg(long)]
    volume: Option<usize>,
}

impl ImageArgs {
    /// Refuses what only images have.
    pub(super) fn refuse_for_genomic_files(&self, path: &Path) -> Result<()> {
        let given = [
            ("--png", self.png.is_some()),
            ("--mask", self.mask.is_some()),
            ("--label", self.label.is_some()),
            ("--roi", self.roi.is_some()),
            ("--series", self.series.is_some()),
            ("--volume", self.volume.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => bail!("{}: is no image, which {name} is for", path.display()),
            None => Ok(()),
        }
    }

    fn settings(&self) -> ImagingSettings {
        ImagingSettings {
            label: self.label,
            roi: self.roi.clone(),
            series: self.series.clone(),
            volume: self.volume,
            ..ImagingSettings::default()
        }
    }
}

pub(super) fn run(args: &super::Args) -> Result<Outcome> {
    let settings = args.image.settings();
    settings.binning()?;
    let inspected = inspect_image(&args.path, args.image.mask.as_deref(), &settings)?;
    if args.json {
        output::data(&serde_json::to_string_pretty(&inspected.inspection)?)?;
    } else {
        output::data(&report(&inspected.inspection))?;
    }
    if let Some(path) = &args.image.png {
        draw(&args.path, path, &inspected)?;
    }
    if args.strict {
        refuse_faults(&inspected.inspection)?;
    }
    Ok(Outcome::Complete)
}

/// Writes the contact sheet.
fn draw(path: &Path, png: &Path, inspected: &Inspected) -> Result<()> {
    let Some(volume) = &inspected.volume else {
        bail!("{}: holds no image that could be drawn", path.display());
    };
    if let Some(fault) = &inspected.mask_fault {
        output::note(&format!("the picture has no outline: {fault}"));
    }
    write_picture(png, &contact_sheet(volume, inspected.mask.as_ref()).to_png())?;
    output::note(&format!("wrote {}", png.display()));
    Ok(())
}

/// Writes a picture under a temporary name and renames it. Only another picture is replaced.
fn write_picture(path: &Path, content: &[u8]) -> Result<()> {
    const SIGNATURE: &[u8] = b"\x89PNG";
    if path.exists() && !fs_err::read(path)?.starts_with(SIGNATURE) {
        bail!("--png {} exists and is no PNG; name another file", path.display());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.persist(path).with_context(|| format!("could not write {}", path.display()))?;
    Ok(())
}

fn refuse_faults(inspection: &ImageInspection) -> Result<()> {
    let of_images = inspection.images.iter().flat_map(|image| &image.faults);
    let of_regions = inspection.regions.iter().flat_map(|region| &region.faults);
    let faults: Vec<&String> =
        inspection.faults.iter().chain(of_images).chain(of_regions).collect();
    if let Some(first) = faults.first() {
        let number = count(faults.len() as u64, "fault");
        bail!("{}: {number}; the first: {first}", inspection.path.display());
    }
    Ok(())
}

fn report(inspection: &ImageInspection) -> String {
    let mut lines = vec![inspection.path.display().to_string()];
    for image in &inspection.images {
        lines.extend(image_lines(image));
    }
    let mut files: BTreeMap<&Path, Vec<&RegionSummary>> = BTreeMap::new();
    for region in &inspection.regions {
        files.entry(&region.path).or_default().push(region);
    }
    for (path, regions) in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        lines.push(format!("\n{}, {}", printable(&name), regions[0].kind));
        lines.extend(regions.into_iter().flat_map(region_lines));
    }
    if !inspection.others.is_empty() {
        lines.push("\nNeither images nor regions".to_owned());
        let others = inspection.others.iter();
        lines.extend(others.map(|(kind, count)| format!("  {count} x {}", printable(kind))));
    }
    if !inspection.faults.is_empty() {
        lines.push("\nFaults".to_owned());
        lines.extend(inspection.faults.iter().map(|fault| format!("  {fault}")));
    }
    lines.join("\n")
}

fn image_lines(image: &ImageSummary) -> Vec<String> {
    let title = match (image.series.as_str(), image.series_number) {
        ("", _) => printable(&image.kind),
        (_, Some(number)) => format!("Series {number}, {}", printable(&image.kind)),
        (_, None) => format!("Series without a number, {}", printable(&image.kind)),
    };
    let mut lines = vec![format!("\n{title}")];
    let mut say = |name: &str, value: String| lines.push(format!("  {name:<11}{value}"));
    if !image.series.is_empty() {
        say("series", image.series.replace(char::is_control, "\u{fffd}"));
    }
    if let Some(differs_by) = &image.differs_by {
        say("of", printable(differs_by));
    }
    if !image.modality.is_empty() {
        say("modality", printable(&image.modality));
    }
    if let Some(slices) = image.slices {
        say("slices", thousands(slices as u64));
    }
    if let Some(volumes) = image.volumes.filter(|&volumes| volumes > 1) {
        say("volumes", thousands(volumes as u64));
    }
    if let Some(geometry) = &image.geometry {
        say_geometry(geometry, &mut say);
    }
    if let Some([low, high]) = image.intensities {
        let unit = if image.unit.is_empty() { "unit not known" } else { &image.unit };
        say("intensity", format!("{low} to {high}, {}", printable(unit)));
    }
    match image.faults.as_slice() {
        [] => say("faults", "none".to_owned()),
        faults => faults.iter().for_each(|fault| say("fault", fault.clone())),
    }
    lines
}

fn say_geometry(geometry: &Geometry, say: &mut impl FnMut(&str, String)) {
    let three = |numbers: [f64; 3], digits: usize| {
        let texts = numbers.map(|number| format!("{number:.digits$}"));
        texts.join(", ")
    };
    let [x, y, z] = geometry.size;
    say("size", format!("{x} x {y} x {z} voxels"));
    say("spacing", format!("{} mm", three(geometry.spacing_mm, 4)));
    say("origin", format!("{} mm (LPS)", three(geometry.origin_mm, 2)));
    let axes = [0, 1, 2].map(|axis| {
        let letters = axis_letters(geometry.direction[axis]);
        format!("{} to {letters}", ["x", "y", "z"][axis])
    });
    say("axes", axes.join(", "));
    let is_oblique =
        geometry.direction.iter().any(|axis| axis.iter().all(|part| part.abs() < 0.9999));
    if is_oblique {
        for (name, axis) in ["x", "y", "z"].into_iter().zip(geometry.direction) {
            say("", format!("{name} along {}", three(axis, 4)));
        }
    }
}

fn region_lines(region: &RegionSummary) -> Vec<String> {
    let name = match region.name.as_str() {
        "" => region.number.to_string(),
        name => format!("{} {}", region.number, printable(name)),
    };
    let size = match (region.voxels, region.volume_ml) {
        (Some(voxels), Some(volume_ml)) => {
            format!("{}, {volume_ml:.2} mL", count(voxels as u64, "voxel"))
        }
        _ => "not drawn".to_owned(),
    };
    let mut lines = vec![format!("  {name:<24} {size}")];
    lines.extend(region.faults.iter().map(|fault| format!("    {fault}")));
    lines
}
