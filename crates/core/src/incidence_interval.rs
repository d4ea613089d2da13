//! How well cumulative incidences beside competing events are known.

use ndarray::{Array2, ArrayRef2};

use crate::competing_risks::Course;
use crate::inference::Z_95;
use crate::precision::StepError;
use crate::{CumulativeHazard, Incidence, SurvivalProbability};

/// How well one patient's hazard of one cause is known.
#[derive(Clone, Copy, Debug)]
pub struct CauseError<'a> {
    /// One for each time that the hazard is followed at.
    pub steps: &'a [StepError],
    /// The patient's risk, less the reference that the mean risks of the steps are less too.
    pub risk: f64,
    /// The variance of the slope of the risk; 0 where it has no error of its own.
    pub slope_variance: f64,
}

/// 95 % intervals of one patient at some times, lower bound first.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidenceIntervals {
    /// Of the incidence of each cause, (causes, times).
    pub incidence: Array2<(Incidence, Incidence)>,
    /// Of the probability of no event at all, (times,).
    pub survival: Vec<(SurvivalProbability, SurvivalProbability)>,
}

/// The cumulative incidences that [`crate::competing_risks::incidence_of_hazards`] gives, (causes,
/// places), with their 95 % intervals, from one patient's cumulative hazards along rising times,
/// (causes, times). `places` are those of the times that are asked for, in any order.
///
/// The intervals are those of *all patients with these risks*, as [`crate::precision::Precision`] has
/// them, by the delta method. One more of cause j in a step moves the incidence of cause k at a later
/// time by \[j = k\] S - (F(later) - F(step)), with S and F the survival and the incidence of cause k
/// in the step; and it moves survival by -S(later). Hazards of different causes err independently,
/// and so do the jumps of a baseline and the slope of its risk. Andersen et al., Statistical Models
/// Based on Counting Processes 1993, VII.2; Rosthøj et al., Comput Methods Programs Biomed
/// 2004;74:69.
///
/// They are symmetric on the complementary log-log scale of the incidence, so that a cause without
/// others has the interval of its survival turned round.
///
/// # Panics
/// When there is not one error for each cause with one step for each time, or a place is no time.
#[must_use]
pub fn incidence_with_intervals(
    hazards: &ArrayRef2<CumulativeHazard>,
    errors: &[CauseError],
    places: &[usize],
) -> (Array2<Incidence>, IncidenceIntervals) {
    let (causes, times) = hazards.dim();
    assert_eq!(errors.len(), causes, "one error for each cause");
    assert!(errors.iter().all(|error| error.steps.len() == times), "one step for each time");
    let path = Path::new(hazards);
    let mut incidence = Array2::default((causes, places.len()));
    let mut intervals =
        IncidenceIntervals { incidence: Array2::default((causes, places.len())), survival: vec![] };
    for (cause, reached) in path.incidence.iter().enumerate() {
        let levels = path.levels(cause);
        for (asked, &place) in places.iter().enumerate() {
            let of_cause = |other: usize| {
                let level = &levels[usize::from(other == cause)];
                variance(&errors[other], &path.rises[other], (level, reached[place]), place)
            };
            let variance = (0..causes).map(of_cause).sum();
            incidence[[cause, asked]] = Incidence(reached[place]);
            intervals.incidence[[cause, asked]] = incidence_interval(reached[place], variance);
        }
    }
    let nothing = vec![0.0; times];
    for &place in places {
        let hazard = hazards.column(place).iter().map(|hazard| hazard.0).sum();
        // The sum of all hazards moves with each rise by the rise itself.
        let of_cause = |(error, rises): (&CauseError, &Vec<f64>)| {
            variance(error, rises, (&nothing, -1.0), place)
        };
        let variance = errors.iter().zip(&path.rises).map(of_cause).sum();
        intervals.survival.push(survival_interval(hazard, variance));
    }
    (incidence, intervals)
}

/// One patient's way along the times.
struct Path {
    /// By how much each cause's hazard rises up to each time, (causes, times).
    rises: Vec<Vec<f64>>,
    /// (causes, times).
    incidence: Vec<Vec<f64>>,
    /// Up to each time, who has an event for each unit that the hazards rise by: on average, and what
    /// one unit more of any of them changes that by.
    each: Vec<f64>,
    less: Vec<f64>,
}

impl Path {
    fn new(hazards: &ArrayRef2<CumulativeHazard>) -> Self {
        let (causes, times) = hazards.dim();
        let mut course = Course::new(causes);
        let rows = || vec![Vec::with_capacity(times); causes];
        let mut path = Self { rises: rows(), incidence: rows(), each: vec![], less: vec![] };
        for now in hazards.columns() {
            course.step(&now);
            for cause in 0..causes {
                path.rises[cause].push(course.rises[cause]);
                path.incidence[cause].push(course.incidence[cause]);
            }
            let by_rise = |value: f64| if course.all > 0.0 { value / course.all } else { 0.0 };
            let each = by_rise(course.ending);
            path.each.push(each);
            path.less.push(by_rise(course.survival - each));
        }
        path
    }

    /// What one more of another cause, and of the cause itself, up to each time leads to: with the
    /// incidence that the cause reaches later subtracted, by how much it moves that.
    fn levels(&self, cause: usize) -> [Vec<f64>; 2] {
        let (rises, incidence) = (&self.rises[cause], &self.incidence[cause]);
        let steps = self.less.iter().zip(rises).zip(incidence);
        let others: Vec<f64> = steps.map(|((less, rise), reached)| less * rise + reached).collect();
        let own = others.iter().zip(&self.each).map(|(other, each)| other + each).collect();
        [others, own]
    }
}

/// The part of one cause in the variance, up to a place, of what moves with each of its rises by the
/// rise times a level less what is reached.
fn variance(
    error: &CauseError,
    rises: &[f64],
    (levels, reached): (&[f64], f64),
    place: usize,
) -> f64 {
    let (mut sum, mut open, mut slope) = (0.0, 0.0, 0.0);
    for ((step, rise), level) in error.steps[..=place].iter().zip(rises).zip(levels) {
        let moved = rise * (level - reached);
        open += moved;
        slope += moved * (error.risk - step.mean_risk);
        if step.ends {
            sum += step.variance * open * open;
            open = 0.0;
        }
    }
    // An error that goes on.
    sum += error.steps[place].variance * open * open;
    sum + error.slope_variance * slope * slope
}

fn incidence_interval(reached: f64, variance: f64) -> (Incidence, Incidence) {
    if reached <= 0.0 || reached >= 1.0 {
        return (Incidence(reached), Incidence(reached));
    }
    // The cumulative hazard that would give this incidence without other causes.
    let hazard = -(-reached).ln_1p();
    let error = variance.sqrt() / ((1.0 - reached) * hazard);
    let bound = |z: f64| Incidence(-(-hazard * (z * error).exp()).exp_m1());
    (bound(-Z_95), bound(Z_95))
}

fn survival_interval(hazard: f64, variance: f64) -> (SurvivalProbability, SurvivalProbability) {
    if hazard <= 0.0 {
        return (SurvivalProbability(1.0), SurvivalProbability(1.0));
    }
    let error = variance.sqrt() / hazard;
    let bound = |z: f64| SurvivalProbability((-hazard * (z * error).exp()).exp());
    (bound(Z_95), bound(-Z_95))
}
