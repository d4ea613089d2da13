#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oncoweave_imaging::fuzzing::nifti_mask(bytes));
