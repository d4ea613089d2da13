//! Who may do what.

use serde::{Deserialize, Serialize};

/// One thing that an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// See figures about groups of patients; small groups are not told.
    ViewAggregates,
    /// See single patients, and groups of any size.
    ViewPatients,
    /// Take charts and printed pages away.
    ExportFigures,
    /// Take rows of data away, and send records to the model.
    ExportData,
    /// Read the audit log.
    ReadAudit,
    /// Make, change and close accounts.
    ManageAccounts,
}

impl Right {
    /// What a refusal says.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::ViewAggregates => "see figures about the cohort",
            Self::ViewPatients => "see single patients",
            Self::ExportFigures => "export figures",
            Self::ExportData => "export data",
            Self::ReadAudit => "read the audit log",
            Self::ManageAccounts => "manage accounts",
        }
    }
}

/// What somebody is here; an account may have several roles, whose rights add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// Treats patients.
    Clinician,
    /// Studies groups.
    Researcher,
    /// Answers for the data.
    DataManager,
    /// Watches over who read what.
    Auditor,
    /// Keeps the accounts, and sees no patient by that.
    Admin,
}

impl Role {
    pub(crate) const ALL: [Self; 5] =
        [Self::Clinician, Self::Researcher, Self::DataManager, Self::Auditor, Self::Admin];

    /// The name in forms, files and commands.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Clinician => "clinician",
            Self::Researcher => "researcher",
            Self::DataManager => "data-manager",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// What the role may do, for people.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Clinician => "sees the cohort and single patients, exports figures",
            Self::Researcher => "sees groups without small counts, exports figures",
            Self::DataManager => "sees everything, exports figures and data, scores new patients",
            Self::Auditor => "reads the audit log, sees no figure",
            Self::Admin => "keeps the accounts, sees no figure",
        }
    }

    fn rights(self) -> &'static [Right] {
        use Right::{
            ExportData, ExportFigures, ManageAccounts, ReadAudit, ViewAggregates, ViewPatients,
        };
        match self {
            Self::Clinician => &[ViewAggregates, ViewPatients, ExportFigures],
            Self::Researcher => &[ViewAggregates, ExportFigures],
            Self::DataManager => &[ViewAggregates, ViewPatients, ExportFigures, ExportData],
            Self::Auditor => &[ReadAudit],
            Self::Admin => &[ManageAccounts],
        }
    }
}

/// The roles of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roles(pub(crate) Vec<Role>);

impl Roles {
    pub(crate) fn has(&self, right: Right) -> bool {
        self.0.iter().any(|role| role.rights().contains(&right))
    }

    pub(crate) fn contains(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// The names joined by commas, as they are stored.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|role| role.name()).collect::<Vec<_>>().join(",")
    }

    /// Reads what [`Self::text`] wrote; what is no role is left out.
    pub(crate) fn parse(text: &str) -> Self {
        let known = |role: &Role| text.split(',').any(|name| name.trim() == role.name());
        Self(Role::ALL.into_iter().filter(known).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_keep_their_rights_apart() {
        let table = [
            (Role::Clinician, [true, true, true, false, false, false]),
            (Role::Researcher, [true, false, true, false, false, false]),
            (Role::DataManager, [true, true, true, true, false, false]),
            (Role::Auditor, [false, false, false, false, true, false]),
            (Role::Admin, [false, false, false, false, false, true]),
        ];
        for (role, expected) in table {
            let rights = [
                Right::ViewAggregates,
                Right::ViewPatients,
                Right::ExportFigures,
                Right::ExportData,
                Right::ReadAudit,
                Right::ManageAccounts,
            ];
            assert_eq!(rights.map(|right| Roles(vec![role]).has(right)), expected, "{role:?}");
        }
    }

    #[test]
    fn roles_come_back_from_text() {
        let roles = Roles(vec![Role::Clinician, Role::Admin]);
        assert_eq!(Roles::parse(&roles.text()), roles);
        assert_eq!(Roles::parse("root, Admin"), Roles::default());
    }
}
