//! The whole cohort, written into a temporary folder and read back.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use dicom_dictionary_std::tags;
use dicom_object::open_file;
use nifti::{IntoNdArray, NiftiObject, NiftiVolume, ReaderOptions};
use noodles::vcf;
use tempfile::TempDir;

use crate::{Error, SimulateSettings, draw_patient, simulate};

const SEED: u64 = 11;

fn write(settings: SimulateSettings) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path(), &settings, &|_| {}).unwrap();
    folder
}

/// Every file below the folder with its bytes.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs_err::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_path_buf();
                files.insert(name, fs_err::read(path).unwrap());
            }
        }
    }
    files
}

fn table(path: &Path) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn one_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let settings = SimulateSettings { patients: 32, seed: SEED, ..SimulateSettings::default() };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(1).install(|| tree(write(settings).path()));
    let three = pool(3).install(|| tree(write(settings).path()));
    assert!(one.len() > 300, "{} files", one.len());
    assert_eq!(one.keys().collect::<Vec<_>>(), three.keys().collect::<Vec<_>>());
    for (name, bytes) in &one {
        assert!(bytes == &three[name], "{} differs", name.display());
    }
    let competing = tree(write(SimulateSettings { competing: true, ..settings }).path());
    let changed: Vec<&Path> = one
        .iter()
        .filter(|(name, bytes)| competing[*name] != **bytes)
        .map(|(name, _)| name.as_path())
        .collect();
    let expected = ["README.md", "clinical.csv", "cohort.toml", "oracle.csv"].map(Path::new);
    assert_eq!(changed, expected, "another death changes no file of a patient");
    let late = SimulateSettings { late_entry: true, ..settings };
    let one_late = pool(1).install(|| tree(write(late).path()));
    assert!(one_late == pool(3).install(|| tree(write(late).path())), "late entries differ");
    let other = tree(write(SimulateSettings { seed: 12, ..settings }).path());
    assert_ne!(one[Path::new("oracle.csv")], other[Path::new("oracle.csv")]);
}

#[test]
fn the_summary_counts_what_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    let settings = SimulateSettings { patients: 30, seed: SEED, ..SimulateSettings::default() };
    let seen = std::sync::Mutex::new(Vec::new());
    let simulated =
        simulate(folder.path(), &settings, &|done| seen.lock().unwrap().push(done)).unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    assert_eq!(seen, (1..=30).collect::<Vec<usize>>());

    let files = tree(folder.path());
    let ending =
        |end: &str| files.keys().filter(|name| name.to_str().unwrap().ends_with(end)).count();
    assert_eq!(ending(".vcf.gz"), simulated.genomes);
    assert_eq!(ending(".vcf.gz.tbi"), simulated.genomes);
    assert_eq!(ending(".nii.gz"), 2 * simulated.mr_images);
    assert!(ending("RTSTRUCT.dcm") + ending("SEG.dcm") >= simulated.ct_series);
    assert_eq!(simulated.messed, 10);
    assert_eq!(table(&simulated.oracle).len(), 30);
    assert_eq!(table(&folder.path().join("clinical.csv")).len(), 31, "one row stands twice");
    let manifest: toml::Table =
        fs_err::read_to_string(&simulated.manifest).unwrap().parse().unwrap();
    assert_eq!(manifest["modality"].as_array().unwrap().len(), 3);
    assert!(!folder.path().join(crate::UNFINISHED).exists());
}

#[test]
fn without_mess_every_named_file_is_there() {
    let folder = write(SimulateSettings {
        patients: 30,
        seed: SEED,
        mess: false,
        ..SimulateSettings::default()
    });
    assert!(table(&folder.path().join("mess.csv")).is_empty());
    let clinical = table(&folder.path().join("clinical.csv"));
    let ids: Vec<&String> = clinical.iter().map(|row| &row["patient_id"]).collect();
    let files = table(&folder.path().join("files.csv"));
    assert!(files.len() > 40);
    for row in files {
        assert!(folder.path().join(&row["path"]).exists(), "{row:?}");
        assert!(folder.path().join(&row["mask"]).exists(), "{row:?}");
        assert!(ids.contains(&&row["patient_id"]), "{row:?}");
    }
}

#[test]
fn late_entries_stand_in_the_table_and_the_manifest_names_them() {
    let without = SimulateSettings {
        patients: 24,
        seed: SEED,
        mess: false,
        competing: true,
        late_entry: false,
    };
    for late_entry in [false, true] {
        let folder = write(SimulateSettings { late_entry, ..without });
        let at = |name: &str| folder.path().join(name);
        let manifest: toml::Table =
            fs_err::read_to_string(at("cohort.toml")).unwrap().parse().unwrap();
        let entry = manifest["outcome"].get("entry").map(|name| name.as_str().unwrap());
        assert_eq!(entry, late_entry.then_some("first_seen"));
        assert!(manifest["outcome"].get("competing").is_some());
        let readme = fs_err::read_to_string(at("README.md")).unwrap();
        assert_eq!(readme.contains("came under observation late"), late_entry);
        let clinical = table(&at("clinical.csv"));
        assert_eq!(clinical.len(), 24);
        let number = |row: &HashMap<String, String>, name: &str| row.get(name)?.parse::<u32>().ok();
        let late = clinical.iter().filter_map(|row| {
            Some((number(row, "first_seen")?, number(row, "follow_up").expect("every row has it")))
        });
        let late: Vec<(u32, u32)> = late.collect();
        assert!(late.iter().all(|(entry, end)| (1..*end).contains(entry)), "{late:?}");
        let expected = if late_entry { 6..=18 } else { 0..=0 };
        assert!(expected.contains(&late.len()), "{late:?}");
    }
}

