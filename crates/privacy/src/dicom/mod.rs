//! DICOM: PS3.15's Basic Application Level Confidentiality Profile and its options.

mod burned_in;
mod coded;
mod element;
mod file;
mod private;
mod table;
#[cfg(test)]
mod tests;
mod transform;
mod values;

use std::{borrow::Cow, path::Path};

use dicom_core::{Tag, VR, dictionary::UidDictionary};
use dicom_dictionary_std::{StandardSopClassDictionary, tags};

use crate::{Dates, DicomProfile, Error, Identifier, error::aside, key::Key, words::Words};
use burned_in::{Attributes, Layout, Pixels};
use element::{Element, Value};
use file::Loaded;
use transform::{Context, Tally};

pub(crate) use file::is_dicom;

/// Retired, and still in files.
const OTHER_PATIENT_IDS: Tag = Tag(0x0010, 0x1000);

/// What was done to a DICOM file.
pub(crate) struct Done {
    /// The pseudonym of its patient.
    pub(crate) pseudonym: String,
    /// What was done to how many elements: `(0010,0010) emptied`.
    pub(crate) actions: Vec<(String, u64)>,
}

/// What a file is cleaned with.
pub(crate) struct Cleaning<'a> {
    pub(crate) key: &'a Key,
    pub(crate) profile: &'a DicomProfile,
    /// The patient that the file is about; whoever it names where `None`.
    pub(crate) patient: Option<&'a Identifier>,
    /// Is told each pseudonym with whom it stands for.
    pub(crate) seen: &'a dyn Fn(&str, &Identifier) -> Result<(), Error>,
}

/// Cleans a file and writes it.
///
/// # Errors
/// When the file is broken, of a class that cannot be cleaned, or may show a name in its pixels; or
/// when one cannot be read or written.
pub(crate) fn deidentify(source: &Path, out: &Path, cleaning: &Cleaning) -> Result<Done, Error> {
    let Cleaning { key, profile, patient, seen } = *cleaning;
    let loaded = Loaded::read(source)?;
    let elements = loaded.elements()?;
    let mut data_set = elements.data_set;
    data_set.sort_by_key(|element| element.tag);
    data_set.dedup_by_key(|element| element.tag);
    let attributes =
        Attributes { elements: &data_set, meta: &elements.meta, syntax: loaded.syntax() };
    let class = text_of(&data_set, tags::SOP_CLASS_UID);
    check_class(&class, profile)?;
    if text_of(&data_set, tags::SOP_INSTANCE_UID).is_empty() {
        return Err(aside(
            "broken",
            "the file has no SOP Instance UID (0008,0018), which names it",
        ));
    }
    check_hidden_overlays(&data_set)?;
    let (changed, blanked) = pixels(&loaded, source, &attributes, &class, profile)?;

    let named;
    let patient = if let Some(patient) = patient {
        patient
    } else {
        named = named_patient(&data_set);
        &named
    };
    let mut context = Context::new(key, profile, patient);
    context.iod = table::iod_of(&class);
    context.words.allowed.extend(profile.keep_words.iter().map(|word| word.to_lowercase()));
    forbid_names(&data_set, &mut context.words);
    let mut tally = Tally::new();
    let mut cleaned = context.data_set(data_set, &mut tally);
    put_marks(&mut cleaned, profile, blanked, &context.pseudonym);

    seen(&context.pseudonym, patient)?;
    oncoweave_cohort::write_atomically(out, |file| {
        loaded.write(source, &cleaned, changed.as_deref(), file)
    })?;
    Ok(Done { pseudonym: context.pseudonym, actions: named_actions(&tally) })
}

fn text_of(elements: &[Element], tag: Tag) -> String {
    elements.iter().find(|element| element.tag == tag).map(Element::text).unwrap_or_default()
}

