//! Writes into the configuration file: an org is set or removed, and everything else stays as it was typed, comments
//! included.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, InlineTable, Item, Table, Value};

use crate::failure::Failure;

/// The file's text as a document.
pub(crate) struct Editor {
    path: PathBuf,
    document: DocumentMut,
}

/// A value of an org's description.
#[derive(Debug, Clone)]
pub(crate) enum Written {
    Text(String),
    /// `{ keyring = "…" }`.
    KeyRing(String),
}

impl Editor {
    /// A file that does not exist yet is an empty one.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::usage(format!("cannot read {}", path.display())).with_cause(&error)),
        };
        // It was read before, so what it says is known to be right.
        let document = text
            .parse()
            .map_err(|_| Failure::usage(format!("{} is not TOML and cannot be added to", path.display())))?;
        Ok(Self { path: path.to_owned(), document })
    }

    /// Sets the description of an org. Keys of an earlier description that are not named are removed.
    pub(crate) fn set_org(&mut self, name: &str, values: &[(String, Written)]) -> Result<(), Failure> {
        let other = || Failure::usage(format!("`orgs` in {} is not a table of orgs", self.path.display()));
        let orgs = self.document.entry("orgs").or_insert_with(|| {
            let mut table = Table::new();
            // Only [orgs.NAME] is written, no heading without content.
            table.set_implicit(true);
            Item::Table(table)
        });
        let Some(orgs) = orgs.as_table_like_mut() else { return Err(other()) };
        let org = orgs.entry(name).or_insert_with(|| Item::Table(Table::new()));
        let Some(org) = org.as_table_like_mut() else { return Err(other()) };
        let old: Vec<String> = org.iter().map(|(key, _)| key.to_owned()).collect();
        for key in old.iter().filter(|key| !values.iter().any(|(name, _)| name == *key)) {
            org.remove(key);
        }
        for (key, value) in values {
            let new = match value {
                Written::Text(text) => Value::from(text.as_str()),
                Written::KeyRing(entry) => Value::InlineTable(InlineTable::from_iter([("keyring", entry.as_str())])),
            };
            match org.get_mut(key).and_then(Item::as_value_mut) {
                // The comment behind a value stays.
                Some(old) => {
                    let decor = old.decor().clone();
                    *old = new;
                    *old.decor_mut() = decor;
                }
                None => {
                    org.insert(key, Item::Value(new));
                }
            }
        }
        Ok(())
    }

    /// Removes an org, and its being the default. `false` where there is none of this name.
    pub(crate) fn remove_org(&mut self, name: &str) -> bool {
        let orgs = self.document.get_mut("orgs").and_then(Item::as_table_like_mut);
        let removed = orgs.is_some_and(|orgs| orgs.remove(name).is_some());
        if self.document.get("default_org").and_then(Item::as_str) == Some(name) {
            self.document.remove("default_org");
        }
        removed
    }

    /// Makes an org the one that is meant without a name.
    pub(crate) fn set_default(&mut self, name: &str) {
        match self.document.get_mut("default_org").and_then(Item::as_value_mut) {
            Some(old) => {
                let decor = old.decor().clone();
                *old = Value::from(name);
                *old.decor_mut() = decor;
            }
            None => {
                self.document.insert("default_org", Item::Value(Value::from(name)));
            }
        }
    }

    /// Writes the file: the new text or the old one, never a part.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let cannot =
            |error: std::io::Error| Failure::failed(format!("cannot write {}", self.path.display())).with_cause(&error);
        // A link is followed, so that it stays one.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&folder).map_err(cannot)?;
        let beside = folder.join(format!(".tidegate.{}.new", std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file = fs::File::create(&beside)?;
            if let Ok(old) = fs::metadata(&path) {
                file.set_permissions(old.permissions())?;
            }
            file.write_all(self.document.to_string().as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &path)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&beside);
            cannot(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, edit: impl FnOnce(&mut Editor)) -> String {
        let mut editor = Editor { path: "t.toml".into(), document: text.parse().unwrap() };
        edit(&mut editor);
        editor.document.to_string()
    }

    fn text(key: &str, value: &str) -> (String, Written) {
        (key.to_owned(), Written::Text(value.to_owned()))
    }

    #[test]
    fn everything_else_stays_as_it_was_typed() {
        let before = "# mine\n\n[orgs.prod] # the real one\nlogin_url   = \"acme\" # My Domain\nusername = \"u\"\n\n[sync]\nto='sqlite:a.db'\n";
        let after = edited(before, |editor| {
            editor.set_org("prod", &[text("login_url", "acme--uat"), text("flow", "jwt")]).unwrap();
            editor.set_org("new one", &[text("login_url", "b")]).unwrap();
            editor.set_default("prod");
        });
        assert_eq!(
            after,
            "default_org = \"prod\"\n# mine\n\n[orgs.prod] # the real one\nlogin_url   = \"acme--uat\" # My Domain\nflow = \"jwt\"\n\n[orgs.\"new one\"]\nlogin_url = \"b\"\n\n[sync]\nto='sqlite:a.db'\n"
        );
        let back = edited(&after, |editor| {
            assert!(editor.remove_org("new one") && !editor.remove_org("nobody"));
            assert!(editor.remove_org("prod"));
        });
        assert!(!back.contains("default_org") && back.contains("[sync]"), "{back}");
    }

    #[test]
    fn an_empty_file_gets_what_is_needed() {
        let after = edited("", |editor| {
            let secret = ("client_secret".to_owned(), Written::KeyRing("a".to_owned()));
            editor.set_org("a", &[text("login_url", "acme"), secret]).unwrap();
        });
        assert_eq!(after, "[orgs.a]\nlogin_url = \"acme\"\nclient_secret = { keyring = \"a\" }\n");
    }
}