#[test]
fn a_folder_in_use_is_refused_and_an_unfinished_one_begun_anew() {
    let settings =
        SimulateSettings { patients: 2, seed: SEED, mess: false, ..SimulateSettings::default() };
    let folder = write(settings);
    let before = tree(folder.path());
    let refused = simulate(folder.path(), &settings, &|_| {}).unwrap_err();
    assert!(matches!(refused, Error::NotEmpty { .. }), "{refused}");

    fs_err::write(folder.path().join(crate::UNFINISHED), "").unwrap();
    fs_err::write(folder.path().join("genomics/SIM-0009.vcf.gz"), "half").unwrap();
    simulate(folder.path(), &settings, &|_| {}).unwrap();
    assert_eq!(tree(folder.path()), before);

    let none = SimulateSettings { patients: 0, ..settings };
    let refused = simulate(folder.path(), &none, &|_| {}).unwrap_err();
    assert!(matches!(refused, Error::Patients { patients: 0 }), "{refused}");
}

#[test]
fn noodles_reads_the_variants_and_finds_them_through_the_index() {
    let folder = write(SimulateSettings {
        patients: 4,
        seed: SEED,
        mess: false,
        ..SimulateSettings::default()
    });
    let path = folder.path().join("genomics/SIM-0001.vcf.gz");
    let mut reader = vcf::io::indexed_reader::Builder::default().build_from_path(path).unwrap();
    let header = reader.read_header().unwrap();
    assert_eq!(header.sample_names().iter().collect::<Vec<_>>(), ["NORMAL", "TUMOR"]);
    let mut by_contig: BTreeMap<String, usize> = BTreeMap::new();
    for record in reader.record_bufs(&header) {
        let record = record.unwrap();
        *by_contig.entry(record.reference_sequence_name().to_owned()).or_default() += 1;
    }
    assert!(by_contig.values().sum::<usize>() > draw_patient(SEED, 0).genome.nonsynonymous);
    for (contig, count) in by_contig {
        let region = contig.parse().unwrap();
        let found = reader.query(&header, &region).unwrap().records().count();
        assert_eq!(found, count, "{contig}");
    }
}

#[test]
fn dicom_rs_reads_a_series_whose_tumor_is_the_truth() {
    let settings =
        SimulateSettings { patients: 12, seed: SEED, mess: false, ..SimulateSettings::default() };
    let folder = write(settings);
    let mut kinds = Vec::new();
    for index in 0..12 {
        let patient = draw_patient(SEED, index);
        let series = folder.path().join("ct").join(&patient.id);
        if !patient.measured.ct {
            assert!(!series.exists());
            continue;
        }
        let mut heights = Vec::new();
        for entry in fs_err::read_dir(&series).unwrap() {
            let object = open_file(entry.unwrap().path()).unwrap();
            let text = |tag| object.element(tag).unwrap().to_str().unwrap().into_owned();
            assert_eq!(text(tags::PATIENT_ID), patient.id);
            match text(tags::MODALITY).as_str() {
                "CT" => {
                    let position = object.element(tags::IMAGE_POSITION_PATIENT).unwrap();
                    heights.push(position.to_multi_float64().unwrap()[2]);
                    let pixels = object.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap();
                    assert_eq!(pixels.len(), 64 * 64 * 2);
                }
                segmentation => kinds.push(segmentation.to_owned()),
            }
        }
        heights.sort_by(f64::total_cmp);
        let gap = heights[1] - heights[0];
        assert!((24..=40).contains(&heights.len()));
        assert!(heights.windows(2).all(|pair| (pair[1] - pair[0] - gap).abs() < 1e-6));
    }
    assert!(kinds.contains(&"SEG".to_owned()) && kinds.contains(&"RTSTRUCT".to_owned()));
}

#[test]
fn nifti_rs_reads_a_mask_of_the_true_volume() {
    let folder = write(SimulateSettings {
        patients: 12,
        seed: SEED,
        mess: false,
        ..SimulateSettings::default()
    });
    let mut images = 0;
    for patient in (0..12).map(|index| draw_patient(SEED, index)).filter(|p| p.measured.mr) {
        let path = folder.path().join(format!("mr/{}_mask.nii.gz", patient.id));
        let mask = ReaderOptions::new().read_file(path).unwrap();
        assert_eq!(
            mask.header().srow_x.map(f32::to_bits),
            [-2.0, 0.0, 0.0, 115.0].map(f32::to_bits)
        );
        assert_eq!(mask.volume().dim(), [48, 48, 28]);
        let voxels = mask.into_volume().into_ndarray::<u8>().unwrap();
        let volume = 12.0 * voxels.iter().filter(|&&label| label == 1).count() as f64;
        let truth = patient.tumor.volume_mm3();
        assert!((volume / truth - 1.0).abs() < 0.05, "{}: {volume} for {truth}", patient.id);
        images += 1;
    }
    assert!(images >= 2, "{images}");
}
