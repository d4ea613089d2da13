use std::fmt::Write as _;

use crate::SimulateSettings;
use crate::genes::DRIVERS;
use crate::hazard;
use crate::mess::FEWEST_PATIENTS;
use crate::tables::{ENTRY, MISSING, OTHER_DEATH, Row};

/// The text of `cohort.toml`.
pub(crate) fn manifest(settings: &SimulateSettings) -> String {
    let list = |texts: &[&str]| {
        let quoted: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
        format!("[{}]", quoted.join(", "))
    };
    let genes = DRIVERS.map(super::genes::Driver::symbol);
    include_str!("cohort.template.toml")
        .replace("@SEED@", &settings.seed.to_string())
        .replace("@PATIENTS@", &settings.patients.to_string())
        .replace("@MISSING@", &list(&MISSING))
        .replace("@GENES@", &list(&genes))
        .replace("@COMPETING@", &competing(settings))
        .replace("@ENTRY@", &entry(settings))
}

/// The line of `[outcome]` that names the other death.
fn competing(settings: &SimulateSettings) -> String {
    if settings.competing {
        format!("competing = {{ \"other death\" = [\"{OTHER_DEATH}\"] }}\n")
    } else {
        String::new()
    }
}

/// The line of `[outcome]` that names the begin of observation.
fn entry(settings: &SimulateSettings) -> String {
    if settings.late_entry { format!("entry = \"{ENTRY}\"\n") } else { String::new() }
}

/// The text of `README.md`.
pub(crate) fn readme(settings: &SimulateSettings, rows: &[Row]) -> String {
    include_str!("readme.template.md")
        .replace("@SEED@", &settings.seed.to_string())
        .replace("@PATIENTS@", &settings.patients.to_string())
        .replace("@FORMULA@", hazard::FORMULA)
        .replace("@SHAPE@", &hazard::SHAPE.to_string())
        .replace("@SCALE@", &hazard::SCALE_DAYS.to_string())
        .replace("@COMPETING@", &other_death(settings))
        .replace("@ENTRY@", &late_entry(settings))
        .replace("@MESS@", &mess_list(rows))
}

/// What the README says of the other death.
fn other_death(settings: &SimulateSettings) -> String {
    if !settings.competing {
        return String::new();
    }
    format!(
        "Another death competes: exponential with a mean of {} days at log-hazard 0, its log-hazard\n\
         `0.8 (age - 64) / 9 + 0.5 (ecog - 0.75)` in `other_death_log_hazard` of `oracle.csv`. Who\n\
         died of it is `{OTHER_DEATH}` in `vital_status`.\n\n",
        hazard::OTHER_DEATH_DAYS
    )
}

/// What the README says of who came under observation late.
fn late_entry(settings: &SimulateSettings) -> String {
    if !settings.late_entry {
        return String::new();
    }
    format!(
        "Half of the patients, by lot, came under observation late, on a day drawn evenly from the first\n\
         {}: `{ENTRY}` in `clinical.csv`, in days after diagnosis. Whose follow-up ended by then was never\n\
         seen, and somebody else was drawn in that place: more of those who live long are left, and a\n\
         curve that does not know of `{ENTRY}` is too high.\n\n",
        hazard::LATEST_ENTRY_DAYS
    )
}

fn mess_list(rows: &[Row]) -> String {
    let mut list = String::new();
    for row in rows {
        if let Some(mess) = row.mess {
            let _ = writeln!(list, "- {}: {}", row.patient.id, mess.name().replace('_', " "));
        }
    }
    if list.is_empty() {
        list = format!("None: it was not asked for, or there are fewer than {FEWEST_PATIENTS}.\n");
    }
    list
}
