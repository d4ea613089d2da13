use ndarray::Array3;

use super::plane::Side;
use super::*;
use crate::{Geometry, Mask, Volume};

/// A volume whose voxel is white at the patient's left, front and head alone.
fn corner(direction: [[f64; 3]; 3], spacing_mm: [f64; 3]) -> Volume {
    let geometry = Geometry { size: [12, 10, 8], spacing_mm, origin_mm: [0.0; 3], direction };
    let middle = geometry.position_mm([5.5, 4.5, 3.5]);
    let voxels = Array3::from_shape_fn(geometry.shape(), |(z, y, x)| {
        let place = geometry.position_mm([x as f64, y as f64, z as f64]);
        let [left, back, head] = [0, 1, 2].map(|axis| place[axis] - middle[axis]);
        if left > 0.0 && back < 0.0 && head > 0.0 { 1.0 } else { 0.0 }
    });
    Volume {
        voxels,
        geometry,
        modality: String::new(),
        unit: String::new(),
        frame_of_reference: None,
    }
}

/// The share of white in the four quarters of a picture: upper left and right, lower left and right.
fn quarters(picture: &Picture) -> [bool; 4] {
    [(1, 1), (1, 3), (3, 1), (3, 3)].map(|(row, column)| {
        let place = row * picture.height / 4 * picture.width + column * picture.width / 4;
        picture.pixels[place] == [255; 3]
    })
}

const WINDOW: Window = Window { low: 0.0, high: 1.0 };

/// Axes along the body in every order and either way, and a slightly turned one.
fn directions() -> Vec<[[f64; 3]; 3]> {
    let mut all = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for signs in 0..8 {
            let mut direction = [[0.0; 3]; 3];
            for (axis, &body) in order.iter().enumerate() {
                direction[axis][body] = if signs >> axis & 1 == 1 { -1.0 } else { 1.0 };
            }
            all.push(direction);
        }
    }
    let (sine, cosine) = 20.0_f64.to_radians().sin_cos();
    all.push([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]]);
    all
}

#[test]
fn every_orientation_is_shown_the_right_way_up() {
    for direction in directions() {
        let volume = corner(direction, [1.0, 1.5, 2.0]);
        for (plane, body, toward, expected) in [
            // Left is on the right, the front above.
            (Plane::Axial, 2, 1.0, [false, true, false, false]),
            // Left is on the right, the head above.
            (Plane::Coronal, 1, -1.0, [false, true, false, false]),
            // The front is on the left, the head above.
            (Plane::Sagittal, 0, 1.0, [true, false, false, false]),
        ] {
            let axis = plane.shown(&volume.geometry).through;
            // The outermost slice on the white side.
            let grows = volume.geometry.direction[axis][body] * toward > 0.0;
            let slice = if grows { volume.geometry.size[axis] - 1 } else { 0 };
            let view = View { plane, slice, part: None, window: WINDOW, pixels: 120 };
            let picture = slice_picture(&volume, None, &view);
            assert_eq!(quarters(&picture), expected, "{plane:?} {direction:?}");
        }
    }
}

#[test]
fn letters_name_the_sides() {
    let volume = corner([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]], [1.0; 3]);
    let shown = Plane::Axial.shown(&volume.geometry);
    assert_eq!(shown.right, Side { axis: 0, is_turned: true, letters: ['R', 'L'] });
    assert_eq!(shown.down, Side { axis: 2, is_turned: false, letters: ['A', 'P'] });
    let shown = Plane::Sagittal.shown(&volume.geometry);
    assert_eq!(shown.right, Side { axis: 2, is_turned: false, letters: ['A', 'P'] });
    assert_eq!(shown.down, Side { axis: 1, is_turned: true, letters: ['S', 'I'] });
    assert_eq!(axis_letters([-1.0, 0.0, 0.0]), "R");
    assert_eq!(axis_letters([0.3, 0.05, -0.95]), "IL");
}

