//! What a column tells of who its patients are, by its name and by what most of its cells look like. A
//! place in the headers of many files is a column, too.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    scan::{Finding, names_a_person, scan},
    words::Words,
};

/// With more kinds of cells than this, each should be seen in two patients on average.
const FEW_LEVELS: usize = 5;

/// A cell that is no longer tells nothing by the column's name: a year, yes and no.
const SHORT: usize = 4;

/// Names of columns that tell who somebody is, as letters alone; `patient` or `subject` may stand before.
#[rustfmt::skip]
const DIRECT: [&str; 40] = [
    "name", "names", "fullname", "surname", "lastname", "familyname", "forename", "firstname", "givenname",
    "middlename", "maidenname", "birthname", "initials",
    "birthdate", "dateofbirth", "birthday", "dob", "born",
    "mrn", "medicalrecordnumber", "medicalrecordno", "hospitalnumber", "hospitalno", "nhsnumber", "nhsno",
    "chinumber", "ssn", "socialsecuritynumber", "insurancenumber", "passportnumber",
    "address", "homeaddress", "streetaddress", "email", "emailaddress", "phone", "phonenumber", "telephone",
    "telephonenumber", "mobilenumber",
];

/// What stands where something was taken out.
const TAKEN_OUT: [&str; 7] =
    ["anonymised", "anonymized", "anonymous", "deidentified", "redacted", "removed", "withheld"];

/// What a column tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// Who somebody is, and by what it does so: `NHS numbers`.
    Identity(&'static str),
    /// Perhaps who somebody is, and by what: `dates`.
    Perhaps(&'static str),
    /// Whole numbers as long as those of people. They may as well count or measure something.
    LongNumbers,
}

/// A column, seen a cell at a time. No cell can be had from it.
pub struct Column {
    name: String,
    levels: BTreeSet<String>,
    cells: usize,
}

impl Column {
    /// A column of that name without a cell.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), levels: BTreeSet::new(), cells: 0 }
    }

    /// Takes in a cell; empty ones do not count, nor those from which something was taken out.
    pub fn see(&mut self, cell: &str) {
        let cell = cell.trim();
        if cell.is_empty() || TAKEN_OUT.contains(&letters(cell).as_str()) {
            return;
        }
        self.cells += 1;
        if !self.levels.contains(cell) {
            self.levels.insert(cell.to_owned());
        }
    }

    /// What the column tells; `None` where nothing is found, which is no proof that it tells nothing.
    #[must_use]
    pub fn tells(&self) -> Option<Tells> {
        if is_direct(&self.name) && self.levels.iter().any(|cell| cell.chars().count() > SHORT) {
            return Some(Tells::Identity("what its name says"));
        }
        let found = self.found();
        if !self.are_most(found.len()) {
            return None;
        }
        let sure: Vec<Finding> =
            found.iter().filter(|one| is_sure(one)).map(|&(_, finding)| finding).collect();
        if self.are_most(sure.len()) {
            return Some(Tells::Identity(most_frequent(&sure)));
        }
        let findings: Vec<Finding> = found.iter().map(|&(_, finding)| finding).collect();
        let most =
            |kind: Finding| self.are_most(findings.iter().filter(|one| **one == kind).count());
        if most(Finding::Name) && self.is_nearly_an_id() {
            return Some(Tells::Identity(Finding::Name.words()));
        }
        if found.iter().all(|(cell, _)| may_be_a_count(cell)) && !most(Finding::Date) {
            return Some(Tells::LongNumbers);
        }
        Some(Tells::Perhaps(most_frequent(&findings)))
    }

    /// Whether most kinds of cells look like names, dates, addresses or numbers of people.
    #[must_use]
    pub fn looks_personal(&self) -> bool {
        self.are_most(self.found().len())
    }

    /// Whether there are nearly as many kinds of cells as cells.
    #[must_use]
    pub fn is_nearly_an_id(&self) -> bool {
        self.levels.len() > FEW_LEVELS && self.levels.len() * 2 > self.cells
    }

    /// How many cells were seen.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// How many kinds of cells were seen.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.levels.len()
    }

    /// What the column may be called in a message, where it is the one at `place`, counted from 0.
    #[must_use]
    pub fn shown(&self, place: usize) -> String {
        shown(&self.name, place)
    }

    fn found(&self) -> Vec<(&str, Finding)> {
        let finding = |cell: &str| scan(cell).or_else(|| scan(whole(cell)));
        self.levels.iter().filter_map(|cell| Some((cell.as_str(), finding(cell)?))).collect()
    }

    fn are_most(&self, levels: usize) -> bool {
        levels * 2 > self.levels.len()
    }
}

/// The name of a column, or its number where the name may itself be somebody's.
pub(crate) fn shown(name: &str, place: usize) -> String {
    if may_be_shown(name) { format!("column `{name}`") } else { format!("column {}", place + 1) }
}

/// Whether a name is of words that name nobody.
pub(crate) fn may_be_shown(name: &str) -> bool {
    is_direct(name) || Words::default().clean(name).is_none()
}

