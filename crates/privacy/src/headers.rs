//! What the headers of files tell of who their patients are: each place in them is judged over all files,
//! as a column of a table is.

use std::{collections::BTreeMap, path::Path};

use rayon::prelude::*;

use crate::{Column, FileKind, Tells, column::may_be_shown, nifti, variants};

/// A text of a header, which goes into a [`Column`] and nowhere else.
pub(crate) struct Said {
    line: &'static str,
    attribute: String,
    pub(crate) text: String,
}

impl Said {
    /// What stands in a field or line.
    pub(crate) fn at(line: &'static str, text: &str) -> Self {
        Self::of(line, "", text)
    }

    /// What an attribute of a line says.
    pub(crate) fn of(line: &'static str, attribute: &str, text: &str) -> Self {
        Self { line, attribute: attribute.to_owned(), text: text.to_owned() }
    }
}

/// A place in the headers of some files that tells who their patients are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What the files are.
    pub kind: FileKind,
    /// The field or line, such as `descrip`.
    pub place: String,
    /// What it seems to hold, such as `NHS numbers`.
    pub what: &'static str,
}

/// Judges the headers of variant files and NIfTI images by the rule that columns of tables are judged by.
/// Neither records nor voxels are read; a file that is none or broken tells nothing here.
#[must_use]
pub fn told_by_headers(paths: &[&Path]) -> Vec<Told> {
    let read: Vec<(FileKind, Vec<Said>)> =
        paths.par_iter().filter_map(|path| said_by(path)).collect();
    let mut columns: BTreeMap<(FileKind, &str, &str), Column> = BTreeMap::new();
    for (kind, said) in &read {
        for one in said {
            let place = columns.entry((*kind, one.line, one.attribute.as_str()));
            place.or_insert_with(|| Column::new(&one.attribute)).see(&one.text);
        }
    }
    let told = columns.iter().filter_map(|(&(kind, line, attribute), column)| {
        let Some(Tells::Identity(what)) = column.tells() else { return None };
        Some(Told { kind, place: place(line, attribute), what })
    });
    let mut told: Vec<Told> = told.collect();
    // Attributes whose names are not shown look the same.
    told.dedup();
    told
}

fn said_by(path: &Path) -> Option<(FileKind, Vec<Said>)> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    if nifti::is_nifti(&name) {
        return Some((FileKind::Nifti, nifti::said(path).ok()?));
    }
    Some((FileKind::Variants, variants::said(path).ok()?))
}

fn place(line: &str, attribute: &str) -> String {
    if !attribute.is_empty() && may_be_shown(attribute) {
        format!("{line} `{attribute}`")
    } else {
        line.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes VCFs that have each a line of meta-information and a name of a sample, and judges them.
    fn told(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for (number, (line, sample)) in files.iter().enumerate() {
            let path = folder.path().join(format!("{number}.vcf"));
            let columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT";
            let text =
                format!("##fileformat=VCFv4.2\n{line}\n{columns}\t{sample}\n1\t7\t.\tC\tT\n");
            fs_err::write(&path, text).unwrap();
            paths.push(path);
        }
        let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
        let shown = |one: &Told| format!("{:?} {}: {}", one.kind, one.place, one.what);
        told_by_headers(&paths).iter().map(shown).collect()
    }

    #[test]
    fn only_what_is_said_of_samples_counts() {
        for (line, sample, expected) in [
            (
                "##SAMPLE=<ID=T,Description=\"seen by Dr Jones\">",
                "T",
                "##SAMPLE `Description`: names",
            ),
            (
                "##SAMPLE=<ID=T,PatientName=Jones>",
                "T",
                "##SAMPLE `PatientName`: what its name says",
            ),
            ("##SAMPLE=<ID=T,Jones=\"943 476 5919\">", "T", "##SAMPLE: NHS numbers"),
            ("##PEDIGREE=<Derived=SMITH^JOHN,Original=N>", "T", "##PEDIGREE `Derived`: names"),
            ("##tumor_sample=SMITH^JOHN", "T", "##tumor_sample: names"),
            ("##patient_name=Jones", "T", "meta-information `patient_name`: what its name says"),
            ("##source=Mutect2", "9434765919", "names of samples: NHS numbers"),
        ] {
            assert_eq!(told(&[(line, sample)]), [format!("Variants {expected}")], "{line}");
        }
        for (line, sample) in [
            ("##SAMPLE=<ID=TUMOR,SampleName=999-99,File=/bam/999-99.bam>", "TUMOR"),
            (
                "##SAMPLE=<ID=TCGA-N5-A4R8-01A-11D-A28R-08,Platform=Illumina>",
                "TCGA-N5-A4R8-01A-11D-A28R-08",
            ),
            ("##SAMPLE=<ID=c-normal,Description=\"Blood Derived Normal\">", "HG00096"),
            ("##contact=a.smith@somewhere.example", "NA12878"),
            ("##cmdline=\"call -I /home/smith/9434765919.bam\"", "proband"),
            ("##fileDate=19610403", "S1234567"),
            ("##INFO=<ID=X,Number=1,Type=String,Description=\"By Dr Jones\">", "P-0001"),
        ] {
            assert_eq!(told(&[(line, sample)]), [""; 0], "{line}");
        }
    }

    #[test]
    fn a_place_is_judged_over_all_files() {
        let nhs = ("##source=x", "9434765919");
        assert_eq!(told(&[nhs, ("", "S1"), ("", "S2")]), [""; 0]);
        assert_eq!(told(&[nhs, ("", "9434765870"), ("", "S1")]).len(), 1);
    }
}
