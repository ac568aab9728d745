//! Convolutions `conv1`, `conv2`, … and linear layers `fc1`, `fc2`.

use untrain_core::Result;

use super::{Builder, too_small};

pub(super) fn build(builder: &mut Builder, channels: &[usize], hidden: usize, n_classes: usize) -> Result<()> {
    let input = builder.shape();
    let needed = 1 << channels.len();
    if input.height < needed || input.width < needed {
        return Err(too_small(input, needed));
    }
    for (i, channels) in channels.iter().enumerate() {
        builder.conv(&format!("conv{}", i + 1), *channels, (3, 1, 1), true);
        builder.relu();
        builder.max_pool();
        builder.next_block();
    }
    builder.flatten();
    builder.linear("fc1", hidden);
    builder.relu();
    builder.next_block();
    builder.linear("fc2", n_classes);
    Ok(())
}
