//! The preparation of an image and its mask by pyradiomics 3.0.1: normalization, resampling or
//! cropping, and re-segmentation.

use ndarray::Array3;

use super::image::{Block, Image, Voxels};
use super::setting::{Interpolator, ResegmentMode, Setting};
use super::spline::{Points, interpolated};
use crate::{Error, Geometry, Mask, Volume, vector};

/// Voxels of the image kept beyond the outermost one used: a spline forgets a voxel by a factor of
/// 3.7 at each step.
const SPLINE_REACH: usize = 32;
/// The most voxels that a resampled region may have: 2 GiB of them.
const MAX_VOXELS: f64 = (1_u64 << 28) as f64;

/// What features are computed on.
pub(super) struct Prepared<'a> {
    pub(super) image: Image<'a>,
    /// The region whose shape is measured.
    pub(super) shape: Mask,
    /// The region whose intensities are measured.
    pub(super) inside: Mask,
}

/// Prepares an image and its mask as settings say.
pub(super) fn prepare<'a>(
    volume: &'a Volume,
    mask: &Mask,
    setting: &Setting,
) -> Result<Prepared<'a>, Error> {
    let mask = on_grid(&volume.geometry, mask, setting)?;
    let (low, high) = mask.bounding_box().ok_or(Error::EmptyMask)?;
    let normalize = Normalization::new(volume, setting);
    let pad = setting.pad_distance.unwrap_or(5);
    let spacing_mm = wanted_spacing(&volume.geometry, setting, [low, high]);
    let (image, shape) = match spacing_mm {
        Some(spacing_mm) if !close(volume.geometry.spacing_mm, spacing_mm) => {
            let axes = std::array::from_fn(|axis| {
                let spacing = [volume.geometry.spacing_mm[axis], spacing_mm[axis]];
                Axis::new([low[axis], high[axis]], mask.geometry.size[axis], spacing, pad)
            });
            resample(volume, &mask, &axes, &normalize, setting.interpolator.unwrap_or_default())?
        }
        Some(_) => crop(volume, &mask, [low, high], pad, &normalize),
        None if setting.pre_crop.unwrap_or(false) => {
            crop(volume, &mask, [low, high], pad, &normalize)
        }
        None => (normalize.image(volume), mask),
    };
    check_size(&shape, setting)?;
    let Some(inside) = resegmented(&image, &shape, setting)? else {
        return Ok(Prepared { image, inside: shape.clone(), shape });
    };
    check_size(&inside, setting)?;
    let shape = if setting.resegment_shape.unwrap_or(false) { inside.clone() } else { shape };
    Ok(Prepared { image, shape, inside })
}

/// The mask on the image's grid: resampled to the nearest voxel where the settings say so.
fn on_grid(geometry: &Geometry, mask: &Mask, setting: &Setting) -> Result<Mask, Error> {
    let fits = match setting.geometry_tolerance {
        Some(tolerance) => matches_within(geometry, &mask.geometry, tolerance),
        None => geometry.matches(&mask.geometry),
    };
    if fits {
        return Ok(Mask { voxels: mask.voxels.clone(), geometry: *geometry });
    }
    if !setting.correct_mask.unwrap_or(false) {
        return Err(Error::GeometryMismatch {
            image: Box::new(*geometry),
            mask: Box::new(mask.geometry),
        });
    }
    let voxels = Array3::from_shape_fn(geometry.shape(), |(z, y, x)| {
        let position = geometry.position_mm([x as f64, y as f64, z as f64]);
        let [x, y, z] = mask.geometry.index(position).map(|index| nearest(index + 0.5));
        mask.voxels.get([z, y, x]).copied().unwrap_or(false)
    });
    Ok(Mask { voxels, geometry: *geometry })
}

/// Whether two grids are the same to a tolerance: of the first spacing for lengths, absolute for
/// directions.
fn matches_within(a: &Geometry, b: &Geometry, tolerance: f64) -> bool {
    let length = tolerance * a.spacing_mm[0];
    let origin = vector::subtract(a.origin_mm, b.origin_mm);
    let spacing = vector::subtract(a.spacing_mm, b.spacing_mm);
    let near = |difference: vector::Vector, limit: f64| {
        difference.iter().all(|difference| difference.abs() <= limit)
    };
    let directions = a.direction.iter().zip(b.direction);
    a.size == b.size
        && near(origin, length)
        && near(spacing, length)
        && directions.into_iter().all(|(&a, b)| near(vector::subtract(a, b), tolerance))
}

/// The index that a number rounded down is; one beyond every array where it is negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
fn nearest(number: f64) -> usize {
    if number >= 0.0 { number as usize } else { usize::MAX }
}

/// How intensities are normalized: by the mean and the standard deviation of the whole image.
#[derive(Clone, Copy)]
struct Normalization {
    mean: f64,
    deviation: f64,
    outliers: f64,
    scale: f64,
    is_needed: bool,
}

