import { Module } from '@nestjs/common';
import { ChangeReader } from './change.reader.js';
import { EventsController } from './events.controller.js';
import { LiveFeed } from './live-feed.js';
import { PageFiles } from './page-files.js';

/** The web page, and the events that keep it up to date. */
@Module({ controllers: [EventsController], providers: [PageFiles, ChangeReader, LiveFeed] })
export class WebModule {}
