//! Residual networks for small images, with the names of the implementations that most work on CIFAR-10 uses.

use untrain_core::{Error, Result};

use super::{Builder, too_small};

pub(super) fn build(builder: &mut Builder, depth: usize, width: usize, n_classes: usize) -> Result<()> {
    if builder.shape().height < 4 || builder.shape().width < 4 {
        return Err(too_small(builder.shape(), 4));
    }
    let (n_stages, n_blocks, thin) = stages(depth)?;
    builder.conv("conv1", width, (3, 1, 1), false);
    builder.norm("bn1");
    builder.relu();
    builder.next_block();
    for stage in 0..n_stages {
        for block in 0..n_blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            residual(builder, &format!("layer{}.{block}", stage + 1), width << stage, stride, thin);
            builder.relu();
            builder.next_block();
        }
    }
    builder.mean_pool();
    builder.linear("linear", n_classes);
    Ok(())
}

/// How many stages a network of so many layers has, how many blocks a stage, and whether its shortcuts are without weights.
///
/// # Errors
///
/// [`Error::Parameter`] for a depth that there is not.
pub(crate) fn stages(depth: usize) -> Result<(usize, usize, bool)> {
    match depth {
        18 => Ok((4, 2, false)),
        20..=1202 if (depth - 2).is_multiple_of(6) => Ok((3, (depth - 2) / 6, true)),
        8 | 14 => Ok((3, (depth - 2) / 6, true)),
        _ => {
            let reason = format!("there is no residual network of {depth} layers here; there are 18, 20, 32, 44, 56 and 110");
            Err(Error::Parameter { name: "depth".to_owned(), reason, nearest: None })
        }
    }
}

fn residual(builder: &mut Builder, name: &str, channels: usize, stride: usize, thin: bool) {
    let changes = stride != 1 || builder.shape().channels != channels;
    builder.residual(
        |main| {
            main.conv(&format!("{name}.conv1"), channels, (3, stride, 1), false);
            main.norm(&format!("{name}.bn1"));
            main.relu();
            main.conv(&format!("{name}.conv2"), channels, (3, 1, 1), false);
            main.norm(&format!("{name}.bn2"));
        },
        |side| {
            if changes && !thin {
                side.conv(&format!("{name}.shortcut.0"), channels, (1, stride, 0), false);
                side.norm(&format!("{name}.shortcut.1"));
            }
        },
        thin,
    );
}
