//! Age, sex, site and stage as a table has them.

use oncoweave_core::{Cohort, CohortColumn};

/// Sites beyond these, the largest, are taken together.
const MOST_SITES: usize = 10;

/// A way to part patients into groups.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grouping {
    /// Such as `Sex`.
    pub(crate) name: &'static str,
    /// The groups; names that come from data.
    pub(crate) levels: Vec<String>,
    /// Each patient's group; `None` where unknown.
    pub(crate) of: Vec<Option<usize>>,
}

/// The patients' ages and their unit, where the table has a column of that name.
pub(crate) fn ages(cohort: &Cohort, rows: &[usize]) -> Option<(Vec<Option<f32>>, String)> {
    let named = |wanted: &dyn Fn(&str) -> bool| {
        cohort.columns.iter().find(|column| wanted(&column.info.name.to_lowercase()))
    };
    let column = named(&|name| name == "age")
        .or_else(|| named(&|name| name.starts_with("age_") || name.starts_with("age at ")))?;
    Some((rows.iter().map(|&row| column.values.get(row)).collect(), column.info.unit.clone()))
}

/// Younger and older patients, parted at the median.
pub(crate) fn age_halves(cohort: &Cohort, rows: &[usize]) -> Option<Grouping> {
    let (ages, unit) = ages(cohort, rows)?;
    let mut known: Vec<f32> = ages.iter().flatten().copied().collect();
    known.sort_by(f32::total_cmp);
    let middle = *known.get(known.len() / 2)?;
    let half = |age: f32| usize::from(age >= middle);
    let levels = ["below", "from"].map(|word| format!("{word} {middle} {unit}").trim().to_owned());
    Some(Grouping {
        name: "Age",
        levels: levels.to_vec(),
        of: ages.into_iter().map(|age| age.map(half)).collect(),
    })
}

/// Sex, from a category, an ordinal or a yes-no column.
pub(crate) fn sex(cohort: &Cohort, rows: &[usize]) -> Option<Grouping> {
    categories(cohort, rows, "Sex", &["sex", "gender"])
        .or_else(|| single(cohort, rows, "Sex", &["sex", "gender"]))
        .or_else(|| yes_no(cohort, rows, "Sex", &["is_female", "female", "is_male", "male"]))
}

/// The stage, from the first category or ordinal column whose name speaks of one.
pub(crate) fn stage(cohort: &Cohort, rows: &[usize]) -> Option<Grouping> {
    let names = [
        "stage",
        "tumor_stage",
        "overall_stage",
        "overall.stage",
        "clinical_stage",
        "pathologic_stage",
        "ajcc_stage",
        "ajcc_pathologic_stage",
    ];
    categories(cohort, rows, "Stage", &names).or_else(|| single(cohort, rows, "Stage", &names))
}

/// The largest sites, and all others together.
pub(crate) fn sites(cohort: &Cohort, rows: &[usize]) -> Option<Grouping> {
    let site = |row: &usize| cohort.sites[*row].as_deref();
    let mut counts: Vec<(&str, usize)> = vec![];
    let mut known: Vec<&str> = rows.iter().filter_map(site).collect();
    known.sort_unstable();
    for name in known {
        match counts.last_mut() {
            Some((last, count)) if *last == name => *count += 1,
            _ => counts.push((name, 1)),
        }
    }
    counts.sort_by_key(|&(name, count)| (std::cmp::Reverse(count), name));
    let own = if counts.len() > MOST_SITES + 1 { MOST_SITES } else { counts.len() };
    let mut levels: Vec<String> =
        counts[..own].iter().map(|(name, _)| (*name).to_owned()).collect();
    if own < counts.len() {
        levels.push(format!("{} other sites", counts.len() - own));
    }
    let place = |name: &str| {
        counts.iter().position(|(other, _)| *other == name).map(|place| place.min(own))
    };
    let of = rows.iter().map(|row| site(row).and_then(place)).collect();
    (!levels.is_empty()).then_some(Grouping { name: "Site", levels, of })
}

/// A category's columns, `sex=f` and `sex=m`.
fn categories(
    cohort: &Cohort,
    rows: &[usize],
    name: &'static str,
    wanted: &[&str],
) -> Option<Grouping> {
    let (mut levels, mut columns): (Vec<String>, Vec<&CohortColumn>) = (vec![], vec![]);
    for wanted in wanted {
        for column in &cohort.columns {
            let level = column.info.name.split_once('=');
            let level = level.filter(|(category, _)| category.to_lowercase() == *wanted);
            if let Some((_, level)) = level {
                levels.push(level.to_owned());
                columns.push(column);
            }
        }
        if !levels.is_empty() {
            break;
        }
    }
    let of = |row: &usize| columns.iter().position(|column| column.values.get(*row) == Some(1.0));
    let of = rows.iter().map(of).collect();
    (!levels.is_empty()).then_some(Grouping { name, levels, of })
}

