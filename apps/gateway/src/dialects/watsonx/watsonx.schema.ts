import { z } from 'zod';

const column = z.string().min(1).max(100);
const columns = z.array(column).max(500).nullish();
const table = z.record(z.string(), z.array(z.unknown())).describe('By column: one value a row.');

const schema = z.strictObject({
  timestamp_column: column,
  id_columns: z.array(column).max(10).nullish().describe('Columns that tell series apart.'),
  freq: z.string().max(100).nullish().describe('Offset alias of pandas; inferred from the data without it.'),
  target_columns: columns.describe('What is forecast; without it every other column.'),
  conditional_columns: columns.describe('Known up to the newest time only.'),
  observable_columns: columns,
  control_columns: columns,
  static_categorical_columns: columns,
  categorical_columns: columns,
  scaling_id_columns: columns.describe('Without effect: every window is scaled by itself.'),
});
export type TableSchema = z.output<typeof schema>;

/** Body of `POST /v1/inference/forecasting`. */
export const inferenceRequest = z.strictObject({
  model_id: z.string().min(1).max(256).describe('A name of GET /api/v1/models, or an IBM model of the same family.'),
  schema,
  parameters: z
    .looseObject({
      prediction_length: z.int().min(1).nullish().describe('Steps ahead; those of one run of the model without it.'),
      prediction_quantiles: z.array(z.number()).nullish().describe('Levels in (0, 1).'),
      inference_batch_size: z.int().min(1).nullish().describe('Without effect.'),
    })
    .nullish(),
  data: table,
  future_data: table.nullish(),
  quantile_calibration_data: table.nullish().describe('Without effect: quantiles come with the model.'),
});
export type InferenceRequest = z.output<typeof inferenceRequest>;

export interface InferenceAnswer {
  readonly model_id: string;
  readonly created_at: string;
  /** One table: rows of all series, one series after the other. */
  readonly results: Record<string, unknown[]>[];
  /** Values of targets that went in and out. */
  readonly input_data_points: number;
  readonly output_data_points: number;
}
