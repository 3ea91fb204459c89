import { runAudit, type AuditOutcome } from "./run-audit.js";
import { counted, readableBytes } from "./report/units.js";
import { USAGE, readSettings, type Settings } from "./settings.js";
import { ProgressDisplay } from "./terminal.js";

/** What a shell says of a program that a signal has ended: 128 and the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

function summary({ report, paths, kills }: AuditOutcome): string {
  const { packages, bytes, files, unreadable, withInstallScripts, duplicatedNames, enginesThatDoNotFit, licenceVerdicts } = report.summary;
  return [
    `${counted(packages, "package", "packages")} audited, ${readableBytes(bytes)} in ${counted(files, "file", "files")}.`,
    `  ${withInstallScripts} with install scripts`,
    `  ${packages - (licenceVerdicts.agrees ?? 0)} whose licence wants a look`,
    `  ${enginesThatDoNotFit} not made for Node ${report.nodeVersion}`,
    `  ${counted(duplicatedNames, "name", "names")} in several versions`,
    `  ${unreadable} could not be audited`,
    ...(kills > 0 ? [`${counted(kills, "worker was", "workers were")} killed meanwhile.`] : []),
    ...paths,
  ].join("\n");
}

async function run(settings: Settings): Promise<void> {
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    // Once: whoever can't wait for the workers to give back what they have asks a second time.
    process.once(signal, () => {
      process.exitCode = EXIT_CODES[signal];
      abort.abort(new Error("Interrupted."));
    });
  try {
    console.log(summary(await runAudit(settings, new ProgressDisplay(process.stdout), abort.signal)));
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : String(thrown));
    process.exitCode ??= 1;
    if (abort.signal.aborted && settings.topology !== "local") console.error("The same command goes on from here.");
  }
}

let settings: Settings | undefined;
try {
  settings = readSettings(process.argv.slice(2), process.env);
  if (!settings) console.log(USAGE);
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
if (settings) await run(settings);
