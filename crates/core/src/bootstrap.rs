//! Bootstrap intervals over patients. Efron and Tibshirani, An Introduction to the Bootstrap,
//! 1993, chapter 13.
//!
//! A statistic is any function of row indices: rows are drawn with replacement, and the statistic
//! is computed anew. Each resample has its own random stream, so that one seed gives one result on
//! any number of threads.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use crate::doubt::Doubt;
use crate::inference::{Z_95, two_sided};
use crate::{Estimate, Undefined};

/// How often to resample, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// The number of resamples; 1000 gives bounds to about two digits.
    pub resamples: u32,
    /// The seed.
    pub seed: u64,
}

/// A 95 % percentile interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The 2.5 % point of the resampled statistic.
    pub low: f64,
    /// The 97.5 % point.
    pub high: f64,
    /// Resamples left out because the statistic is undefined in them.
    pub undefined: usize,
}

/// The difference between two models on the same patients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The statistic of the first model minus that of the second.
    pub delta: f64,
    /// The lower bound of its 95 % percentile interval.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
    /// Twice the smaller share of resamples on either side of zero, one resample being added to
    /// each side so that it is never 0. Davison and Hinkley, Bootstrap Methods, 1997, section 4.4.
    pub p: f64,
    /// Resamples left out because a statistic is undefined in them.
    pub undefined: usize,
}

/// The interval of a statistic of `patients` rows.
///
/// # Errors
/// When there is no patient, or the statistic is undefined in every resample.
pub fn interval<F>(patients: usize, plan: Resampling, statistic: F) -> Result<Interval, Undefined>
where
    F: Fn(&[usize]) -> Result<f64, Undefined> + Sync,
{
    interval_within_folds(&vec![0; patients], plan, statistic)
}

/// The interval of a statistic that is computed in each fold and averaged: patients are resampled
/// within their fold. A fold in which a resample leaves the statistic undefined is left out of
/// that resample's average.
///
/// `folds` has one fold a patient; the statistic gets rows of one fold at a time.
///
/// # Errors
/// When there is no patient, or the statistic is undefined in every resample.
pub fn interval_within_folds<F>(
    folds: &[u32],
    plan: Resampling,
    statistic: F,
) -> Result<Interval, Undefined>
where
    F: Fn(&[usize]) -> Result<f64, Undefined> + Sync,
{
    let one = |rows: &[usize]| statistic(rows).map(|value| [value]);
    let [interval] = intervals_within_folds(folds, plan, one)?;
    Ok(interval)
}

/// The intervals of several statistics of the same resamples, as [`interval_within_folds`] gives
/// them of one. A resample in which one of them is undefined is left out of all.
///
/// # Errors
/// As [`interval_within_folds`].
pub fn intervals_within_folds<F, const N: usize>(
    folds: &[u32],
    plan: Resampling,
    statistics: F,
) -> Result<[Interval; N], Undefined>
where
    F: Fn(&[usize]) -> Result<[f64; N], Undefined> + Sync,
{
    let Drawn { values, undefined } = resample(&rows_by_fold(folds), plan, &statistics)?;
    let interval = |values: &Vec<f64>| Interval {
        low: quantile(values, 25),
        high: quantile(values, 975),
        undefined,
    };
    Ok(values.each_ref().map(interval))
}

/// The statistic of the rows as they are: computed in each fold and averaged over the folds in
/// which it is defined.
///
/// # Errors
/// When there is no patient, or the statistic is undefined in every fold; then the first fold's
/// reason is given.
pub fn mean_over_folds<F>(folds: &[u32], statistic: F) -> Result<f64, Undefined>
where
    F: Fn(&[usize]) -> Result<f64, Undefined>,
{
    let one = |rows: &Vec<usize>| statistic(rows).map(|value| [value]);
    let [mean] = mean_of_defined(rows_by_fold(folds).iter().map(one))?;
    Ok(mean)
}

