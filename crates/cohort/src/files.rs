use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use oncoweave_core::{Exclusion, PatientId};

use crate::{Error, Kind, Manifest, error::list};

/// One row of the files list that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Whose.
    pub patient_id: PatientId,
    /// The modality's name.
    pub modality: String,
    /// The file or folder, resolved.
    pub path: PathBuf,
    /// The label image, for NIfTI.
    pub mask: Option<PathBuf>,
    /// The sample within the file, where it has several.
    pub sample_id: Option<String>,
    /// The gene panel that was sequenced; `None` where all genes were.
    pub panel: Option<String>,
    /// When it was taken.
    pub date: Option<NaiveDate>,
    /// The line in the files list.
    pub line: u64,
}

/// What the files list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFiles {
    /// The rows that can be read, in file order.
    pub files: Vec<SourceFile>,
    /// The rows that cannot, each with a sentence.
    pub rejected: Vec<Exclusion>,
    /// Those of them whose path is not there.
    pub absent: Vec<AbsentFile>,
}

/// A row of the files list whose path is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentFile {
    /// The row.
    pub file: SourceFile,
    /// What is wrong with its path.
    pub problem: String,
}

/// Reads the files list of a cohort and checks every row: its id, modality, date and path. No file
/// of a patient is opened. A list that is not there is empty when every modality is a table.
///
/// # Errors
/// When the list is not there, lacks a column, or no row's path exists.
pub fn read_files(manifest: &Manifest) -> Result<SourceFiles, Error> {
    read(manifest, &absence)
}

/// Reads the files list where the files themselves are not at hand: `absent` says by line what was
/// wrong with the paths that were not there when the files were.
///
/// # Errors
/// As [`read_files`].
pub fn read_files_elsewhere(
    manifest: &Manifest,
    absent: &BTreeMap<u64, String>,
) -> Result<SourceFiles, Error> {
    read(manifest, &|file| absent.get(&file.line).cloned())
}

/// `absence` says what is wrong with the paths of a row that are not there.
fn read(
    manifest: &Manifest,
    absence: &dyn Fn(&SourceFile) -> Option<String>,
) -> Result<SourceFiles, Error> {
    let needed = manifest.modalities.iter().any(|modality| modality.kind != Kind::Table);
    if !needed && !manifest.files.exists() {
        return Ok(SourceFiles::default());
    }
    let list = List::open(&manifest.files)?;
    let mut found = SourceFiles::default();
    for row in &list.rows {
        match list.source_file(row, manifest) {
            Ok(file) => found.files.push(file),
            Err(problem) => found.rejected.push(list.reject(row, &problem)),
        }
    }
    reject_duplicates(&list, manifest, &mut found);
    reject_absent_paths(&list, absence, &mut found)?;
    reject_shared_paths(&list, manifest, &mut found);
    Ok(found)
}

/// The list as text, its columns found.
struct List {
    path: PathBuf,
    columns: HashMap<String, usize>,
    rows: Vec<Row>,
}

struct Row {
    line: u64,
    /// `None` where the text is no UTF-8.
    cells: Option<Vec<String>>,
}

impl List {
    fn open(path: &Path) -> Result<Self, Error> {
        let bytes = fs_err::read(path)?;
        let header = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let header = String::from_utf8_lossy(header);
        // The last of equals wins, so the comma does where there is no separator at all.
        let delimiter = [b';', b'\t', b',']
            .into_iter()
            .max_by_key(|&delimiter| header.matches(char::from(delimiter)).count());
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .delimiter(delimiter.expect("there are three to choose from"))
            .trim(csv::Trim::All)
            .from_reader(bytes.as_slice());
        let at_path = |source| Error::Csv { path: path.to_owned(), source };
        let names: Vec<String> =
            reader.headers().map_err(at_path)?.iter().map(str::to_owned).collect();
        check_columns(path, &names)?;
        let mut rows = Vec::new();
        for record in reader.byte_records() {
            let record = record.map_err(at_path)?;
            let line = record.position().map_or(0, csv::Position::line);
            let cells = record.iter().map(|cell| String::from_utf8(cell.to_vec()).ok()).collect();
            rows.push(Row { line, cells });
        }
        let columns = names.into_iter().enumerate().map(|(index, name)| (name, index)).collect();
        Ok(Self { path: path.to_owned(), columns, rows })
    }

