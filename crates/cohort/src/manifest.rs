use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{Error, SCHEMA_VERSION};

/// What a cohort is made of: the content of `cohort.toml`.
///
/// The sections of the clinical table, the outcome and each modality's options belong to their
/// parsers and stay tables here.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The manifest itself.
    pub path: PathBuf,
    /// The cohort's id.
    pub id: String,
    /// The list of files, resolved.
    pub files: PathBuf,
    /// `[clinical]`.
    pub clinical: toml::Table,
    /// `[outcome]`; a cohort to predict has none.
    pub outcome: Option<toml::Table>,
    /// `[[modality]]`, in order.
    pub modalities: Vec<Modality>,
    /// `[privacy]`: what the files are; `None` where nobody has said.
    pub privacy: Option<Privacy>,
}

/// `[privacy]`: whether the files name their patients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Privacy {
    /// What the files are.
    pub status: PrivacyStatus,
    /// The fingerprint of the key that pseudonyms came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What the files of a cohort are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrivacyStatus {
    /// Written by `oncoweave deidentify`.
    Pseudonymised,
    /// Of nobody: simulated.
    Synthetic,
    /// De-identified by another program or released as such, in the user's word.
    Deidentified,
    /// Files that name their patients are read all the same.
    Identified,
}

/// One `[[modality]]` of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Modality {
    /// The name, which its features carry: letters, digits, `-` and `_`.
    pub name: String,
    /// How its files are read.
    pub kind: Kind,
    /// When a dated row counts.
    pub window: Window,
    /// Every other key: the settings of the parser.
    pub options: toml::Table,
}

/// How the files of a modality are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Variant calls, one file a patient.
    Vcf,
    /// Mutation annotation format, one file for many patients.
    Maf,
    /// Copy-number segments, one file for many patients.
    Cnv,
    /// Structural variants, one file a patient or for many.
    Sv,
    /// Gene expression, one file a patient or for many.
    Expression,
    /// Germline genotypes, one file a patient or for many.
    Genotype,
    /// A folder with one image series and one RTSTRUCT or SEG.
    Dicom,
    /// An image and its mask.
    Nifti,
    /// One table of numbers for all patients, named in the manifest.
    Table,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vcf => "vcf",
            Self::Maf => "maf",
            Self::Cnv => "cnv",
            Self::Sv => "sv",
            Self::Expression => "expression",
            Self::Genotype => "genotype",
            Self::Dicom => "dicom",
            Self::Nifti => "nifti",
            Self::Table => "table",
        })
    }
}

/// The days round the index date that a dated row must lie in, both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Days before the index date; `None` is without limit.
    pub days_before: Option<u32>,
    /// Days after it; 0 keeps what was learned later out of the features.
    pub days_after: u32,
}

impl Window {
    /// Whether a row lies in the window, so many days after the index date (negative: before it).
    #[must_use]
    pub fn contains(&self, days: i64) -> bool {
        days <= i64::from(self.days_after)
            && self.days_before.is_none_or(|before| days >= -i64::from(before))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    schema: u32,
    id: String,
    files: Option<PathBuf>,
    clinical: toml::Table,
    outcome: Option<toml::Table>,
    #[serde(default)]
    modality: Vec<ModalityFrame>,
    privacy: Option<Privacy>,
}

#[derive(Deserialize)]
struct ModalityFrame {
    name: String,
    kind: Kind,
    days_before: Option<u32>,
    days_after: Option<u32>,
    #[serde(flatten)]
    options: toml::Table,
}

impl Manifest {
    /// Reads a manifest and checks its frame; the parsers check their own sections.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, or has an unknown key, an unknown kind, an unknown
    /// schema number or a name that will not do.
    pub fn read(path: &Path) -> Result<Self, Error> {
        check_is_file(path)?;
        let text = fs_err::read_to_string(path)?;
        let frame: Frame = toml::from_str(&text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
            Error::Toml {
                place: line.map_or(path.display().to_string(), |line| {
                    format!("{}:{line}", path.display())
                }),
                problem: error.message().replace('\n', ", "),
            }
        })?;
        check(&frame).map_err(|problem| Error::content(path, problem))?;
        let modality = |frame: ModalityFrame| Modality {
            name: frame.name,
            kind: frame.kind,
            window: Window {
                days_before: frame.days_before,
                days_after: frame.days_after.unwrap_or_default(),
            },
            options: frame.options,
        };
        let mut manifest = Self {
            path: path.to_owned(),
            id: frame.id.trim().to_owned(),
            files: PathBuf::new(),
            clinical: frame.clinical,
            outcome: frame.outcome,
            modalities: frame.modality.into_iter().map(modality).collect(),
            privacy: frame.privacy,
        };
        manifest.files = manifest.resolve(&frame.files.unwrap_or_else(|| "files.csv".into()));
        Ok(manifest)
    }

    /// The folder that paths in the manifest are relative to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// A path of the manifest as the program can open it.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.folder().join(path)
    }

    /// A path as lineage shows it: relative to the manifest where it lies below its folder.
    #[must_use]
    pub fn relative(&self, path: &Path) -> String {
        let path = path.strip_prefix(self.folder()).unwrap_or(path);
        path.display().to_string()
    }

    /// The modality of a name.
    #[must_use]
    pub fn modality(&self, name: &str) -> Option<&Modality> {
        self.modalities.iter().find(|modality| modality.name == name)
    }
}