impl Normalization {
    fn new(volume: &Volume, setting: &Setting) -> Self {
        let is_needed = setting.normalize.unwrap_or(false);
        let mut found = Self {
            mean: 0.0,
            deviation: 1.0,
            outliers: setting.remove_outliers.unwrap_or(f64::INFINITY),
            scale: setting.normalize_scale.unwrap_or(1.0),
            is_needed,
        };
        if is_needed {
            let count = volume.voxels.len() as f64;
            let intensities = || volume.voxels.iter().map(|&value| f64::from(value));
            found.mean = intensities().sum::<f64>() / count;
            let squares: f64 = intensities().map(|value| (value - found.mean).powi(2)).sum();
            found.deviation = (squares / (count - 1.0)).sqrt();
        }
        found
    }

    fn of(&self, value: f64) -> f64 {
        if !self.is_needed {
            return value;
        }
        let value = (value - self.mean) / self.deviation;
        value.clamp(-self.outliers, self.outliers) * self.scale
    }

    fn image<'a>(&self, volume: &'a Volume) -> Image<'a> {
        let voxels = if self.is_needed {
            Voxels::Computed(volume.voxels.map(|&value| self.of(f64::from(value))))
        } else {
            Voxels::Read(&volume.voxels)
        };
        Image { voxels, spacing_mm: volume.geometry.spacing_mm }
    }
}

/// The spacing to resample to, if any; the old one where it is 0 or the region is one voxel wide.
fn wanted_spacing(
    geometry: &Geometry,
    setting: &Setting,
    [low, high]: [[usize; 3]; 2],
) -> Option<[f64; 3]> {
    let wanted = setting.resampled_pixel_spacing.as_ref()?;
    Some(std::array::from_fn(|axis| match wanted.get(axis) {
        Some(&wanted) if wanted > 0.0 && high[axis] > low[axis] => wanted,
        _ => geometry.spacing_mm[axis],
    }))
}

fn close(a: [f64; 3], b: [f64; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-8 + 1e-5 * b.abs())
}

/// One axis of the new grid.
struct Axis {
    /// The position of the first voxel, in voxels of the old grid.
    first: f64,
    /// The distance between voxels, in voxels of the old grid.
    step: f64,
    count: usize,
    spacing_mm: f64,
}

impl Axis {
    /// The grid round a bounding box that shares its corner with the old one.
    fn new([low, high]: [usize; 2], length: usize, [old, new]: [f64; 2], pad: usize) -> Self {
        let ratio = old / new;
        let begin = ((low as f64 - 0.5) * ratio - pad as f64).floor().max(0.0);
        let last = (length as f64 * ratio).ceil() - 1.0;
        let end = ((high as f64 + 0.5) * ratio + pad as f64).ceil().min(last);
        let first = 0.5 * (new - old) / old + begin / ratio;
        Self { first, step: 1.0 / ratio, count: whole(end - begin + 1.0), spacing_mm: new }
    }

