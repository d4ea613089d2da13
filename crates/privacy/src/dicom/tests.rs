//! Every row of PS3.15 Table E.1-1 under every option, on the data set itself and ten sequences deep.

mod safe_private;

use std::path::PathBuf;

use super::{
    element::{Source, Syntax, known_vr, write},
    *,
};

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const NUMBER: &str = "9434765919";
const NAME: &str = "Zyxwpatient^Qvorna";
const UID: &str = "1.2.826.0.1.3680043.9.7133.77";

struct Bench {
    folder: tempfile::TempDir,
    key: Key,
}

impl Bench {
    fn new() -> Self {
        // Thousands of files are written and flushed: in memory where there is such a folder.
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.unwrap();
        let key = Key::create(&folder.path().join("a.key")).unwrap();
        Self { folder, key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, profile: &DicomProfile) -> Result<Done, Error> {
        let seen = |_: &str, _: &Identifier| Ok(());
        let cleaning = Cleaning { key: &self.key, profile, patient: None, seen: &seen };
        deidentify(&self.path("in.dcm"), &self.path("out.dcm"), &cleaning)
    }

    /// Writes a file of these elements as another program would, cleans it, and reads its bytes.
    fn clean(
        &self,
        elements: &[Element],
        pixels: &[u8],
        profile: &DicomProfile,
    ) -> Result<Vec<u8>, Error> {
        fs_err::write(self.path("in.dcm"), file(elements, pixels)).unwrap();
        self.run(profile)?;
        Ok(fs_err::read(self.path("out.dcm")).unwrap())
    }
}

/// A file with all that may name a patient in its preamble and meta information too.
fn file(elements: &[Element], pixels: &[u8]) -> Vec<u8> {
    let mut elements = elements.to_vec();
    for (tag, value) in [
        (tags::SOP_CLASS_UID, CT),
        (tags::SOP_INSTANCE_UID, UID),
        (tags::STUDY_INSTANCE_UID, "1.2.3.4.5.6.7.8"),
    ] {
        if elements.iter().all(|element| element.tag != tag) {
            elements.push(text(tag, VR::UI, value));
        }
    }
    for (tag, vr, value) in [
        (tags::MODALITY, VR::CS, "CT"),
        (tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL"),
        (tags::PATIENT_ID, VR::LO, NUMBER),
        (tags::PATIENT_NAME, VR::PN, NAME),
    ] {
        if elements.iter().all(|element| element.tag != tag) {
            elements.push(text(tag, vr, value));
        }
    }
    elements.sort_by_key(|element| element.tag);
    let meta = [
        text(tags::MEDIA_STORAGE_SOP_CLASS_UID, VR::UI, CT),
        text(tags::MEDIA_STORAGE_SOP_INSTANCE_UID, VR::UI, UID),
        text(tags::TRANSFER_SYNTAX_UID, VR::UI, "1.2.840.10008.1.2.1"),
        text(tags::SOURCE_APPLICATION_ENTITY_TITLE, VR::AE, "Zyxwpatient"),
        text(tags::PRIVATE_INFORMATION, VR::OB, NAME),
    ];
    let mut bytes = NAME.repeat(8).into_bytes();
    bytes.resize(128, b'Z');
    bytes.extend(b"DICM");
    write(&meta, Syntax::EXPLICIT, &mut bytes);
    write(&elements, Syntax::EXPLICIT, &mut bytes);
    if !pixels.is_empty() {
        let pixels = Element::new(tags::PIXEL_DATA, VR::OW, pixels.to_vec());
        write(&[pixels], Syntax::EXPLICIT, &mut bytes);
        let padding = Element::new(tags::DATA_SET_TRAILING_PADDING, VR::OB, NAME.into());
        write(&[padding], Syntax::EXPLICIT, &mut bytes);
    }
    bytes
}

fn parsed(bytes: &[u8]) -> Vec<Element<'_>> {
    let bytes = &bytes[132..];
    let source = Source { bytes, file_length: bytes.len() as u64 };
    let (mut at, mut elements) = (0, Vec::new());
    while at < bytes.len() {
        let (element, end) =
            source.element(at, Syntax::EXPLICIT).expect("what we wrote can be read");
        elements.push(element);
        at = end;
    }
    elements
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

/// A value of a representation that names the patient as well as it can.
fn planted(tag: Tag, vr: VR) -> Element<'static> {
    let value = match vr {
        VR::DA => "19610403",
        VR::DT => "19610403101112",
        VR::TM => "101112.25",
        VR::AS => "061Y",
        VR::UI => UID,
        VR::DS | VR::IS => NUMBER,
        VR::PN => NAME,
        VR::SQ => {
            let item = vec![
                text(tags::STUDY_DESCRIPTION, VR::LO, "Zyxwpatient"),
                text(tags::PATIENT_NAME, VR::PN, NAME),
                text(tags::TEXT_VALUE, VR::UT, NAME),
            ];
            return Element::sequence(tag, vec![item]);
        }
        VR::US | VR::SS => return Element::new(tag, vr, vec![7, 7]),
        _ => "Wvutsplant",
    };
    let mut value = value.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == VR::UI { 0 } else { b' ' });
    }
    Element::new(tag, vr, value)
}

