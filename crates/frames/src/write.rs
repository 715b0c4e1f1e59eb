//! Data frames as CSV, Parquet and JSON.

use std::fs;
use std::path::Path;

use polars::prelude::{AnyValue, Column, CsvWriter, DataFrame, ParquetWriter, SerWriter as _};
use serde::ser::{Error as _, Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

use crate::error::{Error, Result};
use crate::read::Format;

/// Writes a data frame into a file: CSV (`.csv`), Parquet (`.parquet`) or JSON (`.json`).
///
/// The file appears under its name when it is complete.
pub fn write(frame: &DataFrame, path: &Path) -> Result<()> {
    match Format::of(path) {
        Some(Format::Csv) if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) => {
            write_bytes(to_csv_string(frame)?.as_bytes(), path)
        }
        Some(Format::Parquet) => {
            let mut bytes = Vec::new();
            ParquetWriter::new(&mut bytes)
                .finish(&mut frame.clone())
                .map_err(|source| Error::Frame { action: "write Parquet", source })?;
            write_bytes(&bytes, path)
        }
        Some(Format::Json) => write_json(frame, path),
        Some(Format::Csv) | None => {
            Err(Error::Extension { path: path.to_owned(), known: ".csv, .parquet or .json" })
        }
    }
}

/// Writes a data frame into a file as JSON, as [`to_json_string`] does.
pub fn write_json(frame: &DataFrame, path: &Path) -> Result<()> {
    write_bytes(to_json_string(frame)?.as_bytes(), path)
}

/// A data frame as CSV with a header.
pub fn to_csv_string(frame: &DataFrame) -> Result<String> {
    let mut bytes = Vec::new();
    CsvWriter::new(&mut bytes)
        .finish(&mut frame.clone())
        .map_err(|source| Error::Frame { action: "write CSV", source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A data frame as a JSON array with one object per row, keys in the order of the columns.
///
/// Empty cells are `null`, and so are numbers that are not finite, for which JSON has no form.
pub fn to_json_string(frame: &DataFrame) -> Result<String> {
    let mut text =
        serde_json::to_string_pretty(&Rows(frame)).map_err(|source| Error::Json { source })?;
    text.push('\n');
    Ok(text)
}

fn write_bytes(bytes: &[u8], path: &Path) -> Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".partial-{}", std::process::id()));
    let partial = path.with_file_name(name);
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path));
    written.map_err(|source| {
        // It may not even have been created.
        drop(fs::remove_file(&partial));
        Error::Io { action: "write", path: path.to_owned(), source }
    })
}

struct Rows<'a>(&'a DataFrame);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.0.height();
        let mut array = serializer.serialize_seq(Some(rows))?;
        for row in 0..rows {
            array.serialize_element(&Row { columns: self.0.columns(), row })?;
        }
        array.end()
    }
}

struct Row<'a> {
    columns: &'a [Column],
    row: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.columns.len()))?;
        for column in self.columns {
            let value = column.get(self.row).map_err(S::Error::custom)?;
            object.serialize_entry(column.name().as_str(), &Cell(value))?;
        }
        object.end()
    }
}

struct Cell<'a>(AnyValue<'a>);

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            AnyValue::Null => serializer.serialize_none(),
            AnyValue::Boolean(value) => serializer.serialize_bool(*value),
            AnyValue::String(text) => serializer.serialize_str(text),
            AnyValue::StringOwned(text) => serializer.serialize_str(text),
            AnyValue::UInt8(number) => serializer.serialize_u8(*number),
            AnyValue::UInt16(number) => serializer.serialize_u16(*number),
            AnyValue::UInt32(number) => serializer.serialize_u32(*number),
            AnyValue::UInt64(number) => serializer.serialize_u64(*number),
            AnyValue::Int8(number) => serializer.serialize_i8(*number),
            AnyValue::Int16(number) => serializer.serialize_i16(*number),
            AnyValue::Int32(number) => serializer.serialize_i32(*number),
            AnyValue::Int64(number) => serializer.serialize_i64(*number),
            AnyValue::Float32(number) => serializer.serialize_f32(*number),
            AnyValue::Float64(number) => serializer.serialize_f64(*number),
            other => serializer.collect_str(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> DataFrame {
        let columns = vec![
            Column::new("z".into(), vec![Some("a,\"b\""), None]),
            Column::new("a".into(), vec![Some(0.1 + 0.2), Some(f64::NAN)]),
            Column::new("n".into(), vec![Some(7_u32), None]),
            Column::new("b".into(), vec![Some(true), None]),
        ];
        DataFrame::new(2, columns).unwrap()
    }

    #[test]
    fn json_keeps_the_order_of_the_columns() {
        let text = to_json_string(&frame()).unwrap();
        let plain: String = text.split_whitespace().collect();
        assert_eq!(
            plain,
            r#"[{"z":"a,\"b\"","a":0.30000000000000004,"n":7,"b":true},{"z":null,"a":null,"n":null,"b":null}]"#
        );
    }

    #[test]
    fn csv_quotes_and_keeps_every_digit() {
        let text = to_csv_string(&frame()).unwrap();
        assert_eq!(text, "z,a,n,b\n\"a,\"\"b\"\"\",0.30000000000000004,7,true\n,NaN,,\n");
    }

    #[test]
    fn the_ending_decides() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["t.csv", "t.parquet", "t.json"] {
            write(&frame(), &folder.path().join(name)).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing half-written");
        assert!(fs::read(folder.path().join("t.parquet")).unwrap().starts_with(b"PAR1"));
        for name in ["t.csv.gz", "t.xlsx", "t"] {
            let message = write(&frame(), &folder.path().join(name)).unwrap_err().to_string();
            assert!(message.contains("must end in .csv, .parquet or .json"), "{message}");
        }
        let nowhere = folder.path().join("no/such/t.csv");
        let message = write(&frame(), &nowhere).unwrap_err().to_string();
        assert!(message.starts_with("cannot write") && message.contains("t.csv"), "{message}");
    }
}
