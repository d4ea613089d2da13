//! A data set without what tells who it is about.

use std::{borrow::Cow, collections::BTreeMap};

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::{
    coded,
    element::{Element, Value, known_vr},
    private,
    table::{Action, Place, basic_action, listed_action, switched_on},
    values::{REMOVED, dummy, is_code_string, is_ratio, keep_sane, own},
};
use crate::{
    Dates, DicomProfile, Identifier,
    dates::{is_tm, shift_da, shift_dt},
    key::Key,
    words::Words,
};

/// What a data set is cleaned with.
pub(super) struct Context<'a> {
    pub(super) key: &'a Key,
    pub(super) profile: &'a DicomProfile,
    pub(super) options_on: u16,
    pub(super) pseudonym: String,
    pub(super) shift_days: i64,
    pub(super) iod: Option<u8>,
    pub(super) words: Words,
}

/// What was done, by attribute.
pub(super) type Tally = BTreeMap<(Tag, Action), u64>;

/// Where an element stands.
#[derive(Clone, Copy, Default)]
struct Within {
    parent: Option<Tag>,
    /// Whether the item's codes are of a scheme that everybody knows.
    standard_codes: bool,
    /// Whether the item stands in for one that had to go: its texts become dummies.
    dummy: bool,
    /// Whether a private sequence is around it.
    private: bool,
}

impl Within {
    /// Within the items of a sequence that stands here.
    fn items_of(self, sequence: Tag) -> Self {
        let private = self.private || is_private(sequence);
        Self { parent: Some(sequence), private, ..self }
    }
}

impl<'a> Context<'a> {
    pub(super) fn new(key: &'a Key, profile: &'a DicomProfile, patient: &Identifier) -> Self {
        Self {
            key,
            profile,
            options_on: switched_on(profile),
            pseudonym: key.pseudonym(patient),
            shift_days: key.shift_days(patient, profile.max_shift_days),
            iod: None,
            words: Words::default(),
        }
    }

