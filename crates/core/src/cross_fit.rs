//! Ridge Cox over blocks of columns, cross-fitted: each model comes with the risk that it gives to
//! patients of a fold when everything, the penalty too, was chosen without that fold. Such risks
//! are what models can be judged and stacked by.
//!
//! A block may have a penalty of its own, so that a few clinical columns are not drowned by
//! thousands of others. van de Wiel, van Nee and Rauschenberger, J Comput Graph Stat 2021;30:835.

use ndarray::Array2;
use rayon::prelude::*;

use crate::cox::{check_blocks, penalty_grid};
use crate::matrix::{Columns, Matrix, Values};
use crate::newton::{Geometry, in_row_space};
use crate::partial_likelihood::{RiskSets, Ties};
use crate::{Risk, Survival, Undefined};

/// The expected gain of a Newton step, relative to the objective, below which a model on the way
/// to the penalty is good enough to compare penalties by.
const SMALL_GAIN: f64 = 1e-8;

/// A penalty whose cross-validated log likelihood in one fold lies so far below the best of the
/// larger ones, and all smaller penalties, are not looked at further.
const HOPELESS: f64 = 8.0;

/// Blocks of columns of the same patients, prepared for fits to any of the blocks.
#[derive(Debug)]
pub struct RidgeBlocks<'a> {
    outcomes: &'a [Survival],
    /// The fold of each patient, from 0.
    fold_of: &'a [u32],
    folds: u32,
    events: f64,
    blocks: Vec<Columns<'a>>,
    /// `XXᵀ` of each block, (patients, patients), where fits may be made in the rows' space.
    grams: Vec<Array2<f64>>,
}

/// A model with its out-of-fold risks.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossFitted {
    /// The log hazard ratio of one unit of each column, the blocks one after the other.
    pub coefficients: Vec<f64>,
    /// The penalty of each block.
    pub penalties: Vec<f64>,
    /// The log partial likelihood of all patients, without the penalty.
    pub log_likelihood: f64,
    /// The log-risk of each patient by the fit without the patient's fold, (patients,). Comparable
    /// within a fold alone.
    pub out_of_fold: Vec<Risk>,
    /// The penalty of each block that was chosen without each fold, (folds, blocks).
    pub fold_penalties: Vec<Vec<f64>>,
}

/// The fits of a path.
struct Journey<'a> {
    geometry: &'a Geometry<'a>,
    /// From the largest to the smallest.
    penalties: &'a [f64],
}

/// One fit at each penalty, from the largest on, without some folds.
struct Path {
    /// The log-risks of all patients; it ends where smaller penalties are hopeless.
    log_risks: Vec<Vec<f64>>,
    /// The log likelihood of the patients it was fitted to, at each penalty.
    likelihoods: Vec<f64>,
}

