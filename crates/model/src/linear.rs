use oncoweave_core::{
    Survival, Undefined, Values,
    cox::{CoxModel, fit_ridge_cv},
    cross_fit::{CrossFitted, fit_elastic_net_cv},
    preprocess::{Block, PreparedBlock},
};
use serde::{Deserialize, Serialize};

/// What models are called that every column of has a coefficient.
pub(crate) const RIDGE: &str = "ridge Cox";

/// What models are called that few columns of have a coefficient.
pub(crate) const ELASTIC_NET: &str = "elastic-net Cox";

/// Parts of the training part that the penalty is chosen over.
const PENALTY_FOLDS: usize = 5;

/// Penalized Cox regression: the content of `coefficients.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// The penalty of each modality's columns, chosen by cross-validation inside the training part.
    pub penalties: Vec<ModalityPenalty>,
    /// The share of the lasso in an elastic net's penalty; `None` for ridge Cox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l1_ratio: Option<f64>,
    /// The log partial likelihood of the training patients, without the penalty.
    pub log_likelihood: f64,
    /// The log hazard ratio of one standard deviation of each column, in the columns' order.
    pub coefficients: Vec<Coefficient>,
}

/// One modality's penalty in [`Linear`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModalityPenalty {
    /// The modality.
    pub modality: String,
    /// The penalty on half the sum of the squares of its coefficients, beside the log likelihood
    /// summed over events. With an l1 ratio a, that on a times the sum of their absolute values and
    /// (1 - a) / 2 times that of their squares.
    pub penalty: f64,
}

/// One column of [`Linear`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coefficient {
    /// The column as in the aligned table, `<modality>.<feature>`.
    pub column: String,
    /// The log hazard ratio of one standard deviation; positive is worse.
    pub log_hazard_ratio: f64,
}

/// Chooses the penalty inside the training part and fits all of it.
pub(crate) fn fit_ridge(
    blocks: &[&PreparedBlock],
    outcomes: &[Survival],
    seed: u64,
) -> Result<CoxModel, Undefined> {
    fit_ridge_cv(&values(blocks), outcomes, penalty_folds(outcomes), seed)
}

/// The same with a penalty that has a share of the lasso.
pub(crate) fn fit_elastic_net(
    blocks: &[&PreparedBlock],
    outcomes: &[Survival],
    seed: u64,
    l1_ratio: f64,
) -> Result<CoxModel, Undefined> {
    fit_elastic_net_cv(&values(blocks), outcomes, penalty_folds(outcomes), seed, l1_ratio)
}

pub(crate) fn values<'a>(blocks: &[&'a PreparedBlock]) -> Vec<Values<'a>> {
    blocks.iter().map(|block| Values::Prepared(block)).collect()
}

fn penalty_folds(outcomes: &[Survival]) -> usize {
    let events = outcomes.iter().filter(|outcome| outcome.event).count();
    PENALTY_FOLDS.min(events).max(2)
}

impl Linear {
    pub(crate) fn new(fitted: &CoxModel, blocks: &[&PreparedBlock]) -> Self {
        let penalties = vec![fitted.penalty; blocks.len()];
        Self::of(&fitted.coefficients, &penalties, fitted.log_likelihood, blocks)
    }

    pub(crate) fn cross_fitted(fitted: &CrossFitted, blocks: &[&PreparedBlock]) -> Self {
        Self::of(&fitted.coefficients, &fitted.penalties, fitted.log_likelihood, blocks)
    }

    /// The same of an elastic net.
    pub(crate) fn with_l1_ratio(self, l1_ratio: f64) -> Self {
        Self { l1_ratio: Some(l1_ratio), ..self }
    }

    /// The method's name.
    #[must_use]
    pub fn method(&self) -> &'static str {
        if self.l1_ratio.is_some() { ELASTIC_NET } else { RIDGE }
    }

    /// How many columns have a coefficient, and by which penalty; `None` for ridge Cox, which gives
    /// every column one.
    #[must_use]
    pub fn selection(&self) -> Option<String> {
        let l1_ratio = self.l1_ratio?;
        let kept = self.coefficients.iter().filter(|column| column.log_hazard_ratio != 0.0).count();
        let penalty = self.penalties.first().map_or(0.0, |first| first.penalty);
        Some(format!(
            "{kept} of {} columns have a coefficient, by a penalty of {penalty:.2} with an l1 ratio \
             of {l1_ratio}",
            self.coefficients.len()
        ))
    }

    /// Reads nothing.
    pub(crate) fn constant(blocks: &[&PreparedBlock]) -> Self {
        let zeros = vec![0.0; blocks.iter().map(|block| block.ncols()).sum()];
        Self::of(&zeros, &vec![0.0; blocks.len()], 0.0, blocks)
    }

    fn of(
        coefficients: &[f64],
        penalties: &[f64],
        log_likelihood: f64,
        blocks: &[&PreparedBlock],
    ) -> Self {
        let column = |(name, &log_hazard_ratio): (&String, &f64)| Coefficient {
            column: name.clone(),
            log_hazard_ratio,
        };
        let penalty = |(block, &penalty): (&&PreparedBlock, &f64)| ModalityPenalty {
            modality: block.modality().to_owned(),
            penalty,
        };
        Self {
            penalties: blocks.iter().zip(penalties).map(penalty).collect(),
            l1_ratio: None,
            log_likelihood,
            coefficients: blocks
                .iter()
                .flat_map(|block| block.names())
                .zip(coefficients)
                .map(column)
                .collect(),
        }
    }

    /// The log-risk of each patient, (patients,): a plain sum row by row, because a matrix product
    /// rounds otherwise for other numbers of patients.
    pub(crate) fn log_risks(&self, blocks: &[&Block]) -> Vec<f64> {
        let coefficients: Vec<f64> =
            self.coefficients.iter().map(|column| column.log_hazard_ratio).collect();
        let patients = blocks.first().map_or(0, |block| block.x.nrows());
        let mut log_risks = vec![0.0; patients];
        let mut start = 0;
        for block in blocks {
            let own = &coefficients[start..start + block.x.ncols()];
            for (log_risk, row) in log_risks.iter_mut().zip(block.x.rows()) {
                for (&value, coefficient) in row.iter().zip(own) {
                    *log_risk += f64::from(value) * coefficient;
                }
            }
            start += block.x.ncols();
        }
        log_risks
    }
}
