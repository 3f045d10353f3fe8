/** The command that brings the library which an engine lacks for a GPU (behaviour 26a). */

/** Package managers, by the ids of the distributions that have them (`ID` and `ID_LIKE` of os-release). */
const MANAGERS = {
  apt: ['debian', 'ubuntu'],
  dnf: ['fedora', 'rhel', 'centos'],
  pacman: ['arch'],
  zypper: ['suse', 'opensuse'],
} as const;

type Manager = keyof typeof MANAGERS;

/** Libraries that the kernels of the engine link to. */
type Library = 'cuda' | 'vulkan' | 'driver';

const COMMANDS: Readonly<Record<Exclude<Library, 'driver'>, Readonly<Record<Manager, string>>>> = {
  cuda: {
    apt: 'sudo apt install libcudart12 libcublas12',
    // In NVIDIA's repository; Fedora has no CUDA of its own.
    dnf: 'sudo dnf install cuda-cudart-13-0 libcublas-13-0',
    pacman: 'sudo pacman -S cuda',
    zypper: 'sudo zypper install cuda-cudart-13-0 libcublas-13-0',
  },
  vulkan: {
    apt: 'sudo apt install libvulkan1 mesa-vulkan-drivers',
    dnf: 'sudo dnf install vulkan-loader mesa-vulkan-drivers',
    pacman: 'sudo pacman -S vulkan-icd-loader vulkan-radeon vulkan-intel',
    zypper: 'sudo zypper install libvulkan1 libvulkan_radeon libvulkan_intel',
  },
};

/** Used where the package manager is unknown. */
const GENERAL: Readonly<Record<Exclude<Library, 'driver'>, string>> = {
  cuda: 'Install libcudart and libcublas of CUDA 12 or 13, and add their folder to LD_LIBRARY_PATH.',
  vulkan: 'Install the Vulkan loader (libvulkan.so.1) and the Vulkan driver of the GPU.',
};

/** The remedy for the driver's own library, which is missing in a container without access to the GPU. */
const DRIVER =
  'Install the NVIDIA driver; in a container, start it with access to the GPU ("docker run --gpus all").';

/** Repositories without which the command finds no package. */
const REPOSITORY: Partial<Readonly<Record<Manager, string>>> = {
  apt: ' (with "contrib non-free" on Debian, "multiverse" on Ubuntu)',
  dnf: ' (from the repository at developer.download.nvidia.com/compute/cuda/repos)',
  zypper: ' (from the repository at developer.download.nvidia.com/compute/cuda/repos)',
};

/** The words of `ID` and `ID_LIKE`. */
const distributionsOf = (osRelease: string): string[] =>
  Array.from(osRelease.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm), ([, ids]) => ids ?? '').flatMap(
    (ids) => ids.split(/[\s-]+/),
  );

function managerOf(osRelease: string): Manager | undefined {
  const ids = new Set(distributionsOf(osRelease));
  const found = Object.entries(MANAGERS).find(([, names]) => names.some((name) => ids.has(name)));
  return found?.[0] as Manager | undefined;
}

/** The first library of `cause` that a package can bring. */
function missingIn(cause: string): Library | undefined {
  if (/no libcuda\.so/.test(cause)) return 'driver';
  if (/no lib(cudart|cublas(Lt)?)\.so|libcu(dart|blas)\S*: cannot open/.test(cause)) return 'cuda';
  if (/no libvulkan\.so|libvulkan\S*: cannot open|Vulkan driver/i.test(cause)) return 'vulkan';
  return undefined;
}

/**
 * A sentence with the one command that brings what `cause` says is missing; undefined if no library is missing.
 *
 * @param cause - Why the engine cannot open a GPU, as it said.
 * @param osRelease - The text of `/etc/os-release`; empty if unknown.
 */
export function gpuRemedy(cause: string, osRelease: string): string | undefined {
  const library = missingIn(cause);
  if (library === undefined) return undefined;
  if (library === 'driver') return DRIVER;
  const manager = managerOf(osRelease);
  if (manager === undefined) return GENERAL[library];
  const repository = library === 'cuda' ? (REPOSITORY[manager] ?? '') : '';
  return `Run "${COMMANDS[library][manager]}"${repository}.`;
}
