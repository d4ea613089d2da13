//! What each type of clinical column makes of a cell.

use std::{collections::BTreeMap, path::Path};

use oncoweave_core::FeatureInfo;

use crate::{ColumnSettings, Error, cell};

/// More different values than any category of a clinical table has.
const MAX_LEVELS: usize = 50;

/// A column of the clinical table with its features, ready to read cells.
pub(crate) struct ClinicalColumn<'a> {
    pub(crate) name: &'a str,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Number { unit: &'a str, convert: &'a BTreeMap<String, f64>, min: Option<f64>, max: Option<f64> },
    Category { levels: Vec<String> },
    Ordinal { levels: &'a [String] },
    Boolean { true_values: &'a [String], false_values: &'a [String] },
}

impl<'a> ClinicalColumn<'a> {
    /// A column; `cells` give a category's levels where none are declared.
    pub(crate) fn new(
        name: &'a str,
        settings: &'a ColumnSettings,
        cells: &[&str],
        missing: &[String],
        path: &Path,
    ) -> Result<Self, Error> {
        let kind = match settings {
            ColumnSettings::Number { unit, convert, min, max } => {
                Kind::Number { unit, convert, min: *min, max: *max }
            }
            ColumnSettings::Category { levels: Some(levels) } => {
                Kind::Category { levels: levels.clone() }
            }
            ColumnSettings::Category { levels: None } => {
                let mut levels: Vec<String> = cells
                    .iter()
                    .filter(|cell| !cell::is_missing(cell, missing))
                    .map(|&cell| cell.to_owned())
                    .collect();
                levels.sort_unstable();
                levels.dedup();
                if levels.len() > MAX_LEVELS {
                    let (path, column) = (path.to_owned(), name.to_owned());
                    return Err(Error::TooManyLevels { path, column, found: levels.len() });
                }
                Kind::Category { levels }
            }
            ColumnSettings::Ordinal { levels } => Kind::Ordinal { levels },
            ColumnSettings::Boolean { true_values, false_values } => {
                Kind::Boolean { true_values, false_values }
            }
        };
        Ok(Self { name, kind })
    }

    /// The dictionary entries of the column's features.
    pub(crate) fn infos(&self) -> Vec<FeatureInfo> {
        let info = |name: String, unit: &str, meaning: String| FeatureInfo {
            name,
            unit: unit.to_owned(),
            meaning,
            standard: String::new(),
        };
        let column = self.name;
        let only = |unit, meaning| vec![info(column.to_owned(), unit, meaning)];
        match &self.kind {
            Kind::Number { unit, .. } => only(unit, format!("clinical column `{column}`")),
            Kind::Category { levels } => levels
                .iter()
                .map(|level| {
                    let meaning =
                        format!("1 where clinical column `{column}` is `{level}`, else 0");
                    info(format!("{column}={level}"), "", meaning)
                })
                .collect(),
            Kind::Ordinal { levels } => only(
                "",
                format!("clinical column `{column}` in order from 0: {}", cell::listed(levels)),
            ),
            Kind::Boolean { .. } => {
                only("", format!("1 where clinical column `{column}` is yes, else 0"))
            }
        }
    }

    /// One value for each feature, all `None` for a missing cell; or what is wrong with the cell.
    #[expect(clippy::cast_possible_truncation, reason = "features are stored as float32")]
    pub(crate) fn values(
        &self,
        cell: &str,
        missing: &[String],
    ) -> Result<Vec<Option<f32>>, String> {
        let is_missing = cell::is_missing(cell, missing);
        match &self.kind {
            Kind::Category { levels } if is_missing => Ok(vec![None; levels.len()]),
            _ if is_missing => Ok(vec![None]),
            Kind::Number { .. } => Ok(vec![Some(self.number(cell)? as f32)]),
            Kind::Category { levels } => {
                let found = level(cell, levels)?;
                let flag = |place| Some(f32::from(u8::from(place == found)));
                Ok((0..levels.len()).map(flag).collect())
            }
            Kind::Ordinal { levels } => Ok(vec![Some(level(cell, levels)? as f32)]),
            Kind::Boolean { true_values, false_values } => {
                let truth = truth(cell, true_values, false_values)?;
                Ok(vec![Some(f32::from(u8::from(truth)))])
            }
        }
    }

    fn number(&self, cell: &str) -> Result<f64, String> {
        let Kind::Number { unit, convert, min, max } = &self.kind else {
            unreachable!("only number columns are read as numbers")
        };
        let in_unit = if unit.is_empty() { String::new() } else { format!(" in {unit}") };
        let (number, found) = cell::number_with_unit(cell).ok_or_else(|| {
            format!(
                "expected a number{in_unit}, found {}; correct the cell or leave it empty",
                cell::kind(cell)
            )
        })?;
        let factor = if found.is_empty() || found.eq_ignore_ascii_case(unit) {
            1.0
        } else if found.starts_with(',') {
            return Err("expected a number with a decimal point, found one with a comma; \
                        write a point for the comma"
                .to_owned());
        } else {
            let known = convert.iter().find(|(name, _)| name.eq_ignore_ascii_case(found));
            *known.map(|(_, factor)| factor).ok_or_else(|| {
                format!(
                    "expected a number{in_unit}, found one in a unit that the settings do not \
                     know; add its unit to `convert` or correct the cell"
                )
            })?
        };
        let value = number * factor;
        let below = min.filter(|&min| value < min).map(|min| format!("below {min}"));
        let above = max.filter(|&max| value > max).map(|max| format!("above {max}"));
        if let Some(beyond) = below.or(above) {
            let low = min.map_or_else(|| "any".to_owned(), |min| min.to_string());
            let high = max.map_or_else(|| "any".to_owned(), |max| max.to_string());
            return Err(format!(
                "expected {low} to {high}{in_unit}, found a number {beyond}; is it in another unit?"
            ));
        }
        Ok(value)
    }
}

