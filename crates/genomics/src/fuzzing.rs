//! What the fuzz targets call: each parser over bytes. No result is looked at; none may panic.

use std::{collections::BTreeMap, env, io::Cursor, path::Path, process};

use oncoweave_core::Feature;

use crate::{
    CnvSettings, CopyNumber, Error, Expression, ExpressionSettings, ExpressionUnit, GeneSetMethod,
    GeneSets, GenotypeResources, GenotypeSettings, GenotypeSource, HumanBuild, Interval, Maf,
    MafSample, MafSettings, SignatureMatrix, SignatureMethod, Snp, Spectrum, StructuralVariants,
    SvSettings, VariantResources, VariantSettings, VcfFeatures, VcfResources, VcfSettings,
    VcfSource, bcf, build::Build, cnv_features, declared_build, exposures, expression_features,
    genotype_features, header::Header, inspect as inspect_file, lines::Lines, maf_features,
    reference::Reference, regions::GeneRegions, spec, spectra::sbs96, sv_features,
    vcf::features_of_lines,
};

/// The line between the two files of a target that reads two.
const NEXT_FILE: &[u8] = b"\n//\n";

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

/// A VCF and, after `NEXT_FILE`, the FASTA of its genome: spectra and microsatellites.
pub fn spectra(bytes: &[u8]) {
    let (vcf, sequences) = two_files(bytes);
    with_file("genome.fa", sequences, |reference| {
        let mut settings = VcfSettings { passing_only: false, ..VcfSettings::default() };
        settings.variants.spectra = vec![Spectrum::Sbs96, Spectrum::Dbs78];
        let has_genome = !sequences.is_empty();
        if has_genome {
            settings.variants.reference = Some(reference.to_owned());
            settings.variants.spectra.push(Spectrum::Id83);
        }
        settings.variants.microsatellites = has_genome;
        let read = || {
            let resources = VcfResources::load(&settings)?;
            let source = VcfSource { path: Path::new("fuzzed"), sample_id: None, panel: None };
            features_of_lines(lines(vcf)?, source, &settings, &resources)
        };
        check(read());
    });
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

/// A table of expression and, after `NEXT_FILE`, gene sets as GMT.
pub fn expression(bytes: &[u8]) {
    let (table, sets) = two_files(bytes);
    with_file("sets.gmt", sets, |gene_sets| {
        with_file("table", table, |path| {
            for (unit, gene_set_method) in [
                (ExpressionUnit::Tpm, GeneSetMethod::Ssgsea),
                (ExpressionUnit::Counts, GeneSetMethod::Mean),
                (ExpressionUnit::Log2, GeneSetMethod::Singscore),
            ] {
                let settings = ExpressionSettings {
                    unit,
                    genes: vec!["TP53".to_owned(), "KRAS".to_owned()],
                    transform: None,
                    gene_sets: (!sets.is_empty()).then(|| gene_sets.to_owned()),
                    gene_set_names: Vec::new(),
                    gene_set_method,
                    gene_set_min_genes: 1,
                    barcode_prefix: None,
                };
                check_all(expression_of(path, &settings));
            }
        });
    });
}

fn expression_of(path: &Path, settings: &ExpressionSettings) -> Result<Vec<Feature>, Error> {
    let sets = GeneSets::load(settings)?;
    let table = Expression::read(path, &["S1"], settings, &sets)?;
    expression_features(&table, "S1", settings, &sets)
}

/// Gene sets as GMT.
pub fn gene_sets(bytes: &[u8]) {
    expression(&[b"gene\tS1\nTP53\t1\nKRAS\t0\nMYC\t\n", NEXT_FILE, bytes].concat());
}

/// A VCF of genotypes and, after `NEXT_FILE`, a scoring file of the PGS Catalog.
pub fn genotypes(bytes: &[u8]) {
    let (vcf, score) = two_files(bytes);
    let snps = ["rs1:A", "1:100:C:T", "1:101:C:T:C"];
    let snps = snps.map(|snp| Snp::try_from(snp.to_owned()).expect("a variant")).to_vec();
    with_file("score", score, |scores| {
        with_file("genotypes.vcf", vcf, |path| {
            let is_there = !score.is_empty();
            let settings = GenotypeSettings {
                snps,
                scores: if is_there { vec![scores.to_owned()] } else { Vec::new() },
                min_matched: 0.0,
                absent_is_reference: true,
                keep_ambiguous: true,
                passing_only: false,
            };
            match genotypes_of(path, &settings) {
                Ok(samples) => samples.iter().flatten().for_each(check_feature),
                Err(error) => drop(error.to_string()),
            }
        });
    });
}

fn genotypes_of(path: &Path, settings: &GenotypeSettings) -> Result<Vec<Vec<Feature>>, Error> {
    let resources = GenotypeResources::load(settings)?;
    let samples = Header::read(&mut Lines::open(path)?)?.samples;
    let source = |sample| GenotypeSource { patient_id: sample, sample_id: None };
    let asked: Vec<GenotypeSource<'_>> =
        samples.iter().take(2).map(|name| source(name.as_str())).collect();
    genotype_features(path, &asked, settings, &resources)
}

/// Gene intervals as GFF3, GTF or BED.
pub fn gene_intervals(bytes: &[u8]) {
    with_file("genes", bytes, |path| match GeneRegions::read(path) {
        Ok(regions) => {
            for (start, end) in [(0, 0), (1, 1), (100, 200), (1, u64::MAX)] {
                assert!(regions.genes("1", start, end).count() <= bytes.len());
            }
            regions.names("TP53");
        }
        Err(error) => drop(error.to_string()),
    });
}

/// A table of hotspots.
pub fn hotspots(bytes: &[u8]) {
    resources(bytes, |settings, path| settings.hotspots = Some(path.to_owned()));
}

/// A table of gene panels, or one panel as cBioPortal writes it.
pub fn panels(bytes: &[u8]) {
    resources(bytes, |settings, path| settings.panels = vec![path.to_owned()]);
}

/// Reads the file that a setting names.
fn resources(bytes: &[u8], name: impl FnOnce(&mut VariantSettings, &Path)) {
    with_file("resource", bytes, |path| {
        let mut settings = VariantSettings::default();
        name(&mut settings, path);
        match VariantResources::load(&settings) {
            Ok(resources) => drop(resources.panel("A")),
            Err(error) => drop(error.to_string()),
        }
    });
}

/// A matrix of signatures, fitted to a spectrum.
pub fn signatures(bytes: &[u8]) {
    with_file("signatures", bytes, |path| {
        let matrix = match SignatureMatrix::read(path) {
            Ok(matrix) => matrix,
            Err(error) => return drop(error.to_string()),
        };
        let spectrum: Vec<f64> = (0..matrix.channels().len()).map(|place| place as f64).collect();
        for method in [SignatureMethod::Nnls, SignatureMethod::Sparse] {
            let Some(found) = exposures(&spectrum, &matrix, method) else { continue };
            let numbers = found.mutations.iter().chain([&found.cosine_similarity]);
            numbers.for_each(|number| assert!(number.is_finite(), "an exposure is no number"));
        }
        drop(matrix.with_channels(&sbs96::channels()));
    });
}

/// A VCF against its specification.
pub fn specification(bytes: &[u8]) {
    with_file("checked.vcf", bytes, |path| match spec::check(path) {
        Ok(findings) => findings.list.iter().for_each(|finding| drop(format!("{finding:?}"))),
        Err(error) => drop(error.to_string()),
    });
}

/// Any file at all.
pub fn inspect(bytes: &[u8]) {
    with_file("any", bytes, |path| match inspect_file(path) {
        Ok(found) => drop(format!("{found:?}")),
        Err(error) => drop(error.to_string()),
    });
}

/// The genome build of a VCF or MAF, or of a text.
pub fn genome_build(bytes: &[u8]) {
    with_file("head", bytes, |path| match declared_build(path) {
        Ok(build) => drop(build.map(|build| build.to_string())),
        Err(error) => drop(error.to_string()),
    });
    let text = String::from_utf8_lossy(bytes);
    for build in [Build::named(&text), Build::of_maf(&text), Some(Build::Grch38)] {
        build.and_then(|build| build.length(&text));
    }
}

/// A FASTA and, after `NEXT_FILE`, its index.
pub fn fasta(bytes: &[u8]) {
    let (sequences, index) = two_files(bytes);
    with_file("a.fa", sequences, |path| {
        if index.is_empty() {
            return check_bases(path);
        }
        with_file("a.fa.fai", index, |_| check_bases(path));
    });
}

fn check_bases(path: &Path) {
    let read = || {
        let reference = Reference::open(path)?;
        let mut reader = reference.reader()?;
        for position in [0, 1, 2, 60, 61, 4096, 4097, u64::MAX] {
            reader.base("1", position)?;
            reader.agrees("chrM", position, b"ACGTN")?;
        }
        Ok::<(), Error>(())
    };
    if let Err(error) = read() {
        drop(error.to_string());
    }
}

/// The parts before and after `NEXT_FILE`; the second is empty where that is absent.
fn two_files(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memmem::find(bytes, NEXT_FILE) {
        Some(place) => (&bytes[..=place], &bytes[place + NEXT_FILE.len()..]),
        None => (bytes, b""),
    }
}

/// Lends a file for those that open a path; each process writes into a folder of its own.
fn with_file(name: &str, bytes: &[u8], read: impl FnOnce(&Path)) {
    let folder = env::temp_dir().join(format!("oncoweave-fuzzing-{}", process::id()));
    let path = folder.join(name);
    fs_err::create_dir_all(&folder).expect("the temporary folder can be written to");
    fs_err::write(&path, bytes).expect("the temporary folder can be written to");
    read(&path);
    fs_err::remove_file(&path).expect("the file was there before");
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

fn check_all(read: Result<Vec<Feature>, Error>) {
    match read {
        Ok(features) => features.iter().for_each(check_feature),
        Err(error) => drop(error.to_string()),
    }
}

fn check_feature(feature: &Feature) {
    let name = &feature.info.name;
    assert!(feature.value.is_none_or(f32::is_finite), "{name} is no number");
}
