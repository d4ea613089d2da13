//! Where an insertion or deletion lies among repeats of the reference genome.

use super::Bases;
use crate::{Error, small_variant::SmallVariant};

/// Tracts from which on they count, as in `MSIsensor`'s defaults: a base five times, and units of two
/// to five bases three times.
const HOMOPOLYMER_UNITS: usize = 5;
const MICROSATELLITE_UNITS: usize = 3;
const MICROSATELLITE_BASES: usize = 5;

pub(super) const HOMOPOLYMER: &str = "insertions and deletions of whole units within a base that \
                                      the reference genome repeats at least 5 times";
pub(super) const MICROSATELLITE: &str = "insertions and deletions of whole units within 2 to 5 \
                                         bases that the reference genome repeats at least 3 times";
pub(super) const STANDARD: &str = "lengths of the tracts as in the defaults of MSIsensor (Niu et \
                                   al. 2014, Bioinformatics 30:1015)";

/// So many units of the inserted or deleted bases are looked for on either side.
const UNITS: u64 = 6;
/// Longer ones lie in no repeat that counts, and reading round them would cost too much.
const MAX_BASES: usize = 100_000;

/// An insertion or deletion, moved to the left as far as it stays the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) is_deletion: bool,
    /// The bases that were inserted or deleted.
    pub(super) bases: Vec<u8>,
    /// What follows in the reference genome: behind the deletion, or behind the place of insertion.
    pub(super) following: Vec<u8>,
}

/// Finds where an insertion or deletion lies; `None` for other variants, for a chromosome that the
/// genome lacks, and for a deletion of other bases than the genome has there.
pub(super) fn place(
    variant: &SmallVariant,
    bases: &mut Bases<'_>,
) -> Result<Option<Placed>, Error> {
    let (is_deletion, changed) = match (variant.reference.as_slice(), variant.alternate.as_slice())
    {
        (deleted, []) => (true, deleted),
        ([], inserted) => (false, inserted),
        _ => return Ok(None),
    };
    if changed.len() > MAX_BASES {
        return Ok(None);
    }
    let length = changed.len() as u64;
    let reach = UNITS * length;
    let start = variant.position.saturating_sub(reach).max(1);
    let Some(around) = bases(&variant.chromosome, start, variant.position + length + reach)? else {
        return Ok(None);
    };
    let place = usize::try_from(variant.position - start).unwrap_or(usize::MAX);
    let deleted = if is_deletion { changed.len() } else { 0 };
    let (Some(before), Some(following)) = (around.get(..place), around.get(place + deleted..))
    else {
        return Ok(None);
    };
    if is_deletion && around[place..place + deleted] != *changed {
        return Ok(None);
    }
    Ok(Some(shifted(is_deletion, changed.to_vec(), before, following)))
}

/// Moves an insertion or deletion to the left: while the base before it is its last base.
fn shifted(is_deletion: bool, mut bases: Vec<u8>, before: &[u8], following: &[u8]) -> Placed {
    let same = before
        .iter()
        .rev()
        .enumerate()
        .take_while(|&(step, base)| *base == bases[bases.len() - 1 - step % bases.len()])
        .count();
    let turn = same % bases.len();
    bases.rotate_right(turn);
    // What it moved over stands behind it now.
    let following = [&before[before.len() - same..], following].concat();
    Placed { is_deletion, bases, following }
}

impl Placed {
    /// How many times the inserted or deleted bases follow once more.
    pub(super) fn repeats(&self) -> usize {
        self.following.chunks_exact(self.bases.len()).take_while(|unit| *unit == self.bases).count()
    }

    /// How many of the bases follow once more, from the first on.
    pub(super) fn homology(&self) -> usize {
        self.bases.iter().zip(&self.following).take_while(|(a, b)| a == b).count()
    }

    /// The shortest unit whose repetition makes the bases, and how often the reference genome
    /// repeats it at this place, what was deleted included.
    fn tract(&self) -> (usize, usize) {
        let length = self.bases.len();
        let is_unit = |unit: &usize| {
            length.is_multiple_of(*unit)
                && self.bases.chunks_exact(*unit).all(|chunk| chunk == &self.bases[..*unit])
        };
        let unit = (1..=length).find(is_unit).unwrap_or(length);
        let following = self.following.chunks_exact(unit);
        let repeated = following.take_while(|chunk| *chunk == &self.bases[..unit]).count();
        let deleted = if self.is_deletion { length / unit } else { 0 };
        (unit, repeated + deleted)
    }
}

/// How many insertions and deletions lie in repeats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) indels: u64,
    pub(super) homopolymer: u64,
    pub(super) microsatellite: u64,
}

impl Counts {
    pub(super) fn new(indels: &[Placed]) -> Self {
        let mut counts = Self { indels: indels.len() as u64, ..Self::default() };
        for placed in indels {
            match placed.tract() {
                (1, units) if units >= HOMOPOLYMER_UNITS => counts.homopolymer += 1,
                (2..=MICROSATELLITE_BASES, units) if units >= MICROSATELLITE_UNITS => {
                    counts.microsatellite += 1;
                }
                _ => {}
            }
        }
        counts
    }
}
