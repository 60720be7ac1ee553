import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentAccess, type Access } from '@app/access';
import type { JobEntity } from '@app/persistence';
import { ApiProblems } from '@app/server';
import { FORECAST_CLIENT, type ForecastClient } from '../../../forecaster/src/forecast-client.js';
import { JobsService } from '../../../forecaster/src/jobs/jobs.service.js';
import { requireModel } from '../models/require-model.js';
import {
  jobExample,
  jobList,
  jobPatch,
  jobRequest,
  runExample,
  runList,
  runsQuery,
  toJobInput,
  viewJob,
  viewRun,
  type JobPatch,
  type JobRequest,
  type JobView,
  type RunsQuery,
  type RunView,
} from './job.schema.js';

const JOB = { name: 'job_id', example: '5f6c0d3e-8a52-4b7e-9f0a-3a1d6e1b2c44' };

/** Schedules of batch forecasts. */
@ApiTags('jobs')
@Controller('jobs')
export class JobsController {
  constructor(
    private readonly jobs: JobsService,
    @Inject(FORECAST_CLIENT) private readonly forecaster: ForecastClient,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Create a schedule.' })
  @ApiResponse({ status: 201, standardSchema: jobExample })
  @ApiProblems(
    'INVALID_REQUEST',
    'MALFORMED_JSON',
    'CRON_INVALID',
    'TIME_ZONE_INVALID',
    'HORIZON_TOO_LONG',
    'MODEL_NOT_FOUND',
    'JOB_NAME_TAKEN',
    'ITEM_FORBIDDEN',
    'FORECASTER_UNAVAILABLE',
    'DATABASE_UNAVAILABLE',
  )
  async create(@CurrentAccess() access: Access, @Body({ schema: jobRequest }) request: JobRequest): Promise<JobView> {
    access.requireSelected(request.selector?.item_ids);
    await requireModel(this.forecaster, request.model ?? 'auto');
    return viewJob(await this.jobs.create(toJobInput(request)));
  }

  @Get()
  @ApiOperation({ summary: 'List the schedules, by name.' })
  @ApiResponse({ status: 200, standardSchema: jobList })
  @ApiProblems('DATABASE_UNAVAILABLE')
  async list(@CurrentAccess() access: Access): Promise<{ jobs: JobView[] }> {
    const jobs = await this.jobs.list();
    return { jobs: jobs.filter(({ selector }) => access.mayTouchSelected(selector.itemIds)).map(viewJob) };
  }

  @Get(':job_id')
  @ApiParam(JOB)
  @ApiOperation({ summary: 'One schedule.' })
  @ApiResponse({ status: 200, standardSchema: jobExample })
  @ApiProblems('ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async find(@CurrentAccess() access: Access, @Param('job_id') jobId: string): Promise<JobView> {
    return viewJob(await this.#getFor(access, jobId));
  }

  @Patch(':job_id')
  @ApiParam(JOB)
  @ApiOperation({ summary: 'Pause or resume a schedule. What was missed meanwhile is not caught up.' })
  @ApiResponse({ status: 200, standardSchema: jobExample })
  @ApiProblems('INVALID_REQUEST', 'ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async setEnabled(
    @CurrentAccess() access: Access,
    @Param('job_id') jobId: string,
    @Body({ schema: jobPatch }) { enabled }: JobPatch,
  ): Promise<JobView> {
    await this.#getFor(access, jobId);
    return viewJob(await this.jobs.setEnabled(jobId, enabled));
  }

  @Delete(':job_id')
  @HttpCode(204)
  @ApiParam(JOB)
  @ApiOperation({ summary: 'Remove a schedule and its runs. The forecasts that they made stay.' })
  @ApiResponse({ status: 204, description: 'Removed.' })
  @ApiProblems('ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async remove(@CurrentAccess() access: Access, @Param('job_id') jobId: string): Promise<void> {
    await this.#getFor(access, jobId);
    await this.jobs.delete(jobId);
  }

  @Post(':job_id/run')
  @HttpCode(202)
  @ApiParam(JOB)
  @ApiOperation({ summary: 'Start a run out of turn. It goes on after the answer; its runs tell how far it is.' })
  @ApiResponse({ status: 202, standardSchema: runExample })
  @ApiProblems('ITEM_FORBIDDEN', 'NOT_FOUND', 'RUN_IN_PROGRESS', 'DATABASE_UNAVAILABLE')
  async run(@CurrentAccess() access: Access, @Param('job_id') jobId: string): Promise<RunView> {
    await this.#getFor(access, jobId);
    return viewRun(await this.jobs.run(jobId));
  }

  @Get(':job_id/runs')
  @ApiParam(JOB)
  @ApiOperation({ summary: 'The runs of a schedule, newest first, with progress, failures and duration.' })
  @ApiResponse({ status: 200, standardSchema: runList })
  @ApiProblems('INVALID_REQUEST', 'ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async runs(
    @CurrentAccess() access: Access,
    @Param('job_id') jobId: string,
    @Query({ schema: runsQuery }) { limit }: RunsQuery,
  ): Promise<{ runs: RunView[] }> {
    await this.#getFor(access, jobId);
    return { runs: (await this.jobs.runs(jobId, limit)).map(viewRun) };
  }

  /** A job that the caller may see and change. @throws PlatformError NOT_FOUND, ITEM_FORBIDDEN. */
  async #getFor(access: Access, jobId: string): Promise<JobEntity> {
    const job = await this.jobs.get(jobId);
    access.requireSelected(job.selector.itemIds);
    return job;
  }
}
