import type { ColumnType, Generated } from 'kysely';

/** A point in time; read as a date, written as one or as ISO 8601. */
export type Timestamp = ColumnType<Date, Date | string, Date | string>;

/** One running service; what is not seen for a while is dead. */
interface InstancesTable {
  id: string;
  host: string;
  version: string;
  started_at: Generated<Timestamp>;
  seen_at: Generated<Timestamp>;
}

/**
 * Every table of the service's own schema. A layer above adds its own by declaring this interface once more, as
 * call-store/calls-table.ts does, so that all share one typed connection and this layer knows none of them.
 */
export interface Tables {
  instances: InstancesTable;
}
