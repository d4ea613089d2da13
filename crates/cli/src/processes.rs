//! Processes on this machine that train together.

use std::env;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};
use oncoweave_collectives::{Group, Meeting};
use oncoweave_model::LOCAL_RANK;

/// A process needs no longer to start, however busy the machine.
const PATIENCE: Duration = Duration::from_mins(5);

const HOST: &str = "127.0.0.1";

/// What a process that helps another is told: its rank and the port to meet at, `1@40000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Helper {
    rank: usize,
    port: u16,
}

impl FromStr for Helper {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('@').and_then(|(rank, port)| {
            Some(Self { rank: rank.parse().ok()?, port: port.parse().ok()? })
        });
        parts.ok_or_else(|| "expected a rank and a port such as 1@40000".to_owned())
    }
}

/// The group of this process, and the processes that it started for it.
pub(crate) struct Together {
    group: Group,
    started: Started,
}

/// Processes that end when nobody needs them any more.
struct Started(Vec<Child>);

impl Together {
    /// Starts this program again with the same arguments for every process but this one.
    pub(crate) fn start(processes: usize) -> Result<Self> {
        let listener = TcpListener::bind((HOST, 0)).context("could not listen for processes")?;
        let port = listener.local_addr()?.port();
        let program =
            env::current_exe().context("could not find this program to start it again")?;
        let mut started = Started(vec![]);
        for rank in 1..processes {
            let child = Command::new(&program)
                .args(env::args_os().skip(1))
                .arg(format!("--helper={rank}@{port}"))
                .env(LOCAL_RANK, rank.to_string())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .with_context(|| format!("could not start process {} of {processes}", rank + 1))?;
            started.0.push(child);
        }
        let group = Group::lead(&meeting(Helper { rank: 0, port }, processes), listener)?;
        Ok(Self { group, started })
    }

    /// Joins the process that started this one.
    pub(crate) fn help(helper: Helper, processes: usize) -> Result<Self> {
        let group = Group::join(&meeting(helper, processes))?;
        Ok(Self { group, started: Started(vec![]) })
    }

    pub(crate) fn group(&self) -> &Group {
        &self.group
    }

    /// Parts once all have done their work.
    pub(crate) fn finish(self) -> Result<()> {
        self.group.leave()?;
        let mut started = self.started;
        for mut child in started.0.drain(..) {
            child.wait().context("could not wait for a process")?;
        }
        Ok(())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended already cannot be killed, which is as well.
            let _ended = child.kill();
            let _status = child.wait();
        }
    }
}

fn meeting(own: Helper, processes: usize) -> Meeting {
    Meeting {
        rank: own.rank,
        members: (1..=processes).map(|number| format!("process {number} of {processes}")).collect(),
        host: HOST.to_owned(),
        port: own.port,
        interface: None,
        own: HOST.to_owned(),
        patience: PATIENCE,
    }
}
