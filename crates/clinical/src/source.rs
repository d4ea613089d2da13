use std::{
    io::{Cursor, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::NaiveDate;
use flate2::read::MultiGzDecoder;
use polars::prelude::{
    CsvParseOptions, CsvReadOptions, DataFrame, DataType, Field, PlSmallStr, Schema, SerReader,
};

use crate::{Error, scan};

/// How many names a message lists before it only counts the rest.
const LISTED_COLUMNS: usize = 30;

/// A table in memory: its header understood, its rows found, its cells not yet read.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    separator: u8,
    header: Vec<String>,
    /// The well-formed rows, without the header.
    body: String,
    /// The line that each well-formed row begins on.
    lines: Vec<u64>,
    malformed: Vec<scan::Malformed>,
}

impl Source {
    /// Reads the text and finds its rows; gzip is recognised by content.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let text = read_text(path)?;
        let no_rows = || Error::NoRows { path: path.to_owned() };
        let separator = scan::separator(&text);
        let open_quote = |line| Error::OpenQuote { path: path.to_owned(), line };
        let mut rows = scan::Rows::new(&text, separator);
        let header = loop {
            let row = rows.next().ok_or_else(no_rows)?.map_err(open_quote)?;
            if !row.is_blank(separator) {
                break row;
            }
        };
        let names: Vec<String> = header.fields(separator);
        let mut lines = Vec::new();
        let mut malformed = Vec::new();
        let mut body = String::with_capacity(text.len() - header.end);
        for row in rows {
            let row = row.map_err(open_quote)?;
            if row.is_blank(separator) {
                continue;
            }
            if let Some(fault) = row.fault(names.len()) {
                malformed.push(row.malformed(separator, fault));
            } else {
                lines.push(row.line);
                body.push_str(row.text);
                body.push('\n');
            }
        }
        if lines.is_empty() && malformed.is_empty() {
            return Err(no_rows());
        }
        Ok(Self { path: path.to_owned(), separator, header: names, body, lines, malformed })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The column names as written.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// The line that each well-formed row begins on, counted from 1.
    pub(crate) fn lines(&self) -> &[u64] {
        &self.lines
    }

    /// The rows that are no rows of this table, in file order.
    pub(crate) fn malformed(&self) -> &[scan::Malformed] {
        &self.malformed
    }

    /// The place of a column that must be there, once.
    pub(crate) fn column(&self, name: &str) -> Result<usize, Error> {
        let mut places = (0..self.header.len()).filter(|&place| self.header[place] == name);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => {
                Err(Error::DuplicateColumn { path: self.path.clone(), column: name.to_owned() })
            }
            (None, _) if self.header.iter().any(|name| looks_like_data(name)) => {
                Err(Error::NoHeader { path: self.path.clone(), column: name.to_owned() })
            }
            (None, _) => Err(Error::NoColumn {
                path: self.path.clone(),
                column: name.to_owned(),
                nearest: nearest(name, &self.header),
                columns: self.listed_columns(),
            }),
        }
    }

    /// The cells of the first well-formed rows.
    fn first_rows(&self, count: usize) -> Vec<Vec<String>> {
        let rows = scan::Rows::new(&self.body, self.separator).filter_map(Result::ok);
        rows.take(count).map(|row| row.fields(self.separator)).collect()
    }

    fn listed_columns(&self) -> String {
        let quoted: Vec<String> =
            self.header.iter().take(LISTED_COLUMNS).map(|name| format!("`{name}`")).collect();
        let listed = quoted.join(", ");
        match self.header.len().saturating_sub(LISTED_COLUMNS) {
            0 => listed,
            more => format!("{listed} and {more} more"),
        }
    }

    /// The cells of the given columns, in the given order, as text.
    pub(crate) fn frame(&self, places: &[usize]) -> Result<DataFrame, Error> {
        let mut wanted = places.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        // Names in the file may repeat, so that columns go by their place.
        let schema: Schema = (0..self.header.len())
            .map(|place| Field::new(column_name(place), DataType::String))
            .collect();
        let options = CsvReadOptions::default()
            .with_has_header(false)
            .with_schema(Some(Arc::new(schema)))
            .with_projection(Some(Arc::new(wanted)))
            .with_rechunk(true)
            .with_parse_options(CsvParseOptions::default().with_separator(self.separator));
        options
            .into_reader_with_file_handle(Cursor::new(self.body.as_bytes()))
            .finish()
            .and_then(|frame| frame.select(places.iter().map(|&place| column_name(place))))
            .map_err(|source| Error::Table { path: self.path.clone(), source })
    }
}

