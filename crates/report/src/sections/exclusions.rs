use std::fmt::Write as _;

use oncoweave_core::{Evaluation, Exclusion};

use crate::page::{Section, Table};
use crate::words;

/// More ids than this in one cell help nobody; the file has them all.
const MOST_IDS: usize = 12;
/// A cohort of many broken files must not become an endless page.
const MOST_GROUPS: usize = 60;

/// Who is not in the figures, and why, by reason.
pub(super) fn exclusions(evaluation: &Evaluation) -> Section {
    let mut section =
        Section { id: "exclusions", heading: "Who was set aside, and why", ..Section::default() };
    if evaluation.exclusions.is_empty() {
        section.text.push("Nobody was set aside.".to_owned());
        return section;
    }
    let groups = group(&evaluation.exclusions);
    let whole = evaluation.exclusions.iter().filter(|one| one.modality.is_empty()).count();
    section.text.push(format!(
        "{} set aside as a whole; in {} one modality was set aside and the patient stayed in \
         without it.",
        words::count(whole, "row"),
        words::count(evaluation.exclusions.len() - whole, "case"),
    ));
    let mut table = Table::new("Reasons, most frequent first")
        .words("Reason")
        .figures("Count")
        .words("What")
        .words("Step")
        .words("Patients");
    for group in groups.iter().take(MOST_GROUPS) {
        let what = match group.first.modality.as_str() {
            "" => "whole patient",
            modality => modality,
        };
        table.rows.push(vec![
            group.first.reason.clone(),
            words::thousands(group.ids.len()),
            what.to_owned(),
            group.first.step.clone(),
            ids(&group.ids),
        ]);
    }
    if groups.iter().any(|group| group.ids.len() > 1) {
        section.notes.push(
            "Reasons that differ only in names and numbers are counted as one and shown as they \
             read for the first patient."
                .to_owned(),
        );
    }
    if groups.len() > MOST_GROUPS {
        section.notes.push(format!(
            "{} more reasons stand in exclusions.csv.",
            words::thousands(groups.len() - MOST_GROUPS)
        ));
    }
    section.tables.push(table);
    section
}

struct Group<'a> {
    key: (&'a str, &'a str, String),
    first: &'a Exclusion,
    ids: Vec<&'a str>,
}

/// Exclusions whose step, modality and reason are alike, the largest group first.
fn group(exclusions: &[Exclusion]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for one in exclusions {
        let key = (one.step.as_str(), one.modality.as_str(), likeness(one));
        match groups.iter_mut().find(|group| group.key == key) {
            Some(group) => group.ids.push(&one.patient_id),
            None => groups.push(Group { key, first: one, ids: vec![&one.patient_id] }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.ids.len()));
    groups
}

/// The reason without what differs from patient to patient: the id, file paths and numbers.
fn likeness(exclusion: &Exclusion) -> String {
    let id = exclusion.patient_id.as_str();
    let reason =
        if id.is_empty() { exclusion.reason.clone() } else { exclusion.reason.replace(id, "#") };
    let words = reason.split_whitespace().map(|word| {
        if word.contains(['/', '\\']) {
            return "#".to_owned();
        }
        let mut text = String::new();
        for character in word.chars() {
            if !character.is_ascii_digit() {
                text.push(character);
            } else if !text.ends_with('#') {
                text.push('#');
            }
        }
        text
    });
    words.collect::<Vec<_>>().join(" ")
}

fn ids(ids: &[&str]) -> String {
    let mut text = ids.iter().take(MOST_IDS).copied().collect::<Vec<_>>().join(", ");
    if ids.len() > MOST_IDS {
        let more = words::thousands(ids.len() - MOST_IDS);
        let _ = write!(text, " and {more} more (exclusions.csv has them all)");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exclusion(id: &str, modality: &str, reason: &str) -> Exclusion {
        Exclusion {
            patient_id: id.to_owned(),
            modality: modality.to_owned(),
            step: "extract".to_owned(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn alike_reasons_are_one_group_and_others_are_not() {
        let exclusions = [
            exclusion("P1", "ct", "dicom/P1/ct: slices 3 and 5 leave a gap of 6.0 mm"),
            exclusion("P12", "genomics", "vcf/P12.vcf.gz:91: the file ends inside a block"),
            exclusion("P2", "genomics", "vcf/P2.vcf.gz:1044: the file ends inside a block"),
            exclusion("P3", "", "vcf/P3.vcf.gz:7: the file ends inside a block"),
        ];
        let groups = group(&exclusions);
        let sizes: Vec<_> = groups.iter().map(|group| group.ids.clone()).collect();
        assert_eq!(sizes, [vec!["P12", "P2"], vec!["P1"], vec!["P3"]]);
    }

    #[test]
    fn a_long_list_of_ids_is_cut() {
        let many: Vec<String> = (0..15).map(|index| format!("P{index}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(ids(&many).ends_with("P11 and 3 more (exclusions.csv has them all)"));
        assert_eq!(ids(&many[..2]), "P0, P1");
    }
}
