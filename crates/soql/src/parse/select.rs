//! The SELECT list, functions and operands.

use super::{Parser, Result};
use crate::ast::{Argument, FieldPath, FieldSet, Function, Name, Operand, SelectItem, TypeOf, Value};
use crate::lex::Kind;

impl Parser<'_> {
    pub(super) fn select_list(&mut self) -> Result<Vec<SelectItem>> {
        if self.is_word(0, "COUNT") && self.is_kind(1, Kind::LeftParen) && self.is_kind(2, Kind::RightParen) {
            let start = self.here();
            self.at += 3;
            let count = SelectItem::Count(self.since(start));
            if !self.is_word(0, "FROM") {
                return Err(self.unexpected("FROM, since COUNT() stands alone"));
            }
            return Ok(vec![count]);
        }
        let items = self.list(Self::select_item)?;
        if !self.is_word(0, "FROM") {
            return Err(self.unexpected("FROM"));
        }
        Ok(items)
    }

    /// An entry of a search's field list: no sub-queries, no TYPEOF.
    pub(super) fn search_item(&mut self) -> Result<SelectItem> {
        if self.is_word(0, "FIELDS") && self.is_kind(1, Kind::LeftParen) {
            return self.field_set();
        }
        match self.operand("a field or function")? {
            Operand::Field(path) => Ok(SelectItem::Field(path, self.search_alias()?)),
            Operand::Function(function) => Ok(SelectItem::Function(function, self.search_alias()?)),
        }
    }

    fn select_item(&mut self) -> Result<SelectItem> {
        if self.eat(Kind::LeftParen) {
            let query = self.query()?;
            self.expect(Kind::RightParen, ")")?;
            return Ok(SelectItem::Subquery(Box::new(query)));
        }
        if self.begins_type_of() {
            return self.type_of().map(SelectItem::TypeOf);
        }
        if self.is_word(0, "FIELDS") && self.is_kind(1, Kind::LeftParen) {
            return self.field_set();
        }
        match self.operand("a field, function or sub-query")? {
            Operand::Field(path) => Ok(SelectItem::Field(path, self.select_alias()?)),
            Operand::Function(function) => Ok(SelectItem::Function(function, self.select_alias()?)),
        }
    }

    /// `TYPEOF` is a field's name where it is followed by a comma, FROM, or an alias and one of those.
    fn begins_type_of(&self) -> bool {
        let ends_item = |ahead| self.is_kind(ahead, Kind::Comma) || self.is_word(ahead, "FROM");
        self.is_word(0, "TYPEOF") && self.is_name(1) && !ends_item(2)
    }

    fn type_of(&mut self) -> Result<TypeOf> {
        let start = self.here();
        self.expect_word("TYPEOF")?;
        let relationship = self.path("a polymorphic relationship")?;
        let mut when = Vec::new();
        while self.eat_word("WHEN") {
            let object = self.name("an object name")?;
            self.expect_word("THEN")?;
            when.push((object, self.type_of_fields()?));
        }
        if when.is_empty() {
            return Err(self.unexpected("WHEN"));
        }
        let otherwise = if self.eat_word("ELSE") { self.type_of_fields()? } else { Vec::new() };
        self.expect_word("END")?;
        Ok(TypeOf { relationship, when, otherwise, span: self.since(start) })
    }

    fn type_of_fields(&mut self) -> Result<Vec<FieldPath>> {
        self.list(|parser| parser.path("a field"))
    }

    fn field_set(&mut self) -> Result<SelectItem> {
        let start = self.here();
        self.at += 2;
        let set = if self.eat_word("ALL") {
            FieldSet::All
        } else if self.eat_word("CUSTOM") {
            FieldSet::Custom
        } else if self.eat_word("STANDARD") {
            FieldSet::Standard
        } else {
            return Err(self.unexpected("ALL, CUSTOM or STANDARD"));
        };
        self.expect(Kind::RightParen, ")")?;
        Ok(SelectItem::Fields(set, self.since(start)))
    }

    /// A field path or a function.
    pub(super) fn operand(&mut self, expected: &str) -> Result<Operand> {
        if self.is_name(0) && self.is_kind(1, Kind::LeftParen) {
            self.function().map(Operand::Function)
        } else {
            self.path(expected).map(Operand::Field)
        }
    }

    fn function(&mut self) -> Result<Function> {
        let start = self.here();
        let name = self.name("a function")?;
        self.expect(Kind::LeftParen, "(")?;
        let arguments = self.nested(|parser| {
            if name.text.eq_ignore_ascii_case("DISTANCE") {
                parser.distance_arguments()
            } else if name.text.eq_ignore_ascii_case("FIELDS") {
                parser.not_allowed("FIELDS()", "outside the SELECT list", name.span)
            } else if name.text.eq_ignore_ascii_case("GEOLOCATION") {
                parser.not_allowed("GEOLOCATION", "outside DISTANCE", name.span)
            } else if name.text.eq_ignore_ascii_case("FORMULA") && parser.is_kind(0, Kind::String) {
                Ok(vec![Argument::Value(parser.value(false)?)])
            } else {
                Ok(vec![parser.argument()?])
            }
        })?;
        self.expect(Kind::RightParen, ")")?;
        Ok(Function { name, arguments, span: self.since(start) })
    }

    fn argument(&mut self) -> Result<Argument> {
        match self.operand("a field or function")? {
            Operand::Field(path) => Ok(Argument::Field(path)),
            Operand::Function(function) if function.name.text.eq_ignore_ascii_case("DISTANCE") => {
                self.not_allowed("DISTANCE", "inside another function", function.span)
            }
            Operand::Function(function) => match function.arguments.as_slice() {
                [Argument::Function(third)] => self.not_allowed("a third function", "inside two others", third.span),
                _ => Ok(Argument::Function(function)),
            },
        }
    }

    /// `field, GEOLOCATION(latitude, longitude), 'mi' | 'km'`: the field comes first (documented).
    fn distance_arguments(&mut self) -> Result<Vec<Argument>> {
        let field = self.path("a geolocation field")?;
        self.expect(Kind::Comma, "a comma")?;
        let start = self.here();
        let span = self.expect_word("GEOLOCATION")?;
        self.expect(Kind::LeftParen, "(")?;
        let latitude = self.coordinate()?;
        self.expect(Kind::Comma, "a comma")?;
        let longitude = self.coordinate()?;
        self.expect(Kind::RightParen, ")")?;
        let text = self.source.get(span.start..span.end).unwrap_or_default().to_owned();
        let place = Function {
            name: Name { text, span },
            arguments: vec![Argument::Value(latitude), Argument::Value(longitude)],
            span: self.since(start),
        };
        self.expect(Kind::Comma, "a comma")?;
        let unit = self.unit()?;
        Ok(vec![Argument::Field(field), Argument::Function(place), Argument::Value(unit)])
    }

    fn coordinate(&mut self) -> Result<Value> {
        match self.peek() {
            Some(token) if matches!(token.kind, Kind::Number | Kind::Plus | Kind::Minus | Kind::Colon) => {
                self.value(false)
            }
            _ => Err(self.unexpected("a number")),
        }
    }
}
