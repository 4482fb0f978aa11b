//! Several currencies: the rates of `CurrencyType`, and amounts of one currency in another.
//!
//! A rate is what one unit of the corporate currency is worth: an amount of a record is divided by its currency's rate
//! and multiplied by the other's.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::expr::{At, Column, cell};
use super::value::Cell;
use crate::RecordId;
use crate::schema::{FieldId, FieldType, ObjectId, Schema};
use crate::store::Store;

/// The currencies of an org with several, as one user sees them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Currencies {
    entries: Arc<Vec<Entry>>,
    /// ISO code of the corporate currency.
    pub(crate) corporate: String,
    /// ISO code of the user's currency.
    pub(crate) user: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    iso: String,
    rate: Decimal,
    decimals: u32,
    active: bool,
}

/// An amount in another currency.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Converted {
    /// The amount.
    pub(crate) column: Column,
    /// The record's `CurrencyIsoCode`.
    code: Column,
    currencies: Currencies,
    /// ISO code of the currency converted to.
    to: String,
    /// Rounded to the decimals of that currency, as it is shown; comparisons are exact.
    rounded: bool,
}

impl Currencies {
    /// The currencies of an org; `None` where it has one only.
    pub(crate) fn of(schema: &Schema, store: &Store, user: RecordId) -> Option<Self> {
        let (object, facts) = schema.find("CurrencyType")?;
        let field = |name: &str| facts.field(name).map(|(id, _)| id);
        let (iso, rate, decimals) = (field("IsoCode")?, field("ConversionRate")?, field("DecimalPlaces")?);
        let (active, corporate) = (field("IsActive")?, field("IsCorporate")?);
        let mut entries = Vec::new();
        let mut corporate_iso = None;
        for (_, row) in store.table(object)?.live_rows() {
            let Cell::Text(code) = cell(row, iso) else { continue };
            if matches!(cell(row, corporate), Cell::Bool(true)) {
                corporate_iso = Some(code.to_owned());
            }
            entries.push(Entry {
                iso: code.to_owned(),
                rate: match cell(row, rate) {
                    Cell::Decimal(rate) => rate,
                    Cell::Int(rate) => rate.into(),
                    _ => Decimal::ONE,
                },
                decimals: match cell(row, decimals) {
                    Cell::Int(n) => u32::try_from(n).unwrap_or(2),
                    _ => 2,
                },
                active: matches!(cell(row, active), Cell::Bool(true)),
            });
        }
        let corporate = corporate_iso?;
        let (users, user_facts) = schema.find("User")?;
        let own = user_facts.field("DefaultCurrencyIsoCode").or_else(|| user_facts.field("CurrencyIsoCode")).and_then(
            |(field, _)| match cell(store.get(users, user)?, field) {
                Cell::Text(iso) => Some(iso.to_owned()),
                _ => None,
            },
        );
        let user = own.unwrap_or_else(|| corporate.clone());
        Some(Self { entries: Arc::new(entries), corporate, user })
    }

    fn entry(&self, iso: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.iso.eq_ignore_ascii_case(iso))
    }

    /// Whether the org has this currency and uses it.
    pub(crate) fn is_active(&self, iso: &str) -> bool {
        self.entry(iso).is_some_and(|entry| entry.active)
    }

    /// An amount in another currency; `None` for an unknown one, and where the result is no number.
    pub(crate) fn convert(&self, amount: Decimal, from: &str, to: &str) -> Option<Decimal> {
        if from.eq_ignore_ascii_case(to) {
            return Some(amount);
        }
        amount.checked_mul(self.entry(to)?.rate)?.checked_div(self.entry(from)?.rate)
    }

    /// The column's amounts in this currency; `None` where it is none of an object with currencies.
    pub(crate) fn converted(&self, schema: &Schema, column: &Column, to: &str, rounded: bool) -> Option<Converted> {
        let (object, _) = column.field.filter(|_| column.ty == FieldType::Currency)?;
        let code = code_column(schema, object, column.slot)?;
        Some(Converted { column: column.clone(), code, currencies: self.clone(), to: to.to_owned(), rounded })
    }
}

/// The column of a record's `CurrencyIsoCode`.
pub(crate) fn code_column(schema: &Schema, object: ObjectId, slot: usize) -> Option<Column> {
    let (id, field): (FieldId, _) = schema.object(object).field("CurrencyIsoCode")?;
    Some(Column { slot, at: At::Field(id), name: field.name.clone(), ty: field.ty, field: Some((object, id)) })
}

impl Converted {
    /// The record's currency.
    pub(crate) fn code(&self) -> &Column {
        &self.code
    }

    /// The amount in the other currency, from the record's own and its currency.
    pub(crate) fn apply(&self, amount: Cell<'_>, code: Cell<'_>) -> Cell<'static> {
        let amount = match amount {
            Cell::Decimal(amount) => amount,
            Cell::Int(amount) => amount.into(),
            _ => return Cell::Null,
        };
        let from = match code {
            Cell::Text(iso) => iso,
            _ => &self.currencies.corporate,
        };
        let Some(amount) = self.currencies.convert(amount, from, &self.to) else { return Cell::Null };
        let decimals = self.currencies.entry(&self.to).map_or(2, |entry| entry.decimals);
        Cell::Decimal(if self.rounded { amount.round_dp(decimals) } else { amount })
    }
}
