/** Answers `/v1/images/generations` with runs of a workflow. */
import type { Upstream } from '../external/upstream.ts';
import type { UpstreamWork } from '../external/upstream-work.ts';
import { type ComfyImage, runWorkflow } from './comfy-client.ts';
import type { ImageRequest } from './image-request.ts';
import type { Workflow } from './workflow.ts';

export interface ImageWork {
  readonly work: UpstreamWork;
  readonly upstream: Upstream;
  readonly workflow: Workflow;
  readonly image: ImageRequest;
  readonly started: () => void;
  /** Called with the progress of the request, 0 to 1; undefined when it has ended. */
  readonly progress: (ratio: number | undefined) => void;
}

const encode = ({ bytes }: ComfyImage): string => Buffer.from(bytes).toString('base64');

const asData = (image: ComfyImage, { format }: ImageRequest): object =>
  format === 'b64_json'
    ? { b64_json: encode(image) }
    : { url: `data:${image.contentType};base64,${encode(image)}` };

/** One run with all images where the workflow has `${n}`; else one run per image, each with the next seed. */
async function runAll(
  { upstream, workflow, image, started, progress }: ImageWork,
  signal: AbortSignal,
): Promise<readonly ComfyImage[]> {
  const { prompt, negativePrompt, width, height, steps, seed, count } = image;
  const isBatch = workflow.placeholders.has('n');
  const images: ComfyImage[] = [];
  const runs = isBatch ? 1 : count;
  for (let run = 0; run < runs; run += 1) {
    const filled = workflow.fill({
      prompt,
      negative_prompt: negativePrompt,
      width,
      height,
      steps,
      seed: seed + run,
      n: isBatch ? count : 1,
    });
    const made = await runWorkflow({
      upstream,
      prompt: filled,
      started,
      progress: (ratio) => progress((run + ratio) / runs),
      signal,
    });
    images.push(...made);
  }
  return images;
}

/** @throws CortexError what ComfyUI reports, or why the request ended */
export async function createImages(options: ImageWork): Promise<Response> {
  const { work, image } = options;
  try {
    const answer = await work.send(async (signal) => {
      const images = await runAll(options, signal);
      const data = images.map((made) => asData(made, image));
      return Response.json({ created: Math.floor(Date.now() / 1000), data });
    });
    work.end('done');
    return answer;
  } catch (thrown) {
    const error = work.toError(thrown);
    work.fail();
    throw error;
  } finally {
    options.progress(undefined);
  }
}
