use std::path::Path;

use dicom_core::VR;
use dicom_core::value::PrimitiveValue;
use dicom_dictionary_std::{tags, uids};

use crate::ct::{Ct, WIDTH};
use crate::dicom::{Dataset, Study, code, common, decimal, decimals, image_reference};
use crate::error::Error;

/// One frame: a segment's number, its slice and its pixels.
struct Frame {
    segment: u16,
    slice: usize,
    pixels: Vec<bool>,
}

/// Writes a binary segmentation of the lung (segment 1) and the tumor (segment 2, `GTV`), each on
/// the slices it meets. With `empty`, the tumor's frames are there and hold no pixel.
pub(crate) fn write_seg(path: &Path, study: &Study, ct: &Ct, empty: bool) -> Result<(), Error> {
    let frames = frames(ct, empty);
    let bits: Vec<bool> = frames.iter().flat_map(|frame| frame.pixels.iter().copied()).collect();
    let [series_uid, instance_uid, dimension_uid] = &study.segmentation_uids;
    let width = u16::try_from(WIDTH).expect("64 pixels");
    let dataset = common(study, uids::SEGMENTATION_STORAGE, instance_uid, "SEG")
        .text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY")
        .text(tags::SERIES_DATE, VR::DA, &study.date)
        .text(tags::CONTENT_DATE, VR::DA, &study.date)
        .text(tags::CONTENT_TIME, VR::TM, "120000")
        .text(tags::SERIES_DESCRIPTION, VR::LO, "segmentation")
        .text(tags::SERIES_INSTANCE_UID, VR::UI, series_uid)
        .text(tags::SERIES_NUMBER, VR::IS, "3")
        .text(tags::INSTANCE_NUMBER, VR::IS, "1")
        .text(tags::FRAME_OF_REFERENCE_UID, VR::UI, &study.frame_uid)
        .text(tags::POSITION_REFERENCE_INDICATOR, VR::LO, "")
        .short(tags::SAMPLES_PER_PIXEL, 1)
        .text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2")
        .text(tags::NUMBER_OF_FRAMES, VR::IS, &frames.len().to_string())
        .short(tags::ROWS, width)
        .short(tags::COLUMNS, width)
        .short(tags::BITS_ALLOCATED, 1)
        .short(tags::BITS_STORED, 1)
        .short(tags::HIGH_BIT, 0)
        .short(tags::PIXEL_REPRESENTATION, 0)
        .text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00")
        .text(tags::SEGMENTATION_TYPE, VR::CS, "BINARY")
        .text(tags::CONTENT_LABEL, VR::CS, "SEGMENTATION")
        .text(tags::CONTENT_DESCRIPTION, VR::LO, "")
        .text(tags::CONTENT_CREATOR_NAME, VR::PN, "");
    dimensions(dataset, dimension_uid)
        .items(tags::REFERENCED_SERIES_SEQUENCE, vec![referenced_series(study, ct)])
        .items(tags::SEGMENT_SEQUENCE, vec![lung_segment(), tumor_segment()])
        .items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared_groups(ct)])
        .items(
            tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
            frames.iter().map(|frame| frame_groups(study, ct, frame)).collect(),
        )
        .value(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(pack(&bits).into()))
        .write(path)
}

fn frames(ct: &Ct, empty: bool) -> Vec<Frame> {
    let area = WIDTH * WIDTH;
    let mut frames = Vec::new();
    for (segment, body) in [(1, &ct.lung), (2, &ct.lesion)] {
        let inside = ct.grid.inside(body);
        for (slice, pixels) in inside.chunks(area).enumerate() {
            if pixels.contains(&true) {
                let hidden = empty && segment == 2;
                let pixels = if hidden { vec![false; area] } else { pixels.to_vec() };
                frames.push(Frame { segment, slice, pixels });
            }
        }
    }
    frames
}

/// Eight pixels a byte, the first in the lowest bit (DICOM PS3.5, 8.1.1).
fn pack(bits: &[bool]) -> Vec<u8> {
    bits.chunks(8)
        .map(|byte| byte.iter().rev().fold(0, |packed, &bit| packed << 1 | u8::from(bit)))
        .collect()
}

