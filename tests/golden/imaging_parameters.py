"""Features by pyradiomics 3.0.1 for the parameter files in `imaging_parameters`.

    pip install "numpy<2" "setuptools<70" wheel cython versioneer SimpleITK PyWavelets pykwalify six
    pip install --no-build-isolation --no-deps pyradiomics==3.0.1
    python imaging_parameters.py DATA_FOLDER > imaging_parameters.csv

DATA_FOLDER holds `brain1_image.nrrd` and so on, from the `data` folder of pyradiomics.
"""

import glob
import logging
import os
import sys

import pywt
import SimpleITK
from radiomics import featureextractor

logging.disable(logging.CRITICAL)
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "imaging_parameters")
version = SimpleITK.Version_VersionString()
print(f"# pyradiomics 3.0.1, SimpleITK {version}, PyWavelets {pywt.__version__}, made by {os.path.basename(__file__)}")
print("parameters,case,feature,value")
for path in sorted(glob.glob(f"{folder}/*.yaml")):
    name = os.path.basename(path)[: -len(".yaml")]
    for case in ["brain1"] if name != "mr" else ["brain1", "breast1"]:
        paths = [f"{sys.argv[1]}/{case}_{kind}.nrrd" for kind in ("image", "label")]
        try:
            features = featureextractor.RadiomicsFeatureExtractor(path).execute(*paths)
        except ValueError as error:
            print(f"{name},{case},error,{str(error).split('(')[0].strip()}")
            continue
        for feature, value in sorted(features.items()):
            if not feature.startswith("diagnostics_"):
                print(f"{name},{case},{feature},{float(value):.12g}")
