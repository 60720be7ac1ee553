import { randomUUID } from 'node:crypto';
import { ENV, type Env } from '@app/config';
import { PlatformError } from '@app/observability';
import { StreamPolicyRepository, isUniqueViolation, type SeriesSelector, type StreamPolicy } from '@app/persistence';
import { Frequency } from '@app/series';
import { Inject, Injectable } from '@nestjs/common';

import { checkHorizon } from '../check-command.js';
import { checkName, checkSelector } from '../jobs/job-input.js';

/** A policy as someone asks for it. Without a trigger every point makes a forecast. */
export interface StreamPolicyInput {
  /** Unique; made from the model and an id when absent. */
  readonly name?: string;
  /** Which series; all when absent. */
  readonly selector?: SeriesSelector;
  readonly horizon: number;
  /** `auto` when absent. */
  readonly model?: string;
  readonly everyPoints?: number;
  /** ISO-8601 duration. */
  readonly align?: string;
  /** ISO-8601 duration. */
  readonly atMostEvery?: string;
  readonly enabled?: boolean;
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Policies of stream forecasts, for whoever manages them. Needs the database only. */
@Injectable()
export class StreamPoliciesService {
  constructor(
    private readonly policies: StreamPolicyRepository,
    @Inject(ENV) private readonly env: Pick<Env, 'MAX_HORIZON'>,
  ) {}

  /** @throws PlatformError INVALID_REQUEST, FREQ_INVALID, HORIZON_TOO_LONG, POLICY_NAME_TAKEN. */
  async create(input: StreamPolicyInput): Promise<StreamPolicy> {
    const { selector = {}, horizon, model = 'auto', align, atMostEvery, enabled = true } = input;
    const policyId = randomUUID();
    const name = input.name ?? `${model} ${policyId.slice(0, 8)}`;
    checkName(name);
    checkSelector(selector);
    checkHorizon(horizon, this.env.MAX_HORIZON);
    checkDuration('align', align);
    checkDuration('at_most_every', atMostEvery);
    const everyPoints = input.everyPoints ?? (align === undefined ? 1 : null);
    try {
      return await this.policies.create({
        policyId,
        name,
        selector,
        horizon,
        model,
        everyPoints,
        align: align ?? null,
        atMostEvery: atMostEvery ?? null,
        enabled,
      });
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      const message = `there is a stream policy "${name}" already; choose another name`;
      throw new PlatformError('POLICY_NAME_TAKEN', message, { name });
    }
  }

  /** In the order of their names. */
  list(): Promise<StreamPolicy[]> {
    return this.policies.findAll();
  }

  /** @throws PlatformError NOT_FOUND. */
  async get(policyId: string): Promise<StreamPolicy> {
    const policy = UUID.test(policyId) ? await this.policies.find(policyId) : undefined;
    if (policy) return policy;
    const message = `there is no stream policy ${policyId}; GET /api/v1/stream-policies lists what there is`;
    throw new PlatformError('NOT_FOUND', message, { policyId });
  }

  /** Pauses or resumes a policy; points that came meanwhile are not caught up. @throws PlatformError NOT_FOUND. */
  async setEnabled(policyId: string, enabled: boolean): Promise<StreamPolicy> {
    await this.get(policyId);
    await this.policies.setEnabled(policyId, enabled);
    return this.get(policyId);
  }

  /** Removes a policy; its forecasts stay. @throws PlatformError NOT_FOUND. */
  async delete(policyId: string): Promise<void> {
    await this.get(policyId);
    await this.policies.delete(policyId);
  }
}

function checkDuration(field: string, text: string | undefined): void {
  if (text === undefined || Frequency.parse(text)) return;
  const remedy = 'write an ISO-8601 duration of one kind such as PT15M or P1D';
  throw new PlatformError('FREQ_INVALID', `${field} "${text}" is no duration that can be kept; ${remedy}`, { field });
}
