//! Several currencies: what an administrator does who turns on "multiple currencies".
//!
//! The org gets the object `CurrencyType` with a record for each currency, and every object with amounts a
//! `CurrencyIsoCode`; users get one, too, and a `DefaultCurrencyIsoCode`. Real orgs cannot go back, and neither does
//! this one.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::schema::{Field, FieldType, PicklistValue, facts};
use crate::store::{Row, Values};
use crate::{Millis, Org, Value};

/// A currency of an org with several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Currency {
    /// ISO code, such as `EUR`.
    pub iso_code: String,
    /// What one unit of the corporate currency is worth in this one; 1 for the corporate currency itself.
    #[serde(with = "exact")]
    pub conversion_rate: Decimal,
    /// Decimals that its amounts are shown with.
    pub decimal_places: u32,
}

/// A number as text, so that no digit is lost.
mod exact {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &Decimal, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Decimal, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|_| serde::de::Error::custom(format!("no number: {text}")))
    }
}

impl Org {
    /// Turns multiple currencies on. The first is the corporate currency; records that are there get it.
    ///
    /// # Errors
    /// A sentence, where there are no currencies, they are on already, or the object's facts cannot be read.
    pub fn enable_currencies(&mut self, currencies: &[Currency], now: Millis) -> Result<(), String> {
        let corporate = currencies.first().ok_or("name the corporate currency")?;
        if self.schema.find("CurrencyType").is_some() {
            return Err("this org has several currencies already".to_owned());
        }
        let mut schema = (*self.schema).clone();
        let mut object = facts::parse(include_str!("../data/objects/CurrencyType.txt")).map_err(|e| e.to_string())?;
        let values: Vec<PicklistValue> = currencies.iter().map(|c| PicklistValue::new(c.iso_code.clone())).collect();
        if let Some(field) = object.fields.iter_mut().find(|field| field.name == "IsoCode") {
            field.picklist.clone_from(&values);
        }
        let type_id = schema.put(object);
        let code = |name: &str, label: &str| {
            let mut field = Field::new(name, label, FieldType::Picklist, 3);
            (field.nillable, field.permissionable, field.restricted_picklist) = (true, false, true);
            field.picklist.clone_from(&values);
            field.with_default(&corporate.iso_code)
        };
        let with_amounts: Vec<String> = schema
            .objects()
            .iter()
            .filter(|o| o.flags.queryable && o.key_prefix.is_some())
            .filter(|o| o.name == "User" || o.fields.iter().any(|f| f.ty == FieldType::Currency))
            .map(|o| o.name.clone())
            .collect();
        for name in &with_amounts {
            schema.add_fields(name, [code("CurrencyIsoCode", "Currency ISO Code")]);
        }
        schema.add_fields("User", [code("DefaultCurrencyIsoCode", "Default Currency ISO Code")]);
        schema.touch(now);
        self.schema = Arc::new(schema);
        self.fill_currencies(type_id, currencies, now);
        let iso = Value::Text(corporate.iso_code.clone());
        for name in &with_amounts {
            self.give_all(name, "CurrencyIsoCode", &iso);
        }
        self.give_all("User", "DefaultCurrencyIsoCode", &iso);
        Ok(())
    }

    fn fill_currencies(&mut self, object: crate::schema::ObjectId, currencies: &[Currency], now: Millis) {
        let facts = Arc::clone(self.schema.object(object));
        let stamp = Value::DateTime(now - now.rem_euclid(1000));
        let user = Value::Id(self.settings.admin_id);
        for (n, currency) in currencies.iter().enumerate() {
            let id = self.store.table_mut(object).next_id(*b"01L");
            let fields = [
                ("Id", Value::Id(id)),
                ("IsoCode", Value::Text(currency.iso_code.clone())),
                ("ConversionRate", Value::Decimal(currency.conversion_rate)),
                ("DecimalPlaces", Value::Int(i64::from(currency.decimal_places))),
                ("IsActive", Value::Bool(true)),
                ("IsCorporate", Value::Bool(n == 0)),
                ("CreatedDate", stamp.clone()),
                ("CreatedById", user.clone()),
                ("LastModifiedDate", stamp.clone()),
                ("LastModifiedById", user.clone()),
                ("SystemModstamp", stamp.clone()),
            ];
            let values: Values =
                fields.into_iter().filter_map(|(name, value)| Some((facts.field(name)?.0, value))).collect();
            self.store.table_mut(object).put(id, Row::new(&values));
        }
    }

    /// Gives every live record of an object this value.
    fn give_all(&mut self, object: &str, field: &str, value: &Value) {
        let schema = Arc::clone(&self.schema);
        let Some((object, facts)) = schema.find(object) else { return };
        let Some((field, _)) = facts.field(field) else { return };
        let rows: Vec<_> = self
            .store
            .table(object)
            .map_or_else(Vec::new, |table| table.live_rows().map(|(id, row)| (id, row.to_values())).collect());
        for (id, mut values) in rows {
            values.insert(field, value.clone());
            self.store.table_mut(object).put(id, Row::new(&values));
        }
    }
}
