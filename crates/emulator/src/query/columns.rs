//! `query?columns=true`: what the columns of a query are, as the Salesforce CLI asks for them.

use serde_json::{Value as Json, json};

use super::QueryOptions;
use super::error::from_parser;
use super::expr::{Column, Expr};
use super::group::Groups;
use super::plan::{Env, Plan, Shape, plan};
use super::run::{calendar, env};
use super::select::Out;
use crate::schema::FieldType;
use crate::{ApiError, Org};

pub(super) fn columns(org: &Org, text: &str, options: &QueryOptions) -> Result<Json, ApiError> {
    let query = tidegate_soql::parse(text).map_err(|e| from_parser(text, &e))?;
    let calendar = calendar(&org.schema, &org.store, options);
    let env = env(org, &calendar, options, options.all);
    let plan = plan(&env, text, &query)?;
    let facts = org.schema.object(plan.source.object);
    let columns = match &plan.shape {
        Shape::Count => Vec::new(),
        Shape::Rows(fields) => members(&env, fields),
        Shape::Groups(spec) => group_members(&env, spec),
    };
    let id_selected = columns.iter().any(|c| c.get("columnName") == Some(&json!("Id")));
    Ok(json!({
        "columnMetadata": columns,
        "entityName": facts.name,
        "groupBy": query.group_by.is_some(),
        "idSelected": id_selected,
        "keyPrefix": facts.key_prefix.map(|p| String::from_utf8_lossy(&p).into_owned()),
    }))
}

fn members(env: &Env<'_>, fields: &[Out]) -> Vec<Json> {
    fields
        .iter()
        .map(|field| match field {
            Out::Value { key, expr, .. } => {
                let column = match expr {
                    Expr::Column(column) | Expr::Label(column) | Expr::DateFn { column, .. } => Some(column),
                    Expr::Converted(converted) => Some(&converted.column),
                    _ => None,
                };
                let ty = column.map_or(FieldType::Double, |c| c.ty);
                entry(env, key, false, ty, column, Vec::new())
            }
            Out::Compound { key, location, .. } => {
                let ty = if *location { FieldType::Location } else { FieldType::Address };
                entry(env, key, false, ty, None, Vec::new())
            }
            Out::Parent { key, fields, .. } => {
                entry(env, key, false, FieldType::Complexvalue, None, members(env, fields))
            }
            Out::TypeOf { key, .. } => entry(env, key, false, FieldType::Complexvalue, None, Vec::new()),
            Out::Children(children) => {
                let Plan { shape, .. } = &*children.plan;
                let joined = match shape {
                    Shape::Rows(fields) => members(env, fields),
                    _ => Vec::new(),
                };
                entry(env, &children.key, true, FieldType::Complexvalue, None, joined)
            }
        })
        .collect()
}

fn group_members(env: &Env<'_>, spec: &Groups) -> Vec<Json> {
    spec.members
        .iter()
        .map(|(key, expr, _)| match expr {
            Expr::Key(n) => {
                let found = spec.keys.get(*n);
                entry(env, key, false, found.map_or(FieldType::String, |k| k.ty), found.map(|k| &k.column), Vec::new())
            }
            Expr::Aggregate(n) => {
                let ty = spec.aggregates.get(*n).map_or(FieldType::Int, |a| a.ty());
                entry(env, key, true, ty, None, Vec::new())
            }
            _ => entry(env, key, true, FieldType::Int, None, Vec::new()),
        })
        .collect()
}

fn entry(
    env: &Env<'_>,
    name: &str,
    aggregate: bool,
    ty: FieldType,
    column: Option<&Column>,
    joined: Vec<Json>,
) -> Json {
    let facts = column.and_then(|c| c.facts(env.world.schema));
    let number =
        matches!(ty, FieldType::Int | FieldType::Double | FieldType::Currency | FieldType::Percent | FieldType::Long);
    json!({
        "aggregate": aggregate,
        "apexType": apex_type(ty),
        "booleanType": ty == FieldType::Boolean,
        "columnName": name,
        "custom": facts.is_some_and(|f| f.custom),
        "displayName": name,
        "foreignKeyName": facts.and_then(|f| f.relationship_name.clone()),
        "insertable": facts.is_some_and(|f| f.createable),
        "joinColumns": joined,
        "numberType": number,
        "textType": ty.is_text() || matches!(ty, FieldType::Id | FieldType::Reference),
        "updatable": facts.is_some_and(|f| f.updateable),
    })
}

fn apex_type(ty: FieldType) -> &'static str {
    match ty {
        FieldType::Id | FieldType::Reference => "Id",
        FieldType::Boolean => "Boolean",
        FieldType::Int => "Integer",
        FieldType::Long => "Long",
        FieldType::Double | FieldType::Percent => "Double",
        FieldType::Currency => "Double",
        FieldType::Date => "Date",
        FieldType::Datetime => "Datetime",
        FieldType::Time => "Time",
        FieldType::Base64 => "Blob",
        FieldType::Address | FieldType::Location | FieldType::Complexvalue => "complexvalue",
        _ => "String",
    }
}
