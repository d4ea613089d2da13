use crate::genes::Driver;
use crate::truth::{Clinical, Genome, Tumor};

/// Mean and standard deviation of the natural logarithm of the count of nonsynonymous variants.
pub(crate) const LOG_COUNT_MEAN: f64 = 4.25;
pub(crate) const LOG_COUNT_SD: f64 = 0.5;
/// In mm.
pub(crate) const DIAMETER_MEAN: f64 = 40.0;
pub(crate) const DIAMETER_SD: f64 = 8.0;
/// In HU.
pub(crate) const TEXTURE_MEAN: f64 = 22.0;
pub(crate) const TEXTURE_SD: f64 = 7.0;
/// Share of the volume.
pub(crate) const NECROSIS_MEAN: f64 = 0.25;
pub(crate) const NECROSIS_SD: f64 = 0.08;
/// In years.
pub(crate) const AGE_MEAN: f64 = 64.0;
pub(crate) const AGE_SD: f64 = 9.0;
/// In g/dL.
pub(crate) const HEMOGLOBIN_MEAN: f64 = 12.8;
pub(crate) const HEMOGLOBIN_SD: f64 = 1.5;
/// The Weibull distribution of the time to death at log-hazard 0, in days.
pub(crate) const SHAPE: f64 = 1.3;
pub(crate) const SCALE_DAYS: f64 = 1100.0;

/// The mean time to another death at log-hazard 0, in days.
pub(crate) const OTHER_DEATH_DAYS: f64 = 2500.0;

/// Who comes under observation late does so on one of so many days after diagnosis.
pub(crate) const LATEST_ENTRY_DAYS: u32 = 730;

/// The true log-hazard of another death.
pub(crate) fn other_death(clinical: &Clinical) -> f64 {
    0.8 * (f64::from(clinical.age_years) - AGE_MEAN) / AGE_SD + 0.5 * (clinical.ecog as f64 - 0.75)
}

/// The formula in words, as the cohort's README states it; [`LogHazard::of`] computes it.
pub(crate) const FORMULA: &str = "\
genomics    = 0.8 (TP53 - 0.46) + 1.0 (STK11 - 0.25) - 0.7 (EGFR - 0.18)
              - 0.2 (ln(nonsynonymous) - 4.25) / 0.5
ct          = 0.45 (diameter_mm - 40) / 8 + 0.4 (texture_hu - 22) / 7
mr          = 0.2 (necrotic_fraction - 0.25) / 0.08
clinical    = 0.5 (stage - 1.4) + 0.4 (age - 64) / 9 - 0.3 (hemoglobin - 12.8) / 1.5
interaction = 0.6 (STK11 - 0.25) (diameter_mm - 40) / 8
log_hazard  = genomics + ct + mr + clinical + interaction
";

/// The true log-hazard, part by part; higher is worse, 0 is about the average patient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogHazard {
    /// TP53, STK11, EGFR and the number of nonsynonymous variants.
    pub genomics: f64,
    /// Size and texture.
    pub ct: f64,
    /// The dead core.
    pub mr: f64,
    /// Stage, age and hemoglobin.
    pub clinical: f64,
    /// STK11 makes a large tumor worse: genomics times imaging.
    pub interaction: f64,
}

impl LogHazard {
    pub(crate) fn of(genome: &Genome, tumor: &Tumor, clinical: &Clinical) -> Self {
        let centered =
            |driver: Driver| (if genome.has(driver) { 1.0 } else { 0.0 }) - driver.frequency();
        let log_count = (genome.nonsynonymous as f64).ln();
        let size = (tumor.diameter_mm - DIAMETER_MEAN) / DIAMETER_SD;
        let hemoglobin = f64::from(clinical.hemoglobin_tenths) / 10.0;
        Self {
            genomics: 0.8 * centered(Driver::Tp53) + centered(Driver::Stk11)
                - 0.7 * centered(Driver::Egfr)
                - 0.2 * (log_count - LOG_COUNT_MEAN) / LOG_COUNT_SD,
            ct: 0.45 * size + 0.4 * (tumor.texture_hu - TEXTURE_MEAN) / TEXTURE_SD,
            mr: 0.2 * (tumor.necrotic_fraction - NECROSIS_MEAN) / NECROSIS_SD,
            clinical: 0.5 * (clinical.stage as f64 - 1.4)
                + 0.4 * (f64::from(clinical.age_years) - AGE_MEAN) / AGE_SD
                - 0.3 * (hemoglobin - HEMOGLOBIN_MEAN) / HEMOGLOBIN_SD,
            interaction: 0.6 * centered(Driver::Stk11) * size,
        }
    }

    /// The sum of the parts.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.genomics + self.ct + self.mr + self.clinical + self.interaction
    }
}
