//! What columns of a cohort's tables hold, by what the manifest says of them.

use std::collections::{BTreeMap, BTreeSet};

use oncoweave_cohort::{Manifest, Modality};
use toml::{Table, Value};

use super::{text_of, texts};
use crate::{
    Dates, Profile, Role,
    job::{declared, max_shift},
    table::{TablePlan, Use},
};

/// The clinical table, by what the manifest says of its columns; the profile overrules it.
pub(super) fn clinical_plan(manifest: &Manifest, profile: &Profile) -> TablePlan {
    let settings = &manifest.clinical;
    let mut plan = empty_plan(settings, profile, Role::Drop);
    let mut add = |name: Option<&str>, kind: Use| {
        plan.columns.extend(name.map(|name| (name.to_owned(), kind)));
    };
    add(text_of(settings, "fold"), Use::Role(Role::Number));
    add(text_of(settings, "site"), Use::Role(Role::Identifier));
    if let Some(columns) = settings.get("columns").and_then(Value::as_table) {
        for (name, column) in columns {
            if let Some(column) = column.as_table() {
                add(Some(name.as_str()), column_use(name, column));
            }
        }
    }
    if let Some(outcome) = &manifest.outcome {
        add(text_of(outcome, "time"), Use::Measure(Vec::new()));
        add(text_of(outcome, "entry"), Use::Measure(Vec::new()));
        add(text_of(outcome, "label"), Use::Category);
        let mut levels = texts(outcome.get("event_values"));
        levels.extend(texts(outcome.get("censored_values")));
        let competing = outcome.get("competing").and_then(Value::as_table);
        levels
            .extend(competing.into_iter().flat_map(Table::values).flat_map(|one| texts(Some(one))));
        add(text_of(outcome, "event"), Use::Levels(lower(levels)));
    }
    add(text_of(settings, "index_date"), Use::Role(Role::Date));
    plan.columns.extend(declared(profile));
    let patient = text_of(settings, "patient_id").unwrap_or("patient_id");
    plan.columns.insert(patient.to_owned(), Use::Role(Role::Patient));
    plan
}

fn column_use(name: &str, column: &Table) -> Use {
    let is_age =
        name.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|word| word == "age");
    match text_of(column, "type") {
        Some("number") if is_age => Use::Role(Role::Age),
        Some("number") => {
            let mut units = texts(column.get("unit"));
            let convert = column.get("convert").and_then(Value::as_table);
            units.extend(convert.into_iter().flat_map(|table| table.keys().cloned()));
            Use::Measure(units)
        }
        Some("boolean") => {
            let given = |key: &str, default: &[&str]| match column.get(key) {
                None => default.iter().map(|&text| text.to_owned()).collect(),
                given => texts(given),
            };
            let mut levels = given("true_values", &["yes", "true", "1", "y"]);
            levels.extend(given("false_values", &["no", "false", "0", "n"]));
            Use::Levels(lower(levels))
        }
        _ => match column.get("levels") {
            None => Use::Category,
            levels => Use::Levels(lower(texts(levels))),
        },
    }
}

/// A table of features: its numbers stay.
pub(super) fn table_plan(modality: &Modality, profile: &Profile) -> TablePlan {
    let columns = texts(modality.options.get("columns"));
    let undeclared = if columns.is_empty() { Role::Number } else { Role::Drop };
    let mut plan = empty_plan(&modality.options, profile, undeclared);
    plan.columns.extend(columns.into_iter().map(|name| (name, Use::Role(Role::Number))));
    if let Some(date) = text_of(&modality.options, "date") {
        plan.columns.insert(date.to_owned(), Use::Role(Role::Date));
    }
    plan.columns.extend(declared(profile));
    let patient = text_of(&modality.options, "patient_id").unwrap_or("patient_id");
    plan.columns.insert(patient.to_owned(), Use::Role(Role::Patient));
    plan
}

fn lower(texts: Vec<String>) -> BTreeSet<String> {
    texts.into_iter().map(|text| text.to_lowercase()).collect()
}

fn missing(table: &Table) -> BTreeSet<String> {
    const DEFAULT: [&str; 8] = ["", "na", "n/a", "nan", "null", ".", "unknown", "not available"];
    match table.get("missing") {
        None => DEFAULT.iter().map(|&text| text.to_owned()).collect(),
        given => lower(texts(given)),
    }
}

fn empty_plan(settings: &Table, profile: &Profile, undeclared: Role) -> TablePlan {
    TablePlan {
        columns: BTreeMap::new(),
        undeclared,
        missing: missing(settings),
        max_shift_days: max_shift(profile),
        keep_dates: profile.dicom.dates == Dates::Full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_manifest_says_of_the_outcome_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cohort.toml");
        let text = "schema = 1\nid = 'demo'\n[clinical]\ntable = 'c.csv'\npatient_id = 'id'\n\
                    [outcome]\ntime = 't'\nevent = 'e'\nentry = 'begin'\nevent_values = ['Dead']\n\
                    censored_values = ['alive']\n\
                    competing = { other = ['dead, other', 3], third = ['lost'] }\n";
        fs_err::write(&path, text).unwrap();
        let plan = clinical_plan(&Manifest::read(&path).unwrap(), &Profile::default());
        let numbers = Use::Measure(Vec::new());
        assert_eq!((&plan.columns["t"], &plan.columns["begin"]), (&numbers, &numbers));
        let words = ["dead", "alive", "dead, other", "3", "lost"].map(str::to_owned);
        assert_eq!(plan.columns["e"], Use::Levels(BTreeSet::from(words)));
    }
}
