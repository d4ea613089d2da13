//! Text that is burned into pixels: where devices are known to put it, and what only a person can tell.

use std::sync::LazyLock;

use dicom_core::{
    Tag,
    dictionary::{DataDictionary, DataDictionaryEntry},
};
use dicom_dictionary_std::{StandardDataDictionary, tags};

use super::element::{Element, Syntax};
use crate::{DicomProfile, error::Aside};

const RULES: &str = include_str!("../../data/burned_in.tsv");

/// What is done with the pixels of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pixels {
    /// They stay as they are.
    Keep,
    /// These rectangles of every frame are blanked.
    Blank(Vec<Rectangle>),
    /// A person must look.
    Aside(Aside),
}

/// A part of a frame, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rectangle {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Clean,
    Suspect,
    Dirty,
}

struct Rule {
    list: List,
    /// All must hold; each is one or another.
    conditions: Vec<Vec<Condition>>,
    rectangles: Vec<Rectangle>,
}

struct Condition {
    tag: Tag,
    sign: char,
    /// In upper case.
    values: Vec<String>,
}

static RULE_LIST: LazyLock<Vec<Rule>> =
    LazyLock::new(|| RULES.lines().filter(|line| !line.starts_with('#')).map(rule).collect());

fn rule(line: &str) -> Rule {
    let fields: Vec<&str> = line.split('\t').collect();
    let list = match fields[0] {
        "whitelist" => List::Clean,
        "graylist" => List::Suspect,
        _ => List::Dirty,
    };
    let conditions =
        fields[2].split(" && ").map(|one| one.split(" || ").map(condition).collect()).collect();
    let rectangles = fields[3].split_whitespace().map(rectangle).collect();
    Rule { list, conditions, rectangles }
}

fn condition(text: &str) -> Condition {
    let at = text.find(['~', '=', '!', '?']).expect("the table is made for us");
    let tag = match &text[..at] {
        // Not of the dictionary: it stands in the file's meta information, which is looked at too.
        "OverlayDescription" => Tag(0x6000, 0x0022),
        name => StandardDataDictionary.by_name(name).expect("the rules name attributes").tag(),
    };
    let values = text[at + 1..].split('|').map(|value| value.trim().to_uppercase()).collect();
    Condition { tag, sign: char::from(text.as_bytes()[at]), values }
}

fn rectangle(text: &str) -> Rectangle {
    let numbers: Vec<usize> =
        text.split(',').map(|number| number.parse().expect("the table is made for us")).collect();
    Rectangle { x: numbers[0], y: numbers[1], width: numbers[2], height: numbers[3] }
}

/// The attributes of a file that rules look at.
pub(super) struct Attributes<'a> {
    pub(super) elements: &'a [Element<'a>],
    pub(super) meta: &'a [Element<'a>],
    pub(super) syntax: Syntax,
}

impl Attributes<'_> {
    fn find(&self, tag: Tag) -> Option<&Element<'_>> {
        self.elements.iter().chain(self.meta).find(|element| element.tag == tag)
    }

    /// The value as text in upper case, numbers of 16 bits written out.
    pub(super) fn text(&self, tag: Tag) -> String {
        let Some(element) = self.find(tag) else { return String::new() };
        match self.syntax.short(element.bytes()) {
            Some(number) if matches!(tag, tags::ROWS | tags::COLUMNS) => number.to_string(),
            _ => element.text().to_uppercase(),
        }
    }
}

impl Condition {
    fn holds(&self, attributes: &Attributes) -> bool {
        let text = attributes.text(self.tag);
        let any = |test: &dyn Fn(&str) -> bool| self.values.iter().any(|value| test(value));
        match self.sign {
            '?' => text.is_empty(),
            '=' => any(&|value| text == value),
            '!' => !any(&|value| text.contains(value)),
            _ => any(&|value| !value.is_empty() && text.contains(value)),
        }
    }
}

impl Rule {
    fn holds(&self, attributes: &Attributes) -> bool {
        self.conditions.iter().all(|one| one.iter().any(|condition| condition.holds(attributes)))
    }
}

const SAYS_YES: Aside = Aside {
    code: "burned-in",
    reason: "the file says that text is burned into its pixels, and no rule says where; blank it by \
             hand",
};
const NOT_ASKED: Aside = Aside {
    code: "burned-in",
    reason: "this device burns text into its pixels; `clean_pixel_data = true` in the profile blanks \
             it where the rules say",
};
const SECONDARY: Aside = Aside {
    code: "secondary-capture",
    reason: "a secondary capture may show names; look at it and blank them",
};
const REPORT: Aside = Aside {
    code: "dose-report",
    reason: "a dose report or protocol page shows names; leave it out or blank them",
};
const DERIVED: Aside = Aside {
    code: "derived",
    reason: "a derived or secondary image of CT or MR may show names; look at the series and name \
             its modality in `accept` of the profile",
};
const UNKNOWN_DEVICE: Aside = Aside {
    code: "unknown-device",
    reason: "images of this modality often show names, and no rule knows the device; look at them \
             and name the modality in `accept` of the profile",
};
const CLASS_ROOT: &str = "1.2.840.10008.5.1.4.1.1.";