    /// The text of a cell; `None` where it is empty or the column not there.
    fn cell<'a>(&self, row: &'a Row, column: &str) -> Option<&'a str> {
        let cell = row.cells.as_ref()?.get(*self.columns.get(column)?)?;
        Some(cell.as_str()).filter(|cell| !cell.is_empty())
    }

    fn source_file(&self, row: &Row, manifest: &Manifest) -> Result<SourceFile, String> {
        let cells = row.cells.as_ref().ok_or("the row is no UTF-8 text")?;
        if cells.len() != self.columns.len() {
            return Err(format!(
                "{} cells where the header has {} columns",
                cells.len(),
                self.columns.len()
            ));
        }
        let patient_id = PatientId::new(self.cell(row, "patient_id").unwrap_or_default())
            .map_err(|error| error.to_string())?;
        let name = self.cell(row, "modality").unwrap_or_default();
        let modality = manifest.modality(name).ok_or_else(|| {
            let known = list(manifest.modalities.iter().map(|modality| modality.name.as_str()));
            format!("the manifest has no modality `{name}`; it has {known}")
        })?;
        let base = self.path.parent().unwrap_or(Path::new(""));
        let path = base.join(self.cell(row, "path").ok_or("`path` is empty")?);
        let mask = self.cell(row, "mask").map(|mask| base.join(mask));
        match (modality.kind, &mask) {
            (Kind::Table, _) => {
                Err(format!("modality `{name}` is one table named in the manifest; drop this row"))
            }
            (Kind::Nifti, None) => Err(format!("modality `{name}` needs a label image in `mask`")),
            (kind, Some(_)) if kind != Kind::Nifti => {
                Err(format!("`mask` is for nifti alone, but modality `{name}` is {kind}"))
            }
            _ => Ok(()),
        }?;
        let panel = self.cell(row, "panel").map(str::to_owned);
        if panel.is_some() && !matches!(modality.kind, Kind::Vcf | Kind::Maf) {
            let kind = modality.kind;
            return Err(format!(
                "`panel` is for vcf and maf alone, but modality `{name}` is {kind}"
            ));
        }
        // The text itself is not shown: it may be a date of birth in a wrong column.
        let date = |text: &str| text.parse().map_err(|_| "`date` must be written YYYY-MM-DD");
        Ok(SourceFile {
            patient_id,
            modality: name.to_owned(),
            path,
            mask,
            sample_id: self.cell(row, "sample_id").map(str::to_owned),
            panel,
            date: self.cell(row, "date").map(date).transpose()?,
            line: row.line,
        })
    }

    fn place(&self, line: u64) -> String {
        let name = self.path.file_name().unwrap_or_default();
        format!("{}:{line}", name.to_string_lossy())
    }

    fn reject(&self, row: &Row, problem: &str) -> Exclusion {
        let shown = |column| self.cell(row, column).unwrap_or_default();
        self.exclusion(row.line, shown("patient_id"), shown("modality"), problem)
    }

    fn exclusion(&self, line: u64, patient: &str, modality: &str, problem: &str) -> Exclusion {
        let printable = |text: &str| text.replace(char::is_control, "\u{fffd}");
        Exclusion {
            patient_id: printable(patient),
            modality: printable(modality),
            step: "extract".to_owned(),
            reason: format!("{}: {problem}", self.place(line)),
        }
    }

    fn exclude_file(&self, file: &SourceFile, problem: &str) -> Exclusion {
        self.exclusion(file.line, file.patient_id.as_str(), &file.modality, problem)
    }
}

fn check_columns(path: &Path, names: &[String]) -> Result<(), Error> {
    const KNOWN: [&str; 7] =
        ["patient_id", "modality", "path", "sample_id", "date", "mask", "panel"];
    for column in &KNOWN[..3] {
        if !names.iter().any(|name| name == column) {
            return Err(Error::MissingColumn {
                path: path.to_owned(),
                column: (*column).to_owned(),
                found: list(names.iter().map(String::as_str)),
            });
        }
    }
    let unknown: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !KNOWN.contains(name)).collect();
    if !unknown.is_empty() {
        let problem = format!("unknown column {}; the columns are {}", list(unknown), list(KNOWN));
        return Err(Error::content(path, problem));
    }
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        Some(name) => Err(Error::content(path, format!("two columns are named `{name}`"))),
        None => Ok(()),
    }
}

