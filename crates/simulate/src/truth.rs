use chrono::{Days, NaiveDate};
use oncoweave_core::Survival;
use rand::RngExt;
use rand::rngs::ChaCha12Rng;

use crate::genes::{DRIVERS, Driver};
use crate::hazard::{self, LogHazard};
use crate::random::{self, Purpose, bounded_normal, choose};

/// Everything true about one simulated patient, whether or not a file shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Patient {
    /// `SIM-0001` and so on.
    pub id: String,
    /// The somatic genome.
    pub genome: Genome,
    /// The tumor.
    pub tumor: Tumor,
    /// The clinical picture at diagnosis.
    pub clinical: Clinical,
    /// The true risk; higher is worse.
    pub log_hazard: LogHazard,
    /// The observed follow-up; see [`enter_late`].
    pub survival: Survival,
    /// The true log-hazard of another death, and whether that ended follow-up; see [`compete`].
    pub other_death: Option<OtherDeath>,
    /// The true class.
    pub subtype: Subtype,
    /// Which examinations the patient had.
    pub measured: Measured,
}

/// A death that has nothing to do with the tumor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OtherDeath {
    /// Its true log-hazard; 0 is about the average patient.
    pub log_hazard: f64,
    /// Whether it came before all else.
    pub observed: bool,
}

/// What a perfect caller would find.
#[derive(Clone, Debug, PartialEq)]
pub struct Genome {
    /// Mutated driver genes: at least one nonsynonymous somatic variant. In the order of
    /// TP53, KRAS, STK11, EGFR, KEAP1, PIK3CA, PTEN, BRAF.
    pub drivers: Vec<Driver>,
    /// Nonsynonymous somatic variants, drivers included.
    pub nonsynonymous: usize,
}

impl Genome {
    /// Whether the gene is mutated.
    #[must_use]
    pub fn has(&self, driver: Driver) -> bool {
        self.drivers.contains(&driver)
    }
}

/// The tumor's true size and substance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tumor {
    /// Diameter of the sphere of the tumor's volume, in mm.
    pub diameter_mm: f64,
    /// Mean CT number inside, in HU.
    pub mean_hu: f64,
    /// Standard deviation of the CT number inside, without the scanner's noise, in HU.
    pub texture_hu: f64,
    /// The dead core's share of the volume, seen on MR alone.
    pub necrotic_fraction: f64,
}

impl Tumor {
    /// Volume in mm³.
    #[must_use]
    pub fn volume_mm3(&self) -> f64 {
        std::f64::consts::PI / 6.0 * self.diameter_mm.powi(3)
    }
}

/// The clinical picture at diagnosis.
#[derive(Clone, Debug, PartialEq)]
pub struct Clinical {
    /// Age in whole years.
    pub age_years: u32,
    /// Recorded sex.
    pub female: bool,
    /// 0 is stage I, 3 is stage IV.
    pub stage: usize,
    /// Whether the patient ever smoked.
    pub smoker: bool,
    /// ECOG performance status, 0 to 2; higher is worse.
    pub ecog: usize,
    /// Hemoglobin in tenths of g/dL.
    pub hemoglobin_tenths: u32,
    /// Lactate dehydrogenase in U/L.
    pub ldh: u32,
    /// The hospital, 0 to 2; scanners differ between them.
    pub hospital: usize,
    /// The index date.
    pub diagnosis: NaiveDate,
}

/// Molecular subtype, decided by genome and CT texture together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subtype {
    /// Likelier with KRAS and STK11.
    ProximalProliferative,
    /// Likelier with TP53 and a heterogeneous tumor.
    ProximalInflammatory,
    /// Likelier with EGFR and a homogeneous tumor.
    TerminalRespiratory,
}

impl Subtype {
    /// The class as tables name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ProximalProliferative => "proximal_proliferative",
            Self::ProximalInflammatory => "proximal_inflammatory",
            Self::TerminalRespiratory => "terminal_respiratory",
        }
    }
}

