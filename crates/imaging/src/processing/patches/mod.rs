//! Pieces of an image round the region, as an embedding model takes them.

use ndarray::{Array3, ArrayD, Axis, IxDyn, s};

use crate::{ChannelSlices, Error, Mask, PatchSettings, Slices, Volume, check_pair};

mod frame;
mod sample;

use frame::{Frame, Section};
use sample::{Lattice, Scale, sample};

/// The most values that the patches of one image may have together: 1 GiB of them.
const MAX_VALUES: usize = 1 << 28;

/// Cuts patches round the region of an image as it was read, all of one size.
///
/// In this order: intensities are resampled to the spacing in mm, cut to the window, brought to the
/// scale of [`Normalization`](crate::Normalization), and stand in one channel or three. Three
/// channels, which networks know as red, green and blue, hold the same slice thrice or three
/// neighbors; the mean and standard deviation of `imagenet` and `kinetics` are torchvision's in that
/// order.
///
/// The result has the shape (patches, channels, height, width), or (patches, channels, depth,
/// height, width) where [`PatchSettings::size`] has three numbers, with width fastest.
/// [`Plane`](crate::Plane) says which way these axes run in the patient, however the file is
/// stored; depth is ordered likewise. Without a spacing, patches are made of the image's own voxels.
/// A point in no voxel of the image has the intensity [`PatchSettings::pad`], which is windowed and
/// normalized like the others.
///
/// In 2D each chosen slice gives a patch round the region's section by it, in the order of depth.
///
/// # Errors
/// When a setting is out of its range, the grids differ, the region has fewer than two voxels or
/// one that is not finite, or there would be no patch or too many.
pub fn patches(
    volume: &Volume,
    mask: &Mask,
    settings: &PatchSettings,
) -> Result<ArrayD<f32>, Error> {
    settings.check()?;
    check_pair(volume, mask)?;
    check_finite(volume, mask)?;
    let frame = Frame::new(volume, mask, settings.plane)?;
    let lattice = lattice(&frame, settings)?;
    let centers = centers(&frame, &lattice, settings)?;
    let (scale, fill) = Scale::new(volume, settings);
    let shape = [vec![centers.len()], settings.shape()].concat();
    let mut patches = ArrayD::zeros(IxDyn(&shape));
    for (mut patch, center) in patches.outer_iter_mut().zip(centers) {
        let block = sample(&frame, &lattice, center, fill).ok_or_else(|| Error::Patch {
            problem: "no point of it lies in the image: choose a smaller patch.spacing_mm"
                .to_owned(),
        })?;
        for (channel, mut values) in patch.outer_iter_mut().enumerate() {
            let intensities = channel_of(&block, channel, settings);
            ndarray::Zip::from(&mut values)
                .and_broadcast(&intensities)
                .for_each(|value, &intensity| *value = scale.value(intensity, channel));
        }
    }
    Ok(patches)
}

fn check_finite(volume: &Volume, mask: &Mask) -> Result<(), Error> {
    let (low, high) = mask.bounding_box().ok_or(Error::EmptyMask)?;
    let inside = s![low[2]..=high[2], low[1]..=high[1], low[0]..=high[0]];
    let mut pairs = volume.voxels.slice(inside).into_iter().zip(mask.voxels.slice(inside));
    let place = pairs.position(|(value, &inside)| inside && !value.is_finite());
    let [width, height] = [0, 1].map(|axis| high[axis] + 1 - low[axis]);
    place.map_or(Ok(()), |place| {
        Err(Error::NotFinite {
            x: low[0] + place % width,
            y: low[1] + place / width % height,
            z: low[2] + place / width / height,
        })
    })
}

/// The block's slice for a channel of a 2D patch, or the whole block of a 3D patch.
fn channel_of<'a>(
    block: &'a Array3<f32>,
    channel: usize,
    settings: &PatchSettings,
) -> ndarray::ArrayViewD<'a, f32> {
    match (settings.is_3d(), settings.channel_slices) {
        (true, _) => block.view().into_dyn(),
        (false, ChannelSlices::Repeat) => block.index_axis(Axis(0), 0).into_dyn(),
        (false, ChannelSlices::Neighbors) => block.index_axis(Axis(0), channel).into_dyn(),
    }
}

/// The points of a patch. A 2D patch has one slice, or three for its channels.
fn lattice(frame: &Frame<'_>, settings: &PatchSettings) -> Result<Lattice, Error> {
    let slices = match settings.channel_slices {
        ChannelSlices::Repeat => 1,
        ChannelSlices::Neighbors => 3,
    };
    let size =
        [settings.size[0], settings.size[1], settings.size.get(2).copied().unwrap_or(slices)];
    let fitting = settings.fit_margin_mm.map(|margin| fitting_mm(frame, &settings.size, margin));
    let wanted_mm: [Option<f64>; 3] = std::array::from_fn(|axis| match &settings.spacing_mm {
        Some(spacing) => spacing.get(axis).copied(),
        None => fitting.filter(|_| axis < settings.size.len()),
    });
    let step = std::array::from_fn(|axis| {
        wanted_mm[axis].map_or(1.0, |wanted| wanted / frame.spacing_mm[axis])
    });
    if !step.iter().all(|step: &f64| step.is_normal()) {
        let problem = "the image's voxels are absurdly small or large".to_owned();
        return Err(Error::Patch { problem });
    }
    let on_voxels = wanted_mm.map(|wanted| wanted.is_none());
    Ok(Lattice { size, step, on_voxels, interpolation: settings.interpolation })
}

