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
