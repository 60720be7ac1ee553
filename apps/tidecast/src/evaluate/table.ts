/** Lines of a table with aligned columns: text to the left, numbers to the right. */
export function formatTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [header, ...rows].map((row) =>
    row.map((cell) => (typeof cell === 'number' ? significant(cell) : cell)),
  );
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map((row, line) =>
      row
        .map((cell, column) =>
          line > 0 && typeof rows[line - 1]![column] === 'number'
            ? cell.padStart(widths[column]!)
            : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function significant(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Number.isInteger(value)) return String(value);
  const text = value.toPrecision(4);
  // Zeros are dropped after a point only: 1230 keeps its own.
  return text.includes('.') && !text.includes('e') ? text.replace(/\.?0+$/, '') : text;
}
