"""usage: made_up_table.py PATIENTS COLUMNS FILE MODALITIES: an aligned table in which ten columns carry risk."""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

patients, columns, path, modalities = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
random = np.random.default_rng(1)
times, events = random.exponential(1000, patients), random.random(patients) < 0.4
carriers = random.standard_normal((min(columns, 10), patients), dtype=np.float32)
frame = {
    "patient_id": pa.array([f"P{row}" for row in range(patients)]),
    "time_days": pa.array(np.ceil(times / np.exp(0.2 * carriers.sum(axis=0)))),
    "event": pa.array(events.astype(np.uint8)),
}
names = [f"{modalities[column % len(modalities)]}.f{column}" for column in range(columns)]
fields = [pa.field(name, array.type) for name, array in frame.items()]
schema = pa.schema(fields + [pa.field(name, pa.float32()) for name in names])
# By rows, so that no more than one group is in memory.
GROUP = 5000
with pq.ParquetWriter(path, schema, compression="zstd") as writer:
    for start in range(0, patients, GROUP):
        stop = min(start + GROUP, patients)
        values = random.standard_normal((columns, stop - start), dtype=np.float32)
        values[: len(carriers)] = carriers[:, start:stop]
        arrays = [array.slice(start, stop - start) for array in frame.values()]
        writer.write_table(pa.table(arrays + [pa.array(column) for column in values], schema=schema))
