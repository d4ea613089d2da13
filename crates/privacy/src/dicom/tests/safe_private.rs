//! Every row of PS3.15 Table E.3.10-1, on the data set itself and ten sequences deep.

use super::*;

/// One row of the table, read here once more.
struct Row {
    creator: &'static str,
    tag: Tag,
    vr: &'static str,
}

fn rows() -> Vec<Row> {
    include_str!("../../../data/ps315_e3_10_1.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let number = |text| u16::from_str_radix(text, 16).unwrap();
            let tag = Tag(number(fields[1]), 0x1200 | number(fields[2]));
            Row { creator: fields[0], tag, vr: fields[3] }
        })
        .collect()
}

/// A value that tells nothing of anybody.
fn harmless(tag: Tag, vr: VR) -> Element<'static> {
    let value = match vr {
        VR::DS => b"1.50".to_vec(),
        VR::IS => b"12".to_vec(),
        VR::UI => format!("{UID}\0").into_bytes(),
        VR::CS | VR::LO | VR::SH | VR::ST | VR::LT => b"CORONAL ".to_vec(),
        VR::SQ => {
            let item = vec![
                text(tags::SLICE_THICKNESS, VR::DS, "1.50"),
                text(tags::PATIENT_NAME, VR::PN, NAME),
                Element::new(Tag(0x0028, 0x3006), VR::OW, NAME.as_bytes().to_vec()),
            ];
            return Element::sequence(tag, vec![item]);
        }
        _ => vec![1, 0, 0, 0, 0, 0, 0, 0],
    };
    Element::new(tag, vr, value)
}

fn file_of(creator: &str, element: Element<'static>, depth: usize) -> Vec<Element<'static>> {
    let block = text(Tag(element.tag.group(), 0x0012), VR::LO, creator);
    let both = vec![block, element];
    if depth == 0 {
        return both;
    }
    let inner = Element::sequence(Tag(0x0008, 0x1115), vec![both]);
    vec![super::nested(inner)]
}

/// The private elements of a cleaned file, as deep as they were put.
fn private<'e>(all: &'e [Element<'e>], depth: usize) -> Vec<&'e Element<'e>> {
    let depth = if depth == 0 { 0 } else { depth + 1 };
    unnested(all, depth).iter().filter(|element| element.tag.group() % 2 == 1).collect()
}

#[test]
fn every_row_is_kept_with_its_creator_and_names_nobody() {
    let bench = Bench::new();
    let profile = DicomProfile { safe_private: true, ..DicomProfile::default() };
    let (mut kept, mut opaque) = (0, 0);
    for Row { creator, tag, vr: listed } in rows() {
        let vr: VR = listed.split('/').next().unwrap().parse().unwrap_or(VR::FD);
        let is_opaque = matches!(vr, VR::OB | VR::OW);
        for depth in [0, 10] {
            let place = format!("{creator} {tag} {listed} at depth {depth}");
            let before = harmless(tag, vr);
            let clean = |creator: &str, element: &Element<'static>, profile: &DicomProfile| {
                bench.clean(&file_of(creator, element.clone(), depth), &[], profile).unwrap()
            };
            let bytes = clean(creator, &before, &profile);
            let all = parsed(&bytes);
            let found = private(&all, depth);
            assert!(!holds(&bytes, "zyxwpatient"), "{place}");
            if is_opaque {
                assert!(found.is_empty(), "{place}");
                opaque += 1;
            } else {
                assert_eq!(found.len(), 2, "{place}");
                assert_eq!(found[0].text(), creator, "{place}");
                assert_eq!((found[1].tag, found[1].vr), (tag, vr), "{place}");
                match (&found[1].value, vr) {
                    (Value::Items(items), _) => {
                        let left: Vec<Tag> = items[0].iter().map(|element| element.tag).collect();
                        assert_eq!(left, [tags::SLICE_THICKNESS, tags::PATIENT_NAME], "{place}");
                    }
                    (_, VR::UI) => assert!(found[1].text().starts_with("2.25."), "{place}"),
                    (value, _) => assert_eq!(*value, before.value, "{place}"),
                }
                kept += 1;
            }
            // As implicit files have it: the table tells the representation.
            if !is_opaque && vr != VR::SQ && !listed.is_empty() {
                let unknown = Element { vr: VR::UN, ..before.clone() };
                let bytes = clean(creator, &unknown, &profile);
                assert_eq!(private(&parsed(&bytes), depth)[1].vr, vr, "{place}");
            }
            let naming = planted(tag, vr);
            let bytes = clean(creator, &naming, &profile);
            for word in ["zyxwpatient", "qvorna", "wvutsplant", NUMBER, UID, "19610403"] {
                assert!(!holds(&bytes, word), "{place}: {word}");
            }
            for (creator, profile) in
                [("Zyxwpatient", &profile), (creator, &DicomProfile::default())]
            {
                let bytes = clean(creator, &before, profile);
                assert!(private(&parsed(&bytes), depth).is_empty(), "{place}");
                assert!(!holds(&bytes, "zyxwpatient"), "{place}");
            }
        }
    }
    assert_eq!((kept, opaque), (2 * 459, 2 * 20));
}

#[test]
fn private_attributes_go_and_safe_ones_stay_where_asked() {
    let bench = Bench::new();
    let (creator, pitch_creator) = (Tag(0x7053, 0x0010), Tag(0x0043, 0x0010));
    let elements = [
        text(creator, VR::LO, "Philips PET Private Group"),
        text(Tag(0x7053, 0x1000), VR::DS, "0.000551"),
        text(Tag(0x7053, 0x1009), VR::DS, NAME),
        text(Tag(0x7053, 0x1001), VR::LO, NAME),
        text(Tag(0x0009, 0x0010), VR::LO, NAME),
        text(pitch_creator, VR::LO, "GEMS_PARM_01"),
        text(Tag(0x0043, 0x1027), VR::SH, "0.984375:1"),
    ];
    let kept = [pitch_creator, Tag(0x0043, 0x1027), creator, Tag(0x7053, 0x1000)];
    for (safe, expected) in [(false, &[][..]), (true, &kept)] {
        let profile = DicomProfile { safe_private: safe, ..DicomProfile::default() };
        let bytes = bench.clean(&elements, &[], &profile).unwrap();
        let all = parsed(&bytes);
        let private: Vec<Tag> =
            all.iter().map(|element| element.tag).filter(|tag| tag.group() % 2 == 1).collect();
        assert_eq!(private, expected);
    }
}
