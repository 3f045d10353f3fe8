/** A module of its own, because bundlers load a CommonJS module after the modules beside it. */
import 'reflect-metadata';
