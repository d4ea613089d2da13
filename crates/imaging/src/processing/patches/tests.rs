use ndarray::{Array3, ArrayD};
use serde::Deserialize;

use super::*;
use crate::Geometry;

/// The image and the region of `tests/golden/imaging_patches.py`, with axes as given.
fn pair(direction: [[f64; 3]; 3]) -> (Volume, Mask) {
    let geometry = Geometry {
        size: [13, 11, 9],
        spacing_mm: [1.0, 0.9, 2.5],
        origin_mm: [-20.0, 30.0, 100.0],
        direction,
    };
    let voxels = Array3::from_shape_fn(geometry.shape(), |(z, y, x)| {
        ((7 * x + 13 * y + 29 * z + x * y * z) % 101) as f32 - 20.0
    });
    let inside = Array3::from_shape_fn(geometry.shape(), |(z, y, x)| {
        let square =
            |index: usize, center: f64, radius: f64| ((index as f64 - center) / radius).powi(2);
        square(x, 5.0, 3.2) + square(y, 4.0, 2.6) + square(z, 4.0, 2.3) <= 1.0
            || (x, y, z) == (9, 5, 4)
    });
    (volume(voxels, geometry), Mask { voxels: inside, geometry })
}

fn volume(voxels: Array3<f32>, geometry: Geometry) -> Volume {
    Volume {
        voxels,
        geometry,
        modality: "CT".to_owned(),
        unit: "HU".to_owned(),
        frame_of_reference: None,
    }
}

const IDENTITY: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

fn settings(text: &str) -> PatchSettings {
    toml::from_str(text).unwrap()
}

fn cut(text: &str) -> ArrayD<f32> {
    let (volume, mask) = pair(IDENTITY);
    patches(&volume, &mask, &settings(text)).unwrap()
}

#[derive(Deserialize)]
struct Golden {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    direction: [[f64; 3]; 3],
    shape: Vec<usize>,
    values: Vec<f64>,
    settings: PatchSettings,
}

/// The figures come from `SimpleITK`, see the first line of the file.
#[test]
fn patches_are_those_of_simpleitk() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/imaging_patches.toml");
    let golden: Golden = toml::from_str(&fs_err::read_to_string(path).unwrap()).unwrap();
    assert!(golden.case.len() >= 7);
    for Case { name, direction, shape, values, settings } in golden.case {
        let (volume, mask) = pair(direction);
        let found = patches(&volume, &mask, &settings).unwrap();
        assert_eq!(found.shape(), shape, "{name}");
        for (place, (&found, expected)) in found.iter().zip(values).enumerate() {
            let difference = (f64::from(found) - expected).abs();
            assert!(
                difference <= 2e-5 * expected.abs().max(1.0),
                "{name}, value {place}: {found}, expected {expected}"
            );
        }
    }
}

/// The same image stored with other axes: index `axis` of the new one is `order[axis]` of the old,
/// counted backwards where `flipped`.
fn stored_otherwise(order: [usize; 3], flipped: [bool; 3]) -> (Volume, Mask) {
    let (old, mask) = pair(IDENTITY);
    let old_index = |new: [usize; 3]| {
        let mut index = [0; 3];
        for (axis, &place) in order.iter().enumerate() {
            let last = old.geometry.size[place] - 1;
            index[place] = if flipped[axis] { last - new[axis] } else { new[axis] };
        }
        index
    };
    let geometry = Geometry {
        size: order.map(|place| old.geometry.size[place]),
        spacing_mm: order.map(|place| old.geometry.spacing_mm[place]),
        origin_mm: old.geometry.position_mm(old_index([0; 3]).map(|index| index as f64)),
        direction: std::array::from_fn(|axis| {
            IDENTITY[order[axis]].map(|part| if flipped[axis] { -part } else { part })
        }),
    };
    let at = |(z, y, x): (usize, usize, usize)| {
        let [x, y, z] = old_index([x, y, z]);
        [z, y, x]
    };
    let voxels = Array3::from_shape_fn(geometry.shape(), |place| old.voxels[at(place)]);
    let inside = Array3::from_shape_fn(geometry.shape(), |place| mask.voxels[at(place)]);
    (volume(voxels, geometry), Mask { voxels: inside, geometry })
}

