//! What a cell of a table may tell of a person.

use crate::words::is_known_word;

/// What a text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Finding {
    NhsNumber,
    Email,
    Telephone,
    Date,
    Name,
    HospitalNumber,
    Postcode,
    Path,
}

impl Finding {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NhsNumber => "NHS numbers",
            Self::Email => "e-mail addresses",
            Self::Telephone => "telephone numbers",
            Self::Date => "dates",
            Self::Name => "names",
            Self::HospitalNumber => "hospital numbers",
            Self::Postcode => "postcodes",
            Self::Path => "paths",
        }
    }
}

type Test = fn(&str) -> bool;

/// What a text most likely tells; `None` where nothing is found, which is no proof that it tells none.
pub(crate) fn scan(text: &str) -> Option<Finding> {
    let text = text.trim();
    let tests: [(Test, Finding); 8] = [
        (has_email, Finding::Email),
        (is_path, Finding::Path),
        (has_nhs_number, Finding::NhsNumber),
        (has_date, Finding::Date),
        (has_telephone, Finding::Telephone),
        (has_postcode, Finding::Postcode),
        (has_name, Finding::Name),
        (has_hospital_number, Finding::HospitalNumber),
    ];
    tests.into_iter().find(|(test, _)| test(text)).map(|(_, finding)| finding)
}

/// What a text can hardly be anything else than: an e-mail address, an NHS number, a name with carets or a
/// title, whatever else stands beside it.
pub(crate) fn sure(text: &str) -> Option<Finding> {
    let tests: [(Test, Finding); 3] = [
        (has_email, Finding::Email),
        (has_nhs_number, Finding::NhsNumber),
        (names_a_person, Finding::Name),
    ];
    tests.into_iter().find(|(test, _)| test(text)).map(|(_, finding)| finding)
}

/// The digits of a text in runs, single spaces, dots and dashes within a number left out.
fn numbers(text: &str) -> Vec<String> {
    let mut runs: Vec<String> = Vec::new();
    let mut open = false;
    let mut gap = false;
    for c in text.chars() {
        if c.is_ascii_digit() {
            if !open {
                runs.push(String::new());
            }
            runs.last_mut().expect("a run was begun").push(c);
            (open, gap) = (true, false);
        } else if open && !gap && matches!(c, ' ' | '-' | '.') {
            gap = true;
        } else {
            open = false;
        }
    }
    runs
}

fn has_nhs_number(text: &str) -> bool {
    // A decimal point separates no groups of an NHS number.
    !is_decimal(text) && numbers(text).iter().any(|number| is_nhs_number(number))
}

fn is_decimal(text: &str) -> bool {
    text.contains('.') && text.parse::<f64>().is_ok()
}

/// NHS Data Dictionary, NHS NUMBER: ten digits, the last by the modulus of 11.
pub(crate) fn is_nhs_number(digits: &str) -> bool {
    if digits.len() != 10 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let digit = |place: usize| u32::from(digits.as_bytes()[place] - b'0');
    let sum: u32 =
        (0..9).map(|place| digit(place) * (10 - u32::try_from(place).unwrap_or(0))).sum();
    let check = (11 - sum % 11) % 11;
    check != 10 && check == digit(9)
}

fn has_email(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_host = |host: &str| {
            host.rsplit_once('.').is_some_and(|(_, last)| {
                last.chars().count() > 1 && last.chars().all(char::is_alphabetic)
            })
        };
        // A dose is none: `60Gy@2.0Gy`.
        word.split_once('@').is_some_and(|(user, host)| !user.is_empty() && is_host(host))
    })
}

fn is_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.contains("://")
        || text.starts_with("\\\\")
        || bytes.len() > 3 && bytes[0].is_ascii_alphabetic() && (bytes[1..].starts_with(b":\\"))
        || text.matches('/').count() > 1 && !has_digits_only_between_slashes(text)
}

fn has_digits_only_between_slashes(text: &str) -> bool {
    text.split('/').all(|part| part.trim().parse::<f64>().is_ok())
}

fn has_telephone(text: &str) -> bool {
    let plus = text.contains('+');
    // Decimal numbers, also with a dash between, are none.
    let mut parts = text.split([' ', '-', ',', ';']);
    !parts.any(is_decimal)
        && numbers(text).iter().any(|number| {
            let british = number.starts_with('0')
                && !number.starts_with("00")
                && (10..=11).contains(&number.len());
            british || plus && (10..=14).contains(&number.len())
        })
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Numeric dates in any order with one separator, eight digits of this or the last century, or a
/// month's name beside a year.
fn has_date(text: &str) -> bool {
    let is_date = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let word = word.split(['T', ' ']).next().unwrap_or(word);
        ['-', '/', '.'].iter().any(|&separator| {
            let parts: Vec<&str> = word.split(separator).collect();
            let digits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            let month = |part: &&str| {
                part.get(..3).is_some_and(|start| MONTHS.contains(&start.to_lowercase().as_str()))
            };
            let [a, b, c] = parts.as_slice() else { return false };
            let year = |part: &str| part.len() == 4 || part.len() == 2;
            let day = |part: &str| part.len() <= 2;
            digits(a)
                && digits(c)
                && (digits(b) && day(b) || month(b))
                && (a.len() == 4 && day(c) || day(a) && year(c))
        }) || word.len() == 8 && is_compact_date(word)
    };
    let words: Vec<&str> = text.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
    let has_month = words.iter().any(|word| {
        let lower = word.to_lowercase();
        lower.len() >= 3 && MONTHS.iter().any(|month| lower.starts_with(month)) && lower.len() <= 9
    });
    let has_year = words.iter().any(|word| {
        word.len() == 4 && word.parse::<u32>().is_ok_and(|year| (1900..2100).contains(&year))
    });
    words.iter().any(|word| is_date(word)) || has_month && has_year
}

