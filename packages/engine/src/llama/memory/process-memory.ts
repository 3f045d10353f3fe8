/** Memory of an engine process in addition to llama.cpp's allocations. */
import type { Backend } from '../../engine/load.ts';

/**
 * Per process and GPU, MiB: the size of NVIDIA cards, and a guess for Vulkan, whose drivers load the compiled kernels
 * there.
 */
const CONTEXT_MIB: Readonly<Record<Backend, number>> = { cpu: 0, cuda: 400, vulkan: 128, metal: 0 };

/** What the driver takes on all GPUs of a process together, MiB. */
export const driverContextMib = (
  backend: Backend,
  { gpuLayers, gpus }: { readonly gpuLayers: number; readonly gpus: number },
): number => (gpuLayers > 0 ? CONTEXT_MIB[backend] * gpus : 0);