/// One row of the table, read here once more.
struct Row {
    tag: Tag,
    basic: &'static str,
    options: Vec<(&'static str, &'static str)>,
}

fn rows() -> Vec<Row> {
    [include_str!("../../data/ps315_e1_1.tsv"), include_str!("../../data/ps315_e1_1_later.tsv")]
        .into_iter()
        .flat_map(str::lines)
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let tag = match fields[0] {
                "private" => Tag(0x0029, 0x1010),
                tag => {
                    let digits = tag.replace(',', "").replace('x', "0");
                    let part = |range| u16::from_str_radix(&digits[range], 16).unwrap();
                    let tag = Tag(part(0..4), part(4..8));
                    if tag.group() == 0x5000 { Tag(0x5000, 0x3000) } else { tag }
                }
            };
            let options =
                fields[2].split(' ').filter_map(|option| option.split_once('=')).collect();
            Row { tag, basic: fields[1], options }
        })
        .collect()
}

fn profile_with(option: &str) -> DicomProfile {
    DicomProfile {
        dates: match option {
            "full_dates" => Dates::Full,
            "modified_dates" => Dates::Shifted,
            _ => Dates::Removed,
        },
        retain_uids: option == "uids",
        retain_device: option == "device",
        retain_institution: option == "institution",
        retain_patient_characteristics: option == "patient",
        clean_descriptors: option == "descriptors",
        clean_structured_content: option == "structured",
        clean_graphics: option == "graphics",
        safe_private: option == "safe_private",
        ..DicomProfile::default()
    }
}

const OPTIONS: [&str; 11] = [
    "none",
    "safe_private",
    "uids",
    "device",
    "institution",
    "patient",
    "full_dates",
    "modified_dates",
    "descriptors",
    "structured",
    "graphics",
];

/// Whether an element is as an action leaves it.
fn is_as(action: &str, found: Option<&Element>, before: &Element) -> bool {
    let is_empty = |element: &Element| match &element.value {
        Value::Items(items) => items.is_empty(),
        _ => element.bytes().is_empty(),
    };
    let pseudonym = |element: &Element| element.text().starts_with("OW-");
    match (action, found) {
        ("Z", Some(element)) => is_empty(element) || pseudonym(element),
        ("D", Some(element)) => !is_empty(element) && element.value != before.value,
        ("U" | "U*", Some(element)) => match &element.value {
            Value::Items(items) => !items.is_empty(),
            _ => element.text().starts_with("2.25."),
        },
        ("K", Some(element)) => {
            let numbers = matches!(before.vr, VR::DS | VR::IS);
            matches!(before.value, Value::Items(_)) || numbers || element.bytes() == before.bytes()
        }
        // What is cleaned is either left without what names anybody, or nothing is left.
        ("X" | "C", None) => true,
        ("C", Some(element)) => element.value != before.value || is_harmless(before),
        _ => false,
    }
}

/// Times stay where dates are moved, and some values name nobody.
fn is_harmless(element: &Element) -> bool {
    matches!(element.vr, VR::TM | VR::US | VR::SS) || matches!(element.value, Value::Items(_))
}

fn expected<'a>(row: &'a Row, option: &str) -> Vec<&'a str> {
    match row.options.iter().find(|(name, _)| *name == option) {
        Some((_, action)) => vec![action],
        None => row.basic.split('/').collect(),
    }
}

