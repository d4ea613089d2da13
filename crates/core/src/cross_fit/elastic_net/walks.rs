//! Walks along the penalties of elastic nets, fits to some of the patients from the largest penalty
//! on, and what all of them share.

use ndarray::Array2;
use rayon::prelude::*;

use crate::coordinate_descent::Descent;
use crate::cox::{CoxModel, check_blocks};
use crate::cross_fit::path::Judge;
use crate::cross_fit::{best_of, no_fit};
use crate::matrix::{Values, side_by_side};
use crate::newton::add_scaled;
use crate::partial_likelihood::Ties;
use crate::{Survival, Undefined};

/// Penalties from one to a tenth of it.
pub(super) const STEPS_PER_TENFOLD: f64 = 36.0;

/// The smallest penalty, in standard errors of a slope: it makes a coefficient that stands alone
/// too small by a quarter of its standard error.
const SMALLEST: f64 = 0.25;

/// A smaller share of the lasso leaves a penalty at which all coefficients are 0 as with this one.
const LEAST_L1_RATIO: f64 = 0.001;

/// Numbers that fits side by side hold copies of at most.
const MOST_AT_ONCE: usize = 1 << 27;

/// What all fits share.
pub(super) struct Net<'a> {
    /// (columns, patients).
    x: Array2<f64>,
    /// The mean variance of the columns.
    variance: f64,
    outcomes: &'a [Survival],
    fold_of: &'a [u32],
    pub(super) folds: u32,
    l1_ratio: f64,
    /// The penalties in units of the standard error of a slope, from the largest to the smallest.
    sizes: Vec<f64>,
}

/// Fits to some patients, from the largest penalty on.
pub(super) struct Walk {
    /// By each judge, the worth of each fit up to where it is hopeless.
    pub(super) worths: Vec<Vec<f64>>,
    /// The log-risk of each patient of the cohort at the penalty that was asked for, (patients,).
    pub(super) log_risks: Option<Vec<f64>>,
}

impl<'a> Net<'a> {
    pub(super) fn new(
        blocks: &[Values],
        outcomes: &'a [Survival],
        fold_of: &'a [u32],
        l1_ratio: f64,
    ) -> Result<Self, Undefined> {
        assert_eq!(outcomes.len(), fold_of.len(), "one fold for each outcome");
        check_blocks(blocks, outcomes, 0.0)?;
        if !(0.0..=1.0).contains(&l1_ratio) {
            return Err(Undefined::InvalidShare { what: "the l1 ratio", value: l1_ratio });
        }
        let x = side_by_side(blocks)?;
        let variance = x.var_axis(ndarray::Axis(1), 0.0).mean().unwrap_or_default();
        let largest = (outcomes.len() as f64).sqrt();
        let size = |step: f64| largest * 10_f64.powf(-step / STEPS_PER_TENFOLD);
        let mut sizes = vec![];
        let mut step = 0.0;
        while sizes.last().is_none_or(|&smallest| smallest > SMALLEST) {
            sizes.push(size(step));
            step += 1.0;
        }
        Ok(Self {
            x,
            variance,
            outcomes,
            fold_of,
            folds: fold_of.iter().max().map_or(0, |last| last + 1),
            l1_ratio,
            sizes: sizes.into_iter().map(|size| size / l1_ratio.max(LEAST_L1_RATIO)).collect(),
        })
    }

    /// A penalty where some patients are fitted to.
    pub(super) fn penalty(&self, step: usize, rows: &[usize]) -> f64 {
        let events = rows.iter().filter(|&&row| self.outcomes[row].event).count() as f64;
        self.sizes[step] * (events * self.variance).sqrt()
    }

    fn descent(&self, rows: &[usize]) -> Descent {
        Descent::new(&self.x.t(), self.outcomes, rows, Ties::Efron)
    }