/// Refuses what cannot be cleaned element by element.
fn check_class(class: &str, profile: &DicomProfile) -> Result<(), Error> {
    if class == "1.2.840.10008.1.3.10" {
        return Err(aside(
            "dicomdir",
            "a DICOMDIR repeats names and paths; make a new one of the de-identified files",
        ));
    }
    if StandardSopClassDictionary.by_uid(class).is_none() {
        return Err(aside(
            "unknown-class",
            "the file is of no class of the standard, so nobody can tell what it holds; leave it out",
        ));
    }
    let kind = class.strip_prefix("1.2.840.10008.5.1.4.1.1.").unwrap_or_default();
    if kind.starts_with("88.") && !profile.clean_structured_content {
        return Err(aside(
            "structured-report",
            "a structured report, of the dose say, may name people in its text; \
             `clean_structured_content = true` in the profile keeps its codes and numbers",
        ));
    }
    if kind.starts_with("104.") || kind == "66" || kind.starts_with("9.") {
        return Err(aside(
            "document",
            "an encapsulated document, raw data or a waveform holds what no rule can clean; leave it out",
        ));
    }
    Ok(())
}

/// Overlays in unused bits of the pixels (retired) would outlive their attributes.
fn check_hidden_overlays(elements: &[Element]) -> Result<(), Error> {
    let in_group =
        |group: u16, tag: u16| elements.iter().any(|element| element.tag == Tag(group, tag));
    let hidden = (0x6000..=0x601e)
        .step_by(2)
        .any(|group| in_group(group, 0x0010) && !in_group(group, 0x3000));
    if hidden {
        return Err(aside(
            "overlay",
            "an overlay lies in unused bits of the pixels and may show text; look at it",
        ));
    }
    Ok(())
}

/// The pixels where they are changed, and whether they are.
fn pixels(
    loaded: &Loaded,
    source: &Path,
    attributes: &Attributes,
    class: &str,
    profile: &DicomProfile,
) -> Result<(Option<Vec<u8>>, bool), Error> {
    if loaded.pixel_tag().is_none() {
        return Ok((None, false));
    }
    match burned_in::judge(attributes, class, profile) {
        Pixels::Keep => Ok((None, false)),
        Pixels::Aside(aside) => Err(Error::Aside(aside)),
        Pixels::Blank(rectangles) => {
            let layout = Layout::of(attributes).filter(|_| loaded.has_native_pixels());
            let Some(layout) = layout else {
                return Err(aside(
                    "burned-in",
                    "text is burned into compressed pixels; decompress the file (dcmdjpeg, say) and \
                     run again",
                ));
            };
            let mut bytes = loaded.pixel_bytes(source)?;
            burned_in::blank(&mut bytes, layout, &rectangles);
            Ok((Some(bytes), true))
        }
    }
}

/// Whom a file is about: its patient's number, else its study.
fn named_patient(elements: &[Element]) -> Identifier {
    let number = text_of(elements, tags::PATIENT_ID);
    if number.is_empty() {
        let study = text_of(elements, tags::STUDY_INSTANCE_UID);
        return Identifier::new(format!("study {study}"));
    }
    Identifier::new(number)
}

/// Words that name the patient or people about them, wherever the file says them.
fn forbid_names(elements: &[Element], words: &mut Words) {
    for element in elements {
        if let Value::Items(items) = &element.value {
            for item in items {
                forbid_names(item, words);
            }
        }
        let is_number = matches!(
            element.tag,
            tags::PATIENT_ID
                | OTHER_PATIENT_IDS
                | tags::ACCESSION_NUMBER
                | tags::STUDY_ID
                | tags::ADMISSION_ID
                | tags::PATIENT_ADDRESS
                | tags::PATIENT_TELEPHONE_NUMBERS
                | tags::PATIENT_BIRTH_DATE
                | tags::CLINICAL_TRIAL_SUBJECT_ID
        );
        if element.vr == VR::PN || is_number {
            words.forbid(&element.text());
        }
    }
}

