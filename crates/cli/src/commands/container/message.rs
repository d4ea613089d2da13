//! What a processing job says to people who do not see its log.

/// The most bytes that the platform keeps of a message.
const LONGEST: usize = 1024;

/// At most as many bytes as the platform keeps, cut between characters.
pub(super) fn shortened(text: &str) -> String {
    const CUT: &str = "\u{2026}";
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(LONGEST - CUT.len());
    format!("{}{CUT}", &text[..end])
}

/// Why a job failed, without patients: of what stands in backquotes only that stays which the
/// manifest holds too, such as a column's name. Where the rest begins and ends cannot be told, for
/// an id may have a backquote of its own, so all goes from the first such place to the last
/// backquote.
pub(super) fn failure(error: &anyhow::Error, manifest: &str) -> String {
    let text = format!("{error:#}");
    let mut backquotes = text.match_indices('`').map(|(place, _)| place);
    while let (Some(open), Some(close)) = (backquotes.next(), backquotes.next()) {
        let quoted = &text[open + 1..close];
        let is_ours = manifest.contains(quoted) || quoted.starts_with("oncoweave ");
        if !is_ours && let Some(last) = text.rfind('`') {
            let kept = format!("{}(left out){}", &text[..open], &text[last + 1..]);
            return shortened(&format!("{kept} (the log says what is left out here)"));
        }
    }
    shortened(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Contract: process.message
    #[test]
    fn a_message_is_cut_at_characters() {
        assert_eq!(shortened("short"), "short");
        let cut = shortened(&"\u{e9}".repeat(900));
        assert!(cut.len() <= LONGEST && cut.ends_with('\u{2026}'), "{}", cut.len());
    }

    // Contract: process.message
    #[test]
    fn patients_are_left_out_and_settings_stay() {
        let manifest = "id = \"demo\"\n[clinical]\npatient_id = \"case\"\n";
        for (text, expected) in [
            ("column `case` is missing", "column `case` is missing"),
            (
                "the first are `A`B` and `C`: check `case` in [clinical]",
                "the first are (left out) in [clinical] (the log says what is left out here)",
            ),
            ("run `oncoweave extract` first", "run `oncoweave extract` first"),
            ("an odd ` stays", "an odd ` stays"),
        ] {
            assert_eq!(failure(&anyhow::anyhow!(text.to_owned()), manifest), expected);
        }
    }
}
