//! Where a secret of the configuration is: `NAME_file = "PATH"`, or `NAME = { env = "VARIABLE" }`, `{ keyring = "ENTRY" }`.
//! The secret itself is refused, and not repeated.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use tidegate_client::SecretPlace;

/// A place, with a path that is still relative to the file it stands in.
#[derive(Debug, Clone)]
pub(crate) struct Place(SecretPlace);

impl Place {
    pub(crate) fn file(path: impl Into<PathBuf>) -> Self {
        Self(SecretPlace::File(path.into()))
    }

    /// The place seen from here; `beside` makes a path of the file one of ours.
    pub(crate) fn resolved(&self, beside: impl Fn(&Path) -> PathBuf) -> SecretPlace {
        match &self.0 {
            SecretPlace::File(path) => SecretPlace::File(beside(path)),
            other => other.clone(),
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PlaceVisitor;

        /// Said instead of whatever stands there, as that may be the secret.
        const HOW: &str = "a secret does not stand in this file; write its place: { file = \"PATH\" }, \
                           { env = \"VARIABLE\" } or { keyring = \"ENTRY\" }";

        impl<'de> Visitor<'de> for PlaceVisitor {
            type Value = Place;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{ file = \"PATH\" }, { env = \"VARIABLE\" } or { keyring = \"ENTRY\" }")
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Place, E> {
                Err(E::custom(HOW))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Place, E> {
                Err(E::custom(HOW))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Place, A::Error> {
                let wrong = || de::Error::custom(HOW);
                let (key, value) = map.next_entry::<String, String>().ok().flatten().ok_or_else(wrong)?;
                if map.next_key::<String>()?.is_some() {
                    return Err(wrong());
                }
                match key.as_str() {
                    "file" => Ok(Place(SecretPlace::File(value.into()))),
                    "env" => Ok(Place(SecretPlace::Env(value))),
                    "keyring" => Ok(Place(SecretPlace::KeyRing(value))),
                    _ => Err(wrong()),
                }
            }
        }

        deserializer.deserialize_any(PlaceVisitor)
    }
}