/// Which examinations a patient had; missing at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four examinations, each done or not")]
pub struct Measured {
    /// A sequenced tumor and normal.
    pub genome: bool,
    /// A CT at diagnosis.
    pub ct: bool,
    /// A second CT after the index date, which a baseline model must not see.
    pub follow_up_ct: bool,
    /// An MR at diagnosis.
    pub mr: bool,
}

/// Draws the patient number `index` (from 0) of a seed; a pure function.
#[must_use]
pub fn draw_patient(seed: u64, index: usize) -> Patient {
    draw(&mut random::stream(seed, index, Purpose::Truth), index)
}

fn draw(random: &mut ChaCha12Rng, index: usize) -> Patient {
    let genome = draw_genome(random);
    let tumor = draw_tumor(random, &genome);
    let clinical = draw_clinical(random, &tumor);
    let log_hazard = LogHazard::of(&genome, &tumor, &clinical);
    let survival = draw_survival(random, log_hazard.total());
    let subtype = draw_subtype(random, &genome, &tumor);
    let measured = draw_measured(random);
    let id = format!("SIM-{:04}", index + 1);
    let other_death = None;
    Patient { id, genome, tumor, clinical, log_hazard, survival, other_death, subtype, measured }
}

/// Lets another death compete for the patient number `index` of a seed: exponential, its hazard
/// rising with age and performance status alone. All else stays as it was drawn.
#[must_use]
pub fn compete(patient: Patient, seed: u64, index: usize) -> Patient {
    draw_other_death(&mut random::stream(seed, index, Purpose::OtherDeath), patient)
}

/// Lets every other patient, by lot, come under observation late: on a day that is drawn evenly from
/// the first two years. Whose follow-up ends by then was never seen: somebody else is drawn in that
/// place, with another death where it competes, until one is.
#[must_use]
pub fn enter_late(mut patient: Patient, seed: u64, index: usize) -> Patient {
    let mut random = random::stream(seed, index, Purpose::LateEntry);
    if random.random_bool(0.5) {
        return patient;
    }
    loop {
        let entry_days = random.random_range(1..=hazard::LATEST_ENTRY_DAYS);
        if let Ok(survival) = patient.survival.entered(f64::from(entry_days)) {
            return Patient { survival, ..patient };
        }
        let other = draw(&mut random, index);
        patient = match patient.other_death {
            Some(_) => draw_other_death(&mut random, other),
            None => other,
        };
    }
}

fn draw_other_death(random: &mut ChaCha12Rng, patient: Patient) -> Patient {
    let log_hazard = hazard::other_death(&patient.clinical);
    let exponential = -(1.0 - random.random::<f64>()).ln();
    let death = (hazard::OTHER_DEATH_DAYS * exponential * (-log_hazard).exp()).ceil().max(1.0);
    let observed = death < patient.survival.time_days;
    let survival = if observed {
        Survival { time_days: death, event: false, ..patient.survival }
    } else {
        patient.survival
    };
    Patient { survival, other_death: Some(OtherDeath { log_hazard, observed }), ..patient }
}

fn draw_genome(random: &mut ChaCha12Rng) -> Genome {
    let drivers: Vec<Driver> =
        DRIVERS.into_iter().filter(|driver| random.random_bool(driver.frequency())).collect();
    let count = (hazard::LOG_COUNT_MEAN + hazard::LOG_COUNT_SD * bounded_normal(random)).exp();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "23 to 211")]
    let nonsynonymous = count.round() as usize;
    Genome { drivers, nonsynonymous }
}

