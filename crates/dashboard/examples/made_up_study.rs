//! Writes an evaluation folder of made-up patients, for looking at pages and measuring them:
//! `made_up_study FOLDER PATIENTS [hostile]`. With `hostile` every text holds HTML.

use std::path::Path;

use oncoweave_core::PatientId;

#[path = "../tests/pages/made_up.rs"]
mod made_up;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, patients, rest @ ..] = &arguments[..] else {
        panic!("usage: made_up_study FOLDER PATIENTS [hostile]");
    };
    let patients = patients.parse().expect("a number of patients");
    let (mut evaluation, mut predictions) = made_up::study(patients);
    if rest.first().is_some_and(|word| word == "hostile") {
        let hostile = "<script>alert(1)</script>\"'<img src=x onerror=alert(1)>&";
        hostile.clone_into(&mut evaluation.cohort);
        hostile.clone_into(&mut evaluation.design);
        evaluation.notes = vec![hostile.to_owned()];
        for prediction in &mut predictions {
            let id = format!("{hostile}{}", prediction.patient_id);
            prediction.patient_id = PatientId::new(&id).expect("one printable line");
            prediction.label = Some(hostile.to_owned());
            if !prediction.missing_modalities.is_empty() {
                prediction.missing_modalities = vec![hostile.to_owned()];
                prediction.flags.push(format!("outside_range:{hostile}"));
            }
        }
    }
    made_up::write_study(Path::new(folder), &evaluation, &predictions);
}