/// Writes what was done into the file: (0012,0062), (0012,0063), (0012,0064), (0028,0303), and
/// (0028,0301) where pixels were cleaned.
fn put_marks(elements: &mut Vec<Element>, profile: &DicomProfile, blanked: bool, pseudonym: &str) {
    let methods = methods(profile, blanked);
    let code = |&(value, meaning): &(&str, &str)| {
        vec![
            text(tags::CODE_VALUE, VR::SH, value),
            text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, "DCM"),
            text(tags::CODE_MEANING, VR::LO, meaning),
        ]
    };
    let dates = match profile.dates {
        Dates::Full => "UNMODIFIED",
        Dates::Shifted => "MODIFIED",
        Dates::Removed => "REMOVED",
    };
    let mut marks = vec![
        text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES"),
        text(
            tags::DEIDENTIFICATION_METHOD,
            VR::LO,
            concat!("oncoweave ", env!("CARGO_PKG_VERSION"), ", PS3.15 2024e Table E.1-1"),
        ),
        Element::sequence(
            tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE,
            methods.iter().map(code).collect(),
        ),
        text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, VR::CS, dates),
    ];
    if blanked {
        marks.push(text(tags::BURNED_IN_ANNOTATION, VR::CS, "NO"));
    }
    // A file without them gets them: readers tell patients apart by both.
    for (tag, vr) in [(tags::PATIENT_NAME, VR::PN), (tags::PATIENT_ID, VR::LO)] {
        marks.push(text(tag, vr, pseudonym));
    }
    elements.retain(|element| marks.iter().all(|mark| mark.tag != element.tag));
    elements.extend(marks);
    elements.sort_by_key(|element| element.tag);
}

fn text<'a>(tag: Tag, vr: VR, text: &str) -> Element<'a> {
    Element { tag, vr, value: Value::Bytes(Cow::Owned(text.as_bytes().to_vec())) }
}

/// PS3.16 CID 7050: the profile and the options that were applied.
fn methods(profile: &DicomProfile, blanked: bool) -> Vec<(&'static str, &'static str)> {
    let dates = profile.dates;
    [
        (true, "113100", "Basic Application Confidentiality Profile"),
        (blanked, "113101", "Clean Pixel Data Option"),
        (profile.clean_graphics, "113103", "Clean Graphics Option"),
        (profile.clean_structured_content, "113104", "Clean Structured Content Option"),
        (profile.clean_descriptors, "113105", "Clean Descriptors Option"),
        (
            dates == Dates::Full,
            "113106",
            "Retain Longitudinal Temporal Information Full Dates Option",
        ),
        (
            dates == Dates::Shifted,
            "113107",
            "Retain Longitudinal Temporal Information Modified Dates Option",
        ),
        (profile.retain_patient_characteristics, "113108", "Retain Patient Characteristics Option"),
        (profile.retain_device, "113109", "Retain Device Identity Option"),
        (profile.retain_uids, "113110", "Retain UIDs Option"),
        (profile.safe_private, "113111", "Retain Safe Private Option"),
        (profile.retain_institution, "113112", "Retain Institution Identity Option"),
    ]
    .into_iter()
    .filter_map(|(applied, code, meaning)| applied.then_some((code, meaning)))
    .collect()
}

fn named_actions(tally: &Tally) -> Vec<(String, u64)> {
    use table::Action;
    tally
        .iter()
        .map(|(&(tag, action), &count)| {
            let (group, number) = (tag.group(), tag.element());
            let name = match (group, number) {
                (group, _) if group % 2 == 1 => "private".to_owned(),
                _ => format!("({group:04X},{number:04X})"),
            };
            let done = match action {
                Action::Keep => "kept",
                Action::Remove => "removed",
                Action::Empty => "emptied",
                Action::Dummy => "replaced",
                Action::Uid => "UID replaced",
                Action::Shift => "date moved",
                Action::CleanText => "cleaned",
                Action::CleanItems => "items cleaned",
            };
            (format!("{name} {done}"), count)
        })
        .collect()
}

/// Whether a DICOM file says that its patient's identity was removed, by (0012,0062), or has neither a
/// name nor a birth date; `None` for a file that is none or is broken.
#[must_use]
pub fn identity_removed(path: &Path) -> Option<bool> {
    if !is_dicom(path).ok()? {
        return None;
    }
    let loaded = Loaded::read(path).ok()?;
    let elements = loaded.elements().ok()?.data_set;
    let says = text_of(&elements, tags::PATIENT_IDENTITY_REMOVED) == "YES";
    let names_nobody = [tags::PATIENT_NAME, tags::PATIENT_BIRTH_DATE]
        .iter()
        .all(|&tag| text_of(&elements, tag).is_empty());
    Some(says || names_nobody)
}