impl<'a> RidgeBlocks<'a> {
    /// Prepares blocks, (patients, columns) each, used as they are: columns should be standardized.
    ///
    /// # Errors
    /// When there is no block, no column or no event, a value is not finite, or there are fewer
    /// than three folds: choosing a penalty without a fold takes two others.
    ///
    /// # Panics
    /// When there is not one row for each outcome and fold.
    pub fn new(
        blocks: &[Values<'a>],
        outcomes: &'a [Survival],
        fold_of: &'a [u32],
    ) -> Result<Self, Undefined> {
        assert_eq!(outcomes.len(), fold_of.len(), "one fold for each outcome");
        let folds = fold_of.iter().max().map_or(0, |last| last + 1);
        if folds < 3 {
            let patients = outcomes.len();
            return Err(Undefined::InvalidFolds { folds: folds as usize, patients });
        }
        if blocks.is_empty() {
            return Err(Undefined::NoColumn);
        }
        check_blocks(blocks, outcomes, 0.0)?;
        let blocks: Vec<Columns> =
            blocks.iter().map(|&block| Columns::new(block)).collect::<Result<_, _>>()?;
        let columns: usize = blocks.iter().map(Columns::ncols).sum();
        let gram = |block| Matrix::new(vec![(block, 1.0)]).gram();
        let wide = in_row_space(outcomes.len(), columns);
        let grams = if wide { blocks.iter().map(gram).collect() } else { vec![] };
        let events = outcomes.iter().filter(|outcome| outcome.event).count() as f64;
        Ok(Self { outcomes, fold_of, folds, events, blocks, grams })
    }

    /// Fits some of the blocks with one penalty for all their columns.
    ///
    /// # Errors
    /// When no penalty gives a fit.
    ///
    /// # Panics
    /// When a block does not exist.
    pub fn fit(&self, blocks: &[usize]) -> Result<CrossFitted, Undefined> {
        let whole = vec![1.0; blocks.len()];
        let geometry = self.geometry(blocks, &whole);
        let penalties = self.penalties(&geometry);
        let journey = Journey { geometry: &geometry, penalties: &penalties };
        let pairs: Vec<(u32, u32)> =
            (0..self.folds).flat_map(|b| (0..b).map(move |a| (a, b))).collect();
        let paths: Vec<Path> = pairs
            .par_iter()
            .map(|&(a, b)| self.path(&journey, (a, b), &[self.without(a), self.without(b)], 0))
            .collect();
        let path = |a: u32, b: u32| {
            let place = pairs.iter().position(|&pair| pair == (a.min(b), a.max(b)));
            &paths[place.expect("every pair of folds has a path")]
        };
        let others = |fold: u32| (0..self.folds).filter(move |&other| other != fold);
        let best_without =
            |fold: u32| self.best(others(fold).map(|other| path(fold, other)), &self.without(fold));
        let chosen: Vec<usize> = (0..self.folds).map(best_without).collect::<Result<_, _>>()?;
        let everyone = self.rows(|_| true);
        let alone: Vec<Path> = (0..self.folds)
            .into_par_iter()
            .map(|fold| {
                let least = chosen[fold as usize] + 1;
                self.path(&journey, (fold, fold), std::slice::from_ref(&everyone), least)
            })
            .collect();
        let mut out_of_fold = vec![Risk(0.0); self.outcomes.len()];
        for ((fold, &best), path) in (0..).zip(&chosen).zip(&alone) {
            self.keep(fold, path.log_risks.get(best).ok_or_else(no_fit)?, &mut out_of_fold);
        }
        let fold_penalties =
            chosen.iter().map(|&best| vec![penalties[best]; blocks.len()]).collect();
        let best = self.best(alone.iter(), &everyone)?;
        self.finish(&geometry, (blocks, &whole), penalties[best], (out_of_fold, fold_penalties))
    }

    /// Fits some of the blocks, each with a penalty of its own: in the proportion of the penalties
    /// that were chosen for each alone, without a fold where one is left out; `alone` has one model
    /// for each of the blocks.
    ///
    /// # Errors
    /// When no penalty gives a fit.
    ///
    /// # Panics
    /// When a block does not exist, or there are not as many models as blocks.
    pub fn fit_by_block(
        &self,
        blocks: &[usize],
        alone: &[&CrossFitted],
    ) -> Result<CrossFitted, Undefined> {
        assert_eq!(blocks.len(), alone.len(), "one model for each block");
        let one_fold = |fold: u32| {
            let own: Vec<f64> =
                alone.iter().map(|model| model.fold_penalties[fold as usize][0]).collect();
            let shares = shares(&own);
            let geometry = self.geometry(blocks, &shares);
            let penalties = self.penalties(&geometry);
            let journey = Journey { geometry: &geometry, penalties: &penalties };
            let without = self.without(fold);
            let judges = std::slice::from_ref(&without);
            let others: Vec<u32> = (0..self.folds).filter(|&other| other != fold).collect();
            let paths: Vec<Path> = others
                .par_iter()
                .map(|&other| self.path(&journey, (fold, other), judges, 0))
                .collect();
            let best = self.best(paths.iter(), &without)?;
            let journey = Journey { geometry: &geometry, penalties: &penalties[..=best] };
            let path = self.path(&journey, (fold, fold), &[], best + 1);
            let log_risks = path.log_risks.get(best).cloned().ok_or_else(no_fit)?;
            let own = shares.iter().map(|share| penalties[best] / share).collect::<Vec<_>>();
            Ok((log_risks, own))
        };
        let each: Vec<(Vec<f64>, Vec<f64>)> =
            (0..self.folds).into_par_iter().map(one_fold).collect::<Result<_, Undefined>>()?;
        let mut out_of_fold = vec![Risk(0.0); self.outcomes.len()];
        let mut fold_penalties = vec![];
        for (fold, (log_risks, own)) in (0..).zip(each) {
            self.keep(fold, &log_risks, &mut out_of_fold);
            fold_penalties.push(own);
        }
        let own: Vec<f64> = alone.iter().map(|model| model.penalties[0]).collect();
        let shares = shares(&own);
        let geometry = self.geometry(blocks, &shares);
        let penalties = self.penalties(&geometry);
        let journey = Journey { geometry: &geometry, penalties: &penalties };
        let everyone = self.rows(|_| true);
        let judges = std::slice::from_ref(&everyone);
        let paths: Vec<Path> = (0..self.folds)
            .into_par_iter()
            .map(|fold| self.path(&journey, (fold, fold), judges, 0))
            .collect();
        let best = self.best(paths.iter(), &everyone)?;
        self.finish(&geometry, (blocks, &shares), penalties[best], (out_of_fold, fold_penalties))
    }

    /// The blocks side by side, each scaled so that its squares count by its share.
    fn geometry(&self, blocks: &[usize], shares: &[f64]) -> Geometry<'_> {
        let own = blocks.iter().map(|&block| &self.blocks[block]);
        let x = Matrix::new(own.zip(shares).map(|(own, share)| (own, share.sqrt())).collect());
        let patients = x.nrows();
        let gram = in_row_space(patients, x.ncols()).then(|| {
            let mut sum = Array2::zeros((patients, patients));
            for (&block, &share) in blocks.iter().zip(shares) {
                sum.scaled_add(share, &self.grams[block]);
            }
            sum
        });
        Geometry::with_gram(x, gram)
    }

