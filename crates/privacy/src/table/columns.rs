//! The columns of a table, and what stays of a cell.

use std::collections::{BTreeMap, BTreeSet};

use super::{Done, TablePlan, Use};
use crate::{
    Error, Identifier, Role,
    column::shown,
    dates::shift_iso,
    error::aside,
    key::Key,
    linkage::Linkage,
    scan::{Finding, area, is_nhs_number, scan},
};

/// The columns of one table, and what was found in them so far.
pub(super) struct Columns<'a> {
    names: &'a [String],
    pub(super) uses: Vec<Use>,
    patient: Option<usize>,
    /// Cells that were emptied, by column.
    changed: Vec<u64>,
    /// What cells of columns nobody declared look like.
    found: Vec<BTreeMap<Finding, u64>>,
    declared: Vec<bool>,
    /// Columns of lists or structures, which no rule can clean.
    nested: BTreeSet<usize>,
    rows: u64,
}

impl<'a> Columns<'a> {
    pub(super) fn new(names: &'a [String], plan: &TablePlan) -> Result<Self, Error> {
        let uses: Vec<Use> = names
            .iter()
            .map(|name| plan.columns.get(name).cloned().unwrap_or(Use::Role(plan.undeclared)))
            .collect();
        let patient = uses.iter().position(|one| *one == Use::Role(Role::Patient));
        let has_dates = uses.contains(&Use::Role(Role::Date)) && !plan.keep_dates;
        if has_dates && patient.is_none() {
            return Err(aside(
                "table",
                "the table has dates and no column of patients whose offset could move them; declare \
                 one as \"patient\" in `[table.columns]`",
            ));
        }
        Ok(Self {
            declared: names.iter().map(|name| plan.columns.contains_key(name)).collect(),
            changed: vec![0; names.len()],
            found: vec![BTreeMap::new(); names.len()],
            names,
            uses,
            patient,
            nested: BTreeSet::new(),
            rows: 0,
        })
    }

    /// Leaves out a column of lists or structures.
    pub(super) fn leave_out_nested(&mut self, place: usize) -> Result<(), Error> {
        if self.uses[place] == Use::Role(Role::Patient) {
            return Err(aside(
                "table",
                "the column of patients holds lists or structures; write the ids as texts or numbers",
            ));
        }
        self.uses[place] = Use::Role(Role::Drop);
        self.nested.insert(place);
        Ok(())
    }

    /// The places of the columns that are not left out.
    pub(super) fn kept(&self) -> Vec<usize> {
        let kept = |place: &usize| self.uses[*place] != Use::Role(Role::Drop);
        (0..self.names.len()).filter(kept).collect()
    }

    /// The cells of a row that may stay, as they may stay.
    pub(super) fn clean(
        &mut self,
        cells: &[String],
        cleaner: &Cleaner,
    ) -> Result<Vec<String>, Error> {
        self.look(cells);
        let patient = self.patient.map(|place| Identifier::of(&cells[place]));
        let mut written = Vec::new();
        for place in self.kept() {
            let cell = cells[place].as_str();
            let safe = cleaner.cell(cell, &self.uses[place], patient.as_ref())?;
            self.changed[place] += u64::from(!cell.is_empty() && safe.is_empty());
            written.push(safe);
        }
        Ok(written)
    }

    /// Looks for identifiers in columns that nobody declared.
    fn look(&mut self, cells: &[String]) {
        self.rows += 1;
        for (place, cell) in cells.iter().enumerate() {
            if !self.declared[place]
                && let Some(finding) = scan(cell)
            {
                *self.found[place].entry(finding).or_default() += 1;
            }
        }
    }

