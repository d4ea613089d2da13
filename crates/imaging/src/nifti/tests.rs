//! NIfTI files that the tests write themselves.

use ndarray::Array;
use nifti::NiftiHeader;
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

/// A header of one of the two versions, and after it what the test wants.
struct Raw {
    version: u8,
    big_endian: bool,
    single_file: bool,
    datatype: i16,
    dim: Vec<i64>,
    voxels: Vec<u8>,
}

impl Raw {
    fn bytes(&self) -> Vec<u8> {
        let mut header = if self.version == 1 { vec![0; 352] } else { vec![0; 544] };
        let mut put = |at: usize, mut number: Vec<u8>| {
            if self.big_endian {
                number.reverse();
            }
            header[at..at + number.len()].copy_from_slice(&number);
        };
        let dim = std::iter::once(self.dim.len() as i64).chain(self.dim.iter().copied());
        let affine = [[-2.0, 0.0, 0.0, 30.0], [0.0, -3.0, 0.0, 40.0], [0.0, 0.0, 4.0, 50.0]];
        let affine = affine.into_iter().flatten().enumerate();
        if self.version == 1 {
            put(0, 348_i32.to_le_bytes().to_vec());
            for (axis, length) in dim.enumerate() {
                put(40 + 2 * axis, i16::try_from(length).unwrap().to_le_bytes().to_vec());
            }
            put(70, self.datatype.to_le_bytes().to_vec());
            put(108, if self.single_file { 352.0_f32 } else { 0.0 }.to_le_bytes().to_vec());
            put(254, 1_i16.to_le_bytes().to_vec());
            for (place, number) in affine {
                put(280 + 4 * place, (number as f32).to_le_bytes().to_vec());
            }
            header[344..348].copy_from_slice(if self.single_file { b"n+1\0" } else { b"ni1\0" });
        } else {
            put(0, 540_i32.to_le_bytes().to_vec());
            put(12, self.datatype.to_le_bytes().to_vec());
            for (axis, length) in dim.enumerate() {
                put(16 + 8 * axis, length.to_le_bytes().to_vec());
            }
            put(168, if self.single_file { 544_i64 } else { 0 }.to_le_bytes().to_vec());
            put(348, 1_i32.to_le_bytes().to_vec());
            for (place, number) in affine {
                put(400 + 8 * place, f64::to_le_bytes(number).to_vec());
            }
            let magic = if self.single_file { b"n+2\0\r\n\x1a\n" } else { b"ni2\0\r\n\x1a\n" };
            header[4..12].copy_from_slice(magic);
        }
        if self.single_file {
            header.extend(&self.voxels);
        }
        header
    }
}