/// Size leans on STK11 and texture on TP53, as radiogenomic studies find: correlation 0.25.
fn draw_tumor(random: &mut ChaCha12Rng, genome: &Genome) -> Tumor {
    let mut lean = |driver: Driver| {
        let frequency = driver.frequency();
        let mutated = if genome.has(driver) { 1.0 } else { 0.0 };
        let standard = (mutated - frequency) / (frequency * (1.0 - frequency)).sqrt();
        let noise = bounded_normal(random);
        (0.25 * standard + (1.0 - 0.25_f64.powi(2)).sqrt() * noise).clamp(-2.2, 2.2)
    };
    let size = lean(Driver::Stk11);
    let texture = lean(Driver::Tp53);
    Tumor {
        diameter_mm: hazard::DIAMETER_MEAN + hazard::DIAMETER_SD * size,
        texture_hu: hazard::TEXTURE_MEAN + hazard::TEXTURE_SD * texture,
        mean_hu: 35.0 + 12.0 * bounded_normal(random),
        necrotic_fraction: hazard::NECROSIS_MEAN + hazard::NECROSIS_SD * bounded_normal(random),
    }
}

/// Stage leans on size (correlation about 0.3): larger tumors are found later.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "all clamped")]
fn draw_clinical(random: &mut ChaCha12Rng, tumor: &Tumor) -> Clinical {
    let size = (tumor.diameter_mm - hazard::DIAMETER_MEAN) / hazard::DIAMETER_SD;
    let spread = 0.3 * size + (1.0 - 0.3_f64.powi(2)).sqrt() * random::normal(random);
    let stage = [-0.52, 0.13, 0.84].iter().filter(|&&bound| spread > bound).count();
    let age = hazard::AGE_MEAN + hazard::AGE_SD * bounded_normal(random);
    let hemoglobin = hazard::HEMOGLOBIN_MEAN + hazard::HEMOGLOBIN_SD * bounded_normal(random);
    let ldh = (5.4 + 0.3 * bounded_normal(random)).exp();
    let first_day = NaiveDate::from_ymd_opt(2012, 1, 1).expect("a day of the calendar");
    Clinical {
        age_years: age.round() as u32,
        female: random.random_bool(0.48),
        stage,
        smoker: random.random_bool(0.7),
        ecog: choose(random, &[0.4, 0.45, 0.15]),
        hemoglobin_tenths: (10.0 * hemoglobin).round() as u32,
        ldh: ldh.round() as u32,
        hospital: choose(random, &[0.45, 0.35, 0.2]),
        diagnosis: first_day + Days::new(random.random_range(0..2192)),
    }
}

/// Weibull proportional hazards, cut off by the study's end and by patients who leave.
fn draw_survival(random: &mut ChaCha12Rng, log_hazard: f64) -> Survival {
    let exponential = -(1.0 - random.random::<f64>()).ln();
    let scaled = exponential * (-log_hazard).exp();
    let death = hazard::SCALE_DAYS * scaled.powf(1.0 / hazard::SHAPE);
    let study_end = 365.0 * (1.0 + 6.0 * random.random::<f64>());
    let leaves = -(1.0 - random.random::<f64>()).ln() * 365.0 * 15.0;
    let last_contact = study_end.min(leaves);
    let time_days = death.min(last_contact).ceil().max(1.0);
    Survival::until(time_days, death <= last_contact)
}

fn draw_subtype(random: &mut ChaCha12Rng, genome: &Genome, tumor: &Tumor) -> Subtype {
    let mutated = |driver| if genome.has(driver) { 1.0 } else { 0.0 };
    let texture = (tumor.texture_hu - hazard::TEXTURE_MEAN) / hazard::TEXTURE_SD;
    let proliferative = 2.0 * mutated(Driver::Kras) + 1.5 * mutated(Driver::Stk11);
    let inflammatory = 1.8 * mutated(Driver::Tp53) + 1.2 * texture;
    let terminal = 0.5 + 2.2 * mutated(Driver::Egfr) - 1.2 * texture;
    let weights = [proliferative, inflammatory, terminal].map(f64::exp);
    [Subtype::ProximalProliferative, Subtype::ProximalInflammatory, Subtype::TerminalRespiratory]
        [choose(random, &weights)]
}

