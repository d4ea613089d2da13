//! NIfTI files that the tests write themselves.

use ndarray::Array;
use nifti::writer::WriterOptions;
use tempfile::TempDir;

use super::*;

/// Writes voxels of 2 x 3 x 4 whose value is x + 10 y + 100 z.
fn write(folder: &TempDir, name: &str, header: &NiftiHeader) -> std::path::PathBuf {
    let path = folder.path().join(name);
    let voxels =
        Array::from_shape_fn((2, 3, 4), |(x, y, z)| i16::try_from(x + 10 * y + 100 * z).unwrap());
    WriterOptions::new(&path).reference_header(header).write_nifti(&voxels).unwrap();
    path
}

/// Writes a label image of one row.
fn write_labels(folder: &TempDir, labels: &[f32]) -> std::path::PathBuf {
    let path = folder.path().join("labels.nii");
    let voxels = Array::from_shape_vec((labels.len(), 1, 1), labels.to_vec()).unwrap();
    WriterOptions::new(&path).write_nifti(&voxels).unwrap();
    path
}

/// Overwrites bytes of a file's header.
fn patch(path: &Path, offset: usize, bytes: &[u8]) {
    let mut content = fs_err::read(path).unwrap();
    content[offset..offset + bytes.len()].copy_from_slice(bytes);
    fs_err::write(path, content).unwrap();
}

/// Half turn about the body's axis, as scanners write it: x runs to the left, y to the back.
fn sform() -> NiftiHeader {
    NiftiHeader {
        sform_code: 1,
        qform_code: 0,
        srow_x: [-2.0, 0.0, 0.0, 30.0],
        srow_y: [0.0, -3.0, 0.0, 40.0],
        srow_z: [0.0, 0.0, 4.0, 50.0],
        ..NiftiHeader::default()
    }
}

fn qform() -> NiftiHeader {
    NiftiHeader {
        sform_code: 0,
        qform_code: 1,
        quatern_d: 1.0,
        quatern_x: 30.0,
        quatern_y: 40.0,
        quatern_z: 50.0,
        pixdim: [1.0, 2.0, 3.0, 4.0, 1.0, 1.0, 1.0, 1.0],
        ..NiftiHeader::default()
    }
}

#[test]
fn both_forms_give_the_same_grid_in_lps() {
    let folder = tempfile::tempdir().unwrap();
    for (case, name, header) in [
        ("sform", "sform.nii", sform()),
        ("qform", "qform.nii", qform()),
        ("compressed", "sform.nii.gz", sform()),
        ("metres", "metres.nii", {
            let mut header = sform();
            header.xyzt_units = 1;
            for row in [&mut header.srow_x, &mut header.srow_y, &mut header.srow_z] {
                *row = row.map(|number| number / 1000.0);
            }
            header
        }),
    ] {
        let volume = read_nifti(&write(&folder, name, &header)).unwrap();
        let expected = Geometry {
            size: [2, 3, 4],
            spacing_mm: [2.0, 3.0, 4.0],
            origin_mm: [-30.0, -40.0, 50.0],
            direction: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        };
        assert!(volume.geometry.matches(&expected), "{case}: {}", volume.geometry);
        assert!((volume.voxels[[3, 2, 1]] - 321.0).abs() < 1e-6, "{case}");
    }
}

#[test]
fn compression_is_told_by_content_and_the_third_axis_by_its_sign() {
    let folder = tempfile::tempdir().unwrap();
    let compressed = write(&folder, "image.nii.gz", &sform());
    let renamed = folder.path().join("image.nii");
    fs_err::rename(compressed, &renamed).unwrap();
    assert_eq!(read_nifti(&renamed).unwrap().geometry.size, [2, 3, 4]);
    let mut header = qform();
    header.pixdim[0] = -1.0;
    let volume = read_nifti(&write(&folder, "left-handed.nii", &header)).unwrap();
    assert!(volume.geometry.direction[2][2] < -0.999);
}

#[test]
fn slope_and_intercept_are_applied() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "image.nii", &sform());
    patch(&path, 112, &0.5_f32.to_ne_bytes());
    patch(&path, 116, &(-1000.0_f32).to_ne_bytes());
    let volume = read_nifti(&path).unwrap();
    assert!((volume.voxels[[3, 2, 1]] - (321.0 / 2.0 - 1000.0)).abs() < 1e-6);
}

