//! What a column tells of who its patients are, by its name and by what most of its cells look like. A
//! place in the headers of many files is a column, too.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    scan::{Finding, scan, sure},
    words::Words,
};

/// With more kinds of cells than this, each should be seen in two patients on average.
const FEW_LEVELS: usize = 5;

/// A cell that is no longer tells nothing by the column's name: a year, yes and no.
const SHORT: usize = 4;

/// Names of columns that tell who somebody is, as letters alone; a word for people may stand before.
#[rustfmt::skip]
const DIRECT: [&str; 48] = [
    "fullname", "surname", "lastname", "familyname", "forename", "firstname", "givenname", "middlename",
    "maidenname", "birthname", "namelast", "namefirst", "nachname", "vorname", "prenom", "apellido", "apellidos",
    "birthdate", "dateofbirth", "birthday", "dob", "geburtsdatum", "geburtstag",
    "mrn", "medicalrecordnumber", "medicalrecordno", "hospitalnumber", "hospitalno", "nhsnumber", "nhsno",
    "chinumber", "ssn", "socialsecuritynumber", "insurancenumber", "passportnumber",
    "homeaddress", "streetaddress", "email", "emailaddress", "phone", "phonenumber", "telephone",
    "telephonenumber", "mobilenumber", "postcode", "postalcode", "zip", "zipcode",
];

/// Names of columns that tell it where each patient has a text of their own without digits.
const VAGUE: [&str; 8] =
    ["name", "names", "initials", "address", "born", "nom", "nombre", "cognome"];

/// Words for people that may stand before a name of [`DIRECT`].
const PEOPLE: [&str; 6] = ["patients", "patient", "subject", "participant", "person", "pt"];

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
        if self.is_told_by_its_name() {
            return Some(Tells::Identity("what its name says"));
        }
        let sure: Vec<Finding> = self.levels.iter().filter_map(|cell| sure(whole(cell))).collect();
        if !sure.is_empty() && sure.len() * 2 >= self.levels.len() {
            return Some(Tells::Identity(most_frequent(&sure)));
        }
        let found = self.found();
        if !self.are_most(found.len()) {
            return None;
        }
        let findings: Vec<Finding> = found.iter().map(|&(_, finding)| finding).collect();
        let dates = findings.iter().filter(|one| **one == Finding::Date).count();
        if found.iter().all(|(cell, _)| may_be_a_count(cell)) && !self.are_most(dates) {
            return Some(Tells::LongNumbers);
        }
        Some(Tells::Perhaps(most_frequent(&findings)))
    }

    fn is_told_by_its_name(&self) -> bool {
        if is_direct(&self.name) {
            return self.levels.iter().any(|cell| is_long(whole(cell)));
        }
        let has_no_digit = |cell: &&String| !cell.bytes().any(|byte| byte.is_ascii_digit());
        is_vague(&self.name)
            && self.is_nearly_an_id()
            && self.are_most(self.levels.iter().filter(has_no_digit).count())
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
        let finding = |cell: &str| {
            let bare = whole(cell);
            scan(bare).or_else(|| if bare == cell { None } else { scan(cell) })
        };
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
    is_direct(name) || is_vague(name) || Words::default().clean(name).is_none()
}

/// Whether a column is called by what tells who somebody is: `PatientName`, `date_of_birth`, `MRN`.
pub(crate) fn is_direct(name: &str) -> bool {
    let name = letters(name);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let mut rests = PEOPLE.iter().filter_map(|who| name.strip_prefix(who));
    DIRECT.contains(&name) || rests.any(|rest| DIRECT.contains(&rest) || VAGUE.contains(&rest))
}

fn is_vague(name: &str) -> bool {
    VAGUE.contains(&letters(name).as_str())
}

/// Longer than a year, and not one letter again and again, as where something was covered.
fn is_long(cell: &str) -> bool {
    let mut others = cell.chars().skip(1).filter(|&c| !cell.starts_with(c));
    cell.chars().count() > SHORT && others.next().is_some()
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Programs that take a column for numbers write whole ones as `9434765919.0`.
fn whole(cell: &str) -> &str {
    cell.strip_suffix(".0").unwrap_or(cell)
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
        for name in [
            "SURNAME",
            "PatientName",
            "patient's name",
            "Date of birth",
            "DOB",
            "mrn",
            "patient_surname",
            "Patient SSN",
            "pt_name",
            "last_name_1",
            "Nachname",
        ] {
            assert_eq!(tells(name, &["abcde"]), by_name, "{name}");
            let covered = ["1961", "1962.0", "yes", "", "Redacted", "de-identified", "XXXXXXXX"];
            assert_eq!(tells(name, &covered), None);
        }
        for name in ["sample_name", "SampleName", "GENE_NAME", "birth_weight", "", "rename", "id"] {
            assert_eq!(tells(name, &["abcde"]), None, "{name}");
        }
    }

    #[test]
    fn a_vague_name_tells_where_each_patient_has_a_text_of_their_own() {
        let names = ["Quorn", "Rintel", "Sorvik", "Tulmen", "Unwick", "Vextor"];
        let by_name = Some(Tells::Identity("what its name says"));
        assert_eq!(tells("name", &names), by_name);
        assert_eq!(tells("initials", &["AQ", "BR", "CS", "DT", "EU", "FV"]), by_name);
        assert_eq!(tells("name", &["P-1", "P-2", "P-3", "P-4", "P-5", "P-6"]), None);
        assert_eq!(tells("born", &["Germany", "abroad"]), None);
        assert_eq!(tells("sample", &names), None);
    }

    #[test]
    fn most_cells_decide_and_what_can_be_nothing_else_is_sure() {
        use Tells::{Identity, LongNumbers, Perhaps};
        let names =
            ["Ada Quorn", "Bea Rintel", "Cy Sorvik", "Di Tulmen", "Eva Unwick", "Flo Vextor"];
        for (case, cells, expected) in [
            // One of three is no half, and all are numbers.
            ("an NHS number", ["9434765919.0", "771340", "771342"].as_slice(), Some(LongNumbers)),
            ("NHS numbers", &["943 476 5919"], Some(Identity("NHS numbers"))),
            ("mail", &["a.b@c.de", "none", "no"], None),
            ("mail", &["a.b@c.de", "none"], Some(Identity("e-mail addresses"))),
            ("names and dates", &["SMITH^JOHN 19610403"], Some(Identity("names"))),
            ("telephones", &["07700 900123"], Some(Perhaps("telephone numbers"))),
            ("postcodes", &["SW1A 2AA"], Some(Perhaps("postcodes"))),
            ("tumors", &["pT2N0MX", "T2 N0 MX"], None),
            ("subjects", &["001-001-0001"], None),
            ("accessions", &["EGAN00001406653"], Some(Perhaps("hospital numbers"))),
            ("titles", &["seen by Dr Jones"], Some(Identity("names"))),
            ("names", &names, Some(Perhaps("names"))),
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
