//! Fits among a few directions of blocks that are too large to go over for every step: all paths go
//! on side by side, and a pass over the columns tells for all of them where others would be better.
//!
//! With b the minimum among the directions and r the slope of the whole objective there, the whole
//! minimum is lower by |r|² / (2 penalty) at most: the penalty alone bends the objective as much. The
//! slopes of fits that this does not show to be good become new directions: Krylov's method, with a
//! space that all penalties, folds and models share.

use ndarray::{Array1, Array2, Axis, concatenate};
use rayon::prelude::*;

use super::RidgeBlocks;
use super::path::{Path, Standing};
use crate::matrix::{Matrix, inner_products};
use crate::newton::Geometry;

/// With more passes over the columns for one penalty a path ends.
const PASSES: usize = 60;

/// What is left of a slope brings nothing where it is shorter than this share of what is allowed.
const SHORT: f64 = 0.3;

impl RidgeBlocks<'_> {
    /// Goes on to the end of all paths.
    pub(super) fn travel_in_directions(&mut self, which: &[usize], paths: &mut [Path]) {
        while paths.iter().any(Path::goes_on) {
            self.fit_together(which, paths);
            let going = paths.par_iter_mut().filter(|path| path.goes_on());
            let inner = self.inner_products(which);
            going.for_each(|path| path.judge(&self.reduced(which, &path.journey.shares, &inner)));
        }
    }

    /// Fits each path's next penalty.
    fn fit_together(&mut self, which: &[usize], paths: &mut [Path]) {
        let mut open: Vec<bool> = paths.iter().map(Path::goes_on).collect();
        for pass in 0.. {
            let widths: Vec<usize> =
                which.iter().map(|&block| self.subspaces[block].size()).collect();
            for path in paths.iter_mut() {
                path.widen(&widths);
            }
            let inner = self.inner_products(which);
            let fit = |(path, &open): (&mut Path, &bool)| {
                if !open {
                    return None;
                }
                let geometry = self.reduced(which, &path.journey.shares, &inner);
                path.fit(&geometry);
                path.standing(&geometry)
            };
            let standings: Vec<Option<Standing>> =
                paths.par_iter_mut().zip(&open).map(fit).collect();
            let places: Vec<usize> =
                (0..paths.len()).filter(|&place| standings[place].is_some()).collect();
            let standings: Vec<Standing> = standings.into_iter().flatten().collect();
            let slopes = self.slopes(which, &standings);
            let excess = |fit: &usize| -> f64 {
                slopes.iter().map(|slopes| slopes.row(*fit)).map(|row| row.dot(&row)).sum()
            };
            let far: Vec<usize> = (0..standings.len()).filter(|fit| excess(fit) > 1.0).collect();
            open.fill(false);
            for &fit in &far {
                open[places[fit]] = true;
            }
            let Self { blocks, subspaces, .. } = self;
            // A fit that is far has a longer part than this in one block at least.
            let short = SHORT / (which.len() as f64).sqrt();
            let grow = |(&block, slopes): (&usize, &Array2<f64>)| {
                subspaces[block].grow(&blocks[block], slopes.select(Axis(0), &far), short)
            };
            let grown: usize = which.iter().zip(&slopes).map(grow).sum();
            // Where no direction is new it is rounding that is left.
            if grown == 0 {
                return;
            }
            if pass == PASSES {
                let left = paths.iter_mut().zip(&open).filter(|&(_, &open)| open);
                return left.for_each(|(path, _)| path.give_up());
            }
        }
    }

    /// The directions of some blocks in place of their columns; `inner` are their inner products.
    fn reduced(&self, which: &[usize], shares: &[f64], inner: &Array2<f64>) -> Geometry<'_> {
        let own = which.iter().map(|&block| &self.subspaces[block].values);
        let blocks = own.zip(shares).map(|(own, share)| (own, share.sqrt())).collect();
        let scales: Array1<f64> = which
            .iter()
            .zip(shares)
            .flat_map(|(&block, share)| vec![share.sqrt(); self.subspaces[block].size()])
            .collect();
        let mut covariance = inner / self.outcomes.len() as f64;
        covariance *= &scales;
        covariance *= &scales.insert_axis(Axis(1));
        Geometry::with_covariance(Matrix::new(blocks), covariance)
    }

    /// The inner products of the directions of some blocks, (directions, directions).
    fn inner_products(&self, which: &[usize]) -> Array2<f64> {
        let values = which.iter().map(|&block| self.subspaces[block].values.wide().view());
        let all = concatenate(Axis(0), &values.collect::<Vec<_>>()).expect("one width");
        inner_products(&all)
    }

    /// The coefficients of the columns of some blocks by those of their directions.
    pub(super) fn lift(&self, which: &[usize], solution: &[f64]) -> Vec<f64> {
        let mut solution = solution.iter().copied();
        let mut coefficients = vec![];
        for &block in which {
            let subspace = &self.subspaces[block];
            let own: Vec<f64> = solution.by_ref().take(subspace.size()).collect();
            let own = Array2::from_shape_vec((1, own.len()), own).expect("one row");
            coefficients.extend(subspace.lift(&own));
        }
        coefficients
    }

    /// How the objective of each fit falls with each block's coefficients, (fits, columns), in units
    /// in which the square is 1 where what may be left to gain is left at most.
    fn slopes(&self, which: &[usize], standings: &[Standing]) -> Vec<Array2<f64>> {
        let patients = self.outcomes.len();
        let mut rises = Array2::zeros((standings.len(), patients)); // (fits, patients)
        for (mut row, standing) in rises.rows_mut().into_iter().zip(standings) {
            row.as_slice_mut().expect("it is in row order").copy_from_slice(&standing.rises);
        }
        let mut start = 0;
        let mut of_block = |(place, &block): (usize, &usize)| {
            let subspace = &self.subspaces[block];
            let end = start + subspace.size();
            let own = Array2::from_shape_fn((standings.len(), end - start), |(fit, direction)| {
                standings[fit].penalty * standings[fit].solution[start + direction]
            });
            start = end;
            let mut slopes = self.blocks[block].products(&rises); // (fits, columns)
            for (mut row, standing) in slopes.rows_mut().into_iter().zip(standings) {
                row *= standing.shares[place].sqrt();
            }
            slopes -= &subspace.lift(&own);
            for (mut row, standing) in slopes.rows_mut().into_iter().zip(standings) {
                row /= (2.0 * standing.penalty * standing.allowed).sqrt();
            }
            slopes
        };
        which.iter().enumerate().map(&mut of_block).collect()
    }
}
