//! One line of a VCF, split but not yet understood.

use smallvec::SmallVec;

use crate::{
    Error,
    header::{FIXED_COLUMNS, Header},
    lines::{Lines, fields, number, text},
    pair::Pair,
    sample::{Format, Formats, Sample},
};

/// What to do about a faulty record.
const ADVICE: &str = "correct the record";

/// One line of a VCF, split but not yet understood.
pub(crate) struct Record<'a> {
    pub(crate) chromosome: &'a str,
    pub(crate) position: u64,
    pub(crate) reference: &'a [u8],
    pub(crate) alternates: SmallVec<[&'a [u8]; 4]>,
    quality: &'a [u8],
    pub(crate) filter: &'a [u8],
    pub(crate) info: &'a [u8],
    pub(crate) tumor: Option<Sample<'a>>,
    pub(crate) normal: Option<Sample<'a>>,
    /// Whether the line has more columns than the header names.
    has_more_columns: bool,
}

impl<'a> Record<'a> {
    /// Splits the line that was read last.
    pub(crate) fn parse(
        lines: &'a Lines,
        header: &Header,
        pair: Pair,
        formats: &mut Formats,
    ) -> Result<Self, Error> {
        let mut fixed = [b"".as_slice(); FIXED_COLUMNS + 1];
        let (mut tumor, mut normal) = (None, None);
        let mut columns = 0;
        for column in fields(lines.line()) {
            if let Some(place) = fixed.get_mut(columns) {
                *place = column;
            } else {
                let sample = Some(columns - fixed.len());
                if sample == pair.tumor {
                    tumor = Some(column);
                } else if sample == pair.normal {
                    normal = Some(column);
                }
            }
            columns += 1;
        }
        if columns < header.columns() {
            return Err(lines.too_few_columns(header.columns(), columns));
        }
        let [chromosome, position, _id, reference, alternates, quality, filter, info, keys] = fixed;
        let fault = |expected, found: &[u8]| lines.fault(expected, shown(found), ADVICE);
        let format = formats.get(keys);
        let sample = |values| Sample::new(format, keys, values);
        Ok(Self {
            chromosome: std::str::from_utf8(chromosome)
                .ok()
                .filter(|name| !name.is_empty())
                .ok_or_else(|| fault("a chromosome's name in CHROM", chromosome))?,
            position: number(position)
                .ok_or_else(|| fault("a position as a whole number in POS", position))?,
            reference,
            alternates: alternates.split(|&byte| byte == b',').collect(),
            quality,
            filter,
            info,
            tumor: tumor.map(sample),
            normal: normal.map(sample),
            has_more_columns: !header.samples.is_empty() && columns > header.columns(),
        })
    }

    /// Reads other sample columns; `columns` are FORMAT and all of the line's samples.
    pub(crate) fn set_pair(&mut self, columns: &[&'a [u8]], format: Format, pair: Pair) {
        let sample =
            |place: usize| Some(Sample::new(format, columns.first()?, columns.get(place + 1)?));
        self.tumor = pair.tumor.and_then(sample);
        self.normal = pair.normal.and_then(sample);
    }

    /// What breaks a rule and leaves the rest of the record as it is.
    pub(crate) fn note(&self) -> Option<&'static str> {
        let is_base = |base: &u8| b"ACGTNacgtn".contains(base);
        let is_allele = |&allele: &&[u8]| {
            let is_named = matches!(allele, [b'<', .., b'>'] | b"*" | b".");
            let is_breakend = allele.iter().any(|byte| b"[]".contains(byte))
                || matches!(allele, [b'.', _, ..] | [.., _, b'.']);
            is_named || is_breakend || (!allele.is_empty() && allele.iter().all(is_base))
        };
        let is_quality = self.quality == b"." || number::<f32>(self.quality).is_some();
        if self.reference.is_empty() || !self.reference.iter().all(is_base) {
            Some("expected A, C, G, T or N in REF, found another; the variant does not count")
        } else if !self.alternates.iter().all(is_allele) {
            Some("expected bases, a symbol or a breakend in ALT, found another; it does not count")
        } else if !is_quality {
            Some("expected a number in QUAL, found none; read all the same")
        } else if self.has_more_columns {
            Some("expected as many columns as `#CHROM` has, found more; the rest is left out")
        } else {
            None
        }
    }

    /// Whether the caller's filters let it pass.
    pub(crate) fn passes(&self) -> bool {
        matches!(self.filter, b"PASS" | b"." | b"")
    }

    /// The value of an INFO key.
    pub(crate) fn info(&self, key: &[u8]) -> Option<&'a [u8]> {
        self.info
            .split(|&byte| byte == b';')
            .find_map(|entry| entry.strip_prefix(key)?.strip_prefix(b"="))
    }

    /// The bases round POS, as SAGE writes them or a pipeline that named its field well.
    pub(super) fn context(&self) -> Option<&'a [u8]> {
        let keys: [&[u8]; 3] = [b"TNC", b"TRINUCLEOTIDE_CONTEXT", b"CONTEXT"];
        keys.into_iter().find_map(|key| self.info(key))
    }

    /// Whether the tumor carries an ALT that the normal does not.
    pub(crate) fn is_somatic(&self, index: usize) -> bool {
        if self.normal.is_some_and(|normal| normal.carries(index) == Some(true)) {
            return false;
        }
        let Some(tumor) = self.tumor else { return true };
        match (tumor.carries(index), tumor.carries_any()) {
            (Some(true) | None, _) => true,
            // Callers of pairs such as Pindel write 0/0 for a variant below their idea of
            // heterozygous; a record of theirs is a call on the tumor nevertheless.
            (Some(false), Some(false)) => self.normal.is_some(),
            (Some(false), _) => false,
        }
    }
}

