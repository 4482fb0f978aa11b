//! What can be wrong with a header, and what to do about it.

/// Why a field cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Computed by the org.
    Formula,
    /// Numbered by the org.
    AutoNumber,
    /// Made of other fields.
    Compound {
        /// These, as far as they can be written.
        parts: Vec<String>,
    },
    /// A file.
    Blob,
    /// No text stands for its values.
    NoText {
        /// Its type.
        kind: String,
    },
    /// Set when a record is made, and never again.
    CreateOnly,
    /// Not when a record is made.
    UpdateOnly,
    /// Not by this user, or by nobody.
    ReadOnly,
}

/// What is wrong with a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "`Display` says what each is")]
pub enum HeaderFault {
    #[error("records of {object} cannot be {what} by this user")]
    Object { object: String, what: &'static str },
    #[error("column {column} has no name")]
    Unnamed { column: usize },
    #[error("{object} has no field `{name}`{}", renamed(header, name))]
    Unknown { name: String, header: String, object: String, near: Option<String> },
    #[error("`{name}` names a relationship, not a field")]
    RelationshipAlone { name: String, field: String },
    #[error("{field} is written by two columns: {} (`{}`) and {} (`{}`)", columns[0], names[0], columns[1], names[1])]
    Twice { field: String, columns: [usize; 2], names: [String; 2] },
    #[error("{field} cannot be written: {}", because(why))]
    NotWritable { field: String, header: String, why: Why },
    #[error("an `Id` column is not for this operation")]
    IdNotWanted { key: Option<String> },
    #[error("there is no `Id` column")]
    IdMissing,
    #[error("there is no `{key}` column, by which records are to be found")]
    KeyMissing { key: String },
    #[error("there is no column to write")]
    NothingToWrite,
    #[error("a required field has no column: {}", fields.join(", "))]
    Required { fields: Vec<String> },
    #[error("`{name}`: only the parent itself can be named, not the parent's parent")]
    TooFar { name: String },
    #[error("`{name}`: there is no such relationship")]
    NoRelationship { name: String, near: Option<String> },
    #[error("`{name}`: the object stands before the relationship")]
    Swapped { name: String, right: String },
    #[error("`{name}`: that is the name of the field, not of the relationship")]
    FieldForRelationship { name: String, right: String },
    #[error("`{name}`: {relationship} can be of several objects")]
    WhichParent { name: String, relationship: String, key: String, objects: Vec<String> },
    #[error("`{name}`: the relationship has one kind of object, which is not named")]
    OneParent { name: String, right: String },
    #[error("`{name}`: the relationship cannot be to {object}")]
    NoParent { name: String, object: String, objects: Vec<String> },
    #[error("{}", if *exists { format!("{object}.{key} is no key: neither an external id nor a lookup field") } else { format!("{object} has no field `{key}`") })]
    NotAKey { name: String, object: String, key: String, exists: bool, keys: Vec<String> },
    #[error("the file has no column `{name}`, which is to be renamed or left out")]
    NoColumn { name: String, near: Option<String> },
}

fn renamed(header: &str, name: &str) -> String {
    if header.eq_ignore_ascii_case(name) { String::new() } else { format!(" (column `{header}`)") }
}

fn because(why: &Why) -> &'static str {
    match why {
        Why::Formula => "the org computes it",
        Why::AutoNumber => "the org numbers it",
        Why::Compound { .. } => "it is made of other fields",
        Why::Blob => "it holds a file",
        Why::NoText { .. } => "no text stands for its values",
        Why::CreateOnly => "it is set when a record is made, and not changed later",
        Why::UpdateOnly => "it is not set when a record is made",
        Why::ReadOnly => "it is read-only, for this user at least",
    }
}