fn level(cell: &str, levels: &[String]) -> Result<usize, String> {
    cell::position(cell, levels).ok_or_else(|| {
        format!(
            "expected one of {}, found a value not among them; correct the cell or add the level",
            cell::listed(levels)
        )
    })
}

/// Which of two lists a cell is in.
pub(crate) fn truth(
    cell: &str,
    true_values: &[String],
    false_values: &[String],
) -> Result<bool, String> {
    match (cell::position(cell, true_values), cell::position(cell, false_values)) {
        (Some(_), _) => Ok(true),
        (None, Some(_)) => Ok(false),
        (None, None) => Err(format!(
            "expected {} or {}, found another value; correct the cell or add the value to the settings",
            cell::listed(true_values),
            cell::listed(false_values)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClinicalSettings;

    fn settings(column: &str) -> ColumnSettings {
        let text = format!("table = 't'\npatient_id = 'p'\ncolumns.x = {column}");
        toml::from_str::<ClinicalSettings>(&text).unwrap().columns.remove("x").unwrap()
    }

    fn read(column: &str, cell: &str) -> Result<Vec<Option<f32>>, String> {
        let settings = settings(column);
        let missing = ["NA".to_owned()];
        let column =
            ClinicalColumn::new("x", &settings, &["b", "a", "NA", ""], &missing, Path::new("t"))
                .map_err(|error| error.to_string())?;
        column.values(cell, &missing)
    }

    #[test]
    fn each_type_reads_its_cells() {
        let hemoglobin =
            "{ type = 'number', unit = 'g/dL', convert = { 'g/L' = 0.1 }, min = 3, max = 25 }";
        let stage = "{ type = 'ordinal', levels = ['I', 'II', 'III'] }";
        let sex = "{ type = 'category', levels = ['female', 'male'] }";
        for (name, column, cell, expected) in [
            ("plain", hemoglobin, "13.5", vec![Some(13.5)]),
            ("own unit", hemoglobin, "13.5 g/dL", vec![Some(13.5)]),
            ("converted", hemoglobin, "135 g/L", vec![Some(13.5)]),
            ("unit in other case", hemoglobin, "135 g/l", vec![Some(13.5)]),
            ("missing", hemoglobin, "na", vec![None]),
            ("empty", hemoglobin, "", vec![None]),
            ("first level", stage, "I", vec![Some(0.0)]),
            ("last level", stage, "III", vec![Some(2.0)]),
            ("one-hot", sex, "Male", vec![Some(0.0), Some(1.0)]),
            ("one-hot missing", sex, "", vec![None, None]),
            ("found levels", "{ type = 'category' }", "a", vec![Some(1.0), Some(0.0)]),
            ("yes", "{ type = 'boolean' }", "Yes", vec![Some(1.0)]),
            ("no", "{ type = 'boolean' }", "0", vec![Some(0.0)]),
        ] {
            assert_eq!(read(column, cell), Ok(expected), "{name}");
        }
    }

    #[test]
    fn a_faulty_cell_says_what_to_do() {
        let number =
            "{ type = 'number', unit = 'g/dL', convert = { 'g/L' = 0.1 }, min = 3, max = 25 }";
        for (column, cell, expected) in [
            (
                number,
                "abc",
                "expected a number in g/dL, found text that is no number; correct the cell or leave it empty",
            ),
            (
                number,
                "135",
                "expected 3 to 25 in g/dL, found a number above 25; is it in another unit?",
            ),
            (
                number,
                "8.4 mmol/L",
                "expected a number in g/dL, found one in a unit that the settings do not know; \
                 add its unit to `convert` or correct the cell",
            ),
            (
                number,
                "13,5",
                "expected a number with a decimal point, found one with a comma; \
                 write a point for the comma",
            ),
            (
                "{ type = 'category', levels = ['f', 'm'] }",
                "x",
                "expected one of `f`, `m`, found a value not among them; correct the cell or add the level",
            ),
            (
                "{ type = 'boolean', true_values = ['y'], false_values = ['n'] }",
                "x",
                "expected `y` or `n`, found another value; correct the cell or add the value to the settings",
            ),
            (
                "{ type = 'number' }",
                "1950-02-03",
                "expected a number, found what looks like a date; correct the cell or leave it empty",
            ),
        ] {
            assert_eq!(read(column, cell), Err(expected.to_owned()));
        }
    }

    #[test]
    fn a_category_of_too_many_values_is_none() {
        let cells: Vec<String> = (0..51).map(|number| format!("v{number}")).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let settings = settings("{ type = 'category' }");
        let column =
            |cells: &[&str]| ClinicalColumn::new("x", &settings, cells, &[], Path::new("t"));
        assert!(column(&cells[..50]).is_ok());
        assert!(matches!(column(&cells), Err(Error::TooManyLevels { found: 51, .. })));
    }
}
