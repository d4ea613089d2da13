//! Everything that is written for one patient, and its rows of `files.csv`.

use std::path::Path;

use chrono::{Days, NaiveDate};
use rand::RngExt;

use crate::ct::{SCANNERS, draw_ct};
use crate::dicom::{Study, write_series};
use crate::error::Error;
use crate::mess::Mess;
use crate::mr::write_mr;
use crate::random::{self, Purpose};
use crate::rtstruct::write_rtstruct;
use crate::seg::write_seg;
use crate::truth::{Patient, Tumor};
use crate::vcf::write_genome;

/// One row of `files.csv`; paths are relative to it.
#[derive(Clone, Debug)]
pub(crate) struct FileRow {
    pub(crate) modality: &'static str,
    pub(crate) path: String,
    pub(crate) sample_id: &'static str,
    pub(crate) date: NaiveDate,
    pub(crate) mask: String,
}

/// What was written for one patient.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) rows: Vec<FileRow>,
    /// Megabases with an abnormal copy number, where a genome was written.
    pub(crate) altered_megabases: Option<f64>,
}

/// A patient among the others: where the files go and which random streams are its own.
pub(crate) struct Place<'a> {
    pub(crate) out: &'a Path,
    pub(crate) seed: u64,
    pub(crate) index: usize,
}

/// Writes the patient's files with the mess made of them.
pub(crate) fn write_patient(
    place: &Place,
    patient: &Patient,
    mess: Option<Mess>,
) -> Result<Written, Error> {
    let mut written = Written::default();
    if mess == Some(Mess::NoFiles) {
        return Ok(written);
    }
    let mut random = random::stream(place.seed, place.index, Purpose::Dates);
    let mut before =
        |most: u64| patient.clinical.diagnosis - Days::new(random.random_range(0..most));
    let (genome_date, ct_date, mr_date) = (before(21), before(31), before(31));
    if patient.measured.genome {
        written.altered_megabases = genomics(place, patient, mess)?;
        let name = if mess == Some(Mess::LostFile) { "moved/" } else { "" };
        let path = format!("genomics/{name}{}.vcf.gz", patient.id);
        let row = FileRow {
            modality: "genomics",
            path,
            sample_id: "TUMOR",
            date: genome_date,
            mask: String::new(),
        };
        written.rows.push(row);
    }
    if patient.measured.ct {
        let visit = Visit { follow_up: false, date: ct_date };
        written.rows.push(ct(place, patient, &visit, mess)?);
    }
    if patient.measured.follow_up_ct {
        let date = patient.clinical.diagnosis + Days::new(random.random_range(90..270));
        let visit = Visit { follow_up: true, date };
        written.rows.push(ct(place, patient, &visit, None)?);
    }
    if patient.measured.mr {
        written.rows.push(mr(place, patient, mr_date, mess)?);
    }
    Ok(written)
}

fn genomics(place: &Place, patient: &Patient, mess: Option<Mess>) -> Result<Option<f64>, Error> {
    if mess == Some(Mess::LostFile) {
        return Ok(None);
    }
    let path = place.out.join(format!("genomics/{}.vcf.gz", patient.id));
    let altered_megabases = write_genome(&path, (place.seed, place.index), patient)?;
    if mess == Some(Mess::TruncatedVcf) {
        let bytes = fs_err::read(&path)?;
        fs_err::write(&path, &bytes[..bytes.len() * 3 / 5])?;
    }
    Ok(Some(altered_megabases))
}

struct Visit {
    follow_up: bool,
    date: NaiveDate,
}

/// A series with its segmentation: an RTSTRUCT for patients with an even number, a SEG for others.
fn ct(
    place: &Place,
    patient: &Patient,
    visit: &Visit,
    mess: Option<Mess>,
) -> Result<FileRow, Error> {
    let (suffix, drawing, naming) = if visit.follow_up {
        ("-followup", Purpose::FollowUpCt, Purpose::FollowUpUids)
    } else {
        ("", Purpose::Ct, Purpose::CtUids)
    };
    let path = format!("ct/{}{suffix}", patient.id);
    let folder = place.out.join(&path);
    fs_err::create_dir_all(&folder)?;

    let mut random = random::stream(place.seed, place.index, drawing);
    let tumor = if visit.follow_up { treated(&patient.tumor) } else { patient.tumor };
    let scanner = &SCANNERS[patient.clinical.hospital];
    let ct = draw_ct(&mut random, &tumor, scanner);

    let mut random = random::stream(place.seed, place.index, naming);
    let date = visit.date.format("%Y%m%d").to_string();
    let slices = ct.grid.size[2];
    let study = Study::draw(&mut random, &patient.id, date, slices);
    let missing = (mess == Some(Mess::MissingSlice)).then_some(slices / 2);
    write_series(&folder, &study, (&ct, scanner), missing, &mut random)?;
    let empty = mess == Some(Mess::EmptyCtMask);
    if draws_contours(place.index) {
        write_rtstruct(&folder.join("RTSTRUCT.dcm"), &study, &ct, empty)?;
    } else {
        write_seg(&folder.join("SEG.dcm"), &study, &ct, empty)?;
    }
    Ok(FileRow { modality: "ct", path, sample_id: "", date: visit.date, mask: String::new() })
}

/// Whether patient `index + 1` is even.
pub(crate) fn draws_contours(index: usize) -> bool {
    index % 2 == 1
}

/// After treatment the tumor is small and homogeneous whatever it was: of no use to a model, and
/// misleading where it is mistaken for the first.
fn treated(tumor: &Tumor) -> Tumor {
    Tumor { diameter_mm: 24.0, texture_hu: 12.0, ..*tumor }
}

fn mr(
    place: &Place,
    patient: &Patient,
    date: NaiveDate,
    mess: Option<Mess>,
) -> Result<FileRow, Error> {
    let path = format!("mr/{}.nii.gz", patient.id);
    let mask = format!("mr/{}_mask.nii.gz", patient.id);
    let files = (place.out.join(&path), place.out.join(&mask));
    let empty = mess == Some(Mess::EmptyMrMask);
    write_mr((&files.0, &files.1), (place.seed, place.index), patient, empty)?;
    Ok(FileRow { modality: "mr", path, sample_id: "", date, mask })
}
