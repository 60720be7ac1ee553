/** Execution providers that Tidecast knows. */
export type Provider = 'cpu' | 'cuda' | 'webgpu';

/** A dense tensor; `data` is row-major and as long as the product of `dims`. */
export type TensorData =
  | { readonly dtype: 'float32'; readonly dims: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'int64'; readonly dims: readonly number[]; readonly data: BigInt64Array };

export type Tensors = Readonly<Record<string, TensorData>>;

/** A tensor in pieces along its first dimension: what several callers gave, put together only in the worker. */
export interface ChunkedTensor {
  readonly dtype: TensorData['dtype'];
  /** Of the whole. */
  readonly dims: readonly number[];
  readonly chunks: readonly TensorData['data'][];
}

/** Which file to load, and how. */
export interface LoadOptions {
  readonly file: string;
  /** Of the file, lower-case hex: what was verified is what is loaded. */
  readonly sha256: string;
  readonly provider: Provider;
  readonly threads: number;
  /** Path prefix for ONNX Runtime's profile; only where it has to be proven which nodes ran where. */
  readonly profilePrefix?: string;
  /** As measured; without it a run has 64 rows. */
  readonly cost?: RunCost;
}

/** What a run costs: `overheadSeconds` however small it is, and `secondsPerElement` for each value of its inputs. */
export interface RunCost {
  readonly overheadSeconds: number;
  readonly secondsPerElement: number;
}

export type OrtRequest =
  | ({ readonly kind: 'load'; readonly model: string } & LoadOptions)
  | {
      readonly kind: 'run';
      readonly model: string;
      readonly inputs: Readonly<Record<string, ChunkedTensor>>;
      readonly keep?: Keep;
    }
  /** Frees what runs kept. */
  | { readonly kind: 'forget'; readonly model: string; readonly id: number }
  | { readonly kind: 'end-profile'; readonly model: string }
  | { readonly kind: 'release'; readonly model: string }
  /** Answers with the bytes that the process holds. */
  | { readonly kind: 'memory'; readonly model: string };

/** What a run leaves in the worker for the next one, and finds there unless it is the first. */
export interface Keep {
  readonly id: number;
  readonly isFirst: boolean;
  /** Names of outputs, and of the inputs that the next run gets them as. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** What a loaded session says of itself. */
export interface SessionInfo {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** What the graph says of its tensors; a name or -1 stands for a free dimension. */
  readonly tensors: Readonly<Record<string, TensorShape>>;
}

export interface TensorShape {
  readonly dtype: string;
  readonly shape: readonly (number | string)[];
}

export interface RunResult {
  readonly outputs: Tensors;
  /** Duration of the run itself. */
  readonly seconds: number;
}
