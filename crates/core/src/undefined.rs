/// How every [`Undefined::LateEntries`] ends.
pub const LATE_ENTRIES: &str = "some patients came under observation after the index date";

/// Why a figure cannot be given for these patients, in words.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Undefined {
    /// Nobody to compute from.
    #[error("there is no patient to compute it from")]
    NoPatient,
    /// Nobody had the event.
    #[error("no event was observed among these {patients} patients")]
    NoEvent {
        /// Patients looked at.
        patients: usize,
    },
    /// No event happened while anybody else was still followed up.
    #[error(
        "no two of these {patients} patients can be compared: nobody was followed up past an event"
    )]
    NoComparablePair {
        /// Patients looked at.
        patients: usize,
    },
    /// All patients are of one class.
    #[error("all {patients} patients are of one class, an AUC needs two")]
    OneClass {
        /// Patients looked at.
        patients: usize,
    },
    /// Nobody had the event by the time asked for.
    #[error("no event was observed by day {time_days}")]
    NoCase {
        /// Days from the index date.
        time_days: f64,
    },
    /// Nobody was still followed up after the time asked for.
    #[error(
        "no patient was followed up past day {time_days}, the last one left on day {last_days}"
    )]
    HorizonPastFollowUp {
        /// Days from the index date.
        time_days: f64,
        /// The last day anybody was followed up.
        last_days: f64,
    },
    /// The training patients say nothing about censoring that late.
    #[error(
        "censoring cannot be weighed at day {time_days}: \
         the training patients were followed up to day {last_days}"
    )]
    CensoringUnknown {
        /// Days from the index date.
        time_days: f64,
        /// The last day that the training patients' follow-up can be used at.
        last_days: f64,
    },
    /// Some patients entered late, which the figure does not allow for.
    #[error("{what} is not defined here: {LATE_ENTRIES}")]
    LateEntries {
        /// What was asked for, such as `weighing by censoring`.
        what: &'static str,
    },
    /// Too few times to integrate over.
    #[error("an integral over time needs at least two increasing times, got {times}")]
    TooFewTimes {
        /// Times given.
        times: usize,
    },
    /// Fewer than two groups with somebody at risk.
    #[error(
        "a comparison needs at least two groups with patients at risk of an event, got {groups}"
    )]
    TooFewGroups {
        /// Groups that can be used.
        groups: usize,
    },
    /// A number that should be finite is not.
    #[error("{what} must be finite, found {value} in row {row}")]
    NotFinite {
        /// What was being read, such as `a risk`.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// What stood there.
        value: f64,
    },
    /// A penalty below zero or not a number.
    #[error("a penalty must be a finite number, zero or more, got {penalty}")]
    InvalidPenalty {
        /// The refused penalty.
        penalty: f64,
    },
    /// Nothing varies, or too few patients to tell how much.
    #[error(
        "{what} has no variance to make an interval of: it needs more patients, or differs in none"
    )]
    NoVariance {
        /// What was asked for, such as `the difference`.
        what: &'static str,
    },
    /// A share that is not one.
    #[error("{what} must be a share between 0 and 1, got {value}")]
    InvalidShare {
        /// What was asked for, such as `the l1 ratio`.
        what: &'static str,
        /// The refused value.
        value: f64,
    },
    /// There is no column to learn from.
    #[error(
        "no column is left to learn from: every one is empty or constant on the training patients"
    )]
    NoColumn,
    /// The likelihood has no maximum, or it was not reached.
    #[error(
        "the Cox model did not converge with penalty {penalty}: \
         columns that foretell the outcome perfectly, or that repeat each other, need a larger penalty"
    )]
    NoConvergence {
        /// The penalty in use.
        penalty: f64,
    },
    /// A number of folds that makes no sense.
    #[error("{folds} folds cannot be made of {patients} patients: ask for 2 to {patients}")]
    InvalidFolds {
        /// Folds asked for.
        folds: usize,
        /// Patients given.
        patients: usize,
    },
    /// A number of groups that makes no sense.
    #[error("{groups} groups cannot be made of {patients} patients: ask for 1 to {patients}")]
    InvalidGroups {
        /// Groups asked for.
        groups: usize,
        /// Patients given.
        patients: usize,
    },
    /// Some fold would hold no event.
    #[error(
        "{events} events cannot be spread over {folds} folds: every fold needs at least one event"
    )]
    TooFewEvents {
        /// Folds asked for.
        folds: usize,
        /// Events among the patients.
        events: usize,
    },
    /// No resample gave a figure.
    #[error(
        "the figure is undefined in all {resamples} bootstrap resamples, the first time because {reason}"
    )]
    EveryResample {
        /// Resamples drawn.
        resamples: usize,
        /// Why the first one gave none.
        reason: String,
    },
    /// A modality that the cohort does not have.
    #[error("the cohort has no column of modality `{modality}`, it has: {known}")]
    UnknownModality {
        /// The modality asked for.
        modality: String,
        /// The cohort's modalities.
        known: String,
    },
    /// A column whose name stands for something else.
    #[error(
        "column `{column}` has a name that is kept for the flag of a present modality, rename it"
    )]
    ReservedColumn {
        /// The column's name.
        column: String,
    },
    /// Columns that a model was trained on and the cohort lacks.
    #[error(
        "the model was trained on {count} {} that the cohort lacks: {columns}; \
         extract them with the settings of the training cohort, or leave out the whole modality",
        if *count == 1 { "column" } else { "columns" }
    )]
    MissingColumns {
        /// How many are missing.
        count: usize,
        /// The first few names.
        columns: String,
    },
}
