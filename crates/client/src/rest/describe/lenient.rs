//! Structs for what the org tells of itself: a member that is missing or null has its default, one that is not known is
//! kept as it came.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Takes a member out; what is missing or null has its default.
pub(super) fn member<T: DeserializeOwned + Default>(members: &mut Map<String, Value>, name: &str) -> Result<T, String> {
    match members.shift_remove(name) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => serde_json::from_value(value).map_err(|error| format!("{name}: {error}")),
    }
}

/// A public struct with its members' names on the wire, and `extra` for all others.
macro_rules! described {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$member_meta:meta])* $member:ident: $kind:ty = $wire:literal,)*
        }
        $(besides { $($(#[$local_meta:meta])* $local:ident: $local_kind:ty,)* })?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$member_meta])* pub $member: $kind,)*
            /// Members that this library does not know, as they came.
            pub extra: serde_json::Map<String, serde_json::Value>,
            $($($(#[$local_meta])* pub $local: $local_kind,)*)?
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let mut members = serde_json::Map::deserialize(deserializer)?;
                Ok($name {
                    $($member: $crate::rest::describe::lenient::member(&mut members, $wire)
                        .map_err(serde::de::Error::custom)?,)*
                    $($($local: Default::default(),)*)?
                    extra: members,
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(None)?;
                $(map.serialize_entry($wire, &self.$member)?;)*
                for (name, value) in &self.extra {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    };
}

pub(super) use described;