impl HeaderFault {
    /// What to do about it, where we know.
    pub fn advice(&self) -> Option<String> {
        let list = |names: &[String]| match names {
            few if few.len() <= 8 => few.join(", "),
            many => {
                format!("{}, … ({} in all)", many.iter().take(8).cloned().collect::<Vec<_>>().join(", "), many.len())
            }
        };
        let mean = |near: &Option<String>| near.as_ref().map(|near| format!("did you mean `{near}`?"));
        Some(match self {
            Self::Unknown { near, header, .. } => mean(near).unwrap_or_else(|| {
                format!("rename it ({}) or leave it out (--ignore-column {})", map(header), word(header))
            }),
            Self::NoRelationship { near, .. } | Self::NoColumn { near, .. } => return mean(near),
            Self::Unnamed { column } => {
                format!(
                    "name it in the file, with --map '#{column}=FIELD', or leave it out: --ignore-column '#{column}'"
                )
            }
            Self::Twice { columns, .. } => format!("leave one out: --ignore-column '#{}'", columns[1]),
            Self::NotWritable { why: Why::Compound { parts }, .. } if !parts.is_empty() => {
                format!("write its parts: {}", list(parts))
            }
            Self::NotWritable { why: Why::Blob, .. } => {
                "leave it out; files are sent one by one, with the record".to_owned()
            }
            Self::NotWritable { header, .. } => format!("leave it out: --ignore-column {}", word(header)),
            Self::IdNotWanted { key: Some(key) } => {
                format!("records are found by {key}: leave Id out (--ignore-column Id), or --upsert Id")
            }
            Self::IdNotWanted { key: None } => {
                "new records have no id yet: leave it out (--ignore-column Id), or --update".to_owned()
            }
            Self::IdMissing => "name the column with the record ids: --map 'COLUMN=Id'".to_owned(),
            Self::KeyMissing { key } => format!("name the column with the keys: --map 'COLUMN={key}'"),
            Self::RelationshipAlone { name, field } => {
                format!("write {field} for an id, or {name}.KEY for a key of the parent")
            }
            Self::Swapped { right, .. } | Self::FieldForRelationship { right, .. } | Self::OneParent { right, .. } => {
                format!("write it as `{right}`")
            }
            Self::WhichParent { relationship, key, objects, .. } => {
                let first = objects.iter().find(|o| *o == "User").or_else(|| objects.first());
                let first = first.map_or("OBJECT", String::as_str);
                format!("say which, as in `{first}:{relationship}.{key}`: {}", list(objects))
            }
            Self::NoParent { objects, .. } => format!("it can be to {}", list(objects)),
            Self::NotAKey { object, keys, .. } if keys.is_empty() => {
                format!("{object} has no key besides Id: mark a field as external id in Setup")
            }
            Self::NotAKey { keys, .. } => format!("keys are {}", list(keys)),
            Self::Object { .. } => "check the user's permissions on the object".to_owned(),
            Self::TooFar { .. } | Self::NothingToWrite | Self::Required { .. } => return None,
        })
    }
}

/// A word for a shell.
fn word(name: &str) -> String {
    if name.chars().all(|c| c.is_alphanumeric() || "_.:".contains(c)) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

fn map(header: &str) -> String {
    format!("--map {}", word(&format!("{header}=FIELD")))
}

/// The name that was probably meant: one that differs little, or one whose label was written.
pub(crate) fn near<'a>(typed: &str, known: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let letters =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    // A custom field is often written without its ending.
    let plain = |name: &str| letters(name.strip_suffix("__c").unwrap_or(name));
    let typed = plain(typed);
    known
        .filter_map(|(name, label)| {
            let distance = strsim::damerau_levenshtein(&typed, &plain(name));
            let by_label = !label.is_empty() && letters(label) == typed;
            let far = plain(name).chars().count().max(3) / 3;
            (by_label || distance <= far).then_some((if by_label { 0 } else { distance }, name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_meant() {
        let known = [
            ("FirstName", "First Name"),
            ("AccountId", "Account ID"),
            ("Ext_Id__c", "External Id"),
            ("Phone", "Business Phone"),
        ];
        let near = |typed: &str| near(typed, known.into_iter());
        assert_eq!(near("FristName").as_deref(), Some("FirstName"));
        assert_eq!(near("First Name").as_deref(), Some("FirstName"));
        assert_eq!(near("ext_id").as_deref(), Some("Ext_Id__c"));
        assert_eq!(near("Business phone").as_deref(), Some("Phone"));
        assert_eq!(near("Birthday"), None);
    }

    #[test]
    fn advice_can_be_typed() {
        let fault = HeaderFault::Unknown { name: "X y".into(), header: "X y".into(), object: "A".into(), near: None };
        let advice = fault.advice().unwrap();
        assert_eq!(advice, "rename it (--map 'X y=FIELD') or leave it out (--ignore-column 'X y')");
        assert_eq!(word("it's"), r"'it'\''s'");
    }
}
