use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use fs_err::File;
use ndarray::Array3;
use nifti::volume::NiftiVolume;
use nifti::{DataElement, InMemNiftiVolume, NiftiHeader, NiftiType};

use crate::{Error, Geometry, Mask, Volume, vector};

const HEADER_BYTES: usize = 348;

/// How far a label may lie from a whole number: what scaled integers lose in float32.
const OFF_LABEL: f64 = 1e-3;

/// Reads a NIfTI-1 image, `.nii` or `.nii.gz` by content: slope and intercept applied, the sform
/// or else the qform brought from RAS to LPS. A file with neither keeps its axes as stored.
///
/// # Errors
/// When the file is no single-file NIfTI-1, is cut off, has more than one volume, colors or complex
/// numbers, or axes that are not at right angles.
pub fn read_nifti(path: &Path) -> Result<Volume, Error> {
    let (geometry, values) = read(path, single)?;
    Ok(Volume {
        voxels: into_grid(values, &geometry),
        geometry,
        modality: String::new(),
        unit: String::new(),
        frame_of_reference: None,
    })
}

/// Reads a NIfTI label image as a mask: the voxels of one label, or of the only one. A value that
/// is no number is background.
///
/// # Errors
/// As [`read_nifti`], and when the label does not occur, none was chosen among several, or a value
/// is further than a thousandth from a whole number.
pub fn read_nifti_mask(path: &Path, label: Option<u32>) -> Result<Mask, Error> {
    let (geometry, values) = read(path, |value| value)?;
    let in_region = |problem| Error::Region { path: path.to_owned(), problem };
    let labels = labels_of(&values, &geometry).map_err(in_region)?;
    let listed: Vec<String> = labels.iter().take(20).map(f64::to_string).collect();
    let more = if labels.len() > 20 { ", ..." } else { "" };
    let listed = format!("{}{more}", listed.join(", "));
    let wanted = match (label.map(f64::from), labels.as_slice()) {
        (Some(label), labels) if labels.is_empty() || labels.contains(&label) => label,
        (Some(label), _) => {
            return Err(in_region(format!("label {label} does not occur; the image has {listed}")));
        }
        (None, []) => 1.0,
        (None, [label]) => *label,
        (None, several) => {
            return Err(in_region(format!(
                "holds {} labels and none was chosen: set label to one of {listed}",
                several.len()
            )));
        }
    };
    let inside = values.iter().map(|value| (value - wanted).abs() <= OFF_LABEL).collect();
    Ok(Mask { voxels: into_grid(inside, &geometry), geometry })
}

/// The labels that occur beside the background, ascending.
fn labels_of(values: &[f64], geometry: &Geometry) -> Result<Vec<f64>, String> {
    let mut labels: Vec<f64> = Vec::new();
    let marked = |value: &f64| !value.is_nan() && *value != 0.0;
    for (index, &value) in values.iter().enumerate().filter(|(_, value)| marked(value)) {
        // Adding zero turns a negative zero into a plain one.
        let label = value.round() + 0.0;
        if value.is_infinite() || (value - label).abs() > OFF_LABEL {
            let [columns, rows, _] = geometry.size;
            let (x, y, z) = (index % columns, index / columns % rows, index / columns / rows);
            return Err(format!(
                "expected a label image of whole numbers, found {value} at voxel ({x}, {y}, {z}): \
                 threshold or round it first"
            ));
        }
        if label.abs() >= 1.0
            && let Err(place) = labels.binary_search_by(|known| known.total_cmp(&label))
        {
            labels.insert(place, label);
        }
    }
    Ok(labels)
}

fn into_grid<T>(values: Vec<T>, geometry: &Geometry) -> Array3<T> {
    Array3::from_shape_vec(geometry.shape(), values).expect("the reader checked the length")
}

#[expect(clippy::cast_possible_truncation, reason = "intensities are stored as float32")]
fn single(value: f64) -> f32 {
    value as f32
}

