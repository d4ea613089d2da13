//! The machines of a job that train together.

use std::time::Duration;

use oncoweave_collectives::{Group, Meeting};

use crate::{Error, channels::Machines};

/// Where the first machine listens.
const PORT: u16 = 7777;

/// Machines of a job start minutes apart.
const PATIENCE: Duration = Duration::from_mins(15);

/// Meets the other machines; `None` where there is one alone.
pub(crate) fn meet(machines: &Machines) -> Result<Option<Group>, Error> {
    let Some(meeting) = meeting(machines)? else { return Ok(None) };
    tracing::info!(rank = meeting.rank, machines = meeting.members.len(), "joining the others");
    Ok(Some(Group::join(&meeting)?))
}

/// The first machine in the order of names leads, whatever order the platform lists them in.
fn meeting(machines: &Machines) -> Result<Option<Meeting>, Error> {
    let mut members = machines.hosts.clone();
    members.sort();
    members.dedup();
    if members.len() < 2 {
        return Ok(None);
    }
    let own = machines.current_host.clone();
    let Some(rank) = members.iter().position(|host| *host == own) else {
        return Err(Error::Host { host: own, hosts: members });
    };
    let interface = machines.network_interface_name.clone().filter(|name| !name.is_empty());
    let host = members[0].clone();
    Ok(Some(Meeting { rank, host, members, port: PORT, interface, own, patience: PATIENCE }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_finds_the_same_first_one() {
        let of = |current: &str, hosts: &[&str]| {
            let text = serde_json::json!({
                "current_host": current, "hosts": hosts, "network_interface_name": "eth0",
                "current_group_name": "homogeneousCluster",
            });
            meeting(&serde_json::from_value(text).unwrap())
        };
        for (current, rank) in [("algo-1", 0), ("algo-10", 1), ("algo-2", 2)] {
            let found = of(current, &["algo-2", "algo-10", "algo-1"]).unwrap().unwrap();
            assert_eq!((found.rank, found.host.as_str(), found.port), (rank, "algo-1", 7777));
            assert_eq!(found.interface.as_deref(), Some("eth0"));
        }
        assert_eq!(of("algo-1", &["algo-1"]).unwrap(), None);
        assert_eq!(meeting(&Machines::default()).unwrap(), None);
        let error = of("algo-3", &["algo-1", "algo-2"]).unwrap_err().to_string();
        assert!(error.contains("`algo-3`, which this is, is none of them"), "{error}");
    }
}
