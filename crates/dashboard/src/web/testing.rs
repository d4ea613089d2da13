//! A dashboard of no study, for tests.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::App;
use crate::{Settings, Sources};

pub(super) fn app(store: &Path) -> Arc<App> {
    let settings = Settings {
        sources: Sources::default(),
        store: store.to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: None,
        is_behind_proxy: false,
        hosts: vec![],
        least_shown: 10,
        idle_minutes: 30,
        endpoint: None,
        oidc: None,
    };
    Arc::new(App::open(settings).unwrap())
}