fn is_compact_date(word: &str) -> bool {
    let part =
        |range: std::ops::Range<usize>| word.get(range).and_then(|part| part.parse::<u32>().ok());
    let year = part(0..4).is_some_and(|year| (1900..2100).contains(&year));
    let month = part(4..6).is_some_and(|month| (1..=12).contains(&month));
    let day = part(6..8).is_some_and(|day| (1..=31).contains(&day));
    word.bytes().all(|byte| byte.is_ascii_digit()) && year && month && day
}

const TITLES: [&str; 11] =
    ["mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sir", "nurse", "doctor", "sister"];

/// A title before a word with a capital, DICOM's carets, `SURNAME, Given`, or two words with capitals
/// of which none is a word of medicine.
fn has_name(text: &str) -> bool {
    if text.contains('^') && text.chars().any(char::is_alphabetic) {
        return true;
    }
    let words = words(text);
    let titled = words
        .windows(2)
        .any(|pair| TITLES.contains(&pair[0].to_lowercase().as_str()) && has_capital(pair[1]));
    titled || words.windows(2).any(|pair| may_be_a_name(pair[0]) && may_be_a_name(pair[1]))
}

/// Whether a text names a person by DICOM's carets or a title, not by two words with capitals, which
/// kinds of tumors, places and devices have, too. `MR` and `ms` are no titles.
pub(crate) fn names_a_person(text: &str) -> bool {
    let has_letter = |part: &str| part.chars().any(char::is_alphabetic);
    let has_carets = text.split_whitespace().any(|word| {
        !word.bytes().any(|byte| byte.is_ascii_digit())
            && word.split_once('^').is_some_and(|(a, b)| has_letter(a) && has_letter(b))
    });
    let is_title = |word: &str| {
        TITLES.contains(&word.to_lowercase().as_str())
            && word.starts_with(char::is_uppercase)
            && word.ends_with(char::is_lowercase)
    };
    has_carets || words(text).windows(2).any(|pair| is_title(pair[0]) && may_be_a_name(pair[1]))
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '-'))
        .filter(|word| !word.is_empty())
        .collect()
}

fn has_capital(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
        && word.chars().all(|c| c.is_alphabetic() || c == '\'' || c == '-')
        && word.chars().count() > 1
}

fn may_be_a_name(word: &str) -> bool {
    has_capital(word) && !is_known_word(word)
}

/// Six to twelve digits, or letters and at least five digits: what hospitals number patients by.
fn has_hospital_number(text: &str) -> bool {
    if text.parse::<f64>().is_ok() {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        return !text.contains(['.', 'e', 'E', '-']) && (6..=12).contains(&digits);
    }
    text.split(|c: char| !c.is_alphanumeric()).any(|word| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        (5..=12).contains(&digits) && letters <= 4 && digits + letters == word.chars().count()
    })
}

/// A British postcode: outward and inward code.
fn has_postcode(text: &str) -> bool {
    area(text).is_some_and(|(_, whole)| whole) || {
        let words: Vec<&str> = text.split_whitespace().collect();
        words.windows(2).any(|pair| area(&pair.join(" ")).is_some_and(|(_, whole)| whole))
    }
}

/// The areas of British postcodes.
#[rustfmt::skip]
const AREAS: [&str; 124] = [
    "AB", "AL", "B", "BA", "BB", "BD", "BH", "BL", "BN", "BR", "BS", "BT", "CA", "CB", "CF", "CH", "CM", "CO",
    "CR", "CT", "CV", "CW", "DA", "DD", "DE", "DG", "DH", "DL", "DN", "DT", "DY", "E", "EC", "EH", "EN", "EX",
    "FK", "FY", "G", "GL", "GU", "GY", "HA", "HD", "HG", "HP", "HR", "HS", "HU", "HX", "IG", "IM", "IP", "IV",
    "JE", "KA", "KT", "KW", "KY", "L", "LA", "LD", "LE", "LL", "LN", "LS", "LU", "M", "ME", "MK", "ML", "N",
    "NE", "NG", "NN", "NP", "NR", "NW", "OL", "OX", "PA", "PE", "PH", "PL", "PO", "PR", "RG", "RH", "RM", "S",
    "SA", "SE", "SG", "SK", "SL", "SM", "SN", "SO", "SP", "SR", "SS", "ST", "SW", "SY", "TA", "TD", "TF", "TN",
    "TQ", "TR", "TS", "TW", "UB", "W", "WA", "WC", "WD", "WF", "WN", "WR", "WS", "WV", "YO", "ZE",
];

