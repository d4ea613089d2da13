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
use crate::subspace::Subspace;
use crate::{Risk, Survival, Undefined};

mod directions;
mod elastic_net;
mod path;

pub use elastic_net::{cross_fit_elastic_net, fit_elastic_net_cv};

use path::{Journey, Judge, Path};

/// With more numbers than this, in more columns than those, blocks are not gone over for every step
/// of a fit.
const MOST_NUMBERS: usize = 1 << 22;
const MOST_COLUMNS: usize = 256;

/// Blocks of columns of the same patients, prepared for fits to any of the blocks.
#[derive(Debug)]
pub struct RidgeBlocks<'a> {
    outcomes: Vec<Survival>,
    /// The fold of each patient, from 0.
    fold_of: Vec<u32>,
    folds: u32,
    events: f64,
    blocks: Vec<Columns<'a>>,
    /// `XXᵀ` of each block, (patients, patients), where fits may be made in the rows' space.
    grams: Vec<Array2<f64>>,
    /// The directions that fits of large blocks have needed so far.
    subspaces: Vec<Subspace>,
    most_numbers: usize,
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
        outcomes: &[Survival],
        fold_of: &[u32],
    ) -> Result<Self, Undefined> {
        let folds = fold_of.iter().max().map_or(0, |last| last + 1);
        if folds < 3 {
            let patients = outcomes.len();
            return Err(Undefined::InvalidFolds { folds: folds as usize, patients });
        }
        Self::in_folds(blocks, outcomes, fold_of)
    }

    /// The same with two folds too.
    pub(crate) fn in_folds(
        blocks: &[Values<'a>],
        outcomes: &[Survival],
        fold_of: &[u32],
    ) -> Result<Self, Undefined> {
        assert_eq!(outcomes.len(), fold_of.len(), "one fold for each outcome");
        if blocks.is_empty() {
            return Err(Undefined::NoColumn);
        }
        check_blocks(blocks, outcomes, 0.0)?;
        let folds = fold_of.iter().max().map_or(0, |last| last + 1);
        let blocks: Vec<Columns> =
            blocks.iter().map(|&block| Columns::new(block)).collect::<Result<_, _>>()?;
        let columns: usize = blocks.iter().map(Columns::ncols).sum();
        let gram = |block| Matrix::new(vec![(block, 1.0)]).gram();
        let wide = in_row_space(outcomes.len(), columns);
        let grams = if wide { blocks.iter().map(gram).collect() } else { vec![] };
        let events = outcomes.iter().filter(|outcome| outcome.event).count() as f64;
        let subspaces = blocks.iter().map(Subspace::of).collect();
        Ok(Self {
            outcomes: outcomes.to_vec(),
            fold_of: fold_of.to_vec(),
            folds,
            events,
            blocks,
            grams,
            subspaces,
            most_numbers: MOST_NUMBERS,
        })
    }

    /// Fits some of the blocks with one penalty for all their columns.
    ///
    /// # Errors
    /// When no penalty gives a fit.
    ///
    /// # Panics
    /// When a block does not exist.
    pub fn fit(&mut self, blocks: &[usize]) -> Result<CrossFitted, Undefined> {
        let journey = self.journey(blocks, vec![1.0; blocks.len()]);
        let pairs: Vec<(u32, u32)> =
            (0..self.folds).flat_map(|b| (0..b).map(move |a| (a, b))).collect();
        let inside = |&(a, b): &(u32, u32)| {
            let judges = [a, b].map(|fold| self.judge(&self.without(fold)));
            self.path(&journey, self.rows(|fold| fold != a && fold != b), judges.into(), 0)
        };
        let paths = pairs.iter().map(inside).collect();
        let paths = self.travel(blocks, paths);
        let path = |a: u32, b: u32| {
            let place = pairs.iter().position(|&pair| pair == (a.min(b), a.max(b)));
            &paths[place.expect("every pair of folds has a path")]
        };
        let others = |fold: u32| (0..self.folds).filter(move |&other| other != fold);
        let best_without =
            |fold: u32| self.best(others(fold).map(|other| path(fold, other)), &self.without(fold));
        let chosen: Vec<usize> = (0..self.folds).map(best_without).collect::<Result<_, _>>()?;
        drop(paths);
        let least: Vec<usize> = chosen.iter().map(|&best| best + 1).collect();
        let alone = self.without_each_fold(blocks, &journey, &least);
        let mut out_of_fold = vec![Risk(0.0); self.outcomes.len()];
        for ((fold, &best), path) in (0..).zip(&chosen).zip(&alone) {
            self.keep(fold, path.log_risks.get(best).ok_or_else(no_fit)?, &mut out_of_fold);
        }
        let fold_penalties =
            chosen.iter().map(|&best| vec![journey.penalties[best]; blocks.len()]).collect();
        let best = self.best(alone.iter(), &self.rows(|_| true))?;
        drop(alone);
        let model = self.finish(blocks, &journey, best)?;
        Ok(CrossFitted { out_of_fold, fold_penalties, ..model })
    }

    /// Fits all blocks with one penalty, without what it says out of fold.
    pub(crate) fn fit_plainly(&mut self) -> Result<CrossFitted, Undefined> {
        let blocks: Vec<usize> = (0..self.blocks.len()).collect();
        let journey = self.journey(&blocks, vec![1.0; blocks.len()]);
        let alone = self.without_each_fold(&blocks, &journey, &vec![0; self.folds as usize]);
        let best = self.best(alone.iter(), &self.rows(|_| true))?;
        drop(alone);
        self.finish(&blocks, &journey, best)
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
        &mut self,
        blocks: &[usize],
        alone: &[&CrossFitted],
    ) -> Result<CrossFitted, Undefined> {
        assert_eq!(blocks.len(), alone.len(), "one model for each block");
        let own = |fold: usize| alone.iter().map(move |model| model.fold_penalties[fold][0]);
        let of_fold =
            |fold: u32| self.journey(blocks, shares(&own(fold as usize).collect::<Vec<_>>()));
        let journeys: Vec<Journey> = (0..self.folds).map(of_fold).collect();
        let others = self.folds as usize - 1;
        let inside = |fold: u32| {
            let (journey, without) = (&journeys[fold as usize], self.without(fold));
            let path = |other: u32| {
                let rows = self.rows(|own| own != fold && own != other);
                self.path(journey, rows, vec![self.judge(&without)], 0)
            };
            (0..self.folds).filter(|&other| other != fold).map(path).collect::<Vec<_>>()
        };
        let paths = (0..self.folds).flat_map(inside).collect();
        let paths = self.travel(blocks, paths);
        let best = |(fold, paths): (u32, &[Path])| self.best(paths.iter(), &self.without(fold));
        let chosen: Vec<usize> =
            (0..).zip(paths.chunks(others)).map(best).collect::<Result<_, _>>()?;
        drop(paths);
        let path = |(fold, &best): (u32, &usize)| {
            self.path(&journeys[fold as usize], self.without(fold), vec![], best + 1)
        };
        let paths = (0..).zip(&chosen).map(path).collect();
        let paths = self.travel(blocks, paths);
        let mut out_of_fold = vec![Risk(0.0); self.outcomes.len()];
        let mut fold_penalties = vec![];
        for ((fold, path), (journey, &best)) in (0..).zip(&paths).zip(journeys.iter().zip(&chosen))
        {
            self.keep(fold, path.log_risks.get(best).ok_or_else(no_fit)?, &mut out_of_fold);
            fold_penalties.push(journey.of_blocks(best));
        }
        drop(paths);
        let own: Vec<f64> = alone.iter().map(|model| model.penalties[0]).collect();
        let journey = self.journey(blocks, shares(&own));
        let paths = self.without_each_fold(blocks, &journey, &vec![0; self.folds as usize]);
        let best = self.best(paths.iter(), &self.rows(|_| true))?;
        drop(paths);
        let model = self.finish(blocks, &journey, best)?;
        Ok(CrossFitted { out_of_fold, fold_penalties, ..model })
    }

    /// The penalties that are tried for some of the blocks, whose squares count by their shares.
    fn journey(&self, blocks: &[usize], shares: Vec<f64>) -> Journey {
        let variance: f64 = self.side_by_side(blocks, &shares).variances().iter().sum();
        let penalties = penalty_grid(self.events * variance.max(f64::MIN_POSITIVE));
        Journey { shares, penalties }
    }

    /// The blocks side by side, each scaled so that its squares count by its share.
    fn side_by_side(&self, blocks: &[usize], shares: &[f64]) -> Matrix<'_> {
        let own = blocks.iter().map(|&block| &self.blocks[block]);
        Matrix::new(own.zip(shares).map(|(own, share)| (own, share.sqrt())).collect())
    }

    /// Whether fits look for coefficients among few directions of some of the blocks.
    fn in_directions(&self, blocks: &[usize]) -> bool {
        let patients = self.outcomes.len();
        let columns: usize = blocks.iter().map(|&block| self.blocks[block].ncols()).sum();
        let large = columns > MOST_COLUMNS && patients * columns > self.most_numbers;
        large && !in_row_space(patients, columns)
    }

    fn geometry(&self, blocks: &[usize], shares: &[f64]) -> Geometry<'_> {
        let x = self.side_by_side(blocks, shares);
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

    /// The paths of fits that each lack one fold.
    fn without_each_fold<'j>(
        &mut self,
        blocks: &[usize],
        journey: &'j Journey,
        least: &[usize],
    ) -> Vec<Path<'j>> {
        let everyone = self.rows(|_| true);
        let path = |(fold, &least): (u32, &usize)| {
            self.path(journey, self.without(fold), vec![self.judge(&everyone)], least)
        };
        let paths = (0..).zip(least).map(path).collect();
        self.travel(blocks, paths)
    }

    fn path<'j>(
        &self,
        journey: &'j Journey,
        rows: Vec<usize>,
        judges: Vec<Judge>,
        least: usize,
    ) -> Path<'j> {
        Path::new(journey, (rows, &self.outcomes), judges, least)
    }

    fn judge(&self, rows: &[usize]) -> Judge {
        Judge::new(rows, &self.outcomes)
    }

    /// Goes on to the end of all paths.
    fn travel<'j>(&mut self, blocks: &[usize], mut paths: Vec<Path<'j>>) -> Vec<Path<'j>> {
        if self.in_directions(blocks) {
            self.travel_in_directions(blocks, &mut paths);
        } else {
            let finish =
                |path: &mut Path| path.finish(&self.geometry(blocks, &path.journey.shares));
            paths.par_iter_mut().for_each(finish);
        }
        paths
    }

    fn rows(&self, keep: impl Fn(u32) -> bool) -> Vec<usize> {
        (0..self.fold_of.len()).filter(|&row| keep(self.fold_of[row])).collect()
    }

    fn without(&self, fold: u32) -> Vec<usize> {
        self.rows(|other| other != fold)
    }

    fn keep(&self, fold: u32, log_risks: &[f64], out_of_fold: &mut [Risk]) {
        for row in self.rows(|other| other == fold) {
            out_of_fold[row] = Risk(log_risks[row]);
        }
    }

    /// The penalty whose fits have the largest cross-validated likelihood of some patients, summed
    /// over paths; the larger of two equal ones. A path counts up to where it is hopeless by these
    /// patients, however much longer others made it.
    fn best<'p>(
        &self,
        paths: impl Iterator<Item = &'p Path<'p>>,
        rows: &[usize],
    ) -> Result<usize, Undefined> {
        best_of(paths.map(|path| path.worths(self.judge(rows))))
    }

    /// Fits all patients with one of the penalties; says nothing out of fold.
    fn finish(
        &mut self,
        blocks: &[usize],
        journey: &Journey,
        best: usize,
    ) -> Result<CrossFitted, Undefined> {
        let rows = self.rows(|_| true);
        let last =
            Journey { shares: journey.shares.clone(), penalties: vec![journey.penalties[best]] };
        let path = Path::exact(&last, (rows.clone(), &self.outcomes));
        let fitted = self.travel(blocks, vec![path]).remove(0).last()?;
        let coefficients = if self.in_directions(blocks) {
            self.lift(blocks, &fitted.solution)
        } else {
            self.geometry(blocks, &journey.shares).coefficients(&rows, &fitted.solution)
        };
        let mut coefficients = coefficients.into_iter();
        let mut unscaled = vec![];
        for (&block, share) in blocks.iter().zip(&journey.shares) {
            let own = coefficients.by_ref().take(self.blocks[block].ncols());
            unscaled.extend(own.map(|coefficient| coefficient * share.sqrt()));
        }
        Ok(CrossFitted {
            coefficients: unscaled,
            penalties: journey.of_blocks(best),
            log_likelihood: fitted.log_likelihood,
            out_of_fold: vec![],
            fold_penalties: vec![],
        })
    }
}

/// The place of the largest sum over some lists of worths, the first of equal ones; the shortest
/// list ends the search.
fn best_of(worths: impl Iterator<Item = Vec<f64>>) -> Result<usize, Undefined> {
    let add = |totals: Vec<f64>, worths: Vec<f64>| {
        totals.iter().zip(&worths).map(|(a, b)| a + b).collect()
    };
    let totals = worths.reduce(add).unwrap_or_default();
    (0..totals.len())
        .max_by(|&a, &b| totals[a].total_cmp(&totals[b]).then(b.cmp(&a)))
        .ok_or_else(no_fit)
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
mod tests;