    /// Cleans the elements of the data set itself.
    pub(super) fn data_set<'e>(
        &self,
        elements: Vec<Element<'e>>,
        tally: &mut Tally,
    ) -> Vec<Element<'e>> {
        self.elements(elements, Within::default(), tally)
    }

    fn elements<'e>(
        &self,
        elements: Vec<Element<'e>>,
        within: Within,
        tally: &mut Tally,
    ) -> Vec<Element<'e>> {
        let within = Within { standard_codes: coded::is_standard(&elements), ..within };
        let safe = private::safe_elements(&elements, self.profile.safe_private);
        elements
            .into_iter()
            .enumerate()
            .filter_map(|(index, element)| {
                let tag = element.tag;
                if !is_private(tag) {
                    return self.element(element, within, tally);
                }
                let vr = safe.get(&index).copied();
                let action = if vr.is_some() { Action::Keep } else { Action::Remove };
                count(tally, Tag(tag.group(), 0), action);
                self.private(Element { vr: vr?, ..element }, within, tally)
            })
            .collect()
    }

    /// A private attribute that is listed as safe: cleaned as one of the standard that Table E.1-1 does
    /// not list, and left out where nothing of it may stay. The name of its creator stays.
    fn private<'e>(
        &self,
        element: Element<'e>,
        within: Within,
        tally: &mut Tally,
    ) -> Option<Element<'e>> {
        let text = element.text();
        if private::is_creator(element.tag) || is_ratio(&text) && !self.words.has_forbidden(&text) {
            return Some(element);
        }
        let cleaned = self.unlisted(element, within, tally);
        let is_empty = matches!(&cleaned.value, Value::Bytes(bytes) if bytes.is_empty());
        (!is_empty && cleaned.text() != REMOVED).then_some(cleaned)
    }

    fn element<'e>(
        &self,
        mut element: Element<'e>,
        within: Within,
        tally: &mut Tally,
    ) -> Option<Element<'e>> {
        let tag = element.tag;
        let vr = match (element.vr, known_vr(tag)) {
            (_, None) => {
                count(tally, tag, Action::Remove);
                return None;
            }
            (VR::UN, Some(known)) => known,
            (written, Some(_)) => written,
        };
        // Lengths of groups change, padding may hold anything, and an overlay without its data is none.
        let is_overlay = tag.group() >> 8 == 0x60;
        if tag.element() == 0 || tag == tags::DATA_SET_TRAILING_PADDING || is_overlay {
            if is_overlay {
                count(tally, Tag(0x6000, tag.element()), Action::Remove);
            }
            return None;
        }
        element.vr = vr;
        let is_sequence = matches!(element.value, Value::Items(_));
        if within.private && private::is_opaque(vr) {
            count(tally, tag, Action::Remove);
            return None;
        }
        // Bytes of an unknown representation where items are expected.
        if vr == VR::SQ && !is_sequence {
            count(tally, tag, Action::Remove);
            return None;
        }
        match listed_action(self.place(tag, within), self.options_on, is_sequence) {
            Some(action) => self.apply(action, element, within, tally),
            None => Some(self.unlisted(element, within, tally)),
        }
    }

    fn place(&self, tag: Tag, within: Within) -> Place {
        Place { tag, parent: within.parent, iod: self.iod }
    }

    fn apply<'e>(
        &self,
        action: Action,
        mut element: Element<'e>,
        within: Within,
        tally: &mut Tally,
    ) -> Option<Element<'e>> {
        let is_sequence = matches!(element.value, Value::Items(_));
        if action != Action::Keep {
            count(tally, element.tag, action);
        }
        match action {
            Action::Remove => return None,
            Action::Keep | Action::CleanItems | Action::Uid if is_sequence => {
                self.descend(&mut element, within, tally);
            }
            Action::Keep | Action::CleanItems => self.keep(&mut element),
            Action::Uid => self.replace_uid(&mut element),
            Action::Empty => self.empty(&mut element),
            Action::Dummy => self.replace_by_dummy(&mut element, within, tally),
            Action::Shift => {
                let Some(shifted) = self.shifted(&element) else {
                    return self.by_basic_action(element, within, tally);
                };
                element.value = Value::Bytes(Cow::Owned(shifted));
            }
            Action::CleanText => {
                let is_text = matches!(
                    element.vr,
                    VR::LO | VR::SH | VR::ST | VR::LT | VR::UT | VR::UC | VR::CS | VR::PN
                );
                if !is_text || self.clean_text(&mut element) == Cleaned::Nothing {
                    return self.by_basic_action(element, within, tally);
                }
            }
        }
        Some(element)
    }

    /// Keeps a value that its representation allows, but for the file's own names in it.
    fn keep(&self, element: &mut Element) {
        keep_sane(element);
        let is_text =
            matches!(element.vr, VR::LO | VR::SH | VR::ST | VR::LT | VR::UT | VR::UC | VR::CS);
        if is_text && self.words.has_forbidden(&element.text()) {
            self.clean_text_or(element, "");
        }
    }

    /// Does what the table says without any option, where cleaning leaves nothing.
    fn by_basic_action<'e>(
        &self,
        element: Element<'e>,
        within: Within,
        tally: &mut Tally,
    ) -> Option<Element<'e>> {
        let action = basic_action(self.place(element.tag, within)).unwrap_or(Action::Empty);
        self.apply(action, element, within, tally)
    }

    fn descend(&self, element: &mut Element, within: Within, tally: &mut Tally) {
        let inside = within.items_of(element.tag);
        if let Value::Items(items) = &mut element.value {
            for item in items {
                let elements = std::mem::take(item);
                *item = self.elements(elements, inside, tally);
            }
        }
    }

    fn empty(&self, element: &mut Element) {
        element.value = match element.tag {
            tags::PATIENT_NAME | tags::PATIENT_ID => own(&self.pseudonym),
            _ if matches!(element.value, Value::Items(_)) => Value::Items(Vec::new()),
            _ => own(""),
        };
    }

    fn replace_by_dummy(&self, element: &mut Element, within: Within, tally: &mut Tally) {
        if matches!(element.value, Value::Items(_)) {
            if let Value::Items(items) = &mut element.value {
                items.truncate(1);
                items.resize(1, Vec::new());
            }
            self.descend(element, Within { dummy: true, ..within }, tally);
            return;
        }
        if matches!(element.tag, tags::PATIENT_NAME | tags::PATIENT_ID) {
            element.value = own(&self.pseudonym);
            return;
        }
        if element.vr == VR::UI {
            self.replace_uid(element);
            return;
        }
        element.value = dummy(element.tag, element.vr);
    }

    fn replace_uid(&self, element: &mut Element) {
        let text = element.text();
        if text.is_empty() {
            return;
        }
        let mapped: Vec<Cow<str>> = text.split('\\').map(|uid| self.uid(uid)).collect();
        element.value = Value::Bytes(Cow::Owned(mapped.join("\\").into_bytes()));
    }

    /// A UID of the standard's own names no instance; any other is replaced.
    pub(super) fn uid<'t>(&self, uid: &'t str) -> Cow<'t, str> {
        let uid = uid.trim_matches([' ', '\0']);
        let is_standard = coded::is_standard_uid(uid);
        if is_standard || uid.is_empty() { uid.into() } else { self.key.uid(uid).into() }
    }

    /// The value with its dates moved; `None` where it holds anything else than dates.
    fn shifted(&self, element: &Element) -> Option<Vec<u8>> {
        let days = self.shift_days;
        let move_one = |text: &str| {
            let text = text.trim();
            match element.vr {
                _ if text.is_empty() => Some(String::new()),
                VR::DA => shift_da(text, days),
                VR::DT => shift_dt(text, days),
                VR::TM => is_tm(text).then(|| text.to_owned()),
                VR::SH if element.tag == tags::TIMEZONE_OFFSET_FROM_UTC => {
                    let digits = text.strip_prefix(['+', '-'])?;
                    let fits = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
                    fits.then(|| text.to_owned())
                }
                _ => None,
            }
        };
        let parts: Option<Vec<String>> = element.text().split('\\').map(move_one).collect();
        Some(parts?.join("\\").into_bytes())
    }

    fn clean_text(&self, element: &mut Element) -> Cleaned {
        let text = element.text();
        if text.is_empty() {
            return Cleaned::Unchanged;
        }
        let is_long = matches!(element.vr, VR::ST | VR::LT | VR::UT);
        let parts: Vec<&str> = if is_long { vec![&text] } else { text.split('\\').collect() };
        let cleaned: Vec<Option<String>> =
            parts.iter().map(|part| self.words.clean(part)).collect();
        if cleaned.iter().all(Option::is_none) {
            return Cleaned::Unchanged;
        }
        let whole: Vec<String> = cleaned
            .into_iter()
            .zip(parts)
            .map(|(cleaned, part)| cleaned.unwrap_or_else(|| part.to_owned()))
            .collect();
        if whole.iter().all(|part| part.trim().is_empty()) {
            return Cleaned::Nothing;
        }
        element.value = Value::Bytes(Cow::Owned(whole.join("\\").into_bytes()));
        Cleaned::Changed
    }

    /// An attribute that the table does not list: what its representation allows to be a name, a date
    /// or a UID is cleaned all the same.
    fn unlisted<'e>(
        &self,
        mut element: Element<'e>,
        within: Within,
        tally: &mut Tally,
    ) -> Element<'e> {
        let tag = element.tag;
        if matches!(element.value, Value::Items(_)) {
            self.descend(&mut element, within, tally);
            return element;
        }
        let before = element.value.clone();
        let action = match element.vr {
            VR::PN | VR::AE | VR::UR => {
                self.empty(&mut element);
                Action::Empty
            }
            VR::DA | VR::DT | VR::TM => self.unlisted_date(&mut element),
            VR::UI => {
                if !self.profile.retain_uids && !coded::is_scheme_uid(&element) {
                    self.replace_uid(&mut element);
                }
                Action::Uid
            }
            VR::LO | VR::SH | VR::ST | VR::LT | VR::UT | VR::UC => {
                self.unlisted_text(&mut element, within);
                Action::CleanText
            }
            VR::CS => {
                let text = element.text();
                if self.words.has_forbidden(&text) || !is_code_string(&text) {
                    self.clean_text_or(&mut element, REMOVED);
                }
                Action::CleanText
            }
            _ => {
                self.keep_number(&mut element);
                Action::Empty
            }
        };
        if element.value != before {
            count(tally, tag, action);
        }
        element
    }

    fn unlisted_date(&self, element: &mut Element) -> Action {
        let shifted = match self.profile.dates {
            Dates::Shifted => self.shifted(element),
            Dates::Full => {
                keep_sane(element);
                return Action::Keep;
            }
            Dates::Removed => None,
        };
        if let Some(shifted) = shifted {
            element.value = Value::Bytes(Cow::Owned(shifted));
            Action::Shift
        } else {
            element.value = own("");
            Action::Empty
        }
    }

    fn unlisted_text(&self, element: &mut Element, within: Within) {
        if element.text().is_empty() {
            return;
        }
        match coded::keeps(element, within.standard_codes) {
            Some(true) if !self.words.has_forbidden(&element.text()) => {}
            Some(_) => element.value = own(coded::replacement(element.tag)),
            None if within.dummy => element.value = own(REMOVED),
            None => self.clean_text_or(element, REMOVED),
        }
    }

    fn clean_text_or(&self, element: &mut Element, otherwise: &str) {
        if self.clean_text(element) == Cleaned::Nothing {
            element.value = own(otherwise);
        }
    }

    /// A number as text must be one, and none that names the patient.
    fn keep_number(&self, element: &mut Element) {
        keep_sane(element);
        if matches!(element.vr, VR::DS | VR::IS) {
            let text = element.text();
            let long = text.split('\\').any(|part| part.len() >= 6);
            if long && self.words.has_forbidden(&text) {
                element.value = own("");
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cleaned {
    Unchanged,
    Changed,
    Nothing,
}

fn is_private(tag: Tag) -> bool {
    tag.group() % 2 == 1
}

fn count(tally: &mut Tally, tag: Tag, action: Action) {
    *tally.entry((tag, action)).or_default() += 1;
}
