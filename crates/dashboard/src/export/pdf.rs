//! Printed pages by typst: data goes in as JSON, so that no text of a patient is taken for markup.

use std::collections::HashMap;

use oncoweave_report::{Section, chart::Figure};
use serde_json::{Value, json};
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime};
use typst::layout::PagedDocument;
use typst::syntax::{FileId, Source, VirtualPath};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use super::picture::with_own_font;
use crate::Error;

/// What stands on every page: cohort, model version, data hash and the notice.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) notes: Vec<String>,
    pub(crate) made: String,
}

/// One patient on one page.
#[derive(Debug)]
pub(crate) struct PatientReport {
    pub(crate) frame: Frame,
    /// Why there is no number, and what to know about it.
    pub(crate) refused: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) sentence: String,
    /// Horizon, risk, interval.
    pub(crate) risks: Vec<[String; 3]>,
    pub(crate) facts: Vec<(String, String)>,
    /// Name, value, training range.
    pub(crate) values: Vec<[String; 3]>,
    /// The icon array and the curve, then the modalities where they are known.
    pub(crate) figures: Vec<Figure>,
}

/// Clinical values that are printed: fewer where the page would not hold them.
const VALUES: [usize; 4] = [12, 8, 4, 0];

/// One patient on one page of A4.
///
/// # Errors
/// When typst refuses the page, which is the program's own fault.
pub(crate) fn patient_pdf(report: &PatientReport) -> Result<Vec<u8>, Error> {
    let figures = figures(&report.figures);
    let mut data = json!({
        "title": report.frame.title,
        "notes": report.frame.notes,
        "made": report.frame.made,
        "refused": report.refused,
        "warnings": report.warnings,
        "sentence": report.sentence,
        "risks": report.risks,
        "facts": report.facts,
        "values": report.values,
        "figures": named(&report.figures),
    });
    let mut document = PagedDocument::default();
    for values in VALUES {
        data["most"] = json!(values);
        let paper = Paper::new(include_str!("../../assets/patient.typ"), &data, figures.clone());
        document = paper.document()?;
        if document.pages.len() == 1 {
            break;
        }
    }
    pdf(&document)
}

/// The sections of the validation page.
///
/// # Errors
/// As [`patient_pdf`].
pub(crate) fn validation_pdf(frame: &Frame, sections: &[Section]) -> Result<Vec<u8>, Error> {
    let all: Vec<Figure> =
        sections.iter().flat_map(|section| section.figures.iter().cloned()).collect();
    let section = |section: &Section| {
        let table = |table: &oncoweave_report::Table| {
            json!({
                "caption": table.caption,
                "columns": table.columns.iter().map(|one| &one.text).collect::<Vec<_>>(),
                "numeric": table.columns.iter().map(|one| one.numeric).collect::<Vec<_>>(),
                "rows": table.rows,
            })
        };
        let tables = |tables: &[oncoweave_report::Table]| {
            tables.iter().filter(|one| !one.rows.is_empty()).map(table).collect::<Vec<_>>()
        };
        let details = |one: &oncoweave_report::Details| {
            let tables = tables(&one.tables);
            json!({ "heading": one.summary, "text": one.text, "tables": tables })
        };
        json!({
            "heading": section.heading,
            "text": section.text,
            "figures": named(&section.figures),
            "tables": tables(&section.tables),
            "details": section.details.iter().map(details).collect::<Vec<_>>(),
            "notes": section.notes,
        })
    };
    let data = json!({
        "title": frame.title,
        "notes": frame.notes,
        "made": frame.made,
        "sections": sections.iter().map(section).collect::<Vec<_>>(),
    });
    let paper = Paper::new(include_str!("../../assets/validation.typ"), &data, figures(&all));
    pdf(&paper.document()?)
}

fn named(figures: &[Figure]) -> Vec<Value> {
    figures
        .iter()
        .map(|figure| {
            json!({
                "file": format!("{}.svg", figure.name),
                "title": figure.title,
                "description": figure.description,
            })
        })
        .collect()
}

fn figures(figures: &[Figure]) -> HashMap<String, Bytes> {
    let file = |figure: &Figure| {
        let svg = with_own_font(&figure.standalone());
        (format!("{}.svg", figure.name), Bytes::from_string(svg))
    };
    figures.iter().map(file).collect()
}

/// The files of one document, all in memory.
struct Paper {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    main: Source,
    files: HashMap<String, Bytes>,
}

