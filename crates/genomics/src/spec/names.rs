//! What names of keys, contigs and places on the net may be.

use super::{definition::Keys, version::Version};

/// `[A-Za-z_][0-9A-Za-z_.]*`, and `1000G` in INFO for old times' sake (1.6.1 of 4.3).
pub(super) fn is_key(id: &[u8], keys: Keys) -> bool {
    let starts = id.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_');
    let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.".contains(byte);
    (starts && id.iter().all(goes_on)) || (keys == Keys::Info && id == b"1000G")
}

/// Whether a contig may have this name; 4.3 took over the pattern of SAM.
pub(super) fn is_contig_name(name: &[u8], version: Version) -> bool {
    let Some(first) = name.first() else { return false };
    if version < Version::V4_3 {
        return !name.iter().any(|byte| byte.is_ascii_whitespace() || b"<>,".contains(byte));
    }
    let printable = name.iter().all(u8::is_ascii_graphic);
    printable
        && !b"*=".contains(first)
        && !name.iter().any(|byte| b"\\,\"`'()[]{}<>".contains(byte))
}

/// Whether a text is a URL whose host can be one (RFC 3986, section 3.2.2; RFC 1123, section 2.1).
pub(super) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    if scheme.is_empty() || text.chars().any(char::is_whitespace) {
        return false;
    }
    let Some(rest) = rest.strip_prefix("//") else { return scheme == "file" && !rest.is_empty() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.starts_with('[') {
        return true;
    }
    let host = host.split(':').next().unwrap_or_default();
    if host.is_empty() {
        return scheme == "file";
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    // A last label of digits alone is an address of four numbers, or no host at all.
    !last.chars().all(|digit| digit.is_ascii_digit()) || host.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host() {
        for (text, expected) in [
            ("ftp://www.ebi.ac.uk:8080/valid/host/file.fa", true),
            ("ftp://user@host:8080/path/to/file", true),
            ("http://123.0.1.2:8080/x", true),
            ("file:///data/x.fa", true),
            ("file:/data/x.fa", true),
            ("https://[::1]/x", true),
            ("ftp://8080:8080/x", false),
            ("http://1.2.3/x", false),
            ("http:///x", false),
            ("GRCh38", false),
            ("http://a b/x", false),
            ("", false),
            ("://x", false),
        ] {
            assert_eq!(is_url(text), expected, "{text}");
        }
    }

    #[test]
    fn names_of_contigs() {
        for (name, before, since) in [
            ("chr1", true, true),
            ("HLA-A*01:01", true, true),
            ("1.*", true, true),
            ("*1", true, false),
            ("=1", true, false),
            ("chr(1)", true, false),
            ("1 A", false, false),
            ("1,A", false, false),
            ("<1", false, false),
            ("", false, false),
        ] {
            assert_eq!(is_contig_name(name.as_bytes(), Version::V4_2), before, "{name}");
            assert_eq!(is_contig_name(name.as_bytes(), Version::V4_3), since, "{name}");
        }
    }

    #[test]
    fn names_of_keys() {
        for (name, info, format) in [
            ("AC", true, true),
            ("_x.1", true, true),
            ("1000G", true, false),
            ("2x", false, false),
            ("a-b", false, false),
            ("", false, false),
        ] {
            assert_eq!(is_key(name.as_bytes(), Keys::Info), info, "{name}");
            assert_eq!(is_key(name.as_bytes(), Keys::Format), format, "{name}");
        }
    }
}