/// One column of few whole numbers, named by its dictionary entry where that lists them.
fn single(
    cohort: &Cohort,
    rows: &[usize],
    name: &'static str,
    wanted: &[&str],
) -> Option<Grouping> {
    const MOST_LEVELS: usize = 20;
    let is_wanted = |column: &&CohortColumn| wanted.contains(&&*column.info.name.to_lowercase());
    let column = cohort.columns.iter().find(is_wanted)?;
    let mut values: Vec<f32> = rows.iter().filter_map(|&row| column.values.get(row)).collect();
    values.sort_by(f32::total_cmp);
    values.dedup();
    if values.is_empty() || values.len() > MOST_LEVELS {
        return None;
    }
    let names = ordinal_names(&column.info.meaning);
    let level = |value: &f32| {
        let known =
            names.iter().enumerate().find(|(place, _)| (*place as f32 - value).abs() < 0.01);
        known.map_or_else(|| format!("{} = {value}", column.info.name), |(_, name)| name.clone())
    };
    let levels = values.iter().map(level).collect();
    let of = |&row: &usize| {
        let value = column.values.get(row)?;
        values.iter().position(|other| other.total_cmp(&value).is_eq())
    };
    Some(Grouping { name, levels, of: rows.iter().map(of).collect() })
}

/// A yes-no column such as `is_female`.
fn yes_no(
    cohort: &Cohort,
    rows: &[usize],
    name: &'static str,
    wanted: &[&str],
) -> Option<Grouping> {
    let is_wanted = |column: &&CohortColumn| wanted.contains(&&*column.info.name.to_lowercase());
    let column = cohort.columns.iter().find(is_wanted)?;
    let own = column.info.name.to_lowercase();
    let own = own.trim_start_matches("is_");
    let levels = vec![format!("not {own}"), own.to_owned()];
    let of = |&row: &usize| column.values.get(row).map(|value| usize::from(value > 0.5));
    Some(Grouping { name, levels, of: rows.iter().map(of).collect() })
}

/// The levels of an ordinal column in the words of the clinical dictionary: ``... in order from 0:
/// `I`, `II` ``.
fn ordinal_names(meaning: &str) -> Vec<String> {
    let Some((_, listed)) = meaning.split_once("in order from 0: ") else { return vec![] };
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use oncoweave_core::{Column, FeatureInfo, PatientId};

    use super::*;

    fn column(name: &str, meaning: &str, values: &[Option<f32>]) -> CohortColumn {
        let info = FeatureInfo {
            name: name.to_owned(),
            unit: "years".to_owned(),
            meaning: meaning.to_owned(),
            standard: String::new(),
        };
        let values: Column = values.iter().copied().collect();
        CohortColumn { modality: "clinical".to_owned(), info, values }
    }

    fn cohort(columns: Vec<CohortColumn>) -> Cohort {
        let patients = (0..4).map(|row| PatientId::new(&format!("P{row}")).unwrap()).collect();
        let sites = [Some("b"), Some("a"), Some("b"), None].map(|site| site.map(str::to_owned));
        Cohort { patients, sites: sites.to_vec(), columns, ..Cohort::default() }
    }

    const ROWS: [usize; 4] = [0, 1, 2, 3];

    #[test]
    fn finds_sex_however_it_is_written() {
        let (no, yes) = (Some(0.0), Some(1.0));
        for (case, columns, levels, of) in [
            (
                "a category",
                vec![
                    column("sex=f", "", &[no, yes, no, None]),
                    column("sex=m", "", &[yes, no, yes, None]),
                ],
                vec!["f", "m"],
                [Some(1), Some(0), Some(1), None],
            ),
            (
                "yes or no",
                vec![column("is_female", "", &[yes, no, None, yes])],
                vec!["not female", "female"],
                [Some(1), Some(0), None, Some(1)],
            ),
            (
                "numbers whose meaning nobody told",
                vec![column("Gender", "", &[yes, Some(2.0), None, yes])],
                vec!["Gender = 1", "Gender = 2"],
                [Some(0), Some(1), None, Some(0)],
            ),
        ] {
            let found = sex(&cohort(columns), &ROWS).unwrap();
            assert_eq!(found.levels, levels, "{case}");
            assert_eq!(found.of, of, "{case}");
        }
        assert_eq!(sex(&cohort(vec![column("sexy", "", &[None; 4])]), &ROWS), None);
    }

    #[test]
    fn finds_age_stage_and_site() {
        let meaning = "clinical column `stage` in order from 0: `I`, `II`, `III`";
        let cohort = cohort(vec![
            column("age", "", &[Some(50.0), Some(70.0), None, Some(60.0)]),
            column("stage", meaning, &[Some(2.0), Some(0.0), None, Some(2.0)]),
        ]);
        let age = age_halves(&cohort, &ROWS).unwrap();
        assert_eq!(age.levels, ["below 60 years", "from 60 years"]);
        assert_eq!(age.of, [Some(0), Some(1), None, Some(1)]);
        let stage = stage(&cohort, &ROWS).unwrap();
        assert_eq!(stage.levels, ["I", "III"]);
        assert_eq!(stage.of, [Some(1), Some(0), None, Some(1)]);
        let site = sites(&cohort, &ROWS).unwrap();
        assert_eq!(site.levels, ["b", "a"]);
        assert_eq!(site.of, [Some(0), Some(1), Some(0), None]);
    }

    #[test]
    fn many_sites_are_taken_together() {
        let patients: Vec<PatientId> =
            (0..14).map(|row| PatientId::new(&format!("P{row}")).unwrap()).collect();
        let sites = (0..14).map(|row| Some(format!("s{:02}", row / 2 * 2 + row % 2))).collect();
        let cohort = Cohort { patients, sites, ..Cohort::default() };
        let found = super::sites(&cohort, &(0..14).collect::<Vec<_>>()).unwrap();
        assert_eq!(found.levels.len(), 11);
        assert_eq!(found.levels[10], "4 other sites");
        assert_eq!(found.of.iter().filter(|of| **of == Some(10)).count(), 4);
    }
}
