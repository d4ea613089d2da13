//! Ranks of numbers, and counts of the patients who have them.

pub(super) fn rows(keys: &[(u64, u32)]) -> impl Iterator<Item = usize> + '_ {
    keys.iter().map(|&(_, row)| row as usize)
}

/// How many patients of each rank were seen, as a Fenwick tree beside the plain counts.
pub(super) struct RankCounts {
    tree: Vec<u32>,
    pub(super) counts: Vec<u32>,
    pub(super) total: u32,
}

impl RankCounts {
    pub(super) fn new(ranks: usize) -> Self {
        Self { tree: vec![0; ranks + 1], counts: vec![0; ranks], total: 0 }
    }

    pub(super) fn add(&mut self, rank: u32) {
        self.counts[rank as usize] += 1;
        self.total += 1;
        let mut node = rank as usize + 1;
        while node < self.tree.len() {
            self.tree[node] += 1;
            node += node & node.wrapping_neg();
        }
    }

    pub(super) fn remove(&mut self, rank: u32) {
        self.counts[rank as usize] -= 1;
        self.total -= 1;
        let mut node = rank as usize + 1;
        while node < self.tree.len() {
            self.tree[node] -= 1;
            node += node & node.wrapping_neg();
        }
    }

    /// The number seen with a smaller rank.
    pub(super) fn below(&self, rank: u32) -> u32 {
        let mut node = rank as usize;
        let mut sum = 0;
        while node > 0 {
            sum += self.tree[node];
            node &= node - 1;
        }
        sum
    }
}

/// The rank of each value among the distinct values, from 0 for the smallest.
pub(super) fn dense_ranks(values: impl Iterator<Item = f64>) -> Vec<u32> {
    let sorted = sorted_keys(values);
    let mut ranks = vec![0; sorted.len()];
    let mut rank = 0;
    for (position, &(key, row)) in sorted.iter().enumerate() {
        if position > 0 && sorted[position - 1].0 != key {
            rank += 1;
        }
        ranks[row as usize] = rank;
    }
    ranks
}

/// Values as integers of the same order, sorted, each with its row.
pub(super) fn sorted_keys(values: impl Iterator<Item = f64>) -> Vec<(u64, u32)> {
    let mut keys: Vec<(u64, u32)> = values
        .enumerate()
        .map(|(row, value)| (order_key(value), u32::try_from(row).expect("below 2^32 patients")))
        .collect();
    keys.sort_unstable();
    keys
}

/// Maps floats to integers of the same order; both zeros to one, any NaN to the largest.
fn order_key(value: f64) -> u64 {
    if value.is_nan() {
        return u64::MAX;
    }
    // Adding zero turns -0 into +0.
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}