/// Acquired slices: CT, MR, PET and nuclear medicine. Scanners burn no text into them.
const SLICES: [&str; 11] =
    ["2", "2.1", "2.2", "4", "4.1", "4.3", "4.4", "20", "128", "128.1", "130"];

/// What programs compute: spectra, parametric maps, registrations, segmentations, doses.
const COMPUTED: [&str; 9] =
    ["4.2", "30", "66.1", "66.2", "66.3", "66.4", "66.7", "481.2", "481.23"];

/// Judges the pixels of a file by its class, its device and what it says of itself.
pub(super) fn judge(attributes: &Attributes, class: &str, profile: &DicomProfile) -> Pixels {
    let kind = class.strip_prefix(CLASS_ROOT).unwrap_or_default();
    let says = attributes.text(tags::BURNED_IN_ANNOTATION);
    let modality = attributes.text(tags::MODALITY);
    let accepted = profile.accept.iter().any(|one| one.eq_ignore_ascii_case(&modality));
    let is_capture = kind == "7" || kind.starts_with("7.");
    if let Some(rectangles) = known_rectangles(attributes) {
        return if profile.clean_pixel_data {
            Pixels::Blank(rectangles)
        } else {
            Pixels::Aside(NOT_ASKED)
        };
    }
    if says == "YES" {
        return Pixels::Aside(SAYS_YES);
    }
    if is_capture {
        return Pixels::Aside(SECONDARY);
    }
    let series = attributes.text(tags::SERIES_DESCRIPTION);
    if ["DOSE REPORT", "PATIENT PROTOCOL", "DOSE INFO"].iter().any(|one| series.contains(one)) {
        return Pixels::Aside(REPORT);
    }
    let known_clean = has_rule(attributes, List::Clean) && modality != "US";
    if accepted || known_clean || COMPUTED.contains(&kind) {
        return Pixels::Keep;
    }
    if !SLICES.contains(&kind) {
        return Pixels::Aside(UNKNOWN_DEVICE);
    }
    if has_rule(attributes, List::Dirty) {
        return Pixels::Aside(DERIVED);
    }
    Pixels::Keep
}

/// The rectangles of the first rule for the device that has any.
fn known_rectangles(attributes: &Attributes) -> Option<Vec<Rectangle>> {
    RULE_LIST
        .iter()
        .find(|rule| !rule.rectangles.is_empty() && rule.holds(attributes))
        .map(|rule| rule.rectangles.clone())
}

fn has_rule(attributes: &Attributes, list: List) -> bool {
    RULE_LIST.iter().any(|rule| rule.list == list && rule.holds(attributes))
}

/// How the pixels of a file that is not compressed lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) samples: usize,
    pub(super) bytes_per_sample: usize,
    /// Whether each colour has a plane of its own.
    pub(super) planar: bool,
}

impl Layout {
    /// Reads the layout; `None` where an attribute is missing or samples are no whole bytes.
    pub(super) fn of(attributes: &Attributes) -> Option<Self> {
        let number = |tag| {
            let element = attributes.find(tag)?;
            attributes.syntax.short(element.bytes()).map(usize::from)
        };
        let bits = number(tags::BITS_ALLOCATED)?;
        Some(Self {
            rows: number(tags::ROWS)?,
            columns: number(tags::COLUMNS)?,
            samples: number(tags::SAMPLES_PER_PIXEL).unwrap_or(1),
            bytes_per_sample: (bits % 8 == 0 && bits > 0).then_some(bits / 8)?,
            planar: number(tags::PLANAR_CONFIGURATION) == Some(1),
        })
    }
}

