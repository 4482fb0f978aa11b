//! One record, without its nulls, packed into a single block of bytes.
//!
//! ```text
//! form · count · count × (field, end of its value) · values
//! ```
//! In the narrow form, which fits almost every record, a directory entry takes three bytes. A value is a tag byte and
//! as few bytes as it needs, so that ten million records are thinkable.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{Maker, Values};
use crate::id::INSTANCE;
use crate::schema::FieldId;
use crate::value::ValueRef;
use crate::{RecordId, Value};

/// A record: the values of its fields that are not null.
#[derive(Clone)]
pub struct Row {
    /// Empty until it is looked at, where it can be made.
    bytes: OnceLock<Box<[u8]>>,
    seed: Option<(Arc<Maker>, u32)>,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.packed() == other.packed()
    }
}

/// What a row is taken to have, bytes, before it is made.
const LEN_GUESSED: usize = 400;

const NARROW: u8 = 0;
const WIDE: u8 = 1;

mod tag {
    pub(super) const FALSE: u8 = 0;
    pub(super) const TRUE: u8 = 1;
    pub(super) const TEXT: u8 = 2;
    pub(super) const INT: u8 = 3;
    pub(super) const DECIMAL: u8 = 4;
    pub(super) const DATE: u8 = 5;
    /// Milliseconds.
    pub(super) const MILLIS: u8 = 6;
    /// A date and time without a fraction, as nearly all are.
    pub(super) const SECONDS: u8 = 7;
    pub(super) const TIME: u8 = 8;
    /// An id of this org: prefix and number.
    pub(super) const ID: u8 = 9;
    /// Any other id, in full.
    pub(super) const FOREIGN_ID: u8 = 10;
}

impl Row {
    /// From values; nulls are left out.
    pub fn new(values: &Values) -> Self {
        Self::from_packed(Self::pack(values.iter().map(|(field, value)| (*field, value))))
    }