/// The difference between two models' statistics on the same resampled patients, computed within
/// folds and averaged over them as [`interval_within_folds`] does.
///
/// # Errors
/// When there is no patient, or the difference is undefined on the patients as they are or in
/// every resample.
pub fn paired_difference<A, B>(
    folds: &[u32],
    plan: Resampling,
    first: A,
    second: B,
) -> Result<Difference, Undefined>
where
    A: Fn(&[usize]) -> Result<f64, Undefined> + Sync,
    B: Fn(&[usize]) -> Result<f64, Undefined> + Sync,
{
    let difference = |rows: &[usize]| Ok([first(rows)? - second(rows)?]);
    let rows = rows_by_fold(folds);
    let [delta] = mean_of_defined(rows.iter().map(|rows| difference(rows)))?;
    let Drawn { values: [values], undefined } = resample(&rows, plan, &difference)?;
    let share = |side: fn(f64) -> bool| {
        let count = values.iter().filter(|&&value| side(value)).count();
        (count + 1) as f64 / (values.len() + 1) as f64
    };
    Ok(Difference {
        delta,
        low: quantile(&values, 25),
        high: quantile(&values, 975),
        p: (2.0 * share(|value| value <= 0.0).min(share(|value| value >= 0.0))).min(1.0),
        undefined,
    })
}

/// What a share of pairs leaves open that is computed in each fold and averaged over the folds in which
/// it is defined: resamples of a fold in perfect order say nothing of it. That of a difference is
/// one such mean less the other.
pub fn doubt_over_folds<F>(folds: &[u32], doubt: F) -> Doubt
where
    F: Fn(&[usize]) -> Result<Doubt, Undefined>,
{
    let defined =
        rows_by_fold(folds).iter().filter_map(|rows| doubt(rows).ok()).collect::<Vec<_>>();
    Doubt::mean(&defined)
}

impl Difference {
    /// The difference of two shares of pairs with what those in perfect order leave open: bounds move
    /// out, at most to -1 and 1, and where the one towards zero does, `p` is at least that of a normal
    /// interval with this bound.
    #[must_use]
    pub fn with(self, doubt: Doubt) -> Self {
        let own = Estimate { value: self.delta, low: self.low, high: self.high };
        let Estimate { value, low, high } = doubt.widen(own);
        let (moved, reach) =
            if value > 0.0 { (doubt.below, value - low) } else { (doubt.above, high - value) };
        let p = if moved > 0.0 { two_sided(value * Z_95 / reach) } else { 0.0 };
        Self { low: low.max(-1.0), high: high.min(1.0), p: self.p.max(p), ..self }
    }
}

/// The rows of each fold, folds in order.
fn rows_by_fold(folds: &[u32]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..folds.len()).collect();
    order.sort_by_key(|&row| folds[row]);
    order.chunk_by(|&a, &b| folds[a] == folds[b]).map(<[usize]>::to_vec).collect()
}

/// The defined values of all resamples, those of each statistic sorted.
struct Drawn<const N: usize> {
    values: [Vec<f64>; N],
    undefined: usize,
}

fn resample<F, const N: usize>(
    folds: &[Vec<usize>],
    plan: Resampling,
    statistics: &F,
) -> Result<Drawn<N>, Undefined>
where
    F: Fn(&[usize]) -> Result<[f64; N], Undefined> + Sync,
{
    if folds.is_empty() {
        return Err(Undefined::NoPatient);
    }
    let results: Vec<Result<[f64; N], Undefined>> = (0..plan.resamples)
        .into_par_iter()
        .map(|number| {
            let mut generator = ChaCha8Rng::seed_from_u64(plan.seed);
            generator.set_stream(u64::from(number));
            mean_of_defined(folds.iter().map(|rows| {
                let draw = |_| rows[generator.random_range(0..rows.len())];
                let drawn: Vec<usize> = (0..rows.len()).map(draw).collect();
                statistics(&drawn)
            }))
        })
        .collect();
    let reason = results.iter().find_map(|result| result.as_ref().err()).cloned();
    let defined: Vec<[f64; N]> = results.into_iter().flatten().collect();
    let undefined = plan.resamples as usize - defined.len();
    if defined.is_empty() {
        let reason = reason.map_or_else(|| "none was drawn".to_owned(), |cause| cause.to_string());
        return Err(Undefined::EveryResample { resamples: undefined, reason });
    }
    let sorted = |place: usize| {
        let mut values: Vec<f64> = defined.iter().map(|one| one[place]).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    Ok(Drawn { values: std::array::from_fn(sorted), undefined })
}

fn mean_of_defined<const N: usize>(
    results: impl Iterator<Item = Result<[f64; N], Undefined>>,
) -> Result<[f64; N], Undefined> {
    let mut reason = None;
    let (mut sums, mut count) = ([0.0; N], 0_u32);
    for result in results {
        match result {
            Ok(values) => {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value;
                }
                count += 1;
            }
            Err(undefined) => {
                reason.get_or_insert(undefined);
            }
        }
    }
    if count > 0 {
        Ok(sums.map(|sum| sum / f64::from(count)))
    } else {
        Err(reason.unwrap_or(Undefined::NoPatient))
    }
}

