import { CreateSeries1700000000000 } from './1700000000000-create-series.js';
import { CreateObservations1700000001000 } from './1700000001000-create-observations.js';
import { CreateLog1700000002000 } from './1700000002000-create-log.js';
import { CreateForecasts1700000003000 } from './1700000003000-create-forecasts.js';
import { CreateJobs1700000004000 } from './1700000004000-create-jobs.js';
import { CreateViews1700000005000 } from './1700000005000-create-views.js';
import { CreateAnomalies1700000006000 } from './1700000006000-anomalies.js';
import { CreateScores1700000007000 } from './1700000007000-scores.js';
import { CreateModels1700000008000 } from './1700000008000-models.js';
import { CreateStreamPolicies1700000009000 } from './1700000009000-stream-policies.js';
import { CreateAccess1700000010000 } from './1700000010000-access.js';
import { CreateModelRoles1700000011000 } from './1700000011000-model-roles.js';
import { CreateWeightGroups1700000013000 } from './1700000013000-weight-groups.js';

/** All migrations, oldest first. */
export const migrations = [
  CreateSeries1700000000000,
  CreateObservations1700000001000,
  CreateLog1700000002000,
  CreateForecasts1700000003000,
  CreateJobs1700000004000,
  CreateViews1700000005000,
  CreateAnomalies1700000006000,
  CreateScores1700000007000,
  CreateModels1700000008000,
  CreateStreamPolicies1700000009000,
  CreateAccess1700000010000,
  CreateModelRoles1700000011000,
  CreateWeightGroups1700000013000,
];
