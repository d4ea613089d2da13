//! Whether settings make sense by themselves, before any file is opened.

use std::collections::BTreeMap;

use crate::{ClinicalSettings, ColumnSettings, Error, OutcomeSettings, cell};

impl ClinicalSettings {
    /// Finds settings that contradict themselves.
    ///
    /// # Errors
    /// When `min` is above `max`, a level or value is declared twice, a list is empty, a factor of
    /// `convert` is zero or not finite, or the column of the id, index date or fold is a feature.
    pub fn check(&self) -> Result<(), Error> {
        for (name, column) in &self.columns {
            column.check().map_err(|fault| {
                Error::Settings(format!("[clinical.columns] `{name}`: {fault}"))
            })?;
        }
        let keys = [
            ("patient_id", Some(&self.patient_id)),
            ("index_date", self.index_date.as_ref()),
            ("fold", self.fold.as_ref()),
        ];
        self.check_features("[clinical]", &keys)
    }

    /// Finds settings that contradict themselves or the outcome's.
    ///
    /// # Errors
    /// As [`check`](Self::check) and [`OutcomeSettings::check`], and when a column of the outcome
    /// is a feature too, from which a model would read the answer.
    pub fn check_with(&self, outcome: Option<&OutcomeSettings>) -> Result<(), Error> {
        self.check()?;
        let Some(outcome) = outcome else { return Ok(()) };
        outcome.check()?;
        let keys = [
            ("time", outcome.time.as_ref()),
            ("event", outcome.event.as_ref()),
            ("entry", outcome.entry.as_ref()),
            ("label", outcome.label.as_ref()),
        ];
        self.check_features("[outcome]", &keys)
    }

    /// Refuses a feature whose column has another task already.
    fn check_features(&self, section: &str, keys: &[(&str, Option<&String>)]) -> Result<(), Error> {
        let taken = keys
            .iter()
            .filter_map(|&(key, name)| Some((key, name?)))
            .find(|(_, name)| self.columns.contains_key(*name));
        match taken {
            Some((key, name)) => Err(Error::Settings(format!(
                "[clinical.columns] `{name}`: the column is `{key}` of {section} and cannot be a \
                 feature; remove it from the columns"
            ))),
            None => Ok(()),
        }
    }
}

impl ColumnSettings {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Number { convert, min, max, .. } => check_number(convert, *min, *max),
            Self::Category { levels: None } => Ok(()),
            Self::Category { levels: Some(levels) } | Self::Ordinal { levels } => {
                check_list("levels", levels)
            }
            Self::Boolean { true_values, false_values } => {
                check_list("true_values", true_values)?;
                check_list("false_values", false_values)?;
                check_apart(("true_values", true_values), ("false_values", false_values))
            }
        }
    }
}

impl OutcomeSettings {
    /// Finds settings that contradict themselves.
    ///
    /// # Errors
    /// When nothing is named, `time` comes without `event` or the reverse, `entry` or `competing`
    /// without both, `event_values`, `censored_values` or a list of `competing` is empty, or two of
    /// them share a value.
    pub fn check(&self) -> Result<(), Error> {
        let events = ("event_values", self.event_values.as_slice());
        let censored = ("censored_values", self.censored_values.as_slice());
        let checked = match (&self.time, &self.event, &self.label) {
            (None, None, Some(_)) => self.check_label_alone(),
            (Some(_), Some(_), _) => self.check_values(events, censored),
            (None, None, None) => {
                Err("expected `time` and `event`, or `label`, found neither; name the columns"
                    .to_owned())
            }
            _ => Err("expected `time` and `event` together, found one alone; name both".to_owned()),
        };
        checked.map_err(|fault| Error::Settings(format!("[outcome]: {fault}")))
    }

    /// Without follow-up nothing can be said of it.
    fn check_label_alone(&self) -> Result<(), String> {
        let of_follow_up =
            [("competing", !self.competing.is_empty()), ("entry", self.entry.is_some())];
        match of_follow_up.iter().find(|(_, given)| *given) {
            Some((key, _)) => {
                Err(format!("`{key}` needs `time` and `event`, found neither; name the columns"))
            }
            None => Ok(()),
        }
    }

    fn check_values(
        &self,
        events: (&str, &[String]),
        censored: (&str, &[String]),
    ) -> Result<(), String> {
        let named = self.competing.iter().map(|(name, values)| {
            if name.trim().is_empty() || name.contains(';') {
                return Err(format!(
                    "a name in `competing` must not be empty or hold `;`, found `{name}`"
                ));
            }
            Ok((format!("competing.{name}"), values.as_slice()))
        });
        let named = named.collect::<Result<Vec<_>, _>>()?;
        let mut lists = vec![events, censored];
        lists.extend(named.iter().map(|(name, values)| (name.as_str(), *values)));
        for (place, &(name, values)) in lists.iter().enumerate() {
            check_list(name, values)?;
            for &earlier in &lists[..place] {
                check_apart(earlier, (name, values))?;
            }
        }
        Ok(())
    }
}

