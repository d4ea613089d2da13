//! A mask brought onto the grid of an image.

use ndarray::Array3;

use crate::registration::{Transform, nearest};
use crate::{Error, Geometry, Mask};

/// How far a voxel may lie off the place of its twin, in voxels: headers round positions.
pub(crate) const OFF_GRID: f64 = 0.1;

/// Brings a mask onto an image's grid.
///
/// Where both share a lattice, one being a part of the other or its axes turned by right angles,
/// each voxel is put in its place. Any other mask is refused, or with `resample` each voxel of the
/// image takes the mask's nearest.
///
/// # Errors
/// When the grids differ and `resample` is off, and when the mask marks voxels outside the image.
pub fn onto_grid(mask: Mask, image: &Geometry, resample: bool) -> Result<Mask, Error> {
    if image.matches(&mask.geometry) {
        return Ok(Mask { geometry: *image, ..mask });
    }
    let (voxels, outside) = match Placement::between(&mask.geometry, image) {
        Some(placement) => placed(&mask, image, &placement),
        None if resample => (nearest(&mask, image, &Transform::IDENTITY), outside(&mask, image)),
        None => {
            return Err(Error::GeometryMismatch {
                image: Box::new(*image),
                mask: Box::new(mask.geometry),
            });
        }
    };
    if outside > 0 {
        return Err(Error::OutsideImage { outside, marked: mask.count() });
    }
    Ok(Mask { voxels, geometry: *image })
}

/// Where the voxels of one grid are in another of the same lattice.
pub(crate) struct Placement {
    first: [i64; 3],
    /// What one step along each axis adds.
    steps: [[i64; 3]; 3],
}

impl Placement {
    /// `None` where the voxels are not those of the other grid. An axis of one voxel has no step.
    pub(crate) fn between(from: &Geometry, to: &Geometry) -> Option<Self> {
        let start = to.index(from.origin_mm);
        let first = whole(start)?;
        let mut steps = [[0; 3]; 3];
        for (axis, step) in steps.iter_mut().enumerate().filter(|(axis, _)| from.size[*axis] > 1) {
            let last = from.size[axis] as f64 - 1.0;
            let mut index = [0.0; 3];
            index[axis] = last;
            let end = to.index(from.position_mm(index));
            *step = whole_step(std::array::from_fn(|axis| (end[axis] - start[axis]) / last))?;
            let on_grid = (0..3)
                .all(|k| (end[k] - first[k] as f64 - step[k] as f64 * last).abs() <= OFF_GRID);
            on_grid.then_some(())?;
        }
        Some(Self { first, steps })
    }

    /// The index (x, y, z) in the other grid, which may lie outside of it.
    pub(crate) fn of(&self, index: [usize; 3]) -> [i64; 3] {
        let mut place = self.first;
        for (index, step) in index.into_iter().zip(self.steps) {
            let index = i64::try_from(index).expect("an index of an array");
            for (place, step) in place.iter_mut().zip(step) {
                *place += index * step;
            }
        }
        place
    }
}

/// The element of an array on a grid for a signed index (x, y, z); `None` outside.
pub(crate) fn at([x, y, z]: [i64; 3], size: [usize; 3]) -> Option<[usize; 3]> {
    let [x, y, z] = [usize::try_from(x).ok()?, usize::try_from(y).ok()?, usize::try_from(z).ok()?];
    (x < size[0] && y < size[1] && z < size[2]).then_some([z, y, x])
}

/// The nearest whole index, where it is near.
#[expect(clippy::cast_possible_truncation, reason = "at most a million")]
fn whole(index: [f64; 3]) -> Option<[i64; 3]> {
    let near = |index: &f64| (index - index.round()).abs() <= OFF_GRID && index.abs() < 1e6;
    index.iter().all(near).then(|| index.map(|index| index.round() as i64))
}

/// A step of one voxel along one axis.
fn whole_step(step: [f64; 3]) -> Option<[i64; 3]> {
    let step = whole(step)?;
    (step.iter().map(|part| part.abs()).sum::<i64>() == 1).then_some(step)
}

/// The marked voxels in their places, and how many have none.
fn placed(mask: &Mask, image: &Geometry, placement: &Placement) -> (Array3<bool>, usize) {
    let mut voxels = Array3::from_elem(image.shape(), false);
    let mut outside = 0;
    for ((z, y, x), _) in mask.voxels.indexed_iter().filter(|(_, inside)| **inside) {
        match at(placement.of([x, y, z]), image.size) {
            Some(place) => voxels[place] = true,
            None => outside += 1,
        }
    }
    (voxels, outside)
}

