import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
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
    'FORECASTER_UNAVAILABLE',
    'DATABASE_UNAVAILABLE',
  )
  async create(@Body({ schema: jobRequest }) request: JobRequest): Promise<JobView> {
    await requireModel(this.forecaster, request.model ?? 'auto');
    return viewJob(await this.jobs.create(toJobInput(request)));
  }

  @Get()
  @ApiOperation({ summary: 'List the schedules, by name.' })
  @ApiResponse({ status: 200, standardSchema: jobList })
  @ApiProblems('DATABASE_UNAVAILABLE')
  async list(): Promise<{ jobs: JobView[] }> {
    return { jobs: (await this.jobs.list()).map(viewJob) };
  }

  @Get(':job_id')
  @ApiParam(JOB)
  @ApiOperation({ summary: 'One schedule.' })
  @ApiResponse({ status: 200, standardSchema: jobExample })
  @ApiProblems('NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async find(@Param('job_id') jobId: string): Promise<JobView> {
    return viewJob(await this.jobs.get(jobId));
  }

  @Patch(':job_id')
  @ApiParam(JOB)
  @ApiOperation({ summary: 'Pause or resume a schedule. What was missed meanwhile is not caught up.' })
  @ApiResponse({ status: 200, standardSchema: jobExample })
  @ApiProblems('INVALID_REQUEST', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async setEnabled(
    @Param('job_id') jobId: string,
    @Body({ schema: jobPatch }) { enabled }: JobPatch,
  ): Promise<JobView> {
    return viewJob(await this.jobs.setEnabled(jobId, enabled));
  }

  @Delete(':job_id')
  @HttpCode(204)
  @ApiParam(JOB)
  @ApiOperation({ summary: 'Remove a schedule and its runs. The forecasts that they made stay.' })
  @ApiResponse({ status: 204, description: 'Removed.' })
  @ApiProblems('NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async remove(@Param('job_id') jobId: string): Promise<void> {
    await this.jobs.delete(jobId);
  }

  @Post(':job_id/run')
  @HttpCode(202)
  @ApiParam(JOB)
  @ApiOperation({ summary: 'Start a run out of turn. It goes on after the answer; its runs tell how far it is.' })
  @ApiResponse({ status: 202, standardSchema: runExample })
  @ApiProblems('NOT_FOUND', 'RUN_IN_PROGRESS', 'DATABASE_UNAVAILABLE')
  async run(@Param('job_id') jobId: string): Promise<RunView> {
    return viewRun(await this.jobs.run(jobId));
  }

  @Get(':job_id/runs')
  @ApiParam(JOB)
  @ApiOperation({ summary: 'The runs of a schedule, newest first, with progress, failures and duration.' })
  @ApiResponse({ status: 200, standardSchema: runList })
  @ApiProblems('INVALID_REQUEST', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async runs(
    @Param('job_id') jobId: string,
    @Query({ schema: runsQuery }) { limit }: RunsQuery,
  ): Promise<{ runs: RunView[] }> {
    return { runs: (await this.jobs.runs(jobId, limit)).map(viewRun) };
  }
}