/// Frames are ordered by segment, then by place.
fn dimensions(dataset: Dataset, dimension_uid: &str) -> Dataset {
    let organization = Dataset::new().text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, dimension_uid);
    let index = |tag, group, label| {
        Dataset::new()
            .text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, dimension_uid)
            .value(tags::DIMENSION_INDEX_POINTER, VR::AT, PrimitiveValue::from(tag))
            .value(tags::FUNCTIONAL_GROUP_POINTER, VR::AT, PrimitiveValue::from(group))
            .text(tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, label)
    };
    let indices = vec![
        index(
            tags::REFERENCED_SEGMENT_NUMBER,
            tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            "ReferencedSegmentNumber",
        ),
        index(tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE, "ImagePositionPatient"),
    ];
    dataset
        .items(tags::DIMENSION_ORGANIZATION_SEQUENCE, vec![organization])
        .items(tags::DIMENSION_INDEX_SEQUENCE, indices)
}

fn referenced_series(study: &Study, ct: &Ct) -> Dataset {
    let images = (0..ct.grid.size[2]).map(|slice| image_reference(study, slice)).collect();
    Dataset::new()
        .text(tags::SERIES_INSTANCE_UID, VR::UI, &study.series_uid)
        .items(tags::REFERENCED_INSTANCE_SEQUENCE, images)
}

fn tumor_segment() -> Dataset {
    let category = code("49755003", "SCT", "Morphologically Altered Structure");
    let kind = code("108369006", "SCT", "Neoplasm");
    segment(2, "GTV", "MANUAL", (category, kind))
}

fn lung_segment() -> Dataset {
    let category = code("123037004", "SCT", "Anatomical Structure");
    let kind = code("3341006", "SCT", "Right lung");
    segment(1, "Lung_R", "SEMIAUTOMATIC", (category, kind)).text(
        tags::SEGMENT_ALGORITHM_NAME,
        VR::LO,
        "simulate",
    )
}

fn segment(
    number: u16,
    label: &str,
    algorithm: &str,
    (category, kind): (Dataset, Dataset),
) -> Dataset {
    Dataset::new()
        .items(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, vec![category])
        .short(tags::SEGMENT_NUMBER, number)
        .text(tags::SEGMENT_LABEL, VR::LO, label)
        .text(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, algorithm)
        .items(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, vec![kind])
}

fn shared_groups(ct: &Ct) -> Dataset {
    let [pixel_mm, _, slice_mm] = ct.grid.spacing;
    let measures = Dataset::new()
        .text(tags::SLICE_THICKNESS, VR::DS, &decimal(slice_mm))
        .text(tags::SPACING_BETWEEN_SLICES, VR::DS, &decimal(slice_mm))
        .text(tags::PIXEL_SPACING, VR::DS, &decimals(&[pixel_mm; 2]));
    let orientation =
        Dataset::new().text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0");
    Dataset::new()
        .items(tags::PIXEL_MEASURES_SEQUENCE, vec![measures])
        .items(tags::PLANE_ORIENTATION_SEQUENCE, vec![orientation])
}

fn frame_groups(study: &Study, ct: &Ct, frame: &Frame) -> Dataset {
    let source = image_reference(study, frame.slice).items(
        tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
        vec![code("121322", "DCM", "Source image for image processing operation")],
    );
    let derivation = Dataset::new()
        .items(tags::SOURCE_IMAGE_SEQUENCE, vec![source])
        .items(tags::DERIVATION_CODE_SEQUENCE, vec![code("113076", "DCM", "Segmentation")]);
    let place = u32::try_from(frame.slice + 1).expect("at most 40 slices");
    let indices = PrimitiveValue::U32([u32::from(frame.segment), place].as_slice().into());
    let content = Dataset::new().value(tags::DIMENSION_INDEX_VALUES, VR::UL, indices);
    let [x, y, z] = ct.grid.origin;
    let position = [x, y, z + ct.grid.spacing[2] * frame.slice as f64];
    let plane_position =
        Dataset::new().text(tags::IMAGE_POSITION_PATIENT, VR::DS, &decimals(&position));
    let segment = Dataset::new().short(tags::REFERENCED_SEGMENT_NUMBER, frame.segment);
    Dataset::new()
        .items(tags::DERIVATION_IMAGE_SEQUENCE, vec![derivation])
        .items(tags::FRAME_CONTENT_SEQUENCE, vec![content])
        .items(tags::PLANE_POSITION_SEQUENCE, vec![plane_position])
        .items(tags::SEGMENT_IDENTIFICATION_SEQUENCE, vec![segment])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pixel_is_the_lowest_bit() {
        let mut bits = vec![false; 16];
        bits[0] = true;
        bits[9] = true;
        assert_eq!(pack(&bits), [0b0000_0001, 0b0000_0010]);
    }
}
