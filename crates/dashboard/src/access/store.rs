//! Accounts, tokens and the audit log in one SQLite file.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::audit::{self, AuditState, Entry, Written};
use super::rights::{Role, Roles};
use super::secret::{Memory, digest, hash_password, one_time_password, random_token};
use crate::Error;

/// Wrong passwords in a row until an account is locked, and for how long.
pub(crate) const MOST_FAILURES: u32 = 5;
const LOCKED_MINUTES: i64 = 15;

const FILE: &str = "dashboard.sqlite";

const SCHEMA: &str = "
create table if not exists account (
  name text primary key,
  password text not null,
  roles text not null,
  must_change integer not null,
  closed integer not null default 0,
  failures integer not null default 0,
  locked_until text not null default ''
) strict;
create table if not exists token (
  hash text primary key,
  account text not null references account (name),
  made_at text not null
) strict;
";

/// The folder with the accounts and the audit log.
#[derive(Debug)]
pub(crate) struct Store {
    database: Mutex<Connection>,
}

/// An account as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// Argon2id, or empty for an account that signs in elsewhere alone.
    pub(crate) password: String,
    pub(crate) roles: Roles,
    /// Whether the password is a one-time one.
    pub(crate) must_change: bool,
    pub(crate) closed: bool,
    pub(crate) locked_until: Option<DateTime<Utc>>,
}

impl Account {
    /// Whether the account is one of OpenID Connect, which has no password here.
    pub(crate) fn signs_in_elsewhere(&self) -> bool {
        self.password.is_empty()
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.locked_until.is_some_and(|until| until > Utc::now())
    }
}

impl Store {
    /// Opens the folder, and makes it where it is not there, for its owner alone.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        fs_err::create_dir_all(folder)?;
        let path = folder.join(FILE);
        let database = Connection::open(&path)?;
        restrict(folder, &path)?;
        database.execute_batch(
            "pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on;
             pragma busy_timeout = 5000;",
        )?;
        database.execute_batch(SCHEMA)?;
        database.execute_batch(audit::SCHEMA)?;
        Ok(Self { database: Mutex::new(database) })
    }

    fn database(&self) -> MutexGuard<'_, Connection> {
        // A panic while it was held left no transaction open: each is rolled back when dropped.
        self.database.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Makes the first admin where there is no account, and gives the one-time password.
    pub(crate) fn first_admin(&self, memory: &mut Memory) -> Result<Option<String>, Error> {
        let accounts: i64 =
            self.database().query_row("select count(*) from account", [], |row| row.get(0))?;
        if accounts > 0 {
            return Ok(None);
        }
        let password = one_time_password();
        if !self.add("admin", &hash_password(&password, memory), &Roles(vec![Role::Admin]))? {
            // Another start of the program made it while this one hashed.
            return Ok(None);
        }
        self.audit(&Entry { account: "-", action: "make account", subject: "admin", detail: "" })?;
        Ok(Some(password))
    }

    /// Adds an account whose password must be changed. False where the name is taken.
    pub(crate) fn add(&self, name: &str, hash: &str, roles: &Roles) -> Result<bool, Error> {
        let added = self.database().execute(
            "insert or ignore into account (name, password, roles, must_change)
             values (?1, ?2, ?3, 1)",
            params![name, hash, roles.text()],
        )?;
        Ok(added == 1)
    }

    /// Writes down who has signed in elsewhere, with the roles given there; those of a closed account
    /// stay. Gives the account as it stood before, or the new one.
    pub(crate) fn sign_in_elsewhere(&self, name: &str, roles: &Roles) -> Result<Account, Error> {
        self.database().execute(
            "insert or ignore into account (name, password, roles, must_change)
             values (?1, '', ?2, 0)",
            params![name, roles.text()],
        )?;
        let known = self.account(name)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        if !known.closed {
            self.set_roles(name, roles)?;
        }
        Ok(known)
    }

    pub(crate) fn account(&self, name: &str) -> Result<Option<Account>, Error> {
        let database = self.database();
        let mut statement = database.prepare_cached(
            "select name, password, roles, must_change, closed, locked_until from account
             where name = ?1",
        )?;
        Ok(statement.query_row([name], account).optional()?)
    }

    pub(crate) fn accounts(&self) -> Result<Vec<Account>, Error> {
        let database = self.database();
        let mut statement = database.prepare(
            "select name, password, roles, must_change, closed, locked_until from account
             order by name",
        )?;
        let rows = statement.query_map([], account)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Sets a password in place of the one that was seen. False where the account has another one by
    /// now, or was closed or opened: nothing is changed then, so that of two who set it at once the
    /// second is told.
    pub(crate) fn set_password(
        &self,
        seen: &Account,
        hash: &str,
        must_change: bool,
    ) -> Result<bool, Error> {
        let changed = self.database().execute(
            "update account set password = ?4, must_change = ?5, failures = 0, locked_until = ''
             where name = ?1 and password = ?2 and closed = ?3",
            params![seen.name, seen.password, seen.closed, hash, must_change],
        )?;
        Ok(changed == 1)
    }

    pub(crate) fn set_roles(&self, name: &str, roles: &Roles) -> Result<(), Error> {
        self.database().execute(
            "update account set roles = ?2 where name = ?1",
            params![name, roles.text()],
        )?;
        Ok(())
    }

    /// Closes an account or opens it again; its tokens go when it is closed.
    pub(crate) fn set_closed(&self, name: &str, closed: bool) -> Result<(), Error> {
        let database = self.database();
        database
            .execute("update account set closed = ?2 where name = ?1", params![name, closed])?;
        if closed {
            database.execute("delete from token where account = ?1", [name])?;
        }
        Ok(())
    }

    /// Counts a wrong password; true where that locks the account.
    pub(crate) fn fail(&self, name: &str) -> Result<bool, Error> {
        let until = Utc::now() + chrono::Duration::minutes(LOCKED_MINUTES);
        let database = self.database();
        database.execute("update account set failures = failures + 1 where name = ?1", [name])?;
        let locked = database.execute(
            "update account set failures = 0, locked_until = ?2 where name = ?1 and failures >= ?3",
            params![name, until.to_rfc3339_opts(SecondsFormat::Secs, true), MOST_FAILURES],
        )?;
        Ok(locked == 1)
    }

    /// Forgets wrong passwords.
    pub(crate) fn succeed(&self, name: &str) -> Result<(), Error> {
        self.database().execute(
            "update account set failures = 0, locked_until = '' where name = ?1 and failures > 0",
            [name],
        )?;
        Ok(())
    }

    /// Makes a token for programs. It is shown once; the store keeps its hash.
    pub(crate) fn make_token(&self, name: &str) -> Result<String, Error> {
        let token = random_token();
        self.database().execute(
            "insert into token (hash, account, made_at) values (?1, ?2, ?3)",
            params![digest(&token), name, now()],
        )?;
        Ok(token)
    }

    /// The open account that a token belongs to.
    pub(crate) fn account_of_token(&self, token: &str) -> Result<Option<Account>, Error> {
        let name: Option<String> = {
            let database = self.database();
            let mut statement =
                database.prepare_cached("select account from token where hash = ?1")?;
            statement.query_row([digest(token)], |row| row.get(0)).optional()?
        };
        let Some(name) = name else { return Ok(None) };
        Ok(self.account(&name)?.filter(|account| !account.closed && !account.must_change))
    }

    /// Takes away all tokens of an account.
    pub(crate) fn drop_tokens(&self, name: &str) -> Result<(), Error> {
        self.database().execute("delete from token where account = ?1", [name])?;
        Ok(())
    }

    /// Writes an entry to the audit log.
    pub(crate) fn audit(&self, entry: &Entry) -> Result<(), Error> {
        Ok(audit::append(&mut self.database(), &now(), entry)?)
    }

    /// Entries of the audit log below a number, the newest first.
    pub(crate) fn audited(
        &self,
        text: &str,
        before: i64,
        most: i64,
    ) -> Result<Vec<Written>, Error> {
        Ok(audit::read(&self.database(), text, before, most)?)
    }
}

