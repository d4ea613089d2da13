//! Charts as PNG.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::Error;

/// Pixels of the picture for one of the drawing.
const SCALE: f32 = 2.0;

/// The fonts that the program carries, so that a chart looks the same where none is installed.
fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.load_font_data(dejavu::sans::bold().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        Arc::new(fonts)
    };
    Arc::clone(FONTS.get_or_init(load))
}

/// An SVG whose texts name the font that the program carries, and no other.
pub(super) fn with_own_font(svg: &str) -> String {
    const NAMES: &str = "system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif";
    svg.replace(NAMES, "'DejaVu Sans'")
}

/// A standalone SVG as a PNG of twice its size.
///
/// # Errors
/// When the text is no SVG or has no size.
pub(crate) fn png(svg: &str) -> Result<Vec<u8>, Error> {
    let failed = |problem: String| Error::Settings(format!("a chart cannot be drawn: {problem}"));
    let options = Options { fontdb: fonts(), ..Options::default() };
    let tree =
        Tree::from_str(&with_own_font(svg), &options).map_err(|error| failed(error.to_string()))?;
    let size = tree.size().to_int_size().scale_by(SCALE);
    let size = size.ok_or_else(|| failed("it has no size".to_owned()))?;
    let pixels = Pixmap::new(size.width(), size.height());
    let mut pixels = pixels.ok_or_else(|| failed("it is too large".to_owned()))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_drawn_with_the_fonts_that_the_program_carries() {
        let svg = |text: &str| {
            format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 80 20\"><style>text\
                 {{font-family:system-ui,sans-serif;font-size:14px}}</style><rect width=\"80\" \
                 height=\"20\" fill=\"#fff\"/><text x=\"2\" y=\"15\">{text}</text></svg>"
            )
        };
        let (blank, drawn) = (png(&svg("")).unwrap(), png(&svg("risk")).unwrap());
        assert!(blank.starts_with(b"\x89PNG") && drawn.len() > blank.len());
        assert!(png("no picture").is_err());
    }
}