    /// Packs values that are in ascending order of their fields; nulls are left out.
    pub(crate) fn pack<'a>(values: impl Iterator<Item = (FieldId, &'a Value)>) -> Vec<u8> {
        let mut payload = Vec::with_capacity(256);
        let mut ends: Vec<(FieldId, usize)> = Vec::with_capacity(64);
        for (field, value) in values {
            if encode(value, &mut payload) {
                ends.push((field, payload.len()));
            }
        }
        let last = ends.last().map_or(0, |(field, _)| field.0);
        let narrow = last <= 0xff && ends.len() <= 0xff && payload.len() <= 0xffff;
        let mut bytes = Vec::with_capacity(3 + ends.len() * if narrow { 3 } else { 6 } + payload.len());
        if narrow {
            bytes.extend([NARROW, ends.len() as u8]);
            for (field, end) in ends {
                bytes.push(field.0 as u8);
                bytes.extend((end as u16).to_le_bytes());
            }
        } else {
            bytes.push(WIDE);
            bytes.extend((ends.len() as u16).to_le_bytes());
            for (field, end) in ends {
                bytes.extend(field.0.to_le_bytes());
                bytes.extend((end as u32).to_le_bytes());
            }
        }
        bytes.extend(payload);
        bytes
    }

    /// A row that is made when it is looked at.
    pub(crate) fn seeded(maker: &Arc<Maker>, place: u32) -> Self {
        Self { bytes: OnceLock::new(), seed: Some((Arc::clone(maker), place)) }
    }

    fn bytes(&self) -> &[u8] {
        match (self.bytes.get(), &self.seed) {
            (Some(bytes), _) => bytes,
            (None, Some((maker, place))) => self.bytes.get_or_init(|| maker.make_to_hold(u64::from(*place))),
            (None, None) => &[],
        }
    }

    /// This row, or one made for this look alone: for readers of very many rows, who hold none of them.
    pub(crate) fn here(&self) -> Cow<'_, Row> {
        match (self.bytes.get(), &self.seed) {
            (None, Some((maker, place))) => Cow::Owned(Row::from_packed(maker.make(u64::from(*place)))),
            _ => Cow::Borrowed(self),
        }
    }

    /// Makes it, if that has not been done.
    pub(crate) fn hold(&self) {
        self.bytes();
    }

    /// Lets go of what can be made again.
    pub(super) fn forget(&mut self) {
        if self.seed.is_some() {
            self.bytes = OnceLock::new();
        }
    }

    /// Whether it holds what could be made again.
    pub(super) fn is_held(&self) -> bool {
        self.seed.is_some() && self.bytes.get().is_some()
    }

    /// About how many bytes it has, without making it.
    pub(crate) fn len_hint(&self) -> usize {
        self.bytes.get().map_or(LEN_GUESSED, |bytes| bytes.len())
    }

    /// A field's value, [`Value::Null`] where it has none.
    pub fn get(&self, field: FieldId) -> Value {
        self.get_ref(field).to_value()
    }

    /// A field's value, borrowed.
    pub fn get_ref(&self, field: FieldId) -> ValueRef<'_> {
        let directory = self.directory();
        let (mut low, mut high) = (0, directory.count);
        while low < high {
            let middle = (low + high) / 2;
            match directory.field(middle).cmp(&field.0) {
                std::cmp::Ordering::Equal => return decode(directory.value(middle)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        ValueRef::Null
    }

    /// A field's value as it is packed, where [`Places::find`] has looked through this row.
    pub(crate) fn raw(&self, places: &Places, field: FieldId) -> RawValue<'_> {
        let null = RawValue::Value(ValueRef::Null);
        let Some((round, start, end)) = places.found.get(usize::from(field.0)) else { return null };
        if *round != places.round {
            return null;
        }
        match self.bytes().get(*start as usize..*end as usize) {
            Some([tag::TEXT, text @ ..]) => RawValue::Text(text),
            Some(bytes) => RawValue::Value(decode(bytes)),
            None => null,
        }
    }

    /// The values that are not null, in describe order.
    pub fn iter(&self) -> impl Iterator<Item = (FieldId, ValueRef<'_>)> {
        let directory = self.directory();
        (0..directory.count).map(move |at| (FieldId(directory.field(at)), decode(directory.value(at))))
    }

    /// All values that are not null, for changing some and building the next row.
    pub fn to_values(&self) -> Values {
        self.iter().map(|(field, value)| (field, value.to_value())).collect()
    }

    /// The packed form, for keeping it.
    pub(crate) fn packed(&self) -> Cow<'_, [u8]> {
        match (self.bytes.get(), &self.seed) {
            (None, Some((maker, place))) => Cow::Owned(maker.make(u64::from(*place))),
            _ => Cow::Borrowed(self.bytes()),
        }
    }

    /// From a packed form that [`Row::packed`] gave. Whatever the bytes, reading them cannot fail.
    pub(crate) fn from_packed(bytes: Vec<u8>) -> Self {
        Self { bytes: OnceLock::from(bytes.into_boxed_slice()), seed: None }
    }

    /// The size of the packed record, bytes.
    pub fn packed_len(&self) -> usize {
        self.packed().len()
    }

    fn directory(&self) -> Directory<'_> {
        match self.bytes() {
            [NARROW, count, rest @ ..] => Directory::new(rest, usize::from(*count), 1, 2),
            [WIDE, low, high, rest @ ..] => Directory::new(rest, usize::from(u16::from_le_bytes([*low, *high])), 2, 4),
            _ => Directory::new(&[], 0, 1, 2),
        }
    }
}

/// Where the values of one row are, by field: found in one pass, for readers of many fields.
#[derive(Debug)]
pub(crate) struct Places {
    /// Start and end, and in which row that was.
    found: Vec<(u32, u32, u32)>,
    round: u32,
}

impl Places {
    /// For rows of an object with so many fields.
    pub(crate) fn new(fields: usize) -> Self {
        Self { found: vec![(0, 0, 0); fields], round: 0 }
    }

    /// Looks through a row. What was known of another one is forgotten.
    pub(crate) fn find(&mut self, row: &Row) {
        if self.round == u32::MAX {
            self.found.fill((0, 0, 0));
            self.round = 0;
        }
        self.round += 1;
        let directory = row.directory();
        let payload = (row.bytes().len() - directory.payload.len()) as u32;
        let mut start = payload;
        for at in 0..directory.count {
            let end = payload + directory.end(at) as u32;
            if let Some(place) = self.found.get_mut(usize::from(directory.field(at))) {
                *place = (self.round, start, end);
            }
            start = end;
        }
    }
}

/// A value as it is packed: text is not looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RawValue<'a> {
    /// UTF-8.
    Text(&'a [u8]),
    /// Anything else.
    Value(ValueRef<'a>),
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|(field, value)| (field.0, value))).finish()
    }
}

struct Directory<'a> {
    entries: &'a [u8],
    payload: &'a [u8],
    count: usize,
    field_bytes: usize,
    end_bytes: usize,
}

impl<'a> Directory<'a> {
    fn new(rest: &'a [u8], count: usize, field_bytes: usize, end_bytes: usize) -> Self {
        let (entries, payload) = rest.split_at_checked(count * (field_bytes + end_bytes)).unwrap_or((&[], &[]));
        Self { entries, payload, count, field_bytes, end_bytes }
    }

