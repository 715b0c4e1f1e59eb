//! What was typed, in a SQLite file that all sessions share.

use std::path::Path;

use anyhow::Result;
use jupyter_protocol::HistoryRequest;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

/// The history of all sessions, and the number of this one.
pub(crate) struct History {
    database: Connection,
    session: i64,
}

impl History {
    /// Opens the file, which is made where it is not there; without a file nothing outlives the session.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self> {
        let database = match file {
            Some(file) => {
                if let Some(folder) = file.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                Connection::open(file)?
            }
            None => Connection::open_in_memory()?,
        };
        database.busy_timeout(std::time::Duration::from_secs(2))?;
        database.execute_batch(
            "CREATE TABLE IF NOT EXISTS sessions (session INTEGER PRIMARY KEY AUTOINCREMENT);
             CREATE TABLE IF NOT EXISTS history (
                 session INTEGER, line INTEGER, source TEXT, PRIMARY KEY (session, line));
             INSERT INTO sessions DEFAULT VALUES;",
        )?;
        let session = database.last_insert_rowid();
        Ok(Self { database, session })
    }

    /// Notes a cell.
    pub(crate) fn note(&self, line: usize, source: &str) -> Result<()> {
        self.database.execute(
            "INSERT OR REPLACE INTO history VALUES (?1, ?2, ?3)",
            params![self.session, line as i64, source],
        )?;
        Ok(())
    }

    /// What a request asks for: session, line and source of each.
    pub(crate) fn find(&self, request: &HistoryRequest) -> Result<Vec<Value>> {
        let select = "SELECT session, line, source FROM history";
        let newest = "ORDER BY session DESC, line DESC LIMIT ?1";
        let mut rows = match request {
            HistoryRequest::Tail { n, .. } => {
                self.rows(&format!("{select} {newest}"), params![i64::from(*n)])?
            }
            HistoryRequest::Search { n, pattern, unique, .. } => {
                let n = i64::from(*n);
                let group = if *unique { "GROUP BY source HAVING MAX(session)" } else { "" };
                let sql = format!("{select} WHERE source GLOB ?2 {group} {newest}");
                self.rows(&sql, params![n, pattern])?
            }
            HistoryRequest::Range { session, start, stop, .. } => {
                // 0 is this session, -1 the one before.
                let wanted = i64::from(session.unwrap_or(0));
                let session = if wanted > 0 { wanted } else { self.session + wanted };
                let sql = format!(
                    "{select} WHERE session = ?1 AND line >= ?2 AND line < ?3 \
                     ORDER BY session DESC, line DESC"
                );
                self.rows(&sql, params![session, i64::from(*start), i64::from(*stop)])?
            }
        };
        rows.reverse();
        let (HistoryRequest::Tail { output, .. }
        | HistoryRequest::Search { output, .. }
        | HistoryRequest::Range { output, .. }) = request;
        if *output {
            // Of outputs nothing is kept.
            for row in &mut rows {
                row[2] = json!([row[2], ""]);
            }
        }
        Ok(rows)
    }

    fn rows(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Value>> {
        let mut statement = self.database.prepare(sql)?;
        let rows = statement.query_map(values, |row| {
            let (session, line, source): (i64, i64, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(json!([session, line, source]))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(rows: &[Value]) -> Vec<(i64, i64, &str)> {
        let number = |value: &Value| value.as_i64().unwrap();
        rows.iter()
            .map(|row| (number(&row[0]), number(&row[1]), row[2].as_str().unwrap()))
            .collect()
    }

    #[test]
    fn the_history_outlives_sessions_and_is_found_in_every_way() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/history.sqlite");
        let first = History::open(Some(&file)).unwrap();
        first.note(1, "let a = 1;").unwrap();
        first.note(2, "a").unwrap();
        let second = History::open(Some(&file)).unwrap();
        second.note(1, "a").unwrap();
        let find = |request: HistoryRequest| second.find(&request).unwrap();
        let (output, raw) = (false, true);
        let tail = find(HistoryRequest::Tail { n: 2, output, raw });
        assert_eq!(cells(&tail), [(1, 2, "a"), (2, 1, "a")]);
        let range = |session: i32| {
            find(HistoryRequest::Range { session: Some(session), start: 1, stop: 2, output, raw })
        };
        assert_eq!(cells(&range(0)), [(2, 1, "a")]);
        assert_eq!(cells(&range(-1)), [(1, 1, "let a = 1;")]);
        assert_eq!(cells(&range(1)), [(1, 1, "let a = 1;")]);
        let search = |unique: bool, pattern: &str| {
            let pattern = pattern.to_owned();
            find(HistoryRequest::Search { pattern, unique, output, raw, n: 10 })
        };
        assert_eq!(search(false, "a*").len(), 2);
        assert_eq!(search(true, "a*").len(), 1);
        assert_eq!(cells(&search(false, "let*")), [(1, 1, "let a = 1;")]);
        let with_output = find(HistoryRequest::Tail { n: 1, output: true, raw });
        assert_eq!(with_output, [json!([2, 1, ["a", ""]])]);
    }
}
