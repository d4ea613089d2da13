use std::{cmp::Reverse, collections::BTreeMap};

use oncoweave_core::{
    Cohort,
    split::{Stratum, stratified_folds},
};
use rand::{SeedableRng, rngs::ChaCha12Rng, seq::SliceRandom};

use crate::Error;

/// Who is held out when.
#[derive(Clone, Debug, PartialEq)]
pub struct Folds {
    /// The fold of each patient of the cohort. A patient without one is in no training part and in
    /// no held-out part.
    pub of: Vec<Option<u32>>,
    /// How they were made, in words, for [`oncoweave_core::Evaluation::design`].
    pub design: String,
    /// Whether no site is in two folds.
    pub by_site: bool,
}

impl Folds {
    /// Folds 0 to `folds - 1` that are alike in events, times and labels.
    ///
    /// # Errors
    /// When there are fewer than two folds, or not an event for each.
    pub fn stratified(cohort: &Cohort, folds: usize, seed: u64) -> Result<Self, Error> {
        let outcomes = cohort.survival.iter().zip(&cohort.labels);
        let stratum = |(&survival, label)| Stratum { survival, label: Option::as_deref(label) };
        let strata: Vec<Stratum> = outcomes.map(stratum).collect();
        let of = stratified_folds(&strata, folds, seed)
            .map_err(Error::undefined("the patients cannot be split"))?;
        Ok(Self {
            of: of.into_iter().map(Some).collect(),
            design: format!(
                "{folds}-fold cross-validation, stratified by event and time, seed {seed}"
            ),
            by_site: false,
        })
    }

    /// Folds of whole sites. Without a number each site is a fold of its own, so that every model is
    /// judged on a site that it has never seen; with one, sites are put together so that folds are
    /// alike in events, and then in patients: the site with the most events first, each into the fold
    /// with the fewest events so far. A patient without a site has no fold.
    ///
    /// # Errors
    /// When there are fewer sites than folds, or than two.
    pub fn by_site(cohort: &Cohort, folds: Option<usize>) -> Result<Self, Error> {
        let mut sites = sites(cohort);
        let count = folds.unwrap_or(sites.len());
        if count < 2 || sites.len() < count {
            let reason = format!(
                "the table names {} sites, and folds by site take at least 2 and one for each \
                 fold; fill the column `site`, or ask for fewer folds",
                sites.len()
            );
            return Err(Error::Unevaluable { reason });
        }
        if folds.is_none() {
            let fold_of = sites.into_iter().map(|(site, _)| site).zip(0..).collect();
            let design = format!("one site left out at a time, {count} sites");
            return Ok(Self::of_sites(cohort, &fold_of, design));
        }
        sites.sort_by_key(|&(_, size)| Reverse(size));
        let design = format!("{count}-fold cross-validation over whole sites");
        Ok(Self::of_sites(cohort, &deal_sites(&sites, count), design))
    }

    /// Other folds of whole sites: these come in an order by the seed, so that folds differ more in
    /// events than those of [`Self::by_site`].
    ///
    /// # Errors
    /// When there are not more sites than folds, so that no others can be made, or fewer than two
    /// folds.
    pub fn by_site_again(cohort: &Cohort, folds: usize, seed: u64) -> Result<Self, Error> {
        let mut sites = sites(cohort);
        if folds < 2 || sites.len() <= folds {
            let reason = format!(
                "the table names {} sites; other folds of whole sites take 2 folds at least, and \
                 more sites than folds",
                sites.len()
            );
            return Err(Error::Unevaluable { reason });
        }
        sites.shuffle(&mut ChaCha12Rng::seed_from_u64(seed));
        let design =
            format!("{folds}-fold cross-validation over whole sites, dealt by seed {seed}");
        Ok(Self::of_sites(cohort, &deal_sites(&sites, folds), design))
    }

    fn of_sites(cohort: &Cohort, fold_of: &BTreeMap<&str, u32>, design: String) -> Self {
        let fold = |site: &Option<String>| fold_of.get(site.as_deref()?).copied();
        Self { of: cohort.sites.iter().map(fold).collect(), design, by_site: true }
    }

