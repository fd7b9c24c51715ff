//! Many of a kind: lists with a limit, and objects with free names.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess};

use super::{Text, Tolerant, read};

/// What a [`List`] holds.
pub trait Item {
    /// Says nothing, so it is not kept.
    fn is_blank(&self) -> bool;
}

impl Item for Text<'_> {
    fn is_blank(&self) -> bool {
        self.get().is_none()
    }
}

/// An array, or PHP's object with numbers for keys: the first `MAX` items that say anything.
#[derive(Debug)]
pub struct List<T, const MAX: usize> {
    pub items: Vec<T>,
    /// How many more there were.
    pub left_out: usize,
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self { items: Vec::new(), left_out: 0 }
    }
}

impl<T: Item, const MAX: usize> List<T, MAX> {
    /// Keeps the item if it says anything and there is room.
    pub fn add(&mut self, item: T) {
        if item.is_blank() {
            return;
        }
        if self.items.len() < MAX {
            self.items.push(item);
        } else {
            self.left_out += 1;
        }
    }
}

impl<'de, T: Deserialize<'de> + Item, const MAX: usize> Tolerant<'de> for List<T, MAX> {
    fn member<A: MapAccess<'de>>(&mut self, _: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        self.add(map.next_value()?);
        Ok(())
    }

    fn items<A: SeqAccess<'de>>(&mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element()? {
            self.add(item);
        }
        Ok(())
    }
}

impl<'de, T: Deserialize<'de> + Item, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

/// An object with free names, in its order.
#[derive(Debug, Default)]
pub struct Members<'a>(pub Vec<(Text<'a>, Text<'a>)>);

impl<'de> Tolerant<'de> for Members<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        self.0.push((name, map.next_value()?));
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_arrays_or_numbered_objects_and_are_capped() {
        let cases = [
            ("[1,null,\"b\"]", 2, 0),
            ("{\"0\":\"a\",\"2\":\"c\"}", 2, 0),
            ("[1,2,3]", 3, 0),
            ("[1,2,3,4]", 3, 1),
            ("null", 0, 0),
            ("\"a\"", 0, 0),
        ];
        for (json, kept, left_out) in cases {
            let list = serde_json::from_str::<List<Text<'_>, 3>>(json).unwrap();
            assert_eq!((list.items.len(), list.left_out), (kept, left_out), "{json}");
        }
    }

    #[test]
    fn free_names_are_kept_in_their_order() {
        let members = serde_json::from_str::<Members<'_>>(r#"{"b":1,"a":"x","b":null}"#).unwrap();
        let pairs: Vec<_> =
            members.0.iter().map(|(name, value)| (name.as_received(), value.get())).collect();
        assert_eq!(pairs, [("b", Some("1")), ("a", Some("x")), ("b", None)]);
        for nothing in ["null", "[]", "[[1]]", "\"a\"", "7"] {
            assert!(
                serde_json::from_str::<Members<'_>>(nothing).unwrap().0.is_empty(),
                "{nothing}"
            );
        }
    }
}
