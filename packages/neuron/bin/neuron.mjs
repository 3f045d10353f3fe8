#!/usr/bin/env node
import { launch } from '@cortex/service/launch';

await launch({ entry: new URL('../src/main.ts', import.meta.url), args: process.argv.slice(2) });
