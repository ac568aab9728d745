//! A value that is an image.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The bytes that lead an image: its shape.
const HEADER: usize = 5;

/// The size of an image, and how many samples a pixel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// How many samples a pixel has: 1 for grey, 3 for red, green and blue.
    pub channels: u8,
    /// How many rows there are.
    pub height: u16,
    /// How many columns there are.
    pub width: u16,
}

impl ImageShape {
    /// How many samples an image of this shape has.
    pub fn n_samples(self) -> usize {
        usize::from(self.channels) * usize::from(self.height) * usize::from(self.width)
    }

    /// The canonical bytes of an image of this shape: channels (one byte), height and width (two each, the least significant
    /// first), and the samples, of one channel after the other, each by rows.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for a shape without samples, and for another number of samples than it has.
    pub fn image_bytes(self, samples: &[u8]) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(HEADER + samples.len());
        bytes.push(self.channels);
        bytes.extend(self.height.to_le_bytes());
        bytes.extend(self.width.to_le_bytes());
        bytes.extend_from_slice(samples);
        Image::read(&bytes)?;
        Ok(bytes)
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} × {}", self.channels, self.height, self.width)
    }
}

/// An image: samples of 8 bits.
///
/// # Examples
///
/// ```
/// use untrain_core::{Image, ImageShape};
///
/// let shape = ImageShape { channels: 1, height: 2, width: 3 };
/// let bytes = shape.image_bytes(&[0, 1, 2, 3, 4, 5])?;
/// assert_eq!(bytes, [1, 2, 0, 3, 0, 0, 1, 2, 3, 4, 5]);
/// assert_eq!(Image::read(&bytes)?.samples[3], 3);
/// # Ok::<(), untrain_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image<'a> {
    /// How many samples a pixel has.
    pub channels: u8,
    /// How many rows there are.
    pub height: u16,
    /// How many columns there are.
    pub width: u16,
    /// The samples: channel by channel, each by rows.
    pub samples: &'a [u8],
}

impl<'a> Image<'a> {
    /// Reads the canonical bytes of an image ([`ImageShape::image_bytes`]).
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`].
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let malformed = |reason: String| Error::Malformed { what: "image", reason };
        let [channels, h0, h1, w0, w1, samples @ ..] = bytes else {
            return Err(malformed("it ends too early".to_owned()));
        };
        let (height, width) = (u16::from_le_bytes([*h0, *h1]), u16::from_le_bytes([*w0, *w1]));
        let image = Self { channels: *channels, height, width, samples };
        match image.shape().n_samples() {
            0 => Err(malformed("it has no pixels".to_owned())),
            n if n != samples.len() => Err(malformed(format!("it has {} samples, and one of {} has {n}", samples.len(), image.shape()))),
            _ => Ok(image),
        }
    }

    /// The shape.
    pub fn shape(&self) -> ImageShape {
        let Self { channels, height, width, samples: _ } = *self;
        ImageShape { channels, height, width }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_image_are_refused() {
        let shape = ImageShape { channels: 3, height: 1, width: 2 };
        let bytes = shape.image_bytes(&[1, 2, 3, 4, 5, 6]).expect("six samples");
        assert_eq!(Image::read(&bytes).map(|image| image.shape()), Ok(shape));
        for bytes in [&bytes[..4], &bytes[..10], &[&bytes[..], &[7]].concat(), &[0, 1, 0, 1, 0], &[1, 0, 0, 1, 0], &[1, 1, 0, 0, 0]] {
            assert!(matches!(Image::read(bytes), Err(Error::Malformed { .. })), "{bytes:?}");
        }
        assert!(shape.image_bytes(&[1]).is_err());
        assert_eq!(shape.to_string(), "3 × 1 × 2");
    }
}