#[test]
fn patches_do_not_depend_on_how_the_image_is_stored() {
    for text in [
        "size = [6, 7]\nslices = 'all'\nslice_step = 2",
        "size = [5, 6, 4]\nspacing_mm = [1.3, 0.7, 2.0]\nplane = 'coronal'",
        "size = [4, 4]\nslices = 'all'\nplane = 'sagittal'\ntile = true\nfit_margin_mm = 0",
        "size = [3, 3, 2]\ntile = true",
        "size = [4, 4]\nspacing_mm = [1, 1, 1.5]\nslices = 'all'\nchannels = 3\n\
         channel_slices = 'neighbors'",
    ] {
        let expected = cut(text);
        for order in [[0, 1, 2], [2, 0, 1], [1, 0, 2]] {
            for flips in 0..8_u8 {
                let flipped = std::array::from_fn(|axis| flips >> axis & 1 == 1);
                let (volume, mask) = stored_otherwise(order, flipped);
                let found = patches(&volume, &mask, &settings(text)).unwrap();
                assert_eq!(found.shape(), expected.shape(), "{text} {order:?} {flipped:?}");
                let largest = found
                    .iter()
                    .zip(&expected)
                    .fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
                assert!(largest < 1e-4, "{text} {order:?} {flipped:?}: {largest}");
            }
        }
    }
}

#[test]
fn own_voxels_are_copied() {
    let (volume, _) = pair(IDENTITY);
    let patch = cut("size = [3, 2]");
    assert_eq!(patch.shape(), [1, 1, 2, 3]);
    // The largest section is slice 4: x from 2 to 9, y from 2 to 6, so that its middle is (5.5, 4).
    for (height, width) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] {
        // 5.5 - 1 and 4 - 0.5 round up.
        let expected = volume.voxels[[4, 4 + height, 5 + width]];
        assert_eq!(patch[[0, 0, height, width]].to_bits(), expected.to_bits());
    }
}

#[test]
fn tiles_cover_the_region_and_leave_out_what_holds_nothing_of_it() {
    // Section 4 is 8 by 5 voxels: 3 by 2 patches of 3 by 3, centered on the box.
    let all = cut("size = [3, 3]\ntile = true");
    assert_eq!(all.shape()[0], 6);
    // One large patch holds all.
    assert_eq!(cut("size = [9, 9]\ntile = true").shape()[0], 1);
    // Without its corners a disc needs fewer tiles of one voxel than its box has voxels: they are
    // the voxels of the region.
    let (_, mask) = pair(IDENTITY);
    let voxels = mask.voxels.index_axis(Axis(0), 4).iter().filter(|&&inside| inside).count();
    assert_eq!(cut("size = [1, 1]\ntile = true").shape()[0], voxels);
    assert_eq!(cut("size = [1, 1, 1]\ntile = true").shape()[0], mask.count());
}

#[test]
fn what_is_no_number_is_padded_unless_it_is_in_the_region() {
    let (mut volume, mask) = pair(IDENTITY);
    volume.voxels[[4, 0, 0]] = f32::NAN;
    let wide = settings("size = [40, 40]\npad = -77\nspacing_mm = [0.9, 0.9]");
    let patch = patches(&volume, &mask, &wide).unwrap();
    assert!(patch.iter().all(|value| value.is_finite()));
    volume.voxels[[4, 4, 5]] = f32::INFINITY;
    let error = patches(&volume, &mask, &wide).unwrap_err();
    assert!(matches!(error, Error::NotFinite { x: 5, y: 4, z: 4 }), "{error}");
}

#[test]
fn an_image_of_one_intensity_has_values_of_zero() {
    let (mut volume, mask) = pair(IDENTITY);
    volume.voxels.fill(7.0);
    for normalization in ["range", "z_score"] {
        let settings = settings(&format!("size = [20, 20]\nnormalization = '{normalization}'"));
        let patch = patches(&volume, &mask, &settings).unwrap();
        assert!(patch.iter().all(|&value| value == 0.0), "{normalization}");
    }
}

#[test]
fn what_cannot_be_cut_is_said() {
    let (volume, mask) = pair(IDENTITY);
    let tiny = "size = [1024, 1024]\nslices = 'all'\nspacing_mm = [1, 1, 0.001]";
    let many = "size = [64, 64, 64]\ntile = true\nspacing_mm = [0.001, 0.001, 0.001]";
    for (text, expected) in [
        ("size = [2, 2]\nspacing_mm = [1000, 1000]", "no point of it lies in the image"),
        (tiny, "or more patches, expected at most 256"),
        (many, "or more patches, expected at most 1048576"),
    ] {
        let error = patches(&volume, &mask, &settings(text)).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    // Two specks with nothing between: every fourth slice of eight is none of them.
    let mut specks = mask.clone();
    specks.voxels.fill(false);
    for z in [0, 7] {
        specks.voxels[[z, 3, 3]] = true;
    }
    let text = "size = [2, 2]\nslices = 'all'\nslice_step = 4";
    let error = patches(&volume, &specks, &settings(text)).unwrap_err().to_string();
    assert!(error.contains("slice_step"), "{error}");
    let mut off = mask;
    off.geometry.origin_mm[0] += 5.0;
    let error = patches(&volume, &off, &settings("size = [2, 2]")).unwrap_err();
    assert!(matches!(error, Error::GeometryMismatch { .. }), "{error}");
}