/// How many marked voxels have their center outside the image.
fn outside(mask: &Mask, image: &Geometry) -> usize {
    let is_outside = |(z, y, x): (usize, usize, usize)| {
        let index = image.index(mask.geometry.position_mm([x as f64, y as f64, z as f64]));
        (0..3).any(|axis| !(-0.5..=image.size[axis] as f64 - 0.5).contains(&index[axis]))
    };
    let marked = mask.voxels.indexed_iter().filter(|(_, inside)| **inside);
    marked.filter(|(place, _)| is_outside(*place)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: Geometry = Geometry {
        size: [8, 6, 5],
        spacing_mm: [1.5, 2.0, 3.0],
        origin_mm: [-10.0, -20.0, 30.0],
        direction: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    };

    /// A mask with the first voxel and the last along each axis marked.
    fn marked(geometry: Geometry) -> Mask {
        let mut voxels = Array3::from_elem(geometry.shape(), false);
        let [x, y, z] = geometry.size.map(|length| length - 1);
        for place in [[0, 0, 0], [0, 0, x], [0, y, 0], [z, 0, 0]] {
            voxels[place] = true;
        }
        Mask { voxels, geometry }
    }

    /// The marked voxels (x, y, z) in order.
    fn places(mask: &Mask) -> Vec<[usize; 3]> {
        let marked = mask.voxels.indexed_iter().filter(|(_, inside)| **inside);
        let mut places: Vec<_> = marked.map(|((z, y, x), _)| [x, y, z]).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn a_mask_of_the_same_lattice_is_put_in_its_place() {
        let part = Geometry { size: [3, 2, 2], origin_mm: [-7.0, -16.0, 36.0], ..IMAGE };
        let turned = Geometry {
            size: [5, 8, 6],
            spacing_mm: [3.0, 1.5, 2.0],
            origin_mm: [0.5, -10.0, 30.0],
            direction: [[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]],
        };
        let one_slice = Geometry {
            size: [3, 2, 1],
            // The thickness of a single slice places nothing.
            spacing_mm: [1.5, 2.0, 9.0],
            origin_mm: [-7.0, -16.0, 36.0],
            ..IMAGE
        };
        for (case, geometry, expected) in [
            ("the same", IMAGE, vec![[0, 0, 0], [0, 0, 4], [0, 5, 0], [7, 0, 0]]),
            ("a part", part, vec![[2, 2, 2], [2, 2, 3], [2, 3, 2], [4, 2, 2]]),
            ("axes turned", turned, vec![[0, 5, 0], [7, 0, 0], [7, 5, 0], [7, 5, 4]]),
            ("one slice", one_slice, vec![[2, 2, 2], [2, 3, 2], [4, 2, 2]]),
        ] {
            let mask = onto_grid(marked(geometry), &IMAGE, false).unwrap();
            assert_eq!(places(&mask), expected, "{case}");
            assert_eq!(mask.geometry, IMAGE, "{case}");
        }
        // A larger grid, marked within the image alone.
        let larger = Geometry { size: [12, 10, 9], origin_mm: [-13.0, -24.0, 24.0], ..IMAGE };
        let mut mask = Mask { voxels: Array3::from_elem(larger.shape(), false), geometry: larger };
        mask.voxels[[2, 2, 2]] = true;
        assert_eq!(places(&onto_grid(mask, &IMAGE, false).unwrap()), [[0, 0, 0]]);
    }

    #[test]
    fn another_grid_is_refused_or_resampled() {
        let finer = Geometry {
            size: [16, 12, 10],
            spacing_mm: [0.75, 1.0, 1.5],
            origin_mm: [-10.375, -20.5, 29.25],
            ..IMAGE
        };
        let voxels =
            Array3::from_shape_fn(finer.shape(), |(z, y, x)| z / 2 == 1 && y / 2 == 2 && x < 6);
        let mask = Mask { voxels, geometry: finer };
        let error = onto_grid(mask.clone(), &IMAGE, false).unwrap_err().to_string();
        assert!(error.contains("spacing along x is 0.7500 mm, the image's 1.5000"), "{error}");
        let resampled = onto_grid(mask, &IMAGE, true).unwrap();
        assert_eq!(places(&resampled), [[0, 2, 1], [1, 2, 1], [2, 2, 1]]);
    }

    #[test]
    fn each_difference_is_named() {
        let (sine, cosine) = 5.0_f64.to_radians().sin_cos();
        for (case, mask, expected) in [
            (
                "shifted",
                Geometry { origin_mm: [-9.25, -20.0, 30.0], ..IMAGE },
                "its voxels lie 0.50, 0.00, 0.00 of a voxel beside the image's",
            ),
            (
                "turned",
                Geometry {
                    direction: [[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]],
                    ..IMAGE
                },
                "its axis x is turned by 5.000 degrees",
            ),
            (
                "thicker slices",
                Geometry { spacing_mm: [1.5, 2.0, 5.0], ..IMAGE },
                "its spacing along z is 5.0000 mm, the image's 3.0000 mm",
            ),
        ] {
            let error = onto_grid(marked(mask), &IMAGE, false).unwrap_err().to_string();
            assert!(error.contains(expected), "{case}: {error}");
        }
    }

    #[test]
    fn what_lies_outside_the_image_is_counted() {
        let lower = Geometry { origin_mm: [-10.0, -20.0, 24.0], ..IMAGE };
        for (resample, spacing) in [(false, 3.0), (true, 2.5)] {
            let geometry = Geometry { spacing_mm: [1.5, 2.0, spacing], ..lower };
            let error = onto_grid(marked(geometry), &IMAGE, resample).unwrap_err().to_string();
            assert!(error.contains("3 of the mask's 4 voxels lie outside the image"), "{error}");
        }
    }
}
