import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentAccess, RequireScope, type Access } from '@app/access';
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

/** Where alerts are posted to. An address may be a secret in itself: only admins see them. */
@RequireScope('admin')
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
  @ApiProblems('INVALID_REQUEST', 'MALFORMED_JSON', 'ITEM_FORBIDDEN', 'DATABASE_UNAVAILABLE')
  async create(
    @CurrentAccess() access: Access,
    @Body({ schema: webhookRequest }) request: WebhookRequest,
  ): Promise<NewWebhookView> {
    access.requireSelected(request.item_ids);
    return this.stored.create(request);
  }

  @Get()
  @ApiOperation({ summary: 'List the webhooks, oldest first, and how their deliveries do.' })
  @ApiResponse({ status: 200, standardSchema: webhookList })
  @ApiProblems('DATABASE_UNAVAILABLE')
  async list(@CurrentAccess() access: Access): Promise<{ webhooks: WebhookView[] }> {
    const webhooks = await this.stored.list();
    return { webhooks: webhooks.filter(({ item_ids }) => access.mayTouchSelected(item_ids)) };
  }

  @Delete(':webhook_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Remove a webhook, and what waits to be posted to it.' })
  @ApiResponse({ status: 204, description: 'Removed.' })
  @ApiProblems('INVALID_REQUEST', 'ITEM_FORBIDDEN', 'NOT_FOUND', 'DATABASE_UNAVAILABLE')
  async remove(@CurrentAccess() access: Access, @Param('webhook_id', { schema: webhookId }) id: string): Promise<void> {
    access.requireSelected(await this.stored.itemsOf(id));
    await this.stored.remove(id);
  }
}
