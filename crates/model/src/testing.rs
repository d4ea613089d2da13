//! A cohort with a known truth, for tests.

use oncoweave_core::{
    Cohort, CohortColumn, Column, FeatureInfo, PatientId, Risk, Survival, concordance::harrell_c,
};
use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

/// How big the cohort is and what it lacks.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) patients: usize,
    pub(crate) genes: usize,
    pub(crate) textures: usize,
    /// The share of patients that lack imaging.
    pub(crate) without_imaging: f64,
    pub(crate) seed: u64,
}

impl Shape {
    pub(crate) const SMALL: Self =
        Self { patients: 120, genes: 12, textures: 10, without_imaging: 0.1, seed: 1 };
}

/// A cohort and the log-risk that its outcomes were drawn from.
pub(crate) struct Simulated {
    pub(crate) cohort: Cohort,
    pub(crate) oracle: Vec<Risk>,
}

impl Simulated {
    /// Harrell's C of the truth itself.
    pub(crate) fn oracle_c(&self) -> f64 {
        let outcomes: Vec<Survival> = self.cohort.survival.iter().flatten().copied().collect();
        harrell_c(&outcomes, &self.oracle).unwrap()
    }
}

/// Draws genomics (rare 0/1 flags), imaging (columns that share a few factors) and clinical
/// columns. The log-risk has a linear part in each, and a product of a gene and the first factor.
pub(crate) fn simulate(shape: Shape) -> Simulated {
    let mut random = ChaCha12Rng::seed_from_u64(shape.seed);
    let n = shape.patients;
    let mut columns: Vec<CohortColumn> = vec![];
    let genes: Vec<Vec<f64>> = (0..shape.genes)
        .map(|gene| {
            let frequency = if gene < 3 { 0.4 } else { 0.15 };
            (0..n).map(|_| f64::from(random.random::<f64>() < frequency)).collect()
        })
        .collect();
    let factors: Vec<Vec<f64>> = (0..4).map(|_| normals(&mut random, n)).collect();
    let imaged: Vec<bool> =
        (0..n).map(|_| random.random::<f64>() >= shape.without_imaging).collect();
    for (index, gene) in genes.iter().enumerate() {
        columns.push(column("genomics", &format!("gene_{index}"), gene.iter().map(|&v| Some(v))));
    }
    for index in 0..shape.textures {
        let noise = normals(&mut random, n);
        let factor = &factors[index % 4];
        let value = |row: usize| imaged[row].then(|| factor[row] + 0.7 * noise[row]);
        columns.push(column("imaging", &format!("texture_{index}"), (0..n).map(value)));
    }
    let age: Vec<f64> = (0..n).map(|_| 60.0 + 10.0 * normal(&mut random)).collect();
    let stage: Vec<f64> = (0..n).map(|_| f64::from(random.random_range(0..4_u8))).collect();
    let lab: Vec<f64> = normals(&mut random, n);
    let age_known: Vec<bool> = (0..n).map(|_| random.random::<f64>() < 0.95).collect();
    columns.push(column("clinical", "age", (0..n).map(|row| age_known[row].then(|| age[row]))));
    columns.push(column("clinical", "stage", stage.iter().map(|&v| Some(v))));
    columns.push(column("clinical", "lab", lab.iter().map(|&v| Some(v))));
    let oracle: Vec<Risk> = (0..n)
        .map(|row| {
            let clinical = 0.4 * (age[row] - 60.0) / 10.0 + 0.4 * (stage[row] - 1.5);
            let genomic = 0.7 * genes[0][row] - 0.6 * genes[1][row] + 0.5 * genes[2][row];
            let imaging = 0.5 * factors[0][row] - 0.3 * factors[1][row];
            Risk(clinical + genomic + imaging + 0.8 * (genes[0][row] - 0.4) * factors[0][row])
        })
        .collect();
    let survival = |row: usize| {
        let event = -random.random::<f64>().ln() * 900.0 / oracle[row].0.exp();
        let censoring = 200.0 + 2000.0 * random.random::<f64>();
        let time_days = event.min(censoring).ceil();
        Some(Survival::until(time_days, event <= censoring))
    };
    let survival: Vec<Option<Survival>> = (0..n).map(survival).collect();
    let label = |row: usize| {
        let score = factors[2][row] + genes[3][row] * 2.0 + 0.5 * normal(&mut random);
        Some(if score > 0.5 { "luminal" } else { "basal" }.to_owned())
    };
    let cohort = Cohort {
        labels: (0..n).map(label).collect(),
        patients: (0..n).map(|row| PatientId::new(&format!("P{row:04}")).unwrap()).collect(),
        sites: vec![None; n],
        index_dates: vec![None; n],
        survival,
        competing: vec![],
        folds: (0..n).map(|row| Some(u32::try_from(row % 5).unwrap())).collect(),
        columns,
    };
    Simulated { cohort, oracle }
}

fn normals(random: &mut ChaCha12Rng, count: usize) -> Vec<f64> {
    (0..count).map(|_| normal(random)).collect()
}

fn normal(random: &mut ChaCha12Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

fn column(modality: &str, name: &str, values: impl Iterator<Item = Option<f64>>) -> CohortColumn {
    let info = FeatureInfo {
        name: name.to_owned(),
        unit: String::new(),
        meaning: "simulated".to_owned(),
        standard: String::new(),
    };
    #[expect(clippy::cast_possible_truncation, reason = "features are float32")]
    let values: Column = values.map(|value| value.map(|value| value as f32)).collect();
    CohortColumn { modality: modality.to_owned(), info, values }
}
