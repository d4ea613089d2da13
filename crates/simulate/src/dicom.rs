//! A CT series as DICOM files, and what its RTSTRUCT and SEG share with it.

use std::path::Path;

use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use rand::rngs::ChaCha12Rng;
use rand::seq::SliceRandom;

use crate::ct::{Ct, Scanner, WIDTH};
use crate::error::Error;
use crate::random::uid;

/// What all objects of one examination share.
pub(crate) struct Study {
    pub(crate) patient_id: String,
    /// `YYYYMMDD`.
    pub(crate) date: String,
    /// The study's own.
    pub(crate) instance_uid: String,
    pub(crate) series_uid: String,
    pub(crate) frame_uid: String,
    /// One for each slice, upward.
    pub(crate) instance_uids: Vec<String>,
    /// The series, instance and other ids of the segmentation.
    pub(crate) segmentation_uids: [String; 3],
}

impl Study {
    pub(crate) fn draw(
        random: &mut ChaCha12Rng,
        patient_id: &str,
        date: String,
        slices: usize,
    ) -> Self {
        Self {
            patient_id: patient_id.to_owned(),
            date,
            instance_uid: uid(random),
            series_uid: uid(random),
            frame_uid: uid(random),
            instance_uids: (0..slices).map(|_| uid(random)).collect(),
            segmentation_uids: [uid(random), uid(random), uid(random)],
        }
    }
}

/// A data set under construction.
#[derive(Clone, Debug)]
pub(crate) struct Dataset(InMemDicomObject);

impl Dataset {
    pub(crate) fn new() -> Self {
        Self(InMemDicomObject::new_empty())
    }

    /// Puts a text value; several values stand apart by a backslash.
    pub(crate) fn text(mut self, tag: Tag, vr: VR, value: &str) -> Self {
        let value =
            if value.is_empty() { PrimitiveValue::Empty } else { PrimitiveValue::from(value) };
        self.0.put(DataElement::new(tag, vr, value));
        self
    }

    pub(crate) fn short(mut self, tag: Tag, value: u16) -> Self {
        self.0.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
        self
    }

    pub(crate) fn value(mut self, tag: Tag, vr: VR, value: PrimitiveValue) -> Self {
        self.0.put(DataElement::new(tag, vr, value));
        self
    }

    pub(crate) fn items(mut self, tag: Tag, items: Vec<Dataset>) -> Self {
        let items: Vec<InMemDicomObject> = items.into_iter().map(|item| item.0).collect();
        self.0.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
        self
    }

    pub(crate) fn write(self, path: &Path) -> Result<(), Error> {
        let failed = |source: dicom_object::WriteError| Error::Dicom {
            path: path.to_path_buf(),
            source: Box::new(source),
        };
        let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let object = self.0.with_meta(meta).expect("the data set names its class and instance");
        object.write_to_file(path).map_err(failed)
    }
}

