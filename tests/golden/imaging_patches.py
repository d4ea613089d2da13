"""Patches round a region by SimpleITK and NumPy, for `patches` of oncoweave-imaging.

    pip install SimpleITK==2.5.7 numpy==2.4.6
    python imaging_patches.py > imaging_patches.toml

The image is a formula over voxel indices, the same as in the test; SimpleITK turns it to the plane
asked for (DICOMOrient) and resamples it onto the patch's grid.
"""

import json

import numpy as np
import SimpleITK as sitk

SIZE = (13, 11, 9)  # x, y, z
SPACING = (1.0, 0.9, 2.5)
IDENTITY = np.eye(3)
# Axes of a sagittal scan, x to the back, y to the feet, z to the right, turned by some degrees.
TURN = 0.12
OBLIQUE = np.array([[np.cos(TURN), -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]])
SAGITTAL = OBLIQUE @ np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]])  # columns are axes
PLANES = {"axial": "LPS", "coronal": "LIP", "sagittal": "PIL"}
CASES = {
    "resampled beyond the edge": (IDENTITY, dict(size=[20, 9], spacing_mm=[0.7, 1.3], pad=-50.0)),
    "own voxels of every second slice": (
        SAGITTAL,
        dict(size=[7, 6], plane="sagittal", slices="all", slice_step=2, center="centroid"),
    ),
    "coronal from sagittal": (
        SAGITTAL,
        dict(size=[6, 8], spacing_mm=[1.1, 0.8], plane="coronal", window=[0.0, 60.0],
             normalization="range"),
    ),
    "neighboring slices as colors": (
        IDENTITY,
        dict(size=[6, 5], spacing_mm=[1.2, 1.2, 1.7], channels=3, channel_slices="neighbors",
             window=[-10.0, 70.0], normalization="imagenet"),
    ),
    "three dimensions": (
        SAGITTAL,
        dict(size=[5, 6, 4], spacing_mm=[1.3, 0.8, 1.1], normalization="z_score", center="centroid"),
    ),
    "three dimensions, video colors": (
        IDENTITY,
        dict(size=[4, 5, 6], plane="sagittal", channels=3, normalization="kinetics"),
    ),
    "scaled to the region": (
        IDENTITY,
        dict(size=[8, 8], fit_margin_mm=2.0, pad=5.0, interpolation="nearest"),
    ),
}  # fmt: skip
COLORS = {
    "imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    "kinetics": ([0.43216, 0.394666, 0.37645], [0.22803, 0.22145, 0.216989]),
}


def pair(direction):
    z, y, x = np.indices(SIZE[::-1])
    values = ((7 * x + 13 * y + 29 * z + x * y * z) % 101 - 20).astype(np.float32)
    inside = ((x - 5) / 3.2) ** 2 + ((y - 4) / 2.6) ** 2 + ((z - 4) / 2.3) ** 2 <= 1
    inside |= (x == 9) & (y == 5) & (z == 4)
    images = [sitk.GetImageFromArray(array) for array in (values, inside.astype(np.uint8))]
    for image in images:
        image.SetSpacing(SPACING)
        image.SetOrigin((-20.0, 30.0, 100.0))
        image.SetDirection(direction.flatten().tolist())
    return images


def sections(inside, settings, distance):
    """Middles (x, y, z) in voxels of the turned image."""
    low, high = [f(np.argwhere(inside), axis=0)[::-1] for f in (np.min, np.max)]

    def middle(part):
        indices = np.argwhere(part)[:, ::-1]
        if settings.get("center") == "centroid":
            return indices.mean(axis=0)
        return (indices.min(axis=0) + indices.max(axis=0)) / 2

    if len(settings["size"]) == 3:
        return [middle(inside)]
    counts = inside.sum(axis=(1, 2))
    if settings.get("slices") == "all":
        step = settings["slice_step"] * distance
        count = int((high[2] - low[2]) / step) + 1
        first = low[2] + np.floor((high[2] - low[2] - (count - 1) * step) / 2)
        slices = [first + step * k for k in range(count)]
    else:
        slices = [float(np.argmax(counts))]
    middles = []
    for z in slices:
        part = np.zeros_like(inside)
        part[int(z)] = inside[int(z)]
        middles.append([*middle(part)[:2], z])
    return middles


def cut(image, mask, settings):
    code = PLANES[settings.get("plane", "axial")]
    image, mask = sitk.DICOMOrient(image, code), sitk.DICOMOrient(mask, code)
    inside = sitk.GetArrayFromImage(mask) > 0
    own = np.array(image.GetSpacing())
    size = list(settings["size"])
    neighbors = settings.get("channel_slices") == "neighbors"
    if len(size) == 2:
        size.append(3 if neighbors else 1)
    spacing = own.copy()
    resampled = [False] * 3
    if "spacing_mm" in settings:
        for axis, value in enumerate(settings["spacing_mm"]):
            spacing[axis], resampled[axis] = value, True
    if "fit_margin_mm" in settings:
        indices = np.argwhere(inside)[:, ::-1]
        length = (np.ptp(indices, axis=0) + 1) * own + 2 * settings["fit_margin_mm"]
        for axis in (0, 1):
            spacing[axis], resampled[axis] = max(length[0] / size[0], length[1] / size[1]), True
    window = settings.get("window")
    voxels = sitk.GetArrayFromImage(image).astype(np.float64)
    pad = settings.get("pad", window[0] if window else voxels.min())
    method = sitk.sitkNearestNeighbor if settings.get("interpolation") else sitk.sitkLinear
    patches = []
    for middle in sections(inside, settings, spacing[2] / own[2]):
        first = np.array(middle) - (np.array(size) - 1) / 2 * spacing / own
        for axis in range(3):
            if not resampled[axis]:
                first[axis] = np.floor(first[axis] + 0.5)
        origin = image.TransformContinuousIndexToPhysicalPoint(first.tolist())
        block = sitk.Resample(
            sitk.Cast(image, sitk.sitkFloat64), size, sitk.Transform(), method, origin,
            spacing.tolist(), image.GetDirection(), pad,
        )  # fmt: skip
        patches.append(normalized(sitk.GetArrayFromImage(block), voxels, settings, neighbors))
    return np.array(patches)


def normalized(block, voxels, settings, neighbors):
    window = settings.get("window")
    kind = settings.get("normalization", "none")
    if window:
        block = np.clip(block, *window)
    low, high = window or (voxels.min(), voxels.max())
    if kind == "z_score":
        block = (block - voxels.mean()) / voxels.std()
    elif kind != "none":
        block = (block - low) / (high - low)
    is_3d = len(settings["size"]) == 3
    channels = settings.get("channels", 1)
    stack = [block if is_3d else block[k if neighbors else 0] for k in range(channels)]
    if kind in COLORS:
        stack = [(s - m) / d for s, m, d in zip(stack, *COLORS[kind])]
    return np.array(stack)


def toml(value):
    return json.dumps(value)


print(f"# SimpleITK {sitk.Version_VersionString()}, NumPy {np.__version__}, by imaging_patches.py")
for name, (direction, settings) in CASES.items():
    result = cut(*pair(direction), settings)
    print(f"\n[[case]]\nname = {toml(name)}")
    print(f"direction = {toml([list(map(float, axis)) for axis in direction.T])}")
    print(f"shape = {toml(list(result.shape))}")
    print(f"values = {toml([float(f'{value:.6g}') for value in result.flatten()])}")
    print("[case.settings]")
    for key, value in settings.items():
        print(f"{key} = {toml(value)}")
