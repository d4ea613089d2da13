//! Breakends: what their ALT says, and which two of them are one event.

use std::{collections::HashMap, hash::Hash};

use super::{Class, Event, Place};
use crate::{
    lines::{number, text},
    settings::bare_chromosome,
};

/// Of a break within a chromosome, the share of its length that inserted bases must have for it to
/// be an insertion; as `simpleEventType` of the program `StructuralVariantAnnotation`.
const INSERTED_SHARE: f64 = 0.7;

/// What the ALT of a breakend says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Adjacency {
    /// The other side.
    pub(super) mate: Place,
    /// The bases before the break stay on this side.
    pub(super) keeps_before: bool,
    /// The bases before the break stay on the other side.
    pub(super) mate_keeps_before: bool,
    /// The bases between the two sides.
    pub(super) inserted: u64,
}

impl Adjacency {
    /// Understands `t[p[`, `t]p]`, `]p]t` and `[p[t` (VCF 4.5, section 5.4).
    pub(super) fn of(reference: &[u8], alternate: &[u8]) -> Option<Self> {
        let is_bracket = |byte: &u8| matches!(byte, b'[' | b']');
        let open = alternate.iter().position(is_bracket)?;
        let close = open + 1 + alternate[open + 1..].iter().position(is_bracket)?;
        let place = &alternate[open + 1..close];
        let colon = place.iter().rposition(|&byte| byte == b':')?;
        let name = text(place[..colon].trim_ascii());
        let name = name.trim_start_matches('<').trim_end_matches('>');
        let chromosome = bare_chromosome(name).to_owned();
        let bases = open + (alternate.len() - close - 1);
        Some(Self {
            mate: Place { chromosome, position: number(&place[colon + 1..])? },
            keeps_before: open > 0,
            mate_keeps_before: alternate[open] == b']',
            inserted: bases.saturating_sub(reference.len()) as u64,
        })
    }

    /// What the break does, seen from `here`.
    pub(super) fn class(&self, here: &Place) -> Class {
        if here.chromosome != self.mate.chromosome {
            return Class::Translocation;
        }
        let length = here.position.abs_diff(self.mate.position);
        if self.keeps_before == self.mate_keeps_before {
            Class::Inversion
        } else if self.inserted > 0 && self.inserted as f64 >= INSERTED_SHARE * length as f64 {
            Class::Insertion
        } else if (here.position < self.mate.position) == self.keeps_before {
            Class::Deletion
        } else {
            Class::Duplication
        }
    }
}

/// The names that tell a breakend's mate.
pub(super) struct Names {
    pub(super) id: Vec<u8>,
    /// `MATEID` or `PARID`.
    pub(super) mate_id: Option<Vec<u8>>,
    /// `EVENT`.
    pub(super) group: Option<Vec<u8>>,
}

/// A breakend of a file.
pub(super) struct Breakend {
    pub(super) names: Names,
    /// Both sides: its own and the one that its ALT names.
    pub(super) event: Event,
}

/// Joins the two records of an event and keeps those without a mate.
pub(super) fn paired(breakends: Vec<Breakend>) -> Vec<Event> {
    let mut mates: Vec<Option<usize>> = vec![None; breakends.len()];
    pair_by(&breakends, &mut mates, |one| Some((&one.names.id, one.names.mate_id.as_ref()?)));
    pair_by(&breakends, &mut mates, |one| {
        let [here, there] = &one.event.ends;
        Some((key(here.as_ref()?), key(there.as_ref()?)))
    });
    pair_groups(&breakends, &mut mates);
    let mut events: Vec<Option<Event>> =
        breakends.into_iter().map(|breakend| Some(breakend.event)).collect();
    let mut paired = Vec::with_capacity(events.len());
    for place in 0..events.len() {
        let Some(event) = events[place].take() else { continue };
        let mate = mates[place].and_then(|mate| events[mate].take());
        paired.push(match mate {
            Some(mate) => joined(event, mate),
            None => event,
        });
    }
    paired
}

fn key(place: &Place) -> (&str, u64) {
    (&place.chromosome, place.position)
}

/// Pairs breakends of which each gives the other's name; `names` gives a breakend's own and that
/// of its mate.
fn pair_by<'a, K: Copy + Eq + Hash>(
    breakends: &'a [Breakend],
    mates: &mut [Option<usize>],
    names: impl Fn(&'a Breakend) -> Option<(K, K)>,
) {
    // Those that wait for a mate, by their own name and the mate's. Ids may occur twice.
    let mut waiting: HashMap<(K, K), Vec<usize>> = HashMap::new();
    for (place, breakend) in breakends.iter().enumerate() {
        if mates[place].is_some() {
            continue;
        }
        let Some((own, mate)) = names(breakend) else { continue };
        match waiting.get_mut(&(mate, own)).and_then(Vec::pop) {
            Some(found) => (mates[place], mates[found]) = (Some(found), Some(place)),
            None => waiting.entry((own, mate)).or_default().push(place),
        }
    }
}

/// Pairs the two of an EVENT that has no third.
fn pair_groups(breakends: &[Breakend], mates: &mut [Option<usize>]) {
    let mut groups: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (place, breakend) in breakends.iter().enumerate() {
        let is_placed = breakend.event.ends[1].is_some();
        if let (None, None, Some(group), true) =
            (mates[place], &breakend.names.mate_id, &breakend.names.group, is_placed)
        {
            groups.entry(group).or_default().push(place);
        }
    }
    for group in groups.values() {
        if let &[first, second] = group.as_slice() {
            (mates[first], mates[second]) = (Some(second), Some(first));
        }
    }
}

/// One event of two records: each knows the genes of its own side, and either may have passed.
fn joined(mut event: Event, mate: Event) -> Event {
    let [at_mate, _] = mate.genes;
    event.genes[1] = at_mate;
    event.fusions.extend(mate.fusions);
    event.passes |= mate.passes;
    event.carriers.extend(mate.carriers);
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alt_says_what_a_break_does() {
        for (name, reference, alternate, expected) in [
            ("deletion", "A", "A[1:300[", Class::Deletion),
            ("deletion from its far side", "A", "]1:50]A", Class::Deletion),
            ("duplication", "A", "]1:300]A", Class::Duplication),
            ("duplication from its far side", "A", "A[chr1:50[", Class::Duplication),
            ("inversion", "A", "A]1:300]", Class::Inversion),
            ("inversion on the other side", "A", "[1:300[A", Class::Inversion),
            ("other chromosome", "A", "A[2:300[", Class::Translocation),
            ("contig in brackets", "A", "A[<ctg:1>:300[", Class::Translocation),
            ("name with colons", "A", "A[HLA:1:300[", Class::Translocation),
            ("inserted bases", "A", "AGGGGGGGG[1:110[", Class::Insertion),
            ("few inserted bases", "A", "AG[1:300[", Class::Deletion),
        ] {
            let here = Place { chromosome: "1".to_owned(), position: 100 };
            let adjacency = Adjacency::of(reference.as_bytes(), alternate.as_bytes()).unwrap();
            assert_eq!(adjacency.class(&here), expected, "{name}");
        }
        for alternate in ["A", "A.", "<DEL>", "A[1:x[", "A[1[", "A[1:5", "[", "]:]", "[]"] {
            assert_eq!(Adjacency::of(b"A", alternate.as_bytes()), None, "{alternate}");
        }
    }
}
