"""The 107 features of two of pyradiomics' own test images, by pyradiomics 3.0.1.

    pip install "numpy<2" "setuptools<70" wheel cython versioneer SimpleITK PyWavelets pykwalify six
    pip install --no-build-isolation --no-deps pyradiomics==3.0.1
    python imaging_pyradiomics.py DATA_FOLDER > imaging_pyradiomics.csv

DATA_FOLDER holds `brain1_image.nrrd` and so on, from the `data` folder of pyradiomics.
"""

import logging
import sys

from radiomics import featureextractor

logging.disable(logging.CRITICAL)
print("# pyradiomics 3.0.1, made by imaging_pyradiomics.py")
print("case,feature,value")
for case in ["brain1", "breast1"]:
    paths = [f"{sys.argv[1]}/{case}_{kind}.nrrd" for kind in ("image", "label")]
    features = featureextractor.RadiomicsFeatureExtractor().execute(*paths, label=1)
    for name, value in features.items():
        if name.startswith("original_"):
            print(f"{case},{name},{float(value)!r}")
