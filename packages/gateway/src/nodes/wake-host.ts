import { createSocket } from 'node:dgram';

export interface WakeTarget {
  /** Six bytes in hex, with `:` or `-` between them. */
  readonly mac: string;
  /** Address that reaches the host while it sleeps, usually the broadcast address of its network. */
  readonly broadcast: string;
  readonly port: number;
}

const REPEATS = 16;

/** Six bytes of 255, then the hardware address sixteen times. */
function magicPacket(mac: string): Uint8Array {
  const address = Buffer.from(mac.replaceAll(/[:-]/g, ''), 'hex');
  return Buffer.concat([Buffer.alloc(6, 255), ...Array.from({ length: REPEATS }, () => address)]);
}

/** Sends the packet that wakes a host (Wake-on-LAN). @throws the error of the system */
export async function wakeHost({ mac, broadcast, port }: WakeTarget): Promise<void> {
  const socket = createSocket(broadcast.includes(':') ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(() => {
        socket.setBroadcast(true);
        socket.send(magicPacket(mac), port, broadcast, (error) =>
          error ? reject(error) : resolve(),
        );
      });
    });
  } finally {
    socket.close();
  }
}
