import { z } from 'zod';

/** Throughputs of one machine, MiB/s; a way that it does not have is absent. */
export const ReadSpeeds = z.object({
  mmap: z.number().positive().optional(),
  read: z.number().positive().optional(),
  direct: z.number().positive().optional(),
});
export type ReadSpeeds = z.infer<typeof ReadSpeeds>;