/// A faulty value for a message: as it is where it is short and of digits and signs, for any other
/// may be what nobody ought to read.
fn shown(value: &[u8]) -> String {
    let is_harmless = |&byte: &u8| byte.is_ascii_digit() || b"+-.,eE".contains(&byte);
    match value.trim_ascii() {
        [] => "nothing".to_owned(),
        value if value.len() <= 24 && value.iter().all(is_harmless) => format!("`{}`", text(value)),
        _ => "something else".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        VcfResources, VcfSettings,
        vcf::{
            VcfSource,
            tests::{CHROM, META, features, pair, value},
            vcf_features,
        },
    };

    #[test]
    fn only_what_the_tumor_carries_and_the_normal_lacks_counts() {
        for (name, genotypes, expected) in [
            ("somatic", "0/0 0/1", 1.0),
            ("germline", "0/1 0/1", 0.0),
            ("lost heterozygosity", "0/1 1/1", 0.0),
            ("Pindel writes 0/0", "0/0 0/0", 1.0),
            ("no genotypes", ". .", 1.0),
            ("another ALT", "0/0 0/2", 0.0),
        ] {
            let features = pair(&format!("chr1 10 . C T,<NON_REF> . PASS . GT {genotypes}\n"), "");
            assert_eq!(value(&features, "variant_count"), Some(expected), "{name}");
        }
        // Without a normal, a sample of several that does not carry the ALT does not have it.
        let alone =
            format!("{CHROM}\tFORMAT\tTUMOR\tOTHER\nchr1\t10\t.\tC\tT\t.\tPASS\t.\tGT\t0/0\t0/1\n");
        assert_eq!(value(&features(&alone, "").unwrap(), "variant_count"), Some(0.0));
    }

    #[test]
    fn a_faulty_record_is_an_error_with_its_line() {
        let header = format!("{META}{CHROM}\tFORMAT\tTUMOR\n");
        for (record, expected) in [
            ("chr1\t10\t.\tC\tT\n", "a.vcf:5: expected 10 columns, found 5"),
            ("chr1\t10\t.\tC\tT", "a.vcf: ends in the middle of line 5; the file is truncated"),
            (
                "chr1\tx\t.\tC\tT\t.\tPASS\t.\tGT\t0/1\n",
                "a.vcf:5: expected a position as a whole number in POS",
            ),
        ] {
            let message = features(&format!("{header}{record}"), "").unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn what_breaks_a_rule_is_noted_and_the_rest_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vcf");
        let records = "chr1 1 . C T,<DEL>,*,<*>,.,C[chr2:5[,]chr2:5]C,CA.,.A 1e3 PASS . GT 0/1\n\
                       chr1 2 . C X,T . PASS . GT 0/2\n\
                       chr1 3 . S T . PASS . GT 0/1\n\
                       chr1 4 . C T high PASS . GT 0/1\n\
                       chr1 5 . C T . PASS . GT 0/1 0/1\n";
        let records = records.replace(' ', "\t");
        fs_err::write(&path, format!("{META}{CHROM}\tFORMAT\tTUMOR\n{records}")).unwrap();
        let source = VcfSource { path: &path, sample_id: None, panel: None };
        let settings = VcfSettings::default();
        let read = vcf_features(&[source], &settings, &VcfResources::default()).unwrap();
        assert_eq!(value(&read.features, "variant_count"), Some(4.0));
        let notes: Vec<String> = read.notes.iter().map(ToString::to_string).collect();
        let expected = [
            "a.vcf:6: expected bases, a symbol or a breakend in ALT",
            "a.vcf:7: expected A, C, G, T or N in REF",
            "a.vcf:8: expected a number in QUAL",
            "a.vcf:9: expected as many columns as `#CHROM` has",
        ];
        assert_eq!(notes.len(), expected.len(), "{notes:?}");
        for (note, expected) in notes.iter().zip(expected) {
            assert!(note.contains(expected), "{note}");
        }
    }

    #[test]
    fn a_faulty_record_is_left_out_and_noted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vcf");
        let good = |position: u32| format!("chr1\t{position}\t.\tC\tT\t.\tPASS\t.\n");
        let content = format!(
            "{META}{CHROM}\n{}{}{}\
             chr1\t1.5\t.\tC\tT\t.\tPASS\t.\n\
             chr1\tJane Doe\t.\tC\tT\t.\tweak\t.\n\
             chr1 10 . C T\n\n{}",
            good(10),
            good(20),
            good(30),
            good(40)
        );
        fs_err::write(&path, content).unwrap();
        let source = VcfSource { path: &path, sample_id: None, panel: None };
        let settings = VcfSettings::default();
        let read = vcf_features(&[source], &settings, &VcfResources::default()).unwrap();
        assert_eq!(value(&read.features, "variant_count"), Some(4.0));
        let notes: Vec<String> = read.notes.iter().map(ToString::to_string).collect();
        let expected = [
            "a.vcf:8: expected a position as a whole number in POS, found `1.5`; the record is left out",
            "a.vcf:9: expected a position as a whole number in POS, found something else; the record",
            "a.vcf:10: expected 8 columns, found 1; the record is left out",
        ];
        assert_eq!(notes.len(), expected.len(), "{notes:?}");
        for (note, expected) in notes.iter().zip(expected) {
            assert!(note.contains(expected), "{note}");
        }
    }
}
