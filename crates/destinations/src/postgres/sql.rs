//! A table with its names and statements, made once.

use tidegate_sync::{ColumnType, Table};

use crate::names::{column_name, quote, stage_name, table_name};

#[derive(Debug, Clone)]
pub(super) struct SqlTable {
    pub(super) table: Table,
    /// Unquoted, lower case.
    pub(super) name: String,
    /// `"schema"."table"`.
    pub(super) live: String,
    /// `"schema"."_tidegate_stage_table"`.
    pub(super) stage: String,
    /// Unquoted, the staging table.
    pub(super) stage_name: String,
    /// Unquoted, lower case, in the table's order.
    pub(super) columns: Vec<String>,
    /// `"id", "name", …`
    pub(super) list: String,
    pub(super) upsert: String,
}

impl SqlTable {
    pub(super) fn new(table: &Table, schema: &str) -> Self {
        let name = table_name(&table.object, true);
        let columns: Vec<String> = table.columns.iter().map(|c| column_name(&c.field, true)).collect();
        let quoted: Vec<String> = columns.iter().map(|c| quote(c)).collect();
        let list = quoted.join(", ");
        let marks: Vec<String> = (1..=quoted.len()).map(|n| format!("${n}")).collect();
        let sets: Vec<String> = quoted.iter().skip(1).map(|c| format!("{c} = excluded.{c}")).collect();
        let action = if sets.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", sets.join(", ")) };
        let live = format!("{}.{}", quote(schema), quote(&name));
        // Cut again: the prefix may have made it too long.
        let stage_name = table_name(&stage_name(&name), true);
        Self {
            upsert: format!(
                "INSERT INTO {live} ({list}) VALUES ({}) ON CONFLICT ({}) DO {action}",
                marks.join(", "),
                quoted.first().map_or("\"id\"", |c| c.as_str())
            ),
            stage: format!("{}.{}", quote(schema), quote(&stage_name)),
            stage_name,
            table: table.clone(),
            name,
            live,
            columns,
            list,
        }
    }

    pub(super) fn id_column(&self) -> String {
        quote(self.columns.first().map_or("id", |c| c.as_str()))
    }

    /// The column definitions, without a key: a snapshot is copied first and indexed once.
    pub(super) fn definition(&self, quoted_name: &str) -> String {
        let columns: Vec<String> = self
            .table
            .columns
            .iter()
            .zip(&self.columns)
            .enumerate()
            .map(|(at, (column, name))| {
                format!("{} {}{}", quote(name), sql_type(column.ty), if at == 0 { " NOT NULL" } else { "" })
            })
            .collect();
        format!("CREATE TABLE {quoted_name} ({})", columns.join(", "))
    }
}

/// The type as a definition says it.
pub(super) fn sql_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Id => "text COLLATE \"C\"",
        ColumnType::Text { .. } => "text",
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "bigint",
        ColumnType::Decimal { .. } => "numeric",
        ColumnType::Date => "date",
        ColumnType::Time => "time",
        ColumnType::DateTime => "timestamptz",
    }
}

/// The type as `format_type` of the catalogue says it.
pub(super) fn catalogue_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Id | ColumnType::Text { .. } => "text",
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "bigint",
        ColumnType::Decimal { .. } => "numeric",
        ColumnType::Date => "date",
        ColumnType::Time => "time without time zone",
        ColumnType::DateTime => "timestamp with time zone",
    }
}
