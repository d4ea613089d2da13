//! The lists of samples in `case_lists/`, which say who was examined for what.

use std::{collections::BTreeSet, path::Path};

use fs_err as fs;

use crate::{
    Error,
    findings::Findings,
    meta::{Description, is_text, need, read_fields},
};

/// The categories that a list may have (cBioPortal's File-Formats, "Case Lists").
const CATEGORIES: [&str; 16] = [
    "all_cases_in_study",
    "all_cases_with_mutation_data",
    "all_cases_with_cna_data",
    "all_cases_with_log2_cna_data",
    "all_cases_with_methylation_data",
    "all_cases_with_mrna_array_data",
    "all_cases_with_mrna_rnaseq_data",
    "all_cases_with_rppa_data",
    "all_cases_with_microrna_data",
    "all_cases_with_mutation_and_cna_data",
    "all_cases_with_mutation_and_cna_and_mrna_data",
    "all_cases_with_gsva_data",
    "all_cases_with_sv_data",
    "all_cases_with_gistic_data",
    "all_cases_with_methylation_hm27",
    "other",
];

/// One list.
#[derive(Debug)]
pub(crate) struct CaseList {
    stable_id: String,
    category: Option<String>,
    pub(crate) samples: BTreeSet<String>,
}

/// The lists of a study.
#[derive(Debug, Default)]
pub(crate) struct CaseLists {
    study: String,
    lists: Vec<CaseList>,
}

impl CaseLists {
    /// The list whose stable id ends so, or that has the category.
    pub(crate) fn find(&self, ends: &[&str], category: &str) -> Option<&CaseList> {
        let is = |list: &&CaseList| {
            ends.iter().any(|end| list.stable_id == format!("{}_{end}", self.study))
                || list.category.as_deref() == Some(category)
        };
        self.lists.iter().find(is)
    }
}

/// Reads every list; `known` are the samples of the clinical table.
pub(crate) fn read(
    study: &Path,
    description: &Description,
    known: &BTreeSet<&str>,
    findings: &mut Findings,
) -> Result<CaseLists, Error> {
    let mut names = Vec::new();
    let folder = study.join("case_lists");
    if folder.is_dir() {
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if is_text(&name) && !name.starts_with('.') {
                names.push(format!("case_lists/{name}"));
            }
        }
    }
    names.sort();
    let mut found = CaseLists { study: description.id.clone(), lists: Vec::new() };
    for file in names {
        if let Some(list) = read_one(study, &file, description, findings)? {
            check(&found.lists, &list, &file, known, findings);
            found.lists.push(list);
        }
    }
    let all = format!("{}_all", description.id);
    if !description.adds_global_case_list && !found.lists.iter().any(|list| list.stable_id == all) {
        let message = format!(
            "expected a case list with the stable id `{all}`, found none; add one to case_lists, or \
             the line `add_global_case_list: true` to meta_study.txt"
        );
        findings.fault("case_lists", message);
    }
    Ok(found)
}

fn read_one(
    study: &Path,
    file: &str,
    description: &Description,
    findings: &mut Findings,
) -> Result<Option<CaseList>, Error> {
    let fields = read_fields(study, file, findings)?;
    if need(&fields, "cancer_study_identifier", file, findings)
        .is_some_and(|id| id != description.id)
    {
        let message = format!("expected the study's id `{}`, found another", description.id);
        findings.fault(file, message);
    }
    for key in ["case_list_name", "case_list_description"] {
        need(&fields, key, file, findings);
    }
    let stable_id = need(&fields, "stable_id", file, findings).map(str::to_owned);
    let ids = need(&fields, "case_list_ids", file, findings);
    let (Some(stable_id), Some(ids)) = (stable_id, ids) else { return Ok(None) };
    let mut samples = BTreeSet::new();
    for id in ids.split('\t').map(str::trim).filter(|id| !id.is_empty()) {
        if !samples.insert(id.to_owned()) {
            findings.fault(file, "`case_list_ids` names a sample twice; remove one");
        }
    }
    Ok(Some(CaseList { stable_id, category: fields.get("case_list_category").cloned(), samples }))
}

fn check(
    lists: &[CaseList],
    list: &CaseList,
    file: &str,
    known: &BTreeSet<&str>,
    findings: &mut Findings,
) {
    if lists.iter().any(|other| other.stable_id == list.stable_id) {
        let message = format!("the stable id `{}` is another list's already", list.stable_id);
        findings.fault(file, message);
    }
    if let Some(category) = &list.category {
        if !CATEGORIES.contains(&category.as_str()) {
            findings.fault(
                file,
                "expected a `case_list_category` that cBioPortal knows, found another",
            );
        } else if category != "other"
            && lists.iter().any(|other| other.category.as_ref() == Some(category))
        {
            let message = format!("the category `{category}` is another list's already");
            findings.fault(file, message);
        }
    }
    let strangers = list.samples.iter().filter(|id| !known.contains(id.as_str())).count();
    if strangers > 0 {
        let message =
            format!("names {strangers} samples that the clinical sample table does not have");
        findings.fault(file, message);
    }
}
