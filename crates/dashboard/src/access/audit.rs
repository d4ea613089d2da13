//! The audit log: append-only, each entry bound to the one before.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::secret::hex;
use crate::Error;

/// One entry to write.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// The account, or what stood in its place: `-` where nobody was signed in.
    pub(crate) account: &'a str,
    /// What was done, such as `read patient` or `export predictions`.
    pub(crate) action: &'a str,
    /// What it was done to: a study, or a study and a patient's pseudonym.
    pub(crate) subject: &'a str,
    /// More of it: filters, formats, how many rows.
    pub(crate) detail: &'a str,
}

/// One entry as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    pub(crate) number: i64,
    pub(crate) at: String,
    pub(crate) account: String,
    pub(crate) action: String,
    pub(crate) subject: String,
    pub(crate) detail: String,
    pub(crate) previous: String,
    pub(crate) hash: String,
}

impl Written {
    /// The beginning of the hash, for people.
    pub(crate) fn short_hash(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }
}

/// What `audit verify` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditState {
    /// The entries.
    pub entries: u64,
    /// The last entry's hash: kept elsewhere, it shows later that nothing was cut off since.
    pub head: String,
    /// Whether the hash asked for stands in the log; true where none was asked for.
    pub has_expected: bool,
}

/// What stands before the first entry.
const BEGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Triggers refuse what would change or take away an entry by SQL; the chain shows what was done
/// to the file past them.
pub(super) const SCHEMA: &str = "
create table if not exists audit (
  number integer primary key autoincrement,
  at text not null,
  account text not null,
  action text not null,
  subject text not null,
  detail text not null,
  previous text not null,
  hash text not null
) strict;
create index if not exists audit_account on audit (account);
create trigger if not exists audit_no_update before update on audit
begin select raise(abort, 'the audit log is append-only'); end;
create trigger if not exists audit_no_delete before delete on audit
begin select raise(abort, 'the audit log is append-only'); end;
";

/// SHA-256 over the previous hash and every field with its length in front, so that no text can
/// move from one field to the next.
fn chained(previous: &str, number: i64, fields: [&str; 5]) -> String {
    let mut hash = Sha256::new();
    hash.update(previous.as_bytes());
    hash.update(number.to_be_bytes());
    for field in fields {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field.as_bytes());
    }
    hex(&hash.finalize())
}

/// Appends an entry at a time in RFC 3339.
pub(super) fn append(database: &mut Connection, at: &str, entry: &Entry) -> rusqlite::Result<()> {
    let begin = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let last: Option<(i64, String)> = begin
        .prepare_cached("select number, hash from audit order by number desc limit 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (number, previous) =
        last.map_or((1, BEGIN.to_owned()), |(number, hash)| (number + 1, hash));
    let Entry { account, action, subject, detail } = *entry;
    let hash = chained(&previous, number, [at, account, action, subject, detail]);
    begin
        .prepare_cached(
            "insert into audit (number, at, account, action, subject, detail, previous, hash)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![number, at, account, action, subject, detail, previous, hash])?;
    begin.commit()
}

/// Entries with the newest first, those that hold a text in any field.
pub(super) fn read(
    database: &Connection,
    text: &str,
    before: i64,
    most: i64,
) -> rusqlite::Result<Vec<Written>> {
    let mut statement = database.prepare_cached(
        "select number, at, account, action, subject, detail, previous, hash from audit
         where number < ?2 and (?1 = '' or instr(account, ?1) or instr(action, ?1)
           or instr(subject, ?1) or instr(detail, ?1))
         order by number desc limit ?3",
    )?;
    let rows = statement.query_map(params![text, before, most], written)?;
    rows.collect()
}

fn written(row: &rusqlite::Row) -> rusqlite::Result<Written> {
    Ok(Written {
        number: row.get(0)?,
        at: row.get(1)?,
        account: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
        previous: row.get(6)?,
        hash: row.get(7)?,
    })
}

/// Walks the whole chain.
pub(super) fn verify(database: &Connection, expected: Option<&str>) -> Result<AuditState, Error> {
    let mut state = AuditState {
        entries: 0,
        head: BEGIN.to_owned(),
        has_expected: expected.is_none_or(|hash| hash == BEGIN),
    };
    let mut statement = database.prepare(
        "select number, at, account, action, subject, detail, previous, hash from audit
         order by number",
    )?;
    for (next, entry) in (1..).zip(statement.query_map([], written)?) {
        let entry = entry?;
        let fields: [&str; 5] =
            [&entry.at, &entry.account, &entry.action, &entry.subject, &entry.detail];
        let broken = |problem| Error::BrokenChain { number: entry.number, problem };
        if entry.number != next {
            return Err(broken("the entry before it is missing"));
        }
        if entry.previous != state.head {
            return Err(broken("it does not follow the entry before it"));
        }
        if entry.hash != chained(&entry.previous, entry.number, fields) {
            return Err(broken("its content was changed"));
        }
        state.has_expected |= expected == Some(entry.hash.as_str());
        state.head = entry.hash;
        state.entries += 1;
    }
    Ok(state)
}