    /// The folds that the cohort's own column gives.
    ///
    /// # Errors
    /// When no patient has one.
    pub fn from_column(cohort: &Cohort) -> Result<Self, Error> {
        Self::given(cohort.folds.clone(), "the cohort's `fold` column")
    }

    /// Folds from outside; `source` says where from, such as ``the cohort's `fold` column``.
    ///
    /// # Errors
    /// When there are fewer than two distinct ones.
    pub fn given(of: Vec<Option<u32>>, source: &str) -> Result<Self, Error> {
        let folds = Self { of, design: String::new(), by_site: false };
        let count = folds.numbers().len();
        if count < 2 {
            let reason = format!("{source} names {count} folds; cross-validation takes two");
            return Err(Error::Unevaluable { reason });
        }
        Ok(Self { design: format!("{count} folds given by {source}"), ..folds })
    }

    /// The distinct folds, rising.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.of.iter().flatten().copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// How many there are of patients who stay together. The one with more events is the greater, of
/// equals the one with more patients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size {
    pub(crate) events: usize,
    pub(crate) patients: usize,
}

/// Deals groups of patients who stay together into folds, one after the other: each into the fold
/// that has the fewest events so far, of equals into the one with the fewest patients. A group
/// without an event, which would not fill that fold, goes to the fewest patients. Gives the fold of
/// each group.
pub(crate) fn deal(groups: &[Size], folds: usize) -> Vec<u32> {
    let mut sums = vec![Size::default(); folds];
    let mut one = |group: &Size| {
        let fullness = |sum: &Size| Size { events: sum.events * group.events.min(1), ..*sum };
        let emptiest = (0..).zip(&mut sums).min_by_key(|(_, sum)| fullness(sum));
        let (fold, sum) = emptiest.expect("there are two folds at least");
        *sum = Size { events: sum.events + group.events, patients: sum.patients + group.patients };
        fold
    };
    groups.iter().map(&mut one).collect()
}

/// Each site with its size, in the order of names.
fn sites(cohort: &Cohort) -> Vec<(&str, Size)> {
    let mut all: BTreeMap<&str, Size> = BTreeMap::new();
    for (site, outcome) in cohort.sites.iter().zip(&cohort.survival) {
        let Some(site) = site else { continue };
        let own = all.entry(site).or_default();
        own.patients += 1;
        own.events += usize::from(outcome.is_some_and(|outcome| outcome.event));
    }
    all.into_iter().collect()
}