/// A quantile of sorted values, linear between neighbours (type 7 of Hyndman and Fan, Am Stat
/// 1996;50:361, the default of R and Python).
fn quantile(sorted: &[f64], permille: usize) -> f64 {
    let position = permille * (sorted.len() - 1);
    let (below, rest) = (position / 1000, position % 1000);
    let next = sorted[(below + 1).min(sorted.len() - 1)];
    sorted[below] + rest as f64 / 1000.0 * (next - sorted[below])
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    const PLAN: Resampling = Resampling { resamples: 500, seed: 1 };

    fn mean(values: &[f64]) -> impl Fn(&[usize]) -> Result<f64, Undefined> + Sync + '_ {
        |rows| Ok(rows.iter().map(|&row| values[row]).sum::<f64>() / rows.len() as f64)
    }

    #[test]
    fn the_interval_of_a_mean_is_about_two_standard_errors() {
        let values: Vec<f64> = (0..400).map(f64::from).collect();
        let found = interval(400, PLAN, mean(&values)).unwrap();
        // Mean 199.5, standard deviation 115.5, standard error 5.77.
        assert!((found.low - 188.2).abs() < 2.0, "{found:?}");
        assert!((found.high - 210.8).abs() < 2.0, "{found:?}");
        assert_eq!(found.undefined, 0);
    }

    #[test]
    fn any_number_of_threads_gives_one_result() {
        let values: Vec<f64> = (0..50).map(f64::from).collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| interval(50, PLAN, mean(&values)).unwrap())
        };
        assert_eq!(on(1), on(4));
        let other = Resampling { seed: 2, ..PLAN };
        assert_ne!(on(1), interval(50, other, mean(&values)).unwrap());
    }

    #[test]
    fn patients_are_resampled_within_their_fold() {
        let folds = [3, 1, 3, 1, 1];
        let found = interval_within_folds(&folds, PLAN, |rows| {
            let fold = folds[rows[0]];
            assert!(rows.iter().all(|&row| folds[row] == fold));
            assert_eq!(rows.len(), if fold == 3 { 2 } else { 3 });
            Ok(f64::from(fold))
        });
        assert_eq!(found, Ok(Interval { low: 2.0, high: 2.0, undefined: 0 }));
    }

    #[test]
    fn several_statistics_see_the_same_resamples() {
        let values: Vec<f64> = (0..40).map(|row| f64::from(row * row)).collect();
        let folds: Vec<u32> = (0..40).map(|row| row % 3).collect();
        let mean = mean(&values);
        let both = |rows: &[usize]| mean(rows).map(|mean| [mean, 2.0 * mean]);
        let [one, two] = intervals_within_folds(&folds, PLAN, both).unwrap();
        assert_eq!(one, interval_within_folds(&folds, PLAN, &mean).unwrap());
        assert_eq!((two.low, two.high), (2.0 * one.low, 2.0 * one.high));
    }

    #[test]
    fn undefined_resamples_are_left_out_and_counted() {
        let statistic = |rows: &[usize]| {
            if rows.contains(&0) { Ok(1.0) } else { Err(Undefined::NoEvent { patients: 3 }) }
        };
        let found = interval(3, PLAN, statistic).unwrap();
        assert_eq!((found.low, found.high), (1.0, 1.0));
        // The first of three is missing in 8 of 27.
        assert!((100..200).contains(&found.undefined), "{found:?}");
    }

    #[test]
    fn a_fold_without_a_figure_is_left_out_of_the_mean() {
        let statistic = |rows: &[usize]| match rows[0] {
            0 | 1 => Err(Undefined::NoEvent { patients: 2 }),
            row => Ok(row as f64),
        };
        assert_eq!(mean_over_folds(&[0, 0, 1, 2], statistic), Ok(2.5));
        assert_eq!(mean_over_folds(&[0, 0], statistic), Err(Undefined::NoEvent { patients: 2 }));
    }

    #[test]
    fn says_why_there_is_no_interval() {
        let never = |_: &[usize]| Err(Undefined::NoEvent { patients: 2 });
        let found = interval(2, PLAN, never).unwrap_err().to_string();
        let expected = "the figure is undefined in all 500 bootstrap resamples, the first time \
                        because no event was observed among these 2 patients";
        assert_eq!(found, expected);
        assert_eq!(interval(0, PLAN, never), Err(Undefined::NoPatient));
    }

    #[test]
    fn a_model_does_not_differ_from_itself() {
        let values: Vec<f64> = (0..30).map(f64::from).collect();
        let found = paired_difference(&[0; 30], PLAN, mean(&values), mean(&values)).unwrap();
        let expected = Difference { delta: 0.0, low: 0.0, high: 0.0, p: 1.0, undefined: 0 };
        assert_eq!(found, expected);
    }

    #[test]
    fn differences_are_paired() {
        // Two models far from steady, one always better by about one.
        let worse: Vec<f64> = (0..60).map(|row| f64::from(row * row)).collect();
        let better: Vec<f64> = worse
            .iter()
            .enumerate()
            .map(|(row, value)| value + 0.5 + (row % 3) as f64 / 2.0)
            .collect();
        let folds: Vec<u32> = (0..60).map(|row| row % 4).collect();
        let found = paired_difference(&folds, PLAN, mean(&better), mean(&worse)).unwrap();
        assert!((found.delta - 1.0).abs() < 1e-9, "{found:?}");
        assert!(found.low > 0.8 && found.high < 1.2, "{found:?}");
        assert!((found.p - 2.0 / 501.0).abs() < 1e-12, "{found:?}");
        let swapped = paired_difference(&folds, PLAN, mean(&worse), mean(&better)).unwrap();
        assert!((swapped.delta + found.delta).abs() < 1e-9 && swapped.p == found.p);
    }

    #[test]
    fn perfect_models_are_not_sure_to_be_alike_or_to_differ() {
        let pairs = |count: u32| Doubt::of(1.0, f64::from(count));
        let (perfect, reversed) = (|_: &[usize]| Ok(1.0), |_: &[usize]| Ok(0.0));
        let same = paired_difference(&[0; 9], PLAN, perfect, perfect).unwrap();
        let found = same.with(pairs(3).less(pairs(3)));
        assert_eq!((found.low, found.high), (-pairs(3).below, pairs(3).below));
        assert_eq!((found.delta, found.p), (0.0, 1.0));
        let apart = paired_difference(&[0; 9], PLAN, perfect, reversed).unwrap();
        // The sign test's p of three pairs is 0.25, of ten 0.002.
        for (count, least, most) in [(3, 0.1, 0.3), (10, 0.001, 0.004)] {
            let wrong = Doubt { below: 0.0, above: pairs(count).below };
            let found = apart.with(pairs(count).less(wrong));
            assert_eq!((found.low, found.high), (1.0 - 2.0 * pairs(count).below, 1.0));
            assert!((least..most).contains(&found.p) && (found.low > 0.0) == (found.p < 0.05));
        }
        assert_eq!(apart.with(Doubt::default()), apart);
    }

    #[test]
    fn folds_without_a_figure_leave_nothing_open() {
        let doubt = |rows: &[usize]| match rows[0] {
            0 => Err(Undefined::NoEvent { patients: 1 }),
            1 => Ok(Doubt::of(1.0, 2.0)),
            _ => Ok(Doubt::default()),
        };
        let expected = Doubt::mean(&[Doubt::of(1.0, 2.0), Doubt::default()]);
        assert_eq!(doubt_over_folds(&[0, 1, 2], doubt), expected);
    }

    #[test]
    fn quantiles_are_linear_between_neighbours() {
        for (permille, expected) in [(0, 1.0), (25, 1.1), (500, 3.0), (975, 4.9), (1000, 5.0)] {
            let found = quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], permille);
            assert!((found - expected).abs() < 1e-12, "{permille}");
        }
        assert_eq!(quantile(&[7.0], 975), 7.0);
    }
}
