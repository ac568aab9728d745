//! From the bytes of a PNG or a JPEG file to samples.

use std::io::Cursor;

use png::{BitDepth, ColorType, Transformations};
use untrain_core::ImageShape;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::import::error::ImageFault;

/// An image as a dataset holds it.
pub(in crate::import) struct Picture {
    pub(in crate::import) shape: ImageShape,
    /// The canonical bytes.
    pub(in crate::import) bytes: Vec<u8>,
}

/// How many samples an image may have, with those of an alpha channel: a damaged size allocates nothing absurd.
const MAX_SAMPLES: usize = 1 << 28;

/// Samples as decoders give them: pixel by pixel.
struct Pixels {
    height: u16,
    width: u16,
    /// How many samples a pixel has.
    depth: usize,
    /// How many of these are colour; the rest is alpha.
    colours: usize,
    samples: Vec<u8>,
}

/// Decodes a PNG or a JPEG file.
///
/// Grey gives one channel, colour three. Palettes and fewer than 8 bits become 8 bits. Nothing else is converted: transparency
/// and 16 bits are refused, orientation and colour profiles are not looked at.
pub(in crate::import) fn decode(file: &[u8]) -> Result<Picture, ImageFault> {
    let pixels = match file {
        [0x89, b'P', b'N', b'G', ..] => png(file)?,
        [0xff, 0xd8, ..] => jpeg(file)?,
        _ => return Err(undecoded("it is neither PNG nor JPEG")),
    };
    let Pixels { height, width, depth, colours, samples } = pixels;
    if depth > colours && samples.iter().skip(colours).step_by(depth).any(|alpha| *alpha != u8::MAX) {
        return Err(ImageFault::Transparent);
    }
    let planar: Vec<u8> = (0..colours).flat_map(|channel| samples.iter().skip(channel).step_by(depth)).copied().collect();
    let shape = ImageShape { channels: colours as u8, height, width };
    let bytes = shape.image_bytes(&planar).map_err(|error| undecoded(error.to_string()))?;
    Ok(Picture { shape, bytes })
}

fn undecoded(reason: impl Into<String>) -> ImageFault {
    ImageFault::Undecoded { reason: reason.into() }
}

fn png(file: &[u8]) -> Result<Pixels, ImageFault> {
    let failed = |error: png::DecodingError| undecoded(error.to_string());
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(file), png::Limits { bytes: MAX_SAMPLES });
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(failed)?;
    if reader.info().bit_depth == BitDepth::Sixteen {
        return Err(ImageFault::Depth);
    }
    let (width, height) = reader.info().size();
    let too_many = || undecoded(format!("{width} × {height} pixels are too many"));
    let size = reader.output_buffer_size().filter(|size| *size <= MAX_SAMPLES).ok_or_else(too_many)?;
    let (Ok(height), Ok(width)) = (u16::try_from(height), u16::try_from(width)) else { return Err(too_many()) };
    let mut samples = vec![0; size];
    let frame = reader.next_frame(&mut samples).map_err(failed)?;
    let (depth, colours) = match frame.color_type {
        ColorType::Grayscale => (1, 1),
        ColorType::GrayscaleAlpha => (2, 1),
        ColorType::Rgb => (3, 3),
        ColorType::Rgba => (4, 3),
        ColorType::Indexed => return Err(undecoded("its palette is missing")),
    };
    reader.finish().map_err(failed)?;
    samples.truncate(frame.buffer_size());
    Ok(Pixels { height, width, depth, colours, samples })
}

fn jpeg(file: &[u8]) -> Result<Pixels, ImageFault> {
    let failed = |error: zune_jpeg::errors::DecodeErrors| undecoded(error.to_string());
    if !ends(file) {
        return Err(undecoded("it ends too early"));
    }
    let limits = DecoderOptions::default().set_max_width(usize::from(u16::MAX)).set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), limits);
    decoder.decode_headers().map_err(failed)?;
    let info = decoder.info().ok_or_else(|| undecoded("it has no header"))?;
    let (height, width) = (info.height, info.width);
    let (depth, space) = if info.components == 1 { (1, ColorSpace::Luma) } else { (3, ColorSpace::RGB) };
    if usize::from(height) * usize::from(width) * depth > MAX_SAMPLES {
        return Err(undecoded(format!("{width} × {height} pixels are too many")));
    }
    decoder.set_options(limits.jpeg_set_out_colorspace(space));
    let samples = decoder.decode().map_err(failed)?;
    Ok(Pixels { height, width, depth, colours: depth, samples })
}

/// Whether a JPEG file has its end: the decoder fills the rest with grey where a file was cut.
fn ends(file: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END: [u8; 2] = [0xff, 0xd9];
    // A segment before the scan may hold a whole JPEG file of its own, so that the search begins at the scan.
    let mut at = 2;
    while let [0xff, marker, high, low] = file.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default() {
        match marker {
            START_OF_SCAN => return file[at..].windows(2).any(|pair| pair == END),
            0xff => at += 1,
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    // The decoder knows better what is wrong with it.
    true
}
