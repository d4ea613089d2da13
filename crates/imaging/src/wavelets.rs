//! The filters of separable wavelets, from `wavelets.csv`.

/// The decomposition filters of a discrete wavelet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wavelet {
    /// The scaling filter.
    pub(crate) low: Vec<f64>,
    /// The wavelet filter.
    pub(crate) high: Vec<f64>,
}

impl Wavelet {
    /// The wavelet that a name such as `haar`, `db2`, `sym4`, `coif1` or `bior2.2` stands for.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let filter = |kind: &str| {
            include_str!("wavelets.csv").lines().find_map(|line| {
                let mut cells = line.split(',');
                let is_it = cells.next() == Some(name) && cells.next() == Some(kind);
                is_it.then(|| cells.filter_map(|cell| cell.parse().ok()).collect::<Vec<f64>>())
            })
        };
        let low = filter("low")?;
        // The quadrature mirror filter of an orthogonal wavelet.
        let mirrored = || {
            let signs = [-1.0, 1.0].into_iter().cycle();
            signs.zip(low.iter().rev()).map(|(sign, weight)| sign * weight).collect()
        };
        let high = filter("high").unwrap_or_else(mirrored);
        Some(Self { low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_those_of_their_wavelet() {
        let half = 0.5_f64.sqrt();
        let haar = Wavelet::named("haar").unwrap();
        assert!((haar.low[0] - half).abs() < 1e-15 && (haar.low[1] - half).abs() < 1e-15);
        assert!((haar.high[0] + half).abs() < 1e-15 && (haar.high[1] - half).abs() < 1e-15);
        let mut names = 0;
        for line in include_str!("wavelets.csv").lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(',').next().unwrap();
            let Wavelet { low, high } = Wavelet::named(name).unwrap();
            names += 1;
            assert_eq!(low.len(), high.len(), "{name}");
            // Constants pass the scaling filter alone.
            let sum: f64 = low.iter().sum();
            assert!((sum - 2.0_f64.sqrt()).abs() < 1e-8, "{name} {sum}");
            assert!(high.iter().sum::<f64>().abs() < 1e-8, "{name}");
        }
        assert!(names > 80, "{names}");
        for unknown in ["", "db0", "db", "low", "# PyWavelets 1.8.0"] {
            assert_eq!(Wavelet::named(unknown), None, "{unknown}");
        }
    }
}
