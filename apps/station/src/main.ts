import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  HttpTransport,
  JWTChannelSecurity,
  OpenSecurity,
  runAsProgram,
  type ChannelMessage,
  type MessageStore,
  type RunningSystem,
} from "sssn";
import { openStore } from "@sssn/open-store";
import { Machine } from "./machine/machine.js";
import type { Report } from "./incidents.js";
import type { Reading } from "./machine/reading.js";
import { USAGE, readSettings, stationSecret, type Settings } from "./settings.js";
import { Station } from "./systems/station.js";

const OPERATOR = "operator";
const ONE_DAY_SECONDS = 86_400;

async function start(settings: Settings): Promise<RunningSystem> {
  const machine = await Machine.open();
  if (machine.source === "os") console.log("This platform has no /proc: CPU and memory come from Node, disk and network rates stay at 0.");
  const store = await openStore(settings.store);
  const security = settings.local
    ? new OpenSecurity()
    : new JWTChannelSecurity({ secret: await stationSecret(settings.folder), issuer: "station" });
  const before = await whatIsThere(store);
  const station = new Station({
    id: "station",
    store,
    security,
    machine,
    operator: OPERATOR,
    limits: settings.limits,
    respond: settings.respond,
  });
  const running = settings.local
    ? await station.launch()
    : await station.publish({ transport: new HttpTransport({ port: settings.port }) });
  await introduce(settings, before, running, security);
  await show(station, before);
  return running;
}

/** Where the logs stood before this start. */
interface Standing {
  readonly kept: number;
  readonly readings: number;
  readonly reports: number;
}

async function whatIsThere(store: MessageStore): Promise<Standing> {
  const [readings, reports] = await Promise.all(["readings", "reports"].map(async (id) => (await store.open(id)).bounds()));
  return { kept: (readings?.last ?? 0) - (readings?.first ?? 1) + 1, readings: readings?.last ?? 0, reports: reports?.last ?? 0 };
}

/** An address may hold a password: of any but a folder only the kind is told. */
function placeOf({ folder, store }: Settings): string {
  const [kind] = store.split(":");
  return kind === "level" ? folder : `a ${kind} store`;
}

/** Says what was found, where the station is, and what to try. */
async function introduce(
  settings: Settings,
  before: Standing,
  running: RunningSystem,
  security: JWTChannelSecurity | OpenSecurity,
): Promise<void> {
  console.log(
    before.readings === 0
      ? `A new station, keeping its data in ${placeOf(settings)}.`
      : `Going on where it stopped: ${before.kept} readings in ${placeOf(settings)}, the last one is #${before.readings}.`,
  );
  const [url] = running.addresses;
  if (url === undefined) {
    console.log("Running in this process only. Stop with Ctrl-C.\n");
    return;
  }
  const token = await security.generateToken({
    systemId: OPERATOR,
    role: "read",
    channels: ["readings", "reports", "notices", "incidents", "discovery"],
    expiresInSeconds: ONE_DAY_SECONDS,
  });
  const worker = await security.generateToken({
    systemId: "remote-responder",
    role: "write",
    channels: "*",
    expiresInSeconds: ONE_DAY_SECONDS,
  });
  const [readToken, writeToken] = [join(settings.folder, "operator.token"), join(settings.folder, "worker.token")];
  await writeFile(readToken, token, { mode: 0o600 });
  await writeFile(writeToken, worker, { mode: 0o600 });
  console.log(`Published at ${url}. Stop with Ctrl-C. In another terminal:

  curl -N -H "Authorization: Bearer $(cat ${readToken})" "${url}/channels/readings/stream"
  npm run follow -- --url ${url} --token-file ${readToken}
  npm run follow -- --url ${url} --token-file ${writeToken} --work     (works incidents off)
`);
}

/** Shows what flows, live. */
async function show(station: Station, before: Standing): Promise<void> {
  await station.client.subscribe<Reading>(
    "readings",
    ({ sequence, content }: ChannelMessage<Reading>) => console.log(line(sequence, content)),
    { from: { after: before.readings } },
  );
  await station.client.subscribe<Report>(
    "reports",
    ({ content }) => {
      const top = content.processes.map(({ name, pid, memory }) => `${name}(${pid}) ${megabytes(memory)}`).join(", ");
      console.log(
        `  ! ${content.rule} at ${percent(content.value)} in reading #${content.readingSequence}. Most memory: ${top || "not known on this platform"}`,
      );
    },
    { from: { after: before.reports } },
  );
}

function line(sequence: number, reading: Reading): string {
  const { cpuShare, memoryShare, memoryUsed, diskShare, diskReadRate, diskWriteRate, networkReceiveRate, networkSendRate, loadAverage } =
    reading;
  return [
    `#${sequence}`,
    `cpu ${percent(cpuShare)} (load ${loadAverage.toFixed(2)})`,
    `memory ${percent(memoryShare)} (${megabytes(memoryUsed)})`,
    `disk ${percent(diskShare)} (r ${kilobytes(diskReadRate)}/s, w ${kilobytes(diskWriteRate)}/s)`,
    `network (in ${kilobytes(networkReceiveRate)}/s, out ${kilobytes(networkSendRate)}/s)`,
  ].join("  ");
}

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;
const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MB`;
const kilobytes = (bytes: number): string => `${Math.round(bytes / 1_024)} kB`;

let settings: Settings | undefined;
try {
  settings = readSettings(process.argv.slice(2), process.env);
} catch (error) {
  console.error(`${(error as Error).message}\n\n${USAGE}`);
  process.exitCode = 2;
}
if (settings) {
  const chosen = settings;
  await runAsProgram(
    async () => {
      const running = await start(chosen);
      if (chosen.forMs !== undefined) setTimeout(() => void running.close(), chosen.forMs);
      return running;
    },
    {
      onSignal: () => console.log("\nDraining ..."),
      onClosed: ({ clean, durationMs }) =>
        console.log(
          `${clean ? "Stopped cleanly" : "Stopped, but not everything was finished"} after ${Math.round(durationMs)} ms. Started again, it goes on from here.`,
        ),
      onStartError: (error) => console.error(`The station can't start: ${error.message}`),
    },
  );
}