/// Checks the audit log in a store's folder without changing it.
///
/// # Errors
/// When there is no log, or an entry was changed, moved or taken away.
pub fn verify_audit(folder: &Path, expected: Option<&str>) -> Result<AuditState, Error> {
    let path: PathBuf = folder.join(FILE);
    if !path.is_file() {
        return Err(Error::NoStore { path });
    }
    let database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    audit::verify(&database, expected)
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn account(row: &rusqlite::Row) -> rusqlite::Result<Account> {
    let (roles, locked): (String, String) = (row.get(2)?, row.get(5)?);
    Ok(Account {
        name: row.get(0)?,
        password: row.get(1)?,
        roles: Roles::parse(&roles),
        must_change: row.get(3)?,
        closed: row.get(4)?,
        locked_until: DateTime::parse_from_rfc3339(&locked).ok().map(|at| at.to_utc()),
    })
}

#[cfg(unix)]
fn restrict(folder: &Path, file: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    fs_err::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
    Ok(())
}

#[cfg(not(unix))]
fn restrict(_: &Path, _: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::super::secret::is_password;
    use super::*;

    fn entry(subject: &str) -> Entry<'_> {
        Entry { account: "dr.grey", action: "read patient", subject, detail: "" }
    }

    #[test]
    fn the_first_start_makes_one_admin_who_must_change_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let memory = &mut Memory::default();
        let password = store.first_admin(memory).unwrap().unwrap();
        assert!(store.first_admin(memory).unwrap().is_none());
        let admin = store.account("admin").unwrap().unwrap();
        assert!(admin.must_change && is_password(&password, &admin.password, memory));
        assert!(!admin.password.contains(&password));
    }

    #[test]
    fn five_wrong_passwords_lock_an_account_and_a_new_password_opens_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.add("dr.grey", "x", &Roles::default()).unwrap();
        assert!(!store.add("dr.grey", "y", &Roles::default()).unwrap());
        let locks: Vec<bool> = (0..5).map(|_| store.fail("dr.grey").unwrap()).collect();
        assert_eq!(locks, [false, false, false, false, true]);
        assert!(store.account("dr.grey").unwrap().unwrap().is_locked());
        let locked = store.account("dr.grey").unwrap().unwrap();
        assert!(store.set_password(&locked, "z", false).unwrap());
        assert!(!store.account("dr.grey").unwrap().unwrap().is_locked());
        assert!(!store.fail("nobody").unwrap());
    }

    #[test]
    fn of_many_passwords_set_at_once_one_is_kept_and_the_others_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.add("dr.grey", "x", &Roles::default()).unwrap();
        let seen = store.account("dr.grey").unwrap().unwrap();
        // Each as in a program of its own.
        let stores = [(); 8].map(|()| Store::open(folder.path()).unwrap());
        let start = Barrier::new(stores.len());
        let set = |(number, store): (usize, &Store)| {
            start.wait();
            store.set_password(&seen, &number.to_string(), false).unwrap().then_some(number)
        };
        let kept: Vec<usize> = thread::scope(|scope| {
            let set = &set;
            let all: Vec<_> =
                stores.iter().enumerate().map(|one| scope.spawn(move || set(one))).collect();
            all.into_iter().filter_map(|one| one.join().unwrap()).collect()
        });
        let now = store.account("dr.grey").unwrap().unwrap();
        assert_eq!(kept.iter().map(usize::to_string).collect::<Vec<_>>(), [now.password]);
    }

    #[test]
    fn a_password_is_not_set_where_the_account_was_closed_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.add("dr.grey", "x", &Roles::default()).unwrap();
        let seen = store.account("dr.grey").unwrap().unwrap();
        store.set_closed("dr.grey", true).unwrap();
        assert!(!store.set_password(&seen, "y", false).unwrap());
        let closed = store.account("dr.grey").unwrap().unwrap();
        assert_eq!(closed.password, "x");
        assert!(store.set_password(&closed, "y", true).unwrap());
    }

    #[test]
    fn the_audit_log_is_append_only_and_shows_what_was_done_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for subject in ["demo/P001", "demo/P002", "demo/P003"] {
            store.audit(&entry(subject)).unwrap();
        }
        let whole = verify_audit(folder.path(), None).unwrap();
        assert_eq!(whole.entries, 3);
        assert!(verify_audit(folder.path(), Some(&whole.head)).unwrap().has_expected);
        assert!(!verify_audit(folder.path(), Some("00ff")).unwrap().has_expected);
        for change in ["update audit set account = 'x'", "delete from audit where number = 3"] {
            assert!(store.database().execute(change, []).is_err(), "{change}");
        }
        assert_eq!(store.audited("P002", i64::MAX, 10).unwrap()[0].number, 2);

        // Past the triggers the chain tells, but for a cut at the end, which the kept head shows.
        store.database().execute_batch("drop trigger audit_no_update").unwrap();
        store.database().execute_batch("drop trigger audit_no_delete").unwrap();
        store.database().execute("delete from audit where number = 3", []).unwrap();
        let cut = verify_audit(folder.path(), Some(&whole.head)).unwrap();
        assert!(cut.entries == 2 && !cut.has_expected);
        store.database().execute("update audit set subject = 'x' where number = 1", []).unwrap();
        let error = verify_audit(folder.path(), None).unwrap_err().to_string();
        assert!(error.contains("entry 1") && error.contains("changed"), "{error}");
        store.database().execute("delete from audit where number = 1", []).unwrap();
        assert!(verify_audit(folder.path(), None).unwrap_err().to_string().contains("missing"));
    }

    #[test]
    fn who_signs_in_elsewhere_has_no_password_and_the_roles_of_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (first, later) = (Roles(vec![Role::Clinician]), Roles(vec![Role::Researcher]));
        let account = store.sign_in_elsewhere("oidc:u-17", &first).unwrap();
        assert!(account.signs_in_elsewhere() && !account.must_change && account.roles == first);
        assert!(!is_password("", &account.password, &mut Memory::default()));
        assert_eq!(store.sign_in_elsewhere("oidc:u-17", &later).unwrap().roles, first);
        assert_eq!(store.account("oidc:u-17").unwrap().unwrap().roles, later);
        store.set_closed("oidc:u-17", true).unwrap();
        assert!(store.sign_in_elsewhere("oidc:u-17", &first).unwrap().closed);
        assert_eq!(store.account("oidc:u-17").unwrap().unwrap().roles, later);
    }

    #[test]
    fn tokens_name_their_account_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.add("ehr", "x", &Roles(vec![Role::Clinician])).unwrap();
        let added = store.account("ehr").unwrap().unwrap();
        assert!(store.set_password(&added, "y", false).unwrap());
        let token = store.make_token("ehr").unwrap();
        assert_eq!(store.account_of_token(&token).unwrap().unwrap().name, "ehr");
        assert!(store.account_of_token("guess").unwrap().is_none());
        store.set_closed("ehr", true).unwrap();
        assert!(store.account_of_token(&token).unwrap().is_none());
    }
}
