/// A driver gene that the simulation mutates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of genes")]
pub enum Driver {
    Tp53,
    Kras,
    Stk11,
    Egfr,
    Keap1,
    Pik3ca,
    Pten,
    Braf,
}

pub(crate) const DRIVERS: [Driver; 8] = [
    Driver::Tp53,
    Driver::Kras,
    Driver::Stk11,
    Driver::Egfr,
    Driver::Keap1,
    Driver::Pik3ca,
    Driver::Pten,
    Driver::Braf,
];

impl Driver {
    /// The share of patients in whom the gene is mutated.
    #[must_use]
    pub fn frequency(self) -> f64 {
        match self {
            Self::Tp53 => 0.46,
            Self::Kras => 0.28,
            Self::Stk11 => 0.25,
            Self::Egfr | Self::Keap1 => 0.18,
            Self::Pik3ca => 0.10,
            Self::Pten => 0.08,
            Self::Braf => 0.06,
        }
    }

    /// The gene's symbol.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        self.gene().symbol
    }

    /// Its place in [`GENES`].
    pub(crate) fn gene(self) -> &'static Gene {
        &GENES[self as usize]
    }

    /// Well-known mutations; a gene without any is hit anywhere.
    pub(crate) fn hotspots(self) -> &'static [Hotspot] {
        match self {
            Self::Tp53 => &TP53,
            Self::Kras => &KRAS,
            Self::Stk11 | Self::Keap1 => &[],
            Self::Egfr => &EGFR,
            Self::Pik3ca => &PIK3CA,
            Self::Pten => &PTEN,
            Self::Braf => &BRAF,
        }
    }
}

/// A gene on `GRCh38`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gene {
    pub(crate) symbol: &'static str,
    /// The number behind `ENSG`.
    pub(crate) ensembl: u64,
    /// The MANE Select pair; the simulation invents one where it stands empty.
    pub(crate) mane: Option<(&'static str, &'static str)>,
    /// Index into [`CONTIGS`].
    pub(crate) contig: usize,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// One base change or deletion, as VCF writes it on `GRCh38`.
#[derive(Debug)]
pub(crate) struct Hotspot {
    pub(crate) position: u32,
    pub(crate) reference: &'static str,
    pub(crate) alternate: &'static str,
    pub(crate) consequence: &'static str,
    pub(crate) protein: &'static str,
}

const fn hotspot(
    position: u32,
    reference: &'static str,
    alternate: &'static str,
    consequence: &'static str,
    protein: &'static str,
) -> Hotspot {
    Hotspot { position, reference, alternate, consequence, protein }
}

const TP53: [Hotspot; 4] = [
    hotspot(7_673_802, "C", "T", "missense_variant", "p.Arg273His"),
    hotspot(7_674_220, "C", "T", "missense_variant", "p.Arg248Gln"),
    hotspot(7_674_894, "G", "A", "stop_gained", "p.Arg213Ter"),
    hotspot(7_675_088, "C", "T", "missense_variant", "p.Arg175His"),
];
const KRAS: [Hotspot; 3] = [
    hotspot(25_245_350, "C", "T", "missense_variant", "p.Gly12Asp"),
    hotspot(25_245_350, "C", "A", "missense_variant", "p.Gly12Val"),
    hotspot(25_245_351, "C", "A", "missense_variant", "p.Gly12Cys"),
];
const EGFR: [Hotspot; 2] = [
    hotspot(55_174_771, "AGGAATTAAGAGAAGC", "A", "inframe_deletion", "p.Glu746_Ala750del"),
    hotspot(55_191_822, "T", "G", "missense_variant", "p.Leu858Arg"),
];
const PIK3CA: [Hotspot; 2] = [
    hotspot(179_218_303, "G", "A", "missense_variant", "p.Glu545Lys"),
    hotspot(179_234_297, "A", "G", "missense_variant", "p.His1047Arg"),
];
const PTEN: [Hotspot; 2] = [
    hotspot(87_933_147, "C", "T", "stop_gained", "p.Arg130Ter"),
    hotspot(87_957_915, "C", "T", "stop_gained", "p.Arg233Ter"),
];
const BRAF: [Hotspot; 1] = [hotspot(140_753_336, "A", "T", "missense_variant", "p.Val600Glu")];

/// The primary assembly of `GRCh38` with its lengths.
pub(crate) const CONTIGS: [(&str, u32); 24] = [
    ("chr1", 248_956_422),
    ("chr2", 242_193_529),
    ("chr3", 198_295_559),
    ("chr4", 190_214_555),
    ("chr5", 181_538_259),
    ("chr6", 170_805_979),
    ("chr7", 159_345_973),
    ("chr8", 145_138_636),
    ("chr9", 138_394_717),
    ("chr10", 133_797_422),
    ("chr11", 135_086_622),
    ("chr12", 133_275_309),
    ("chr13", 114_364_328),
    ("chr14", 107_043_718),
    ("chr15", 101_991_189),
    ("chr16", 90_338_345),
    ("chr17", 83_257_441),
    ("chr18", 80_373_285),
    ("chr19", 58_617_616),
    ("chr20", 64_444_167),
    ("chr21", 46_709_983),
    ("chr22", 50_818_468),
    ("chrX", 156_040_895),
    ("chrY", 57_227_415),
];