fn deal_sites<'a>(sites: &[(&'a str, Size)], folds: usize) -> BTreeMap<&'a str, u32> {
    let (names, counts): (Vec<&str>, Vec<Size>) = sites.iter().copied().unzip();
    names.into_iter().zip(deal(&counts, folds)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Shape, simulate};

    fn cohort(sites: &[(&str, usize)]) -> Cohort {
        let patients = sites.iter().map(|(_, patients)| patients).sum();
        let mut cohort = simulate(Shape { patients, ..Shape::SMALL }).cohort;
        let named = |&(site, patients): &(&str, usize)| {
            std::iter::repeat_n((!site.is_empty()).then(|| site.to_owned()), patients)
        };
        cohort.sites = sites.iter().flat_map(named).collect();
        cohort
    }

    #[test]
    fn each_site_is_left_out_once() {
        let folds = Folds::by_site(&cohort(&[("b", 2), ("a", 1), ("", 1)]), None).unwrap();
        assert_eq!(folds.of, [Some(1), Some(1), Some(0), None]);
        assert_eq!(folds.design, "one site left out at a time, 2 sites");
    }

    /// The cohort of sites of so many patients, the first of whom have the event.
    fn with_events(sites: &[(&str, usize, usize)]) -> Cohort {
        let patients: Vec<(&str, usize)> =
            sites.iter().map(|&(site, patients, _)| (site, patients)).collect();
        let mut cohort = cohort(&patients);
        let events = sites
            .iter()
            .flat_map(|&(_, patients, events)| (0..patients).map(move |patient| patient < events));
        for (outcome, event) in cohort.survival.iter_mut().flatten().zip(events) {
            outcome.event = event;
        }
        cohort
    }

    /// The fold of each site, and the events and patients of each fold.
    fn dealt(sites: &[(&str, usize, usize)], folds: &Folds) -> (Vec<u32>, Vec<(usize, usize)>) {
        let mut sums = vec![(0, 0); folds.numbers().len()];
        let (mut first, mut of) = (0, vec![]);
        for &(_, patients, events) in sites {
            let fold = folds.of[first].unwrap();
            let whole = &folds.of[first..first + patients];
            assert!(whole.iter().all(|other| *other == Some(fold)), "{whole:?}");
            let sum = &mut sums[fold as usize];
            *sum = (sum.0 + events, sum.1 + patients);
            of.push(fold);
            first += patients;
        }
        (of, sums)
    }

    #[test]
    fn grouped_sites_are_whole_and_folds_are_alike_in_events_then_in_patients() {
        for (case, sites, expected, sums) in [
            (
                "the largest site has the fewest events",
                vec![("a", 9, 1), ("b", 6, 5), ("c", 4, 4), ("d", 3, 2)],
                vec![0, 0, 1, 1],
                vec![(6, 15), (6, 7)],
            ),
            (
                "of equals in events the one with more patients is first",
                vec![("a", 2, 2), ("b", 8, 2), ("c", 5, 2), ("d", 3, 2)],
                vec![0, 0, 1, 1],
                vec![(4, 10), (4, 8)],
            ),
            (
                "sites without an event even the patients out",
                vec![("a", 3, 2), ("b", 4, 3), ("c", 3, 0), ("d", 2, 0), ("e", 2, 0)],
                vec![1, 0, 1, 0, 0],
                vec![(3, 8), (2, 6)],
            ),
        ] {
            let folds = Folds::by_site(&with_events(&sites), Some(2)).unwrap();
            assert_eq!(dealt(&sites, &folds), (expected, sums), "{case}");
        }
    }

    #[test]
    fn other_deals_are_alike_in_events_too() {
        // The large sites have few events.
        let sites: Vec<(&str, usize, usize)> =
            ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]
                .into_iter()
                .zip(0..)
                .map(|(name, place)| {
                    (name, if place % 2 == 0 { 20 } else { 6 }, 1 + 4 * (place % 2))
                })
                .collect();
        let cohort = with_events(&sites);
        for seed in 1..20 {
            let folds = Folds::by_site_again(&cohort, 3, seed).unwrap();
            let (_, sums) = dealt(&sites, &folds);
            // No fold is ahead of another by more than the site that was dealt last.
            let events = sums.iter().map(|(events, _)| *events);
            let (most, least) = (events.clone().max().unwrap(), events.min().unwrap());
            assert!(most - least <= 5, "seed {seed}: {sums:?}");
        }
    }

    #[test]
    fn other_deals_keep_sites_whole_too() {
        let sites = [("a", 4), ("b", 5), ("c", 3), ("d", 3), ("e", 2), ("f", 6)];
        let cohort = cohort(&sites);
        let first = Folds::by_site(&cohort, Some(3)).unwrap();
        let deals: Vec<Folds> =
            (1..6).map(|seed| Folds::by_site_again(&cohort, 3, seed).unwrap()).collect();
        assert_eq!(Folds::by_site_again(&cohort, 3, 1).unwrap(), deals[0]);
        assert!(deals.iter().any(|deal| deal.of != first.of));
        for folds in deals.iter().chain([&first]) {
            assert!(folds.by_site);
            assert_eq!(folds.numbers(), [0, 1, 2]);
            for (site, _) in sites {
                let rows = (0..23).filter(|&row| cohort.sites[row].as_deref() == Some(site));
                let mut own: Vec<Option<u32>> = rows.map(|row| folds.of[row]).collect();
                own.dedup();
                assert_eq!(own.len(), 1, "{site}");
            }
        }
        let error = Folds::by_site_again(&cohort, 6, 1).unwrap_err().to_string();
        assert!(error.contains("more sites than folds"), "{error}");
    }

    #[test]
    fn too_few_sites_are_refused() {
        for (sites, folds) in [(vec![("a", 9)], None), (vec![("a", 4), ("b", 4)], Some(3))] {
            let error = Folds::by_site(&cohort(&sites), folds).unwrap_err().to_string();
            assert!(error.contains("column `site`"), "{error}");
        }
    }
}
