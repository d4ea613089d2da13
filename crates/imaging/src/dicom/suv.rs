//! Standardized uptake values of PET, after the vendor-neutral pseudo-code of the Quantitative
//! Imaging Biomarkers Alliance (QIBA).

use dicom_core::Tag;
use dicom_core::chrono::NaiveDate;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::attributes::{items, named, numbers, text};
use super::plane::{Plane, View};

/// The unit of standardized uptake values by body weight, which is g/ml.
pub(super) const SUV_BW: &str = "SUVbw";

/// GE scanners put the time of the scan here, with the creator below.
const GE_SCAN_TIME: Tag = Tag(0x0009, 0x100d);
const GE_CREATOR: (Tag, &str) = (Tag(0x0009, 0x0010), "GEMS_PETD_01");

/// Philips scanners put the factors of counts to SUV and to Bq/ml here, with the creator below.
const PHILIPS_SUV: Tag = Tag(0x7053, 0x1000);
const PHILIPS_ACTIVITY: Tag = Tag(0x7053, 0x1009);
const PHILIPS_CREATOR: (Tag, &str) = (Tag(0x7053, 0x0010), "Philips PET Private Group");

/// What the rescaled intensities of each slice are multiplied by to be SUV by body weight.
///
/// # Errors
/// Names the attribute that is missing, contradicts another or cannot be.
pub(super) fn factors(views: &[Vec<View>], planes: &[Plane]) -> Result<Vec<f64>, String> {
    let views: Vec<&View> = planes.iter().map(|plane| &views[plane.file][plane.frame]).collect();
    if views[0].is_enhanced() {
        return Err(
            "is an enhanced PET, whose SUV is not computed: set pet_unit to \"stored\", or \
                    convert it to a classic series"
                .to_owned(),
        );
    }
    let object = &views[0].header.object;
    let units = text(object, tags::UNITS).unwrap_or_default();
    let counts_factor = match units.as_str() {
        "GML" => {
            let kind = text(object, tags::SUV_TYPE).unwrap_or_else(|| "BW".to_owned());
            return match kind.as_str() {
                "BW" => Ok(vec![1.0; views.len()]),
                other => Err(format!("holds SUV of the type {other}, expected BW (body weight)")),
            };
        }
        "BQML" => 1.0,
        "CNTS" => match philips(object, PHILIPS_SUV) {
            Some(factor) => return Ok(vec![factor; views.len()]),
            None => philips(object, PHILIPS_ACTIVITY).ok_or(
                "has counts (CNTS) and no factor that makes SUV of them, which Philips scanners \
                 write; export it in BQML",
            )?,
        },
        other => {
            return Err(format!(
                "expected BQML, GML or CNTS in {}, found `{other}`: SUV cannot be computed",
                named(tags::UNITS)
            ));
        }
    };
    let dose = Dose::of(object)?;
    let weight_g = 1000.0 * weight_kg(object)?;
    let decayed = decayed_doses(&views, &dose)?;
    Ok(decayed.into_iter().map(|dose_bq| counts_factor * weight_g / dose_bq).collect())
}

/// The dose at the time that each slice's activity is corrected to.
fn decayed_doses(views: &[&View], dose: &Dose) -> Result<Vec<f64>, String> {
    let object = &views[0].header.object;
    let corrections = text(object, tags::CORRECTED_IMAGE).unwrap_or_default();
    let is_corrected = |name: &str| corrections.split('\\').any(|word| word.trim() == name);
    if !is_corrected("ATTN") {
        return Err(format!(
            "{} does not list ATTN: without attenuation correction there is no SUV",
            named(tags::CORRECTED_IMAGE)
        ));
    }
    let correction = text(object, tags::DECAY_CORRECTION).unwrap_or_default();
    if is_corrected("DECY") == (correction == "NONE") {
        return Err(format!(
            "{} and {} contradict each other on decay: export it again",
            named(tags::CORRECTED_IMAGE),
            named(tags::DECAY_CORRECTION)
        ));
    }
    match correction.as_str() {
        "ADMIN" => Ok(vec![dose.injected_bq; views.len()]),
        "START" => {
            let start = scan_start(views)?;
            Ok(vec![dose.at(start)?; views.len()])
        }
        "NONE" => views
            .iter()
            .map(|view| {
                let object = &view.header.object;
                dose.at(
                    acquisition(object)? + mean_count_time(object, dose.half_life_s).unwrap_or(0.0)
                )
            })
            .collect(),
        other => Err(format!(
            "expected START, ADMIN or NONE in {}, found `{other}`",
            named(tags::DECAY_CORRECTION)
        )),
    }
}

fn weight_kg(object: &InMemDicomObject) -> Result<f64, String> {
    let weight = positive(object, tags::PATIENT_WEIGHT, "kg")?;
    if !(0.3..=500.0).contains(&weight) {
        return Err(format!("expected kg in {}, found {weight}", named(tags::PATIENT_WEIGHT)));
    }
    Ok(weight)
}

