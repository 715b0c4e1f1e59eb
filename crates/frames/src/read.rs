//! Tables from CSV and Parquet.

use std::fs;
use std::io::{Cursor, Read as _};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use nascent_datasets::{Column, ColumnData, Table};
use polars::prelude::{
    ArrowDataType, CsvReadOptions, DataFrame, DataType, ParquetReader, SerReader as _,
};

use crate::csv;
use crate::error::{Error, Result};

/// What a file holds, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `.csv`, and `.csv.gz` to read.
    Csv,
    /// `.parquet`.
    Parquet,
    /// `.json`, to write.
    Json,
}

impl Format {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let is = |ending: &str| name.len() > ending.len() && name.ends_with(ending);
        match () {
            () if is(".csv") || is(".csv.gz") => Some(Self::Csv),
            () if is(".parquet") => Some(Self::Parquet),
            () if is(".json") => Some(Self::Json),
            () => None,
        }
    }
}

/// Reads a table from a CSV file with a header (`.csv`, or `.csv.gz` compressed by gzip) or a Parquet file (`.parquet`).
///
/// Integers, floats and truth values become numbers, texts stay texts, empty cells become `None`. The whole file decides
/// on the type of a CSV column. A line with too few or too many cells is an error.
pub fn read_table(path: &Path) -> Result<Table> {
    let frame = match Format::of(path) {
        Some(Format::Csv) => read_csv(path)?,
        Some(Format::Parquet) => read_parquet(path)?,
        Some(Format::Json) | None => {
            return Err(Error::Extension {
                path: path.to_owned(),
                known: ".csv, .csv.gz or .parquet",
            });
        }
    };
    let columns = frame.columns().iter().map(|column| plain(column, path));
    Table::new(columns.collect::<Result<_>>()?)
        .map_err(|source| Error::Table { path: path.to_owned(), source })
}

fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| Error::Io { action: "read", path: path.to_owned(), source })
}

fn read_csv(path: &Path) -> Result<DataFrame> {
    let mut bytes = read_bytes(path)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        MultiGzDecoder::new(bytes.as_slice())
            .read_to_end(&mut plain)
            .map_err(|source| Error::Gzip { path: path.to_owned(), source })?;
        bytes = plain;
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        Error::Csv { path: path.to_owned(), problem: format!("line {line} is not UTF-8") }
    })?;
    csv::check(&text, path)?;
    // Polars would make rows of empty lines at the end.
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    text.push('\n');
    CsvReadOptions::default()
        .with_has_header(true)
        .with_infer_schema_length(None)
        .into_reader_with_file_handle(Cursor::new(text.into_bytes()))
        .finish()
        .map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn read_parquet(path: &Path) -> Result<DataFrame> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let bytes = read_bytes(path)?;
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let schema = reader.schema().map_err(failed)?;
    // Polars panics on types that it was built without.
    for field in schema.iter_values() {
        if !is_plain(field.dtype()) {
            return Err(Error::ColumnType {
                path: path.to_owned(),
                column: field.name.to_string(),
                found: format!("{:?}", field.dtype()),
            });
        }
    }
    drop(schema);
    reader.finish().map_err(failed)
}

fn is_plain(kind: &ArrowDataType) -> bool {
    matches!(
        kind,
        ArrowDataType::Null
            | ArrowDataType::Boolean
            | ArrowDataType::Int32
            | ArrowDataType::Int64
            | ArrowDataType::UInt32
            | ArrowDataType::UInt64
            | ArrowDataType::Float32
            | ArrowDataType::Float64
            | ArrowDataType::Utf8
            | ArrowDataType::LargeUtf8
            | ArrowDataType::Utf8View
    )
}

