/** Devices that a model can run on, of any kind. */

/** Kinds of `/discovery`. An engine opens one kind. */
export type DeviceKind = 'cuda' | 'rocm' | 'vulkan' | 'metal' | 'cpu';

/** Variables that choose the devices of an engine process. */
export type DeviceEnv = Readonly<Record<string, string>>;

/** Hides every GPU from an engine process, whatever library it opens. */
export const NO_GPU_ENV: DeviceEnv = {
  CUDA_VISIBLE_DEVICES: '',
  HIP_VISIBLE_DEVICES: '',
  GGML_VK_VISIBLE_DEVICES: '',
};

/** Where a model runs. */
export interface Placement {
  readonly backend: DeviceKind;
  /** Indexes as in `/discovery`; empty on the CPU. */
  readonly deviceIndexes: readonly number[];
  /** Environment of the engine process: shows it these devices and hides every other GPU. */
  readonly env: DeviceEnv;
  /** Human-readable: why the load does not use a GPU of this machine. */
  readonly warning?: string | undefined;
}
