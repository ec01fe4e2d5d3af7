//! The tokens of a call, and errors at them.
//!
//! A call is short and its grammar small: a parser of Rust would take more of a user's first build than all else of this crate.

use std::iter::Peekable;
use std::vec;

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What is wrong, and with which tokens.
#[derive(Debug)]
pub(crate) struct Error {
    message: String,
    first: Span,
    last: Span,
}

impl Error {
    pub(crate) fn new(span: Span, message: impl ToString) -> Self {
        Self::between([span, span], message)
    }

    pub(crate) fn between([first, last]: [Span; 2], message: impl ToString) -> Self {
        Self {
            message: message.to_string(),
            first,
            last,
        }
    }

    /// `::core::compile_error! { "…" }`: the compiler shows the error from the first token's place to the last one's.
    pub(crate) fn to_compile_error(&self) -> TokenStream {
        let punct = |character, spacing, span| {
            let mut punct = Punct::new(character, spacing);
            punct.set_span(span);
            TokenTree::from(punct)
        };
        let path = |name| {
            [
                punct(':', Spacing::Joint, self.first),
                punct(':', Spacing::Alone, self.first),
                Ident::new(name, self.first).into(),
            ]
        };
        let mut message = Literal::string(&self.message);
        message.set_span(self.last);
        let mut braces = Group::new(Delimiter::Brace, TokenTree::from(message).into());
        braces.set_span(self.last);
        let end = [punct('!', Spacing::Alone, self.last), braces.into()];
        [path("core"), path("compile_error")]
            .into_iter()
            .flatten()
            .chain(end)
            .collect()
    }
}

/// Tokens that are not read yet.
pub(crate) struct Input {
    tokens: Peekable<vec::IntoIter<TokenTree>>,
    /// The place of what is missing at the end.
    end: Span,
}

impl Input {
    pub(crate) fn new(tokens: TokenStream, end: Span) -> Self {
        let mut flat = Vec::new();
        flatten(tokens, &mut flat);
        Self {
            tokens: flat.into_iter().peekable(),
            end,
        }
    }

    pub(crate) fn peek(&mut self) -> Option<&TokenTree> {
        self.tokens.peek()
    }

    pub(crate) fn next(&mut self) -> Option<TokenTree> {
        self.tokens.next()
    }

    /// Where the next token is.
    pub(crate) fn span(&mut self) -> Span {
        let end = self.end;
        self.peek().map_or(end, TokenTree::span)
    }

    pub(crate) fn error(&mut self, expected: &str) -> Error {
        let message = match self.peek() {
            Some(_) => format!("expected {expected}"),
            None => format!("unexpected end of input, expected {expected}"),
        };
        Error::new(self.span(), message)
    }

    /// The next token, if it is this word.
    pub(crate) fn word(&mut self, wanted: &str) -> Option<Ident> {
        match self.tokens.next_if(|token| is_word(token, wanted))? {
            TokenTree::Ident(ident) => Some(ident),
            _ => None,
        }
    }

    pub(crate) fn ident(&mut self) -> Result<Ident> {
        match self.peek() {
            Some(TokenTree::Ident(ident)) => {
                let ident = ident.clone();
                self.next();
                Ok(ident)
            }
            _ => Err(self.error("identifier")),
        }
    }

    /// The next token, if it is this sign.
    pub(crate) fn sign(&mut self, wanted: char) -> Option<TokenTree> {
        let is_sign =
            |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == wanted);
        self.tokens.next_if(is_sign)
    }

    pub(crate) fn expect(&mut self, sign: char) -> Result<()> {
        match self.sign(sign) {
            Some(_) => Ok(()),
            None => Err(self.error(&format!("`{sign}`"))),
        }
    }

    /// The tokens of a group, if one of this kind is next.
    pub(crate) fn group(&mut self, delimiter: Delimiter) -> Option<Group> {
        let is_group =
            |token: &TokenTree| matches!(token, TokenTree::Group(g) if g.delimiter() == delimiter);
        match self.tokens.next_if(is_group)? {
            TokenTree::Group(group) => Some(group),
            _ => None,
        }
    }

    /// A path without arguments: its words with what is between them, the first word and the last.
    pub(crate) fn path(&mut self) -> Result<(TokenStream, [Ident; 2])> {
        let mut tokens: Vec<TokenTree> = Vec::new();
        tokens.extend(self.colons()?);
        let first = self.ident()?;
        let mut last = first.clone();
        tokens.push(first.clone().into());
        loop {
            let colons = self.colons()?;
            if colons.is_empty() {
                return Ok((tokens.into_iter().collect(), [first, last]));
            }
            tokens.extend(colons);
            last = self.ident()?;
            tokens.push(last.clone().into());
        }
    }

    fn colons(&mut self) -> Result<Vec<TokenTree>> {
        let Some(colon) = self.sign(':') else {
            return Ok(Vec::new());
        };
        match self.sign(':') {
            Some(second) => Ok(vec![colon, second]),
            None => Err(self.error("`::`")),
        }
    }
}

fn is_word(token: &TokenTree, wanted: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == wanted)
}

/// What came through a macro by example lies in groups that nobody wrote.
fn flatten(tokens: TokenStream, flat: &mut Vec<TokenTree>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                flatten(group.stream(), flat);
            }
            token => flat.push(token),
        }
    }
}
