//! Images moved and mirrored, as a hash of the seed, the epoch and the record's id says.

use serde::{Deserialize, Serialize};
use untrain_core::{mix, one_of};

use crate::layers::Shape;

/// How images are changed each time that they are seen in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Augmentation {
    /// Not at all.
    #[default]
    None,
    /// Moved by up to an eighth of the side in each direction, zeros (black) coming in: 4 pixels of 32.
    Crop,
    /// Moved, and mirrored half of the times.
    CropFlip,
}

impl Augmentation {
    /// For each pixel of the changed image that of the image, or none where black comes in.
    pub(crate) fn source(self, shape: Shape, hash: u64) -> impl Fn(usize) -> Option<usize> {
        let reach = (shape.height.max(shape.width) / 8) as u32;
        let shift = |purpose: u64| one_of(2 * reach + 1, mix(hash, purpose)) as isize - reach as isize;
        let (down, right) = if self == Self::None { (0, 0) } else { (shift(1), shift(2)) };
        let mirrored = self == Self::CropFlip && mix(hash, 3) & 1 == 1;
        let (height, width) = (shape.height, shape.width);
        move |pixel| {
            let (y, x) = (pixel / width, pixel % width);
            let x = if mirrored { width - 1 - x } else { x };
            let (y, x) = (y.checked_add_signed(down)?, x.checked_add_signed(right)?);
            (y < height && x < width).then_some(y * width + x)
        }
    }
}
