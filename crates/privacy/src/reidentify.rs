use std::io::Write;

use crate::{
    Error,
    audit::{Audit, Entry},
    key::Key,
    linkage::Linkage,
};

/// Who asks for a re-identification, and why.
pub struct Request<'a> {
    /// The account, as the operating system names it.
    pub user: &'a str,
    /// The reason; it stands in the audit log.
    pub reason: &'a str,
    /// The pseudonyms.
    pub pseudonyms: &'a [String],
}

/// Writes the patients behind pseudonyms as CSV, `pseudonym,identifier`, after the audit log has the
/// request. Returns how many were found; the identifier of others is left empty.
///
/// # Errors
/// When the reason is empty, the audit log was tampered with, or a file cannot be read or written.
pub fn reidentify(key: &Key, request: &Request, out: &mut dyn Write) -> Result<usize, Error> {
    if request.reason.trim().is_empty() {
        let problem = "a re-identification needs a reason, which the audit log keeps".to_owned();
        return Err(Error::Key { path: key.beside("audit"), problem });
    }
    let linkage = Linkage::open(key)?;
    Audit::of(key).append(Entry {
        time: chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        user: request.user.to_owned(),
        reason: request.reason.trim().to_owned(),
        pseudonyms: request.pseudonyms.to_vec(),
    })?;
    let mut found = 0;
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(["pseudonym", "identifier"])?;
    for pseudonym in request.pseudonyms {
        let identifier = linkage.find(pseudonym)?;
        found += usize::from(identifier.is_some());
        let text = identifier.as_ref().map_or("", |identifier| identifier.reveal());
        writer.write_record([pseudonym.as_str(), text])?;
    }
    writer.flush()?;
    Ok(found)
}
