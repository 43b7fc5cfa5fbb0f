//! A JSON object taken apart member by member, so that every mistake is named with its pointer.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Refusal;
use super::values::Read;
use crate::{Error, FieldError};

/// Characters of a member's name that are repeated in an error.
const NAME_CHARS_SHOWN: usize = 128;

/// An object being read: members are taken by name, and what nobody took is unknown.
#[derive(Debug)]
pub(super) struct Object<'a> {
    members: BTreeMap<String, &'a RawValue>,
    broken: Vec<FieldError>,
}

impl<'a> Object<'a> {
    /// # Errors
    /// [`Refusal::Invalid`] when `json` is another kind of value.
    pub(super) fn read(json: &'a RawValue) -> Result<Self, Refusal> {
        if !json.get().starts_with('{') {
            return Err(Refusal::invalid("", "must be a JSON object"));
        }
        let Members(list) = serde_json::from_str(json.get())
            .map_err(|error| Refusal::Unreadable(format!("an object cannot be read: {error}")))?;
        let mut object = Self { members: BTreeMap::new(), broken: Vec::new() };
        for (name, value) in list {
            match object.members.entry(name) {
                Entry::Vacant(place) => drop(place.insert(value)),
                Entry::Occupied(first) => {
                    object.broken.push(FieldError::new(pointer(first.key()), "is given twice"));
                }
            }
        }
        Ok(object)
    }

    /// An object without members.
    pub(super) const fn empty() -> Self {
        Self { members: BTreeMap::new(), broken: Vec::new() }
    }

    /// Takes a member as it is, `null` included.
    pub(super) fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        self.members.remove(name)
    }

    /// Takes a member that is null; leaves any other.
    pub(super) fn take_null(&mut self, name: &str) -> bool {
        let is_null = self.members.get(name).is_some_and(|json| json.get() == "null");
        is_null && self.members.remove(name).is_some()
    }

    /// Takes a member of a known form. A mistake is noted and counts, like `null`, as not given.
    pub(super) fn get<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a RawValue) -> Read<T>,
    ) -> Option<T> {
        let json = self.raw(name).filter(|json| json.get() != "null")?;
        match read(json) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.refuse(&pointer(name), detail);
                None
            }
        }
    }

    /// The names of the members that nobody has taken yet.
    pub(super) fn names(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    /// Whether there is a member of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Whether a member is an object.
    pub(super) fn is_object(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|json| json.get().starts_with('{'))
    }

    /// Takes a member that is an object itself.
    pub(super) fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let json = self.raw(name).filter(|json| json.get() != "null")?;
        let mut inner = match Object::read(json) {
            Ok(inner) => inner,
            Err(refusal) => {
                self.refuse(&pointer(name), refusal.message());
                return None;
            }
        };
        let value = read(&mut inner);
        let prefix = pointer(name);
        let broken = inner.unknown_refused().broken;
        self.broken.extend(broken.into_iter().map(|error| error.under(&prefix)));
        Some(value)
    }

    /// Takes a member that is an object of strings.
    pub(super) fn strings(&mut self, name: &str) -> Option<BTreeMap<String, String>> {
        self.object(name, |inner| {
            let names = inner.names();
            let mut strings = BTreeMap::new();
            for name in names {
                let value = inner.raw(&name).map(super::values::text);
                match value {
                    Some(Ok(value)) => drop(strings.insert(name, value)),
                    Some(Err(detail)) => inner.refuse(&pointer(&name), detail),
                    None => {}
                }
            }
            strings
        })
    }

    /// Notes a broken rule.
    pub(super) fn refuse(&mut self, pointer: &str, detail: impl Into<String>) {
        self.broken.push(FieldError::new(pointer, detail));
    }

    /// Notes the rules that a check found broken, unless something is said about the same member.
    pub(super) fn refuse_all(&mut self, checked: Result<(), Error>) {
        if let Err(Error::Invalid(broken)) = checked {
            for error in broken {
                if !self.is_broken(&error.pointer) {
                    self.broken.push(error);
                }
            }
        }
    }

    /// Whether a rule at `pointer` is broken.
    pub(super) fn is_broken(&self, pointer: &str) -> bool {
        self.broken.iter().any(|error| error.pointer == pointer)
    }

    /// Whether a rule at `pointer` or below it is broken.
    pub(super) fn is_broken_within(&self, pointer: &str) -> bool {
        let is_within = |error: &FieldError| {
            let rest = error.pointer.strip_prefix(pointer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.broken.iter().any(is_within)
    }

    /// Whether no rule is known to be broken, and every member was taken.
    pub(super) fn is_sound(&self) -> bool {
        self.broken.is_empty() && self.members.is_empty()
    }

    /// Every broken rule, whatever is in the members that nobody took.
    pub(super) fn broken(self) -> Vec<FieldError> {
        self.broken
    }

    /// Every broken rule, members that nobody took included.
    pub(super) fn finish(self) -> Vec<FieldError> {
        self.unknown_refused().broken
    }

    fn unknown_refused(mut self) -> Self {
        for name in std::mem::take(&mut self.members).into_keys() {
            self.refuse(&pointer(&name), "is not a member this request has");
        }
        self
    }
}

/// The JSON pointer (RFC 6901) to a member.
fn pointer(name: &str) -> String {
    let shown: String = name.chars().take(NAME_CHARS_SHOWN).collect();
    format!("/{}", shown.replace('~', "~0").replace('/', "~1"))
}

/// The members in the order they were sent, repetitions included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        from.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::super::document;
    use super::*;

    #[test]
    fn repeated_and_unknown_members_are_named() {
        let json = document(br#"{"a/b": 1, "~": 2, "x": null, "x": 3}"#).unwrap();
        let mut object = Object::read(json).unwrap();

        assert_eq!(object.raw("x").map(RawValue::get), Some("null"));

        let pointers: Vec<String> = object.finish().into_iter().map(|e| e.pointer).collect();
        assert_eq!(pointers, ["/x", "/a~1b", "/~0"]);
    }

    #[test]
    fn an_object_of_strings_holds_strings_only() {
        let json = document(br#"{"tags": {"a": "x", "b": 1, "c": null}}"#).unwrap();
        let mut object = Object::read(json).unwrap();

        let tags = object.strings("tags").unwrap();

        assert_eq!(tags.into_keys().collect::<Vec<_>>(), ["a"]);
        let broken = object.finish();
        assert_eq!(broken[0], FieldError::new("/tags/b", "must be a string"));
        assert_eq!(broken[1].pointer, "/tags/c");
    }
}