/// Fills rectangles of every frame with zeros; what lies beyond the frame is left out.
pub(super) fn blank(pixels: &mut [u8], layout: Layout, rectangles: &[Rectangle]) {
    let (planes, samples) = if layout.planar { (layout.samples, 1) } else { (1, layout.samples) };
    let pixel = samples * layout.bytes_per_sample;
    let row_bytes = layout.columns * pixel;
    let plane_bytes = layout.rows * row_bytes;
    if plane_bytes == 0 || planes == 0 {
        return;
    }
    for plane in pixels.chunks_mut(plane_bytes) {
        for rectangle in rectangles {
            let start = rectangle.x.min(layout.columns) * pixel;
            let end = (rectangle.x + rectangle.width).min(layout.columns) * pixel;
            let rows = plane.chunks_mut(row_bytes).skip(rectangle.y).take(rectangle.height);
            for row in rows {
                let end = end.min(row.len());
                row.get_mut(start..end).unwrap_or_default().fill(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use dicom_core::VR;

    use super::*;

    fn element(tag: Tag, text: &str) -> Element<'static> {
        Element::new(tag, VR::LO, text.as_bytes().to_vec())
    }

    fn judged(class: &str, elements: &[(Tag, &str)], profile: &DicomProfile) -> String {
        let mut found: Vec<Element> =
            elements.iter().map(|&(tag, text)| element(tag, text)).collect();
        for (tag, number) in [(tags::ROWS, 512_u16), (tags::COLUMNS, 512)] {
            found.push(Element::new(tag, VR::US, number.to_le_bytes().to_vec()));
        }
        let attributes = Attributes { elements: &found, meta: &[], syntax: Syntax::EXPLICIT };
        match judge(&attributes, &format!("{CLASS_ROOT}{class}"), profile) {
            Pixels::Keep => "keep".to_owned(),
            Pixels::Blank(rectangles) => format!("blank {}", rectangles.len()),
            Pixels::Aside(aside) => aside.code.to_owned(),
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one line a case")]
    fn rules_speak_before_classes_and_only_people_let_the_rest_pass() {
        let original = (tags::IMAGE_TYPE, "ORIGINAL\\PRIMARY\\AXIAL");
        let ct = (tags::MODALITY, "CT");
        let lightspeed = [
            ct,
            (tags::IMAGE_TYPE, "DERIVED\\SECONDARY\\SCREEN SAVE"),
            (tags::MANUFACTURER_MODEL_NAME, "LightSpeed VCT"),
        ];
        let asked = DicomProfile { clean_pixel_data: true, ..DicomProfile::default() };
        let looked =
            DicomProfile { accept: vec!["mg".into(), "CT".into()], ..DicomProfile::default() };
        let usual = DicomProfile::default();
        for (case, class, elements, profile, expected) in [
            ("a CT slice", "2", [original, ct].as_slice(), &usual, "keep"),
            ("a screen save of a known device", "2", &lightspeed, &asked, "blank 1"),
            ("the same, not asked to clean", "2", &lightspeed, &usual, "burned-in"),
            (
                "the file says so",
                "2",
                &[original, ct, (tags::BURNED_IN_ANNOTATION, "YES")],
                &looked,
                "burned-in",
            ),
            (
                "a secondary capture",
                "7",
                &[original, (tags::MODALITY, "OT")],
                &usual,
                "secondary-capture",
            ),
            ("of an accepted modality", "7.2", &[original, ct], &looked, "secondary-capture"),
            (
                "a dose report",
                "2",
                &[original, ct, (tags::SERIES_DESCRIPTION, "Dose Report")],
                &looked,
                "dose-report",
            ),
            (
                "a derived CT",
                "2",
                &[ct, (tags::IMAGE_TYPE, "DERIVED\\SECONDARY")],
                &usual,
                "derived",
            ),
            (
                "the same, looked at",
                "2",
                &[ct, (tags::IMAGE_TYPE, "DERIVED\\SECONDARY")],
                &looked,
                "keep",
            ),
            ("without a type of image", "2", &[ct], &usual, "derived"),
            ("mammography", "1.2", &[original, (tags::MODALITY, "MG")], &usual, "unknown-device"),
            ("the same, looked at", "1.2", &[original, (tags::MODALITY, "MG")], &looked, "keep"),
            (
                "ultrasound that says it is clean",
                "6.1",
                &[original, (tags::MODALITY, "US"), (tags::BURNED_IN_ANNOTATION, "NO")],
                &usual,
                "unknown-device",
            ),
            (
                "ultrasound of a known device",
                "6.1",
                &[
                    (tags::MODALITY, "US"),
                    (tags::MANUFACTURER, "GE Healthcare"),
                    (tags::MANUFACTURER_MODEL_NAME, "LOGIQ9"),
                ],
                &asked,
                "blank 1",
            ),
        ] {
            assert_eq!(judged(class, elements, profile), expected, "{case}");
        }
    }

    #[test]
    fn rectangles_are_blanked_in_every_frame_and_nothing_else() {
        let layout = Layout { rows: 2, columns: 3, samples: 1, bytes_per_sample: 2, planar: false };
        let mut pixels = vec![7; 24];
        blank(&mut pixels, layout, &[Rectangle { x: 1, y: 1, width: 9, height: 9 }]);
        let frame = [7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 0];
        assert_eq!(pixels, [frame, frame].concat());
        let layout = Layout { samples: 3, bytes_per_sample: 1, planar: true, ..layout };
        let mut pixels = vec![7; 18];
        blank(&mut pixels, layout, &[Rectangle { x: 0, y: 0, width: 1, height: 1 }]);
        assert_eq!(memchr::memchr_iter(0, &pixels).count(), 3);
        assert_eq!((pixels[0], pixels[6], pixels[12]), (0, 0, 0));
    }

    #[test]
    fn every_rule_is_read() {
        let lines = RULES.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(RULE_LIST.len(), lines);
        assert_eq!(RULE_LIST.len(), 118);
    }
}
