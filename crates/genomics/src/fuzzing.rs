//! What the fuzz targets call: each parser over bytes. No result is looked at; none may panic.

use std::{collections::BTreeMap, io::Cursor, path::Path};

use oncoweave_core::Feature;

use crate::{
    CnvSettings, CopyNumber, Error, HumanBuild, Interval, Maf, MafSample, MafSettings,
    StructuralVariants, SvSettings, VariantResources, VcfFeatures, VcfResources, VcfSettings,
    VcfSource, bcf, cnv_features, header::Header, lines::Lines, maf_features, sv_features,
    vcf::features_of_lines,
};

/// A VCF or BCF, compressed or not.
pub fn vcf(bytes: &[u8]) {
    let open = || lines(bytes);
    let samples =
        open().and_then(|mut lines| Header::read(&mut lines)).map(|header| header.samples);
    let sample_id = samples.ok().and_then(|samples| samples.into_iter().next());
    for passing_only in [false, true] {
        let settings = VcfSettings { passing_only, ..VcfSettings::default() };
        let read = |sample_id: Option<&str>| -> Result<VcfFeatures, Error> {
            let source = VcfSource { path: Path::new("fuzzed"), sample_id, panel: None };
            features_of_lines(open()?, source, &settings, &VcfResources::load(&settings)?)
        };
        check(read(None));
        check(read(sample_id.as_deref()));
    }
}

/// One BCF record: its first byte tells how many of the rest belong to the site.
pub fn bcf(bytes: &[u8]) {
    let Some((&site, record)) = bytes.split_first() else { return };
    let site = record.len().min(bcf::FIXED_BYTES + usize::from(site));
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    let header = "##fileformat=VCFv4.3\n##contig=<ID=1,length=1000>\n\
        ##INFO=<ID=END,Number=1,Type=Integer,Description=\"\">\n\
        ##FORMAT=<ID=GT,Number=1,Type=String,Description=\"\">\n\
        ##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"\">\n\
        #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNORMAL\tTUMOR\n";
    let (shared, samples) = (length(site), length(record.len() - site));
    let whole: [&[u8]; 6] =
        [b"BCF\x02\x02", &length(header.len()), header.as_bytes(), &shared, &samples, record];
    vcf(&whole.concat());
}

/// A MAF, compressed or not.
pub fn maf(bytes: &[u8]) {
    let Ok(maf) = lines(bytes).and_then(Maf::read_lines) else { return };
    for sample in maf.samples() {
        let sample = MafSample { sample_id: sample, panel: None };
        let settings = MafSettings::default();
        let resources = VariantResources::load(&settings.variants).expect("they name no file");
        let features = maf_features(&maf, sample, &settings, &resources);
        features.iter().flatten().for_each(check_feature);
    }
}

/// Copy number: a table of segments or of genes, or a VCF, compressed or not.
pub fn copy_number(bytes: &[u8]) {
    let Ok(found) = CopyNumber::read_with(|| lines(bytes)) else { return };
    let place = Interval { chromosome: "8".to_owned(), start: 1, end: 50 };
    let settings = CnvSettings {
        build: Some(HumanBuild::Grch37),
        genes: vec!["TP53".to_owned()],
        gene_positions: BTreeMap::from([("MYC".to_owned(), place)]),
        ..CnvSettings::default()
    };
    let samples = found.samples().take(2).chain(["nobody"]);
    let features = samples.flat_map(|sample| cnv_features(&found, sample, &settings));
    features.for_each(|feature| check_feature(&feature));
}

/// Structural variants: a VCF or a table, compressed or not.
pub fn structural(bytes: &[u8]) {
    let path = Path::new("fuzzed");
    let Ok(found) = StructuralVariants::read_with(path, || lines(bytes)) else { return };
    let settings = SvSettings::default();
    for sample in found.samples().take(2).chain(["nobody"]) {
        let features = sv_features(&found, sample, &settings);
        features.iter().flatten().for_each(check_feature);
    }
}

fn lines(bytes: &[u8]) -> Result<Lines, Error> {
    Lines::from_reader(Cursor::new(bytes.to_vec()), Path::new("fuzzed"))
}

/// Whatever is said of the bytes can be printed, and whatever is measured is a number.
fn check(read: Result<VcfFeatures, Error>) {
    match read {
        Ok(read) => {
            read.features.iter().for_each(check_feature);
            read.notes.iter().for_each(|note| drop(note.to_string()));
        }
        Err(error) => drop(error.to_string()),
    }
}

fn check_feature(feature: &Feature) {
    let name = &feature.info.name;
    assert!(feature.value.is_none_or(f32::is_finite), "{name} is no number");
}