/// A row that repeats another word for word goes, the first stays. Where several rows name different
/// sources for one patient, modality and date, nobody can say which is meant, and all go, but for VCFs
/// of a modality whose `min_callers` says that they are one tumor's by several callers.
fn reject_duplicates(list: &List, manifest: &Manifest, found: &mut SourceFiles) {
    let mut groups: HashMap<(PatientId, String, Option<NaiveDate>), Vec<SourceFile>> =
        HashMap::new();
    let key = |file: &SourceFile| (file.patient_id.clone(), file.modality.clone(), file.date);
    for file in found.files.drain(..) {
        groups.entry(key(&file)).or_default().push(file);
    }
    for group in groups.into_values() {
        if are_of_callers(&group, manifest) {
            found.files.extend(group);
            continue;
        }
        let first = &group[0];
        let same = |file: &SourceFile| SourceFile { line: first.line, ..file.clone() } == *first;
        let agree = group.iter().all(same);
        for (index, file) in group.iter().enumerate() {
            if agree && index == 0 {
                found.files.push(file.clone());
            } else if agree {
                let problem = format!("repeats line {}, which was read", first.line);
                found.rejected.push(list.exclude_file(file, &problem));
            } else {
                let lines = group.iter().map(|file| file.line.to_string()).collect::<Vec<_>>();
                let problem = format!(
                    "lines {} name different sources for one patient, modality and date; leave \
                     one or give each its date; VCFs of one tumor by several callers need \
                     `min_callers` in the manifest",
                    lines.join(", ")
                );
                found.rejected.push(list.exclude_file(file, &problem));
            }
        }
    }
    found.files.sort_by_key(|file| file.line);
    found.rejected.sort_by(|a, b| (&a.patient_id, &a.reason).cmp(&(&b.patient_id, &b.reason)));
}

/// Whether the rows name one tumor's VCFs by several callers: different files, one panel.
fn are_of_callers(group: &[SourceFile], manifest: &Manifest) -> bool {
    let has_callers = manifest.modality(&group[0].modality).is_some_and(|modality| {
        modality.kind == Kind::Vcf && modality.options.contains_key("min_callers")
    });
    let paths: HashSet<&Path> = group.iter().map(|file| file.path.as_path()).collect();
    has_callers
        && paths.len() == group.len()
        && group.iter().all(|file| file.panel == group[0].panel)
}

/// A scan or a genome belongs to one patient. Where rows of several patients name one, nobody can
/// say whose it is, and all go. Tables of many patients are meant to be shared, and so is a VCF
/// file whose rows name different samples; genotypes are found by the patient's id where no sample
/// is named.
fn reject_shared_paths(list: &List, manifest: &Manifest, found: &mut SourceFiles) {
    let mut groups: BTreeMap<(PathBuf, Option<String>), Vec<SourceFile>> = BTreeMap::new();
    let mut kept = Vec::new();
    for file in found.files.drain(..) {
        let sample = match manifest.modality(&file.modality).map(|modality| modality.kind) {
            Some(Kind::Vcf) => file.sample_id.clone(),
            Some(Kind::Genotype) => {
                Some(file.sample_id.clone().unwrap_or_else(|| file.patient_id.to_string()))
            }
            Some(Kind::Dicom | Kind::Nifti) => None,
            _ => {
                kept.push(file);
                continue;
            }
        };
        let path = fs_err::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
        groups.entry((path, sample)).or_default().push(file);
    }
    for group in groups.into_values() {
        if group.iter().all(|file| file.patient_id == group[0].patient_id) {
            kept.extend(group);
            continue;
        }
        let lines = group.iter().map(|file| file.line.to_string()).collect::<Vec<_>>();
        let problem = format!(
            "lines {} name one source, `{}`, for different patients; give each patient their own",
            lines.join(" and "),
            manifest.relative(&group[0].path)
        );
        found.rejected.extend(group.iter().map(|file| list.exclude_file(file, &problem)));
    }
    kept.sort_by_key(|file| file.line);
    found.files = kept;
}

