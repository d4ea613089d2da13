use oncoweave_core::{
    Cohort,
    split::{Stratum, stratified_folds},
};

use crate::Error;

/// Who is held out when.
#[derive(Clone, Debug, PartialEq)]
pub struct Folds {
    /// The fold of each patient of the cohort. A patient without one is in no training part and in
    /// no held-out part.
    pub of: Vec<Option<u32>>,
    /// How they were made, in words, for [`oncoweave_core::Evaluation::design`].
    pub design: String,
}

impl Folds {
    /// Folds 0 to `folds - 1` that are alike in events, times and labels.
    ///
    /// # Errors
    /// When there are fewer than two folds, or not an event for each.
    pub fn stratified(cohort: &Cohort, folds: usize, seed: u64) -> Result<Self, Error> {
        let outcomes = cohort.survival.iter().zip(&cohort.labels);
        let stratum = |(&survival, label)| Stratum { survival, label: Option::as_deref(label) };
        let strata: Vec<Stratum> = outcomes.map(stratum).collect();
        let of = stratified_folds(&strata, folds, seed)
            .map_err(Error::undefined("the patients cannot be split"))?;
        Ok(Self {
            of: of.into_iter().map(Some).collect(),
            design: format!(
                "{folds}-fold cross-validation, stratified by event and time, seed {seed}"
            ),
        })
    }

    /// The folds that the cohort's own column gives.
    ///
    /// # Errors
    /// When no patient has one.
    pub fn from_column(cohort: &Cohort) -> Result<Self, Error> {
        Self::given(cohort.folds.clone(), "the cohort's `fold` column")
    }

    /// Folds from outside; `source` says where from, such as ``the cohort's `fold` column``.
    ///
    /// # Errors
    /// When there are fewer than two distinct ones.
    pub fn given(of: Vec<Option<u32>>, source: &str) -> Result<Self, Error> {
        let folds = Self { of, design: String::new() };
        let count = folds.numbers().len();
        if count < 2 {
            let reason = format!("{source} names {count} folds; cross-validation takes two");
            return Err(Error::Unevaluable { reason });
        }
        Ok(Self { design: format!("{count} folds given by {source}"), ..folds })
    }

    /// The distinct folds, rising.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.of.iter().flatten().copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}
