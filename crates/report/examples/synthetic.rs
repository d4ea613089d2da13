//! Writes the report of a made-up cohort, to look at: `synthetic FOLDER [PATIENTS]`.

#[path = "../tests/synthetic/mod.rs"]
mod synthetic;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name the folder to write to")?);
    let patients = arguments.next().map_or(Ok(240), |text| text.parse())?;
    let (evaluation, predictions) = synthetic::cohort(patients);
    fs_err::create_dir_all(&folder)?;
    let page = oncoweave_report::report_html(&evaluation, &predictions, None)?;
    fs_err::write(folder.join("report.html"), page)?;
    for (name, svg) in oncoweave_report::figures(&evaluation, &predictions, None)? {
        fs_err::write(folder.join(name), svg)?;
    }
    Ok(())
}