/// Two voxels, 1 and 100, of each type that can be read.
fn typed(big_endian: bool) -> Vec<(i16, Vec<u8>)> {
    let order = |mut bytes: Vec<u8>| {
        if big_endian {
            bytes.reverse();
        }
        bytes
    };
    let two = |one: Vec<u8>, hundred: Vec<u8>| [order(one), order(hundred)].concat();
    macro_rules! two {
        ($kind:ty) => {
            two((1 as $kind).to_le_bytes().to_vec(), (100 as $kind).to_le_bytes().to_vec())
        };
    }
    vec![
        (2, two!(u8)),
        (4, two!(i16)),
        (8, two!(i32)),
        (16, two!(f32)),
        (64, two!(f64)),
        (256, two!(i8)),
        (512, two!(u16)),
        (768, two!(u32)),
        (1024, two!(i64)),
        (1280, two!(u64)),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn reads_both_versions_byte_orders_and_every_number() {
    let folder = tempfile::tempdir().unwrap();
    for (version, big_endian) in [(1, false), (1, true), (2, false), (2, true)] {
        for (datatype, voxels) in typed(big_endian) {
            let raw = Raw {
                version,
                big_endian,
                single_file: true,
                datatype,
                dim: vec![2, 1, 1],
                voxels,
            };
            let case = format!("version {version}, big endian {big_endian}, type {datatype}");
            let path = folder.path().join("image.nii");
            fs_err::write(&path, raw.bytes()).unwrap();
            let volume = read_nifti(&path).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(volume.voxels.as_slice().unwrap(), [1.0, 100.0], "{case}");
            assert_eq!(volume.geometry.spacing_mm, [2.0, 3.0, 4.0], "{case}");
            assert_eq!(volume.geometry.origin_mm, [-30.0, -40.0, 50.0], "{case}");
        }
    }
}

#[test]
fn reads_pairs_by_either_name_compressed_or_not() {
    for (version, header, image) in [
        (1, "a.hdr", "a.img"),
        (2, "a.hdr", "a.img.gz"),
        (1, "a.hdr.gz", "a.img.gz"),
        (2, "a.hdr.gz", "a.img"),
        (1, "A.HDR", "A.IMG"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let voxels = vec![1, 100];
        let raw = Raw {
            version,
            big_endian: false,
            single_file: false,
            datatype: 2,
            dim: vec![2],
            voxels: voxels.clone(),
        };
        for (name, bytes) in [(header, raw.bytes()), (image, voxels)] {
            let bytes = if name.ends_with("gz") { gzip(&bytes) } else { bytes };
            fs_err::write(folder.path().join(name), bytes).unwrap();
        }
        for name in [header, image] {
            let volume = read_nifti(&folder.path().join(name)).unwrap();
            assert_eq!(volume.voxels.as_slice().unwrap(), [1.0, 100.0], "{name}");
            assert_eq!(volume.geometry.size, [2, 1, 1]);
        }
        fs_err::remove_file(folder.path().join(image)).unwrap();
        let error = read_nifti(&folder.path().join(header)).unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error}");
    }
}

#[test]
fn takes_the_chosen_volume_or_says_how_many_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.nii");
    let raw = Raw {
        version: 1,
        big_endian: false,
        single_file: true,
        datatype: 2,
        dim: vec![2, 1, 1, 3, 2],
        voxels: (0..12).collect(),
    };
    for bytes in [raw.bytes(), gzip(&raw.bytes())] {
        fs_err::write(&path, bytes).unwrap();
        for (volume, expected) in [(1, [0.0, 1.0]), (5, [8.0, 9.0]), (6, [10.0, 11.0])] {
            let found = read_nifti_volume(&path, Some(volume)).unwrap();
            assert_eq!(found.voxels.as_slice().unwrap(), expected);
        }
    }
    for (volume, expected) in [
        (None, "holds 6 volumes and none was chosen: set volume from 1 to 6"),
        (Some(0), "holds 6 volumes and 0 was chosen: set volume from 1 to 6"),
    ] {
        let error = read_nifti_volume(&path, volume).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let settings = ImagingSettings { label: Some(9), ..ImagingSettings::default() };
    let error = read_nifti_region(&path, &settings).unwrap_err().to_string();
    assert!(error.contains("none was chosen: set mask_volume from 1 to 6"), "{error}");
    let settings = ImagingSettings { mask_volume: Some(5), ..settings };
    assert_eq!(read_nifti_region(&path, &settings).unwrap().count(), 1);
}

#[test]
fn a_threshold_takes_masks_of_any_values() {
    let folder = tempfile::tempdir().unwrap();
    let labels = [0.0, 1.0 / 255.0, 0.4, 0.5, 0.9, f32::NAN];
    let path = write_labels(&folder, &labels);
    for (threshold, expected) in [(0.003, 4), (0.5, 2), (0.95, 0)] {
        let settings =
            ImagingSettings { region_threshold: Some(threshold), ..ImagingSettings::default() };
        assert_eq!(read_nifti_region(&path, &settings).unwrap().count(), expected, "{threshold}");
    }
}

#[test]
fn hostile_sizes_cost_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.nii");
    for (version, dim) in [
        (1, vec![32767, 32767, 32767, 32767]),
        (2, vec![i64::MAX, i64::MAX, i64::MAX]),
        (2, vec![1 << 40, 1, 1]),
        (1, vec![20_000, 20_000, 20]),
    ] {
        let raw = Raw {
            version,
            big_endian: false,
            single_file: true,
            datatype: 64,
            dim: dim.clone(),
            voxels: vec![0; 64],
        };
        for bytes in [raw.bytes(), gzip(&raw.bytes())] {
            fs_err::write(&path, bytes).unwrap();
            let error = read_nifti_volume(&path, Some(1)).unwrap_err().to_string();
            assert!(error.contains("the voxels are cut off"), "{dim:?}: {error}");
        }
    }
}

#[test]
fn compressed_voxels_that_are_cut_off_or_damaged_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "image.nii.gz", &sform());
    let whole = fs_err::read(&path).unwrap();
    let mut damaged = whole.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    for (case, bytes) in [
        ("half", whole[..whole.len() / 2].to_vec()),
        ("without its end", whole[..whole.len() - 4].to_vec()),
        ("other checksum", damaged),
    ] {
        fs_err::write(&path, bytes).unwrap();
        let error = read_nifti(&path).unwrap_err().to_string();
        assert!(error.contains("copy"), "{case}: {error}");
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

#[test]
fn the_sform_comes_before_the_qform() {
    let folder = tempfile::tempdir().unwrap();
    let mut header = sform();
    header.qform_code = 1;
    header.pixdim = [1.0, 5.0, 5.0, 5.0, 1.0, 1.0, 1.0, 1.0];
    let path = write(&folder, "image.nii", &header);
    assert_eq!(read_nifti(&path).unwrap().geometry.spacing_mm, [2.0, 3.0, 4.0]);
    patch(&path, 254, &0_i16.to_ne_bytes());
    assert_eq!(read_nifti(&path).unwrap().geometry.spacing_mm, [5.0, 5.0, 5.0]);
}

type Change = fn(&Path);

#[test]
fn names_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let changes: [(&str, Change, &str); 12] = [
        (
            "no magic",
            |path| {
                patch(path, 0, &[0; 4]);
                patch(path, 344, b"none");
            },
            "is no NIfTI image: expected `n+1` or `ni1` at byte 344",
        ),
        ("ANALYZE 7.5", |path| patch(path, 344, &[0; 4]), "is ANALYZE 7.5"),
        (
            "pair of files",
            |path| patch(path, 344, b"ni1\0"),
            "is the header of a pair of files, expected a name ending in .hdr",
        ),
        (
            "no dimension",
            |path| patch(path, 40, &0_i16.to_ne_bytes()),
            "expected 1 to 7 dimensions",
        ),
        (
            "no voxel",
            |path| patch(path, 44, &0_i16.to_ne_bytes()),
            "expected one voxel or more along every axis, found [2, 0, 4]",
        ),
        (
            "voxels within the header",
            |path| patch(path, 108, &100.0_f32.to_ne_bytes()),
            "the voxels must start at byte 352 or later, found 100",
        ),
        (
            "two volumes",
            |path| {
                patch(path, 40, &4_i16.to_ne_bytes());
                patch(path, 48, &2_i16.to_ne_bytes());
            },
            "holds 2 volumes and none was chosen: set volume from 1 to 2",
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
            "expected a NIfTI header of 348 or 540 bytes: the file is truncated; copy it again",
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
            "holds RGB colors (datatype 128), expected whole or real numbers",
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
        (
            "beyond the image",
            [1.0, 2.0, 3.0],
            vec![1.0; 4],
            "labels.nii: 1 of the mask's 4 voxels lie outside",
        ),
        ("not finite", [1.0, number, 3.0], vec![0.0, 1.0, 1.0], "image.nii: voxel (1, 0, 0)"),
    ] {
        let voxels = Array::from_shape_vec((3, 1, 1), intensities.to_vec()).unwrap();
        WriterOptions::new(&image).write_nifti(&voxels).unwrap();
        let mask = write_labels(&folder, &labels);
        let error = crate::nifti_features(&image, &mask, &settings).unwrap_err().to_string();
        assert!(error.contains(expected), "{case}: {error}");
    }
}

/// Small files for the fuzz targets to begin with; `ONCOWEAVE_WRITE_SEEDS` writes them.
#[test]
fn the_seeds_of_the_fuzz_targets_are_read() {
    let seeds = std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds"));
    let raw = |version, big_endian, datatype, voxels: Vec<u8>, dim: &[i64]| {
        Raw { version, big_endian, single_file: true, datatype, dim: dim.to_vec(), voxels }.bytes()
    };
    let values: Vec<u8> = (0..24).collect();
    let labels: Vec<u8> = (0..24).map(|place| u8::from(place % 3 == 0)).collect();
    let words: Vec<u8> = labels.iter().flat_map(|&label| u16::from(label).to_be_bytes()).collect();
    for (seed, bytes) in [
        ("nifti_image/first.nii", raw(1, false, 2, values.clone(), &[2, 3, 4])),
        ("nifti_image/second.nii", raw(2, true, 2, values.clone(), &[2, 3, 2, 2])),
        ("nifti_image/compressed.nii.gz", gzip(&raw(1, false, 256, values, &[2, 3, 4]))),
        ("nifti_mask/labels.nii", raw(1, false, 2, labels, &[2, 3, 4])),
        ("nifti_mask/words.nii.gz", gzip(&raw(2, true, 512, words, &[2, 3, 4]))),
    ] {
        let path = seeds.join(seed);
        if std::env::var_os("ONCOWEAVE_WRITE_SEEDS").is_some() {
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(&path, &bytes).unwrap();
        }
        let volume = read_nifti_volume(&path, Some(1)).unwrap();
        assert!(volume.voxels.iter().any(|&value| value > 0.0), "{seed}");
        let content = fs_err::read(&path).unwrap();
        if seed.contains("image") {
            crate::fuzzing::nifti_image(&content);
        } else {
            crate::fuzzing::nifti_mask(&content);
        }
    }
}
