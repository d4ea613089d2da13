//! Chooses a stack's weights from the out-of-fold risks of its members.

use std::collections::BTreeSet;

use ndarray::{Array2, ArrayRef2, Axis};
use oncoweave_core::{
    Risk, Survival,
    concordance::harrell_c,
    concordance_interval::harrell_c_difference,
    preprocess::PreparedBlock,
    stack::{StackPenalty, fit_stack},
};

use crate::{
    Error, Member, Model, Predictor, RiskScale, Stack, StackConfig, Without, plan::Plan,
    recipe::Fitted, stack::shares,
};

/// With fewer events weights are not chosen: ten in each of five inner folds. On simulated cohorts of
/// 60 patients every way of choosing lost to the plain models of all modalities.
const FEWEST_EVENTS: usize = 50;

/// Patients with the columns that weights are chosen by.
struct Problem<'a> {
    config: &'a StackConfig,
    /// Standardized out-of-fold log-risks, (patients, members).
    x: Array2<f64>,
    outcomes: &'a [Survival],
    /// The inner fold of each patient.
    folds: &'a [u32],
    modalities: &'a [String],
    /// The modalities that each member reads.
    reads: Vec<Vec<String>>,
    /// The mean C of each member over inner folds.
    c_index: Vec<Option<f64>>,
}

/// The weights of some members, and what they say of each patient when chosen without the
/// patient's fold.
struct Chosen {
    weights: Vec<f64>,
    /// (patients,).
    log_risks: Vec<f64>,
    c_index: Option<f64>,
    /// The best member, where it is taken alone.
    alone: Option<usize>,
    /// The number of events, where it is too small for a choice.
    few_events: Option<usize>,
}

/// Stacks fitted models.
pub(crate) fn stack(plan: &Plan, fitted: Vec<Fitted>) -> Result<Model, Error> {
    let preprocessing = plan.all_columns()?;
    let prepared = plan.prepare(&preprocessing)?;
    let mut columns = vec![];
    let mut members = vec![];
    for Fitted { model, log_risks, out_of_fold } in fitted {
        let reads = model.preprocessing.widths();
        let own = |block: &&PreparedBlock| reads.iter().any(|(name, _)| *name == block.modality());
        let own: Vec<&PreparedBlock> = prepared.blocks.iter().filter(own).collect();
        let present: Vec<bool> = (0..out_of_fold.len())
            .map(|row| own.iter().any(|block| block.present()[row]))
            .collect();
        let (column, standard_deviation) = standardized(&out_of_fold, &present, &plan.inner);
        let known: Vec<f64> = log_risks
            .iter()
            .zip(&present)
            .filter(|(_, known)| **known)
            .map(|(risk, _)| *risk)
            .collect();
        let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
        columns.push(column);
        members.push(Member { model, weight: 0.0, mean, standard_deviation, c_index: None });
    }
    let x = Array2::from_shape_fn((plan.inner.len(), columns.len()), |(row, column)| {
        columns[column][row]
    });
    let mut problem = Problem {
        config: plan.stack_config(),
        x,
        outcomes: plan.outcomes(),
        folds: &plan.inner,
        modalities: plan.modality_names(),
        reads: members.iter().map(|member: &Member| member.model.modalities()).collect(),
        c_index: vec![],
    };
    problem.c_index = columns.iter().map(|column| problem.c_of(column)).collect();
    for (member, &c_index) in members.iter_mut().zip(&problem.c_index) {
        member.c_index = c_index;
    }
    let (chosen, kept) = problem.worthy()?;
    let without = without(plan, &problem, &kept)?;
    for (member, &weight) in members.iter_mut().zip(&chosen.weights) {
        member.weight = weight;
    }
    let choice = sentence(&chosen, &members);
    let stack = Stack { members, shares: vec![], choice, c_index: chosen.c_index, without };
    let mut predictor = Predictor::Stack(stack);
    let found = shares(&predictor, (&preprocessing, &prepared));
    if let Predictor::Stack(stack) = &mut predictor {
        stack.shares = found;
    }
    let scale = plan.scale(&chosen.log_risks)?;
    Ok(plan.combined(preprocessing, (predictor, scale)))
}

