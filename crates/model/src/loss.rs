use oncoweave_core::Survival;
use tch::{Kind, Tensor};

use crate::network::to_i64;

/// Who is at risk at each event of a batch, prepared once for many evaluations of the Cox loss.
pub(crate) struct RiskSets {
    /// Rows by falling time, (batch,).
    order: Tensor,
    /// For each event: its place in that order, (events,).
    event: Tensor,
    /// For each event: the place of the last patient still at risk, (events,).
    last_at_risk: Tensor,
    /// For each event: the number of its distinct time, (events,).
    tie_group: Tensor,
    /// For each event: Efron's share of the tied events that have left the risk set, (events,).
    left: Tensor,
    tie_groups: i64,
    has_ties: bool,
}

impl RiskSets {
    /// Sorts a batch; `None` where it has no event, since its likelihood is then constant.
    pub(crate) fn new(outcomes: &[Survival]) -> Option<Self> {
        let mut order: Vec<usize> = (0..outcomes.len()).collect();
        order.sort_by(|&a, &b| outcomes[b].time_days.total_cmp(&outcomes[a].time_days));
        let (mut event, mut last_at_risk, mut tie_group) = (vec![], vec![], vec![]);
        let mut left: Vec<f32> = vec![];
        let mut groups = 0;
        let same_time = |a: &usize, b: &usize| {
            outcomes[*a].time_days.total_cmp(&outcomes[*b].time_days).is_eq()
        };
        let mut start = 0;
        for tied in order.chunk_by(same_time) {
            let end = start + tied.len();
            let events: Vec<usize> =
                (start..end).filter(|&place| outcomes[order[place]].event).collect();
            for (rank, &place) in events.iter().enumerate() {
                event.push(to_i64(place));
                last_at_risk.push(to_i64(end - 1));
                tie_group.push(groups);
                left.push(rank as f32 / events.len() as f32);
            }
            groups += i64::from(!events.is_empty());
            start = end;
        }
        let order: Vec<i64> = order.into_iter().map(to_i64).collect();
        (!event.is_empty()).then(|| Self {
            order: Tensor::from_slice(&order),
            has_ties: left.iter().any(|&share| share > 0.0),
            event: Tensor::from_slice(&event),
            last_at_risk: Tensor::from_slice(&last_at_risk),
            tie_group: Tensor::from_slice(&tie_group),
            left: Tensor::from_slice(&left),
            tie_groups: groups,
        })
    }

    /// The negative log partial likelihood with Efron's handling of ties, divided by the number of
    /// events; a scalar. Efron (1977), Journal of the American Statistical Association 72:557.
    pub(crate) fn loss(&self, log_risk: &Tensor) -> Tensor {
        let sorted = log_risk.index_select(0, &self.order); // (batch,)
        // The log of the sum of exp over everyone with a time as long or longer, without overflow.
        let at_risk = sorted.logcumsumexp(0).index_select(0, &self.last_at_risk); // (events,)
        let relative = sorted.index_select(0, &self.event) - at_risk; // (events,), never above 0
        if !self.has_ties {
            return -relative.mean(relative.kind());
        }
        // Efron takes the share `left` of the tied events' sum out of the risk set's sum. Divided by
        // the risk set's sum, that is 1 - left x tied with `tied` between 0 and 1.
        let tied = Tensor::zeros([self.tie_groups], (relative.kind(), relative.device()))
            .index_add(0, &self.tie_group, &relative.exp()) // (groups,)
            .index_select(0, &self.tie_group); // (events,)
        let reduced = (-(tied * self.left.to_kind(relative.kind()))).log1p(); // (events,)
        (reduced - relative).mean(log_risk.kind())
    }
}

/// The mean cross-entropy over patients with a known class, or `None` where there is none.
///
/// `logits` is (batch, classes); `classes` holds -1 for an unknown class, (batch,).
pub(crate) fn class_loss(logits: &Tensor, classes: &Tensor) -> Option<Tensor> {
    let known = classes.ge(0);
    if known.sum(Kind::Int64).int64_value(&[]) == 0 {
        return None;
    }
    let reduction = tch::Reduction::Mean;
    Some(logits.cross_entropy_loss::<Tensor>(classes, None, reduction, -1, 0.0))
}
