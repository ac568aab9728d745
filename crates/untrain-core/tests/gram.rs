//! Second moments are those of a naive sum, in any order, on any number of parts and after any history.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use untrain_core::Gram;

type Row = (Vec<f64>, Vec<(u32, f32)>);

const N_DENSE: usize = 35;
const N_SPARSE: usize = 5;

/// Rows of few and of many digits; a row of many does not fit beside another in a block.
fn row() -> impl Strategy<Value = Row> {
    let digits = prop_oneof![4 => Just(0_u32), 4 => Just(20), 1 => Just(26)];
    let sparse = btree_map(0..N_SPARSE as u32, 1..40_i32, 0..=N_SPARSE);
    (digits, vec(-1.0..1.0_f64, N_DENSE), sparse).prop_map(|(digits, dense, sparse)| {
        let dense = dense.into_iter().map(|x| (x * f64::from(1_u32 << digits)).round()).collect();
        (dense, sparse.into_iter().map(|(column, value)| (column, value as f32)).collect())
    })
}

fn gram(rows: &[&Row]) -> Gram {
    let mut gram = Gram::new(N_DENSE, N_SPARSE);
    gram.extend(rows.len(), |i, dense, sparse| {
        dense.copy_from_slice(&rows[i].0);
        sparse.extend_from_slice(&rows[i].1);
    });
    gram
}

fn naive(rows: &[&Row], a: usize, b: usize) -> i128 {
    let value = |row: &Row, column: usize| match column.checked_sub(N_DENSE) {
        None => row.0[column] as i128,
        Some(column) => row.1.iter().find(|(c, _)| *c as usize == column).map_or(0, |(_, value)| *value as i128),
    };
    rows.iter().map(|row| value(row, a) * value(row, b)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sums_are_exact_after_any_history(
        rows in vec(row(), 0..40),
        copies in 1..60_usize,
        cut in any::<prop::sample::Index>(),
        order in any::<u64>(),
    ) {
        let mut all: Vec<&Row> = rows.iter().cycle().take(rows.len() * copies).collect();
        let whole = gram(&all);
        for a in 0..N_DENSE + N_SPARSE {
            prop_assert_eq!(whole.at(a, a), naive(&all, a, a));
            let b = (a * 11 + 3) % (N_DENSE + N_SPARSE);
            prop_assert_eq!(whole.at(a, b), naive(&all, a, b));
        }
        all.sort_by_key(|row| (row.0[0] as i64 as u64 ^ row.0[1] as i64 as u64).wrapping_mul(order | 1));
        prop_assert_eq!(&gram(&all), &whole);
        let (left, right) = all.split_at(if all.is_empty() { 0 } else { cut.index(all.len()) });
        let mut parts = gram(right);
        parts.merge(&gram(left));
        prop_assert_eq!(&parts, &whole);
        parts.separate(&gram(left));
        parts.merge(&gram(left));
        left.iter().for_each(|row| parts.remove(&row.0, &row.1));
        prop_assert_eq!(&parts, &gram(right));
        left.iter().rev().for_each(|row| parts.add(&row.0, &row.1));
        prop_assert_eq!(&parts, &whole);
    }
}