/// The grid and the values, converted one by one, x fastest.
fn read<T>(path: &Path, convert: impl Fn(f64) -> T) -> Result<(Geometry, Vec<T>), Error> {
    if path.is_dir() {
        let problem = "expected a NIfTI file, found a folder; name a file".to_owned();
        return Err(Error::Nifti { path: path.to_owned(), problem });
    }
    let mut file = BufReader::new(File::open(path)?);
    if file.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        parse(path, MultiGzDecoder::new(file), convert)
    } else {
        parse(path, file, convert)
    }
}

fn parse<T>(
    path: &Path,
    mut input: impl Read,
    convert: impl Fn(f64) -> T,
) -> Result<(Geometry, Vec<T>), Error> {
    let fault = |problem: String| Error::Nifti { path: path.to_owned(), problem };
    let mut bytes = [0; HEADER_BYTES];
    input
        .read_exact(&mut bytes)
        .map_err(|error| fault(said("expected a NIfTI-1 header of 348 bytes", &error)))?;
    check_magic(&bytes).map_err(|problem| fault(problem.to_owned()))?;
    let header = NiftiHeader::from_reader(bytes.as_slice())
        .map_err(|_| fault("has a broken header; write the file again".to_owned()))?;
    let size = size_of(&header).map_err(fault)?;
    let geometry = geometry_of(&header, size).map_err(fault)?;
    let skipped = bytes_before_voxels(&header).map_err(fault)?;
    std::io::copy(&mut (&mut input).take(skipped), &mut std::io::sink())
        .map_err(|error| fault(said("is cut off before the voxels", &error)))?;
    // The crate knows the four-dimensional case too; here the dimensions beyond three are 1.
    let volume = InMemNiftiVolume::from_reader(input, &header).map_err(|_| {
        fault("the voxels are cut off or unreadable; copy the file again".to_owned())
    })?;
    Ok((geometry, rescaled(volume, &header, convert).map_err(fault)?))
}

/// What stopped the reader, in words for whoever has the file.
fn said(expected: &str, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            format!("{expected}: the file is truncated; copy it again")
        }
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => {
            format!("{expected}: the compressed data are damaged; copy the file again")
        }
        _ => format!("{expected}: {error}"),
    }
}

/// Refuses what is not NIfTI-1 in a single file.
fn check_magic(header: &[u8; HEADER_BYTES]) -> Result<(), &'static str> {
    if header[4..7] == *b"n+2" || header[4..7] == *b"ni2" {
        return Err("is NIfTI-2, expected NIfTI-1: convert it first");
    }
    match &header[344..348] {
        b"n+1\0" => Ok(()),
        b"ni1\0" => {
            Err("is half of a pair of files, expected header and voxels in one: convert it")
        }
        _ => Err("is no NIfTI-1 image: expected `n+1` at byte 344"),
    }
}

/// How many bytes lie between the header and the voxels.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 352 to 1e9")]
fn bytes_before_voxels(header: &NiftiHeader) -> Result<u64, String> {
    if (352.0..=1e9).contains(&header.vox_offset) {
        Ok(header.vox_offset as u64 - HEADER_BYTES as u64)
    } else {
        Err(format!("the voxels must start at byte 352 or later, got {}", header.vox_offset))
    }
}

/// Voxels along x, y and z.
fn size_of(header: &NiftiHeader) -> Result<[usize; 3], String> {
    let dim = header.dim().map_err(|error| format!("has broken dimensions: {error}"))?;
    let volumes: usize = dim.iter().skip(3).map(|&count| usize::from(count)).product();
    if volumes != 1 {
        return Err(format!("expected one volume, found {volumes}: split the file first"));
    }
    Ok(std::array::from_fn(|axis| dim.get(axis).map_or(1, |&count| usize::from(count))))
}

