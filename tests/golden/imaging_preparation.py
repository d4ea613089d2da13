"""Resampling, denoising, normalization, N4 and registration by SimpleITK, at sampled voxels.

    pip install SimpleITK==2.5.7 numpy==2.4.6
    python imaging_preparation.py DATA_FOLDER

DATA_FOLDER holds `pyradiomics/brain1_image.nrrd` and
`ibsi/ibsi_1_ct_radiomics_phantom/nifti/image/phantom.nii.gz`. Writes imaging_preparation.csv (values
at voxels x, y, z) and imaging_registration.csv (where a known transform, made on purpose, takes
positions of brain1 in mm, and where SimpleITK found that it does) beside itself.

Both images have their origin at 0 and their axes along x, y and z, whatever their headers say.
"""

import pathlib
import sys

import numpy as np
import SimpleITK as sitk

POINTS = 60
# Beyond its first and last voxel SimpleITK mirrors an image, ours goes on with its edge: splines
# agree to a thousandth from six voxels on.
SPLINE_MARGIN = 6
HERE = pathlib.Path(__file__).parent
HEAD = f"# SimpleITK {sitk.Version_VersionString()}, numpy {np.__version__}, made by imaging_preparation.py\n"


def read(path):
    image = sitk.ReadImage(path, sitk.sitkFloat32)
    image.SetOrigin([0.0] * 3)
    image.SetDirection(np.eye(3).ravel().tolist())
    return image


def resampled(image, spacing, method):
    """On the grid that IBSI advises: as large or larger, with the same center."""
    size = np.array(image.GetSize())
    old = np.array(image.GetSpacing())
    new = np.ceil(size * old / spacing - 1e-6).astype(int)
    origin = ((size - 1) * old - (new - 1) * spacing) / 2
    return sitk.Resample(
        image, new.tolist(), sitk.Transform(), method, origin.tolist(), [float(spacing)] * 3,
        image.GetDirection(), 0.0, sitk.sitkFloat32,
    )


def sample(file, case, image, margin=0):
    values = sitk.GetArrayFromImage(image)
    random = np.random.default_rng(len(case))
    ends = [(m, n - m) for n, m in zip(values.shape, np.broadcast_to(margin, 3))]
    for _ in range(POINTS):
        z, y, x = (int(random.integers(*end)) for end in ends)
        file.write(f"{case},{x},{y},{z},{float(values[z, y, x])!r}\n")


def resampling(file, name, image, spacing):
    margin = np.ceil(SPLINE_MARGIN * np.array(image.GetSpacing())[::-1] / spacing).astype(int)
    sample(file, f"{name}_nearest", resampled(image, spacing, sitk.sitkNearestNeighbor))
    # Half a voxel beyond the outermost centers SimpleITK gives 0.
    sample(file, f"{name}_linear", resampled(image, spacing, sitk.sitkLinear), 1)
    sample(file, f"{name}_cubic", resampled(image, spacing, sitk.sitkBSpline), margin)


def preparation(file, brain, phantom):
    resampling(file, "brain1", brain, 1.0)
    resampling(file, "phantom", phantom, 2.0)
    gaussian = sitk.DiscreteGaussian(
        brain, variance=[2.25] * 3, maximumKernelWidth=64, maximumError=[0.001] * 3, useImageSpacing=True
    )
    sample(file, "gaussian", gaussian)
    sample(file, "median", sitk.Median(brain, [1, 1, 1]))
    sample(file, "median_in_slices", sitk.Median(brain, [2, 2, 0]))
    sample(file, "curvature", sitk.CurvatureAnisotropicDiffusion(brain, 0.04, 3.0, 1, 5))
    sample(file, "z_score", sitk.Normalize(brain))
    values = sitk.GetArrayFromImage(brain)
    low, high = np.percentile(values, [1, 99])
    clipped = np.clip((values - low) / (high - low), 0, 1).astype(np.float32)
    sample(file, "percentile", sitk.GetImageFromArray(clipped))


def bias_field(file, brain):
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.SetInsideValue(0)
    otsu.SetOutsideValue(1)
    otsu.SetNumberOfHistogramBins(200)
    mask = otsu.Execute(brain)
    file.write(f"otsu,0,0,0,{otsu.GetThreshold()!r}\n")
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([50] * 4)
    n4.Execute(sitk.Shrink(brain, [4] * 3), sitk.Shrink(mask, [4] * 3))
    sample(file, "log_bias_field", n4.GetLogBiasFieldAsImage(brain))


def registration(file, brain, kind, parameters):
    # The center of rotation is the grid's.
    size = np.array(brain.GetSize())
    center = brain.TransformContinuousIndexToPhysicalPoint(((size - 1) / 2).tolist())
    make = sitk.Euler3DTransform if kind == "rigid" else lambda: sitk.AffineTransform(3)
    known = make()
    if kind == "rigid":
        known.SetComputeZYX(True)
    known.SetFixedParameters([*center, *([1.0] if kind == "rigid" else [])])
    known.SetParameters(parameters)
    moving = sitk.Resample(brain, brain, known, sitk.sitkBSpline, 0.0, sitk.sitkFloat32)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.1, 1)
    method.SetInterpolator(sitk.sitkLinear)
    begin = sitk.CenteredTransformInitializer(
        brain, moving, make(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method.SetInitialTransform(begin, inPlace=False)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.004, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    found = method.Execute(brain, moving)
    # A box inside the head.
    for corner in np.ndindex(2, 2, 2):
        index = [int(n * (0.3 + 0.4 * c)) for n, c in zip(size, corner)]
        position = brain.TransformIndexToPhysicalPoint(index)
        # What the known transform, which made the moving image, should bring back to the position.
        cells = [*position, *found.TransformPoint(position)]
        file.write(f"{kind}," + ",".join(f"{cell:.6f}" for cell in cells) + "\n")
    inverse = known.GetInverse()
    print(kind, "SimpleITK is off by up to", max(
        np.linalg.norm(np.subtract(found.TransformPoint(p), inverse.TransformPoint(p)))
        for p in [brain.TransformIndexToPhysicalPoint([int(n * (0.3 + 0.4 * c)) for n, c in zip(size, corner)])
                  for corner in np.ndindex(2, 2, 2)]
    ), "mm", known.GetParameters())


def main():
    data = pathlib.Path(sys.argv[1])
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    brain = read(str(data / "pyradiomics/brain1_image.nrrd"))
    phantom = read(str(data / "ibsi/ibsi_1_ct_radiomics_phantom/nifti/image/phantom.nii.gz"))
    with open(HERE / "imaging_preparation.csv", "w") as file:
        file.write(HEAD + "case,x,y,z,value\n")
        preparation(file, brain, phantom)
        bias_field(file, brain)
    with open(HERE / "imaging_registration.csv", "w") as file:
        file.write(HEAD + "kind,x,y,z,found_x,found_y,found_z\n")
        registration(file, brain, "rigid", [0.06, -0.04, 0.12, 7.0, -9.0, 5.0])
        registration(file, brain, "affine", [1.05, 0.06, 0.02, -0.08, 0.96, -0.03, 0.01, 0.04, 1.03, -6.0, 8.0, 4.0])


main()