/// The spacing at which a patch just holds the region's bounding box with a margin.
fn fitting_mm(frame: &Frame<'_>, size: &[usize], margin_mm: f64) -> f64 {
    let (depth, height, width) = frame.region.dim();
    let lengths = [width, height, depth].into_iter().zip(frame.spacing_mm).zip(size);
    lengths
        .map(|((voxels, spacing_mm), &size)| {
            (voxels as f64 * spacing_mm + 2.0 * margin_mm) / size as f64
        })
        .fold(0.0, f64::max)
}

/// The middles of the patches along width, height and depth, in voxels of the image.
fn centers(
    frame: &Frame<'_>,
    lattice: &Lattice,
    settings: &PatchSettings,
) -> Result<Vec<[f64; 3]>, Error> {
    let most = MAX_VALUES / settings.shape().iter().product::<usize>();
    let sections: Vec<Section> = if settings.is_3d() {
        frame.section(0..frame.region.dim().0, settings.center).into_iter().collect()
    } else {
        slices(frame, lattice, settings, most)?
            .into_iter()
            .filter_map(|slice| {
                let nearest = index((slice + 0.5).floor());
                let section = frame.section(nearest..nearest + 1, settings.center)?;
                let depth = slice + frame.low[2] as f64;
                Some(Section { center: [section.center[0], section.center[1], depth], ..section })
            })
            .collect()
    };
    let mut centers = Vec::new();
    for section in sections {
        if settings.tile {
            centers.extend(tiles(frame, lattice, &section, settings)?);
        } else {
            centers.push(section.center);
        }
        check_count(centers.len(), most)?;
    }
    if centers.is_empty() {
        let problem = "no slice chosen by patch.slice_step holds a voxel of it".to_owned();
        return Err(Error::Patch { problem });
    }
    Ok(centers)
}

fn check_count(patches: usize, most: usize) -> Result<(), Error> {
    if patches <= most {
        return Ok(());
    }
    let problem = format!(
        "the settings give {patches} or more patches, expected at most {most} of their size: choose \
         a larger patch.slice_step or patch.spacing_mm"
    );
    Err(Error::Patch { problem })
}

/// The chosen slices of the region's bounding box, counted from its first; between two where slices
/// are resampled.
fn slices(
    frame: &Frame<'_>,
    lattice: &Lattice,
    settings: &PatchSettings,
    most: usize,
) -> Result<Vec<f64>, Error> {
    let counts = frame.counts();
    if settings.slices == Slices::Largest {
        let largest = counts.iter().max();
        let slice = counts.iter().position(|count| Some(count) == largest);
        return Ok(slice.map(|slice| slice as f64).into_iter().collect());
    }
    let distance = settings.slice_step.unwrap_or(1) as f64 * lattice.step[2];
    let last = (counts.len() - 1) as f64;
    // Rounding must not cost the last slice.
    let steps = (last / distance + 1e-9).floor();
    let first = (last - steps * distance).max(0.0) / 2.0;
    let first = if lattice.on_voxels[2] { first.floor() } else { first };
    check_count(index(steps), most)?;
    let is_there = |slice: f64| counts.get(index((slice + 0.5).floor())).is_some_and(|&n| n > 0);
    Ok((0..=index(steps))
        .map(|step| first + step as f64 * distance)
        .filter(|&slice| is_there(slice))
        .collect())
}

/// The middles of patches side by side that cover the section's bounding box, without those that
/// hold nothing of the region.
fn tiles(
    frame: &Frame<'_>,
    lattice: &Lattice,
    section: &Section,
    settings: &PatchSettings,
) -> Result<Vec<[f64; 3]>, Error> {
    let edge: [f64; 3] = std::array::from_fn(|axis| lattice.size[axis] as f64 * lattice.step[axis]);
    // The slices of a 2D patch are its channels.
    let is_tiled = |axis: usize| axis < settings.size.len();
    let counts: [f64; 3] = std::array::from_fn(|axis| {
        let length = (section.high[axis] + 1 - section.low[axis]) as f64;
        if is_tiled(axis) { (length / edge[axis] - 1e-9).ceil().max(1.0) } else { 1.0 }
    });
    check_count(index(counts.iter().product()), 1 << 20)?;
    let middle = |axis: usize, tile: usize| {
        let middle = (section.low[axis] + section.high[axis]) as f64 / 2.0;
        let tile = middle + (tile as f64 - (counts[axis] - 1.0) / 2.0) * edge[axis];
        if is_tiled(axis) { tile } else { section.center[axis] }
    };
    let holds_region = |center: &[f64; 3]| {
        let box_of = |axis: usize| {
            let (low, high) = (section.low[axis] as f64, section.high[axis] as f64);
            let first = lattice.first(axis, center[axis]) - lattice.step[axis] / 2.0;
            let last = first + edge[axis];
            if is_tiled(axis) { [first.max(low), last.min(high)] } else { [low, high] }
        };
        frame.is_in([0, 1, 2].map(box_of))
    };
    let [width, height, depth] = counts.map(index);
    let rows = (0..depth).flat_map(|z| (0..height).map(move |y| (z, y)));
    let places = rows.flat_map(|(z, y)| (0..width).map(move |x| [x, y, z]));
    Ok(places
        .map(|[x, y, z]| [middle(0, x), middle(1, y), middle(2, z)])
        .filter(holds_region)
        .collect())
}

/// A number that counts voxels or points; what is negative is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn index(number: f64) -> usize {
    (number as usize).min(1 << 40)
}

#[cfg(test)]
mod tests;
