//! What people see who may see groups but no patient.

use oncoweave_core::small_cells::{Protected, Shown, shown};
use oncoweave_report::chart::Bin;

use super::Study;

/// Bins of ten per cent of predicted risk within a horizon, high risk and low.
pub(crate) fn risk_bins(
    study: &Study,
    places: &[usize],
    horizon: usize,
    protected: Option<Protected>,
) -> Vec<Bin> {
    let mut counts = [[0_usize; 2]; 10];
    for &place in places {
        let Some(risk) = study.risk(place, horizon) else { continue };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 9")]
        let bin = (risk * 10.0).floor().clamp(0.0, 9.0) as usize;
        counts[bin][usize::from(!study.patients[place].high_risk)] += 1;
    }
    let told: [Vec<Shown>; 2] = [0, 1].map(|group| {
        let of_group: Vec<usize> = counts.iter().map(|bin| bin[group]).collect();
        shown(&of_group, protected.map_or(0, |protected| protected.least))
    });
    let count = |bin: usize, group: usize| match told[group][bin] {
        Shown::Count(count) => Some(count),
        Shown::Few | Shown::Withheld => None,
    };
    (0..10)
        .map(|bin| Bin {
            low: bin as f64 / 10.0,
            high: (bin + 1) as f64 / 10.0,
            counts: [count(bin, 0), count(bin, 1)],
        })
        .collect()
}