    fn penalties(&self, geometry: &Geometry) -> Vec<f64> {
        penalty_grid(self.events * geometry.variance.max(f64::MIN_POSITIVE))
    }

    fn rows(&self, keep: impl Fn(u32) -> bool) -> Vec<usize> {
        (0..self.fold_of.len()).filter(|&row| keep(self.fold_of[row])).collect()
    }

    fn without(&self, fold: u32) -> Vec<usize> {
        self.rows(|other| other != fold)
    }

    fn of(&self, rows: &[usize]) -> RiskSets {
        let own: Vec<Survival> = rows.iter().map(|&row| self.outcomes[row]).collect();
        RiskSets::new(&own, Ties::Efron)
    }

    fn keep(&self, fold: u32, log_risks: &[f64], out_of_fold: &mut [Risk]) {
        for row in self.rows(|other| other == fold) {
            out_of_fold[row] = Risk(log_risks[row]);
        }
    }

    /// Fits without two folds, or without one that is named twice, until the smaller penalties
    /// are hopeless by the likelihood of each group of patients in `judges`, and `least` are done.
    fn path(
        &self,
        journey: &Journey,
        (a, b): (u32, u32),
        judges: &[Vec<usize>],
        least: usize,
    ) -> Path {
        let inside = self.rows(|fold| fold != a && fold != b);
        let (part, sets) = (journey.geometry.part(&inside), self.of(&inside));
        let mut judges: Vec<Judge> = judges.iter().map(|rows| Judge::new(self, rows)).collect();
        let mut path = Path { log_risks: vec![], likelihoods: vec![] };
        let mut start: Option<Vec<f64>> = None;
        for &penalty in journey.penalties {
            let fitted = part.fit_within(&sets, penalty, start.as_deref(), SMALL_GAIN);
            let Ok(fitted) = fitted else { break };
            let log_risks = journey.geometry.log_risks(&inside, &fitted.solution);
            let mut hopeful = false;
            for judge in &mut judges {
                hopeful |= judge.worth(&log_risks, fitted.log_likelihood).is_some();
            }
            path.log_risks.push(log_risks);
            path.likelihoods.push(fitted.log_likelihood);
            if !hopeful && path.log_risks.len() >= least {
                break;
            }
            start = Some(fitted.solution);
        }
        path
    }