/// A column without polars types.
fn plain(column: &polars::prelude::Column, path: &Path) -> Result<Column> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let name = column.name().to_string();
    let data = match column.dtype() {
        DataType::String => {
            let texts = column.str().map_err(failed)?;
            ColumnData::Texts(texts.iter().map(|text| text.map(str::to_owned)).collect())
        }
        kind if kind.is_primitive_numeric() || kind.is_bool() || kind.is_null() => {
            let numbers = column.cast(&DataType::Float64).map_err(failed)?;
            ColumnData::Numbers(numbers.f64().map_err(failed)?.iter().collect())
        }
        kind => {
            return Err(Error::ColumnType {
                path: path.to_owned(),
                column: name,
                found: kind.to_string(),
            });
        }
    };
    Ok(Column { name, data })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use nascent_datasets::{Inputs, TabularOptions, tabular_dataset};
    use polars::prelude::ListChunked;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The table that a file of this name and content holds.
    fn table(name: &str, bytes: &[u8]) -> Result<Table> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        read_table(&path)
    }

    fn problem(name: &str, bytes: &[u8]) -> String {
        let message = table(name, bytes).unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
        message
    }

    const TEXT: &str = "index,arch,acc,epochs,good,none\n\
                        0,\"a,b\",0.5,1,true,\n\
                        1,c,1e-3,2.5,false,\n\
                        2,,,3,,\n\n";

    #[test]
    fn csv_plain_and_packed() {
        let plain = table("t.csv", TEXT.as_bytes()).unwrap();
        let numbers = |name: &str| plain.column(name).unwrap().numbers().unwrap().to_vec();
        assert_eq!(plain.rows(), 3);
        assert_eq!(numbers("index"), [Some(0.0), Some(1.0), Some(2.0)]);
        assert_eq!(numbers("acc"), [Some(0.5), Some(0.001), None]);
        assert_eq!(numbers("epochs"), [Some(1.0), Some(2.5), Some(3.0)]);
        assert_eq!(numbers("good"), [Some(1.0), Some(0.0), None]);
        let texts = plain.column("arch").unwrap().texts().unwrap();
        assert_eq!(texts, [Some("a,b".to_owned()), Some("c".to_owned()), None]);
        assert_eq!(plain.column("none").unwrap().data.len(), 3);
        assert_eq!(table("T.CSV.GZ", &gzip(TEXT.as_bytes())).unwrap(), plain);
        assert_eq!(table("packed.csv", &gzip(TEXT.as_bytes())).unwrap(), plain);
    }

    #[test]
    fn a_late_float_makes_the_column_float() {
        let rows = "7\n".repeat(5000);
        let table = table("t.csv", format!("x\n{rows}0.25\n").as_bytes()).unwrap();
        assert_eq!(table.column("x").unwrap().numbers().unwrap()[5000], Some(0.25));
    }

    #[test]
    fn damaged_csv_is_refused() {
        assert!(problem("t.csv", b"a,b\n1,2\n3").contains("line 3: 1 cells"));
        assert!(problem("t.csv", b"").contains("empty"));
        assert!(problem("t.csv", b"a,b\n1,\xff\n").contains("line 2 is not UTF-8"));
        let packed = gzip(TEXT.as_bytes());
        assert!(problem("t.csv.gz", &packed[..packed.len() - 9]).contains("truncated or damaged"));
        assert!(problem("t.txt", b"a\n1\n").contains("must end in .csv, .csv.gz or .parquet"));
        assert!(problem(".csv", b"a\n1\n").contains("must end in"));
        let missing = read_table(Path::new("/nowhere/t.csv")).unwrap_err().to_string();
        assert!(missing.starts_with("cannot read /nowhere/t.csv: No such file"), "{missing}");
    }

    #[test]
    fn parquet_goes_and_comes() {
        let columns = vec![
            polars::prelude::Column::new("n".into(), vec![Some(1_i64), None, Some(3)]),
            polars::prelude::Column::new("x".into(), vec![Some(0.1), Some(-2.5), None]),
            polars::prelude::Column::new("t".into(), vec![Some("a"), None, Some("b")]),
            polars::prelude::Column::new("b".into(), vec![Some(true), Some(false), None]),
        ];
        let frame = DataFrame::new(3, columns).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for name in ["t.parquet", "t.csv"] {
            let path = folder.path().join(name);
            crate::write(&frame, &path).unwrap();
            let table = read_table(&path).unwrap();
            let numbers = |name: &str| table.column(name).unwrap().numbers().unwrap().to_vec();
            assert_eq!(numbers("n"), [Some(1.0), None, Some(3.0)], "{name}");
            assert_eq!(numbers("x"), [Some(0.1), Some(-2.5), None], "{name}");
            assert_eq!(numbers("b"), [Some(1.0), Some(0.0), None], "{name}");
            let texts = table.column("t").unwrap().texts().unwrap();
            assert_eq!(texts, [Some("a".to_owned()), None, Some("b".to_owned())], "{name}");
        }
        let bytes = fs::read(folder.path().join("t.parquet")).unwrap();
        for len in [0, 3, 20, bytes.len() / 2, bytes.len() - 1] {
            assert!(problem("cut.parquet", &bytes[..len]).starts_with("cannot read"));
        }
        assert!(problem("text.parquet", TEXT.as_bytes()).starts_with("cannot read"));
    }

    #[test]
    fn columns_that_are_no_cells_are_refused() {
        let lists = ListChunked::full_null_with_dtype("pair".into(), 1, &DataType::Int64);
        let column = polars::prelude::IntoColumn::into_column(lists);
        let frame = DataFrame::new(1, vec![column]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        crate::write(&frame, &path).unwrap();
        let message = read_table(&path).unwrap_err().to_string();
        assert!(message.starts_with("column \"pair\" of "), "{message}");
    }

    #[test]
    fn a_file_becomes_a_dataset() {
        let text = "id,size,color,kind\n1,1.0,red,cat\n2,3.0,blue,dog\n";
        let options = TabularOptions { ignore: vec!["id".to_owned()], ..TabularOptions::default() };
        let table = table("t.csv", text.as_bytes()).unwrap();
        let dataset = tabular_dataset(&table, "kind", &options).unwrap();
        assert_eq!(dataset.classes(), ["cat", "dog"]);
        let expected = vec![-1.0, 0.0, 1.0, 1.0, 1.0, 0.0];
        assert_eq!(dataset.train().inputs(), &Inputs::Floats(expected));
    }

    #[test]
    fn a_real_benchmark_table() {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
        let path = shared.join("nas_bench_201.csv.gz");
        if !path.is_file() {
            println!("skipped: {} is not there", path.display());
            return;
        }
        let table = read_table(&path).unwrap();
        assert_eq!((table.rows(), table.columns().len()), (15_625, 23));
        let index = table.column("index").unwrap().numbers().unwrap();
        assert!(index.iter().zip(0_u32..).all(|(cell, row)| *cell == Some(f64::from(row))));
        assert!(
            table.column("arch").unwrap().texts().unwrap()[0].as_ref().unwrap().starts_with('|')
        );
        let best = table.column("c10_test200").unwrap().numbers().unwrap();
        let best = best.iter().flatten().copied().fold(0.0, f64::max);
        assert!((94.0..95.0).contains(&best), "{best}");
    }
}