#[test]
fn chooses_labels() {
    let folder = tempfile::tempdir().unwrap();
    for (case, labels, label, expected) in [
        ("the only label", vec![0.0, 2.0, 2.0], None, 2),
        ("one label", vec![0.0, 1.0, 2.0, 2.0], Some(2), 2),
        ("nearly whole", vec![0.0005, 0.9995, 2.0005], Some(1), 1),
        ("background alone", vec![0.0, 0.0], None, 0),
        ("not a number is background", vec![f32::NAN, 1.0], None, 1),
    ] {
        let mask = read_nifti_mask(&write_labels(&folder, &labels), label).unwrap();
        assert_eq!(mask.count(), expected, "{case}");
    }
    for (case, labels, label, expected) in [
        ("absent", vec![0.0, 1.0, 2.0], Some(3), "label 3 does not occur; the image has 1, 2"),
        (
            "scaled to one",
            vec![0.0, 0.25],
            None,
            "expected a label image of whole numbers, found 0.25 at voxel (1, 0, 0)",
        ),
        (
            "between two",
            vec![0.0, 1.0, 1.5],
            Some(1),
            "expected a label image of whole numbers, found 1.5 at voxel (2, 0, 0)",
        ),
        (
            "several",
            vec![0.0, 2.0, 1.0, 2.0],
            None,
            "holds 2 labels and none was chosen: set label to one of 1, 2",
        ),
    ] {
        let error = read_nifti_mask(&write_labels(&folder, &labels), label).unwrap_err();
        assert!(error.to_string().contains(expected), "{case}: {error}");
    }
}

type Change = fn(&Path);

#[test]
fn names_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let changes: [(&str, Change, &str); 9] = [
        ("NIfTI-2", |path| patch(path, 4, b"n+2\0"), "is NIfTI-2, expected NIfTI-1"),
        ("no magic", |path| patch(path, 344, b"none"), "is no NIfTI-1 image"),
        ("pair of files", |path| patch(path, 344, b"ni1\0"), "is half of a pair of files"),
        (
            "two volumes",
            |path| {
                patch(path, 40, &4_i16.to_ne_bytes());
                patch(path, 48, &2_i16.to_ne_bytes());
            },
            "expected one volume, found 2",
        ),
        (
            "cut off",
            |path| {
                let content = fs_err::read(path).unwrap();
                fs_err::write(path, &content[..content.len() - 2]).unwrap();
            },
            "the voxels are cut off",
        ),
        (
            "cut off in the header",
            |path| {
                let content = fs_err::read(path).unwrap();
                fs_err::write(path, &content[..200]).unwrap();
            },
            "expected a NIfTI-1 header of 348 bytes: the file is truncated; copy it again",
        ),
        (
            "no extent along an axis",
            |path| patch(path, 280, &[0; 4]),
            "voxel edges must be positive",
        ),
        ("sheared", |path| patch(path, 284, &1.0_f32.to_ne_bytes()), "must be at right angles"),
        (
            "colors",
            |path| {
                patch(path, 70, &128_i16.to_ne_bytes());
                patch(path, 42, &1_i16.to_ne_bytes());
                patch(path, 44, &1_i16.to_ne_bytes());
            },
            "expected whole or real numbers",
        ),
    ];
    for (case, change, expected) in changes {
        let path = write(&folder, "image.nii", &sform());
        change(&path);
        let error = read_nifti(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{case}: {error}");
    }
    let missing = read_nifti(&folder.path().join("none.nii")).unwrap_err();
    assert!(matches!(missing, Error::Io(_)));
    let error = read_nifti(folder.path()).unwrap_err().to_string();
    assert!(error.contains("expected a NIfTI file, found a folder"), "{error}");
}

#[test]
fn a_region_that_cannot_be_measured_names_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image.nii");
    let settings = crate::ImagingSettings::default();
    let number = f32::NAN;
    for (case, intensities, labels, expected) in [
        ("empty", [1.0, 2.0, 3.0], vec![0.0, 0.0, 0.0], "labels.nii: the mask is empty"),
        ("one voxel", [1.0, 2.0, 3.0], vec![0.0, 1.0, 0.0], "labels.nii: the mask holds one voxel"),
        ("other grid", [1.0, 2.0, 3.0], vec![1.0, 1.0], "labels.nii: the mask is not on the image"),
        ("not finite", [1.0, number, 3.0], vec![0.0, 1.0, 1.0], "image.nii: voxel (1, 0, 0)"),
    ] {
        let voxels = Array::from_shape_vec((3, 1, 1), intensities.to_vec()).unwrap();
        WriterOptions::new(&image).write_nifti(&voxels).unwrap();
        let mask = write_labels(&folder, &labels);
        let error = crate::nifti_features(&image, &mask, &settings).unwrap_err().to_string();
        assert!(error.contains(expected), "{case}: {error}");
    }
}
