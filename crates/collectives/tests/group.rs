//! Members in threads, and in processes that are killed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use fs_err as fs;
use oncoweave_collectives::{Error, Group, Meeting};

fn meeting(rank: usize, size: usize, port: u16) -> Meeting {
    Meeting {
        rank,
        members: (0..size).map(|rank| format!("member {rank}")).collect(),
        host: "127.0.0.1".to_owned(),
        port,
        interface: None,
        own: "127.0.0.1".to_owned(),
        patience: Duration::from_mins(1),
    }
}

/// Runs the same on members in threads of their own.
fn together<T: Send>(size: usize, body: impl Fn(&Group) -> T + Sync) -> Vec<T> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut listener = Some(listener);
    let body = &body;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..size)
            .map(|rank| {
                let listener = listener.take();
                scope.spawn(move || {
                    let meeting = meeting(rank, size, port);
                    let group = match listener {
                        Some(listener) => Group::lead(&meeting, listener),
                        None => Group::join(&meeting),
                    };
                    let group = group.unwrap();
                    let found = body(&group);
                    group.leave().unwrap();
                    found
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn numbers_are_summed_gathered_and_shared() {
    let found = together(3, |group| {
        let own = group.rank() as f32;
        let sum = group.sum(vec![own, 10.0 * own, 0.5]).unwrap();
        let wide = group.sum(vec![1e-17 + f64::from(own)]).unwrap();
        let all = group.gather(vec![own, -own]).unwrap();
        let told = group.share(format!("said by {own}").into_bytes()).unwrap();
        let nothing = group.share(vec![]).unwrap();
        let any = [group.any(false).unwrap(), group.any(group.rank() == 2).unwrap()];
        (sum, wide, all, told, nothing, any)
    });
    for (sum, wide, all, told, nothing, any) in found {
        assert_eq!(sum, [3.0, 30.0, 1.5]);
        assert_eq!(wide, [3.0]);
        assert_eq!(all, [0.0, -0.0, 1.0, -1.0, 2.0, -2.0]);
        assert_eq!(told, b"said by 0");
        assert!(nothing.is_empty());
        assert_eq!(any, [false, true]);
    }
}

#[test]
fn a_sum_has_the_same_bits_for_all() {
    let count = 100_003;
    let value = |rank: usize, at: usize| ((rank * 7 + 1) as f32 * (at as f32 + 0.3)).sin();
    let found = together(3, |group| {
        group.sum((0..count).map(|at| value(group.rank(), at)).collect()).unwrap()
    });
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
    for (at, sum) in found[0].iter().enumerate() {
        let expected: f32 = (0..3).map(|rank| value(rank, at)).sum();
        assert!((sum - expected).abs() < 1e-5, "{at}");
    }
}

const ROLE: &str = "ONCOWEAVE_COLLECTIVES_TEST_MEMBER";

/// A member in a process of its own, of three at a port; it is killed in the middle of its work or
/// says what it saw.
fn process(rank: usize, port: u16, ready: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["a_process", "--exact", "--nocapture"])
        .env(ROLE, format!("{rank} {port} {}", ready.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the processes of `process` do; nothing when run as a test.
#[test]
fn a_process() {
    let Ok(role) = env::var(ROLE) else { return };
    let [rank, port, ready] = role.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let group = Group::join(&meeting(rank.parse().unwrap(), 3, port.parse().unwrap())).unwrap();
    group.any(true).unwrap();
    fs::write(Path::new(ready).join(rank), "").unwrap();
    let error = loop {
        match group.sum(vec![1_f32; 1000]) {
            Ok(sum) => assert!(sum.iter().all(|&sum| sum > 2.5)),
            Err(error) => break error,
        }
    };
    fs::write(format!("/proc/{}/fd/1", std::process::id()), format!("saw: {error}\n")).unwrap();
}

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_member_that_is_killed_is_named_by_all_others() {
    for killed in [0, 1] {
        let port = free_port();
        let ready = tempfile::tempdir().unwrap();
        let mut members: Vec<Child> =
            (0..3).map(|rank| process(rank, port, ready.path())).collect();
        while fs::read_dir(ready.path()).unwrap().count() < 3 {
            thread::sleep(Duration::from_millis(50));
        }
        let start = Instant::now();
        members[killed].kill().unwrap();
        for (rank, member) in members.into_iter().enumerate() {
            let output = member.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            let expected =
                format!("saw: `member {killed}` no longer takes part; its own log says why");
            assert_eq!(said.contains(&expected), rank != killed, "{rank}: {said}");
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    }
}

#[test]
fn who_does_not_come_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let waits = Meeting { patience: Duration::from_secs(2), ..meeting(0, 3, port) };
    let error = Group::lead(&waits, listener).err().unwrap();
    let missing = vec!["member 1".to_owned(), "member 2".to_owned()];
    assert_eq!(error, Error::Missing { missing, seconds: 2 });
}

#[test]
fn a_first_member_that_is_not_there_is_told() {
    let waits = Meeting { patience: Duration::from_secs(2), ..meeting(1, 2, free_port()) };
    let error = Group::join(&waits).err().unwrap();
    assert!(matches!(error, Error::Unreachable { seconds: 2, .. }), "{error}");
    let nowhere = Meeting { host: "algo-1.invalid".to_owned(), ..waits };
    let error = Group::join(&nowhere).err().unwrap();
    assert!(
        matches!(&error, Error::Unresolved { host, .. } if host == "algo-1.invalid"),
        "{error}"
    );
}

#[test]
fn a_port_in_use_is_told() {
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = Group::join(&meeting(0, 2, port)).err().unwrap();
    assert!(matches!(error, Error::Listen { .. }), "{error}");
}

#[test]
fn without_a_cuda_half_there_is_none() {
    let beside = env::var("LIBTORCH").map(|folder| Path::new(&folder).join("lib/libtorch_cuda.so"));
    if beside.is_ok_and(|path| !path.exists()) {
        assert_eq!(oncoweave_collectives::load_cuda(), Ok(false));
    }
}
