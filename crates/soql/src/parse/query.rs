//! The statement and its clauses, apart from the SELECT list and conditions.

use super::{MAX_QUERY_NESTING, Parser, Result};
use crate::ast::{
    Count, DataCategory, Direction, FieldPath, ForClause, From, Function, GroupBy, Lookup, LookupBind, Name, Nulls,
    Operand, OrderItem, Query, SelectItem, Span, UpdateClause, With,
};
use crate::error::ParseErrorKind;
use crate::keywords::{is_contextual, is_reserved};
use crate::lex::Kind;

/// `GROUP BY ROLLUP(…)` and `CUBE(…)` take up to three fields (documented).
const MAX_ROLLUP: usize = 3;

impl Parser<'_> {
    /// A query at the top, in the SELECT list, or (restricted by its caller) in a semi-join.
    pub(super) fn query(&mut self) -> Result<Query> {
        if self.queries == MAX_QUERY_NESTING {
            let span = self.peek().map_or_else(Span::default, |token| token.span);
            return Err(self.error(ParseErrorKind::TooDeep { limit: MAX_QUERY_NESTING }, span));
        }
        self.queries += 1;
        let query = self.query_clauses();
        self.queries -= 1;
        query
    }

    fn query_clauses(&mut self) -> Result<Query> {
        let start = self.here();
        self.expect_word("SELECT")?;
        let select = self.select_list()?;
        let from = self.from()?;
        let (scope, mut lookup) = self.using()?;
        let condition = if self.eat_word("WHERE") { Some(self.condition()?) } else { None };
        let with = if self.eat_word("WITH") { Some(self.with()?) } else { None };
        let group_by = if self.eat_words("GROUP", "BY") { Some(self.group_by()?) } else { None };
        let having = self.having(group_by.is_some())?;
        let order_by = if self.eat_words("ORDER", "BY") { self.list(Self::order_item)? } else { Vec::new() };
        let limit = if self.eat_word("LIMIT") { Some(self.count("a number after LIMIT")?) } else { None };
        let offset = if self.eat_word("OFFSET") { Some(self.count("a number after OFFSET")?) } else { None };
        if let Some(lookup) = &mut lookup {
            lookup.binds = self.binds()?;
        }
        let mut for_clauses = Vec::new();
        self.for_clauses(&mut for_clauses)?;
        let update = if self.eat_word("UPDATE") { self.list(Self::update_clause)? } else { Vec::new() };
        if !update.is_empty() && !for_clauses.contains(&ForClause::Update) && self.eat_words("FOR", "UPDATE") {
            for_clauses.push(ForClause::Update);
        }
        let all_rows = self.eat_words("ALL", "ROWS");
        Ok(Query {
            select,
            from,
            scope,
            lookup,
            condition,
            with,
            group_by,
            having,
            order_by,
            limit,
            offset,
            for_clauses,
            update,
            all_rows,
            span: self.since(start),
        })
    }

    fn from(&mut self) -> Result<From> {
        self.expect_word("FROM")?;
        let object = self.path("an object name")?;
        let alias = self.object_alias()?;
        let mut also = Vec::new();
        while self.eat(Kind::Comma) {
            let path = self.path("a relationship path")?;
            also.push((path, self.object_alias()?));
        }
        Ok(From { object, alias, also })
    }

    fn object_alias(&mut self) -> Result<Option<Name>> {
        if self.eat_word("AS") {
            return self.alias_name().map(Some);
        }
        if !self.begins_clause() && self.is_name(0) { self.alias_name().map(Some) } else { Ok(None) }
    }

    /// Whether a word that may be a name begins a clause here: what follows decides.
    fn begins_clause(&self) -> bool {
        (self.is_word(0, "ORDER") && self.is_word(1, "BY"))
            || (self.is_word(0, "ALL") && self.is_word(1, "ROWS"))
            || (self.is_word(0, "OFFSET") && (self.is_kind(1, Kind::Number) || self.is_kind(1, Kind::Colon)))
            || (self.is_word(0, "GROUP") && self.is_word(1, "BY"))
    }

    /// A name for an alias: `GROUP` is kept from those too.
    pub(super) fn alias_name(&mut self) -> Result<Name> {
        if self.is_word(0, "GROUP") {
            return Err(self.unexpected("an alias"));
        }
        self.name("an alias")
    }

    /// `USING SCOPE name`, `USING LOOKUP Object.Field`, or both with a comma between them.
    fn using(&mut self) -> Result<(Option<Name>, Option<Lookup>)> {
        let (mut scope, mut lookup) = (None, None);
        if !self.eat_word("USING") {
            return Ok((scope, lookup));
        }
        loop {
            if lookup.is_none() && self.eat_word("LOOKUP") {
                let field = self.lookup_field()?;
                lookup = Some(Lookup { field, binds: Vec::new() });
            } else if scope.is_none() {
                self.expect_word("SCOPE")?;
                scope = Some(self.scope_name()?);
            } else {
                return Err(self.unexpected("one SCOPE and one LOOKUP after USING"));
            }
            if !self.eat(Kind::Comma) {
                return Ok((scope, lookup));
            }
        }
    }

    fn scope_name(&mut self) -> Result<Name> {
        let expected = "the name of a scope, such as mine";
        match self.peek() {
            Some(token) if is_contextual(self.text(token)) => Err(self.unexpected(expected)),
            _ => self.name(expected),
        }
    }

    /// `Object.Field`. A word of a clause may not stand there alone.
    pub(super) fn lookup_field(&mut self) -> Result<FieldPath> {
        let expected = "the reference field of a lookup, such as Contact.AccountId";
        match self.peek() {
            Some(token) if is_contextual(self.text(token)) && !self.is_kind(1, Kind::Dot) => {
                Err(self.unexpected(expected))
            }
            _ => self.path(expected),
        }
    }

    /// `BIND field = value, …`, or nothing.
    pub(super) fn binds(&mut self) -> Result<Vec<LookupBind>> {
        if !self.eat_word("BIND") {
            return Ok(Vec::new());
        }
        self.list(|parser| {
            let field = parser.path("a field to bind")?;
            parser.expect(Kind::Eq, "=")?;
            match parser.peek() {
                // Variables bind elsewhere: this clause names values.
                Some(token) if token.kind == Kind::Colon => Err(parser.unexpected("a value")),
                _ => Ok(LookupBind { field, value: parser.value(false)? }),
            }
        })
    }

    fn with(&mut self) -> Result<With> {
        if self.eat_words("DATA", "CATEGORY") {
            return self.data_categories().map(With::DataCategory);
        }
        for mode in ["SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"] {
            if self.is_word(0, mode) {
                return self.name(mode).map(With::Mode);
            }
        }
        if self.is_word(0, "RecordVisibilityContext") && self.is_kind(1, Kind::LeftParen) {
            self.at += 2;
            let settings = self.list(|parser| {
                let name = parser.name("the name of a setting")?;
                parser.expect(Kind::Eq, "=")?;
                Ok((name, parser.setting()?))
            })?;
            self.expect(Kind::RightParen, ")")?;
            return Ok(With::RecordVisibilityContext(settings));
        }
        self.with_condition().map(With::Condition)
    }

    pub(super) fn data_categories(&mut self) -> Result<Vec<DataCategory>> {
        let mut categories = Vec::new();
        loop {
            let group = self.name("a data category group")?;
            let is_selector = ["AT", "ABOVE", "BELOW", "ABOVE_OR_BELOW"].iter().any(|word| self.is_word(0, word));
            if !is_selector {
                return Err(self.unexpected("AT, ABOVE, BELOW or ABOVE_OR_BELOW"));
            }
            let selector = self.name("a selector")?;
            let names = if self.eat(Kind::LeftParen) {
                let names = self.list(|parser| parser.name("a data category"))?;
                self.expect(Kind::RightParen, ")")?;
                names
            } else {
                vec![self.name("a data category")?]
            };
            categories.push((group, selector, names));
            if !self.eat_word("AND") {
                return Ok(categories);
            }
        }
    }

    fn group_by(&mut self) -> Result<GroupBy> {
        for (word, wrap) in [("ROLLUP", GroupBy::Rollup as fn(_) -> _), ("CUBE", GroupBy::Cube)] {
            if self.eat_word(word) {
                self.expect(Kind::LeftParen, "(")?;
                let start = self.here();
                let keys = self.list(Self::group_key)?;
                if keys.len() > MAX_ROLLUP {
                    let span = self.since(start);
                    return self.not_allowed("a fourth field", "in ROLLUP or CUBE", span);
                }
                self.expect(Kind::RightParen, ")")?;
                return Ok(wrap(keys));
            }
        }
        self.list(Self::group_key).map(GroupBy::Keys)
    }

    fn group_key(&mut self) -> Result<Operand> {
        let key = self.operand("a field or function to group by")?;
        match &key {
            Operand::Function(Function { name, span, .. }) if name.text.eq_ignore_ascii_case("DISTANCE") => {
                self.not_allowed("DISTANCE", "in GROUP BY", *span)
            }
            _ => Ok(key),
        }
    }

    fn having(&mut self, is_grouped: bool) -> Result<Option<crate::ast::Condition>> {
        let Some(token) = self.peek().filter(|_| self.is_word(0, "HAVING")) else { return Ok(None) };
        if !is_grouped {
            return self.not_allowed("HAVING", "without GROUP BY", token.span);
        }
        self.at += 1;
        let outside = std::mem::replace(&mut self.in_having, true);
        let condition = self.condition();
        self.in_having = outside;
        condition.map(Some)
    }

    pub(super) fn order_item(&mut self) -> Result<OrderItem> {
        let key = self.operand("a field or function to order by")?;
        let direction = if self.eat_word("ASC") {
            Some(Direction::Asc)
        } else if self.eat_word("DESC") {
            Some(Direction::Desc)
        } else {
            None
        };
        let nulls = if self.eat_word("NULLS") {
            if self.eat_word("FIRST") {
                Some(Nulls::First)
            } else if self.eat_word("LAST") {
                Some(Nulls::Last)
            } else {
                return Err(self.unexpected("FIRST or LAST"));
            }
        } else {
            None
        };
        Ok(OrderItem { key, direction, nulls })
    }

    pub(super) fn count(&mut self, expected: &str) -> Result<Count> {
        match self.peek() {
            Some(token) if token.kind == Kind::Number => {
                let text = self.text(token);
                self.at += 1;
                text.parse().map(|number| Count::Number(number, token.span)).map_err(|_| {
                    let why = "LIMIT and OFFSET take a whole number below 2^64";
                    self.error(ParseErrorKind::BadNumber { text: text.to_owned(), why }, token.span)
                })
            }
            Some(token) if token.kind == Kind::Colon => {
                let text = self.bind_name()?;
                Ok(Count::Bind(Name { text, span: self.since(token.span.start) }))
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// `FOR VIEW`, `FOR REFERENCE`, `FOR VIEW FOR REFERENCE`, and `FOR UPDATE` after them.
    fn for_clauses(&mut self, clauses: &mut Vec<ForClause>) -> Result<()> {
        for (word, clause) in
            [("VIEW", ForClause::View), ("REFERENCE", ForClause::Reference), ("UPDATE", ForClause::Update)]
        {
            if self.eat_words("FOR", word) {
                clauses.push(clause);
            }
        }
        if self.eat_word("FOR") {
            let expected = if clauses.is_empty() {
                "VIEW, REFERENCE or UPDATE"
            } else {
                "FOR VIEW, FOR REFERENCE, FOR UPDATE once each, in this order"
            };
            return Err(self.unexpected(expected));
        }
        Ok(())
    }

    pub(super) fn update_clause(&mut self) -> Result<UpdateClause> {
        if self.eat_word("TRACKING") {
            Ok(UpdateClause::Tracking)
        } else if self.eat_word("VIEWSTAT") {
            Ok(UpdateClause::Viewstat)
        } else {
            Err(self.unexpected("TRACKING or VIEWSTAT"))
        }
    }

    /// The query inside `IN (…)`: one field, and none of the clauses that sort, cut or lock.
    pub(super) fn semi_join(&mut self) -> Result<Query> {
        let query = self.query()?;
        let place = "in a semi-join";
        match query.select.as_slice() {
            [SelectItem::Field(_, None) | SelectItem::Function(_, None)] => {}
            [SelectItem::Field(_, Some(alias)) | SelectItem::Function(_, Some(alias))] => {
                return self.not_allowed("an alias", place, alias.span);
            }
            [SelectItem::Count(span)] => return self.not_allowed("COUNT()", place, *span),
            [SelectItem::TypeOf(type_of)] => return self.not_allowed("TYPEOF", place, type_of.span),
            [SelectItem::Fields(_, span)] => return self.not_allowed("FIELDS()", place, *span),
            [SelectItem::Subquery(inner)] => return self.not_allowed("a sub-query in SELECT", place, inner.span),
            _ => return self.not_allowed("more than one field", place, query.span),
        }
        let refused = [
            ("BIND", query.lookup.as_ref().is_some_and(|lookup| !lookup.binds.is_empty())),
            ("GROUP BY", query.group_by.is_some()),
            ("ORDER BY", !query.order_by.is_empty()),
            ("LIMIT", query.limit.is_some()),
            ("OFFSET", query.offset.is_some()),
            ("FOR", !query.for_clauses.is_empty()),
            ("UPDATE", !query.update.is_empty()),
            ("ALL ROWS", query.all_rows),
        ];
        match refused.iter().find(|(_, is_there)| *is_there) {
            Some((what, _)) => self.not_allowed(what, place, query.span),
            None => Ok(query),
        }
    }

    /// `A.B.C`, without white space around the dots. Only the first name is kept from being a word of the grammar.
    pub(super) fn path(&mut self, expected: &str) -> Result<FieldPath> {
        let mut segments = vec![self.name(expected)?];
        while self.is_kind(0, Kind::Dot) {
            let dot = self.advance().map_or_else(Span::default, |token| token.span);
            let before = segments.last().map_or(dot.start, |name| name.span.end);
            match self.peek() {
                Some(token) if token.kind == Kind::Word && before == dot.start && dot.end == token.span.start => {
                    self.at += 1;
                    segments.push(Name { text: self.text(token).to_owned(), span: token.span });
                }
                _ => return Err(self.unexpected("a name right after the dot")),
            }
        }
        Ok(FieldPath { segments })
    }

    /// An alias in a search's field list, which its clauses follow without a bracket between.
    pub(super) fn search_alias(&mut self) -> Result<Option<Name>> {
        if self.begins_clause() { Ok(None) } else { self.select_alias() }
    }

    /// Whether an alias of a SELECT item stands here.
    pub(super) fn select_alias(&mut self) -> Result<Option<Name>> {
        match self.peek() {
            Some(token) if token.kind == Kind::Word && !is_reserved(self.text(token)) => self.alias_name().map(Some),
            _ => Ok(None),
        }
    }
}
