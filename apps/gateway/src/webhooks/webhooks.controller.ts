import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '@app/server';
import { StoredWebhooks } from './stored-webhooks.js';
import {
  newWebhookExample,
  webhookId,
  webhookList,
  webhookRequest,
  type NewWebhookView,
  type WebhookRequest,
  type WebhookView,
} from './webhook.schema.js';

/** Where alerts are posted to. */
@ApiTags('webhooks')
@Controller('webhooks')
export class WebhooksController {
  constructor(private readonly stored: StoredWebhooks) {}

  @Post()
  @ApiOperation({
    summary: 'Have alerts posted to an address.',
    description:
      'Each alert from now on is posted as JSON, signed, and tried again until it is taken or ten attempts have failed.',
  })
  @ApiResponse({ status: 201, standardSchema: newWebhookExample })
  @ApiProblems('INVALID_REQUEST', 'MALFORMED_JSON', 'DATABASE_UNAVAILABLE')
  create(@Body({ schema: webhookRequest }) request: WebhookRequest): Promise<NewWebhookView> {
    return this.stored.create(request);
  }

  @Get()
  @ApiOperation({ summary: 'List the webhooks, oldest first, and how their deliveries do.' })
  @ApiResponse({ status: 200, standardSchema: webhookList })
  @ApiProblems('DATABASE_UNAVAILABLE')
  async list(): Promise<{ webhooks: WebhookView[] }> {
    return { webhooks: await this.stored.list() };
  }

  @Delete(':webhook_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Remove a webhook, and what waits to be posted to it.' })
  @ApiResponse({ status: 204, description: 'Removed.' })
  @ApiProblems('INVALID_REQUEST', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async remove(@Param('webhook_id', { schema: webhookId }) id: string): Promise<void> {
    await this.stored.remove(id);
  }
}
