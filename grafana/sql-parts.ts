// Pieces that the SQL of several dashboards shares. ${item:sqlstring} quotes a variable's values, whether one or many are
// chosen.

/** Times in bins as wide as a pixel of the panel, so that a long range stays cheap to draw. */
export const bin = (column: string) => `date_bin(make_interval(secs => $__interval_ms / 1000.0), ${column}, 'epoch')`;

export const ONE_SERIES = 'item_id IN (${item:sqlstring}) AND channel IN (${channel:sqlstring})';