    /// The penalty whose fits have the largest cross-validated likelihood of some patients, summed
    /// over paths; the larger of two equal ones. A path counts up to where it is hopeless by these
    /// patients, however much longer others made it.
    fn best<'p>(
        &self,
        paths: impl Iterator<Item = &'p Path>,
        rows: &[usize],
    ) -> Result<usize, Undefined> {
        let mut totals: Option<Vec<f64>> = None;
        for path in paths {
            let mut judge = Judge::new(self, rows);
            let each = path.log_risks.iter().zip(&path.likelihoods);
            let worths: Vec<f64> =
                each.map_while(|(risks, &likelihood)| judge.worth(risks, likelihood)).collect();
            totals = Some(match totals {
                None => worths,
                Some(totals) => totals.iter().zip(&worths).map(|(a, b)| a + b).collect(),
            });
        }
        let totals = totals.unwrap_or_default();
        (0..totals.len())
            .max_by(|&a, &b| totals[a].total_cmp(&totals[b]).then(b.cmp(&a)))
            .ok_or_else(no_fit)
    }

    fn finish(
        &self,
        geometry: &Geometry,
        (blocks, shares): (&[usize], &[f64]),
        penalty: f64,
        (out_of_fold, fold_penalties): (Vec<Risk>, Vec<Vec<f64>>),
    ) -> Result<CrossFitted, Undefined> {
        let rows = self.rows(|_| true);
        let fitted = geometry.part(&rows).fit(&self.of(&rows), penalty, None)?;
        let mut coefficients = geometry.coefficients(&rows, &fitted.solution).into_iter();
        let mut unscaled = vec![];
        for (&block, share) in blocks.iter().zip(shares) {
            let own = coefficients.by_ref().take(self.blocks[block].ncols());
            unscaled.extend(own.map(|coefficient| coefficient * share.sqrt()));
        }
        Ok(CrossFitted {
            coefficients: unscaled,
            penalties: shares.iter().map(|share| penalty / share).collect(),
            log_likelihood: fitted.log_likelihood,
            out_of_fold,
            fold_penalties,
        })
    }
}

/// Some patients by whose likelihood fits are compared.
struct Judge<'a> {
    rows: &'a [usize],
    sets: RiskSets,
    highest: f64,
}

impl<'a> Judge<'a> {
    fn new(blocks: &RidgeBlocks, rows: &'a [usize]) -> Self {
        Self { rows, sets: blocks.of(rows), highest: f64::NEG_INFINITY }
    }

    /// The likelihood of these patients less that of the patients it was fitted to; `None` from
    /// where it is hopeless.
    fn worth(&mut self, log_risks: &[f64], fitted: f64) -> Option<f64> {
        let own: Vec<f64> = self.rows.iter().map(|&row| log_risks[row]).collect();
        let worth = self.sets.at(&own).value - fitted;
        let hopeful = worth.is_finite() && worth >= self.highest - HOPELESS;
        self.highest = if hopeful { self.highest.max(worth) } else { f64::INFINITY };
        hopeful.then_some(worth)
    }
}

fn no_fit() -> Undefined {
    Undefined::NoConvergence { penalty: f64::INFINITY }
}