#[test]
fn pictures_keep_the_proportions_of_the_patient() {
    let volume = corner([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [1.0, 1.2, 6.0]);
    for (plane, width, height) in
        [(Plane::Axial, 120, 120), (Plane::Coronal, 30, 120), (Plane::Sagittal, 30, 120)]
    {
        let view = View { plane, slice: 0, part: None, window: WINDOW, pixels: 120 };
        let picture = slice_picture(&volume, None, &view);
        assert_eq!((picture.width, picture.height), (width, height), "{plane:?}");
    }
    let part = Some(([2, 2, 0], [3, 6, 0]));
    let view = View { plane: Plane::Axial, slice: 0, part, window: WINDOW, pixels: 120 };
    let picture = slice_picture(&volume, None, &view);
    assert_eq!((picture.width, picture.height), (40, 120));
}

#[test]
fn the_outline_runs_round_the_region() {
    let volume = corner([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [1.0, 1.2, 1.0]);
    let mut voxels = Array3::from_elem(volume.geometry.shape(), false);
    voxels.slice_mut(ndarray::s![4, 3..6, 2..5]).fill(true);
    let mask = Mask { voxels, geometry: volume.geometry };
    let view = View { plane: Plane::Axial, slice: 4, part: None, window: WINDOW, pixels: 120 };
    let picture = slice_picture(&volume, Some(&mask), &view);
    // Voxels of 10 x 12 pixels: columns 20 to 49, rows 36 to 71.
    let colored = |column: usize, row: usize| {
        let [red, green, blue] = picture.pixels[row * picture.width + column];
        red == 255 && green == 190 && blue == 0
    };
    for (column, row, expected) in [
        (20, 50, true),
        (49, 50, true),
        (30, 36, true),
        (30, 71, true),
        (19, 50, false),
        (50, 50, false),
        (30, 35, false),
        (30, 72, false),
        (30, 50, false),
    ] {
        assert_eq!(colored(column, row), expected, "{column} {row}");
    }
}

#[test]
fn a_sheet_is_a_png_of_its_size() {
    let volume = corner([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [20.0; 3]);
    let mut voxels = Array3::from_elem(volume.geometry.shape(), false);
    let whole =
        contact_sheet(&volume, Some(&Mask { voxels: voxels.clone(), geometry: volume.geometry }));
    voxels[[4, 4, 4]] = true;
    let marked = contact_sheet(&volume, Some(&Mask { voxels, geometry: volume.geometry }));
    // A small region is shown enlarged in a row of its own.
    assert_eq!((whole.width, whole.height), (1224, 736));
    assert_eq!((marked.width, marked.height), (1224, 980));
    let png = marked.to_png();
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (1224, 980));
    assert_eq!(pixels, marked.pixels.as_flattened());
}

#[test]
fn windows_suit_the_image() {
    let mut volume = corner([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [1.0; 3]);
    let mut number = 0.0;
    volume.voxels.mapv_inplace(|_| {
        number += 1.0;
        number
    });
    volume.voxels[[0, 0, 0]] = f32::NAN;
    let window = display_window(&volume);
    assert!((window.low - 11.0).abs() < 1.5 && (window.high - 951.0).abs() < 1.5, "{window:?}");
    volume.unit = "HU".to_owned();
    assert_eq!(display_window(&volume), Window { low: -160.0, high: 240.0 });
    volume.unit.clear();
    volume.voxels.fill(f32::INFINITY);
    assert_eq!(display_window(&volume), Window { low: 0.0, high: 1.0 });
}

#[test]
fn the_largest_slice_is_where_most_of_the_region_lies() {
    let volume = corner([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]], [1.0; 3]);
    let mut voxels = Array3::from_elem(volume.geometry.shape(), false);
    // The second axis runs to the head: 12 columns, 10 rows, 8 slices.
    assert_eq!(slice_count(&volume.geometry, Plane::Axial), 10);
    assert_eq!(slice_count(&volume.geometry, Plane::Coronal), 8);
    let empty = Mask { voxels: voxels.clone(), geometry: volume.geometry };
    assert_eq!(largest_slice(&empty, Plane::Axial), 5);
    voxels[[1, 7, 3]] = true;
    voxels[[1, 3, 3]] = true;
    voxels[[2, 3, 4]] = true;
    let mask = Mask { voxels, geometry: volume.geometry };
    assert_eq!(largest_slice(&mask, Plane::Axial), 3);
    assert_eq!(largest_slice(&mask, Plane::Coronal), 1);
}
