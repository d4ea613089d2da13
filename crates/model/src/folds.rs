use std::collections::BTreeMap;

use oncoweave_core::{
    Cohort,
    split::{Stratum, stratified_folds},
};

use crate::Error;

/// Who is held out when.
#[derive(Clone, Debug, PartialEq)]
pub struct Folds {
    /// The fold of each patient of the cohort. A patient without one is in no training part and in
    /// no held-out part.
    pub of: Vec<Option<u32>>,
    /// How they were made, in words, for [`oncoweave_core::Evaluation::design`].
    pub design: String,
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
        })
    }

    /// Folds of whole sites. Without a number each site is a fold of its own, so that every model is
    /// judged on a site that it has never seen; with one, sites are put together, the largest first
    /// and each into the fold with the fewest patients. A patient without a site has no fold.
    ///
    /// # Errors
    /// When there are fewer sites than folds, or than two.
    pub fn by_site(cohort: &Cohort, folds: Option<usize>) -> Result<Self, Error> {
        let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
        for site in cohort.sites.iter().flatten() {
            *sizes.entry(site).or_default() += 1;
        }
        let count = folds.unwrap_or(sizes.len());
        if count < 2 || sizes.len() < count {
            let reason = format!(
                "the table names {} sites, and folds by site take at least 2 and one for each \
                 fold; fill the column `site`, or ask for fewer folds",
                sizes.len()
            );
            return Err(Error::Unevaluable { reason });
        }
        let fold_of: BTreeMap<&str, u32> = if folds.is_none() {
            sizes.keys().copied().zip(0..).collect()
        } else {
            let mut largest_first: Vec<(&str, usize)> = sizes.into_iter().collect();
            largest_first.sort_by_key(|&(_, patients)| std::cmp::Reverse(patients));
            let mut patients_in = vec![0; count];
            let mut fold_of = BTreeMap::new();
            for (site, patients) in largest_first {
                let folds = (0_u32..).zip(&mut patients_in);
                // There are two folds at least.
                if let Some((fold, sum)) = folds.min_by_key(|(_, sum)| **sum) {
                    *sum += patients;
                    fold_of.insert(site, fold);
                }
            }
            fold_of
        };
        let fold = |site: &Option<String>| fold_of.get(site.as_deref()?).copied();
        let design = match folds {
            None => format!("one site left out at a time, {count} sites"),
            Some(_) => format!("{count}-fold cross-validation over whole sites"),
        };
        Ok(Self { of: cohort.sites.iter().map(fold).collect(), design })
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
        let folds = Self { of, design: String::new() };
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

    #[test]
    fn sites_are_grouped_by_size_and_never_split() {
        let sites = [("a", 1), ("b", 5), ("c", 3), ("d", 3)];
        let folds = Folds::by_site(&cohort(&sites), Some(2)).unwrap();
        let of_site = |site: usize| folds.of[[0, 1, 6, 9][site]];
        assert_eq!([0, 1, 2, 3].map(of_site), [Some(0), Some(0), Some(1), Some(1)]);
    }

    #[test]
    fn too_few_sites_are_refused() {
        for (sites, folds) in [(vec![("a", 9)], None), (vec![("a", 4), ("b", 4)], Some(3))] {
            let error = Folds::by_site(&cohort(&sites), folds).unwrap_err().to_string();
            assert!(error.contains("column `site`"), "{error}");
        }
    }
}
