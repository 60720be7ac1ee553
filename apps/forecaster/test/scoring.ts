import { silentLogger } from '@app/observability';
import { ModelRoleRepository, ScoreRepository, SkillRepository } from '@app/persistence';
import type { DataSource } from 'typeorm';

import { GroupFitService } from '../src/calibration/group-fit.service.js';
import { SkillHistory } from '../src/calibration/skill-history.js';
import { SkillReviewService } from '../src/calibration/skill-review.service.js';
import { RetentionService } from '../src/scorecard/retention.service.js';
import { ScorecardService } from '../src/scorecard/scorecard.service.js';

/** What the scorecard is made of; nothing is past its retention unless the test says so. */
export function scoring(
  dataSource: DataSource,
  { scores = new ScoreRepository(dataSource), pointDays = 36_500, shadowDays = 36_500 } = {},
) {
  const skills = new SkillRepository(dataSource);
  const logger = silentLogger();
  const history = new SkillHistory(scores, skills);
  const env = { SCORED_POINTS_RETENTION_DAYS: pointDays, SHADOW_RETENTION_DAYS: shadowDays };
  const retention = new RetentionService(scores, env, logger);
  return {
    skills,
    retention,
    scorecard: new ScorecardService(dataSource, scores, retention),
    reviews: new SkillReviewService(dataSource, history, skills, new ModelRoleRepository(dataSource), logger),
    groups: new GroupFitService(dataSource, skills, history),
  };
}