fn reject_absent_paths(
    list: &List,
    absence: &dyn Fn(&SourceFile) -> Option<String>,
    found: &mut SourceFiles,
) -> Result<(), Error> {
    for file in std::mem::take(&mut found.files) {
        if let Some(problem) = absence(&file) {
            found.rejected.push(list.exclude_file(&file, &problem));
            found.absent.push(AbsentFile { file, problem });
        } else {
            found.files.push(file);
        }
    }
    match found.absent.first() {
        Some(first) if found.files.is_empty() => {
            let problem = format!(
                "none of the {} paths exists, the first being `{}`; paths are relative to the \
                 folder of this file",
                found.absent.len(),
                first.file.path.display()
            );
            Err(Error::content(&list.path, problem))
        }
        _ => Ok(()),
    }
}

/// What is wrong with the first path of a row that is not there.
fn absence(file: &SourceFile) -> Option<String> {
    let mut paths = [Some(&file.path), file.mask.as_ref()].into_iter().flatten();
    // A pipe or a device would be waited for, and gives nothing a second time.
    let path = paths.find(|path| !path.is_file() && !path.is_dir())?;
    let problem = if path.exists() { "is no file and no folder" } else { "does not exist" };
    Some(format!("`{}` {problem}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "schema = 1\nid = 'x'\n[clinical]\n\
        [[modality]]\nname = 'g'\nkind = 'vcf'\n\
        [[modality]]\nname = 'mr'\nkind = 'nifti'\n\
        [[modality]]\nname = 'rna'\nkind = 'table'\n";

    fn read(files: &str) -> Result<SourceFiles, String> {
        read_with(MANIFEST, files)
    }

    fn read_with(manifest: &str, files: &str) -> Result<SourceFiles, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in
            [("cohort.toml", manifest), ("files.csv", files), ("a.vcf", ""), ("b.vcf", "")]
        {
            fs_err::write(folder.path().join(name), text).unwrap();
        }
        let manifest = Manifest::read(&folder.path().join("cohort.toml")).unwrap();
        read_files(&manifest).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_rows_with_and_without_the_optional_columns() {
        let files = read("\u{feff}patient_id,modality,path\n P1 ,g,a.vcf\n").unwrap();
        assert_eq!(files.files[0].patient_id.as_str(), "P1");
        assert_eq!((files.files[0].line, files.files[0].date), (2, None));
        let files =
            read("modality;patient_id;path;sample_id;date\ng;P1;a.vcf;S;2020-02-03\n").unwrap();
        assert_eq!(files.files[0].sample_id.as_deref(), Some("S"));
        assert_eq!(files.files[0].date, NaiveDate::from_ymd_opt(2020, 2, 3));
        assert_eq!(files.rejected, []);
    }

    #[test]
    fn a_panel_is_for_small_variants_alone() {
        let head = "patient_id,modality,path,mask,panel\n";
        let files = read(&format!("{head}P1,g,a.vcf,,X\nP2,mr,a.vcf,b.vcf,X\n")).unwrap();
        assert_eq!(files.files[0].panel.as_deref(), Some("X"));
        assert_eq!(files.files.len(), 1);
        let reason = &files.rejected[0].reason;
        assert!(reason.contains("`panel` is for vcf and maf alone, but modality `mr`"), "{reason}");
    }

    #[test]
    fn rejects_rows_with_their_line() {
        let head = "patient_id,modality,path,date,mask\nP0,g,a.vcf,,\n";
        for (case, row, expected) in [
            ("an empty id", ",g,a.vcf,,", "files.csv:3: a patient id must not be empty"),
            ("an unknown modality", "P1,x,a.vcf,,", "no modality `x`; it has `g`, `mr`, `rna`"),
            ("a bad date", "P1,g,a.vcf,3.2.1961,", "`date` must be written YYYY-MM-DD"),
            ("no path", "P1,g,,,", "`path` is empty"),
            ("no such path", "P1,g,c.vcf,,", "c.vcf` does not exist"),
            ("a device", "P1,g,/dev/null,,", "`/dev/null` is no file and no folder"),
            ("no mask", "P1,mr,a.vcf,,", "needs a label image in `mask`"),
            ("no such mask", "P1,mr,a.vcf,,m.nii", "m.nii` does not exist"),
            ("a needless mask", "P1,g,a.vcf,,m.nii", "`mask` is for nifti alone"),
            ("a row for a table", "P1,rna,a.vcf,,", "one table named in the manifest"),
            ("too few cells", "P1,g,a.vcf", "3 cells where the header has 5 columns"),
            ("the row above again", "P0,g,a.vcf,,", "repeats line 2"),
        ] {
            let files = read(&format!("{head}{row}\n")).expect(case);
            assert_eq!(files.files.len(), 1, "{case}");
            assert_eq!(files.rejected.len(), 1, "{case}");
            let reason = &files.rejected[0].reason;
            assert!(reason.starts_with("files.csv:3: "), "{case}: {reason}");
            assert!(reason.contains(expected), "{case}: {reason}");
            assert!(!reason.contains("1961"), "{case}: {reason}");
        }
    }

    #[test]
    fn one_scan_or_genome_of_two_patients_is_nobodys() {
        let head = "patient_id,modality,path,sample_id,mask\n";
        for (case, rows, kept) in [
            ("one genome", "P1,g,a.vcf,,\nP2,g,a.vcf,,\nP3,g,b.vcf,,\n", 1),
            ("one path in two spellings", "P1,g,a.vcf,,\nP2,g,./a.vcf,,\n", 0),
            ("two samples of one file", "P1,g,a.vcf,S1,\nP2,g,a.vcf,S2,\n", 2),
            ("one sample twice", "P1,g,a.vcf,S1,\nP2,g,a.vcf,S1,\n", 0),
            ("one image", "P1,mr,a.vcf,,b.vcf\nP2,mr,a.vcf,,b.vcf\n", 0),
        ] {
            let files = read(&format!("{head}{rows}")).expect(case);
            assert_eq!(files.files.len(), kept, "{case}");
            assert_eq!(files.rejected.len(), rows.lines().count() - kept, "{case}");
            for one in &files.rejected {
                assert!(one.reason.contains("lines 2 and 3 name one source"), "{case}: {one:?}");
            }
        }
    }

    #[test]
    fn two_sources_for_one_date_are_both_set_aside() {
        let files = read("patient_id,modality,path\nP1,g,a.vcf\nP1,g,b.vcf\nP2,g,a.vcf\n").unwrap();
        assert_eq!(files.files.len(), 1);
        assert_eq!(files.rejected.len(), 2);
        assert!(files.rejected[0].reason.contains("lines 2, 3 name different sources"));
    }

    #[test]
    fn vcfs_of_several_callers_stay_where_the_manifest_says_so() {
        let head = "patient_id,modality,path,panel\n";
        let manifest = MANIFEST.replace("kind = 'vcf'", "kind = 'vcf'\nmin_callers = 1");
        for (case, rows, kept) in [
            ("two files", "P1,g,a.vcf,\nP1,g,b.vcf,\n", 2),
            ("the same file", "P1,g,a.vcf,\nP1,g,a.vcf,\n", 1),
            ("two panels", "P1,g,a.vcf,X\nP1,g,b.vcf,Y\n", 0),
        ] {
            let files = read_with(&manifest, &format!("{head}{rows}")).expect(case);
            assert_eq!(files.files.len(), kept, "{case}: {:?}", files.rejected);
        }
    }

    #[test]
    fn faults_of_the_whole_list() {
        for (case, text, expected) in [
            (
                "no modality column",
                "patient_id,path\n",
                "no column `modality`; the columns are `patient_id`, `path`",
            ),
            ("a misspelt column", "patient_id,modality,path,sampel\n", "unknown column `sampel`"),
            ("a column twice", "patient_id,modality,path,path\n", "two columns are named `path`"),
            (
                "no path exists",
                "patient_id,modality,path\nP1,g,c.vcf\n",
                "none of the 1 paths exists",
            ),
        ] {
            let message = read(text).expect_err(case);
            assert!(message.contains(expected), "{case}: {message}");
        }
    }
}