    fn field(&self, at: usize) -> u16 {
        little_endian(self.entries, at * (self.field_bytes + self.end_bytes), self.field_bytes) as u16
    }

    fn end(&self, at: usize) -> usize {
        little_endian(self.entries, at * (self.field_bytes + self.end_bytes) + self.field_bytes, self.end_bytes)
            as usize
    }

    fn value(&self, at: usize) -> &'a [u8] {
        let start = if at == 0 { 0 } else { self.end(at - 1) };
        self.payload.get(start..self.end(at)).unwrap_or(&[])
    }
}

#[inline]
fn little_endian(bytes: &[u8], from: usize, len: usize) -> u32 {
    match (bytes.get(from..from + len), len) {
        (Some([byte]), 1) => u32::from(*byte),
        (Some([low, high]), 2) => u32::from(u16::from_le_bytes([*low, *high])),
        (Some(slice), _) => slice.iter().rev().fold(0, |n, byte| (n << 8) | u32::from(*byte)),
        (None, _) => 0,
    }
}

/// Writes a value that is not null; says whether it did.
fn encode(value: &Value, out: &mut Vec<u8>) -> bool {
    match value {
        Value::Null => return false,
        Value::Bool(false) => out.push(tag::FALSE),
        Value::Bool(true) => out.push(tag::TRUE),
        Value::Text(text) => {
            out.push(tag::TEXT);
            out.extend(text.as_bytes());
        }
        Value::Int(n) => {
            out.push(tag::INT);
            put_integer(i128::from(*n), out);
        }
        Value::Decimal(decimal) => {
            out.extend([tag::DECIMAL, decimal.scale() as u8]);
            put_integer(decimal.mantissa(), out);
        }
        Value::Date(date) => {
            out.push(tag::DATE);
            out.extend(date.year().to_le_bytes());
            out.extend([date.month() as u8, date.day() as u8]);
        }
        Value::DateTime(ms) if ms % 1000 == 0 => {
            out.push(tag::SECONDS);
            put_integer(i128::from(ms / 1000), out);
        }
        Value::DateTime(ms) => {
            out.push(tag::MILLIS);
            put_integer(i128::from(*ms), out);
        }
        Value::Time(ms) => {
            out.push(tag::TIME);
            put_integer(i128::from(*ms), out);
        }
        Value::Id(id) => match id.number() {
            Some(number) => {
                out.push(tag::ID);
                out.extend(id.prefix());
                put_integer(i128::from(number), out);
            }
            None => {
                out.push(tag::FOREIGN_ID);
                out.extend(id.as_bytes());
            }
        },
    }
    true
}

fn decode(bytes: &[u8]) -> ValueRef<'_> {
    let Some((tag, rest)) = bytes.split_first() else { return ValueRef::Null };
    match *tag {
        tag::FALSE => ValueRef::Bool(false),
        tag::TRUE => ValueRef::Bool(true),
        tag::TEXT => ValueRef::Text(std::str::from_utf8(rest).unwrap_or_default()),
        tag::INT => ValueRef::Int(integer(rest) as i64),
        tag::DECIMAL => match rest.split_first() {
            Some((scale, mantissa)) => Decimal::try_from_i128_with_scale(integer(mantissa), u32::from(*scale))
                .map_or(ValueRef::Null, ValueRef::Decimal),
            None => ValueRef::Null,
        },
        tag::DATE => match rest {
            [low, high, month, day] => Date::new(i16::from_le_bytes([*low, *high]), *month as i8, *day as i8)
                .map_or(ValueRef::Null, ValueRef::Date),
            _ => ValueRef::Null,
        },
        tag::SECONDS => ValueRef::DateTime((integer(rest) as i64).saturating_mul(1000)),
        tag::MILLIS => ValueRef::DateTime(integer(rest) as i64),
        tag::TIME => ValueRef::Time(integer(rest) as u32),
        tag::ID => match rest.split_first_chunk() {
            Some((prefix, number)) => ValueRef::Id(RecordId::new(*prefix, INSTANCE, integer(number) as u64)),
            None => ValueRef::Null,
        },
        tag::FOREIGN_ID => rest.try_into().map_or(ValueRef::Null, |bytes| ValueRef::Id(RecordId::from_bytes(bytes))),
        _ => ValueRef::Null,
    }
}

/// Little-endian, sign in the lowest bit, without leading zeros.
fn put_integer(n: i128, out: &mut Vec<u8>) {
    let mut rest = ((n << 1) ^ (n >> 127)) as u128;
    while rest != 0 {
        out.push(rest as u8);
        rest >>= 8;
    }
}

