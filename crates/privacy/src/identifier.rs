use zeroize::Zeroizing;

/// What tells who somebody is: a hospital number, a name, a sample's barcode.
///
/// It can be turned into a pseudonym and into nothing else. Outside this crate it cannot be printed,
/// logged, compared, copied or serialised, and its memory is wiped when it is dropped:
///
/// ```compile_fail
/// let id = oncoweave_privacy::Identifier::new("943 476 5919".to_owned());
/// println!("{id}");
/// ```
/// ```compile_fail
/// let id = oncoweave_privacy::Identifier::new("943 476 5919".to_owned());
/// println!("{id:?}");
/// ```
/// ```compile_fail
/// let id = oncoweave_privacy::Identifier::new("943 476 5919".to_owned());
/// let copy = id.clone();
/// ```
/// ```compile_fail
/// fn write(value: &impl serde::Serialize) {}
/// write(&oncoweave_privacy::Identifier::new("943 476 5919".to_owned()));
/// ```
/// ```compile_fail
/// let id = oncoweave_privacy::Identifier::new("943 476 5919".to_owned());
/// let text: &str = id.reveal();
/// ```
/// ```compile_fail
/// let id = oncoweave_privacy::Identifier::new("943 476 5919".to_owned());
/// let text: String = id.to_string();
/// ```
/// What may be done with it:
/// ```
/// let _ = oncoweave_privacy::Identifier::new("943 476 5919".to_owned());
/// ```
pub struct Identifier(Zeroizing<String>);

impl Identifier {
    /// Takes a text, leaving out white space around it.
    #[must_use]
    pub fn new(text: String) -> Self {
        let text = Zeroizing::new(text);
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    pub(crate) fn of(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::{
        borrow::Borrow,
        fmt::{Debug, Display, LowerHex},
        hash::Hash,
        ops::Deref,
    };

    use serde::Serialize;
    use static_assertions::assert_not_impl_any;

    use super::Identifier;
    use crate::Key;

    // Each of these would let a text out, or a copy that is not wiped.
    assert_not_impl_any!(
        Identifier: Debug, Display, LowerHex, Serialize, Clone, PartialEq, PartialOrd, Hash, Deref,
        AsRef<str>, AsRef<[u8]>, Borrow<str>, Into<String>, Into<Vec<u8>>, Iterator, Default
    );
    assert_not_impl_any!(
        Key: Debug, Display, LowerHex, Serialize, Clone, PartialEq, PartialOrd, Hash, Deref,
        AsRef<[u8]>, Borrow<[u8]>, Into<Vec<u8>>, Default
    );

    #[test]
    fn white_space_around_an_identifier_is_nobody_s() {
        assert_eq!(Identifier::new(" 943 476 5919\n".to_owned()).reveal(), "943 476 5919");
        assert_eq!(Identifier::of("\t").reveal(), "");
    }
}
