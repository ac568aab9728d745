//! Linear layers: `fc1`, `fc2`, …

use super::Builder;

pub(super) fn build(builder: &mut Builder, hidden: &[usize], n_classes: usize) {
    if builder.shape().pixels() > 1 {
        builder.flatten();
    }
    for (i, width) in hidden.iter().enumerate() {
        builder.linear(&format!("fc{}", i + 1), *width);
        builder.relu();
        builder.next_block();
    }
    builder.linear(&format!("fc{}", hidden.len() + 1), n_classes);
}