/// A required number above 0.
fn positive(object: &InMemDicomObject, tag: Tag, unit: &str) -> Result<f64, String> {
    numbers(object, tag)
        .first()
        .copied()
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| {
            format!("expected a number of {unit} in {}, without which there is no SUV", named(tag))
        })
}

/// What was injected and when.
struct Dose {
    injected_bq: f64,
    half_life_s: f64,
    /// `RadiopharmaceuticalStartDateTime`.
    moment_s: Option<f64>,
    /// `RadiopharmaceuticalStartTime`, in seconds of the day.
    time_s: Option<f64>,
}

/// From this half-life on, an injection may have been days before, so that a time of the day does not
/// tell its day.
const LONG_LIVED_S: f64 = 41_400.0;

/// How many half-lives may pass between injection and scan: a thousandth is left then.
const MAX_HALF_LIVES: f64 = 10.0;

const DAY_S: f64 = 86_400.0;

impl Dose {
    fn of(object: &InMemDicomObject) -> Result<Self, String> {
        let item = match items(object, tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE) {
            [item] => item,
            items => {
                return Err(format!(
                    "expected one item in {}, found {}",
                    named(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE),
                    items.len()
                ));
            }
        };
        let injected_bq = positive(item, tags::RADIONUCLIDE_TOTAL_DOSE, "Bq")?;
        if injected_bq < 1e5 {
            return Err(format!(
                "expected Bq in {}, found {injected_bq}, which may be MBq",
                named(tags::RADIONUCLIDE_TOTAL_DOSE)
            ));
        }
        let moment = text(item, tags::RADIOPHARMACEUTICAL_START_DATE_TIME);
        let zone = text(object, tags::TIMEZONE_OFFSET_FROM_UTC);
        Ok(Self {
            injected_bq,
            half_life_s: positive(item, tags::RADIONUCLIDE_HALF_LIFE, "seconds")?,
            moment_s: moment.and_then(|moment| date_time(&moment, zone.as_deref())),
            time_s: text(item, tags::RADIOPHARMACEUTICAL_START_TIME)
                .and_then(|time| time_of_day(&time)),
        })
    }

    /// What is left at a moment. The moment of the injection is taken where it fits; dates are often
    /// changed when a file is made anonymous, so that otherwise the time of the day is taken, on the
    /// day of the scan or, where that is later, the day before.
    fn at(&self, moment_s: f64) -> Result<f64, String> {
        let longest = MAX_HALF_LIVES * self.half_life_s;
        let fits = |passed: &f64| (0.0..=longest).contains(passed);
        let by_moment = self.moment_s.map(|start| moment_s - start).filter(fits);
        let short_lived = self.half_life_s < LONG_LIVED_S;
        let time_s = self.time_s.filter(|_| short_lived);
        let by_time = time_s.map(|start| (moment_s - start).rem_euclid(DAY_S)).filter(fits);
        match by_moment.or(by_time) {
            Some(passed) => Ok(self.injected_bq * (-passed / self.half_life_s).exp2()),
            None if self.moment_s.is_none() && time_s.is_none() => Err(format!(
                "expected a time in {}, without which there is no SUV",
                named(if short_lived {
                    tags::RADIOPHARMACEUTICAL_START_TIME
                } else {
                    tags::RADIOPHARMACEUTICAL_START_DATE_TIME
                })
            )),
            None => Err(format!(
                "the injection is not within {MAX_HALF_LIVES} half-lives before the scan: check {}",
                named(tags::RADIOPHARMACEUTICAL_START_TIME)
            )),
        }
    }
}

/// When the scan started, to which the activity of all slices is corrected: the time of the series,
/// unless slices were acquired before, so that it is the time of a later step.
fn scan_start(views: &[&View]) -> Result<f64, String> {
    let object = &views[0].header.object;
    let mut earliest = f64::INFINITY;
    for view in views {
        earliest = earliest.min(acquisition(&view.header.object)?);
    }
    let series = moment(object, tags::SERIES_DATE, tags::SERIES_TIME);
    if let Ok(series) = series
        && series <= earliest
    {
        return Ok(series);
    }
    if text(object, GE_CREATOR.0).as_deref() == Some(GE_CREATOR.1)
        && let Some(scan) = private(object, GE_SCAN_TIME).and_then(|text| date_time(&text, None))
    {
        return Ok(scan);
    }
    Ok(by_frame_reference(object).unwrap_or(earliest))
}