fn check_is_file(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        let inside = path.join("cohort.toml");
        let problem = format!("this is a folder; name its manifest, such as {}", inside.display());
        return Err(Error::content(path, problem));
    }
    if !path.exists() {
        let problem = "there is no such file; a manifest describes a cohort, and `oncoweave \
                       simulate --out DIR` writes one to start from";
        return Err(Error::content(path, problem));
    }
    Ok(())
}

fn check(frame: &Frame) -> Result<(), String> {
    if frame.schema != SCHEMA_VERSION {
        return Err(format!(
            "`schema` must be {SCHEMA_VERSION}, found {}; another version of oncoweave reads it",
            frame.schema
        ));
    }
    if frame.id.trim().is_empty() {
        return Err("`id` must not be empty: it names the cohort in every result".to_owned());
    }
    for (index, modality) in frame.modality.iter().enumerate() {
        let name = &modality.name;
        check_name(name)?;
        if frame.modality[..index].iter().any(|earlier| earlier.name == *name) {
            return Err(format!("two modalities are named `{name}`; give each its own name"));
        }
        let windowed = modality.days_before.is_some() || modality.days_after.is_some();
        if windowed && !frame.clinical.contains_key("index_date") {
            return Err(format!(
                "modality `{name}` has `days_before` or `days_after`, but [clinical] names no \
                 `index_date` column that they could count from"
            ));
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    if name == "clinical" {
        return Err("a modality must not be named `clinical`: that is the clinical table".into());
    }
    let allowed = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(format!(
            "a modality's name must be letters, digits, `-` and `_`, without a dot, got `{name}`"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Manifest, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cohort.toml");
        fs_err::write(&path, text).unwrap();
        Manifest::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_the_frame_and_leaves_the_options() {
        let manifest = read(
            "schema = 1\nid = 'demo'\n[clinical]\ntable = 'c.csv'\nindex_date = 'd'\n\
             [outcome]\ntime = 't'\n\
             [[modality]]\nname = 'genomics'\nkind = 'vcf'\ndays_before = 365\ngenes = ['TP53']\n\
             [[modality]]\nname = 'ct'\nkind = 'dicom'\n",
        )
        .unwrap();
        assert_eq!(manifest.id, "demo");
        assert!(manifest.files.ends_with("files.csv"));
        assert_eq!(manifest.outcome.as_ref().unwrap()["time"].as_str(), Some("t"));
        let genomics = manifest.modality("genomics").unwrap();
        assert_eq!(genomics.kind, Kind::Vcf);
        assert_eq!(genomics.window, Window { days_before: Some(365), days_after: 0 });
        assert_eq!(genomics.options.keys().collect::<Vec<_>>(), ["genes"]);
        let relative = manifest.relative(&manifest.resolve(Path::new("a/b.vcf")));
        assert_eq!(relative, "a/b.vcf");
    }

    #[test]
    fn says_what_is_wrong() {
        let head = "schema = 1\nid = 'x'\n[clinical]\n";
        for (case, text, expected) in [
            ("an unknown key", format!("sites = 3\n{head}"), "unknown field `sites`"),
            ("no clinical section", "schema = 1\nid = 'x'\n".to_owned(), "`clinical`"),
            (
                "another schema",
                "schema = 2\nid = 'x'\n[clinical]\n".to_owned(),
                "must be 1, found 2",
            ),
            ("an empty id", "schema = 1\nid = ' '\n[clinical]\n".to_owned(), "`id` must not be"),
            (
                "an unknown kind",
                format!("{head}[[modality]]\nname = 'a'\nkind = 'vfc'\n"),
                "expected one of `vcf`, `maf`, `cnv`, `sv`, `expression`, `genotype`, `dicom`",
            ),
            (
                "a name twice",
                format!("{head}{0}{0}", "[[modality]]\nname = 'a'\nkind = 'vcf'\n"),
                "two modalities are named `a`",
            ),
            (
                "a dot in a name",
                format!("{head}[[modality]]\nname = 'a.b'\nkind = 'vcf'\n"),
                "without a dot, got `a.b`",
            ),
            (
                "a modality named clinical",
                format!("{head}[[modality]]\nname = 'clinical'\nkind = 'table'\n"),
                "must not be named `clinical`",
            ),
            (
                "a window without an index date",
                format!("{head}[[modality]]\nname = 'a'\nkind = 'vcf'\ndays_after = 3\n"),
                "names no `index_date` column",
            ),
            (
                "no TOML",
                "schema 1".to_owned(),
                "cohort.toml:1: this is not a manifest of a cohort: ",
            ),
        ] {
            let message = read(&text).expect_err(case);
            assert!(message.contains(expected), "{case}: {message}");
        }
    }

    #[test]
    fn says_what_to_name_where_there_is_no_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let message = Manifest::read(folder.path()).unwrap_err().to_string();
        assert!(message.contains("this is a folder") && message.ends_with("cohort.toml"));
        let message = Manifest::read(&folder.path().join("c.toml")).unwrap_err().to_string();
        assert!(message.contains("c.toml: there is no such file"), "{message}");
    }

    #[test]
    fn a_window_includes_both_ends() {
        let window = Window { days_before: Some(10), days_after: 2 };
        for (days, inside) in [(-11, false), (-10, true), (0, true), (2, true), (3, false)] {
            assert_eq!(window.contains(days), inside, "{days}");
        }
        assert!(Window::default().contains(-100_000));
        assert!(!Window::default().contains(1));
    }
}