/// A number as DICOM's decimal string, without needless zeros.
pub(crate) fn decimal(number: f64) -> String {
    let text = format!("{number:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

pub(crate) fn decimals(numbers: &[f64]) -> String {
    let texts: Vec<String> = numbers.iter().map(|&number| decimal(number)).collect();
    texts.join("\\")
}

/// Patient, study, series and equipment: the pseudonym alone says who it is.
pub(crate) fn common(
    study: &Study,
    class_uid: &str,
    instance_uid: &str,
    modality: &str,
) -> Dataset {
    Dataset::new()
        .text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192")
        .text(tags::SOP_CLASS_UID, VR::UI, class_uid)
        .text(tags::SOP_INSTANCE_UID, VR::UI, instance_uid)
        .text(tags::STUDY_DATE, VR::DA, &study.date)
        .text(tags::STUDY_TIME, VR::TM, "120000")
        .text(tags::ACCESSION_NUMBER, VR::SH, "")
        .text(tags::MODALITY, VR::CS, modality)
        .text(tags::MANUFACTURER, VR::LO, "Oncoweave")
        .text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "simulate")
        .text(tags::DEVICE_SERIAL_NUMBER, VR::LO, "0")
        .text(tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION"))
        .text(tags::REFERRING_PHYSICIAN_NAME, VR::PN, "")
        // The caret keeps validators from taking the pseudonym for the retired form of a name.
        .text(tags::PATIENT_NAME, VR::PN, &format!("{}^", study.patient_id))
        .text(tags::PATIENT_ID, VR::LO, &study.patient_id)
        .text(tags::PATIENT_BIRTH_DATE, VR::DA, "")
        .text(tags::PATIENT_SEX, VR::CS, "")
        .text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES")
        .text(tags::DEIDENTIFICATION_METHOD, VR::LO, "simulated, no such patient")
        .text(tags::STUDY_INSTANCE_UID, VR::UI, &study.instance_uid)
        .text(tags::STUDY_ID, VR::SH, "1")
}

/// Writes the slices under shuffled names `IM0001.dcm` and so on, all but `missing`.
pub(crate) fn write_series(
    folder: &Path,
    study: &Study,
    (ct, scanner): (&Ct, &Scanner),
    missing: Option<usize>,
    random: &mut ChaCha12Rng,
) -> Result<(), Error> {
    let slices = ct.grid.size[2];
    let mut names: Vec<usize> = (1..=slices).collect();
    names.shuffle(random);
    for slice in (0..slices).filter(|&slice| Some(slice) != missing) {
        let path = folder.join(format!("IM{:04}.dcm", names[slice]));
        slice_dataset(study, ct, scanner, slice).write(&path)?;
    }
    Ok(())
}

fn slice_dataset(study: &Study, ct: &Ct, scanner: &Scanner, slice: usize) -> Dataset {
    let slices = ct.grid.size[2];
    let instance = if scanner.upward { slice + 1 } else { slices - slice };
    let pixels = &ct.stored[slice * WIDTH * WIDTH..(slice + 1) * WIDTH * WIDTH];
    let words: Vec<u16> = pixels.iter().map(|stored| stored.cast_unsigned()).collect();
    let width = u16::try_from(WIDTH).expect("64 pixels");
    let [x, y, z] = ct.grid.origin;
    let position = [x, y, z + ct.grid.spacing[2] * slice as f64];
    common(study, uids::CT_IMAGE_STORAGE, &study.instance_uids[slice], "CT")
        .text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL")
        .text(tags::SERIES_DATE, VR::DA, &study.date)
        .text(tags::ACQUISITION_DATE, VR::DA, &study.date)
        .text(tags::CONTENT_DATE, VR::DA, &study.date)
        .text(tags::CONTENT_TIME, VR::TM, "120000")
        .text(tags::SERIES_DESCRIPTION, VR::LO, "chest")
        .text(tags::BODY_PART_EXAMINED, VR::CS, "CHEST")
        .text(tags::SLICE_THICKNESS, VR::DS, &decimal(scanner.slice_mm))
        .text(tags::KVP, VR::DS, "120")
        .text(tags::PATIENT_POSITION, VR::CS, "HFS")
        .text(tags::SERIES_INSTANCE_UID, VR::UI, &study.series_uid)
        .text(tags::SERIES_NUMBER, VR::IS, "2")
        .text(tags::ACQUISITION_NUMBER, VR::IS, "1")
        .text(tags::INSTANCE_NUMBER, VR::IS, &instance.to_string())
        .text(tags::IMAGE_POSITION_PATIENT, VR::DS, &decimals(&position))
        .text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0")
        .text(tags::FRAME_OF_REFERENCE_UID, VR::UI, &study.frame_uid)
        .text(tags::POSITION_REFERENCE_INDICATOR, VR::LO, "")
        .text(tags::SLICE_LOCATION, VR::DS, &decimal(position[2]))
        .short(tags::SAMPLES_PER_PIXEL, 1)
        .text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2")
        .short(tags::ROWS, width)
        .short(tags::COLUMNS, width)
        .text(tags::PIXEL_SPACING, VR::DS, &decimals(&[scanner.pixel_mm; 2]))
        .short(tags::BITS_ALLOCATED, 16)
        .short(tags::BITS_STORED, 16)
        .short(tags::HIGH_BIT, 15)
        .short(tags::PIXEL_REPRESENTATION, 1)
        .text(tags::WINDOW_CENTER, VR::DS, "-400")
        .text(tags::WINDOW_WIDTH, VR::DS, "1500")
        .text(tags::RESCALE_INTERCEPT, VR::DS, &decimal(scanner.intercept))
        .text(tags::RESCALE_SLOPE, VR::DS, &decimal(scanner.slope))
        .text(tags::RESCALE_TYPE, VR::LO, "HU")
        .value(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(words.into()))
}

/// A code with its scheme and meaning (DICOM PS3.3, 8.8).
pub(crate) fn code(value: &str, scheme: &str, meaning: &str) -> Dataset {
    Dataset::new()
        .text(tags::CODE_VALUE, VR::SH, value)
        .text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme)
        .text(tags::CODE_MEANING, VR::LO, meaning)
}

/// Points at one image of the series.
pub(crate) fn image_reference(study: &Study, slice: usize) -> Dataset {
    Dataset::new().text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE).text(
        tags::REFERENCED_SOP_INSTANCE_UID,
        VR::UI,
        &study.instance_uids[slice],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_strings_are_short_and_plain() {
        for (number, text) in [
            (2.0, "2"),
            (2.2, "2.2"),
            (-1024.0, "-1024"),
            (-0.000_01, "0"),
            (-131.6, "-131.6"),
            (100.0, "100"),
            (-1_234.567_89, "-1234.5679"),
        ] {
            assert_eq!(decimal(number), text);
        }
        assert_eq!(decimals(&[1.0, 0.5]), "1\\0.5");
    }
}
