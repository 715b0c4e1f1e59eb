//! A table of numbers and texts as a classification dataset.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::{Dataset, Inputs, Split};
use crate::error::{Error, Result};
use crate::table::{Column, ColumnData, Table};

/// How a table becomes a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabularOptions {
    /// The name that the dataset gets.
    pub name: String,
    /// Columns that are not features: row numbers, identifiers.
    pub ignore: Vec<String>,
    /// Whether each numeric column is shifted and scaled to mean 0 and standard deviation 1 over all rows.
    pub standardize: bool,
    /// The most different values that a text column may have.
    pub max_categories: usize,
}

impl Default for TabularOptions {
    fn default() -> Self {
        Self { name: "table".to_owned(), ignore: Vec::new(), standardize: true, max_categories: 64 }
    }
}

/// Makes a dataset out of a table: numeric columns are features, text columns become one feature per value (one-hot),
/// and the label column, of texts or integers, gives the classes, in sorted order.
///
/// All rows are the training part. A missing value or a number that is not finite is an error.
pub fn tabular_dataset(
    table: &Table,
    label_column: &str,
    options: &TabularOptions,
) -> Result<Dataset> {
    for name in &options.ignore {
        table.column(name)?;
    }
    let (labels, classes) = labels(table.column(label_column)?)?;
    let mut features: Vec<Vec<f32>> = Vec::new();
    for column in table.columns() {
        if column.name == label_column || options.ignore.contains(&column.name) {
            continue;
        }
        match &column.data {
            ColumnData::Numbers(cells) => {
                let numbers = numbers(column, cells)?;
                let numbers = if options.standardize { standardized(&numbers) } else { numbers };
                features.push(numbers.into_iter().map(|number| number as f32).collect());
            }
            ColumnData::Texts(cells) => {
                let texts = present(column, cells)?;
                let values: BTreeSet<&str> = texts.iter().map(|text| text.as_str()).collect();
                if values.len() > options.max_categories {
                    return Err(Error::TooManyCategories {
                        column: column.name.clone(),
                        limit: options.max_categories,
                    });
                }
                for value in values {
                    let hot = texts.iter().map(|text| if *text == value { 1.0 } else { 0.0 });
                    features.push(hot.collect());
                }
            }
        }
    }
    let rows = labels.len();
    let inputs =
        (0..rows).flat_map(|row| features.iter().map(move |feature| feature[row])).collect();
    if features.is_empty() {
        return Err(Error::Columns { problem: "no column is left for features".to_owned() });
    }
    let train = Split::new(Inputs::Floats(inputs), labels)?;
    Dataset::new(options.name.clone(), vec![features.len()], classes, train, None)
}

/// The cells, all of which must be there.
fn present<'a, T>(column: &Column, cells: &'a [Option<T>]) -> Result<Vec<&'a T>> {
    cells
        .iter()
        .enumerate()
        .map(|(row, cell)| {
            cell.as_ref()
                .ok_or_else(|| Error::MissingValue { column: column.name.clone(), row: row + 1 })
        })
        .collect()
}

/// The cells, all of which must be there and finite, also as the 32-bit numbers that a model sees.
fn numbers(column: &Column, cells: &[Option<f64>]) -> Result<Vec<f64>> {
    let numbers: Vec<f64> = present(column, cells)?.into_iter().copied().collect();
    match numbers.iter().position(|number| !(*number as f32).is_finite()) {
        None => Ok(numbers),
        Some(at) => {
            Err(Error::NotFinite { column: column.name.clone(), row: at + 1, value: numbers[at] })
        }
    }
}

fn standardized(numbers: &[f64]) -> Vec<f64> {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let variance = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / count;
    let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
    numbers.iter().map(|number| (number - mean) / deviation).collect()
}

/// The class of each row, and the names of the classes.
fn labels(column: &Column) -> Result<(Vec<u32>, Vec<String>)> {
    let (labels, classes) = match &column.data {
        ColumnData::Texts(cells) => numbered(&present(column, cells)?),
        ColumnData::Numbers(cells) => {
            let mut integers = Vec::new();
            for (row, number) in numbers(column, cells)?.into_iter().enumerate() {
                if number.fract() != 0.0 || number.abs() > 9e15 {
                    return Err(Error::LabelNotInteger {
                        column: column.name.clone(),
                        row: row + 1,
                        value: number,
                    });
                }
                integers.push(number as i64);
            }
            numbered(&integers)
        }
    };
    if let [class] = classes.as_slice() {
        return Err(Error::SingleClass { column: column.name.clone(), class: class.clone() });
    }
    Ok((labels, classes))
}