/// Log-risks less the mean of their fold, by the standard deviation within folds; who has none of
/// what the model reads is at the mean. A model that tells nobody apart is 0 throughout.
fn standardized(log_risks: &[f64], present: &[bool], folds: &[u32]) -> (Vec<f64>, f64) {
    let mut column = vec![0.0; log_risks.len()];
    let (mut squares, mut count) = (0.0, 0_usize);
    for fold in folds.iter().copied().collect::<BTreeSet<u32>>() {
        let rows: Vec<usize> =
            (0..folds.len()).filter(|&row| folds[row] == fold && present[row]).collect();
        let mean = rows.iter().map(|&row| log_risks[row]).sum::<f64>() / rows.len().max(1) as f64;
        for &row in &rows {
            column[row] = log_risks[row] - mean;
            squares += column[row] * column[row];
        }
        count += rows.len();
    }
    let deviation = (squares / count.max(1) as f64).sqrt();
    if deviation.is_finite() && deviation > 1e-9 {
        (column.iter().map(|value| value / deviation).collect(), deviation)
    } else {
        (vec![0.0; log_risks.len()], 1.0)
    }
}

impl Problem<'_> {
    /// Chooses weights, and leaves out, one after the other, the modalities that do harm, the most
    /// harmful first: no member that reads them has a weight then. Gives also the members that were
    /// left. With fewer than [`FEWEST_EVENTS`] nothing is chosen.
    ///
    /// By default harm must be shown ([`StackConfig::harm`]): to ask of a modality that it prove its
    /// worth instead cost 0.003 of C on 40 cohorts of real columns with made-up outcomes, and 0.005
    /// on 30 others.
    fn worthy(&self) -> Result<(Chosen, Vec<usize>), Error> {
        let mut kept: Vec<usize> = (0..self.reads.len()).collect();
        let mut chosen = self.choose(&kept)?;
        if self.has_few_events() {
            return Ok((chosen, kept));
        }
        loop {
            let mut best: Option<(f64, Chosen, Vec<usize>)> = None;
            for modality in self.modalities {
                let others = self.not_reading(modality, &kept);
                if others.is_empty() || others.len() == kept.len() {
                    continue;
                }
                let without = self.choose(&others)?;
                let harm = self.gain(&without.log_risks, &chosen.log_risks).unwrap_or(0.0);
                if harm > self.config.harm && best.as_ref().is_none_or(|(most, ..)| harm > *most) {
                    best = Some((harm, without, others));
                }
            }
            let Some((_, without, others)) = best else { return Ok((chosen, kept)) };
            (chosen, kept) = (without, others);
        }
    }

    /// Those of some members that do not read a modality.
    fn not_reading(&self, modality: &String, among: &[usize]) -> Vec<usize> {
        among.iter().copied().filter(|&member| !self.reads[member].contains(modality)).collect()
    }

    /// The rows of each fold.
    fn by_fold(&self) -> Vec<Vec<usize>> {
        let folds: BTreeSet<u32> = self.folds.iter().copied().collect();
        let rows = |fold| (0..self.folds.len()).filter(|&row| self.folds[row] == fold).collect();
        folds.into_iter().map(rows).collect()
    }

    fn of(&self, rows: &[usize], log_risks: &[f64]) -> (Vec<Survival>, Vec<Risk>) {
        rows.iter().map(|&row| (self.outcomes[row], Risk(log_risks[row]))).unzip()
    }

    /// The mean C over the folds where it is defined.
    fn c_of(&self, log_risks: &[f64]) -> Option<f64> {
        let one = |rows: Vec<usize>| {
            let (outcomes, risks) = self.of(&rows, log_risks);
            harrell_c(&outcomes, &risks).ok()
        };
        let values: Vec<f64> = self.by_fold().into_iter().filter_map(one).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Chooses weights among some of the members: 0 for all others.
    fn choose(&self, members: &[usize]) -> Result<Chosen, Error> {
        if self.has_few_events() {
            return Ok(self.widest(members));
        }
        let own = self.x.select(Axis(1), members);
        let mut log_risks = vec![0.0; self.outcomes.len()];
        for rows in self.by_fold() {
            let others: Vec<usize> = (0..self.folds.len())
                .filter(|&row| self.folds[row] != self.folds[rows[0]])
                .collect();
            let weights = self.fit(&own, &others)?;
            for &row in &rows {
                log_risks[row] = dot(&own, row, &weights);
            }
        }
        let everyone: Vec<usize> = (0..self.outcomes.len()).collect();
        let mut weights = self.fit(&own, &everyone)?;
        let best = self.best(members);
        let nothing = weights.iter().all(|weight| *weight <= 0.0);
        let alone = best.filter(|&best| nothing || self.is_worse(&log_risks, members[best]));
        if let Some(best) = alone {
            log_risks = own.column(best).to_vec();
            weights =
                (0..members.len()).map(|place| if place == best { 1.0 } else { 0.0 }).collect();
        }
        let slope = self.slope(&log_risks);
        for risk in &mut log_risks {
            *risk *= slope;
        }
        let mut all = vec![0.0; self.x.ncols()];
        for (&member, weight) in members.iter().zip(&weights) {
            all[member] = weight * slope;
        }
        let c_index = self.c_of(&log_risks);
        let alone = alone.map(|best| members[best]);
        Ok(Chosen { weights: all, log_risks, c_index, alone, few_events: None })
    }

    fn events(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.event).count()
    }

    fn has_few_events(&self) -> bool {
        self.events() < FEWEST_EVENTS
    }

    /// The same weight for each of those members that read the most modalities; nothing is chosen.
    fn widest(&self, members: &[usize]) -> Chosen {
        let width = |member: usize| self.reads[member].len();
        let most = members.iter().map(|&member| width(member)).max().unwrap_or(0);
        // A member that tells nobody apart is 0 throughout.
        let tells = |member: usize| self.x.column(member).iter().any(|risk| *risk != 0.0);
        let widest = members.iter().copied().filter(|&member| width(member) == most);
        let (mut own, rest): (Vec<usize>, Vec<usize>) = widest.partition(|&member| tells(member));
        if own.is_empty() {
            own = rest;
        }
        let mean = self.x.select(Axis(1), &own).mean_axis(Axis(1)).expect("there is a member");
        let slope = self.slope(&mean.to_vec());
        let log_risks: Vec<f64> = mean.iter().map(|risk| risk * slope).collect();
        let mut weights = vec![0.0; self.x.ncols()];
        for &member in &own {
            weights[member] = slope / own.len() as f64;
        }
        let c_index = self.c_of(&log_risks);
        Chosen { weights, log_risks, c_index, alone: None, few_events: Some(self.events()) }
    }

    fn fit(&self, x: &ArrayRef2<f64>, rows: &[usize]) -> Result<Vec<f64>, Error> {
        let outcomes: Vec<Survival> = rows.iter().map(|&row| self.outcomes[row]).collect();
        let folds: Vec<u32> = rows.iter().map(|&row| self.folds[row]).collect();
        let events = outcomes.iter().filter(|outcome| outcome.event).count() as f64;
        let StackConfig { lasso, ridge, .. } = self.config;
        let penalty = StackPenalty { lasso: lasso * events.sqrt(), ridge: ridge * events };
        fit_stack(&x.select(Axis(0), rows), &outcomes, &folds, penalty)
            .map_err(Error::undefined("the weights of the stack cannot be fitted"))
    }

    /// The place of the member with the highest C.
    fn best(&self, members: &[usize]) -> Option<usize> {
        let c_index = |place: usize| self.c_index[members[place]].unwrap_or(0.0);
        (0..members.len()).max_by(|&a, &b| c_index(a).total_cmp(&c_index(b)).then(b.cmp(&a)))
    }

    /// Whether the C of some log-risks lies below a member's by more than chance.
    fn is_worse(&self, log_risks: &[f64], member: usize) -> bool {
        self.gain(&self.x.column(member).to_vec(), log_risks)
            .is_some_and(|gain| gain > self.config.harm)
    }

    /// The C of some log-risks less that of others, in standard errors of the difference.
    fn gain(&self, log_risks: &[f64], others: &[f64]) -> Option<f64> {
        let (mut difference, mut variance, mut folds) = (0.0, 0.0, 0.0_f64);
        for rows in self.by_fold() {
            let (outcomes, own) = self.of(&rows, log_risks);
            let (_, other) = self.of(&rows, others);
            if let Ok(found) = harrell_c_difference(&outcomes, &own, &other) {
                difference += found.difference.value;
                variance += found.difference.standard_error.powi(2);
                folds += 1.0;
            }
        }
        // The sums of independent folds: both would be divided by the number of folds.
        (folds > 0.0 && variance > 0.0).then(|| difference / variance.sqrt())
    }

    /// What log-risks must be multiplied by to be as far apart as they should.
    fn slope(&self, log_risks: &[f64]) -> f64 {
        let x = Array2::from_shape_fn((log_risks.len(), 1), |(row, _)| log_risks[row]);
        let penalty = StackPenalty { lasso: 0.0, ridge: 1e-3 };
        let slope = fit_stack(&x, self.outcomes, self.folds, penalty);
        slope.map_or(1.0, |slope| slope[0]).clamp(LEAST_SLOPE, MOST_SLOPE)
    }
}

