//! Polars in and out: runs to data frames, CSV and Parquet to datasets and tables.