/// Letters that no inward code has.
const NEVER_INWARD: &[u8] = b"CIKMOV";

/// The letters of a British postcode's area, and whether the whole code is there.
pub(crate) fn area(text: &str) -> Option<(&str, bool)> {
    let text = text.trim();
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    if !AREAS.contains(&text[..letters].to_ascii_uppercase().as_str()) {
        return None;
    }
    let rest: Vec<u8> = text[letters..].bytes().filter(|byte| *byte != b' ').collect();
    let is_inward = |part: &[u8]| {
        let is_letter = |byte: &u8| {
            byte.is_ascii_alphabetic() && !NEVER_INWARD.contains(&byte.to_ascii_uppercase())
        };
        part.len() == 3 && part[0].is_ascii_digit() && part[1..].iter().all(is_letter)
    };
    let is_district = |part: &[u8]| {
        (1..=2).contains(&part.len())
            && part[0].is_ascii_digit()
            && part[1..].iter().all(u8::is_ascii_alphanumeric)
    };
    let whole = rest.len() > 3
        && is_district(&rest[..rest.len() - 3])
        && is_inward(&rest[rest.len() - 3..]);
    (whole || is_district(&rest)).then_some((&text[..letters], whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_found() {
        for (text, expected) in [
            // NHS numbers of the data dictionary's own example and for tests (999...).
            ("943 476 5919", Some(Finding::NhsNumber)),
            ("9434765919", Some(Finding::NhsNumber)),
            ("9434765918", Some(Finding::HospitalNumber)),
            ("a.smith@nhs.uk", Some(Finding::Email)),
            ("07700 900123", Some(Finding::Telephone)),
            ("+44 7700 900123", Some(Finding::Telephone)),
            ("03/04/1961", Some(Finding::Date)),
            ("1961-04-03", Some(Finding::Date)),
            ("19610403", Some(Finding::Date)),
            ("3 April 1961", Some(Finding::Date)),
            ("03-Apr-1961", Some(Finding::Date)),
            ("SMITH^JOHN", Some(Finding::Name)),
            ("seen by Dr Jones", Some(Finding::Name)),
            ("Smith, John", Some(Finding::Name)),
            ("MRN 1234567", Some(Finding::HospitalNumber)),
            ("RX123456", Some(Finding::HospitalNumber)),
            ("SW1A 2AA", Some(Finding::Postcode)),
            ("/home/smith/scan.dcm", Some(Finding::Path)),
            ("C:\\Users\\smith", Some(Finding::Path)),
            ("female", None),
            ("Stage IIIA", None),
            ("62.5", None),
            ("0.123456789", None),
            ("-3.5e-7", None),
            ("12", None),
            ("T2N0M0", None),
            ("pT2N0MX", None),
            ("T1 3mm", None),
            ("M1 5mm", None),
            ("60Gy@2.0Gy", None),
            ("001-001-0001", None),
            ("0.1234-0.5678", None),
            ("adenocarcinoma", None),
            ("", None),
        ] {
            assert_eq!(scan(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_sure_is_found_beside_anything_else() {
        for (text, expected) in [
            ("SMITH^JOHN 19610403", Some(Finding::Name)),
            ("Dr Jones 03/04/2019", Some(Finding::Name)),
            ("/data/9434765919/SMITH^JOHN/ct", Some(Finding::NhsNumber)),
            ("a.b@c.de 1961-04-03", Some(Finding::Email)),
            ("07700 900123", None),
            ("SW1A 2AA", None),
            ("1961-04-03", None),
            ("/data/scan", None),
        ] {
            assert_eq!(sure(text), expected, "{text}");
        }
    }

    #[test]
    fn carets_and_titles_name_a_person_and_two_capitals_may_be_anything() {
        for (text, expected) in [
            ("SMITH^JOHN", true),
            ("van den Berg^Jan", true),
            ("seen by Dr Jones", true),
            ("Mrs O'Neil", true),
            ("Smith, John", false),
            ("Memorial Sloan", false),
            ("MR Brain", false),
            ("DR Philips", false),
            ("TR 2000 ms Flip 90", false),
            ("a^2", false),
            ("^", false),
            ("", false),
        ] {
            assert_eq!(names_a_person(text), expected, "{text}");
        }
    }

    #[test]
    fn only_the_area_of_a_postcode_is_told() {
        for (text, expected) in [
            ("SW1A 2AA", Some("SW")),
            ("M1 1AE", Some("M")),
            ("cb2", Some("cb")),
            ("90210", None),
            ("Smith", None),
            ("", None),
        ] {
            assert_eq!(area(text).map(|(area, _)| area), expected, "{text}");
        }
    }
}
