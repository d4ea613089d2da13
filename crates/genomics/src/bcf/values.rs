//! The values that a record is made of, and how a VCF writes them.

use std::io::Write as _;

/// Bytes that are taken from the front.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        self.0.split_off(..count)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// The kind and number of the values that follow. A number of 15 and more stands in a value
    /// of its own, which is a single one.
    pub(super) fn kind(&mut self) -> Option<(Kind, usize)> {
        let [descriptor] = self.array()?;
        let kind = Kind::of(descriptor & 0x0f)?;
        let mut count = usize::from(descriptor >> 4);
        if count == 15 {
            let [descriptor] = self.array()?;
            let number = Kind::of(descriptor & 0x0f)?;
            let bytes = self.take(number.bytes()).filter(|_| descriptor >> 4 == 1)?;
            let number = Value { kind: number, bytes }.numbers().next()?;
            count = usize::try_from(number.whole()?).ok()?;
        }
        Some((kind, count))
    }

    pub(super) fn value(&mut self) -> Option<Value<'a>> {
        let (kind, count) = self.kind()?;
        Some(Value { kind, bytes: self.take(count.checked_mul(kind.bytes())?)? })
    }
}

/// The kinds of values (BCF2, section 6.3.3 of the VCF specification).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    Int8,
    Int16,
    Int32,
    Float,
    Text,
}

impl Kind {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Nothing,
            1 => Self::Int8,
            2 => Self::Int16,
            3 => Self::Int32,
            5 => Self::Float,
            7 => Self::Text,
            _ => return None,
        })
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Int8 | Self::Text => 1,
            Self::Int16 => 2,
            Self::Int32 | Self::Float => 4,
        }
    }
}

/// One number of a value.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Whole(i32),
    Float(f32),
    Missing,
}

impl Number {
    pub(super) fn whole(self) -> Option<i32> {
        match self {
            Self::Whole(number) => Some(number),
            _ => None,
        }
    }
}

/// Values of one kind.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) kind: Kind,
    pub(super) bytes: &'a [u8],
}

impl<'a> Value<'a> {
    /// The numbers up to the mark that ends a shorter list than the other samples have.
    pub(super) fn numbers(self) -> impl Iterator<Item = Number> + 'a {
        // The lowest eight numbers of each width are reserved: the first is a missing value, the
        // second ends a list.
        let whole = |number: i32, lowest: i32| match number.checked_sub(lowest) {
            Some(1) => None,
            Some(0 | 2..8) => Some(Number::Missing),
            _ => Some(Number::Whole(number)),
        };
        let number = move |bytes: &[u8]| match (self.kind, bytes) {
            (Kind::Int8, &[a]) => whole(i8::from_le_bytes([a]).into(), i8::MIN.into()),
            (Kind::Int16, &[a, b]) => whole(i16::from_le_bytes([a, b]).into(), i16::MIN.into()),
            (Kind::Int32, &[a, b, c, d]) => whole(i32::from_le_bytes([a, b, c, d]), i32::MIN),
            (Kind::Float, &[a, b, c, d]) => match u32::from_le_bytes([a, b, c, d]) {
                0x7f80_0002 => None,
                0x7f80_0001 | 0x7f80_0003..=0x7f80_0007 => Some(Number::Missing),
                bits => Some(Number::Float(f32::from_bits(bits))),
            },
            _ => None,
        };
        self.bytes.chunks_exact(self.kind.bytes().max(1)).map_while(number)
    }

    /// Appends the value as a VCF writes it.
    pub(super) fn write(self, line: &mut Vec<u8>) {
        let start = line.len();
        if self.kind == Kind::Text {
            let text = self.bytes.split(|&byte| byte == 0).next().unwrap_or_default();
            // What would end a column does not belong into one.
            line.extend(text.iter().map(|&byte| if byte.is_ascii_control() { b' ' } else { byte }));
        }
        for (place, number) in self.numbers().enumerate() {
            if place > 0 {
                line.push(b',');
            }
            match number {
                Number::Whole(number) => append(line, format_args!("{number}")),
                Number::Float(number) if (1e-5..1e7).contains(&number.abs()) || number == 0.0 => {
                    append(line, format_args!("{number}"));
                }
                Number::Float(number) => append(line, format_args!("{number:e}")),
                Number::Missing => line.push(b'.'),
            }
        }
        if line.len() == start {
            line.push(b'.');
        }
    }

    /// Appends a genotype: each number is twice the allele, counted from 1 so that 0 is missing,
    /// and 1 more where the allele is phased.
    pub(super) fn write_genotype(self, line: &mut Vec<u8>) {
        if self.kind == Kind::Text {
            return self.write(line);
        }
        let start = line.len();
        for (place, number) in self.numbers().enumerate() {
            let number = number.whole().unwrap_or(0);
            if place > 0 {
                line.push(if number & 1 == 1 { b'|' } else { b'/' });
            }
            match (number >> 1) - 1 {
                allele @ 0.. => append(line, format_args!("{allele}")),
                _ => line.push(b'.'),
            }
        }
        if line.len() == start {
            line.push(b'.');
        }
    }
}

pub(super) fn append(line: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    line.write_fmt(text).expect("a vector grows");
}
