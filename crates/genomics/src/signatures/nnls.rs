//! Non-negative least squares.

/// Below this share of the largest gradient a weight counts as settled.
const TOLERANCE: f64 = 1e-11;

/// A least-squares problem by its inner products: the columns with each other, and with the target.
///
/// The columns are to be scaled to length 1, so that the solution is well conditioned.
pub(super) struct Problem<'a> {
    /// `gram[i][j]` is column i times column j.
    pub(super) gram: &'a [Vec<f64>],
    /// `projection[i]` is column i times the target.
    pub(super) projection: &'a [f64],
}

/// The weights, none below zero, with which the given columns come nearest to the target.
///
/// Lawson and Hanson 1974, Solving Least Squares Problems, chapter 23, on inner products as Bro and
/// De Jong 1997 do. One weight for each of `columns`, in their order.
pub(super) fn nonnegative_least_squares(problem: &Problem<'_>, columns: &[usize]) -> Vec<f64> {
    let mut weights = vec![0.0; columns.len()];
    let mut passive: Vec<usize> = Vec::new();
    let largest =
        columns.iter().map(|&column| problem.projection[column].abs()).fold(0.0, f64::max);
    // Each round lets one weight in; the bound only guards against rounding that goes in circles.
    for _ in 0..3 * columns.len() {
        let gradient = |place: usize| -> f64 {
            let fitted: f64 = passive
                .iter()
                .map(|&other| problem.gram[columns[place]][columns[other]] * weights[other])
                .sum();
            problem.projection[columns[place]] - fitted
        };
        let steepest = (0..columns.len())
            .filter(|place| !passive.contains(place))
            .map(|place| (place, gradient(place)))
            .max_by(|one, other| one.1.total_cmp(&other.1));
        let Some((entering, slope)) = steepest else { break };
        if slope <= TOLERANCE * largest {
            break;
        }
        passive.push(entering);
        if !settle(problem, columns, &mut passive, &mut weights) {
            break;
        }
    }
    weights
}

/// Moves to the least-squares solution over the passive columns, dropping those whose weight would
/// fall below zero on the way. Returns whether the column that entered last stayed.
fn settle(
    problem: &Problem<'_>,
    columns: &[usize],
    passive: &mut Vec<usize>,
    weights: &mut [f64],
) -> bool {
    let entering = passive.last().copied();
    while !passive.is_empty() {
        let chosen: Vec<usize> = passive.iter().map(|&place| columns[place]).collect();
        let Some(solution) = solve(problem, &chosen) else {
            // The column that entered last is a mixture of the others.
            if let Some(place) = passive.pop() {
                weights[place] = 0.0;
            }
            return false;
        };
        // The first weight that reaches zero on the way, and how far along.
        let blocking = passive
            .iter()
            .zip(&solution)
            .filter(|&(_, &target)| target <= 0.0)
            .map(|(&place, &target)| {
                (place, weights[place] / (weights[place] - target).max(f64::MIN_POSITIVE))
            })
            .min_by(|one, other| one.1.total_cmp(&other.1));
        let Some((blocked, step)) = blocking else {
            for (&place, &target) in passive.iter().zip(&solution) {
                weights[place] = target;
            }
            return true;
        };
        for (&place, &target) in passive.iter().zip(&solution) {
            weights[place] += step * (target - weights[place]);
        }
        passive.retain(|&place| {
            let stays = place != blocked && weights[place] > 0.0;
            if !stays {
                weights[place] = 0.0;
            }
            stays
        });
        if entering.is_some_and(|entering| !passive.contains(&entering)) {
            return false;
        }
    }
    false
}

/// Least squares over some columns by Cholesky's factors of their inner products; `None` where the
/// columns are not independent.
fn solve(problem: &Problem<'_>, columns: &[usize]) -> Option<Vec<f64>> {
    let count = columns.len();
    let mut factor = vec![vec![0.0; count]; count];
    for row in 0..count {
        for column in 0..=row {
            let known: f64 =
                (0..column).map(|place| factor[row][place] * factor[column][place]).sum();
            let rest = problem.gram[columns[row]][columns[column]] - known;
            factor[row][column] = match row == column {
                true if rest <= 1e-12 => return None,
                true => rest.sqrt(),
                false => rest / factor[column][column],
            };
        }
    }
    let mut solution = vec![0.0; count];
    for row in 0..count {
        let known: f64 = (0..row).map(|place| factor[row][place] * solution[place]).sum();
        solution[row] = (problem.projection[columns[row]] - known) / factor[row][row];
    }
    for row in (0..count).rev() {
        let known: f64 = (row + 1..count).map(|place| factor[place][row] * solution[place]).sum();
        solution[row] = (solution[row] - known) / factor[row][row];
    }
    Some(solution)
}
