//! Tokens to a tree.
//!
//! From loosest to tightest: `||`, `&&`, `= == <> !=`, `< > <= >=`, `+ - &`, `^`, `* /`, then the signs and `!`. All of
//! one level go from left to right. That `^` binds more loosely than `*` is Salesforce's own grammar.

use rust_decimal::Decimal;

use super::FormulaError;
use super::token::{Token, tokens};

/// How deep expressions may nest; a real org's bound is the compiled size, which this keeps the stack within.
const DEPTH_MAX: usize = 100;

/// A formula as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ast {
    Number(Decimal),
    Text(String),
    Bool(bool),
    Null,
    /// A field's path, with its dots.
    Field(String),
    /// A function, by its name in capitals; `&&`, `||` and `!` are `AND`, `OR` and `NOT`.
    Call(String, Vec<Ast>),
    Negate(Box<Ast>),
    Binary(Operator, Box<Ast>, Box<Ast>),
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Concat,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// As error messages write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Power => "^",
            Self::Concat => "&",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// The levels between `&&` and the signs, loosest first.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("=", Operator::Equal), ("==", Operator::Equal), ("<>", Operator::NotEqual), ("!=", Operator::NotEqual)],
    &[("<", Operator::Less), ("<=", Operator::LessOrEqual), (">", Operator::Greater), (">=", Operator::GreaterOrEqual)],
    &[("+", Operator::Add), ("-", Operator::Subtract), ("&", Operator::Concat)],
    &[("^", Operator::Power)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
];

/// The tree of a formula.
pub(super) fn parse(text: &str) -> Result<Ast, FormulaError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let found = parser.expression()?;
    match parser.tokens.get(parser.at) {
        None => Ok(found),
        Some(Token::Mark(mark)) => Err(FormulaError::extra(mark)),
        Some(token) => Err(FormulaError::extra(&shown(token))),
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Number(number) => number.to_string(),
        Token::Text(text) => format!("\"{text}\""),
        Token::Name(name) => name.clone(),
        Token::Mark(mark) => (*mark).to_owned(),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, mark: &str) -> bool {
        let is_here = matches!(self.peek(), Some(Token::Mark(found)) if *found == mark);
        self.at += usize::from(is_here);
        is_here
    }

    fn expect(&mut self, mark: &str) -> Result<(), FormulaError> {
        if self.take(mark) { Ok(()) } else { Err(FormulaError::missing(mark)) }
    }

    fn expression(&mut self) -> Result<Ast, FormulaError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(FormulaError::new(format!("Syntax error. Expressions nest deeper than {DEPTH_MAX} levels")));
        }
        let found = self.logical("||", "OR", |parser| parser.logical("&&", "AND", |parser| parser.level(0)));
        self.depth -= 1;
        found
    }

    fn logical(
        &mut self,
        mark: &str,
        name: &str,
        operand: impl Fn(&mut Self) -> Result<Ast, FormulaError>,
    ) -> Result<Ast, FormulaError> {
        let first = operand(self)?;
        let mut all = vec![first];
        while self.take(mark) {
            all.push(operand(self)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Ast::Call(name.to_owned(), all) })
    }

    fn level(&mut self, level: usize) -> Result<Ast, FormulaError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some((mark, operator)) = self.operator(operators) {
            self.take(mark);
            let right = self.level(level + 1)?;
            left = Ast::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operator(&self, operators: &[(&'static str, Operator)]) -> Option<(&'static str, Operator)> {
        let Some(Token::Mark(here)) = self.peek() else { return None };
        operators.iter().find(|(mark, _)| mark == here).copied()
    }

    fn unary(&mut self) -> Result<Ast, FormulaError> {
        // Signs are counted rather than followed, so that a thousand of them need no stack.
        let mut signs: Vec<&str> = Vec::new();
        while let Some(sign) = ["-", "+", "!"].into_iter().find(|sign| self.take(sign)) {
            signs.push(sign);
        }
        let mut found = self.primary()?;
        if signs.len() > DEPTH_MAX {
            return Err(FormulaError::found("-"));
        }
        for sign in signs.into_iter().rev() {
            found = match sign {
                "-" => Ast::Negate(Box::new(found)),
                "!" => Ast::Call("NOT".to_owned(), vec![found]),
                _ => found,
            };
        }
        Ok(found)
    }

    fn primary(&mut self) -> Result<Ast, FormulaError> {
        let Some(token) = self.peek().cloned() else {
            return Err(FormulaError::new("Syntax error.  Found 'end of formula'"));
        };
        match token {
            Token::Number(number) => {
                self.at += 1;
                Ok(Ast::Number(number))
            }
            Token::Text(text) => {
                self.at += 1;
                Ok(Ast::Text(text))
            }
            Token::Name(name) => {
                self.at += 1;
                if self.take("(") {
                    let arguments = self.arguments()?;
                    return Ok(Ast::Call(name.to_ascii_uppercase(), arguments));
                }
                Ok(match name.to_ascii_uppercase().as_str() {
                    "TRUE" => Ast::Bool(true),
                    "FALSE" => Ast::Bool(false),
                    "NULL" => Ast::Null,
                    _ => Ast::Field(name),
                })
            }
            Token::Mark("(") => {
                self.at += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Mark(mark) => Err(FormulaError::found(mark)),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Ast>, FormulaError> {
        let mut arguments = Vec::new();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression()?);
            if !self.take(",") {
                self.expect(")")?;
                return Ok(arguments);
            }
        }
    }
}