/// Out-of-fold risks that say nothing still rank: a slope of 0 would make all patients alike.
const LEAST_SLOPE: f64 = 0.05;
const MOST_SLOPE: f64 = 5.0;

fn dot(x: &ArrayRef2<f64>, row: usize, weights: &[f64]) -> f64 {
    x.row(row).iter().zip(weights).map(|(value, weight)| value * weight).sum()
}

/// For each modality the weights among the members that do not read it; none where nothing is left.
fn without(plan: &Plan, problem: &Problem, kept: &[usize]) -> Result<Vec<Without>, Error> {
    let mut found = vec![];
    for modality in problem.modalities {
        let others = problem.not_reading(modality, kept);
        if others.is_empty() {
            continue;
        }
        let chosen = problem.choose(&others)?;
        let scale: RiskScale = plan.scale(&chosen.log_risks)?;
        found.push(Without { modality: modality.clone(), weights: chosen.weights, scale });
    }
    Ok(found)
}

fn sentence(chosen: &Chosen, members: &[Member]) -> String {
    let c_index = |value: Option<f64>| value.map_or("undefined".to_owned(), |c| format!("{c:.3}"));
    let weighted = members.iter().filter(|member| member.weight > 0.0);
    if let Some(events) = chosen.few_events {
        return format!(
            "{events} events are too few to choose weights by (it takes {FEWEST_EVENTS}): {} share the \
             weight, with a C of {} out of fold",
            weighted
                .map(|member| format!("`{}`", member.model.name))
                .collect::<Vec<_>>()
                .join(", "),
            c_index(chosen.c_index)
        );
    }
    match chosen.alone {
        Some(best) => format!(
            "`{}` is taken alone: out of fold it has a C of {}, and no weights over {} models did \
             as well within noise",
            members[best].model.name,
            c_index(members[best].c_index),
            members.len()
        ),
        None => format!(
            "the stack has a C of {} out of fold, with weights on {} of {} models: {}",
            c_index(chosen.c_index),
            weighted.clone().count(),
            members.len(),
            weighted
                .map(|member| format!("`{}` {:.2}", member.model.name, member.weight))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

#[cfg(test)]
mod tests;
