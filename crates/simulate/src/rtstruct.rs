use std::path::Path;

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};

use crate::ct::Ct;
use crate::dicom::{Dataset, Study, common, decimal, image_reference};
use crate::error::Error;
use crate::lesion::Ellipsoid;

/// Writes the contours of the tumor (`GTV`) and of the lung round it (`Lung_R`). With `empty`,
/// the tumor has a name and no contour.
pub(crate) fn write_rtstruct(
    path: &Path,
    study: &Study,
    ct: &Ct,
    empty: bool,
) -> Result<(), Error> {
    let [series_uid, instance_uid, _] = &study.segmentation_uids;
    let tumor = if empty { Vec::new() } else { contours(study, ct, &ct.lesion, 48) };
    let lung = contours(study, ct, &ct.lung, 36);
    common(study, uids::RT_STRUCTURE_SET_STORAGE, instance_uid, "RTSTRUCT")
        .text(tags::OPERATORS_NAME, VR::PN, "")
        .text(tags::SERIES_DESCRIPTION, VR::LO, "contours")
        .text(tags::SERIES_INSTANCE_UID, VR::UI, series_uid)
        .text(tags::SERIES_NUMBER, VR::IS, "3")
        .text(tags::INSTANCE_NUMBER, VR::IS, "1")
        .text(tags::FRAME_OF_REFERENCE_UID, VR::UI, &study.frame_uid)
        .text(tags::POSITION_REFERENCE_INDICATOR, VR::LO, "")
        .text(tags::STRUCTURE_SET_LABEL, VR::SH, "contours")
        .text(tags::STRUCTURE_SET_DATE, VR::DA, &study.date)
        .text(tags::STRUCTURE_SET_TIME, VR::TM, "120000")
        .text(tags::APPROVAL_STATUS, VR::CS, "UNAPPROVED")
        .items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, vec![referenced_frame(study, ct)])
        .items(
            tags::STRUCTURE_SET_ROI_SEQUENCE,
            vec![roi(study, 1, "Lung_R", "SEMIAUTOMATIC"), roi(study, 2, "GTV", "MANUAL")],
        )
        .items(
            tags::ROI_CONTOUR_SEQUENCE,
            vec![roi_contour(1, "0\\128\\255", lung), roi_contour(2, "255\\0\\0", tumor)],
        )
        .items(
            tags::RTROI_OBSERVATIONS_SEQUENCE,
            vec![observation(1, "ORGAN"), observation(2, "GTV")],
        )
        .write(path)
}

fn referenced_frame(study: &Study, ct: &Ct) -> Dataset {
    let images = (0..ct.grid.size[2]).map(|slice| image_reference(study, slice)).collect();
    let series = Dataset::new()
        .text(tags::SERIES_INSTANCE_UID, VR::UI, &study.series_uid)
        .items(tags::CONTOUR_IMAGE_SEQUENCE, images);
    // The class by which RT objects have always pointed at a study, though it is retired.
    let study_reference = Dataset::new()
        .text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, "1.2.840.10008.3.1.2.3.1")
        .text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, &study.instance_uid)
        .items(tags::RT_REFERENCED_SERIES_SEQUENCE, vec![series]);
    Dataset::new()
        .text(tags::FRAME_OF_REFERENCE_UID, VR::UI, &study.frame_uid)
        .items(tags::RT_REFERENCED_STUDY_SEQUENCE, vec![study_reference])
}

fn roi(study: &Study, number: u32, name: &str, algorithm: &str) -> Dataset {
    Dataset::new()
        .text(tags::ROI_NUMBER, VR::IS, &number.to_string())
        .text(tags::REFERENCED_FRAME_OF_REFERENCE_UID, VR::UI, &study.frame_uid)
        .text(tags::ROI_NAME, VR::LO, name)
        .text(tags::ROI_GENERATION_ALGORITHM, VR::CS, algorithm)
}

fn roi_contour(number: u32, color: &str, contours: Vec<Dataset>) -> Dataset {
    let dataset = Dataset::new().text(tags::ROI_DISPLAY_COLOR, VR::IS, color).text(
        tags::REFERENCED_ROI_NUMBER,
        VR::IS,
        &number.to_string(),
    );
    if contours.is_empty() { dataset } else { dataset.items(tags::CONTOUR_SEQUENCE, contours) }
}

fn observation(number: u32, kind: &str) -> Dataset {
    Dataset::new()
        .text(tags::OBSERVATION_NUMBER, VR::IS, &number.to_string())
        .text(tags::REFERENCED_ROI_NUMBER, VR::IS, &number.to_string())
        .text(tags::RTROI_INTERPRETED_TYPE, VR::CS, kind)
        .text(tags::ROI_INTERPRETER, VR::PN, "")
}

/// One closed polygon on every slice that the body meets.
fn contours(study: &Study, ct: &Ct, body: &Ellipsoid, corners: u32) -> Vec<Dataset> {
    let height = |slice: usize| ct.grid.origin[2] + ct.grid.spacing[2] * slice as f64;
    (0..ct.grid.size[2])
        .filter_map(|slice| Some((slice, body.outline(height(slice), corners)?)))
        .map(|(slice, outline)| {
            let points: Vec<String> = outline
                .iter()
                .map(|[x, y]| format!("{x:.2}\\{y:.2}\\{}", decimal(height(slice))))
                .collect();
            Dataset::new()
                .items(tags::CONTOUR_IMAGE_SEQUENCE, vec![image_reference(study, slice)])
                .text(tags::CONTOUR_GEOMETRIC_TYPE, VR::CS, "CLOSED_PLANAR")
                .text(tags::NUMBER_OF_CONTOUR_POINTS, VR::IS, &corners.to_string())
                .text(tags::CONTOUR_DATA, VR::DS, &points.join("\\"))
        })
        .collect()
}
