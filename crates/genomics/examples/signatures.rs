//! Exposures of many tumors, for comparison with other programs and for timing.
//!
//! `cargo run --release --example signatures -- SAMPLES MATRIX [sparse|sparse_without_background|nnls]`
//!
//! SAMPLES and MATRIX are tab-separated, with one row a channel; SAMPLES has one column a tumor.
//! Prints one row a tumor with the mutations of each signature.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]

use std::{path::Path, time::Instant};

use oncoweave_genomics::{SignatureMatrix, SignatureMethod, exposures};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [samples, matrix, rest @ ..] = arguments.as_slice() else {
        return Err("usage: signatures SAMPLES MATRIX [METHOD]".into());
    };
    let method = match rest.first().map(String::as_str) {
        None | Some("sparse") => SignatureMethod::Sparse,
        Some("sparse_without_background") => SignatureMethod::SparseWithoutBackground,
        Some("nnls") => SignatureMethod::Nnls,
        Some(other) => return Err(format!("no method `{other}`").into()),
    };
    let started = Instant::now();
    let text = fs_err::read_to_string(samples)?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split('\t').skip(1).collect();
    let mut channels = Vec::new();
    let mut spectra = vec![Vec::new(); names.len()];
    for line in lines {
        let mut cells = line.split('\t');
        channels.push(cells.next().unwrap_or_default().to_owned());
        for (spectrum, cell) in spectra.iter_mut().zip(cells) {
            spectrum.push(cell.trim().parse::<f64>()?);
        }
    }
    let matrix = SignatureMatrix::read(Path::new(matrix))?;
    let matrix = matrix.with_channels(&channels).ok_or("the channels differ")?;
    println!("Samples\t{}\tcosine_similarity", matrix.signatures().join("\t"));
    for (name, spectrum) in names.iter().zip(&spectra) {
        let Some(found) = exposures(spectrum, &matrix, method) else {
            println!("{name}");
            continue;
        };
        let cells: Vec<String> = found.mutations.iter().map(f64::to_string).collect();
        println!("{name}\t{}\t{:.4}", cells.join("\t"), found.cosine_similarity);
    }
    eprintln!("{} tumors in {:.3} s", names.len(), started.elapsed().as_secs_f64());
    Ok(())
}
