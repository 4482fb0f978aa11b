//! What the org's refusal of a query probably means: the name that was mistyped.

use tidegate_client::{Client, Error};

use crate::config::closest;
use crate::failure::Failure;

/// The refusal, with the name that was probably meant. Asking for it costs a describe.
pub(super) async fn failure(client: &Client, error: Error) -> Failure {
    let advice = match &error {
        Error::Api { errors, .. } => match errors.first().and_then(|e| Unknown::of(&e.message)) {
            Some(unknown) => advise(client, &unknown).await,
            None => None,
        },
        _ => None,
    };
    let failure = Failure::from(error);
    match advice {
        Some(advice) => failure.hint(advice),
        None => failure,
    }
}

/// What the org says it does not know.
#[derive(Debug, PartialEq, Eq)]
enum Unknown {
    Field { name: String, object: String },
    Object(String),
}

impl Unknown {
    /// Reads the sentences of INVALID_FIELD and INVALID_TYPE.
    fn of(message: &str) -> Option<Self> {
        let quoted = |after: &str| {
            let (_, rest) = message.split_once(after)?;
            rest.split_once('\'').map(|(name, _)| name.to_owned())
        };
        if let Some(name) = quoted("No such column '") {
            let object = quoted("on entity '").or_else(|| quoted("on sobject of type '"))?;
            return Some(Self::Field { name, object });
        }
        quoted("sObject type '").map(Self::Object)
    }
}

async fn advise(client: &Client, unknown: &Unknown) -> Option<String> {
    match unknown {
        Unknown::Field { name, object } => {
            let describe = client.describe(object).await.ok()?;
            let known: Vec<&str> = describe.fields.iter().map(|field| field.name.as_str()).collect();
            let lists = format!("`tidegate describe {object}` lists its fields");
            Some(match closest(name, &known) {
                Some(near) => format!("did you mean `{near}`? {lists}"),
                None => format!("{lists}, as far as this user may see them"),
            })
        }
        Unknown::Object(name) => {
            let global = client.describe_global().await.ok()?;
            let known: Vec<&str> = global.sobjects.iter().map(|object| object.name.as_str()).collect();
            Some(match closest(name, &known) {
                Some(near) => format!("did you mean `{near}`? `tidegate describe` lists the objects"),
                None => "`tidegate describe` lists the objects, as far as this user may see them".to_owned(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_the_orgs_sentences() {
        let field =
            "\nSELECT Nmae FROM Account\n ^\nERROR at Row:1:Column:8\nNo such column 'Nmae' on entity 'Account'. If";
        let expected = Unknown::Field { name: "Nmae".into(), object: "Account".into() };
        assert_eq!(Unknown::of(field), Some(expected));
        assert_eq!(Unknown::of("sObject type 'Acount' is not supported."), Some(Unknown::Object("Acount".into())));
        assert_eq!(Unknown::of("unexpected token: 'x'"), None);
    }
}