/// What each block's squares count by, 1 for the block with the smallest penalty.
fn shares(penalties: &[f64]) -> Vec<f64> {
    let smallest = penalties.iter().copied().fold(f64::INFINITY, f64::min);
    penalties.iter().map(|penalty| smallest / penalty).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, concatenate, s};
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

    use super::*;
    use crate::cox::{fit_ridge, fit_ridge_cv};
    use crate::split::{Stratum, stratified_folds};

    /// Three columns that matter and 120 that do not, of 90 patients in five folds.
    fn example() -> (Array2<f32>, Array2<f32>, Vec<Survival>, Vec<u32>) {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let mut draw = || random.random::<f32>() * 2.0 - 1.0;
        let few = Array2::from_shape_simple_fn((90, 3), &mut draw);
        let many = Array2::from_shape_simple_fn((90, 120), &mut draw);
        let outcome = |row: usize| Survival {
            time_days: f64::from(100.0 * (draw() - few.row(row).sum()).exp()).ceil(),
            event: draw() < 0.3,
        };
        let outcomes: Vec<Survival> = (0..90).map(outcome).collect();
        let stratum = |&survival| Stratum { survival: Some(survival), label: None };
        let strata: Vec<Stratum> = outcomes.iter().map(stratum).collect();
        let folds = stratified_folds(&strata, 5, 11).unwrap();
        (few, many, outcomes, folds)
    }

    #[test]
    fn the_model_of_all_patients_is_that_of_plain_cross_validation() {
        let (few, many, outcomes, folds) = example();
        let blocks =
            RidgeBlocks::new(&[(&*few).into(), (&*many).into()], &outcomes, &folds).unwrap();
        for (which, x) in [(vec![0], few.clone()), (vec![0, 1], concatenate![Axis(1), few, many])] {
            let found = blocks.fit(&which).unwrap();
            let expected = fit_ridge_cv(&[(&*x.mapv(f64::from)).into()], &outcomes, 5, 11).unwrap();
            assert!((found.penalties[0] / expected.penalty - 1.0).abs() < 1e-9);
            for (a, b) in found.coefficients.iter().zip(&expected.coefficients) {
                assert!((a - b).abs() < 1e-8, "{a} {b}");
            }
        }
    }

    #[test]
    fn out_of_fold_risks_are_those_of_a_fit_that_never_saw_the_fold() {
        let (few, many, mut outcomes, folds) = example();
        let run = |outcomes: &[Survival]| {
            let blocks =
                RidgeBlocks::new(&[(&*few).into(), (&*many).into()], outcomes, &folds).unwrap();
            let alone = [blocks.fit(&[0]).unwrap(), blocks.fit(&[1]).unwrap()];
            let both = blocks.fit(&[0, 1]).unwrap();
            let by_block = blocks.fit_by_block(&[0, 1], &alone.each_ref()).unwrap();
            let inside: Vec<usize> = (0..90).filter(|&row| folds[row] != 2).collect();
            let own: Vec<Survival> = inside.iter().map(|&row| outcomes[row]).collect();
            let x = few.mapv(f64::from);
            let refit = fit_ridge(&x.select(Axis(0), &inside), &own, alone[0].fold_penalties[2][0])
                .unwrap();
            let risks = refit.log_risks(&x);
            for row in (0..90).filter(|&row| folds[row] == 2) {
                // Columns are centered over all patients here, which moves all risks alike.
                let shift = alone[0].out_of_fold[row].0 - risks[row].0;
                let first = (0..90).find(|&row| folds[row] == 2).unwrap();
                let shift_of_first = alone[0].out_of_fold[first].0 - risks[first].0;
                assert!((shift - shift_of_first).abs() < 1e-5);
            }
            [both.out_of_fold, by_block.out_of_fold].map(|risks| {
                (0..90).filter(|&row| folds[row] == 2).map(|row| risks[row]).collect::<Vec<_>>()
            })
        };
        let before = run(&outcomes);
        // As many events as before: their number alone sets where the grid of penalties begins.
        let held_out: Vec<usize> = (0..90).filter(|&row| folds[row] == 2).collect();
        let mut others: Vec<Survival> = held_out.iter().map(|&row| outcomes[row]).collect();
        others.rotate_left(7);
        for (&row, other) in held_out.iter().zip(others) {
            outcomes[row] = Survival { time_days: other.time_days * 3.0, ..other };
        }
        assert_eq!(run(&outcomes), before);
    }

    #[test]
    fn a_block_of_noise_is_penalized_more_and_columns_that_matter_are_kept() {
        let (few, many, outcomes, folds) = example();
        let blocks =
            RidgeBlocks::new(&[(&*few).into(), (&*many).into()], &outcomes, &folds).unwrap();
        let alone = [blocks.fit(&[0]).unwrap(), blocks.fit(&[1]).unwrap()];
        let both = blocks.fit(&[0, 1]).unwrap();
        let by_block = blocks.fit_by_block(&[0, 1], &alone.each_ref()).unwrap();
        assert!(by_block.penalties[1] > 10.0 * by_block.penalties[0]);
        let size = |model: &CrossFitted| {
            let first = ndarray::Array1::from_vec(model.coefficients[..3].to_vec());
            first.dot(&first)
        };
        assert!(size(&by_block) > 2.0 * size(&both));
        // The penalties are what the coefficients were fitted with.
        let mut x = concatenate![Axis(1), few, many].mapv(f64::from);
        let scale = (by_block.penalties[0] / by_block.penalties[1]).sqrt();
        x.slice_mut(s![.., 3..]).mapv_inplace(|value| value * scale);
        let refit = fit_ridge(&x, &outcomes, by_block.penalties[0]).unwrap().coefficients;
        for (a, b) in by_block.coefficients[..3].iter().zip(&refit[..3]) {
            assert!((a - b).abs() < 1e-8);
        }
        for (a, b) in by_block.coefficients[3..].iter().zip(&refit[3..]) {
            assert!((a - b * scale).abs() < 1e-8);
        }
    }

    #[test]
    fn two_folds_are_too_few() {
        let (few, _, outcomes, _) = example();
        let folds: Vec<u32> = (0..90).map(|row| row % 2).collect();
        let error = RidgeBlocks::new(&[(&*few).into()], &outcomes, &folds).unwrap_err();
        assert_eq!(error, Undefined::InvalidFolds { folds: 2, patients: 90 });
    }
}