/// The start of a scan by one of its frames: `FrameReferenceTime` tells how long after it the
/// frame's counts were at their mean.
fn by_frame_reference(object: &InMemDicomObject) -> Option<f64> {
    let item = items(object, tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE).first()?;
    let half_life_s = *numbers(item, tags::RADIONUCLIDE_HALF_LIFE).first()?;
    let reference_ms = *numbers(object, tags::FRAME_REFERENCE_TIME).first()?;
    if reference_ms <= 0.0 {
        return None;
    }
    let mean = mean_count_time(object, half_life_s)?;
    Some(acquisition(object).ok()? - reference_ms / 1000.0 + mean)
}

/// How long after the start of a frame its counts are at their mean, in seconds.
fn mean_count_time(object: &InMemDicomObject, half_life_s: f64) -> Option<f64> {
    let duration_s = numbers(object, tags::ACTUAL_FRAME_DURATION).first()? / 1000.0;
    let constant = std::f64::consts::LN_2 / half_life_s;
    let decay = constant * duration_s;
    (decay > 0.0).then(|| (decay / -(-decay).exp_m1()).ln() / constant)
}

fn acquisition(object: &InMemDicomObject) -> Result<f64, String> {
    moment(object, tags::ACQUISITION_DATE, tags::ACQUISITION_TIME)
}

/// A date and a time, in seconds.
fn moment(object: &InMemDicomObject, date: Tag, time: Tag) -> Result<f64, String> {
    let day = text(object, date).and_then(|text| day(&text));
    let seconds = text(object, time).and_then(|text| time_of_day(&text));
    day.zip(seconds)
        .map(|(day, seconds)| day + seconds)
        .ok_or_else(|| format!("expected a date in {} and a time in {}", named(date), named(time)))
}

/// `YYYYMMDD`, in seconds.
fn day(text: &str) -> Option<f64> {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    let number = |range| digits.get::<std::ops::Range<usize>>(range)?.parse::<u32>().ok();
    let year = i32::try_from(number(0..4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(4..6)?, number(6..8)?)?;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    Some(f64::from(i32::try_from(days).ok()?) * DAY_S)
}

/// `HHMMSS.FFFFFF`, of which all but the hours may be missing, in seconds.
fn time_of_day(text: &str) -> Option<f64> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let number = |range| match digits.get::<std::ops::Range<usize>>(range) {
        Some(part) => part.parse::<u32>().ok(),
        None => Some(0),
    };
    let hours = digits.get(0..2)?.parse::<u32>().ok()?;
    let minutes = number(2..4)?;
    let seconds: f64 = match digits.get(4..) {
        None | Some("") => 0.0,
        Some(rest) => rest.parse().ok()?,
    };
    let valid = hours < 24 && minutes < 60 && (0.0..=60.0).contains(&seconds);
    valid.then(|| f64::from(3600 * hours + 60 * minutes) + seconds)
}

/// `YYYYMMDDHHMMSS.FFFFFF&ZZZZ`, in seconds of the time zone that the file's times are in.
fn date_time(text: &str, file_zone: Option<&str>) -> Option<f64> {
    let (local, zone) = match text.find(['+', '-']) {
        Some(at) => (text.get(..at)?, text.get(at..)),
        None => (text, None),
    };
    let seconds = day(local.get(..8)?)? + time_of_day(local.get(8..)?)?;
    let shift = zone.and_then(offset_s).zip(file_zone.and_then(offset_s));
    Some(seconds + shift.map_or(0.0, |(own, file)| file - own))
}

/// `+0130`, in seconds.
fn offset_s(zone: &str) -> Option<f64> {
    let sign = if zone.starts_with('-') { -1.0 } else { 1.0 };
    let digits = zone.trim_start_matches(['+', '-']);
    let (hours, minutes): (f64, f64) =
        (digits.get(..2)?.parse().ok()?, digits.get(2..4)?.parse().ok()?);
    Some(sign * (3600.0 * hours + 60.0 * minutes))
}

/// A positive number of Philips.
fn philips(object: &InMemDicomObject, tag: Tag) -> Option<f64> {
    if text(object, PHILIPS_CREATOR.0).as_deref() != Some(PHILIPS_CREATOR.1)
        && private(object, PHILIPS_CREATOR.0).as_deref() != Some(PHILIPS_CREATOR.1)
    {
        return None;
    }
    let factor: f64 = private(object, tag)?.parse().ok()?;
    (factor.is_finite() && factor > 0.0).then_some(factor)
}

/// The text of a private attribute, which has no representation in implicit syntaxes.
fn private(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    use dicom_core::value::PrimitiveValue;
    let value = object.get(tag)?.value().primitive()?;
    let text = match value {
        PrimitiveValue::U8(bytes) => String::from_utf8(bytes.to_vec()).ok()?,
        value => value.to_str().into_owned(),
    };
    Some(text.trim_matches(['\0', ' ']).to_owned())
}

#[cfg(test)]
#[path = "suv_tests.rs"]
mod tests;