/// Whether a column is called by what tells who somebody is: `PatientName`, `date_of_birth`, `MRN`.
pub(crate) fn is_direct(name: &str) -> bool {
    let name = letters(name);
    let rest = ["patients", "patient", "subject"].iter().find_map(|who| name.strip_prefix(who));
    DIRECT.contains(&name.as_str()) || rest.is_some_and(|rest| DIRECT.contains(&rest))
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Programs that take a column for numbers write whole ones as `9434765919.0`.
fn whole(cell: &str) -> &str {
    cell.strip_suffix(".0").unwrap_or(cell)
}

/// Whether a cell can hardly be anything else than what it looks like.
fn is_sure((cell, finding): &(&str, Finding)) -> bool {
    match finding {
        Finding::NhsNumber | Finding::Email | Finding::Postcode => true,
        Finding::Telephone => !has_mixed_word(cell),
        Finding::Name => names_a_person(cell),
        Finding::Date | Finding::HospitalNumber | Finding::Path => false,
    }
}

/// Whether letters and digits stand in one word, as in accessions: `EGAN00001406653`.
fn has_mixed_word(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|word| {
        word.chars().any(char::is_alphabetic) && word.bytes().any(|byte| byte.is_ascii_digit())
    })
}

/// A count begins with no zero, as a number of a record or a telephone may.
fn may_be_a_count(cell: &str) -> bool {
    let digits = whole(cell);
    !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn most_frequent(findings: &[Finding]) -> &'static str {
    let mut counts: BTreeMap<Finding, usize> = BTreeMap::new();
    for finding in findings {
        *counts.entry(*finding).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|&(_, count)| count);
    most.expect("something was found").0.words()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tells(name: &str, cells: &[&str]) -> Option<Tells> {
        let mut column = Column::new(name);
        for cell in cells {
            column.see(cell);
        }
        column.tells()
    }

    #[test]
    fn a_name_tells_where_cells_are_longer_than_a_year() {
        let by_name = Some(Tells::Identity("what its name says"));
        for name in ["SURNAME", "PatientName", "patient's name", "Date of birth", "DOB", "mrn"] {
            assert_eq!(tells(name, &["abcde"]), by_name, "{name}");
            assert_eq!(tells(name, &["1961", "yes", "", "Redacted", "de-identified"]), None);
        }
        for name in ["sample_name", "SampleName", "GENE_NAME", "birth_weight", "", "rename", "id"] {
            assert_eq!(tells(name, &["abcde"]), None, "{name}");
        }
    }

    #[test]
    fn most_cells_decide_and_what_can_be_nothing_else_is_sure() {
        use Tells::{Identity, LongNumbers, Perhaps};
        let names =
            ["Ada Quorn", "Bea Rintel", "Cy Sorvik", "Di Tulmen", "Eva Unwick", "Flo Vextor"];
        for (case, cells, expected) in [
            // One of two is not most, and both are numbers.
            ("an NHS number", ["9434765919.0", "7713402"].as_slice(), Some(LongNumbers)),
            ("NHS numbers", &["943 476 5919"], Some(Identity("NHS numbers"))),
            ("mail", &["a.b@c.de", "none"], None),
            ("mail", &["a.b@c.de", "d@e.fr", "none"], Some(Identity("e-mail addresses"))),
            ("telephones", &["07700 900123"], Some(Identity("telephone numbers"))),
            ("accessions", &["EGAN00001406653"], Some(Perhaps("telephone numbers"))),
            ("titles", &["seen by Dr Jones"], Some(Identity("names"))),
            ("names", &names, Some(Identity("names"))),
            ("few kinds", &["Memorial Sloan", "North Harbor"], Some(Perhaps("names"))),
            ("dates", &["1961-04-03"], Some(Perhaps("dates"))),
            ("dates as numbers", &["19610403", "19590117"], Some(Perhaps("dates"))),
            ("records with letters", &["HX7713402"], Some(Perhaps("hospital numbers"))),
            ("a zero before", &["0713402", "7713403"], Some(Perhaps("hospital numbers"))),
            ("platelets", &["250000", "131000", "98000"], Some(LongNumbers)),
            ("reads", &["250000.0", "19991231"], Some(LongNumbers)),
            ("measurements", &["1.25", "13.5", "250000"], None),
            ("kinds", &["female", "Stage IIIA"], None),
            ("nothing", &["", " "], None),
        ] {
            assert_eq!(tells("x", cells), expected, "{case}");
        }
    }

    #[test]
    fn names_in_a_few_kinds_or_seen_often_are_no_ids() {
        let mut column = Column::new("x");
        for cell in
            ["Ada Quorn", "Bea Rintel", "Cy Sorvik", "Di Tulmen", "Eva Unwick", "Flo Vextor"]
        {
            column.see(cell);
            column.see(cell);
        }
        assert_eq!((column.levels(), column.cells()), (6, 12));
        assert!(!column.is_nearly_an_id());
        assert_eq!(column.tells(), Some(Tells::Perhaps("names")));
    }

    #[test]
    fn a_name_that_may_be_somebody_s_is_a_number() {
        for (name, expected) in [
            ("patient_name", "column `patient_name`"),
            ("tumor", "column `tumor`"),
            ("Zyxwpatient", "column 3"),
        ] {
            assert_eq!(Column::new(name).shown(2), expected);
        }
    }
}
