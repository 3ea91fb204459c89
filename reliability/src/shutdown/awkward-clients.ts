import { once } from "node:events";
import { connect, type Socket } from "node:net";

const HEAD =
  "POST /channels/orders/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer awkward\r\nContent-Type: application/json\r\n";
const STREAM = "GET /channels/news/stream?from=start HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer awkward\r\n\r\n";
const CLAIM = '{"waitMs":60000}';

/** Sends some text, and then nothing for ever. */
const sends =
  (text: string, reads = true) =>
  async (port: number): Promise<Socket> => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    if (reads) socket.resume();
    else socket.pause();
    await once(socket, "connect");
    if (text !== "") socket.write(text);
    return socket;
  };

/** Fifteen ways to hold on to a host, none of which may keep it from ending. */
export const AWKWARD: readonly ((port: number) => Promise<Socket>)[] = [
  sends(""),
  sends("G"),
  sends("GET / HTTP/1.1\r\n"),
  sends(HEAD),
  sends(`${HEAD}Content-Length: 100\r\n\r\n`),
  sends(`${HEAD}Content-Length: 100\r\n\r\n{"content":`),
  sends(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`),
  sends(`${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\n{"con`),
  sends(STREAM),
  sends(STREAM, false),
  sends(STREAM.repeat(3)),
  sends(`${HEAD.replace("/messages", "/claims").replace("orders", "jobs")}Content-Length: ${CLAIM.length}\r\n\r\n${CLAIM}`),
  sends("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
  sends("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(50), false),
  sends(`GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n`),
];
