import { AlarmGate, type AlarmGateOptions } from './alarm-gate.js';
import { Clock } from './clock.js';
import type { Detection, Detector, Evidence, PointStatus } from './detector.js';
import { StateReader, StateWriter } from './state.js';

/** Larger values count as this large: their squares, and sums of many squares, stay finite. */
const LARGEST = 1e100;
/** Points at which half of the confidence is there. */
const HALF_CONFIDENCE = 256;
const NO_VOTES: Readonly<Record<string, number>> = Object.freeze({});

/** What a subclass found in one row. */
export interface Finding {
  readonly status: PointStatus;
  readonly strangeness: number;
  /** What the severity smooths where that is not the strangeness; 1 is anomalous. */
  readonly intensity?: number;
  readonly votes: Readonly<Record<string, number>>;
}

/** The door that all detectors share: order of time, missing and huge values, the scale, and the snapshot. */
export abstract class StreamingDetector<F extends Finding = Finding> implements Detector<F & Evidence> {
  private readonly clock = new Clock();
  private readonly gate: AlarmGate;
  private readonly row: Float64Array;
  private seen = 0;

  /** @param kind the detector and all that its state's layout depends on: a snapshot of another kind is refused. */
  constructor(
    private readonly kind: string,
    readonly channels: number,
    gate: AlarmGateOptions,
  ) {
    if (!Number.isInteger(channels) || channels < 1) throw new RangeError(`${channels} channels: must be 1 or more`);
    this.gate = new AlarmGate(gate);
    this.row = new Float64Array(channels);
  }

  /** Takes in a row with at least one value; `values` are finite or NaN and the array is used again for the next row. */
  protected abstract find(ts: number, values: Float64Array): F;
  /** What stands for a row that was not shown. */
  protected abstract nothing(status: PointStatus): F;
  protected abstract saveParts(to: StateWriter): void;
  protected abstract loadParts(from: StateReader): void;

  prepare(ts: number, values: Float64Array): F & Evidence {
    if (values.length !== this.channels) {
      throw new RangeError(`a row of ${values.length} values for a detector of ${this.channels} channels`);
    }
    let missing = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      this.row[i] = Number.isFinite(value) ? Math.max(-LARGEST, Math.min(LARGEST, value)) : Number.NaN;
      if (Number.isNaN(this.row[i]!)) missing++;
    }
    // A row without a value still moves the clock.
    if (!this.clock.accepts(ts)) return { ...this.nothing('late'), seen: this.seen };
    if (missing === this.channels) return { ...this.nothing('missing'), seen: this.seen };

    this.seen++;
    return { ...this.find(ts, this.row), seen: this.seen };
  }

  score(evidence: F & Evidence): Detection {
    const { status, seen, votes } = evidence;
    const shown = status === 'scored' || status === 'warming-up';
    const scale = shown
      ? this.gate.pass(evidence.strangeness, evidence.intensity)
      : { score: 0, strength: 0, severity: 0 };
    const grade = scale.score > 1 ? 1 - 1 / scale.score : 0;
    const confidence = status === 'scored' ? seen / (seen + HALF_CONFIDENCE) : 0;
    return { status, ...scale, grade, confidence, votes };
  }

  observe(ts: number, values: Float64Array): Detection {
    return this.score(this.prepare(ts, values));
  }

  save(to: StateWriter): void {
    to.number(this.fingerprint());
    to.number(this.seen);
    this.clock.save(to);
    this.gate.save(to);
    this.saveParts(to);
  }

  load(from: StateReader): void {
    if (from.number() !== this.fingerprint()) {
      throw new RangeError(`the snapshot is not of ${this.kind} with ${this.channels} channels`);
    }
    this.seen = from.number();
    this.clock.load(from);
    this.gate.load(from);
    this.loadParts(from);
  }

  snapshot(): Uint8Array {
    const to = new StateWriter();
    this.save(to);
    return to.finish();
  }

  restore(state: Uint8Array): void {
    const from = new StateReader(state);
    this.load(from);
    from.finish();
  }

  private fingerprint(): number {
    return hash(`${this.kind}/${this.channels}`);
  }
}

/** What a plain detector says of a row that was not shown to it. */
export function notShown(status: PointStatus): Finding {
  return { status, strangeness: 0, votes: NO_VOTES };
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state >>> 0;
}