impl Paper {
    fn new(template: &str, data: &Value, mut files: HashMap<String, Bytes>) -> Self {
        let faces = [dejavu::sans::regular(), dejavu::sans::bold()];
        let fonts: Vec<Font> =
            faces.into_iter().flat_map(|face| Font::iter(Bytes::new(face))).collect();
        let id = FileId::new(None, VirtualPath::new("main.typ"));
        files.insert("data.json".to_owned(), Bytes::from_string(data.to_string()));
        Self {
            library: LazyHash::new(<Library as LibraryExt>::default()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            main: Source::new(id, template.to_owned()),
            files,
        }
    }

    fn document(&self) -> Result<PagedDocument, Error> {
        typst::compile(self).output.map_err(|errors| failed(&errors))
    }
}

fn failed(errors: &[SourceDiagnostic]) -> Error {
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    Error::Settings(format!("a page cannot be printed: {}", messages.join("; ")))
}

/// Refuses pages whose figures lack a text for those who do not see them.
fn pdf(document: &PagedDocument) -> Result<Vec<u8>, Error> {
    let standards = PdfStandards::new(&[PdfStandard::Ua_1])
        .map_err(|error| Error::Settings(format!("a page cannot be printed: {error}")))?;
    let options = PdfOptions { standards, ..PdfOptions::default() };
    let printed = typst_pdf::pdf(document, &options);
    // What typst remembers of a document would stay for ever, and the next is another patient's.
    typst::comemo::evict(0);
    printed.map_err(|errors| failed(&errors))
}

impl World for Paper {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main.id() { Ok(self.main.clone()) } else { Err(absent(id)) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let name = id.vpath().as_rootless_path().to_string_lossy();
        self.files.get(&*name).cloned().ok_or_else(|| absent(id))
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<i64>) -> Option<Datetime> {
        None
    }
}

fn absent(id: FileId) -> FileError {
    FileError::NotFound(id.vpath().as_rootless_path().to_owned())
}

#[cfg(test)]
mod tests {
    use oncoweave_report::chart::icon_array;

    use super::*;

    fn frame() -> Frame {
        Frame {
            title: "Patient #set <P1>".to_owned(),
            notes: vec!["Not a medical device \u{2013} $x$".to_owned()],
            made: "2026-01-01".to_owned(),
        }
    }

    fn report(warnings: usize) -> PatientReport {
        PatientReport {
            frame: frame(),
            refused: vec![],
            warnings: vec!["*No* _ct_ #panic(\"x\")".to_owned(); warnings],
            sentence: "Of 100 people \u{2026}".to_owned(),
            risks: vec![["1 year", "20 %", "10 to 30 %"].map(str::to_owned)],
            facts: vec![("Observed".to_owned(), "unknown".to_owned())],
            values: vec![["age", "61 years", "20 to 90"].map(str::to_owned); 30],
            figures: vec![icon_array(("people", "T"), 20, ["a", "b"]); 3],
        }
    }

    #[test]
    fn a_patient_is_one_tagged_page_with_its_fonts() {
        for warnings in [0, 8] {
            let pdf = patient_pdf(&report(warnings)).unwrap();
            assert!(pdf.starts_with(b"%PDF-1.7"));
            let text = String::from_utf8_lossy(&pdf);
            assert!(text.contains("/StructTreeRoot") && text.contains("/Marked true"));
            assert!(text.contains("/FontFile2") || text.contains("/FontFile3"));
            assert_eq!(
                text.matches("/Type /Page\n").count() + text.matches("/Type/Page/").count(),
                1
            );
        }
    }

    #[test]
    fn sections_are_printed() {
        let section = Section {
            id: "s",
            heading: "A #heading",
            text: vec!["Text with #markup".to_owned()],
            figures: vec![icon_array(("people", "T"), 20, ["a", "b"])],
            tables: vec![oncoweave_report::Table {
                rows: vec![vec!["a".to_owned(), "1".to_owned()]],
                ..oncoweave_report::Table::new("Table").words("Name").figures("Number")
            }],
            details: vec![oncoweave_report::Details {
                summary: "More",
                text: vec!["Meant for *few*".to_owned()],
                tables: vec![oncoweave_report::Table {
                    rows: vec![vec!["b".to_owned(), "2".to_owned()]],
                    ..oncoweave_report::Table::new("Folded").words("Name").figures("Number")
                }],
            }],
            notes: vec!["A note".to_owned()],
        };
        assert!(validation_pdf(&frame(), &[section]).unwrap().starts_with(b"%PDF"));
    }
}
