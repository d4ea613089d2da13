//! Which of several regions is meant.

/// The index of the region that a name, number or pattern chooses, or of the only one.
///
/// Names are compared as they stand, then without regard to case; then a number is looked for, and
/// last a pattern in which `*` stands for any letters and `?` for one.
pub(super) fn choose(
    what: &str,
    regions: &[(u32, &str)],
    choice: Option<&str>,
) -> Result<usize, String> {
    let listed = |indices: &[usize]| {
        let names = indices.iter().map(|&index| {
            let (number, name) = regions[index];
            format!("{number} `{}`", name.replace(char::is_control, "\u{fffd}"))
        });
        names.collect::<Vec<_>>().join(", ")
    };
    let all: Vec<usize> = (0..regions.len()).collect();
    let Some(choice) = choice.map(str::trim) else {
        return match regions.len() {
            0 => Err(format!("holds no {what}")),
            1 => Ok(0),
            count => Err(format!(
                "holds {count} {what}s and none was chosen: set roi to one of {}",
                listed(&all)
            )),
        };
    };
    let lower = choice.to_lowercase();
    let rules: [Rule; 4] = [
        &|_, name| name.trim() == choice,
        &|_, name| name.trim().to_lowercase() == lower,
        &|number, _| choice.parse() == Ok(number),
        &|_, name| lower.contains(['*', '?']) && fits(&lower, &name.trim().to_lowercase()),
    ];
    let mut found = rules.iter().map(|rule| {
        let fitting = all.iter().filter(|&&index| rule(regions[index].0, regions[index].1));
        fitting.copied().collect::<Vec<_>>()
    });
    match found.find(|found| !found.is_empty()).as_deref() {
        Some(&[index]) => Ok(index),
        None => Err(format!("holds no {what} `{choice}`; it has {}", listed(&all))),
        Some(several) => Err(format!(
            "holds {} {what}s `{choice}`: choose by number from {}",
            several.len(),
            listed(several)
        )),
    }
}

/// Whether a number and name are what was asked for.
type Rule<'a> = &'a dyn Fn(u32, &str) -> bool;

/// Whether a name fits a pattern with `*` and `?`.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Where the last star stood, and what it has taken so far.
    let mut star = None;
    while place < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(&letter) if letter == '?' || letter == name[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                place = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|&letter| letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_by_name_number_and_pattern() {
        let regions =
            [(1, "GTV-1"), (2, "gtv-2 "), (3, "Lung left"), (7, "2"), (8, "ÖDEM"), (9, "*")];
        for (choice, expected) in [
            ("GTV-1", 0),
            (" gtv-1", 0),
            ("GTV-2", 1),
            ("3", 2),
            ("2", 3),
            ("lung*", 2),
            ("*left", 2),
            ("*u*g*", 2),
            ("gtv?1", 0),
            ("ödem", 4),
            ("öd??", 4),
            ("*", 5),
        ] {
            assert_eq!(choose("structure", &regions, Some(choice)), Ok(expected), "{choice}");
        }
        for (choice, expected) in [
            (
                Some("gtv*"),
                "holds 2 structures `gtv*`: choose by number from 1 `GTV-1`, 2 `gtv-2 `",
            ),
            (Some("gtv"), "holds no structure `gtv`; it has 1 `GTV-1`, 2 `gtv-2 `, 3"),
            (Some("gtv???"), "holds no structure `gtv???`"),
            (None, "holds 6 structures and none was chosen: set roi to one of 1 `GTV-1`"),
        ] {
            let error = choose("structure", &regions, choice).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        assert_eq!(choose("segment", &regions[..1], None), Ok(0));
        assert_eq!(choose("segment", &[], None), Err("holds no segment".to_owned()));
    }
}
