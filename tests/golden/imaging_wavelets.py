"""The filters of orthogonal and biorthogonal wavelets, by PyWavelets 1.8.

    pip install PyWavelets
    python imaging_wavelets.py > ../../crates/imaging/src/wavelets.csv

A line is a wavelet's name, `low` or `high`, and the decomposition filter. An orthogonal wavelet's
high-pass filter is its low-pass filter reversed with every other sign changed, and is left out.
"""

import numpy
import pywt

print(f"# PyWavelets {pywt.__version__}, made by imaging_wavelets.py")
for name in pywt.wavelist(kind="discrete"):
    wavelet = pywt.Wavelet(name)
    if name == "dmey" or len(wavelet.dec_lo) > 40:
        continue
    low, high = wavelet.dec_lo, wavelet.dec_hi
    mirrored = [(-1) ** (k + 1) * low[len(low) - 1 - k] for k in range(len(low))]
    print(",".join([name, "low"] + [repr(float(x)) for x in low]))
    if not numpy.array_equal(mirrored, high):
        print(",".join([name, "high"] + [repr(float(x)) for x in high]))
