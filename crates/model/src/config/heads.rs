use serde::{Deserialize, Serialize};

use super::check;
use crate::Error;

/// `[heads]`: what the network predicts and by which loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeadsConfig {
    /// What survival is predicted as.
    pub survival: SurvivalHead,
    /// Discrete time: intervals at most.
    pub intervals: usize,
    /// Discrete time beside competing events: whether one network gives the hazards of all events.
    pub competing: CompetingHead,
    /// Cox in batches: whom a patient is compared with.
    pub risk_set: RiskSet,
    /// The weight of patients with an event in the likelihood.
    pub event_weight: f64,
    /// Whether the network tells subtypes apart.
    pub subtype: SubtypeHead,
    /// The weight of the class loss beside the survival loss.
    pub subtype_weight: f64,
    /// The weight of the classes in their loss.
    pub class_weight: ClassWeight,
}

/// What survival is predicted as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SurvivalHead {
    /// A log relative hazard; survival comes from Breslow's baseline.
    #[default]
    Cox,
    /// A hazard in each interval; survival comes from the hazards.
    DiscreteTime,
}

/// Which networks give the hazards of competing events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CompetingHead {
    /// Each event has a network of its own, for which the other events are censored.
    #[default]
    Separate,
    /// One network gives a hazard of each event in each interval, fitted to all of them.
    Joint,
}

/// Whom a patient is compared with by the Cox loss when the training part is cut into batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskSet {
    /// The whole training part: the others' risks stand as they were last seen.
    #[default]
    Training,
    /// The batch alone.
    Batch,
}

/// Whether the network has a head for the subtype.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubtypeHead {
    /// Where the training part has 2 to 20 classes.
    #[default]
    Auto,
    /// Always; training fails where there are not two classes.
    On,
    /// Never.
    Off,
}

/// The weight of the classes in their loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeight {
    /// Each patient counts the same.
    #[default]
    None,
    /// Each class counts the same.
    Balanced,
}

impl Default for HeadsConfig {
    fn default() -> Self {
        Self {
            survival: SurvivalHead::Cox,
            intervals: 10,
            competing: CompetingHead::Separate,
            risk_set: RiskSet::Training,
            event_weight: 1.0,
            subtype: SubtypeHead::Auto,
            subtype_weight: 0.3,
            class_weight: ClassWeight::None,
        }
    }
}

impl HeadsConfig {
    pub(super) fn validate(&self) -> Result<(), Error> {
        let intervals = self.intervals;
        check("heads.intervals", "1 to 1000", intervals, (1..=1000).contains(&intervals))?;
        let weight = self.event_weight;
        let good = weight > 0.0 && weight <= 1000.0;
        check("heads.event_weight", "above 0, at most 1000", weight, good)?;
        let weight = self.subtype_weight;
        check("heads.subtype_weight", "0 to 1000", weight, (0.0..=1000.0).contains(&weight))
    }
}
