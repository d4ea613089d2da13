use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::access::{Entry, Hashing, Provider, Right, Sessions, Store, Throttle};
use crate::places::Places;
use crate::score::{Batches, Endpoint};
use crate::study::{Study, load};
use crate::web::{Refusal, User};
use crate::{Error, Settings};

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) studies: Vec<Study>,
    pub(crate) store: Store,
    pub(crate) sessions: Sessions,
    pub(crate) throttle: Throttle,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) batches: Batches,
    /// Uploads that come in, wait or are scored.
    pub(crate) places: Places,
    /// Batches that are scored at a time; others wait.
    pub(crate) scoring: Arc<Semaphore>,
    pub(crate) provider: Option<Provider>,
    pub(crate) hashing: Hashing,
    /// Pictures and printed pages that are made at a time.
    pub(crate) drawing: Semaphore,
}

impl App {
    /// Reads every file and opens the store.
    pub(crate) fn open(settings: Settings) -> Result<Self, Error> {
        let mut studies: Vec<Study> = Vec::new();
        for folder in &settings.sources.evaluations {
            let taken: Vec<String> = studies.iter().map(|study| study.slug.clone()).collect();
            studies.push(load(folder, &settings.sources, &taken)?);
        }
        let provider = settings.oidc.as_deref().map(Provider::read).transpose()?;
        if let Some(host) = provider.as_ref().map(Provider::host)
            && !settings.knows_host(host)
        {
            return Err(Error::Settings(format!(
                "the address of the settings of OpenID Connect names the host {host}; give it with \
                 --host {host} too"
            )));
        }
        Ok(Self {
            provider,
            store: Store::open(&settings.store)?,
            sessions: Sessions::new(Duration::from_mins(settings.idle_minutes)),
            throttle: Throttle::default(),
            endpoint: settings.endpoint.as_deref().map(Endpoint::new),
            batches: Batches::default(),
            places: Places::default(),
            scoring: Arc::new(Semaphore::new(2)),
            hashing: Hashing::start(),
            drawing: Semaphore::new(2),
            studies,
            settings,
        })
    }

    pub(crate) fn study(&self, slug: &str) -> Result<&Study, Refusal> {
        self.studies.iter().find(|study| study.slug == slug).ok_or(Refusal::NotFound)
    }

    /// A study and the place of one of its patients, for those who may see patients. Whether the
    /// patient exists is told to nobody else.
    pub(crate) fn patient(
        &self,
        user: &User,
        slug: &str,
        patient: &str,
    ) -> Result<(&Study, usize), Refusal> {
        let study = self.study(slug)?;
        self.require(user, Right::ViewPatients, &format!("{slug}/{patient}"))?;
        Ok((study, study.place(patient).ok_or(Refusal::NotFound)?))
    }

    /// Refuses and writes down who asks for what he has no right to.
    pub(crate) fn require(&self, user: &User, right: Right, subject: &str) -> Result<(), Refusal> {
        if user.roles.has(right) {
            return Ok(());
        }
        self.audit(user, "refused", subject, right.words())?;
        Err(Refusal::Forbidden(right))
    }

    /// Writes down what was read or done; without that it is not answered.
    pub(crate) fn audit(
        &self,
        user: &User,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<(), Refusal> {
        Ok(self.store.audit(&Entry { account: &user.account, action, subject, detail })?)
    }

    /// Who asks: the last address that the proxy added, or the other end of the connection.
    pub(crate) fn address(&self, connection: IpAddr, forwarded: Option<&str>) -> IpAddr {
        let last = forwarded.and_then(|list| list.rsplit(',').next());
        let named = last.and_then(|address| address.trim().parse().ok());
        named.filter(|_| self.settings.is_behind_proxy).unwrap_or(connection)
    }
}