/// Numbers the different values in their order.
fn numbered<T: Ord + ToString>(values: &[T]) -> (Vec<u32>, Vec<String>) {
    let mut numbers: BTreeMap<&T, u32> = values.iter().map(|value| (value, 0)).collect();
    for (number, at) in numbers.values_mut().zip(0..) {
        *number = at;
    }
    let labels = values.iter().map(|value| numbers[value]).collect();
    (labels, numbers.into_keys().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, cells: &[f64]) -> Column {
        let cells = cells.iter().map(|cell| Some(*cell)).collect();
        Column { name: name.to_owned(), data: ColumnData::Numbers(cells) }
    }

    fn texts(name: &str, cells: &[&str]) -> Column {
        let cells = cells.iter().map(|cell| Some((*cell).to_owned())).collect();
        Column { name: name.to_owned(), data: ColumnData::Texts(cells) }
    }

    fn plain() -> TabularOptions {
        TabularOptions { standardize: false, ..TabularOptions::default() }
    }

    fn problem(columns: Vec<Column>, label: &str, options: &TabularOptions) -> String {
        let table = Table::new(columns).unwrap();
        tabular_dataset(&table, label, options).unwrap_err().to_string()
    }

    #[test]
    fn numbers_stay_and_texts_become_one_hot() {
        let table = Table::new(vec![
            column("row", &[1.0, 2.0, 3.0]),
            column("size", &[1.5, 2.5, 3.5]),
            texts("color", &["red", "blue", "red"]),
            column("class", &[10.0, 2.0, 10.0]),
        ])
        .unwrap();
        let options = TabularOptions { ignore: vec!["row".to_owned()], ..plain() };
        let dataset = tabular_dataset(&table, "class", &options).unwrap();
        assert_eq!(dataset.shape(), [3]);
        assert_eq!(dataset.classes(), ["2", "10"], "integers are sorted as numbers");
        assert_eq!(dataset.train().labels(), [1, 0, 1]);
        let expected = vec![1.5, 0.0, 1.0, 2.5, 1.0, 0.0, 3.5, 0.0, 1.0];
        assert_eq!(dataset.train().inputs(), &Inputs::Floats(expected));
        assert_eq!(dataset.test(), None);
    }

    #[test]
    fn standardized_columns_have_mean_0_and_deviation_1() {
        assert_eq!(standardized(&[1.0, 3.0, 1.0, 3.0]), [-1.0, 1.0, -1.0, 1.0]);
        assert_eq!(standardized(&[7.0, 7.0]), [0.0, 0.0]);
    }

    #[test]
    fn errors_name_column_and_row() {
        let labels = || texts("class", &["a", "b"]);
        let gap = Column { name: "x".to_owned(), data: ColumnData::Numbers(vec![Some(1.0), None]) };
        let message = problem(vec![gap, labels()], "class", &plain());
        assert!(message.starts_with("column \"x\" has no value in row 2"), "{message}");
        let message = problem(vec![column("x", &[f64::NAN, 0.0]), labels()], "class", &plain());
        assert!(message.starts_with("column \"x\" has NaN in row 1"), "{message}");
        let message = problem(vec![column("x", &[0.0, 1e300]), labels()], "class", &plain());
        assert!(message.contains("in row 2"), "{message}");
        let message = problem(vec![column("x", &[0.0, 1.0]), labels()], "clas", &plain());
        assert!(message.contains("did you mean \"class\""), "{message}");
        let options = TabularOptions { ignore: vec!["y".to_owned()], ..plain() };
        let message = problem(vec![column("x", &[0.0, 1.0]), labels()], "class", &options);
        assert!(message.contains("no column \"y\""), "{message}");
        let same = texts("class", &["a", "a"]);
        let message = problem(vec![column("x", &[0.0, 1.0]), same], "class", &plain());
        assert!(message.contains("the one class \"a\""), "{message}");
        let half = column("class", &[1.0, 1.5]);
        let message = problem(vec![column("x", &[0.0, 1.0]), half], "class", &plain());
        assert!(message.contains("1.5 in row 2"), "{message}");
        assert!(problem(vec![labels()], "class", &plain()).contains("no column is left"));
        let options = TabularOptions { max_categories: 1, ..plain() };
        let message = problem(vec![texts("x", &["p", "q"]), labels()], "class", &options);
        assert!(message.contains("more than 1 different"), "{message}");
        let message = problem(vec![column("x", &[]), texts("class", &[])], "class", &plain());
        assert!(message.contains("at least one example"), "{message}");
    }
}