fn check_number(
    convert: &BTreeMap<String, f64>,
    min: Option<f64>,
    max: Option<f64>,
) -> Result<(), String> {
    if let Some((unit, factor)) = convert.iter().find(|(_, factor)| !factor.is_normal()) {
        return Err(format!(
            "expected a factor for `{unit}` that is not 0, found {factor}; correct it"
        ));
    }
    match (min, max) {
        (Some(min), Some(max)) if min > max => {
            Err(format!("expected `min` below `max`, found {min} and {max}; swap them"))
        }
        _ => Ok(()),
    }
}

fn check_list(name: &str, values: &[String]) -> Result<(), String> {
    if values.is_empty() {
        return Err(format!("expected values in `{name}`, found none; list them"));
    }
    let repeated = (1..values.len()).find(|&place| values[..place].contains(&values[place]));
    match repeated {
        Some(place) => Err(format!("`{}` stands twice in `{name}`; leave one out", values[place])),
        None => Ok(()),
    }
}

fn check_apart(a: (&str, &[String]), b: (&str, &[String])) -> Result<(), String> {
    match a.1.iter().find(|value| b.1.iter().any(|other| cell::is_value(value.trim(), other))) {
        Some(value) => Err(format!(
            "`{value}` stands in `{}` and in `{}`; it can mean only one thing",
            a.0, b.0
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_with_another_task_is_no_feature() {
        let outcome: OutcomeSettings = toml::from_str(
            "time = 't'\nevent = 'e'\nevent_values = [1]\ncensored_values = [0]\nlabel = 'l'\n\
             entry = 'begin'",
        )
        .unwrap();
        for (column, expected) in [
            ("id", "`patient_id` of [clinical]"),
            ("day", "`index_date` of [clinical]"),
            ("part", "`fold` of [clinical]"),
            ("t", "`time` of [outcome]"),
            ("e", "`event` of [outcome]"),
            ("begin", "`entry` of [outcome]"),
            ("l", "`label` of [outcome]"),
        ] {
            let text = format!(
                "table = 't'\npatient_id = 'id'\nindex_date = 'day'\nfold = 'part'\nsite = 's'\n\
                 columns.{column} = {{ type = 'number' }}\ncolumns.s = {{ type = 'category' }}"
            );
            let settings: ClinicalSettings = toml::from_str(&text).unwrap();
            let message = settings.check_with(Some(&outcome)).unwrap_err().to_string();
            assert_eq!(
                message,
                format!(
                    "[clinical.columns] `{column}`: the column is {expected} and cannot be a \
                     feature; remove it from the columns"
                )
            );
        }
    }

    #[test]
    fn settings_that_contradict_themselves() {
        for (column, expected) in [
            ("type = 'number', min = 2, max = 1", "expected `min` below `max`"),
            ("type = 'number', convert = { kg = 0 }", "expected a factor for `kg`"),
            ("type = 'ordinal', levels = []", "expected values in `levels`"),
            ("type = 'category', levels = ['a', 'a']", "`a` stands twice"),
            ("type = 'boolean', true_values = ['Y'], false_values = ['y']", "only one thing"),
        ] {
            let text = format!("table = 't'\npatient_id = 'p'\ncolumns.x = {{ {column} }}");
            let settings: ClinicalSettings = toml::from_str(&text).unwrap();
            let message = settings.check().unwrap_err().to_string();
            assert!(message.starts_with("[clinical.columns] `x`: "), "{message}");
            assert!(message.contains(expected), "{message}");
        }
        for (outcome, expected) in [
            ("", "found neither"),
            ("time = 't'", "found one alone"),
            ("time = 't'\nevent = 'e'\ncensored_values = [0]", "`event_values`, found none"),
            (
                "time = 't'\nevent = 'e'\nevent_values = ['1.0']\ncensored_values = [1]",
                "only one thing",
            ),
            ("label = 'l'\ncompeting = { other = [2] }", "`competing` needs `time` and `event`"),
            ("label = 'l'\nentry = 'begin'", "`entry` needs `time` and `event`"),
            ("time = 't'\nentry = 'begin'", "found one alone"),
            (
                "time = 't'\nevent = 'e'\nevent_values = [1]\ncensored_values = [0]\n\
                 competing = { other = [2], third = ['2'] }",
                "`2` stands in `competing.other` and in `competing.third`",
            ),
            (
                "time = 't'\nevent = 'e'\nevent_values = [1]\ncensored_values = [0]\n\
                 competing = { other = [] }",
                "expected values in `competing.other`, found none",
            ),
            (
                "time = 't'\nevent = 'e'\nevent_values = [1]\ncensored_values = [0]\n\
                 competing = { '' = [2] }",
                "must not be empty",
            ),
        ] {
            let outcome: OutcomeSettings = toml::from_str(outcome).unwrap();
            let message = outcome.check().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