/// About 15 % have no image at all and 10 % no genome; nobody lacks both.
fn draw_measured(random: &mut ChaCha12Rng) -> Measured {
    let (ct, mr) = [(true, false), (true, true), (false, true), (false, false)]
        [choose(random, &[0.52, 0.30, 0.03, 0.15])];
    let genome = (!ct && !mr) || !random.random_bool(0.118);
    let follow_up_ct = ct && random.random_bool(0.08);
    Measured { genome, ct, follow_up_ct, mr }
}

#[cfg(test)]
mod tests {
    use oncoweave_core::Risk;
    use oncoweave_core::concordance::harrell_c;
    use oncoweave_core::kaplan_meier::KaplanMeier;

    use super::*;

    type Part = fn(&LogHazard) -> f64;

    fn patients(count: usize) -> Vec<Patient> {
        (0..count).map(|index| draw_patient(7, index)).collect()
    }

    fn concordance(patients: &[Patient], risk: impl Fn(&Patient) -> f64) -> f64 {
        let outcomes: Vec<Survival> = patients.iter().map(|patient| patient.survival).collect();
        let risks: Vec<Risk> = patients.iter().map(|patient| Risk(risk(patient))).collect();
        harrell_c(&outcomes, &risks).unwrap()
    }

    fn share(patients: &[Patient], holds: impl Fn(&Patient) -> bool) -> f64 {
        patients.iter().filter(|patient| holds(patient)).count() as f64 / patients.len() as f64
    }

    #[test]
    fn a_patient_depends_on_seed_and_number_alone() {
        assert_eq!(draw_patient(7, 41), draw_patient(7, 41));
        assert_ne!(draw_patient(7, 41).tumor, draw_patient(8, 41).tumor);
        assert_ne!(draw_patient(7, 41).tumor, draw_patient(7, 42).tumor);
    }

    #[test]
    fn the_oracle_ranks_well_and_no_part_alone_does() {
        let patients = patients(4000);
        let all = concordance(&patients, |patient| patient.log_hazard.total());
        assert!((0.75..=0.80).contains(&all), "{all}");
        let parts: [(&str, Part); 3] = [
            ("genomics", |hazard| hazard.genomics),
            ("imaging", |hazard| hazard.ct + hazard.mr),
            ("clinical", |hazard| hazard.clinical),
        ];
        for (name, part) in parts {
            let alone = concordance(&patients, |patient| part(&patient.log_hazard));
            // What a part known without error reaches; measured features reach less.
            assert!((0.60..=0.70).contains(&alone), "{name}: {alone}");
        }
        let without = concordance(&patients, |patient| {
            patient.log_hazard.total() - patient.log_hazard.interaction
        });
        assert!(without < all - 0.002, "{without} without the interaction, {all} with it");
    }

    #[test]
    fn proportions_are_as_stated() {
        let patients = patients(4000);
        let shares = [
            ("censored", share(&patients, |p| !p.survival.event), 0.40..=0.50),
            ("no genome", share(&patients, |p| !p.measured.genome), 0.08..=0.12),
            ("no image", share(&patients, |p| !p.measured.ct && !p.measured.mr), 0.13..=0.17),
            ("MR", share(&patients, |p| p.measured.mr), 0.30..=0.36),
            ("nothing", share(&patients, |p| p.measured == NOTHING), 0.0..=0.0),
            ("STK11", share(&patients, |p| p.genome.has(Driver::Stk11)), 0.23..=0.27),
        ];
        for (name, share, expected) in shares {
            assert!(expected.contains(&share), "{name}: {share}");
        }
        for class in [
            Subtype::ProximalProliferative,
            Subtype::ProximalInflammatory,
            Subtype::TerminalRespiratory,
        ] {
            assert!(share(&patients, |p| p.subtype == class) > 0.2, "{class:?}");
        }
    }

