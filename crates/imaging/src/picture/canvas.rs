use super::glyphs::{HEIGHT, WIDTH, glyph};

/// A picture of red, green and blue from 0 to 255.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Pixels from left to right.
    pub width: usize,
    /// Pixels from top to bottom.
    pub height: usize,
    /// The colors row by row.
    pub pixels: Vec<[u8; 3]>,
}

/// The color of letters.
const LETTERS: [u8; 3] = [120, 200, 255];

impl Picture {
    /// A black picture.
    #[must_use]
    pub fn black(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![[0; 3]; width * height] }
    }

    /// The picture as a PNG file.
    ///
    /// # Panics
    /// When the picture has no pixels or not as many as its width and height say.
    #[must_use]
    pub fn to_png(&self) -> Vec<u8> {
        let side = |length: usize| u32::try_from(length).expect("a picture of less than 2^32");
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, side(self.width), side(self.height));
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().expect("memory takes every byte");
        writer.write_image_data(self.pixels.as_flattened()).expect("memory takes every byte");
        writer.finish().expect("memory takes every byte");
        file
    }

    /// Copies a smaller picture into this one, its upper left corner at a place.
    pub(super) fn paste(&mut self, picture: &Self, left: usize, top: usize) {
        for (row, pixels) in picture.pixels.chunks(picture.width).enumerate() {
            let start = (top + row) * self.width + left;
            self.pixels[start..start + picture.width].copy_from_slice(pixels);
        }
    }

    /// Writes a text, its upper left corner at a place, with a dark edge round each letter.
    pub(super) fn write(&mut self, text: &str, left: usize, top: usize) {
        for (place, letter) in text.chars().enumerate() {
            let left = left + place * (WIDTH + 1);
            let lit = |row: usize, column: usize| {
                row < HEIGHT
                    && column < WIDTH
                    && glyph(letter)[row] >> (WIDTH - 1 - column) & 1 == 1
            };
            // One pixel more on each side, shifted by one so that indices stay positive.
            for (row, column) in
                (0..HEIGHT + 2).flat_map(|row| (0..WIDTH + 2).map(move |c| (row, c)))
            {
                let near = (row.saturating_sub(2)..=row)
                    .any(|row| (column.saturating_sub(2)..=column).any(|column| lit(row, column)));
                let is_lit = row >= 1 && column >= 1 && lit(row - 1, column - 1);
                let (Some(x), Some(y)) =
                    ((left + column).checked_sub(1), (top + row).checked_sub(1))
                else {
                    continue;
                };
                if near && x < self.width && y < self.height {
                    self.pixels[y * self.width + x] = if is_lit { LETTERS } else { [0; 3] };
                }
            }
        }
    }
}
