import {
  RowAligner,
  createDetector,
  type AlignedRow,
  type Detection,
  type Detector,
  type MultivariateFinding,
  type RolaFinding,
  type StateReader,
  type StateWriter,
  type Stateful,
} from '@app/detectors';

/** How the values of an item's channels become rows. */
export interface Alignment {
  /** Times are moved back to a multiple of this; 1 keeps them as they are. */
  readonly everyMs: number;
  /** Rows that wait for a channel that is late. */
  readonly waitRows: number;
  /** How long the last value of a slow channel stands for missing ones. */
  readonly fillMs: number;
}

/** Which detectors judge the channels of an item together. */
export interface RowDetectors {
  readonly ensemble: boolean;
  readonly rola: boolean;
}

/** What the detectors of a row think of it. */
export interface RowVerdict {
  readonly row: AlignedRow;
  readonly ensemble: { readonly detection: Detection; readonly distances: Float64Array } | undefined;
  readonly rola: { readonly detection: Detection; readonly finding: RolaFinding } | undefined;
}

/** The detectors of an item's channels together, over aligned rows. */
export class RowWatch implements Stateful {
  private aligner: RowAligner;
  // Made with the first row: until then channels may join.
  private ensemble: Detector | undefined;
  private rola: Detector | undefined;

  constructor(
    readonly channels: number,
    private readonly alignment: Alignment,
    private readonly detectors: RowDetectors,
  ) {
    this.aligner = this.newAligner();
  }

  /** Takes in one value; returns the verdicts on the rows that it completes, oldest first. */
  observe(ts: number, channel: number, value: number): RowVerdict[] {
    return this.aligner.offer(ts, channel, value).map((row) => this.judge(row));
  }

  /** The clock was set back: rows of the time that was are let go, and those that come are not late for them. */
  restartClock(): RowVerdict[] {
    const rows = this.aligner.flush();
    this.aligner = this.newAligner();
    return rows.map((row) => this.judge(row));
  }

  private judge(row: AlignedRow): RowVerdict {
    this.makeDetectors();
    const ensemble = this.ensemble?.prepare(row.ts, row.values) as Parameters<Detector['score']>[0] &
      MultivariateFinding;
    const rola = this.rola?.prepare(row.ts, row.values) as Parameters<Detector['score']>[0] & RolaFinding;
    return {
      row,
      ensemble: this.ensemble && { detection: this.ensemble.score(ensemble), distances: ensemble.distances },
      rola: this.rola && { detection: this.rola.score(rola), finding: rola },
    };
  }

  private makeDetectors(): void {
    if (this.detectors.ensemble) this.ensemble ??= createDetector('default', this.channels);
    if (this.detectors.rola) this.rola ??= createDetector('rola', this.channels);
  }

  private newAligner(): RowAligner {
    const { everyMs, waitRows, fillMs } = this.alignment;
    const fillSteps = Math.floor(fillMs / everyMs);
    return new RowAligner({ channels: this.channels, stepMs: everyMs, waiting: waitRows, fillSteps });
  }

  save(to: StateWriter): void {
    for (const part of [this.aligner, this.ensemble, this.rola]) to.part(part);
  }

  load(from: StateReader): void {
    this.aligner = from.part(() => this.newAligner()) ?? this.aligner;
    const { ensemble, rola } = this.detectors;
    this.ensemble = from.part(() => (ensemble ? createDetector('default', this.channels) : undefined));
    this.rola = from.part(() => (rola ? createDetector('rola', this.channels) : undefined));
  }
}
