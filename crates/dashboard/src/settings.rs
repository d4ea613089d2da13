use std::net::SocketAddr;
use std::path::PathBuf;

use crate::Error;

/// The files that pages are made from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Evaluation folders, as `cv` and `evaluate` write them.
    pub evaluations: Vec<PathBuf>,
    /// The aligned table that they were made from: values of patients.
    pub data: Option<PathBuf>,
    /// The model folder: its card, its training ranges.
    pub model: Option<PathBuf>,
    /// The table that `predict --explain` wrote.
    pub explanations: Option<PathBuf>,
    /// `lineage.parquet` of the extraction: which file a value comes from.
    pub lineage: Option<PathBuf>,
    /// `cohort.toml` of the raw files: images.
    pub cohort: Option<PathBuf>,
}

/// How the dashboard is served.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is shown.
    pub sources: Sources,
    /// The folder with accounts and audit log, made where it is not there.
    pub store: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificate chain and private key in PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether a proxy in front speaks TLS and says in `X-Forwarded-For` who asks.
    pub is_behind_proxy: bool,
    /// Host names that requests may name, besides those of the loopback and the address itself.
    pub hosts: Vec<String>,
    /// The smallest count of patients that those see who may see no patient.
    pub least_shown: usize,
    /// Minutes until an unused session ends.
    pub idle_minutes: u64,
    /// The address of a scoring endpoint's `/invocations`.
    pub endpoint: Option<String>,
    /// The settings of OpenID Connect, where people sign in elsewhere too.
    pub oidc: Option<PathBuf>,
}

impl Settings {
    /// Fails where passwords would cross a network in the clear.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !self.listen.ip().is_loopback() && self.tls.is_none() && !self.is_behind_proxy {
            return Err(Error::Settings(format!(
                "{} can be reached from other machines, and passwords would cross the network in \
                 the clear; give --certificate and --key, or --behind-proxy where a proxy speaks \
                 TLS, or listen on 127.0.0.1",
                self.listen
            )));
        }
        if self.sources.evaluations.is_empty() {
            return Err(Error::Settings("there is no evaluation folder to show".to_owned()));
        }
        if self.least_shown == 0 {
            let problem = "the smallest count that is told must be 1 or more";
            return Err(Error::Settings(problem.to_owned()));
        }
        Ok(())
    }

    /// Whether browsers reach the pages by HTTPS.
    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some() || self.is_behind_proxy
    }

    /// Whether a request may name a host: a page of another site that points its name at this
    /// machine must not be answered.
    pub(crate) fn knows_host(&self, host: &str) -> bool {
        let name = host.rsplit_once(':').map_or(host, |(name, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
        });
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let own = self.listen.ip();
        ["localhost", "127.0.0.1", "::1"].contains(&name)
            || (!own.is_unspecified() && name == own.to_string())
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(listen: &str) -> Settings {
        Settings {
            sources: Sources { evaluations: vec!["e".into()], ..Sources::default() },
            store: "s".into(),
            listen: listen.parse().unwrap(),
            tls: None,
            is_behind_proxy: false,
            hosts: vec!["risk.hospital.example".to_owned()],
            least_shown: 10,
            idle_minutes: 30,
            endpoint: None,
            oidc: None,
        }
    }

    #[test]
    fn passwords_never_cross_a_network_in_the_clear() {
        assert!(settings("127.0.0.1:8480").check().is_ok());
        assert!(settings("0.0.0.0:8480").check().is_err());
        let proxied = Settings { is_behind_proxy: true, ..settings("0.0.0.0:8480") };
        assert!(proxied.check().is_ok() && proxied.is_secure());
    }

    #[test]
    fn foreign_host_names_are_not_answered() {
        for (host, known) in [
            ("localhost:8480", true),
            ("127.0.0.1", true),
            ("[::1]:8480", true),
            ("10.0.0.5:8480", true),
            ("Risk.Hospital.Example", true),
            ("evil.example", false),
            ("localhost.evil.example:8480", false),
        ] {
            assert_eq!(settings("10.0.0.5:8480").knows_host(host), known, "{host}");
        }
    }
}
