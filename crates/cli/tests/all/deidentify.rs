//! A simulated cohort through `deidentify`: it names nobody and measures the same.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use fs_err as fs;
use oncoweave_cohort::{read_feature_table, read_lineage};
use oncoweave_privacy::{Identifier, Key};

use crate::extract::{code, oncoweave, stderr, text};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Features by patient, each with its name.
fn features(path: &Path, name: &dyn Fn(&str) -> String) -> BTreeMap<String, Vec<String>> {
    let table = read_feature_table(path).unwrap();
    let of_row = |values: &[Option<f32>]| {
        let pairs = table.features.iter().zip(values);
        pairs.map(|(feature, value)| format!("{} {value:?}", feature.name)).collect()
    };
    table.rows.iter().map(|row| (name(row.patient_id.as_str()), of_row(&row.values))).collect()
}

/// Every date of a patient has moved by one number of days.
fn dates_moved_together(before: &Path, after: &Path, pseudonym: &dyn Fn(&str) -> String) {
    let dates = |folder: &Path, name: &dyn Fn(&str) -> String| {
        let mut dates: BTreeMap<String, BTreeSet<NaiveDate>> = BTreeMap::new();
        for row in read_lineage(&folder.join("lineage.parquet")).unwrap() {
            dates.entry(name(row.patient_id.as_str())).or_default().extend(row.date);
        }
        dates
    };
    let (before, after) = (dates(before, pseudonym), dates(after, &|id| id.to_owned()));
    assert!(before.len() > 20 && before.keys().eq(after.keys()));
    for (dates, moved) in before.values().zip(after.values()) {
        let days: BTreeSet<i64> =
            dates.iter().zip(moved).map(|(a, b)| (*a - *b).num_days()).collect();
        assert!(dates.len() == moved.len() && days.len() <= 1, "{dates:?} {moved:?}");
        assert!(days.iter().all(|days| (1..=1825).contains(days)), "{days:?}");
    }
}

#[test]
fn a_cohort_stays_a_cohort_and_measures_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = |expected: i32, arguments: &[&str]| {
        let output = oncoweave(arguments);
        assert_eq!(code(&output), expected, "{arguments:?}: {}", stderr(&output));
        output
    };
    run(0, &["simulate", "--patients", "24", "--no-mess", "--out", text(&at("cohort"))]);
    fs::write(at("site.toml"), "[nifti]\nface = \"absent\"\n").unwrap();
    let key = at("cohort.key");
    let deidentified = run(
        0,
        &[
            "deidentify",
            text(&at("cohort")),
            "--out",
            text(&at("released")),
            "--key",
            text(&key),
            "--new-key",
            "--profile",
            text(&at("site.toml")),
        ],
    );
    for (cohort, out) in [("cohort", "before"), ("released", "after")] {
        run(0, &["extract", text(&at(cohort).join("cohort.toml")), "--out", text(&at(out))]);
    }
    let secret = Key::read(&key).unwrap();
    let pseudonym = |id: &str| secret.pseudonym(&Identifier::new(id.to_owned()));
    for name in ["clinical", "genomics", "ct", "mr"] {
        let table = |out: &str| at(out).join("features").join(format!("{name}.parquet"));
        let before = features(&table("before"), &pseudonym);
        let after = features(&table("after"), &|id| id.to_owned());
        assert!(!before.is_empty());
        assert_eq!(before, after, "{name}");
    }

    dates_moved_together(&at("before"), &at("after"), &pseudonym);

    let list = fs::read_to_string(at("cohort/files.csv")).unwrap();
    let ids: BTreeSet<&str> =
        list.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert!(ids.len() >= 7);
    let mut written = files(&at("released"));
    written.extend(files(&at("after")));
    for path in &written {
        let bytes = fs::read(path).unwrap();
        for id in &ids {
            assert!(!holds(&bytes, id), "{id} is in {}", path.display());
            assert!(!holds(path.as_os_str().as_encoded_bytes(), id), "{}", path.display());
        }
    }
    for id in &ids {
        assert!(!holds(&deidentified.stdout, id) && !holds(&deidentified.stderr, id));
    }

    let first = pseudonym(ids.first().unwrap());
    let found = run(0, &["reidentify", "--key", text(&key), "--reason", "a test", &first]);
    assert!(holds(&found.stdout, ids.first().unwrap()));
    assert_eq!(fs::read_to_string(at("cohort.key.audit")).unwrap().lines().count(), 1);
}

/// A simulated cohort whose manifest does not say what its files are.
fn undeclared(cohort: &Path, patients: usize) -> PathBuf {
    let patients = patients.to_string();
    let arguments = ["simulate", "--patients", &patients, "--no-mess", "--out", text(cohort)];
    let output = oncoweave(&arguments);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let manifest = cohort.join("cohort.toml");
    let told = fs::read_to_string(&manifest).unwrap();
    let untold = told.replace("[privacy]\nstatus = \"synthetic\"\n", "");
    assert_ne!(told, untold);
    fs::write(&manifest, untold).unwrap();
    manifest
}

