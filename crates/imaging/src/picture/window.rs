use crate::Volume;

/// The intensities that are shown black and white.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Black, and all below.
    pub low: f32,
    /// White, and all above.
    pub high: f32,
}

/// Voxels that percentiles are taken of.
const SAMPLED: usize = 200_000;

/// The window that suits an image: soft tissue from -160 to 240 HU for CT, else from the first to
/// the 99th percentile of the intensities.
#[must_use]
pub fn display_window(volume: &Volume) -> Window {
    if volume.modality == "CT" || volume.unit == "HU" {
        return Window { low: -160.0, high: 240.0 };
    }
    let step = (volume.voxels.len() / SAMPLED).max(1);
    let mut values: Vec<f32> =
        volume.voxels.iter().step_by(step).copied().filter(|value| value.is_finite()).collect();
    values.sort_unstable_by(f32::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return Window { low: 0.0, high: 1.0 } };
    Window { low: values[last / 100], high: values[last - last / 100] }
}

impl Window {
    /// A gray level from 0 to 255; what is no number is black.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    pub(super) fn gray(self, value: f32) -> u8 {
        let span = self.high - self.low;
        if span > 0.0 {
            ((value - self.low) / span * 255.0).round().clamp(0.0, 255.0) as u8
        } else {
            // An image of one intensity.
            if value >= self.high { 128 } else { 0 }
        }
    }
}
