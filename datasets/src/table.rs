//! A table in memory: named columns of numbers or texts, with empty cells.

use crate::error::{Error, Result, nearest};

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The name in the header.
    pub name: String,
    /// The cells.
    pub data: ColumnData,
}

/// The cells of a column; `None` where a cell is empty.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnData {
    /// Numbers: integers, floats, and booleans as 0 and 1.
    Numbers(Vec<Option<f64>>),
    /// Texts.
    Texts(Vec<Option<String>>),
}

impl ColumnData {
    /// How many cells there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(cells) => cells.len(),
            Self::Texts(cells) => cells.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "numbers",
            Self::Texts(_) => "texts",
        }
    }
}

impl Column {
    /// The cells, where they are numbers.
    pub fn numbers(&self) -> Result<&[Option<f64>]> {
        match &self.data {
            ColumnData::Numbers(cells) => Ok(cells),
            ColumnData::Texts(_) => Err(self.kind_error("numbers")),
        }
    }

    /// The cells, where they are texts.
    pub fn texts(&self) -> Result<&[Option<String>]> {
        match &self.data {
            ColumnData::Texts(cells) => Ok(cells),
            ColumnData::Numbers(_) => Err(self.kind_error("texts")),
        }
    }

    fn kind_error(&self, expected: &'static str) -> Error {
        Error::ColumnKind { column: self.name.clone(), found: self.data.kind(), expected }
    }
}

/// Columns of one length with different names.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
}

impl Table {
    /// Joins columns; they must have different names and the same number of cells.
    pub fn new(columns: Vec<Column>) -> Result<Self> {
        let Some(first) = columns.first() else {
            return Err(Error::Columns { problem: "there are none".to_owned() });
        };
        for (at, column) in columns.iter().enumerate() {
            let (rows, found) = (first.data.len(), column.data.len());
            if rows != found {
                return Err(Error::Columns {
                    problem: format!(
                        "{:?} has {rows} rows and {:?} has {found}",
                        first.name, column.name
                    ),
                });
            }
            if columns.iter().take(at).any(|other| other.name == column.name) {
                return Err(Error::Columns { problem: format!("two are named {:?}", column.name) });
            }
        }
        Ok(Self { columns })
    }

    /// How many rows there are, without the header.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.data.len())
    }

    /// All columns, in the order of the file.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Result<&Column> {
        let names = || self.columns.iter().map(|column| column.name.as_str());
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| Error::UnknownColumn {
            column: name.to_owned(),
            nearest: nearest(name, names()),
            columns: names().collect::<Vec<_>>().join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(name: &str, cells: &[f64]) -> Column {
        let cells = cells.iter().map(|cell| Some(*cell)).collect();
        Column { name: name.to_owned(), data: ColumnData::Numbers(cells) }
    }

    #[test]
    fn columns_must_fit() {
        let table = Table::new(vec![numbers("a", &[1.0, 2.0]), numbers("b", &[3.0, 4.0])]).unwrap();
        assert_eq!((table.rows(), table.columns().len()), (2, 2));
        assert_eq!(table.column("b").unwrap().numbers().unwrap(), [Some(3.0), Some(4.0)]);
        let problem = |columns| Table::new(columns).unwrap_err().to_string();
        assert!(problem(vec![]).contains("none"));
        assert!(problem(vec![numbers("a", &[1.0]), numbers("b", &[])]).contains("\"b\" has 0"));
        assert!(
            problem(vec![numbers("a", &[1.0]), numbers("a", &[2.0])]).contains("two are named")
        );
    }

    #[test]
    fn an_unknown_column_gets_a_suggestion() {
        let table = Table::new(vec![numbers("c10_test200", &[1.0]), numbers("x", &[1.0])]).unwrap();
        assert_eq!(
            table.column("c10_tset200").unwrap_err().to_string(),
            "the table has no column \"c10_tset200\" (did you mean \"c10_test200\"?): \
             it has c10_test200, x"
        );
        assert_eq!(
            table.column("x").unwrap().texts().unwrap_err().to_string(),
            "column \"x\" holds numbers where texts are needed"
        );
    }
}