    fn solve(&self, descent: &mut Descent, penalty: f64) -> Option<f64> {
        let each = |share: f64| vec![penalty * share; self.x.nrows()];
        descent.solve(&each(self.l1_ratio), &each(1.0 - self.l1_ratio))
    }

    /// The log-risk of everybody, up to a constant.
    fn log_risks(&self, descent: &Descent) -> Vec<f64> {
        let mut log_risks = vec![0.0; self.x.ncols()];
        for (column, &coefficient) in self.x.rows().into_iter().zip(descent.coefficients()) {
            if coefficient != 0.0 {
                let column = column.to_slice().expect("it is in row order");
                add_scaled(&mut log_risks, coefficient, column);
            }
        }
        log_risks
    }

    /// Fits to some patients until smaller penalties are hopeless by each judge and the one whose
    /// log-risks are to be kept is done.
    pub(super) fn walk(&self, rows: &[usize], mut judges: Vec<Judge>, keep: Option<usize>) -> Walk {
        let mut descent = self.descent(rows).loose();
        let mut walk = Walk { worths: vec![vec![]; judges.len()], log_risks: None };
        for step in 0..self.sizes.len() {
            let wanted = keep.is_some_and(|keep| step <= keep);
            if !wanted && !judges.iter().any(Judge::hopes) {
                break;
            }
            let Some(fitted) = self.solve(&mut descent, self.penalty(step, rows)) else { break };
            let log_risks = self.log_risks(&descent);
            for (judge, worths) in judges.iter_mut().zip(&mut walk.worths) {
                worths.extend(judge.worth(&log_risks, fitted));
            }
            if keep == Some(step) {
                walk.log_risks = Some(log_risks);
            }
        }
        walk
    }

    /// Several walks, as many side by side as there is memory for.
    pub(super) fn walks(&self, count: usize, walk: impl Fn(usize) -> Walk + Sync) -> Vec<Walk> {
        let at_once = (MOST_AT_ONCE / self.x.len().max(1)).max(1);
        let places: Vec<usize> = (0..count).collect();
        let side_by_side = |places: &[usize]| -> Vec<Walk> {
            places.par_iter().map(|&place| walk(place)).collect()
        };
        places.chunks(at_once).flat_map(side_by_side).collect()
    }

    /// The walks that each lack one fold, judged by everybody.
    pub(super) fn without_each_fold(&self, keep: &[Option<usize>]) -> Vec<Walk> {
        let everyone = self.rows(|_| true);
        let walk = |place: usize| {
            let fold = u32::try_from(place).expect("folds are numbered by u32");
            self.walk(&self.without(fold), vec![self.judge(&everyone)], keep[place])
        };
        self.walks(keep.len(), walk)
    }

    /// The model of all patients at the penalty that is best for those who are each left out.
    pub(super) fn finish(&self, alone: &[Walk]) -> Result<CoxModel, Undefined> {
        let best = best_of(alone.iter().map(|walk| walk.worths[0].clone()))?;
        let rows = self.rows(|_| true);
        let mut descent = self.descent(&rows).loose();
        for step in 0..best {
            self.solve(&mut descent, self.penalty(step, &rows)).ok_or_else(no_fit)?;
        }
        let penalty = self.penalty(best, &rows);
        let mut descent = descent.exact();
        let log_likelihood =
            self.solve(&mut descent, penalty).ok_or(Undefined::NoConvergence { penalty })?;
        Ok(CoxModel { coefficients: descent.coefficients().to_vec(), penalty, log_likelihood })
    }

    pub(super) fn judge(&self, rows: &[usize]) -> Judge {
        Judge::new(rows, self.outcomes)
    }

    pub(super) fn rows(&self, keep: impl Fn(u32) -> bool) -> Vec<usize> {
        (0..self.fold_of.len()).filter(|&row| keep(self.fold_of[row])).collect()
    }

    pub(super) fn without(&self, fold: u32) -> Vec<usize> {
        self.rows(|other| other != fold)
    }
}