fn integer(bytes: &[u8]) -> i128 {
    if bytes.len() <= 8 {
        let coded = bytes.iter().rev().fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
        return i128::from(((coded >> 1) as i64) ^ -((coded & 1) as i64));
    }
    let coded = bytes.iter().take(16).rev().fold(0u128, |n, byte| (n << 8) | u128::from(*byte));
    ((coded >> 1) as i128) ^ -((coded & 1) as i128)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            ".{0,40}".prop_map(Value::Text),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (any::<i64>(), 0..=18u32).prop_map(|(n, scale)| Value::Decimal(Decimal::new(n, scale))),
            (1700..=4000i16, 1..=12i8, 1..=28i8).prop_map(|(y, m, d)| Value::Date(jiff::civil::date(y, m, d))),
            any::<i64>().prop_map(Value::DateTime),
            (-9_000_000_000..70_000_000_000i64).prop_map(|s| Value::DateTime(s * 1000)),
            (0..86_400_000u32).prop_map(Value::Time),
            any::<u32>().prop_map(|n| Value::Id(RecordId::new(*b"003", *b"TG", u64::from(n)))),
            "[0-9A-Za-z]{15}".prop_map(|id| Value::Id(RecordId::parse(&id).unwrap())),
        ]
    }

    proptest! {
        #[test]
        fn every_value_comes_back(
            values in prop::collection::btree_map((0..600u16).prop_map(FieldId), any_value(), 0..60),
        ) {
            let row = Row::new(&values);
            for field in (0..600).map(FieldId) {
                prop_assert_eq!(row.get(field), values.get(&field).cloned().unwrap_or(Value::Null));
            }
            let mut places = Places::new(600);
            for row in [&Row::new(&Values::from([(FieldId(7), Value::Bool(true))])), &row] {
                places.find(row);
                for field in (0..600).map(FieldId) {
                    match row.raw(&places, field) {
                        RawValue::Text(text) => {
                            prop_assert_eq!(row.get_ref(field), ValueRef::Text(std::str::from_utf8(text).unwrap()));
                        }
                        RawValue::Value(value) => prop_assert_eq!(row.get_ref(field), value),
                    }
                }
            }
            let kept: Values = values.into_iter().filter(|(_, v)| !v.is_null()).collect();
            prop_assert_eq!(row.to_values(), kept);
        }
    }

    #[test]
    fn long_text_and_many_fields_use_the_wide_form() {
        let long = "é".repeat(131_072);
        let values: Values =
            (0..700).map(|n| (FieldId(n), Value::Text(long[..usize::from(n) * 2].to_owned()))).collect();
        let row = Row::new(&values);
        assert_eq!(row.to_values(), values);
        let row = Row::new(&Values::from([(FieldId(3), Value::Text(long.clone()))]));
        assert_eq!(row.get_ref(FieldId(3)), ValueRef::Text(&long));
    }

    #[test]
    fn decimals_keep_their_scale_and_their_extremes() {
        for decimal in [Decimal::MAX, Decimal::MIN, Decimal::new(100, 2), Decimal::ZERO, Decimal::new(-1, 28)] {
            let row = Row::new(&Values::from([(FieldId(0), Value::Decimal(decimal))]));
            let back = row.get(FieldId(0));
            assert_eq!(back, Value::Decimal(decimal));
            let Value::Decimal(back) = back else { panic!("{back:?}") };
            assert_eq!(back.scale(), decimal.scale());
        }
    }

    /// What ten million records cost hangs on this.
    #[test]
    fn a_contact_with_25_values_is_small() {
        let text = |text: &str| Value::Text(text.to_owned());
        let id = |prefix: &[u8; 3]| Value::Id(RecordId::new(*prefix, *b"TG", 123_456));
        let stamp = || Value::DateTime(1_790_000_000_000);
        let values: Values = [
            id(b"003"),
            Value::Bool(false),
            id(b"001"),
            text("Grigoryan"),
            text("Anahit"),
            text("Ms."),
            text("Anahit Grigoryan"),
            text("12 Mashtots Avenue"),
            text("Yerevan"),
            text("0010"),
            text("Armenia"),
            text("+374 10 123456"),
            text("+374 91 123456"),
            text("anahit.grigoryan@example.com"),
            text("Director of Logistics"),
            text("Logistics"),
            Value::Date(jiff::civil::date(1984, 5, 6)),
            id(b"005"),
            stamp(),
            id(b"005"),
            stamp(),
            id(b"005"),
            stamp(),
            Value::Bool(false),
            text("/services/images/photo/0030000000W7EAAQ"),
        ]
        .into_iter()
        .enumerate()
        .map(|(at, value)| (FieldId(at as u16 * 2), value))
        .collect();
        assert_eq!(values.len(), 25);
        let size = Row::new(&values).packed_len();
        assert!(size <= 350, "{size} bytes");
    }
}