fn ending(folder: &Path, end: &str) -> Vec<PathBuf> {
    let found: Vec<PathBuf> =
        files(folder).into_iter().filter(|path| text(path).ends_with(end)).collect();
    assert!(!found.is_empty(), "{end}");
    found
}

#[test]
fn images_that_name_their_patients_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cohort = folder.path().join("cohort");
    let manifest = undeclared(&cohort, 4);
    for path in ending(&cohort, ".dcm") {
        // (0012,0062) CS "YES " becomes "NO  ".
        let mut bytes = fs::read(&path).unwrap();
        let mark = b"\x12\0\x62\0CS\x04\0YES ";
        let place = bytes.windows(mark.len()).position(|window| window == mark).unwrap();
        bytes[place + 8..place + 12].copy_from_slice(b"NO  ");
        fs::write(path, bytes).unwrap();
    }
    let extract = |more: &[&str]| {
        let out = folder.path().join("features");
        let mut arguments = vec!["extract", text(&manifest), "--out", text(&out)];
        arguments.extend(more);
        oncoweave(&arguments)
    };
    let output = extract(&[]);
    assert_eq!(code(&output), 1);
    let message = stderr(&output);
    assert!(
        message.contains("name their patients") && message.contains("oncoweave deidentify"),
        "{message}"
    );
    let output = extract(&["--identified"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

/// Changes what a compressed file holds.
fn rewrite(path: &Path, change: fn(Vec<u8>) -> Vec<u8>) {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    let mut writer = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
    writer.write_all(&change(bytes)).unwrap();
    writer.finish().unwrap();
}

fn plant_variants(bytes: Vec<u8>) -> Vec<u8> {
    let known = String::from_utf8(bytes).unwrap();
    let line = "##SAMPLE=<ID=TUMOR,Description=\"seen by Dr Quornby\">\n#CHROM\t";
    known.replace("#CHROM\t", line).into_bytes()
}

fn plant_image(mut bytes: Vec<u8>) -> Vec<u8> {
    let descrip = b"QUORNBY^ADA";
    bytes[148..148 + descrip.len()].copy_from_slice(descrip);
    bytes
}

#[test]
fn tables_and_headers_that_name_patients_are_refused_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let cohort = folder.path().join("cohort");
    let manifest = undeclared(&cohort, 16);
    let extract = |more: &[&str]| {
        let out = folder.path().join("features");
        oncoweave(&[&["extract", text(&manifest), "--out", text(&out)], more].concat())
    };
    let output = extract(&[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));

    let clinical = cohort.join("clinical.csv");
    let table = fs::read_to_string(&clinical).unwrap();
    let with = |header: &str, cells: &str| -> String {
        let ends = std::iter::once(header).chain(std::iter::repeat(cells));
        let lines: Vec<String> =
            table.lines().zip(ends).map(|(line, end)| format!("{line},{end}\n")).collect();
        lines.concat()
    };
    let columns = table.lines().next().unwrap().split(',').count();
    let mut expected: Vec<String> = Vec::new();
    let mut refused = |more: Vec<String>| {
        expected.extend(more);
        let output = extract(&[]);
        assert_eq!(code(&output), 1);
        let message = stderr(&output);
        for part in expected.iter().map(String::as_str).chain(["oncoweave deidentify"]) {
            assert!(message.contains(part), "no `{part}`: {message}");
        }
        for value in ["Quornby", "QUORNBY", "5919"] {
            assert!(!message.contains(value), "{message}");
        }
        assert!(!message.contains("DICOM"), "{message}");
    };
    // The name of the second column is nobody's word.
    fs::write(&clinical, with("surname,Zyxqu", "Quornby,943 476 5919")).unwrap();
    refused(vec![
        "columns of the clinical table name their patients".to_owned(),
        "column `surname` seems to hold what its name says".to_owned(),
        format!("column {} seems to hold NHS numbers", columns + 2),
    ]);
    for path in ending(&cohort, ".vcf.gz") {
        rewrite(&path, plant_variants);
    }
    let place = "headers of VCF and BCF files name their patients: ##SAMPLE `Description`";
    refused(vec![format!("{place} seems to hold names")]);
    for path in ending(&cohort, ".nii.gz") {
        rewrite(&path, plant_image);
    }
    let place = "headers of NIfTI images name their patients: descrip";
    refused(vec![format!("{place} seems to hold names")]);

    // What may be a count, a code or a day of treatment names nobody, and is no reason to refuse.
    fs::write(&clinical, with("reads,accession,seen_on", "250000,HX7713402,2020-01-31")).unwrap();
    let told = fs::read_to_string(&manifest).unwrap();
    let message = stderr(&extract(&[]));
    assert!(!message.contains("clinical table") && message.contains("##SAMPLE"), "{message}");
    fs::write(&manifest, told + "\n[privacy]\nstatus = \"deidentified\"\n").unwrap();
    let output = extract(&["--resume"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}
