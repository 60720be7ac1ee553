import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentAccess, RequireScope, makeKey, type Access } from '@app/access';
import { PlatformError } from '@app/observability';
import { ApiKeyRepository } from '@app/persistence';
import { ApiProblems } from '@app/server';
import {
  keyId,
  keyList,
  keyRequest,
  newKeyExample,
  viewKey,
  type KeyRequest,
  type KeyView,
  type NewKeyView,
} from './key.schema.js';

/** Keys of callers: only who may touch all items makes them, so that no key begets a greater one. */
@ApiTags('access')
@RequireScope('admin')
@Controller('keys')
export class KeysController {
  constructor(private readonly keys: ApiKeyRepository) {}

  @Post()
  @ApiOperation({ summary: 'Make a key. The answer is the only place where it can be read.' })
  @ApiResponse({ status: 201, standardSchema: newKeyExample })
  @ApiProblems('INVALID_REQUEST', 'MALFORMED_JSON', 'KEY_NAME_TAKEN', 'ITEM_FORBIDDEN', 'DATABASE_UNAVAILABLE')
  async create(
    @CurrentAccess() access: Access,
    @Body({ schema: keyRequest }) { name, scopes, item_prefixes, expires_at }: KeyRequest,
  ): Promise<NewKeyView> {
    access.requireAllItems('keys');
    if (expires_at && expires_at.getTime() <= Date.now()) {
      throw new PlatformError('INVALID_REQUEST', `expires_at: ${expires_at.toISOString()} has passed already`);
    }
    const { keyId, text, hash } = makeKey();
    const row = await this.keys.create({
      keyId,
      name,
      hash,
      scopes: [...new Set(scopes)],
      itemPrefixes: item_prefixes ?? null,
      createdBy: access.caller.name,
      expiresAt: expires_at ?? null,
    });
    return { ...viewKey(row), key: text };
  }

  @Get()
  @ApiOperation({ summary: 'List the keys, by name, those that have ended too.' })
  @ApiResponse({ status: 200, standardSchema: keyList })
  @ApiProblems('ITEM_FORBIDDEN', 'DATABASE_UNAVAILABLE')
  async list(@CurrentAccess() access: Access): Promise<{ keys: KeyView[] }> {
    access.requireAllItems('keys');
    return { keys: (await this.keys.list()).map(viewKey) };
  }

  @Delete(':key_id')
  @HttpCode(204)
  @ApiParam({ name: 'key_id', example: '4f0c9e2ab17d6835' })
  @ApiOperation({ summary: 'Revoke a key. It ends within seconds, in all processes.' })
  @ApiResponse({ status: 204, description: 'Revoked.' })
  @ApiProblems('INVALID_REQUEST', 'NOT_FOUND', 'ITEM_FORBIDDEN', 'DATABASE_UNAVAILABLE')
  async revoke(@CurrentAccess() access: Access, @Param('key_id', { schema: keyId }) id: string): Promise<void> {
    access.requireAllItems('keys');
    await this.keys.revoke(id);
  }
}
