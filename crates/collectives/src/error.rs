/// Why processes could not work together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first member's name has no address.
    #[error(
        "`{host}` could not be looked up within {seconds} s: {reason}; check that all members of \
         the job have started and share a network"
    )]
    Unresolved {
        /// The name.
        host: String,
        /// How long it was tried.
        seconds: u64,
        /// What the resolver says.
        reason: String,
    },
    /// The port to meet at cannot be listened on.
    #[error("could not listen on port {port}: {reason}; another program may be using it")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        reason: String,
    },
    /// The first member did not answer.
    #[error(
        "`{host}` did not answer at port {port} within {seconds} s: {reason}; its own log says \
         why, or a firewall lies between"
    )]
    Unreachable {
        /// The first member.
        host: String,
        /// The port it should listen on.
        port: u16,
        /// How long it was tried.
        seconds: u64,
        /// What the connection says.
        reason: String,
    },
    /// Some members never came.
    #[error(
        "waited {seconds} s for {}, which did not join; its own log says why",
        list(.missing)
    )]
    Missing {
        /// Who.
        missing: Vec<String>,
        /// How long the others waited.
        seconds: u64,
    },
    /// The members could not connect to each other.
    #[error("the {members} members could not connect to each other: {reason}")]
    Connect {
        /// How many there are.
        members: usize,
        /// Why.
        reason: String,
    },
    /// A member stopped taking part.
    #[error("{} no longer takes part; its own log says why", list(.members))]
    Left {
        /// Who.
        members: Vec<String>,
    },
    /// A collective failed though everybody is there.
    #[error("the members could not exchange their numbers: {reason}")]
    Exchange {
        /// Why.
        reason: String,
    },
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
