//! Conditions of WHERE, HAVING and WITH.

use super::{Parser, Result};
use crate::ast::{Comparison, Condition, Operand, Operator, Right};
use crate::error::ParseErrorKind;
use crate::lex::Kind;

impl Parser<'_> {
    /// `a AND b AND c`, `a OR b OR c`, `NOT a`, or one of these in parentheses.
    ///
    /// AND and OR never meet at one level, and NOT stands alone at its level: both need parentheses.
    pub(super) fn condition(&mut self) -> Result<Condition> {
        if self.eat_word("NOT") {
            if self.is_word(0, "NOT") {
                return Err(self.unexpected("a condition; write NOT (NOT …)"));
            }
            let inner = self.simple_condition()?;
            self.refuse_after_not()?;
            return Ok(Condition::Not(Box::new(inner)));
        }
        let first = self.simple_condition()?;
        let (word, other, wrap) = if self.is_word(0, "AND") {
            ("AND", "OR", Condition::And as fn(_) -> _)
        } else if self.is_word(0, "OR") {
            ("OR", "AND", Condition::Or as fn(_) -> _)
        } else {
            return Ok(first);
        };
        let mut all = vec![first];
        while self.eat_word(word) {
            self.refuse_bare_not()?;
            all.push(self.simple_condition()?);
        }
        if let Some(token) = self.peek().filter(|_| self.is_word(0, other)) {
            return Err(self.error(ParseErrorKind::MixedAndOr, token.span));
        }
        Ok(wrap(all))
    }

    fn refuse_bare_not(&self) -> Result<()> {
        match self.peek() {
            Some(token) if self.is_word(0, "NOT") => Err(self.error(ParseErrorKind::BareNot, token.span)),
            _ => Ok(()),
        }
    }

    fn refuse_after_not(&self) -> Result<()> {
        match self.peek() {
            Some(token) if self.is_word(0, "AND") || self.is_word(0, "OR") => {
                Err(self.error(ParseErrorKind::BareNot, token.span))
            }
            _ => Ok(()),
        }
    }

    fn simple_condition(&mut self) -> Result<Condition> {
        if self.eat(Kind::LeftParen) {
            let inner = self.nested(Self::condition)?;
            self.expect(Kind::RightParen, "AND, OR or )")?;
            return Ok(inner);
        }
        self.comparison().map(Condition::Compare)
    }

    fn comparison(&mut self) -> Result<Comparison> {
        let start = self.here();
        let left = self.operand("a field to compare")?;
        let before = self.at;
        let operator = self.operator()?;
        let is_distance = matches!(&left, Operand::Function(f) if f.name.text.eq_ignore_ascii_case("DISTANCE"));
        if is_distance && !is_comparing(operator) {
            self.at = before;
            return Err(self.unexpected("< or >, since DISTANCE is a number"));
        }
        let right = match operator {
            Operator::In | Operator::NotIn => self.in_right()?,
            Operator::Includes | Operator::Excludes => self.includes_right()?,
            Operator::Like => Right::Value(self.value(true)?),
            _ => Right::Value(self.value(false)?),
        };
        Ok(Comparison { left, operator, right, span: self.since(start) })
    }

    fn operator(&mut self) -> Result<Operator> {
        let Some(token) = self.peek() else { return Err(self.unexpected("an operator")) };
        let (operator, length) = match token.kind {
            Kind::Eq => (Operator::Eq, 1),
            Kind::Ne => (Operator::Ne, 1),
            // Salesforce's published grammar lets white space into these two.
            Kind::Lt if self.is_kind(1, Kind::Eq) => (Operator::Le, 2),
            Kind::Gt if self.is_kind(1, Kind::Eq) => (Operator::Ge, 2),
            Kind::Lt => (Operator::Lt, 1),
            Kind::Le => (Operator::Le, 1),
            Kind::Gt => (Operator::Gt, 1),
            Kind::Ge => (Operator::Ge, 1),
            _ if self.is_word(0, "LIKE") => (Operator::Like, 1),
            _ if self.is_word(0, "IN") => (Operator::In, 1),
            _ if self.is_word(0, "NOT") && self.is_word(1, "IN") => (Operator::NotIn, 2),
            _ if self.is_word(0, "INCLUDES") => (Operator::Includes, 1),
            _ if self.is_word(0, "EXCLUDES") => (Operator::Excludes, 1),
            _ => return Err(self.unexpected("an operator")),
        };
        self.at += length;
        Ok(operator)
    }

    fn in_right(&mut self) -> Result<Right> {
        if self.is_kind(0, Kind::Colon) {
            return self.value(false).map(Right::Value);
        }
        let opening = self.expect(Kind::LeftParen, "( or a bind variable")?;
        if self.is_word(0, "SELECT") {
            if self.in_having {
                return self.not_allowed("a semi-join", "in HAVING", opening);
            }
            let query = self.semi_join()?;
            self.expect(Kind::RightParen, ")")?;
            return Ok(Right::Subquery(Box::new(query)));
        }
        let values = self.list(|parser| parser.value(false))?;
        self.expect(Kind::RightParen, ", or )")?;
        Ok(Right::List(values))
    }

    fn includes_right(&mut self) -> Result<Right> {
        if self.is_kind(0, Kind::Colon) {
            return self.value(false).map(Right::Value);
        }
        self.expect(Kind::LeftParen, "( or a bind variable")?;
        let values = self.list(|parser| match parser.peek() {
            Some(token) if matches!(token.kind, Kind::String | Kind::Colon) => parser.value(false),
            _ => Err(parser.unexpected("a string such as 'A;B'")),
        })?;
        self.expect(Kind::RightParen, ", or )")?;
        Ok(Right::List(values))
    }

    /// `WITH UserId = '005…'`: one field, equal to one string.
    pub(super) fn with_condition(&mut self) -> Result<Condition> {
        let start = self.here();
        let left = Operand::Field(self.path("DATA CATEGORY, SECURITY_ENFORCED, USER_MODE, SYSTEM_MODE or a field")?);
        self.expect(Kind::Eq, "= after the field in WITH")?;
        let right = match self.peek() {
            Some(token) if matches!(token.kind, Kind::String | Kind::Colon) => Right::Value(self.value(false)?),
            _ => return Err(self.unexpected("a string")),
        };
        Ok(Condition::Compare(Comparison { left, operator: Operator::Eq, right, span: self.since(start) }))
    }
}

fn is_comparing(operator: Operator) -> bool {
    matches!(operator, Operator::Eq | Operator::Ne | Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge)
}