/// Wraps an element into ten sequences that the table does not list.
fn nested(element: Element<'static>) -> Element<'static> {
    (0..10).fold(element, |inner, _| Element::sequence(Tag(0x0008, 0x1115), vec![vec![inner]]))
}

fn unnested<'e>(elements: &'e [Element<'e>], depth: usize) -> &'e [Element<'e>] {
    if depth == 0 {
        return elements;
    }
    let outer = elements.iter().find(|element| element.tag == Tag(0x0008, 0x1115));
    let Some(Value::Items(items)) = outer.map(|element| &element.value) else { return &[] };
    unnested(&items[0], depth - 1)
}

#[test]
fn every_row_of_the_table_is_followed_at_any_depth() {
    let bench = Bench::new();
    let mut checked = 0;
    for row in rows() {
        // Attributes newer than the dictionary are unknown, and go as such.
        let vr = known_vr(row.tag).unwrap_or(VR::LO);
        assert!(known_vr(row.tag).is_some() || row.basic == "X", "{:?} is unknown", row.tag);
        let is_meta = matches!(row.tag.group(), 0x0002);
        for option in OPTIONS {
            let before = planted(row.tag, vr);
            for depth in [0, 10] {
                if depth > 0 && (is_meta || row.tag.group() == 0) {
                    continue;
                }
                let element = if depth == 0 { before.clone() } else { nested(before.clone()) };
                let elements = if is_meta { vec![] } else { vec![element] };
                let bytes = bench.clean(&elements, &[], &profile_with(option)).unwrap();
                let all = parsed(&bytes);
                let found = unnested(&all, depth).iter().find(|element| element.tag == row.tag);
                // The marks are written over what stood there.
                let is_mark = [tags::PATIENT_NAME, tags::PATIENT_ID].contains(&row.tag);
                let allowed = expected(&row, option);
                assert!(
                    is_mark || allowed.iter().any(|action| is_as(action, found, &before)),
                    "{:?} {option} at depth {depth}: expected {allowed:?}, found {:?}",
                    row.tag,
                    found.map(Element::text),
                );
                let kept = allowed == ["K"];
                assert!(kept || !holds(&bytes, "zyxwpatient"), "{:?} {option} {depth}", row.tag);
                assert!(kept || !holds(&bytes, "wvutsplant"), "{:?} {option} {depth}", row.tag);
                assert!(!holds(&bytes, "qvorna"), "{:?} {option} {depth}", row.tag);
                assert!(kept || !holds(&bytes, NUMBER), "{:?} {option} {depth}", row.tag);
                assert!(kept || option == "uids" || !holds(&bytes, UID), "{:?} {option}", row.tag);
                let dates = option == "full_dates" || kept;
                assert!(dates || !holds(&bytes, "19610403"), "{:?} {option} {depth}", row.tag);
            }
        }
        checked += 1;
    }
    assert_eq!(checked, 621 + 35);
}

#[test]
fn combined_actions_give_what_the_type_needs() {
    let bench = Bench::new();
    // Series Time is of type 3 in CT and of type 1 in PET; Content Date of type 3 and 1C... of PET's image.
    let profile = profile_with("none");
    for (class, filled) in [(CT, false), ("1.2.840.10008.5.1.4.1.1.128", true)] {
        let elements =
            [text(tags::SOP_CLASS_UID, VR::UI, class), text(tags::SERIES_TIME, VR::TM, "101112")];
        let bytes = bench.clean(&elements, &[], &profile).unwrap();
        let found = parsed(&bytes)
            .iter()
            .find(|element| element.tag == tags::SERIES_TIME)
            .map(Element::text);
        assert_eq!(found.as_deref(), filled.then_some("000000"));
    }
}

#[test]
fn marks_and_meta_information_say_what_was_done() {
    let bench = Bench::new();
    let bytes = bench.clean(&[], &[1, 2, 3, 4], &DicomProfile::default()).unwrap();
    assert_eq!(bytes[..128], [0; 128]);
    let all = parsed(&bytes);
    let text = |tag: Tag| all.iter().find(|element| element.tag == tag).map(Element::text).unwrap();
    assert_eq!(text(tags::PATIENT_IDENTITY_REMOVED), "YES");
    assert_eq!(text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED), "MODIFIED");
    assert!(text(tags::DEIDENTIFICATION_METHOD).starts_with("oncoweave"));
    assert_eq!(text(tags::MEDIA_STORAGE_SOP_INSTANCE_UID), text(tags::SOP_INSTANCE_UID));
    assert!(text(tags::SOP_INSTANCE_UID).starts_with("2.25."));
    let codes =
        all.iter().find(|element| element.tag == tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE);
    let Some(Value::Items(items)) = codes.map(|element| &element.value) else { panic!("no codes") };
    let codes: Vec<String> = items.iter().map(|item| item[0].text()).collect();
    assert_eq!(codes, ["113100", "113105", "113107", "113108"]);
    assert_eq!(text(tags::PATIENT_ID), bench.key.pseudonym(&Identifier::of(NUMBER)));
}

#[test]
fn pixels_are_copied_byte_for_byte_encapsulated_ones_too() {
    let bench = Bench::new();
    let pixels: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let bytes = bench.clean(&[], &pixels, &DicomProfile::default()).unwrap();
    let all = parsed(&bytes);
    let last = all.last().unwrap();
    assert_eq!((last.tag, last.bytes()), (tags::PIXEL_DATA, pixels.as_slice()));

    let mut file = file(&[], &[]);
    let fragments = [
        b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff".as_slice(),
        b"\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\x04\0\0\0\xff\xd8\xff\xd9\xfe\xff\xdd\xe0\0\0\0\0",
    ]
    .concat();
    file.extend(&fragments);
    fs_err::write(bench.path("in.dcm"), &file).unwrap();
    bench.run(&DicomProfile::default()).unwrap();
    assert!(fs_err::read(bench.path("out.dcm")).unwrap().ends_with(&fragments));
}

#[test]
fn dates_of_a_patient_move_together_wherever_they_stand() {
    let bench = Bench::new();
    let day = |text: &str| chrono::NaiveDate::parse_from_str(&text[..8], "%Y%m%d").unwrap();
    let inner = vec![text(Tag(0x0018, 0x1078), VR::DT, "20240229101500.00")];
    let elements = [
        text(tags::STUDY_DATE, VR::DA, "20240229"),
        text(tags::SERIES_TIME, VR::TM, "111500"),
        Element::sequence(Tag(0x0054, 0x0016), vec![inner]),
    ];
    let bytes = bench.clean(&elements, &[], &DicomProfile::default()).unwrap();
    let all = parsed(&bytes);
    let find = |tag: Tag| all.iter().find(|element| element.tag == tag).unwrap();
    let Value::Items(items) = &find(Tag(0x0054, 0x0016)).value else { panic!("no items") };
    let study = find(tags::STUDY_DATE).text();
    assert_eq!(day(&study), day(&items[0][0].text()));
    assert!(day(&study) < day("20240229"));
    assert!(items[0][0].text().ends_with("101500.00"));
    assert_eq!(find(tags::SERIES_TIME).text(), "111500");
}

#[test]
fn what_nobody_can_clean_is_set_aside() {
    let bench = Bench::new();
    let class = |class: &str| vec![text(tags::SOP_CLASS_UID, VR::UI, class)];
    let us = |tag, number: u16| Element::new(tag, VR::US, number.to_le_bytes().to_vec());
    for (case, elements, pixels, expected) in [
        ("a DICOMDIR", class("1.2.840.10008.1.3.10"), vec![], "dicomdir"),
        ("a private class", class("1.3.12.2.1107.5.9.1"), vec![], "unknown-class"),
        ("a dose report", class("1.2.840.10008.5.1.4.1.1.88.67"), vec![], "structured-report"),
        ("a PDF", class("1.2.840.10008.5.1.4.1.1.104.1"), vec![], "document"),
        (
            "a secondary capture",
            class("1.2.840.10008.5.1.4.1.1.7"),
            vec![1, 2],
            "secondary-capture",
        ),
        ("an overlay in the pixels", vec![us(Tag(0x6000, 0x0010), 4)], vec![1, 2], "overlay"),
    ] {
        let error = bench.clean(&elements, &pixels, &DicomProfile::default()).expect_err(case);
        let Error::Aside(aside) = error else { panic!("{case}: {error}") };
        assert_eq!(aside.code, expected, "{case}");
    }
    let whole = file(&[], &[1, 2, 3, 4]);
    for length in (0..whole.len() - 60).step_by(7) {
        fs_err::write(bench.path("in.dcm"), &whole[..length]).unwrap();
        if bench.run(&DicomProfile::default()).is_ok() {
            // A data set may end between two elements.
            assert!(!holds(&fs_err::read(bench.path("out.dcm")).unwrap(), "zyxwpatient"));
        }
    }
}

#[test]
fn burned_in_text_is_blanked_where_a_rule_says() {
    let bench = Bench::new();
    let us = |tag, number: u16| Element::new(tag, VR::US, number.to_le_bytes().to_vec());
    let elements = [
        text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\SECONDARY\\SCREEN SAVE"),
        text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "LightSpeed VCT"),
        us(tags::ROWS, 512),
        us(tags::COLUMNS, 512),
        us(tags::BITS_ALLOCATED, 16),
        us(tags::SAMPLES_PER_PIXEL, 1),
    ];
    let pixels = vec![9; 512 * 512 * 2];
    let profile = DicomProfile { clean_pixel_data: true, ..DicomProfile::default() };
    let bytes = bench.clean(&elements, &pixels, &profile).unwrap();
    let all = parsed(&bytes);
    let cleaned = all.last().unwrap().bytes();
    let blank = 512 * 121 * 2;
    assert!(cleaned[..blank].iter().all(|&byte| byte == 0));
    assert!(cleaned[blank..].iter().all(|&byte| byte == 9));
    assert!(
        all.iter()
            .any(|element| element.tag == tags::BURNED_IN_ANNOTATION && element.text() == "NO")
    );
}
