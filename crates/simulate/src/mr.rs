use std::path::Path;

use ndarray::{Array3, ShapeBuilder};
use nifti::NiftiHeader;
use nifti::writer::WriterOptions;
use rand::RngExt;

use crate::error::Error;
use crate::lesion::{Ellipsoid, Grid, texture};
use crate::random::{self, Purpose, normal};
use crate::truth::Patient;

/// Writes a patient's T2-like MR and the mask of the tumor, on one grid.
///
/// Living tumor is about 300 units, its dead core about 600, the surroundings 200.
pub(crate) fn write_mr(
    (image, mask): (&Path, &Path),
    (seed, index): (u64, usize),
    patient: &Patient,
    empty_mask: bool,
) -> Result<(), Error> {
    let mut random = random::stream(seed, index, Purpose::Mr);
    let grid =
        Grid { size: [48, 48, 28], spacing: [2.0, 2.0, 3.0], origin: [-115.0, -33.0, -200.5] };
    let center = grid.center().map(|middle| middle + random.random_range(-4.0..4.0));
    let lesion = Ellipsoid::draw(&mut random, patient.tumor.diameter_mm, center);
    let inside = grid.inside(&lesion);
    let grain = texture(&mut random, &grid, &inside);
    let core = patient.tumor.necrotic_fraction.cbrt();
    let scanner_gain = (0.03 * normal(&mut random)).exp();
    let intensities = Array3::from_shape_fn(shape(&grid), |place| {
        let index = place.0 + grid.size[0] * (place.1 + grid.size[1] * place.2);
        let tissue = match lesion.level(grid.point(index)) {
            level if level <= core => 600.0,
            level if level <= 1.0 => 300.0,
            _ => 200.0,
        };
        unit(scanner_gain * (tissue + 20.0 * grain[index] + 8.0 * normal(&mut random)))
    });
    let labels = Array3::from_shape_fn(shape(&grid), |place| {
        let index = place.0 + grid.size[0] * (place.1 + grid.size[1] * place.2);
        u8::from(inside[index] && !empty_mask)
    });
    let header = header(&grid);
    WriterOptions::new(image)
        .reference_header(&header)
        .write_nifti(&intensities)
        .map_err(|source| Error::Nifti { path: image.to_path_buf(), source })?;
    WriterOptions::new(mask)
        .reference_header(&header)
        .write_nifti(&labels)
        .map_err(|source| Error::Nifti { path: mask.to_path_buf(), source })
}

fn shape(grid: &Grid) -> impl ShapeBuilder<Dim = ndarray::Ix3> + use<> {
    (grid.size[0], grid.size[1], grid.size[2]).f()
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to 16 bits")]
fn unit(value: f64) -> i16 {
    value.round().clamp(0.0, 4095.0) as i16
}

/// The grid's axes are DICOM's (left, posterior, superior); NIfTI's world has right and anterior
/// positive, so x and y change their signs. As a rotation that is half a turn about z: the
/// quaternion (0, 0, 0, 1).
#[expect(clippy::cast_possible_truncation, reason = "NIfTI holds single precision")]
fn header(grid: &Grid) -> NiftiHeader {
    let [dx, dy, dz] = grid.spacing.map(|length| length as f32);
    let [x, y, z] = grid.origin.map(|length| length as f32);
    NiftiHeader {
        pixdim: [1.0, dx, dy, dz, 0.0, 0.0, 0.0, 0.0],
        xyzt_units: 2,
        qform_code: 1,
        sform_code: 1,
        quatern_b: 0.0,
        quatern_c: 0.0,
        quatern_d: 1.0,
        quatern_x: -x,
        quatern_y: -y,
        quatern_z: z,
        srow_x: [-dx, 0.0, 0.0, -x],
        srow_y: [0.0, -dy, 0.0, -y],
        srow_z: [0.0, 0.0, dz, z],
        ..NiftiHeader::default()
    }
}
