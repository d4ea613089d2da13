//! The features that run lengths, size zones, distance zones and gray level dependences share:
//! each is a matrix of how often something of a gray level and a size occurs.

/// How often a gray level occurs with a size: a run's length, a zone's voxels or distance, a
/// dependence's neighbors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cell {
    pub(crate) level: f64,
    pub(crate) size: u32,
    pub(crate) count: f64,
}

/// The filled cells of a matrix whose rows are gray levels and whose columns are sizes from 0.
pub(crate) fn cells(present: &[u16], counts: &[f64], columns: usize) -> Vec<Cell> {
    let rows = present.iter().zip(counts.chunks_exact(columns));
    rows.flat_map(|(&level, row)| {
        let filled = (0_u32..).zip(row).filter(|&(_, &count)| count > 0.0);
        filled.map(move |(size, &count)| Cell { level: f64::from(level), size, count })
    })
    .collect()
}

/// The cells of a list of gray levels and sizes, which it sorts.
pub(crate) fn tally(mut entries: Vec<(u16, u32)>) -> Vec<Cell> {
    entries.sort_unstable();
    let chunks = entries.chunk_by(|a, b| a == b);
    chunks
        .map(|chunk| Cell {
            level: f64::from(chunk[0].0),
            size: chunk[0].1,
            count: chunk.len() as f64,
        })
        .collect()
}

/// The features of cells sorted by gray level; `voxels` is how many there would be were each of
/// size 1. In the order of run lengths: short and long, low and high gray level and their four
/// combined emphases, the non-uniformities of gray level and size, each also normalized, the
/// percentage, the variances of gray level and size, and the entropy.
pub(crate) fn features(cells: &[Cell], voxels: f64) -> [f64; 16] {
    let total: f64 = cells.iter().map(|cell| cell.count).sum();
    let mut emphases = [0.0; 8];
    let (mut level_mean, mut size_mean, mut entropy) = (0.0, 0.0, 0.0);
    for &Cell { level, size, count } in cells {
        let share = count / total;
        let size = f64::from(size);
        let (level_squared, size_squared) = (level * level, size * size);
        for (emphasis, weight) in emphases.iter_mut().zip([
            1.0 / size_squared,
            size_squared,
            1.0 / level_squared,
            level_squared,
            1.0 / (size_squared * level_squared),
            level_squared / size_squared,
            size_squared / level_squared,
            size_squared * level_squared,
        ]) {
            *emphasis += share * weight;
        }
        level_mean += share * level;
        size_mean += share * size;
        entropy -= share * share.log2();
    }
    let variance = |of: &dyn Fn(&Cell) -> f64| -> f64 {
        cells.iter().map(|cell| cell.count / total * of(cell).powi(2)).sum()
    };
    let by_level = squared_margins(cells, |a, b| a.level.total_cmp(&b.level).is_eq());
    let mut by_size = cells.to_vec();
    by_size.sort_unstable_by_key(|cell| cell.size);
    let by_size = squared_margins(&by_size, |a, b| a.size == b.size);
    let [e0, e1, e2, e3, e4, e5, e6, e7] = emphases;
    [
        e0,
        e1,
        e2,
        e3,
        e4,
        e5,
        e6,
        e7,
        by_level / total,
        by_level / (total * total),
        by_size / total,
        by_size / (total * total),
        total / voxels,
        variance(&|cell| cell.level - level_mean),
        variance(&|cell| f64::from(cell.size) - size_mean),
        entropy,
    ]
}

/// The sum over runs of alike cells of their squared total count.
fn squared_margins(cells: &[Cell], alike: impl FnMut(&Cell, &Cell) -> bool) -> f64 {
    let margins = cells.chunk_by(alike);
    margins.map(|margin| margin.iter().map(|cell| cell.count).sum::<f64>().powi(2)).sum()
}
