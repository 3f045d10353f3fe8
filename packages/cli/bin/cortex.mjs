#!/usr/bin/env node
// `cortex` for those who start it with Node; the command itself is the shell script beside this file.
import { launch } from '@cortex/service/launch';

await launch({ entry: new URL('../src/main.ts', import.meta.url), args: process.argv.slice(2) });