/// The header of a table, at `path`, and the cells of its first `count` rows, whatever they mean: for
/// whoever must know what stands in columns that no settings name.
///
/// # Errors
/// When there is no such table, or it is not UTF-8 or has no rows.
pub fn first_rows(path: &Path, count: usize) -> Result<(Vec<String>, Vec<Vec<String>>), Error> {
    let source = Source::open(path)?;
    let rows = source.first_rows(count);
    Ok((source.header, rows))
}

fn column_name(place: usize) -> PlSmallStr {
    place.to_string().into()
}

/// One column of a frame, cell by cell; an empty cell is an empty text.
pub(crate) fn cells(frame: &DataFrame, place: usize) -> impl Iterator<Item = &str> {
    let column = frame.columns()[place].as_materialized_series();
    let texts = column.str().expect("every column is read as text");
    texts.iter().map(|cell| cell.unwrap_or("").trim())
}

fn read_text(path: &Path) -> Result<String, Error> {
    if path.is_dir() {
        return Err(Error::Folder { path: path.to_owned() });
    }
    let mut bytes = fs_err::read(path)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        MultiGzDecoder::new(bytes.as_slice())
            .read_to_end(&mut text)
            .map_err(|source| Error::Damaged { path: path.to_owned(), source })?;
        bytes = text;
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(Error::Archive { path: path.to_owned() });
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Error::NotUtf8 { path: path.to_owned(), line: scan::line_breaks(valid) + 1 }
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// Whether a column's name is likely a cell: then the table has no header, and listing its
/// "columns" would print a patient's data.
fn looks_like_data(name: &str) -> bool {
    NaiveDate::parse_from_str(name, "%Y-%m-%d").is_ok() || name.parse::<f64>().is_ok()
}

/// The name with the fewest single-letter changes, if few enough for a slip; case is no change.
fn nearest(name: &str, names: &[String]) -> Option<String> {
    let wanted = name.to_lowercase();
    let distances =
        names.iter().map(|other| (edit_distance(&wanted, &other.to_lowercase()), other));
    let (distance, nearest) = distances.min()?;
    (distance <= (wanted.chars().count() / 3).max(1)).then(|| nearest.clone())
}

/// Levenshtein's distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(content: &[u8]) -> Result<Source, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        fs_err::write(&path, content).unwrap();
        Source::open(&path)
    }

    fn table(content: &[u8]) -> Vec<Vec<String>> {
        let source = open(content).unwrap();
        let places: Vec<usize> = (0..source.header().len()).collect();
        let frame = source.frame(&places).unwrap();
        places.iter().map(|&place| cells(&frame, place).map(str::to_owned).collect()).collect()
    }

    #[test]
    fn every_spelling_of_one_table_reads_the_same() {
        let expected = [vec!["P1", "P2"], vec!["a", ""], vec!["x y", "z"]];
        for (name, text) in [
            ("comma", "id,a,b\nP1,a,x y\nP2,,z\n"),
            ("tab", "id\ta\tb\nP1\ta\tx y\nP2\t\tz\n"),
            ("semicolon", "id;a;b\nP1;a;x y\nP2;;z\n"),
            ("no last line break", "id,a,b\nP1,a,x y\nP2,,z"),
            ("Windows line ends", "id,a,b\r\nP1,a,x y\r\nP2,,z\r\n"),
            ("byte order mark", "\u{feff}id,a,b\nP1,a,x y\nP2,,z\n"),
            ("quoted", "\"id\",\"a\",\"b\"\n\"P1\",\"a\",\"x y\"\nP2,\"\",z\n"),
            ("blank lines", "\nid,a,b\n\nP1,a,x y\n,,\nP2,,z\n\n"),
            ("white space", "id , a,b\nP1 , a, x y\nP2,,z \n"),
        ] {
            assert_eq!(table(text.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn a_quoted_cell_holds_separators_quotes_and_line_breaks() {
        let text = "id,note\nP1,\"a, \"\"b\"\"\nc\"\nP2,d\n";
        assert_eq!(table(text.as_bytes()), [vec!["P1", "P2"], vec!["a, \"b\"\nc", "d"]]);
        assert_eq!(open(text.as_bytes()).unwrap().lines(), [2, 4]);
    }

    #[test]
    fn columns_come_in_the_order_asked_for() {
        let source = open(b"a,b,c\n1,2,3\n").unwrap();
        let frame = source.frame(&[2, 0]).unwrap();
        assert_eq!(cells(&frame, 0).collect::<Vec<_>>(), ["3"]);
        assert_eq!(cells(&frame, 1).collect::<Vec<_>>(), ["1"]);
    }

    #[test]
    fn the_first_rows_have_the_cells_of_all_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        fs_err::write(&path, "id;a;a\nP1;\"x; y\";2\nP2\nP3;;4\nP4;z;5\n").unwrap();
        let (header, rows) = first_rows(&path, 2).unwrap();
        assert_eq!(header, ["id", "a", "a"]);
        assert_eq!(rows, [["P1", "x; y", "2"], ["P3", "", "4"]]);
        assert_eq!(first_rows(&path, 9).unwrap().1.len(), 3);
        assert!(first_rows(&folder.path().join("none.csv"), 2).is_err());
    }

    #[test]
    fn a_row_of_the_wrong_width_is_set_aside_with_its_lines() {
        let source = open(b"id,a\nP1,1\nP2\nP3,\"x\ny\",3\nP4,4\nP5,5 \"x\"\n").unwrap();
        assert_eq!(source.lines(), [2, 6]);
        let faults: Vec<String> =
            source.malformed().iter().map(|row| format!("{} {}", row.line, row.fault)).collect();
        assert_eq!(
            faults,
            [
                "3 expected 2 cells, found 1",
                "4 expected 2 cells, found 3 (the row runs to line 5)",
                "7 expected a cell with quotation marks to be quoted as a whole, found a mark inside",
            ]
        );
        assert_eq!(source.malformed()[1].fields, ["P3", "x\ny", "3"]);
    }

    #[test]
    fn a_useless_table_is_an_error() {
        let message = |content: &[u8]| {
            open(content).unwrap_err().to_string().rsplit('/').next().unwrap().to_owned()
        };
        assert!(message(b"").contains("found no rows"));
        assert!(message(b"id,a\n").contains("found no rows"));
        assert!(message(b"id,a\nP1,\"1\n").starts_with("t.csv:2: a quoted field begins here"));
        assert!(message(b"id,a\nP1,\xe4\n").starts_with("t.csv:2: expected UTF-8"));
        assert!(message(b"PK\x03\x04").contains("unpack"));
        assert!(message(&[0x1f, 0x8b, 8, 0, 0]).contains("cut short"));
    }

    #[test]
    fn a_column_that_is_absent_is_looked_for() {
        let source = open(b"patient_id,age,age\nP1,1,2\n").unwrap();
        assert_eq!(source.column("patient_id").unwrap(), 0);
        let absent = source.column("Patient ID").unwrap_err().to_string();
        assert!(absent.contains("did you mean `patient_id`?"), "{absent}");
        assert!(absent.contains("`patient_id`, `age`"), "{absent}");
        assert!(!source.column("stage").unwrap_err().to_string().contains("did you mean"));
        assert!(matches!(source.column("age"), Err(Error::DuplicateColumn { .. })));
    }

    #[test]
    fn a_table_without_header_does_not_print_its_first_row() {
        let source = open(b"P1,2020-01-31,77\nP2,2020-02-01,66\n").unwrap();
        let message = source.column("patient_id").unwrap_err().to_string();
        assert!(!message.contains("P1") && !message.contains("2020"), "{message}");
    }

    #[test]
    fn edit_distances() {
        for (a, b, distance) in
            [("", "", 0), ("age", "age", 0), ("age", "ages", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }
}
