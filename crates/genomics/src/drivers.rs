//! Which of the genes that the settings name are hit, and how.

use std::collections::HashMap;

use oncoweave_core::Feature;
use serde::{Deserialize, Serialize};

use crate::{
    Class, Panel, VariantSettings,
    consequence::Effect,
    hotspots::Hotspots,
    tally::{CLASSES_STANDARD, Known},
};

/// A kind of hit that gets a feature of its own for each gene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverClass {
    /// The protein is likely lost: nonsense, frameshift, splice site, start lost.
    Truncating,
    /// One amino acid becomes another.
    Missense,
    /// Amino acids are inserted or deleted in frame.
    Inframe,
    /// A splice site changes.
    Splice,
}

impl DriverClass {
    fn holds(self, class: Class) -> bool {
        match self {
            Self::Truncating => class.is_truncating(),
            Self::Missense => class == Class::Missense,
            Self::Inframe => class == Class::InframeIndel,
            Self::Splice => class == Class::SpliceSite,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Truncating => "truncating",
            Self::Missense => "missense",
            Self::Inframe => "inframe",
            Self::Splice => "splice",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Truncating => {
                "a truncating somatic variant (nonsense, frameshift, splice site, start lost)"
            }
            Self::Missense => "a somatic missense variant",
            Self::Inframe => "a somatic in-frame insertion or deletion",
            Self::Splice => "a somatic variant of a splice site",
        }
    }
}

/// The hits of one gene.
#[derive(Clone, Debug, Default)]
struct Hits {
    classes: Vec<Class>,
    hotspot: bool,
    within: bool,
}

/// The hits of every gene that the settings name, in one tumor.
#[derive(Clone, Debug)]
pub(crate) struct Drivers<'a> {
    settings: &'a VariantSettings,
    places: HashMap<&'a [u8], usize>,
    hits: Vec<Hits>,
}

impl<'a> Drivers<'a> {
    pub(crate) fn new(settings: &'a VariantSettings) -> Self {
        let genes = settings.genes.iter().enumerate();
        Self {
            settings,
            places: genes.map(|(place, gene)| (gene.as_bytes(), place)).collect(),
            hits: vec![Hits::default(); settings.genes.len()],
        }
    }

    /// The hits of a gene, if the settings name it by its symbol or its identifier.
    fn of(&mut self, symbol: &[u8], id: &[u8]) -> Option<&mut Hits> {
        let unversioned = id.split(|&byte| byte == b'.').next().unwrap_or_default();
        let place = [symbol, id, unversioned].iter().find_map(|name| self.places.get(name))?;
        Some(&mut self.hits[*place])
    }

    /// Notes what a variant does to a gene.
    pub(crate) fn add(&mut self, effect: &Effect<'_>, hotspots: Option<&Hotspots>) {
        if self.places.is_empty() || !effect.class.is_nonsynonymous() {
            return;
        }
        let is_hotspot = hotspots.is_some_and(|hotspots| hotspots.is_hit(effect));
        if let Some(hits) = self.of(effect.symbol, effect.id) {
            if !hits.classes.contains(&effect.class) {
                hits.classes.push(effect.class);
            }
            hits.hotspot |= is_hotspot;
        }
    }

    /// Notes that a variant lies in a gene's interval.
    pub(crate) fn add_within(&mut self, symbol: &str, id: &str) {
        if let Some(hits) = self.of(symbol.as_bytes(), id.as_bytes()) {
            hits.within = true;
        }
    }

    /// The features of every gene; those of a gene off the panel have no value.
    pub(crate) fn features(&self, known: Known, panel: Option<&Panel>) -> Vec<Feature> {
        let genes = self.settings.genes.iter().zip(&self.hits);
        let features = genes.flat_map(|(gene, hits)| {
            let covered = panel.is_none_or(|panel| panel.covers(gene));
            let feature = |ending: &str, what: &str, is_hit: bool, is_known: bool| {
                let meaning = format!("1 where {gene} has {what}, else 0");
                let value = (is_known && covered).then(|| f64::from(u8::from(is_hit)));
                Feature::new(&format!("driver_{gene}{ending}"), "", &meaning, value)
                    .with_standard(CLASSES_STANDARD)
            };
            let any = !hits.classes.is_empty();
            let mut features =
                vec![feature("", "a nonsynonymous somatic variant", any, known.consequences)];
            for class in &self.settings.driver_classes {
                let is_hit = hits.classes.iter().any(|&found| class.holds(found));
                let ending = format!("_{}", class.name());
                features.push(feature(&ending, class.meaning(), is_hit, known.consequences));
            }
            if self.settings.hotspots.is_some() {
                let what = "a nonsynonymous somatic variant that changes an amino acid of the \
                            table of hotspots";
                features.push(feature("_hotspot", what, hits.hotspot, known.residues));
            }
            if self.settings.gene_intervals.is_some() {
                let meaning = format!(
                    "1 where a somatic small variant lies in {gene}, else 0; by interval, \
                     consequence unknown"
                );
                let is_known = known.loci && covered;
                let value = is_known.then(|| f64::from(u8::from(hits.within)));
                features.push(Feature::new(&format!("variant_in_{gene}"), "", &meaning, value));
            }
            features
        });
        features.collect()
    }
}
