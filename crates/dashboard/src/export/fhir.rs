//! A patient's prediction as a FHIR `RiskAssessment`, in a `Bundle` with the patient's pseudonym
//! and the model as a `Device`: <https://hl7.org/fhir/R4/riskassessment.html> and
//! <https://hl7.org/fhir/R5/riskassessment.html>.
//!
//! `probabilityDecimal` is a percentage from 0 to 100 there, and never stands beside a range.

use oncoweave_report::words;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::access::hex;
use crate::study::{Study, applicability, horizon_risks};

/// A release of FHIR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    R4,
    R5,
}

impl Release {
    /// From an address: `r4` or `r5`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().trim_end_matches(".json") {
            "r4" => Some(Self::R4),
            "r5" => Some(Self::R5),
            _ => None,
        }
    }
}

/// A UUID that is the same for the same texts, version 8 of RFC 9562: bits of a SHA-256.
fn uuid(texts: &[&str]) -> String {
    let mut bytes = Sha256::digest(texts.join("\n").as_bytes());
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits = hex(&bytes[..16]);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    format!("urn:uuid:{}", parts.join("-"))
}

/// The bundle of one patient, `at` a moment in RFC 3339.
pub(crate) fn bundle(study: &Study, place: usize, release: Release, at: &str) -> Value {
    let id = study.patients[place].patient_id.as_str();
    let name = |what: &str| uuid(&[what, &study.version, &study.evaluation.data_sha256, id]);
    let (patient, device) = (name("patient"), name("device"));
    let entry = |url: &str, resource: Value| json!({ "fullUrl": url, "resource": resource });
    let subject = json!({
        "resourceType": "Patient",
        "text": narrative(&format!("Patient {id} of the cohort {}", study.evaluation.cohort)),
        "identifier": [{ "use": "secondary", "system": system(study), "value": id }],
    });
    json!({
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": at,
        "entry": [
            entry(&name("assessment"), assessment(study, place, release, (&patient, &device, at))),
            entry(&patient, subject),
            entry(&device, model_device(study, release)),
        ],
    })
}

/// Ids are unique within a cohort.
fn system(study: &Study) -> String {
    uuid(&["cohort", &study.evaluation.cohort])
}

fn narrative(text: &str) -> Value {
    let text = oncoweave_report::chart::escape(text);
    let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{text}</div>");
    json!({ "status": "generated", "div": div })
}

fn model_device(study: &Study, release: Release) -> Value {
    let name = format!("Oncoweave {} model", study.model());
    let mut device = json!({
        "resourceType": "Device",
        "text": narrative(&format!("{name}: {}. {}", study.version, crate::DISCLAIMER)),
        "version": [{ "value": study.version }],
        "note": [{ "text": crate::DISCLAIMER }],
    });
    match release {
        Release::R4 => {
            device["deviceName"] = json!([{ "name": name, "type": "user-friendly-name" }]);
        }
        Release::R5 => {
            device["name"] = json!([{ "value": name, "type": "user-friendly-name" }]);
        }
    }
    device
}

fn assessment(
    study: &Study,
    place: usize,
    release: Release,
    (patient, device, at): (&str, &str, &str),
) -> Value {
    let one = &study.patients[place];
    let applies = applicability(one);
    let text = |text: &str| json!({ "text": text });
    let whom = words::whom(&study.evaluation);
    let reason = text(&format!("Prognosis for research, judged by patients {whom}"));
    let mut notes: Vec<Value> = super::notes(study).iter().map(|note| text(note)).collect();
    notes.extend(applies.refused.iter().chain(&applies.warnings).map(|note| text(note)));
    let hash = &study.evaluation.data_sha256;
    let mut resource = json!({
        "resourceType": "RiskAssessment",
        "text": narrative(&summary(study, place)),
        // What a program computed for research and no person has confirmed.
        "status": "preliminary",
        "method": text(&format!("Survival model {}", study.version)),
        "code": text("Predicted risk of the event within a time since the index date"),
        "subject": { "reference": patient },
        "occurrenceDateTime": at,
        "performer": { "reference": device },
        "basis": [{
            "identifier": { "system": "urn:ietf:rfc:3986", "value": format!("urn:sha256:{hash}") },
            "display": format!("Aligned table of the cohort {}, SHA-256 {hash}", study.evaluation.cohort),
        }],
        "note": notes,
    });
    match release {
        Release::R4 => resource["reasonCode"] = json!([reason]),
        Release::R5 => resource["reason"] = json!([{ "concept": reason }]),
    }
    if applies.refused.is_empty() {
        resource["prediction"] = predictions(study, place);
    }
    resource
}

/// One entry a horizon. The interval stands in the rationale, as a range would stand in place of
/// the probability.
fn predictions(study: &Study, place: usize) -> Value {
    let one = &study.patients[place];
    let group = if one.high_risk { "above" } else { "at or below" };
    let days = |value: f64| {
        json!({
            "value": value, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"
        })
    };
    let entry = |at: &crate::study::HorizonRisk| {
        let interval =
            at.interval.map_or("The model gives no interval.".to_owned(), |(low, high)| {
                format!("95 % interval {:.1} % to {:.1} %.", 100.0 * low, 100.0 * high)
            });
        json!({
            "outcome": { "text": format!("The event within {}", words::horizon(at.days)) },
            "probabilityDecimal": percentage(at.risk),
            "qualitativeRisk": { "text": format!("{group} the median risk of the training patients") },
            "whenRange": { "low": days(0.0), "high": days(at.days) },
            "rationale": format!(
                "{interval} Log relative hazard {:.3}; an association, not a cause.",
                one.risk.0
            ),
        })
    };
    horizon_risks(&study.evaluation.horizons_days, one).iter().map(entry).collect()
}

/// A share as a percentage of at most 100 with two decimals.
fn percentage(share: f64) -> f64 {
    (share.clamp(0.0, 1.0) * 10_000.0).round() / 100.0
}

fn summary(study: &Study, place: usize) -> String {
    let one = &study.patients[place];
    let applies = applicability(one);
    if !applies.refused.is_empty() {
        return format!("No risk is given: {} {}", applies.refused.join(" "), crate::DISCLAIMER);
    }
    let risks = horizon_risks(&study.evaluation.horizons_days, one);
    let each: Vec<String> = risks
        .iter()
        .map(|at| format!("{} within {}", words::percent(at.risk), words::horizon(at.days)))
        .collect();
    format!("Predicted risk of the event: {}. {}", each.join(", "), crate::DISCLAIMER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_percentages_of_at_most_100() {
        for (share, expected) in [(0.0, 0.0), (0.12345, 12.35), (1.0, 100.0), (1.000_000_1, 100.0)]
        {
            assert!((percentage(share) - expected).abs() < 1e-12, "{share}");
        }
    }

    #[test]
    fn ids_are_uuids_and_the_same_for_the_same_texts() {
        let id = uuid(&["a", "b"]);
        assert_eq!(id, uuid(&["a", "b"]));
        assert_ne!(id, uuid(&["a", "c"]));
        assert_eq!(id.len(), "urn:uuid:".len() + 36);
        assert_eq!(&id[23..24], "8", "{id}");
    }
}
