const EVERY_MS = 500;

/** A progress line on stderr with the time left, so that stdout stays for results. */
export class Progress {
  private readonly interactive = process.stderr.isTTY;
  private label = '';
  private started = 0;
  private printed = 0;

  /** Says how much of `label` is done; prints at most twice a second, each new label's line once where no terminal is. */
  report(label: string, done: number, total: number): void {
    const now = performance.now();
    if (label !== this.label) [this.label, this.started, this.printed] = [label, now, 0];
    const finished = done >= total;
    if (!finished && (now - this.printed < EVERY_MS || !this.interactive)) return;

    this.printed = now;
    const seconds = (now - this.started) / 1000;
    const left = finished ? `${seconds.toFixed(1)} s` : `${((seconds / done) * (total - done)).toFixed(0)} s left`;
    const line = `${label}  ${done}/${total}  ${left}`;
    process.stderr.write(this.interactive ? `\r\u001b[K${line}${finished ? '\n' : ''}` : `${line}\n`);
  }
}
