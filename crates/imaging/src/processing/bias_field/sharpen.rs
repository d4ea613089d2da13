//! Sharpening the histogram of log intensities, which a bias field has blurred (Sled et al., IEEE
//! Transactions on Medical Imaging 1998, 17:87-97).

use std::f64::consts::{LN_2, PI};

use rustfft::{FftPlanner, num_complex::Complex};

use crate::BiasField;

/// What log intensity is expected in the sharpened image where the unsharpened has a given one: a
/// broken line.
pub(super) struct Expectation {
    least: f64,
    bin_width: f64,
    expected: Vec<f64>,
}

impl Expectation {
    /// From the least and greatest log intensity, which differ, and a histogram between them.
    pub(super) fn new([least, greatest]: [f64; 2], counts: &[f64], settings: &BiasField) -> Self {
        let bin_width = (greatest - least) / (counts.len() - 1) as f64;
        let padded = 2 * counts.len().next_power_of_two();
        let offset = (padded - counts.len()) / 2;
        let mut planner = FftPlanner::new();
        let forward = planner.plan_fft_forward(padded);
        let backward = planner.plan_fft_inverse(padded);
        let blur = blur(padded, settings.full_width_at_half_maximum / bin_width);
        let mut blur: Vec<Complex<f64>> = blur.into_iter().map(Complex::from).collect();
        forward.process(&mut blur);

        let mut sharpened = vec![Complex::ZERO; padded];
        for (padded, &count) in sharpened[offset..].iter_mut().zip(counts) {
            *padded = count.into();
        }
        forward.process(&mut sharpened);
        for (value, blur) in sharpened.iter_mut().zip(&blur) {
            // Wiener deconvolution.
            *value *= (blur.conj() / (blur.norm_sqr() + settings.wiener_noise)).re;
        }
        backward.process(&mut sharpened);

        let blurred = |value: &dyn Fn(usize) -> f64| -> Vec<f64> {
            let mut values: Vec<Complex<f64>> =
                (0..padded).map(|bin| (value(bin) * sharpened[bin].re.max(0.0)).into()).collect();
            forward.process(&mut values);
            values.iter_mut().zip(&blur).for_each(|(value, blur)| *value *= blur);
            backward.process(&mut values);
            values[offset..offset + counts.len()].iter().map(|value| value.re).collect()
        };
        let intensity = |bin: usize| least + (bin as f64 - offset as f64) * bin_width;
        let expected = blurred(&intensity)
            .into_iter()
            .zip(blurred(&|_| 1.0))
            .map(|(sum, count)| if count == 0.0 { 0.0 } else { sum / count })
            .collect();
        Self { least, bin_width, expected }
    }

    pub(super) fn of(&self, log_intensity: f64) -> f64 {
        let place = ((log_intensity - self.least) / self.bin_width).max(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 or more")]
        let bin = place as usize;
        match self.expected.get(bin..bin + 2) {
            Some(ends) => ends[0] + (ends[1] - ends[0]) * (place - bin as f64),
            None => *self.expected.last().expect("a histogram has bins"),
        }
    }
}

/// A Gaussian round the first of so many bins, which wraps round to the last.
fn blur(bins: usize, full_width_at_half_maximum: f64) -> Vec<f64> {
    let exponent = 4.0 * LN_2 / full_width_at_half_maximum.powi(2);
    let height = 2.0 * (LN_2 / PI).sqrt() / full_width_at_half_maximum;
    (0..bins).map(|bin| height * (-(bin.min(bins - bin) as f64).powi(2) * exponent).exp()).collect()
}