/// The grid in LPS: x and y of NIfTI's RAS change sign.
fn geometry_of(header: &NiftiHeader, size: [usize; 3]) -> Result<Geometry, String> {
    // Bits 0 to 2 give the unit of length: 1 is a metre, 3 a micrometre, 2 and unknown millimetres.
    let to_mm = match header.xyzt_units & 0b111 {
        1 => 1000.0,
        3 => 0.001,
        _ => 1.0,
    };
    let rows = if header.sform_code > 0 {
        [header.srow_x, header.srow_y, header.srow_z].map(|row| row.map(f64::from))
    } else if header.qform_code > 0 {
        quaternion_rows(header)
    } else {
        let [x, y, z] = [1, 2, 3].map(|axis| f64::from(header.pixdim[axis]).abs());
        [[-x, 0.0, 0.0, 0.0], [0.0, -y, 0.0, 0.0], [0.0, 0.0, z, 0.0]]
    };
    let lps = [-to_mm, -to_mm, to_mm];
    // Adding zero turns a negative zero into a plain one.
    let column = |column: usize| std::array::from_fn(|row| lps[row] * rows[row][column] + 0.0);
    let axes: [vector::Vector; 3] = [column(0), column(1), column(2)];
    let spacing_mm = axes.map(vector::norm);
    if spacing_mm.iter().any(|spacing| !spacing.is_finite() || *spacing <= 0.0) {
        return Err(format!("voxel edges must be positive, found {spacing_mm:?} mm"));
    }
    let direction: [vector::Vector; 3] =
        std::array::from_fn(|axis| vector::scale(axes[axis], 1.0 / spacing_mm[axis]));
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let cosine = vector::dot(direction[a], direction[b]);
        if cosine.abs() > 1e-3 {
            return Err(format!(
                "axes {a} and {b} must be at right angles, found a cosine of {cosine:.4}: resample \
                 the image first"
            ));
        }
    }
    Ok(Geometry { size, spacing_mm, origin_mm: column(3), direction })
}

/// The affine of the qform (`nifti1.h`, method 2).
fn quaternion_rows(header: &NiftiHeader) -> [[f64; 4]; 3] {
    let [b, c, d] = [header.quatern_b, header.quatern_c, header.quatern_d].map(f64::from);
    let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
    let rotation = [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ];
    // A negative first number turns the third axis round.
    let handedness = if header.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let edges = [1.0, 1.0, handedness];
    let shift = [header.quatern_x, header.quatern_y, header.quatern_z];
    std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            if column == 3 {
                f64::from(shift[row])
            } else {
                rotation[row][column] * edges[column] * f64::from(header.pixdim[column + 1])
            }
        })
    })
}

/// The values with slope and intercept applied in double precision; a slope of 0 means none.
fn rescaled<T>(
    volume: InMemNiftiVolume,
    header: &NiftiHeader,
    convert: impl Fn(f64) -> T,
) -> Result<Vec<T>, String> {
    let (slope, intercept) = match (header.scl_slope, header.scl_inter) {
        (slope, _) if slope == 0.0 || !slope.is_finite() => (1.0, 0.0),
        (slope, intercept) => (f64::from(slope), f64::from(intercept)),
    };
    let scale = |value: f64| convert(slope * value + intercept);
    match volume.data_type() {
        NiftiType::Uint8 => typed::<u8, T>(volume, |value| scale(f64::from(value))),
        NiftiType::Int8 => typed::<i8, T>(volume, |value| scale(f64::from(value))),
        NiftiType::Uint16 => typed::<u16, T>(volume, |value| scale(f64::from(value))),
        NiftiType::Int16 => typed::<i16, T>(volume, |value| scale(f64::from(value))),
        NiftiType::Uint32 => typed::<u32, T>(volume, |value| scale(f64::from(value))),
        NiftiType::Int32 => typed::<i32, T>(volume, |value| scale(f64::from(value))),
        NiftiType::Uint64 => typed::<u64, T>(volume, |value| scale(value as f64)),
        NiftiType::Int64 => typed::<i64, T>(volume, |value| scale(value as f64)),
        NiftiType::Float32 => typed::<f32, T>(volume, |value| scale(f64::from(value))),
        NiftiType::Float64 => typed::<f64, T>(volume, scale),
        other => Err(format!("holds {other:?} voxels, expected whole or real numbers")),
    }
}

fn typed<S: DataElement, T>(
    volume: InMemNiftiVolume,
    convert: impl Fn(S) -> T,
) -> Result<Vec<T>, String> {
    let values = volume.into_nifti_typed_data::<S>().map_err(|error| error.to_string())?;
    Ok(values.into_iter().map(convert).collect())
}

#[cfg(test)]
mod tests;
