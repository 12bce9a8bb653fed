"""Plain typed data: states, ids, records as stored, the serialized DAG, messages. No I/O, no clock."""