const fn driver(
    symbol: &'static str,
    ensembl: u64,
    mane: (&'static str, &'static str),
    place: (usize, u32, u32),
) -> Gene {
    let (chromosome, start, end) = place;
    Gene { symbol, ensembl, mane: Some(mane), contig: chromosome - 1, start, end }
}

/// `place` is the chromosome's number (23 is X), start and end on `GRCh38`.
const fn passenger(symbol: &'static str, ensembl: u64, place: (usize, u32, u32)) -> Gene {
    let (chromosome, start, end) = place;
    Gene { symbol, ensembl, mane: None, contig: chromosome - 1, start, end }
}

/// The drivers in [`DRIVERS`]' order, then long genes that passengers hit.
pub(crate) const GENES: [Gene; 38] = [
    driver("TP53", 141_510, ("ENST00000269305.9", "NM_000546.6"), (17, 7_668_421, 7_687_490)),
    driver("KRAS", 133_703, ("ENST00000311936.8", "NM_004985.5"), (12, 25_205_246, 25_250_929)),
    driver("STK11", 118_046, ("ENST00000326873.12", "NM_000455.5"), (19, 1_205_778, 1_228_431)),
    driver("EGFR", 146_648, ("ENST00000275493.7", "NM_005228.5"), (7, 55_019_017, 55_211_628)),
    driver("KEAP1", 79_999, ("ENST00000171111.10", "NM_203500.2"), (19, 10_486_125, 10_503_558)),
    driver("PIK3CA", 121_879, ("ENST00000263967.4", "NM_006218.4"), (3, 179_148_114, 179_240_093)),
    driver("PTEN", 171_862, ("ENST00000371953.8", "NM_000314.8"), (10, 87_862_638, 87_971_930)),
    driver("BRAF", 157_764, ("ENST00000646891.2", "NM_004333.6"), (7, 140_719_327, 140_924_929)),
    passenger("TTN", 155_657, (2, 178_525_989, 178_807_423)),
    passenger("MUC16", 181_143, (19, 8_848_844, 8_981_342)),
    passenger("CSMD3", 164_796, (8, 112_222_928, 113_436_939)),
    passenger("RYR2", 198_626, (1, 237_042_184, 237_833_988)),
    passenger("LRP1B", 168_702, (2, 140_231_423, 142_131_016)),
    passenger("USH2A", 42_781, (1, 215_622_891, 216_423_448)),
    passenger("ZFHX4", 91_656, (8, 76_681_239, 76_867_285)),
    passenger("FLG", 143_631, (1, 152_302_165, 152_325_239)),
    passenger("SPTA1", 163_554, (1, 158_610_704, 158_686_715)),
    passenger("XIRP2", 163_092, (2, 166_888_487, 167_259_753)),
    passenger("NAV3", 67_798, (12, 77_324_641, 78_213_010)),
    passenger("FAT3", 165_323, (11, 92_224_818, 92_896_473)),
    passenger("PCLO", 186_472, (7, 82_754_012, 83_162_930)),
    passenger("APOB", 84_674, (2, 21_001_429, 21_044_073)),
    passenger("PCDH15", 150_275, (10, 53_802_771, 55_627_942)),
    passenger("SYNE1", 131_018, (6, 152_121_684, 152_637_801)),
    passenger("RELN", 189_056, (7, 103_471_784, 103_989_516)),
    passenger("ANK2", 145_362, (4, 112_818_032, 113_384_221)),
    passenger("COL11A1", 60_718, (1, 102_876_467, 103_108_496)),
    passenger("NF1", 196_712, (17, 31_094_927, 31_377_677)),
    passenger("RB1", 139_687, (13, 48_303_747, 48_481_890)),
    passenger("SMARCA4", 127_616, (19, 10_961_028, 11_062_277)),
    passenger("ATM", 149_311, (11, 108_223_067, 108_369_102)),
    passenger("ARID1A", 117_713, (1, 26_696_015, 26_782_104)),
    passenger("SETD2", 181_555, (3, 47_016_429, 47_164_113)),
    passenger("NOTCH1", 148_400, (9, 136_494_433, 136_546_048)),
    passenger("CSMD1", 183_117, (8, 2_935_353, 4_994_972)),
    passenger("DMD", 198_947, (23, 31_097_677, 33_339_609)),
    passenger("DST", 151_914, (6, 56_457_987, 56_954_628)),
    passenger("RYR3", 198_838, (15, 33_310_962, 33_866_121)),
];

/// The genes that passengers hit.
pub(crate) fn passengers() -> &'static [Gene] {
    &GENES[DRIVERS.len()..]
}