    #[test]
    fn another_death_ends_follow_up_and_changes_nothing_else() {
        let patients = patients(4000);
        let competed: Vec<Patient> =
            (0..4000).map(|index| compete(patients[index].clone(), 7, index)).collect();
        let observed = |patient: &Patient| patient.other_death.is_some_and(|other| other.observed);
        let others = share(&competed, observed);
        assert!((0.2..=0.4).contains(&others), "{others}");
        for (before, after) in patients.iter().zip(&competed) {
            assert!(after.survival.time_days <= before.survival.time_days);
            assert!(!(observed(after) && after.survival.event));
            let back = Patient { survival: before.survival, other_death: None, ..after.clone() };
            assert_eq!(&back, before);
        }
        let outcome = |patient: &Patient| Survival { event: observed(patient), ..patient.survival };
        let outcomes: Vec<Survival> = competed.iter().map(outcome).collect();
        let risks: Vec<Risk> =
            competed.iter().map(|patient| Risk(patient.other_death.unwrap().log_hazard)).collect();
        let c_index = harrell_c(&outcomes, &risks).unwrap();
        assert!((0.68..=0.78).contains(&c_index), "{c_index}");
    }

    #[test]
    fn who_comes_late_was_there_to_be_seen() {
        let drawn = patients(2000);
        let competed = |index: usize| compete(drawn[index].clone(), 7, index);
        for competing in [false, true] {
            let before = |index| if competing { competed(index) } else { drawn[index].clone() };
            let late: Vec<Patient> =
                (0..2000).map(|index| enter_late(before(index), 7, index)).collect();
            let is_late = |patient: &Patient| patient.survival.entry_days.is_some();
            let share = share(&late, is_late);
            assert!((0.47..=0.53).contains(&share), "{share}");
            let mut replaced = 0;
            for (index, after) in late.iter().enumerate() {
                assert_eq!(after, &enter_late(before(index), 7, index));
                assert_eq!(after.other_death.is_some(), competing);
                let Some(entry) = after.survival.entry_days else {
                    assert_eq!(after, &before(index));
                    continue;
                };
                assert!((1.0..=730.0).contains(&entry) && entry < after.survival.time_days);
                let back = Patient {
                    survival: Survival { entry_days: None, ..after.survival },
                    ..after.clone()
                };
                replaced += usize::from(back != before(index));
                assert_eq!(back.id, before(index).id);
            }
            assert!(replaced > 200, "{replaced} others were drawn");
        }
    }

    #[test]
    fn only_a_curve_that_knows_of_late_entries_is_the_truth() {
        let patients = patients(4000);
        let late: Vec<Survival> =
            (0..4000).map(|index| enter_late(patients[index].clone(), 7, index).survival).collect();
        let naive: Vec<Survival> =
            late.iter().map(|one| Survival { entry_days: None, ..*one }).collect();
        let (honest, naive) = (KaplanMeier::fit(&late), KaplanMeier::fit(&naive));
        for days in [365.0_f64, 730.0, 1095.0] {
            let hazard = (days / hazard::SCALE_DAYS).powf(hazard::SHAPE);
            let survival = |one: &Patient| (-hazard * one.log_hazard.total().exp()).exp();
            let truth = patients.iter().map(survival).sum::<f64>() / 4000.0;
            let (honest, naive) = (honest.survival_at(days).0, naive.survival_at(days).0);
            assert!((honest - truth).abs() < 0.03, "day {days}: {honest}, true is {truth}");
            assert!(naive > honest + 0.05, "day {days}: {naive} without entries, {honest} with");
        }
    }

    const NOTHING: Measured = Measured { genome: false, ct: false, follow_up_ct: false, mr: false };

    #[test]
    fn the_average_log_hazard_is_about_zero() {
        let patients = patients(4000);
        let mean = patients.iter().map(|patient| patient.log_hazard.total()).sum::<f64>() / 4000.0;
        assert!(mean.abs() < 0.1, "{mean}");
    }
}
