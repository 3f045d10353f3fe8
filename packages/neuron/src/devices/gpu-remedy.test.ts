import { describe, expect, test } from 'bun:test';

import { gpuRemedy } from './gpu-remedy.ts';

const UBUNTU = 'PRETTY_NAME="Ubuntu 24.04.2 LTS"\nID=ubuntu\nID_LIKE=debian\n';
const FEDORA = 'NAME="Fedora Linux"\nID=fedora\n';
const TUMBLEWEED = 'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n';

const NO_CUDA =
  'the cuda device cannot be used: this machine has no libcudart.so.13, no libcublas.so.13; it needs the NVIDIA driver and the CUDA runtime libraries';
const NO_VULKAN =
  'the vulkan device cannot be used: this machine has no libvulkan.so.1; it needs it';

describe('the remedy for a GPU that no engine can open', () => {
  test.each([
    ['Ubuntu', UBUNTU, 'sudo apt install libcudart12 libcublas12'],
    ['Fedora', FEDORA, 'sudo dnf install cuda-cudart-13-0 libcublas-13-0'],
    ['Arch', 'ID=arch\n', 'sudo pacman -S cuda'],
    ['openSUSE', TUMBLEWEED, 'sudo zypper install cuda-cudart-13-0'],
  ])('is the command that installs the CUDA runtime on %s', (_name, osRelease, command) => {
    expect(gpuRemedy(NO_CUDA, osRelease)).toContain(command);
  });

  test.each([
    ['Debian', 'ID=debian\n', 'sudo apt install libvulkan1 mesa-vulkan-drivers'],
    ['Fedora', FEDORA, 'sudo dnf install vulkan-loader mesa-vulkan-drivers'],
  ])('is the command that installs the Vulkan loader on %s', (_name, osRelease, command) => {
    expect(gpuRemedy(NO_VULKAN, osRelease)).toContain(command);
  });

  test('names the libraries on a distribution that is not known', () => {
    expect(gpuRemedy(NO_CUDA, 'ID=nixos\n')).toContain('libcudart and libcublas');
    expect(gpuRemedy(NO_VULKAN, '')).toContain('libvulkan.so.1');
  });

  test('is access to the GPU for a container without the library of the driver', () => {
    expect(gpuRemedy('this machine has no libcuda.so.1', UBUNTU)).toContain('--gpus all');
  });

  test('is absent for a cause that no package ends', () => {
    expect(gpuRemedy('it did not answer within 30 s; the driver may hang', UBUNTU)).toBeUndefined();
  });
});