    pub(super) fn done(self) -> Done {
        let mut done = Done::default();
        let mut count = |name: &str, number: u64| {
            if number > 0 {
                done.actions.push((name.to_owned(), number));
            }
        };
        let dropped = self.uses.iter().filter(|one| **one == Use::Role(Role::Drop)).count();
        count("rows", self.rows);
        count("columns left out", dropped as u64);
        count("cells emptied", self.changed.iter().sum());
        for (place, name) in self.names.iter().enumerate() {
            let is_nested = self.nested.contains(&place);
            if self.declared[place] && !is_nested {
                continue;
            }
            let most = self.found[place].iter().max_by_key(|(_, count)| **count);
            let seems = most.map_or(String::new(), |(finding, cells)| {
                format!("; {cells} of {} cells look like {}", self.rows, finding.words())
            });
            let shown = shown(name, place);
            if is_nested {
                let what = "holds lists or structures, which no rule can clean, and was left out";
                done.warnings.push(format!("{shown} {what}"));
                continue;
            }
            let fate = match self.uses[place] {
                Use::Role(Role::Drop) => "left out",
                _ => "kept where its cells are numbers",
            };
            if fate == "left out" || !seems.is_empty() {
                done.warnings.push(format!("{shown} is not declared and was {fate}{seems}"));
            }
        }
        done
    }
}

/// What cells are cleaned with.
pub(super) struct Cleaner<'a> {
    pub(super) key: &'a Key,
    pub(super) linkage: &'a Linkage,
    pub(super) plan: &'a TablePlan,
}

impl Cleaner<'_> {
    fn cell(&self, cell: &str, kind: &Use, patient: Option<&Identifier>) -> Result<String, Error> {
        if self.plan.missing.contains(&cell.to_lowercase()) {
            return Ok(cell.to_owned());
        }
        Ok(match kind {
            Use::Role(role) => self.by_role(cell, *role, patient)?,
            Use::Levels(levels) => only(cell, levels.contains(&cell.to_lowercase())),
            Use::Category => only(cell, is_category(cell)),
            Use::Measure(units) => measure(cell, units),
        })
    }

    fn by_role(
        &self,
        cell: &str,
        role: Role,
        patient: Option<&Identifier>,
    ) -> Result<String, Error> {
        if cell.is_empty() {
            return Ok(String::new());
        }
        Ok(match role {
            Role::Patient => {
                let patient = Identifier::of(cell);
                let pseudonym = self.key.pseudonym(&patient);
                self.linkage.add(&pseudonym, &patient)?;
                pseudonym
            }
            Role::Sample => {
                let pseudonym = self.key.sample(cell);
                self.linkage.add(&pseudonym, &Identifier::of(cell))?;
                pseudonym
            }
            Role::Identifier => format!("OI-{}", self.key.token("identifier", cell)),
            Role::Date if self.plan.keep_dates => only(cell, shift_iso(cell, 0).is_some()),
            Role::Date => match (patient, self.plan.max_shift_days) {
                (Some(patient), Some(most)) => {
                    shift_iso(cell, self.key.shift_days(patient, most)).unwrap_or_default()
                }
                _ => String::new(),
            },
            Role::Age => match cell.parse::<f64>() {
                Ok(years) if years >= 90.0 => "90".to_owned(),
                Ok(years) if years >= 0.0 => cell.to_owned(),
                _ => String::new(),
            },
            Role::Postcode => area(cell).map(|(area, _)| area.to_uppercase()).unwrap_or_default(),
            Role::Number => only(cell, is_harmless_number(cell)),
            Role::Keep => cell.to_owned(),
            Role::FreeText | Role::Drop => String::new(),
        })
    }
}

fn only(cell: &str, stays: bool) -> String {
    if stays { cell.to_owned() } else { String::new() }
}

/// A number that is none of those that people and patients are numbered by.
fn is_harmless_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok() && !is_nhs_number(cell)
}

/// A kind of something: short, and nothing that looks like a person's.
fn is_category(cell: &str) -> bool {
    cell.chars().count() <= 40 && scan(cell).is_none()
}

/// A number, or a number with a unit.
fn measure(cell: &str, units: &[String]) -> String {
    let number_end =
        cell.find(|c: char| !(c.is_ascii_digit() || "+-.eE,".contains(c))).unwrap_or(cell.len());
    let (number, unit) = cell.split_at(number_end);
    let unit = unit.trim();
    let known = unit.is_empty() || units.iter().any(|one| one == unit);
    only(cell, known && is_harmless_number(number.trim()))
}