    fn at(&self, index: usize) -> f64 {
        self.first + self.step * index as f64
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn whole(count: f64) -> usize {
    count.max(0.0) as usize
}

fn resample(
    volume: &Volume,
    mask: &Mask,
    axes: &[Axis; 3],
    normalize: &Normalization,
    interpolator: Interpolator,
) -> Result<(Image<'static>, Mask), Error> {
    let size = volume.geometry.size;
    let ranges: [_; 3] = std::array::from_fn(|axis| {
        let last = axes[axis].at(axes[axis].count.saturating_sub(1));
        let start = whole(axes[axis].first).saturating_sub(SPLINE_REACH);
        start..=(whole(last) + SPLINE_REACH).min(size[axis] - 1)
    });
    let wanted: f64 = std::array::from_fn::<f64, 3, _>(|axis| {
        axes[axis].count.max(ranges[axis].end() + 1 - ranges[axis].start()) as f64
    })
    .iter()
    .product();
    if wanted > MAX_VOXELS {
        return Err(Error::Settings(format!(
            "resampledPixelSpacing gives {wanted} voxels, expected at most {MAX_VOXELS}: choose \
             larger edges"
        )));
    }
    let read = Image { voxels: Voxels::Read(&volume.voxels), spacing_mm: [1.0; 3] };
    let mut block = read.cut(&ranges);
    for value in &mut block.values {
        *value = normalize.of(*value);
    }
    for (axis, grid) in axes.iter().enumerate() {
        let points: Points = (0..grid.count)
            .map(|index| {
                let point = grid.at(index);
                let is_inside = (-0.5..size[axis] as f64 - 0.5).contains(&point);
                is_inside.then_some(point - *ranges[axis].start() as f64)
            })
            .collect();
        block = interpolated(&block, axis, &points, interpolator);
    }
    // There, an image of whole numbers stays one: what lies behind the point is cut off.
    if !normalize.is_needed && volume.voxels.iter().all(|value| value.fract() == 0.0) {
        for value in &mut block.values {
            *value = value.trunc();
        }
    }
    let geometry = Geometry {
        size: block.size,
        spacing_mm: axes.each_ref().map(|axis| axis.spacing_mm),
        origin_mm: volume.geometry.position_mm(axes.each_ref().map(|axis| axis.first)),
        direction: volume.geometry.direction,
    };
    let voxels = Array3::from_shape_fn(geometry.shape(), |(z, y, x)| {
        let [x, y, z] =
            [(0, x), (1, y), (2, z)].map(|(axis, index)| nearest(axes[axis].at(index) + 0.5));
        mask.voxels.get([z, y, x]).copied().unwrap_or(false)
    });
    Ok((computed(block, geometry.spacing_mm), Mask { voxels, geometry }))
}

fn computed(block: Block, spacing_mm: [f64; 3]) -> Image<'static> {
    let shape = (block.size[2], block.size[1], block.size[0]);
    let voxels = Array3::from_shape_vec(shape, block.values).expect("a block is a whole box");
    Image { voxels: Voxels::Computed(voxels), spacing_mm }
}

/// The image and the mask round the region's bounding box.
fn crop(
    volume: &Volume,
    mask: &Mask,
    [low, high]: [[usize; 3]; 2],
    pad: usize,
    normalize: &Normalization,
) -> (Image<'static>, Mask) {
    let size = volume.geometry.size;
    let ranges: [_; 3] = std::array::from_fn(|axis| {
        low[axis].saturating_sub(pad)..=(high[axis].saturating_add(pad)).min(size[axis] - 1)
    });
    let read = Image { voxels: Voxels::Read(&volume.voxels), spacing_mm: [1.0; 3] };
    let mut block = read.cut(&ranges);
    for value in &mut block.values {
        *value = normalize.of(*value);
    }
    let [x, y, z] = &ranges;
    let part = ndarray::s![*z.start()..=*z.end(), *y.start()..=*y.end(), *x.start()..=*x.end()];
    let geometry = Geometry {
        size: block.size,
        origin_mm: volume
            .geometry
            .position_mm(ranges.each_ref().map(|range| *range.start() as f64)),
        ..volume.geometry
    };
    let voxels = mask.voxels.slice(part).to_owned();
    (computed(block, geometry.spacing_mm), Mask { voxels, geometry })
}

fn check_size(mask: &Mask, setting: &Setting) -> Result<(), Error> {
    let (low, high) = mask.bounding_box().ok_or(Error::EmptyMask)?;
    let dimensions = (0..3).filter(|&axis| high[axis] > low[axis]).count();
    if dimensions == 0 {
        return Err(Error::OneVoxelMask);
    }
    let least = setting.minimum_roi_dimensions.unwrap_or(2);
    if dimensions < least {
        return Err(Error::SmallRegion {
            found: format!("{dimensions} dimension"),
            expected: format!("at least {least} as minimumROIDimensions says"),
        });
    }
    match setting.minimum_roi_size {
        Some(size) if mask.count() <= size => Err(Error::SmallRegion {
            found: format!("{} voxels", mask.count()),
            expected: format!("more than {size} as minimumROISize says"),
        }),
        _ => Ok(()),
    }
}

/// The voxels of a region whose intensities are in the range; `None` where there is none.
fn resegmented(image: &Image, mask: &Mask, setting: &Setting) -> Result<Option<Mask>, Error> {
    let Some(range) = &setting.resegment_range else { return Ok(None) };
    let mut bounds = range.clone();
    bounds.sort_unstable_by(f64::total_cmp);
    let pairs = || image.intensities().zip(&mask.voxels);
    let inside = || pairs().filter(|&(_, &inside)| inside).map(|(value, _)| value);
    match setting.resegment_mode.unwrap_or_default() {
        ResegmentMode::Absolute => {}
        ResegmentMode::Relative => {
            let greatest = inside().fold(f64::NEG_INFINITY, f64::max);
            for bound in &mut bounds {
                *bound *= greatest;
            }
        }
        ResegmentMode::Sigma => {
            let count = inside().count() as f64;
            let mean = inside().sum::<f64>() / count;
            let squares: f64 = inside().map(|value| (value - mean).powi(2)).sum();
            let deviation = (squares / count).sqrt();
            for bound in &mut bounds {
                *bound = mean + deviation * *bound;
            }
        }
    }
    let greatest = bounds.get(1).copied().unwrap_or(f64::INFINITY);
    // Written so that what is no number stays and is reported with its place.
    let outside = |value: f64| value < bounds[0] || value > greatest;
    let kept = pairs().map(|(value, &inside)| inside && !outside(value)).collect();
    let voxels = Array3::from_shape_vec(mask.voxels.dim(), kept).expect("one for each voxel");
    let mask = Mask { voxels, geometry: mask.geometry };
    if mask.count() <= 1 { Err(Error::EmptyIntensityMask) } else { Ok(Some(mask)) }
}
